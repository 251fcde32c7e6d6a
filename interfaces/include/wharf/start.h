/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel hands to the first thread of a program.
 *
 * Registers at the program's entry point (ELF e_entry): x0 = address of a struct start_info, sp = a
 * multiple of 16 at or below it, all other general registers, TPIDR_EL0, FPCR, FPSR and v0 to v31
 * zero. The block and the strings it points to lie at the upper end of the stack and are the
 * program's own.
 *
 * The stack is START_STACK_SIZE bytes, readable and writable; the page below it is never mapped.
 */
#pragma once

#include <stdint.h>

#define START_MAGIC      0x57484152463a5331 /* "WHARF:S1" read as a big-endian number */
#define START_STACK_SIZE 0x10000

struct start_info {
    uint64_t magic;             /* START_MAGIC */
    uint64_t size;              /* of this structure; later versions only append */
    const char *arguments;      /* the arg= words of the boot line, a blank between them; or "" */
    const char *name;           /* of the program, as init= named it */
    uint64_t entry_counter;     /* CNTVCT_EL0 at the kernel's first instruction: clock zero */
    uint64_t counter_frequency; /* of CNTVCT_EL0, Hz */
    uint8_t seed[16];           /* different for each program, repeated by the same seed= */

    /* Names of the rights the program has from the start; 0: it does not have this one. Who makes a task by
     * messages inserts rights and writes the block as it sees fit; the kernel gives the programs of
     * init= all but a bootstrap port. Interfaces: interfaces/NAME.defs. */
    uint32_t task;        /* task, port, vm: itself, or what its maker put in the place of that */
    uint32_t thread;      /* thread: its first; what the trap thread_self returns there */
    uint32_t bootstrap;   /* to ask for other services */
    uint32_t host;        /* host: facts, for everybody */
    uint32_t clock;       /* clock: for everybody */
    uint32_t host_memory; /* and the powers, one each */
    uint32_t host_time;
    uint32_t host_reboot;
    uint32_t host_irq;
    uint32_t host_debug;
    uint32_t host_tasks;
    uint32_t initrd; /* memory_entry, to be read and executed: the initrd lies in its pages ... */
    uint64_t initrd_offset; /* ... from this byte on, ... */
    uint64_t initrd_size;   /* ... this many bytes */
    uint32_t host_devices;  /* a power as those above */
    uint32_t process;       /* process: of a program that a process started; 0: it is none yet */
    uint32_t root, cwd;     /* file: directories; or 0 */
    const struct start_process *posix; /* of a program that a process started; or NULL */
    uint32_t lock_owner; /* receive right: to file servers, whose locks of files it has; or 0 */
    uint32_t zero;
};

/** A descriptor that is open from the start. */
struct start_descriptor {
    int32_t descriptor;
    uint32_t file;  /* a name: interfaces/file.defs */
    uint32_t flags; /* of the open file: the client's own, for libsys/posix only */
    uint32_t zero;
};

/** What a process gives a program that takes its place, or becomes its child (libsys/posix/image.c). It lies, with all that it points to, above the block. */
struct start_process {
    uint64_t size; /* of this structure; later versions only append */
    int32_t argc;
    uint32_t umask;
    char **argv;               /* argc pointers and NULL */
    char **envp;               /* ended by NULL */
    uint64_t ignored, blocked; /* signals: bit number - 1 */
    uint64_t pending;          /* some may wait: the signals to look for first */
    const struct start_descriptor *descriptors;
    uint32_t descriptor_count;
    int32_t pid; /* its own */
};
