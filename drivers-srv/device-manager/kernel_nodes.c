/* SPDX-License-Identifier: BSD-2-Clause */
/* Nodes that no driver gets: what the kernel drives itself, and what is no device. See devices.h. */
#include "devices.h"

#include <string.h>

static const struct {
    const char *name; /* of a child of the root */
    const char *words;
} places[] = {
    {"chosen", "it is no device: what the loader had to say"},
    {"aliases", "it is no device: short names of other nodes"},
    {"__symbols__", "it is no device: labels of other nodes, for overlays"},
    {"reserved-memory", "it is no device: memory that is spoken for"},
    {"cpus", "the kernel uses it: the machine's CPUs"},
};

const char *kernel_node_words(const struct device_set *set, uint32_t node)
{
    const struct tree *tree = set->tree;
    const char *top;

    if (node == 0)
        return "it is no device: the machine as a whole";
    top = tree->nodes[tree_top(tree, node)].name;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (strcmp(top, places[i].name) == 0)
            return places[i].words;
    if (value_has_string(tree_get(tree, node, "device_type"), "memory"))
        return "the kernel uses it: the machine's memory";
    if (node == set->root)
        return "the kernel uses it: the interrupt controller";
    if (value_has_string(tree_get(tree, node, "compatible"), "arm,armv8-timer"))
        return "the kernel uses it: the timer of the CPUs";
    return NULL;
}
