/* SPDX-License-Identifier: BSD-2-Clause */
/* What there is to say about a node, in words. See devices.h. */
#include "devices.h"

#include <string.h>

static void say_compatible(const struct tree *tree, uint32_t node, struct text *out)
{
    struct tree_value compatible = tree_get(tree, node, "compatible");

    if (compatible.data == NULL)
        return;
    if (!value_is_strings(compatible)) {
        text_add(out, "compatible: %u bytes that are no list of strings\n",
                 (unsigned)compatible.length);
        return;
    }
    text_add(out, "compatible:");
    for (const char *s = value_next_string(compatible, NULL); s != NULL;
         s = value_next_string(compatible, s))
        text_add(out, " %s", s);
    text_add(out, "\n");
}

static void say_registers(const struct tree *tree, uint32_t node, struct text *out)
{
    struct address_range range;
    struct reason why;
    uint32_t count;

    /* Where nothing has a size the numbers are no addresses: CPUs, chips on a serial bus. */
    if (node == 0 || tree->nodes[tree->nodes[node].parent].size_cells == 0)
        return;
    if (address_count(tree, node, &count, &why) != KERN_SUCCESS) {
        text_add(out, "registers: unusable: %s\n", why.text);
        return;
    }
    for (uint32_t i = 0; i < count && i < ADDRESS_RANGES_MAX; i++) {
        if (address_range(tree, node, i, &range, &why) == KERN_SUCCESS)
            text_add(out, "registers %u: 0x%llx, 0x%llx bytes\n", (unsigned)i,
                     (unsigned long long)range.base, (unsigned long long)range.size);
        else
            text_add(out, "registers %u: unusable: %s\n", (unsigned)i, why.text);
    }
}

static void say_lines(const struct interrupt_line *line, uint32_t count, struct text *out)
{
    if (count == 0)
        return;
    text_add(out, "interrupts:");
    for (uint32_t i = 0; i < count; i++)
        text_add(out, " %u %s%s", (unsigned)line[i].number, line[i].edge ? "edge" : "level",
                 i + 1 < count ? "," : "");
    text_add(out, "\n");
}

/* Of a node that nobody has looked at yet. */
static void say_interrupts(const struct device_set *set, uint32_t node, struct text *out)
{
    struct interrupt_line line[INTERRUPTS_MAX];
    struct reason why;
    uint32_t count;

    if (interrupts_lines(set->tree, set->root, node, INTERRUPTS_MAX, line, &count, &why) !=
        KERN_SUCCESS)
        text_add(out, "interrupts: unusable: %s\n", why.text);
    else
        say_lines(line, count, out);
}

static void say_resources(const struct device *device, struct text *out)
{
    for (uint32_t i = device->own_ranges; i < device->ranges; i++)
        text_add(out, "window %u: 0x%llx, 0x%llx bytes\n", (unsigned)i,
                 (unsigned long long)device->range[i].base,
                 (unsigned long long)device->range[i].size);
    say_lines(device->line, device->lines, out);
    for (uint32_t i = 0; i < device->windows; i++)
        text_add(out, "memory: 0x%llx, 0x%llx bytes, is 0x%llx to it%s\n",
                 (unsigned long long)device->window[i].memory,
                 (unsigned long long)device->window[i].size,
                 (unsigned long long)device->window[i].bus, device->coherent ? ", coherent" : "");
}

static void say_notes(const struct device *device, struct text *out)
{
    for (const char *line = device->notes; *line != '\0';) {
        int length = (int)strcspn(line, "\n");

        text_add(out, "note: %.*s\n", length, line);
        line += length + (line[length] == '\n');
    }
}

static void say_driver(const struct device_set *set, const struct device *device, const char *state,
                       struct text *out)
{
    text_add(out, "driver: %s, for %s, as %s, service %s.%s%s\n", device->driver->name,
             device->compatible, device->name, device->driver->class, device->name,
             device->node == set->console ? ", the console" : "");
    if (device->arguments[0] != '\0')
        text_add(out, "arguments: %s\n", device->arguments);
    say_notes(device, out);
    if (state != NULL)
        text_add(out, "state: %s\n", state);
}

static bool is_candidate(const struct device_set *set, uint32_t node)
{
    struct tree_value compatible = tree_get(set->tree, node, "compatible");

    for (const char *s = value_next_string(compatible, NULL); s != NULL;
         s = value_next_string(compatible, s))
        for (unsigned i = 0; i < set->manifests->count; i++)
            if (manifest_matches(set->manifests->all[i], s))
                return true;
    return false;
}

/* It is no device of the set: nothing matches it. */
static void say_unmatched(const struct device_set *set, uint32_t node, struct text *out)
{
    struct tree_value compatible = tree_get(set->tree, node, "compatible");
    const char *words = kernel_node_words(set, node), *class;
    const struct device *serving = devices_serving(set, node, &class);

    if (serving != NULL)
        text_add(out, "driver: that of another node: %s, as service %s.%s\n", serving->driver->name,
                 class, serving->name);
    else if (words != NULL)
        text_add(out, "no driver: %s\n", words);
    else if (compatible.data == NULL)
        text_add(out, "no driver: it does not say what it is compatible with\n");
    else if (!value_is_strings(compatible))
        text_add(out, "no driver: what it is compatible with is no list of strings\n");
    else if (is_candidate(set, node))
        text_add(out, "no driver: there are more than %u devices\n", (unsigned)DEVICES_MAX);
    else if (value_has_string(compatible, "fixed-clock") ||
             value_has_string(compatible, "regulator-fixed") ||
             value_has_string(compatible, "regulator-gpio"))
        text_add(out, "no driver: none is needed, who refers to it is told its value\n");
    else
        text_add(out, "no driver: no manifest matches what it is compatible with%s\n",
                 set->tree->nodes[node].enabled ? "" : "; and the tree says that it is disabled");
}

static void say_undecided(const struct device *device, struct text *out)
{
    text_add(out, "driver: depends on its registers:");
    for (unsigned i = 0; i < device->candidates; i++) {
        text_add(out, "%s %s if", i > 0 ? ";" : "", device->candidate[i]->name);
        for (unsigned k = 0; k < device->candidate[i]->probes; k++)
            text_add(out, "%s 0x%x at 0x%x", k > 0 ? "," : "",
                     (unsigned)device->candidate[i]->probe[k].value,
                     (unsigned)device->candidate[i]->probe[k].offset);
    }
    text_add(out, "\n");
}

void node_explain(const struct device_set *set, uint32_t node, const char *state, struct text *out)
{
    const struct device *device = devices_at(set, node);

    tree_path(set->tree, node, out);
    text_add(out, "\n");
    say_compatible(set->tree, node, out);
    say_registers(set->tree, node, out);
    if (device == NULL || (device->driver == NULL && device->candidates == 0)) {
        say_interrupts(set, node, out);
        if (device == NULL)
            say_unmatched(set, node, out);
        else
            text_add(out, "no driver: %s\n", device->why.text);
        return;
    }
    say_resources(device, out);
    if (device->driver != NULL)
        say_driver(set, device, state, out);
    else if (device->why.text[0] != '\0')
        text_add(out, "no driver: %s\n", device->why.text);
    else
        say_undecided(device, out);
}
