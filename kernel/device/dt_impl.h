/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to the device-tree reader.
 *
 * The walk (dt_walk.c) goes over the structure block once, tag by tag, with a stack of the open
 * nodes, and stops at each node when all of its properties are known. Nothing ever looks for a
 * parent or a path from a node offset, so that reading a tree takes time linear in its size.
 *
 * Invariants
 *  I1  libfdt is entered through fdt_check_header, fdt_next_tag, fdt_offset_ptr and fdt_get_mem_rsv
 *      only. Each checks its offsets against the header; what they do not check (alignment, the
 *      length of a property, how far a name may reach) dt_walk.c checks. So a walk may run over a
 *      tree that nobody has validated, and a completed walk is the validation.
 *  I2  The walk always advances, by at least one tag.
 *  I3  Every string handed out by dt_string() ends within its property.
 *  I4  Each handler sees every node whose ancestors and itself are available, exactly once.
 */
#pragma once

#include <kern/dt.h>
#include <kern/string.h>

/* Before libfdt.h, so that it needs no C library. */
#include "fdt/libfdt_env.h"

#include <libfdt.h>

/* ---- Sentences (dt_error.c) ---- */

/* Format a sentence: %s (cut at 64 characters, unprintable ones as ?), %u, %llx. Returns `code`. */
[[gnu::format(printf, 3, 4)]] kern_return_t dt_fail(struct dt_error *err, kern_return_t code,
                                                    const char *format, ...);

/* ---- The walk (dt_walk.c) ---- */

/* The properties that are kept while a node is visited. */
#define DT_PROPERTIES(X)                          \
    X(REG, "reg")                                 \
    X(COMPATIBLE, "compatible")                   \
    X(STATUS, "status")                           \
    X(INTERRUPTS, "interrupts")                   \
    X(PHANDLE, "phandle")                         \
    X(CLOCKS, "clocks")                           \
    X(RANGES, "ranges")                           \
    X(ADDRESS_CELLS, "#address-cells")            \
    X(SIZE_CELLS, "#size-cells")                  \
    X(INTERRUPT_PARENT, "interrupt-parent")       \
    X(INTERRUPTS_EXTENDED, "interrupts-extended") \
    X(INTERRUPT_NAMES, "interrupt-names")         \
    X(INTERRUPT_CELLS, "#interrupt-cells")        \
    X(DEVICE_TYPE, "device_type")                 \
    X(ENABLE_METHOD, "enable-method")             \
    X(RELEASE_ADDR, "cpu-release-addr")           \
    X(MODEL, "model")                             \
    X(METHOD, "method")                           \
    X(PSCI_CPU_ON, "cpu_on")                      \
    X(PSCI_CPU_OFF, "cpu_off")                    \
    X(PSCI_CPU_SUSPEND, "cpu_suspend")            \
    X(GICR_REGIONS, "#redistributor-regions")     \
    X(GICR_STRIDE, "redistributor-stride")        \
    X(CLOCK_FREQUENCY, "clock-frequency")         \
    X(CURRENT_SPEED, "current-speed")             \
    X(ALWAYS_ON, "always-on")                     \
    X(NO_MAP, "no-map")                           \
    X(STDOUT_PATH, "stdout-path")                 \
    X(OLD_STDOUT_PATH, "linux,stdout-path")       \
    X(BOOTARGS, "bootargs")                       \
    X(INITRD_START, "linux,initrd-start")         \
    X(INITRD_END, "linux,initrd-end")             \
    X(RNG_SEED, "rng-seed")                       \
    X(KASLR_SEED, "kaslr-seed")

enum dt_property {
#define X(id, name) DT_P_##id,
    DT_PROPERTIES(X)
#undef X
        DT_P_EXTRA, /* the one named by dt_walk.extra */
    DT_PROPERTY_COUNT
};

/* The bytes of a property. data is NULL if the node has no such property. */
struct dt_value {
    const uint8_t *data;
    uint32_t length;
};

/* Which of the well-known nodes an open node is. */
enum dt_place {
    DT_PLACE_ROOT,
    DT_PLACE_CHOSEN,          /* /chosen */
    DT_PLACE_ALIASES,         /* /aliases */
    DT_PLACE_CPUS,            /* /cpus */
    DT_PLACE_CPU,             /* child of /cpus */
    DT_PLACE_RESERVED_MEMORY, /* /reserved-memory */
    DT_PLACE_RESERVATION,     /* child of /reserved-memory */
    DT_PLACE_TOP,             /* any other child of the root */
    DT_PLACE_BELOW,           /* any node further down */
};

/* What has to be known of a node while its descendants are visited. */
struct dt_level {
    const char *name;
    struct dt_value ranges;
    uint32_t address_cells;    /* for the children */
    uint32_t size_cells;       /* for the children */
    uint32_t interrupt_parent; /* phandle in effect here, 0 = none */
    enum dt_place place;
    bool available; /* status of this node and of all above it */
};

