/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program `procfs`: processes and the system as files, with Linux's names and formats where it has them (docs/files.md). It is a program of its own and no part of the
 * process server: who reads slowly, or a process whose memory is on a disk that does not answer, holds up readers of /proc, and no signal.
 *
 * R1 Each open has a text of its own (text.h), made when it is read at 0, or for the first time: so what is read in pieces is of one moment.
 * R2 A node names a process by its pid and the moment it was made: another process that has the pid later is not meant. Of one that has ended a folder holds nothing (ENOENT), and a
 *    file has no text (ESRCH).
 * R3 What is read of a process's memory may be anything: every address and number is checked, every loop has an end.
 * R4 It waits for the kernel, the process server and the program `files` (its list of mounts), which wait for none of their clients; for a while for the default
 *    pager, who may have its own pages, too, and for the mounter, who may be waiting for a card; for no other server.
 */
#pragma once

#include "text.h"
#include <errno.h>
#include <libsys/files/server.h>
#include <wharf/if/processes_types.h>
#include <wharf/info.h>

enum { PAGE = 4096, CPUS_MAX = 8, PROCFS_THREADS_MAX = 1024 };

/** What a file is about. */
struct subject {
    struct processes_info process;
    mach_port_name_t task;     /* send right; 0: it is a zombie */
    uint32_t thread;           /* number of one thread; 0: the process */
    struct thread_info *infos; /* of that thread, or of all */
    unsigned count;
};

struct proc_file {
    const char *name;
    /* subject: NULL for files of the system. Errors: ESRCH. */
    kern_return_t (*fill)(struct text *text, const struct subject *subject);
};

/** Ended by one without a name. */
extern const struct proc_file system_files[], process_files[], thread_files[];

/** Send rights: services process.inspect, and files, mounts and swap, which may be 0. */
extern mach_port_name_t procfs_processes, procfs_files, procfs_mounts, procfs_swap;
extern struct file_server procfs_server;

/* ---- nodes.c ---- */

enum place { PLACE_ROOT, PLACE_SELF, PLACE_PROCESS, PLACE_TASKS, PLACE_THREAD, PLACE_FILE };

struct proc_node {
    struct file_node node; /* first */
    enum place place;
    const struct proc_file *file; /* of a FILE */
    int32_t pid;                  /* 0: of the system */
    uint64_t started;             /* R2 */
    uint32_t thread;              /* 0: of the process */
};

extern struct proc_node procfs_root;

static inline struct proc_node *proc_node_of(struct file_node *node)
{
    return (struct proc_node *)node;
}

/** A node with one reference. */
kern_return_t nodes_make(const struct proc_node *like, struct file_node **made);
uint64_t nodes_inode(const struct proc_node *node);
/** Files of a folder of this kind; NULL: it has none. */
const struct proc_file *nodes_files(enum place place);

/* ---- process.c ---- */

/** The process of a node, which is still that one (R2). ESRCH. */
kern_return_t subject_look_up(const struct proc_node *node, struct processes_info *info);
/** With its task and threads; subject_end() afterwards, after an error, too. ESRCH. */
kern_return_t subject_begin(const struct proc_node *node, struct subject *subject);
void subject_end(struct subject *subject);

/* ---- entries.c ---- */

void procfs_entries(struct file_node *folder, uint64_t position, struct file_entries *entries);

/* ---- arguments.c, maps.c ---- */

kern_return_t fill_cmdline(struct text *text, const struct subject *subject);
kern_return_t fill_maps(struct text *text, const struct subject *subject);

/* ---- memory.c ---- */

kern_return_t fill_meminfo(struct text *text, const struct subject *subject);
kern_return_t fill_swaps(struct text *text, const struct subject *subject);
kern_return_t fill_vmstat(struct text *text, const struct subject *subject);

/* ---- mounts.c ---- */

kern_return_t fill_mounts(struct text *text, const struct subject *subject);

/* ---- load.c ---- */

/** Begin to measure. */
kern_return_t load_begin(void);
/** The three averages, in hundredths. */
void load_read(unsigned hundredths[3]);
/** What a CPU does; false: there is none of this number, or it takes no part. */
struct host_cpu_statistics;
bool load_cpu(unsigned number, struct host_cpu_statistics *out);
