/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the mounter is killed in: the program `files`, the supervisor with its copies, and disks.
 */
#pragma once

#include <mounter.h>
#include <setjmp.h>
#include <wharf/if/supervisor_types.h>

enum { SERVERS = 4, COVERS = 4, ROOT_RIGHT = 100, VOLUME_RIGHT = 200 };

struct fake_server {
    char name[SUPERVISOR_NAME_MAX]; /* "": none */
    char book[16];
    uint32_t state, last_status;
    unsigned opens;
};

struct world {
    struct fake_server server
        [SERVERS]; /* the root of each has the name ROOT_RIGHT and its number, its volume VOLUME_RIGHT and that */
    struct {
        char path[TABLE_PATH_MAX]; /* "": none */
        mach_port_name_t root;
    } cover[COVERS];
    bool dirty;            /* disks say so: the log is told */
    uint32_t fails_with;   /* servers that are made end with this status */
    bool opened_meanwhile; /* of what is uncovered a file has just been opened */
};

extern struct world world;
extern struct kept world_kept; /* the memory that outlives the mounter */

/** At the step that is the last of steps_left a jump to killed; 0: never. */
extern unsigned steps_left;
extern jmp_buf killed;
/** Called at each step: the test's. */
void check_rows(void);

/** NULL: there is none. */
struct fake_server *server_of(const char *name);
/** Its number; COVERS: there is none. A path of no names is the root, as for every walk. */
unsigned cover_of(const char *path);