enum { DT_NAME_SLOTS = 64 }; /* a power of two */

struct dt_walk {
    const void *blob;
    struct dt_error *err;
    const char *strings; /* the strings block */
    uint32_t strings_size;
    int offset;      /* of the tag that is looked at */
    int next;        /* of the one after it */
    uint32_t tag;    /* the tag at `offset`, if has_tag */
    bool has_tag;    /* it has been read, but not dealt with */
    int node_offset; /* of the innermost node's tag */
    unsigned depth;  /* open nodes: level[depth - 1] is the innermost */
    bool reading;    /* the innermost node's properties are still being read */
    bool closed_root;
    kern_return_t result; /* why the last step was DT_STEP_BAD */
    const char *extra;    /* one more property to look for, none of the above; may be NULL */
    uint32_t extra_length;
    uint64_t present; /* bit set: property[] of the innermost node is valid */
    struct dt_value property[DT_PROPERTY_COUNT];
    struct dt_level level[DT_MAX_DEPTH];
    /* Which property a name in the strings block is, by a hash of its offset. */
    struct {
        uint32_t offset_plus_1; /* 0 = unused */
        uint32_t id;            /* enum dt_property or DT_PROPERTY_COUNT */
    } names[DT_NAME_SLOTS];
};

enum dt_step {
    DT_STEP_NODE, /* stands on a node all of whose properties have been read */
    DT_STEP_END,  /* the structure block is complete and was well-formed */
    DT_STEP_BAD,  /* malformed or too deep: see dt_walk.result, *err has the sentence */
};

/* Check the header and everything that later calls rely on. Sentence in *err. */
kern_return_t dt_check_blob(const void *blob, size_t max_size, struct dt_error *err);

/* Stand before the root of a blob that dt_check_blob() accepted. */
void dt_walk_start(struct dt_walk *w, const void *blob, struct dt_error *err);

/* Go on to the next node, in the order of the tree. */
enum dt_step dt_walk_next(struct dt_walk *w);

/* The innermost node. */
static inline const struct dt_level *dt_here(const struct dt_walk *w)
{
    return &w->level[w->depth - 1];
}

/* The parent of the innermost node. Not for the root. */
static inline const struct dt_level *dt_parent(const struct dt_walk *w)
{
    return &w->level[w->depth - 2];
}

/* A property of the innermost node. */
static inline struct dt_value dt_get(const struct dt_walk *w, enum dt_property id)
{
    return (w->present >> id & 1) ? w->property[id] : (struct dt_value){NULL, 0};
}

/* "node PATH: ..." for the innermost node. Returns `code`. */
[[gnu::format(printf, 3, 4)]] kern_return_t dt_node_fail(const struct dt_walk *w,
                                                         kern_return_t code, const char *format,
                                                         ...);

/* ---- Values (dt_value.c) ---- */

