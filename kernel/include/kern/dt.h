/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kern/dt.h - what the kernel learns from the flattened device tree.
 *
 * The tree is untrusted input. dt_scan() walks it exactly once and fills a `struct board`; whatever
 * is malformed, missing or beyond a fixed maximum yields an error code and one sentence in a
 * `struct dt_error`, never an access outside of the blob. No function here allocates, blocks, locks
 * or keeps state: all are reentrant and may run with the MMU on and nothing else initialised.
 *
 * Terms
 *   blob      the flattened tree in memory, 8-byte aligned, readable for its whole `totalsize`
 *   bank      one contiguous piece of RAM, page aligned, in CPU physical addresses
 *   range     [base, base + size) of CPU physical addresses; base + size never wraps
 *   INTID     GIC interrupt number: SGI 0-15, PPI 16-31, SPI 32-1019, extended SPI from 4096
 *
 * Pointers in `struct board` named "in blob" point into the blob, which must stay mapped and
 * unchanged (but for the seeds, which dt_wipe_seeds() overwrites). Strings in the blob are checked:
 * NUL-terminated and shorter than DT_STRING_MAX, or, where a length stands beside them, not
 * terminated.
 */
#pragma once

#include <kern/types.h>

enum {
    DT_MAX_BANKS = 64,        /* RAM banks, before merging */
    DT_MAX_RESERVATIONS = 64, /* memreserve entries and reserved-memory children together */
    DT_MAX_CPUS = 64,         /* CPU nodes */
    DT_MAX_GICR_REGIONS = 8,  /* GICv3 redistributor regions */
    DT_MAX_GIC_OTHERS = 32,   /* further blocks of registers of a GIC, ITS and the like included */
    DT_MAX_DEPTH = 24,        /* nested nodes, the root included */
    DT_STRING_MAX = 4096,     /* longest boot argument line, model, compatible or path */
    DT_ERROR_MAX = 200,       /* longest sentence, with its NUL */
};

#define DT_MAX_BLOB    (2 * MIB)           /* largest blob that is accepted */
#define DT_PADDR_LIMIT (UINT64_C(1) << 48) /* no register lies at or above this */
#define DT_RAM_LIMIT   (UINT64_C(1) << 44) /* no RAM lies at or above this: a pfn_t has 32 bits */

/* One sentence without a full stop or newline, fit to follow "wharf: cannot boot: ". */
struct dt_error {
    char text[DT_ERROR_MAX];
};

struct dt_range {
    paddr_t base;
    uint64_t size;
};

/* A reservation: never given to the allocator; `no_map` ones may not even be mapped. */
struct dt_reservation {
    struct dt_range range; /* as written in the tree: not page aligned */
    const char *name;      /* in blob: node name, or NULL for a memreserve entry */
    bool no_map;
};

enum board_trigger { BOARD_TRIGGER_NONE, BOARD_TRIGGER_EDGE, BOARD_TRIGGER_LEVEL };

struct board_irq {
    uint32_t intid;             /* valid if trigger != BOARD_TRIGGER_NONE */
    enum board_trigger trigger; /* BOARD_TRIGGER_NONE: the tree gives no such interrupt */
    bool active_low;            /* falling edge or low level (only of interest to the log) */
};

/* ---- CPUs ---- */

enum board_enable {
    BOARD_ENABLE_NONE, /* the tree names no method: only the boot CPU may be like that */
    BOARD_ENABLE_PSCI,
    BOARD_ENABLE_SPIN_TABLE,
    BOARD_ENABLE_UNKNOWN, /* named, but not by a name that we know */
};

struct board_cpu {
    uint64_t mpidr; /* affinity bits only: Aff3 39:32, Aff2 23:16, Aff1 15:8, Aff0 7:0 */
    enum board_enable method;
    paddr_t release_addr;    /* spin-table only: where the entry address is to be written */
    const char *method_name; /* in blob, or NULL */
    const char *compatible;  /* in blob: the first string, or NULL */
    bool enabled;            /* status is absent, "okay" or "ok" */
};

enum board_psci_conduit { BOARD_PSCI_NONE, BOARD_PSCI_SMC, BOARD_PSCI_HVC };

/* Function identifiers are 0 where this firmware does not offer the function. */
struct board_psci {
    enum board_psci_conduit conduit; /* BOARD_PSCI_NONE: no PSCI, nothing below is valid */
    uint32_t version; /* of the binding: 0x00000001 (0.1), 0x00000002 (0.2), 0x00010000 */
    uint32_t cpu_on;
    uint32_t cpu_off;
    uint32_t cpu_suspend;
    uint32_t system_off;
    uint32_t system_reset;
};

/* ---- Interrupt controller and timer ---- */

enum board_gic_kind { BOARD_GIC_NONE, BOARD_GIC_V2, BOARD_GIC_V3 };

struct board_gic {
    enum board_gic_kind kind;
    const char *compatible; /* in blob */
    struct dt_range gicd;
    struct dt_range gicc; /* v2 only */
    bool gicc_has_dir;    /* v2 only: gicc is large enough to hold GICC_DIR (split EOI) */
    struct dt_range gicr[DT_MAX_GICR_REGIONS]; /* v3 only */
    unsigned gicr_count;                       /* v3 only: 1..DT_MAX_GICR_REGIONS */
    uint64_t gicr_stride; /* v3 only: bytes from one redistributor to the next, 0 = architectural */
};

