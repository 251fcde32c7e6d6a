/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices of a tree: which node is whose driver's, with which registers, interrupts and memory, and what the driver is told.
 *
 * In this order, once each: devices_find(), devices_probe(), devices_settle(); then recipes and explanations can be had. What comes out
 * depends on the tree, the manifests and what the probes read, on nothing else: a manager that starts anew finds the same names.
 *
 * D1 A device has a driver, or `why` says why not. It never gets one back after it was refused.
 * D2 Everything a driver is told comes from checked values; the text of a recipe has printable words only.
 */
#pragma once

#include "address.h"
#include "interrupts.h"
#include "manifest.h"
#include "tree.h"

enum {
    DEVICES_MAX = 128,
    DEVICE_CANDIDATES_MAX = 4, /* manifests that match one string, told apart by probes */
    DEVICE_NAME_MAX = 32,
    DEVICE_SERVICE_MAX = 64,
    DEVICE_USES_MAX = 8,
    DEVICE_ARGUMENTS_SIZE = 512, /* bootstrap/description.h */
    DEVICE_ARGUMENTS_MAX = 15,   /* words: a program is told 16, the first is its name */
    DEVICE_NUMBERS_MAX = 100,    /* instances of one name */
    DEVICE_RECIPE_MAX = 4096,
    DEVICE_PAGES_MAX = 16384, /* entries in the table of registers */
    DEVICE_PAGE = 4096,
};

struct device {
    uint32_t node;
    const char *compatible; /* which string of the node the manifests match */
    const struct manifest *candidate[DEVICE_CANDIDATES_MAX];
    unsigned candidates;
    const struct manifest *driver; /* NULL: it has none, or (before devices_probe) none yet */
    struct reason why;

    struct address_range range[ADDRESS_RANGES_MAX];
    uint32_t ranges;
    uint32_t own_ranges; /* of them: registers; the rest are windows of the bus */
    uint32_t strict;     /* bit set: to be accessed in order */
    struct interrupt_line line[INTERRUPTS_MAX];
    uint32_t lines;
    struct address_window window[ADDRESS_WINDOWS_MAX];
    uint32_t windows;
    bool dma;
    bool coherent;

    bool named;
    uint32_t number;
    char name[DEVICE_NAME_MAX]; /* of the instance: sd0 */
    char arguments[DEVICE_ARGUMENTS_SIZE];
    unsigned words; /* of arguments */
    char uses[DEVICE_USES_MAX][DEVICE_SERVICE_MAX];
    unsigned uses_count;
    char notes[512]; /* what the driver is not told, and why: lines */
};

/** A node's registers, and the pages they lie in, first to last. */
struct device_pages {
    uint64_t base;
    uint64_t first, last;
    uint32_t node;
};

struct device_set {
    const struct tree *tree;
    const struct manifest_set *manifests;
    uint32_t root;    /* interrupt controller */
    uint32_t console; /* the node of the console, or TREE_NONE */
    const char *console_options;
    struct device *all;
    unsigned count;
    struct device_pages *pages;
    uint32_t pages_count;
};

/** Match and look at the resources of all nodes. Both stay as they are for as long as the set is used. KERN_RESOURCE_SHORTAGE. */
kern_return_t devices_find(const struct tree *tree, const struct manifest_set *manifests,
                           struct device_set *out, struct reason *reason);
void devices_free(struct device_set *set);

/** Read a register of the first range of a device. */
typedef kern_return_t device_read_t(void *context, const struct device *device, uint32_t offset,
                                    uint32_t *value);
/** Decide between candidates by what stands in registers. */
void devices_probe(struct device_set *set, device_read_t *read, void *context);

/** Names, arguments, providers. */
void devices_settle(struct device_set *set);

/** NULL: no manifest matches the node, or nobody may drive it. */
struct device *devices_at(const struct device_set *set, uint32_t node);

/** The recipe for the supervisor. False: it is longer than a recipe may be. */
bool device_recipe(const struct device_set *set, const struct device *device, struct text *out);

/** Those with drivers, by their places in the set, who provides before who uses. How many. (device_order.c) */
unsigned devices_order(const struct device_set *set, unsigned order[DEVICES_MAX]);

/** Take the driver away from a device, before devices_settle(). */
[[gnu::format(printf, 2, 3)]] void device_refuse(struct device *device, const char *format, ...);

/** A number that no device of the tree has among instances of that name, from `from` on; DEVICE_NUMBERS_MAX: there is none. */
uint32_t devices_free_number(const struct device_set *set, const char *instance, uint32_t from);

/** Who serves a node that has no driver of its own, and as what class; NULL: nobody. (providers.c) */
const struct device *devices_serving(const struct device_set *set, uint32_t node,
                                     const char **class);

/* ---- What no driver gets (kernel_nodes.c) ---- */

/** Why the node is no device for drivers, in words; NULL: it may be one. */
const char *kernel_node_words(const struct device_set *set, uint32_t node);

/* ---- Explaining (explain.c) ---- */

/** Everything there is to say about a node; more lines may be appended. state: what the supervisor says of the driver, or NULL. */
void node_explain(const struct device_set *set, uint32_t node, const char *state, struct text *out);

/* ---- Parts of the above ---- */

/** Ranges, lines and windows as `manifest` takes them; errors mean the device cannot have this driver. (device_resources.c) */
kern_return_t device_resources(const struct device_set *set, struct device *device,
                               const struct manifest *manifest, struct reason *reason);
/** The table of which node has registers where. */
kern_return_t device_pages_read(struct device_set *set, struct reason *reason);

/** Arguments that come from the tree. (device_arguments.c) */
kern_return_t device_arguments(struct device_set *set, struct device *device,
                               struct reason *reason);
/** One more word; a value may be NULL. False: no room. */
bool device_argument(struct device *device, const char *name, const char *value);
/** Something that the driver is not told. */
[[gnu::format(printf, 2, 3)]] void device_note(struct device *device, const char *format, ...);

/** What a reference (phandle and cells) is worth to a driver: "SERVICE:CELLS", or a constant. errors: `reason` says why nothing.
 *  (providers.c) */
kern_return_t provider_value(const struct device_set *set, const struct manifest_phandle *wanted,
                             struct device *device, struct reason *reason);