/* The i-th 32-bit cell; the caller has checked the length. */
static inline uint32_t dt_cell(struct dt_value v, uint32_t i)
{
    const uint8_t *p = v.data + (size_t)i * 4;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The number that a property of exactly one cell holds, or `fallback` for any other property. */
uint32_t dt_u32(struct dt_value v, uint32_t fallback);

/* A number of one or two cells. False: another length (or no property). */
bool dt_number(struct dt_value v, uint64_t *out);

/* A non-empty list of NUL-terminated strings, none of DT_STRING_MAX characters or more? */
bool dt_is_strings(struct dt_value v);

/* The i-th string of a property for which dt_is_strings() holds; NULL: there are not so many. */
const char *dt_string(struct dt_value v, unsigned i);

/* Is `text` one of the strings of a property? False also if the property is no list of strings. */
bool dt_has_string(struct dt_value v, const char *text);

/*
 * How many entries has the innermost node's reg? Sentence if its length is not a multiple of what
 * the parent's #address-cells and #size-cells say, or if those make no sense.
 */
kern_return_t dt_reg_count(const struct dt_walk *w, uint32_t *out);

/* The i-th entry of reg (i < count), translated to a CPU address through every ranges above. */
kern_return_t dt_reg(const struct dt_walk *w, uint32_t i, struct dt_range *out);

/* dt_reg() for a device: there must be an i-th entry and it must not be empty. */
kern_return_t dt_device_reg(const struct dt_walk *w, uint32_t i, struct dt_range *out);

/* A GIC interrupt specifier of `cells` cells (at least 3). False: not one we understand. */
bool dt_gic_interrupt(struct dt_value v, uint32_t first_cell, uint32_t cells,
                      struct board_irq *out);

/* Interrupts of a node, remembered until the interrupt controller is known. */
struct dt_interrupts {
    struct dt_value list;  /* interrupts or interrupts-extended */
    struct dt_value names; /* interrupt-names */
    uint32_t parent;       /* phandle of the controller; of the first entry if extended */
    bool extended;         /* every specifier is preceded by a phandle */
};

/* Of the innermost node. */
struct dt_interrupts dt_interrupts(const struct dt_walk *w);

/* The i-th interrupt, if it goes to the controller `phandle` with specifiers of `cells` cells. */
bool dt_interrupt(const struct dt_interrupts *list, uint32_t i, uint32_t phandle, uint32_t cells,
                  struct board_irq *out);

/* ---- Recognition (dt.c) ---- */

enum dt_device {
    DT_DEVICE_NONE,
    DT_DEVICE_PSCI,
    DT_DEVICE_PSCI_0_1,
    DT_DEVICE_GIC_V2,
    DT_DEVICE_GIC_V3,
    DT_DEVICE_GIC_PART, /* a node of its own for a part of one */
    DT_DEVICE_TIMER,
    DT_DEVICE_PL011,
    DT_DEVICE_BCM2835_AUX,
    DT_DEVICE_BCM2835_AUX_UART,
    DT_DEVICE_BCM2835_PM,
    DT_DEVICE_FIXED_CLOCK,
};

/* What the innermost node is by its compatible: the first string that we know decides. */
enum dt_device dt_recognise(const struct dt_walk *w);

/* ---- Memory (dt_memory.c) ---- */

kern_return_t dt_memory_node(const struct dt_walk *w, struct board *board);
kern_return_t dt_reservation_node(const struct dt_walk *w, struct board *board);
kern_return_t dt_memreserve(const void *blob, struct board *board, struct dt_error *err);

/* When all banks have been read: sort, check, merge and trim them; check where the initrd is. */
kern_return_t dt_memory_finish(struct board *board, unsigned nodes, struct dt_error *err);

/* ---- /chosen (dt_chosen.c) ---- */

kern_return_t dt_chosen_node(const struct dt_walk *w, struct board *board);

/* ---- CPUs (dt_cpu.c) ---- */

kern_return_t dt_cpu_node(const struct dt_walk *w, struct dt_value cpus_method,
                          struct board *board);
kern_return_t dt_psci_node(const struct dt_walk *w, enum dt_device device, struct board *board);
kern_return_t dt_cpu_finish(const struct board *board, struct dt_error *err);

/* ---- Interrupt controller and timer (dt_irq.c) ---- */

enum { DT_MAX_GICS = 4 };

struct dt_irq_state {
    struct {
        struct board_gic gic;
        uint32_t phandle;
        uint32_t cells;
        kern_return_t result; /* why it is not usable: sentence in err */
        struct dt_error err;
    } gics[DT_MAX_GICS];
    unsigned gic_count;
    bool has_timer;
    struct dt_interrupts timer;
    unsigned root; /* after dt_irq_finish(): gics[] index of the timer's controller */
};

void dt_gic_node(const struct dt_walk *w, enum dt_device device, struct dt_irq_state *state,
                 struct board *board);
void dt_gic_part_node(const struct dt_walk *w, struct board *board);
kern_return_t dt_timer_node(const struct dt_walk *w, struct dt_irq_state *state,
                            struct board *board);
/* With *w, whose walk is over, to find out more for a sentence. */
kern_return_t dt_irq_finish(struct dt_walk *w, struct dt_irq_state *state, struct board *board);

/* ---- Console (dt_console.c) ---- */

enum { DT_MAX_CLOCKS = 32 };

/* A UART as its node describes it. */
struct dt_uart {
    struct board_console console;
    struct dt_interrupts interrupts;
    uint32_t clock; /* phandle, 0 = none */
};

struct dt_console_state {
    struct dt_value stdout_path;
    int aliases;                          /* offset of /aliases, -1 = none */
    struct dt_uart first;                 /* the first usable UART; kind NONE: none yet */
    const char *first_path[DT_MAX_DEPTH]; /* names of the nodes from below the root to `first` */
    unsigned first_length;
    struct dt_uart selected;
    struct dt_range aux;
    struct {
        uint32_t phandle;
        uint32_t hz;
    } clocks[DT_MAX_CLOCKS];
    unsigned clock_count; /* further clocks are not remembered: rate unknown */
};

void dt_console_start(struct dt_console_state *state);

/* To be called for every available node. Never fails: what is unusable is passed over. */
void dt_console_node(const struct dt_walk *w, enum dt_device device,
                     struct dt_console_state *state);

/*
 * Decide which UART is the console, with *w, whose walk is over, going over the tree again.
 * state->selected.console.kind may be NONE: *w->err says why.
 */
void dt_console_finish(struct dt_walk *w, const void *blob, struct dt_console_state *state);
