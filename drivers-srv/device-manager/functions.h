/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices behind buses that find theirs themselves (PCI): who drives the bus tells of them (devices.found), by strings that manifests match like
 * compatible strings of nodes.
 *
 * F1 A function has the same name whenever it is found again: its recipe has the bus, the address and the string that matched in it, and the
 *    supervisor refuses another recipe of a name (KERN_EXISTS). So the first number for which it does not refuse is the function's, old or new, whatever
 *    this program remembers.
 * F2 A function is believed to be behind the bus that the kernel says its device was derived from (device_control.origin), and to have the address it
 *    was called by then: a bus's driver can tell of nothing behind another.
 * F3 A bus's driver tells of each function once after each of its starts: one that is told again begins a new round of its bus, and what is not told
 *    in it has gone. When there is no place left, that of a function that is lost, that has no driver, or that its own bus did not tell of again is
 *    used, in this order.
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
    uint32_t round; /* of its bus, when it was told of last (F3) */
    bool lost;      /* it has gone, and its program was stopped; it may come again */
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
    /** Its place is used for another: whatever is known of it elsewhere goes. NULL: nothing to do. */
    void (*drop)(struct function *function);
};

/** Whether a device that the kernel says is `name`, part of `part_of`, is the function at that address of the bus (F2). */
bool function_is_behind(const char *bus, const char *address, const char *name,
                        const char *part_of);

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
