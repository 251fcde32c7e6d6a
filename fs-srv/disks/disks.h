/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program `disks`: a folder with a file for each disk and each of its partitions, sd0 and sd0p2 (docs/disks.md).
 *
 * V1 A file is a client of its partition while it is open, and its opens share that client: one area of memory, and requests one after the other.
 * V2 An open is of the medium that it was opened with. When that has gone, or its driver does not answer for PATIENCE, all its opens are over (ENXIO); the next open is
 *    of what is there then. A driver that is restarted makes a pause (block_client.h: J1).
 * V3 It waits for drivers, and so does, meanwhile, whoever uses another disk through it. No driver waits for it.
 */
#pragma once

#include "bytes.h"
#include <errno.h>
#include <libsys/files/server.h>
#include <swap_name.h>

/* An area is at most what a partition may have while others are unused (block.defs: attach). */
enum { DISK_AREA = 128 * 1024, DISK_NAME_MAX = SWAP_NAME_TEXT };
#define DISK_PATIENCE UINT64_C(30000000000) /* nanoseconds that a driver may take for one call */

struct disk_node {
    struct file_node node; /* first */
    struct disk_node *next;
    char name[DISK_NAME_MAX];
    struct swap_name where;
    struct block_client client; /* while it is open */
    uint32_t opens;
    uint64_t attachment; /* which one this is; in the state of an open: which one it is of (V2) */
    bool attached;
    bool over;    /* V2: the attachment is good for nothing any more */
    bool written; /* since the last flush */
};

static inline struct disk_node *disk_of(struct file_node *node)
{
    return (struct disk_node *)node;
}

extern struct file_node disks_root;

/* ---- folder.c ---- */

/** A number that names a name. */
uint64_t disks_number(const char *name);
/** Nobody has the file any more. */
void disks_forget(struct disk_node *disk);

/** See file_node_ops. */
kern_return_t disks_get_system(struct file_node *node, struct file_system *out);

/* ---- disk.c ---- */

extern const struct file_node_ops disk_ops;

/** Asks a driver what a partition is; it has until a deadline. Errors: those of block.info; of a call that was not answered. */
kern_return_t disk_facts(mach_port_name_t service, uint32_t partition, struct block_facts *facts);

/* ---- in_use.c ---- */

/** Before all else. */
void in_use_begin(void);
/** Writing to it would harm others; or it cannot be found out. */
bool is_in_use(const struct swap_name *where);
