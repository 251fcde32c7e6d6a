/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs in new tasks: what exec and posix_spawn have in common.
 */
#pragma once

#include <stdint.h>
#include <wharf/message.h>

struct image {
    mach_port_name_t task, thread; /* send rights; thread: of image_make_thread() */
    uint64_t entry;                /* of the program */
    uint64_t block;                /* where the start block is in it */
};

enum { TASK_NAME_ROOM = 32 }; /* of names of tasks and processes, with the NUL */

struct image_request {
    const char *path;
    const char *name; /* what it is called; NULL: as the path's last part */
    const int *
        descriptor; /* not NULL: the program is what this one is open for, and path is only its name */
    char *const *argv, *const *envp;
    uint64_t ignored, blocked; /* signals that it begins so with */
    /* Makes the task known to the process server. *port: its name for its process port. 0, or an errno. */
    int (*announce)(const struct image_request *request, mach_port_name_t task, const char *name,
                    uint32_t *port);
    /* Takes back what announce() has done, for it will be asked again: the task has ended. NULL: that ends with the task. */
    void (*retract)(const struct image_request *request);
    void *context;
};

/** A task with a program in it, but without a thread. 0, or an errno; then nothing is left but what announce did. */
int image_make(const struct image_request *request, struct image *image);
/** As much of a name as a task's has room for. */
void image_cut_name(char to[TASK_NAME_ROOM], const char *name);
/** Its thread, which runs. */
int image_run(const struct image *image);
/** Its thread, suspended once. */
int image_make_thread(struct image *image);
/** Its name for the owner of its locks of files. */
int image_name_locks(const struct image *image, uint32_t owner);
/** End it. */
void image_drop(struct image *image);
/** Give up the rights; it lives on. */
void image_release(struct image *image);
