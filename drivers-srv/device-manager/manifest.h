/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Manifests: the text file beside a driver that says which devices it drives and what it needs. README.md has the language.
 *
 * A manifest is read from a text that is not trusted: what comes out has been checked, or there is one sentence with the line's number.
 */
#pragma once

#include <stdint.h>

#include "text.h"

enum {
    MANIFEST_TEXT_MAX = 4096,
    MANIFEST_NAME_MAX = 24, /* of drivers, classes and instances, the NUL included */
    MANIFEST_COMPATIBLES_MAX = 24,
    MANIFEST_PROPERTIES_MAX = 16,
    MANIFEST_PHANDLES_MAX = 12,
    MANIFEST_ALSO_MAX = 6,
    MANIFEST_PROBES_MAX = 4,
    MANIFEST_RECIPE_MAX = 1024,
    MANIFEST_ARGUMENTS_MAX = 512,
    MANIFESTS_MAX = 64,
};

enum manifest_dma { MANIFEST_DMA_NO, MANIFEST_DMA_OPTIONAL, MANIFEST_DMA_YES };

/** Least and most that a driver takes. */
struct manifest_count {
    uint32_t least;
    uint32_t most;
};

/** A property that is passed as ARGUMENT=VALUE: numbers, or text. */
struct manifest_property {
    const char *name;
    const char *argument;
    bool text;
};

/** References in a property, passed as ARGUMENT.N=SERVICE:SPECIFIER. name: only the one of that name, passed without a number; or NULL. */
struct manifest_phandle {
    const char *property;
    const char *name;
    const char *argument;
    bool needed;
};

/** Another node that the driver serves: its compatible, the class it is served as, and the property by which it refers to the driver's
 *  node, or to a node that the driver serves; NULL: it is the child of one. */
struct manifest_also {
    const char *compatible;
    const char *class;
    const char *via;
};

/** A register (32 bits, in the first range) that has to hold a value, under a mask. */
struct manifest_probe {
    uint32_t offset;
    uint32_t value;
    uint32_t mask;
};

struct manifest {
    const char *name;
    const char *file;
    const char *class;
    const char *instance;
    const char *alias; /* stem of /aliases that number the instances, or NULL */
    const char *compatible[MANIFEST_COMPATIBLES_MAX];
    unsigned compatibles;
    struct manifest_count ranges;
    struct manifest_count lines;
    enum manifest_dma dma;
    unsigned dma_bits;
    bool share_page;
    bool
        bus; /* the windows of the bus are ranges of the device, its interrupt-map gives it lines */
    uint32_t strict; /* bit set: that range is to be accessed in order */
    struct manifest_property property[MANIFEST_PROPERTIES_MAX];
    unsigned properties;
    struct manifest_phandle phandle[MANIFEST_PHANDLES_MAX];
    unsigned phandles;
    struct manifest_also also[MANIFEST_ALSO_MAX];
    unsigned alsos;
    struct manifest_probe probe[MANIFEST_PROBES_MAX];
    unsigned probes;
    bool missing;                           /* set by who has looked: its program is not there */
    char arguments[MANIFEST_ARGUMENTS_MAX]; /* as they are, with a blank between two */
    char recipe[MANIFEST_RECIPE_MAX];       /* further lines of the recipe */
    char text[MANIFEST_TEXT_MAX + 1];       /* what all the pointers point into */
};

/** Read one. *out is to be given back by free(). Errors: KERN_BAD_FORMAT, KERN_RESOURCE_SHORTAGE. */
kern_return_t manifest_read(const char *text, size_t size, struct manifest **out,
                            struct reason *reason);

/** Does it name this string? */
bool manifest_matches(const struct manifest *manifest, const char *compatible);

/** All that there are, by the names of their files. */
struct manifest_set {
    struct manifest *all[MANIFESTS_MAX];
    unsigned count;
};

/** Take a manifest, which is the set's then, also after an error: KERN_EXISTS: its driver, or something it matches, is there already (of two
 *  that match the same, all have to look at registers, which differ); KERN_RESOURCE_SHORTAGE. */
kern_return_t manifest_set_add(struct manifest_set *set, struct manifest *manifest,
                               struct reason *reason);
void manifest_set_free(struct manifest_set *set);
