/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs in new tasks: what exec and posix_spawn have in common.
 */
#pragma once

#include <stdint.h>
#include <wharf/message.h>

struct image {
    mach_port_name_t task, thread; /* send rights; the thread is suspended once */
    const char *name;              /* of the program, without its folder; in the caller's path */
    uint64_t block;                /* where the start block is in it */
};

struct image_request {
    const char *path;
    char *const *argv, *const *envp;
    uint64_t ignored, blocked; /* signals that it begins so with */
};

/** 0, or an errno; then nothing is left. */
int image_make(const struct image_request *request, struct image *image);
/** What the process server said: the name of its process port there, and its pid. */
int image_name_process(const struct image *image, uint32_t port, int32_t pid);
/** Its name for the owner of its locks of files. */
int image_name_locks(const struct image *image, uint32_t owner);
/** End it. */
void image_drop(struct image *image);
/** Give up the rights; it lives on. */
void image_release(struct image *image);
