/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A volume with one file, in a format without holes, and a kernel, for the part of the server that keeps pages of files (fs-srv/volume: memory.c, pager.c, flush.c, regular.c). No page comes or goes: that is
 * shown on the machine. Whoever waits lets time pass.
 */
#pragma once

#include "state.h"

enum {
    SIZE = 100,
    INODE = 7,
    CONTROL = 500 /* of the object's first life; larger ones are of later lives */
};

/** What the volume has. */
struct played_file {
    uint64_t size;
    unsigned holds;
    bool full;             /* the volume: nothing can be written */
    bool gathers, crowded; /* small writes; there is no room for more of them */
    int lost;              /* why what was gathered is lost, once it is synced */
    uint64_t given;        /* bytes that were written */
};
extern struct played_file played;
struct volume_file *handle(void);

/** Happens, once, while somebody waits; else he waits until his deadline. */
extern void (*next)(void);
/** There is none for an object; bytes cannot be copied to pages. */
extern bool has_no_memory, cannot_be_copied;
/** The control port that the object has; all others are dead names. */
extern mach_port_name_t life;
/** The kernel's time. */
extern uint64_t now;
/** Rights to what a memory has: its port, twice, and the entry. */
extern int rights;

/** The last lock_request that the kernel has taken, and how many it has. */
struct asked {
    uint64_t from;
    uint32_t what;
    bool flush;
    unsigned count;
};
extern struct asked asked;
/** How often a page was to be fetched: none is there. */
extern unsigned collects;

/** What the kernel tells the pager of the first memory. */
void tell_init(mach_port_name_t control);
void tell_completed(void);
void tell_return(unsigned pages);
void tell_terminate(void);

/** The node that is known of the file; NULL: none. */
extern struct disk_node *known;

/** Once. */
void stage_begin(void);
