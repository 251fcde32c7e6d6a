/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system description: a text, and what it says (bootstrap/README.md has the language). Pure functions of the text, which may be
 * anything; what is wrong with it is told by line, word and sentence.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wharf/error.h>

enum {
    WORD_SIZE = 64, /* of a name, with its NUL; that of interfaces/service.defs */
    ARGUMENTS_SIZE = 512,
    PROVIDES_MAX = 8,
    USES_MAX = 16,
    AFTER_MAX = 8,
    PROGRAMS_MAX = 64,
    COPIES_MAX = 32,
    OVERCOMMIT_ALWAYS = 0,
};

/* What `rights` may list, in the order of description.c's table. */
enum power {
    POWER_HOST_MEMORY,
    POWER_HOST_TIME,
    POWER_HOST_REBOOT,
    POWER_HOST_IRQ,
    POWER_HOST_DEBUG,
    POWER_HOST_TASKS,
    POWER_HOST_DEVICES,
    POWER_INITRD,
    POWERS,
};

enum restart_policy { RESTART_ALWAYS, RESTART_FAILURE, RESTART_NEVER };

/** How a program is run. All bytes behind a text's end are zero: two recipes of one text are equal as memory. */
struct recipe {
    char name[WORD_SIZE];
    char file[WORD_SIZE]; /* in the archive */
    char arguments[ARGUMENTS_SIZE];
    char provides[PROVIDES_MAX][WORD_SIZE];
    char uses[USES_MAX][WORD_SIZE];
    char after[AFTER_MAX][WORD_SIZE];
    char with[WORD_SIZE]; /* the program whose end is its end, too; "": none */
    char maker
        [WORD_SIZE]; /* the program that copies are made for; "": it is one by itself (copies.h) */
    char copy_of[WORD_SIZE]; /* of a copy: what it was made of; else "" */
    uint32_t copies;         /* that there may be at a time */
    unsigned provides_count, uses_count, after_count;
    uint32_t powers; /* bit 1 << enum power */
    uint32_t priority;
    enum restart_policy restart;
    uint64_t memory_pages; /* most that it has; 0: no limit */
    uint64_t
        kernel_pages; /* most that the kernel has for it, of objects and of page tables; 0: no limit */
    uint64_t state_pages; /* memory that outlives it; 0: none */
    uint64_t dma_pages;
    uint32_t heartbeat;                  /* ms; 0: none */
    uint32_t backoff_first, backoff_max; /* ms */
    uint32_t give_up;                    /* failures */
    uint32_t stop_time;                  /* ms */
    bool
        reserved; /* its memory may be of the reserve; so may that of who is wired, essential, or for reclaim */
    bool reclaim;        /* page-out needs it: its memory is not paged out */
    uint32_t expendable; /* how soon it is ended when memory is full; 0: never */
    bool sheds;          /* it is not ended then, but asked to end something of its own */
    bool uses_all, wired, essential, inspect, manage;
};

struct description {
    char console[WORD_SIZE]; /* service that takes the log; "": none */
    char until[WORD_SIZE];   /* the program whose end ends the system; "": none */
    char dump[WORD_SIZE];    /* service that keeps cores; "": none */
    uint32_t dump_partition;
    uint32_t
        overcommit; /* percent of memory that programs are promised, at least 100; or OVERCOMMIT_ALWAYS */
    uint64_t reserve_pages; /* kept for programs that are reserved; 0: none */
    bool quiet;             /* the log is not shown */
    unsigned count;
    struct recipe
        recipe[PROGRAMS_MAX]; /* last: what stands before it is cleared when another text is read */
};

struct description_error {
    unsigned line; /* from 1 */
    const char *why;
    char word[WORD_SIZE]; /* the one it is about, cut off; may be "" */
};

/** KERN_BAD_FORMAT: *error says why. */
kern_return_t description_read(const char *text, size_t size, struct description *out,
                               struct description_error *error);

/** The same for a text with one program and nothing else. */
kern_return_t description_read_one(const char *text, size_t size, struct recipe *out,
                                   struct description_error *error);

/** Made of the same text, or of one that says the same in the same order. */
bool recipe_is_same(const struct recipe *a, const struct recipe *b);

/** The word of `rights` for a power. */
const char *power_name(enum power power);
