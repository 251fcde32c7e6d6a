/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices behind buses that find theirs themselves (PCI): who drives the bus tells of them (devices.found), by strings that manifests match like
 * compatible strings of nodes.
 *
 * F1 A function has the same name whenever it is found again: its recipe has the bus, the address and the string that matched in it, and the
 *    supervisor refuses another recipe of a name (KERN_EXISTS). So the first number for which it does not refuse is the function's, old or new, whatever
 *    this program remembers.
 */
#pragma once

#include "devices.h"

enum {
    FUNCTIONS_MAX = 32,
    FUNCTION_BUS_MAX = 256, /* as in interfaces/devices.defs, the NUL included */
    FUNCTION_ADDRESS_MAX = 64,
    FUNCTION_MATCH_MAX = 256,
};

struct function {
    bool used;
    bool lost; /* it has gone, and its program was stopped; it may come again */
    char bus[FUNCTION_BUS_MAX];
    char address[FUNCTION_ADDRESS_MAX];
    char match[FUNCTION_MATCH_MAX];
    const char *matched; /* the string of the manifest that decided */
    const struct manifest *driver;
    char name[DEVICE_NAME_MAX]; /* empty: it has none yet */
    struct reason why;          /* if it has no driver, or no name */
};

struct function_set {
    struct function all[FUNCTIONS_MAX];
};

/** Note a function, or find the one that is noted. KERN_INVALID_ARGUMENT: a text that is none; KERN_RESOURCE_SHORTAGE. Its driver is NULL if
 *  no manifest matches it. */
kern_return_t function_found(struct function_set *set, const struct manifest_set *manifests,
                             const char *bus, const char *address, const char *match,
                             struct function **out);
/** NULL: it is not noted. */
struct function *function_at(struct function_set *set, const char *bus, const char *address);

/** The recipe under the name with that number. False: it is too long. */
bool function_recipe(struct function *function, uint32_t number, struct text *out);

/** As node_explain(). */
void function_explain(const struct function *function, const char *state, struct text *out);