struct board_timer {
    struct board_irq secure_phys, phys, virt, hyp_phys;
    uint32_t frequency; /* Hz, overrides CNTFRQ_EL0; 0 = CNTFRQ_EL0 is right */
    bool always_on;     /* keeps counting while CPUs are powered down */
};

/* ---- Console ---- */

enum board_uart {
    BOARD_UART_NONE, /* no console at all */
    BOARD_UART_PL011,
    BOARD_UART_BCM2835_AUX, /* "mini-UART" */
    BOARD_UART_UNSUPPORTED, /* the tree chose one that we cannot drive: see compatible */
};

struct board_console {
    enum board_uart kind;
    const char *compatible; /* in blob: first string of the node's compatible, or NULL */
    struct dt_range regs;   /* not valid for BOARD_UART_UNSUPPORTED */
    struct dt_range aux;  /* BCM2835_AUX only: the block with AUX_ENABLES at +4; size 0 = unknown */
    struct board_irq irq; /* trigger NONE when unknown: poll. Not known to dt_find_console(). */
    uint32_t clock_hz;    /* of the UART's input clock, 0 = unknown: keep the firmware's divisor */
    uint32_t baud;        /* from the options of stdout-path or current-speed, 0 = not given */
    bool chosen;          /* by stdout-path, not just the first UART found */
};

/* ---- Reset ---- */

enum board_watchdog_kind { BOARD_WATCHDOG_NONE, BOARD_WATCHDOG_BCM2835_PM };

struct board_watchdog {
    enum board_watchdog_kind kind;
    struct dt_range regs;
};

/* ---- The board ---- */

struct dt_seed_place { /* where in the blob a seed stands */
    uint32_t offset;
    uint32_t length;
};

struct board {
    const void *blob;
    uint32_t blob_size; /* up to the end of its last block; loaders pad totalsize far beyond that */
    const char *model;  /* in blob, "" if absent */
    const char *compatible; /* in blob: the root's first string, "" if absent */

    struct dt_range banks[DT_MAX_BANKS]; /* ascending, disjoint, not adjacent, page aligned */
    unsigned bank_count;                 /* at least 1 */
    uint64_t ram_bytes;                  /* sum of all banks */

    struct dt_reservation reservations[DT_MAX_RESERVATIONS]; /* in the order of the tree */
    unsigned reservation_count;
    unsigned dynamic_reservations; /* reserved-memory children without reg: ignored, counted */

    struct dt_range initrd; /* size 0 = none; lies within one bank */
    const char *bootargs;   /* in blob; "" if absent */
    size_t bootargs_length; /* without the NUL, less than DT_STRING_MAX */
    uint64_t entropy[4];    /* rng-seed and kaslr-seed folded together */
    uint32_t entropy_bytes; /* how many bytes of seed went into it; 0 = no entropy */
    struct dt_seed_place seeds[2];

    struct board_cpu cpus[DT_MAX_CPUS]; /* in the order of the tree */
    unsigned cpu_count;                 /* at least 1 */
    struct board_psci psci;

    struct board_gic gic;
    struct dt_range gic_others[DT_MAX_GIC_OTHERS]; /* further registers of GICs: no device's */
    unsigned gic_other_count;
    struct board_timer timer;
    struct board_console console;
    struct board_watchdog watchdog;
};

/*
 * Look only for the console. Works as far as it can on a tree that is damaged or incomplete
 * elsewhere, so that there is something to print dt_scan()'s sentence on. Nothing but the header
 * has to be right. KERN_SUCCESS means that *out is a console that we can drive; on every failure
 * *out is not written and *err says why there is none. dt_scan() finds the same console, so this is
 * only needed when that fails (or before it, at the price of reading the tree twice).
 */
kern_return_t dt_find_console(const void *blob, size_t max_size, struct board_console *out,
                              struct dt_error *err);

/*
 * Read the whole tree. max_size bounds what may be read at `blob` (how much is mapped). `out` is
 * large and should be static; it is complete on success, and of no use on failure, which is
 *   KERN_BAD_FORMAT      the tree is malformed or contradicts itself
 *   KERN_NOT_SUPPORTED   it is well-formed but lacks, or has too many of, what a kernel needs
 * A tree without a console, initrd, seeds, PSCI or watchdog is complete.
 */
kern_return_t dt_scan(const void *blob, size_t max_size, struct board *out, struct dt_error *err);

/* Overwrite the seeds in the blob that *board was read from (which must be writable). */
void dt_wipe_seeds(const struct board *board, void *blob);

/*
 * Which RAM may the page allocator have? All banks, cut to the lowest `mem_limit` bytes of RAM
 * (0 = no limit), minus the board's reservations and minus `taken` (kernel image, blob, initrd; any
 * order, any alignment, size 0 allowed, may overlap each other and lie outside of RAM). The result
 * is ascending, disjoint, not adjacent, page aligned and never contains part of a taken page.
 * On success *out_count ranges have been written to out[]. KERN_NOT_SUPPORTED: more than `max`
 * would result, or nothing at all is left.
 */
kern_return_t dt_usable_ranges(const struct board *board, uint64_t mem_limit,
                               const struct dt_range *taken, unsigned taken_count,
                               struct dt_range *out, unsigned max, unsigned *out_count,
                               struct dt_error *err);
