/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding devices: nodes against manifests, by the node's compatible strings in their order, the most special first. See devices.h.
 */
#include "devices.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* False, and why: its program is not there. */
static bool is_there(const struct manifest *m, struct device *device)
{
    if (m->missing)
        device_refuse(device, "driver %s is for it, but its program %s is not there", m->name,
                      m->file);
    return !m->missing;
}

/* The manifests that match the first string which any matches. */
static void match(const struct manifest_set *manifests, struct tree_value compatible,
                  struct device *device)
{
    for (const char *s = value_next_string(compatible, NULL); s != NULL;
         s = value_next_string(compatible, s)) {
        for (unsigned i = 0; i < manifests->count && device->candidates < DEVICE_CANDIDATES_MAX;
             i++)
            if (manifest_matches(manifests->all[i], s))
                device->candidate[device->candidates++] = manifests->all[i];
        if (device->candidates > 0) {
            device->compatible = s;
            return;
        }
    }
}

static void consider(struct device_set *set, uint32_t node)
{
    struct tree_value compatible = tree_get(set->tree, node, "compatible");
    struct device *device = &set->all[set->count];

    if (!value_is_strings(compatible) || kernel_node_words(set, node) != NULL)
        return;
    *device = (struct device){.node = node};
    match(set->manifests, compatible, device);
    if (device->candidates == 0)
        return;
    set->count++;
    if (!set->tree->nodes[node].enabled) {
        (void)reason_set(&device->why, KERN_NOT_FOUND, "the tree says that it is disabled");
        device->candidates = 0;
        return;
    }
    if (device->candidate[0]->probes == 0 && !is_there(device->candidate[0], device))
        return;
    if (device_resources(set, device, device->candidate[0], &device->why) != KERN_SUCCESS)
        device->candidates = 0;
    else if (device->candidate[0]->probes == 0)
        device->driver = device->candidate[0];
}

static void find_console(struct device_set *set)
{
    uint32_t chosen = tree_child(set->tree, 0, "chosen", 6);
    struct tree_value path = {0};

    set->console = TREE_NONE;
    if (chosen == TREE_NONE)
        return;
    path = tree_get(set->tree, chosen, "stdout-path");
    if (path.data == NULL)
        path = tree_get(set->tree, chosen, "linux,stdout-path");
    if (!value_is_strings(path))
        return;
    set->console = tree_find(set->tree, (const char *)path.data);
    set->console_options = strchr((const char *)path.data, ':');
    if (set->console_options != NULL)
        set->console_options++;
}

kern_return_t devices_find(const struct tree *tree, const struct manifest_set *manifests,
                           struct device_set *out, struct reason *reason)
{
    kern_return_t result;

    *out = (struct device_set){.tree = tree, .manifests = manifests};
    out->all = calloc(DEVICES_MAX, sizeof(*out->all));
    if (out->all == NULL)
        return reason_set(reason, KERN_RESOURCE_SHORTAGE, "no memory for devices");
    result = device_pages_read(out, reason);
    if (result != KERN_SUCCESS) {
        devices_free(out);
        return result;
    }
    out->root = interrupts_root(tree);
    find_console(out);
    for (uint32_t node = 0; node < tree->node_count && out->count < DEVICES_MAX; node++)
        consider(out, node);
    return KERN_SUCCESS;
}

void devices_free(struct device_set *set)
{
    free(set->all);
    free(set->pages);
    *set = (struct device_set){0};
}

struct device *devices_at(const struct device_set *set, uint32_t node)
{
    for (unsigned i = 0; i < set->count; i++)
        if (set->all[i].node == node)
            return &set->all[i];
    return NULL;
}

/* ---- Probes ---- */

static bool is_probed(const struct manifest *m, const struct device *device, device_read_t *read,
                      void *context, struct reason *reason)
{
    for (unsigned i = 0; i < m->probes; i++) {
        uint32_t value;
        kern_return_t result = read(context, device, m->probe[i].offset, &value);

        if (result != KERN_SUCCESS) {
            (void)reason_set(reason, result, "its register 0x%x cannot be read (error %d)",
                             (unsigned)m->probe[i].offset, (int)result);
            return false;
        }
        if ((value & m->probe[i].mask) != m->probe[i].value) {
            (void)reason_set(reason, KERN_NOT_FOUND,
                             "its register 0x%x holds 0x%x: no driver that matches %s knows that",
                             (unsigned)m->probe[i].offset, (unsigned)value, device->compatible);
            return false;
        }
    }
    return true;
}

static void choose(struct device_set *set, struct device *device, device_read_t *read,
                   void *context)
{
    for (unsigned i = 0; i < device->candidates; i++) {
        const struct manifest *m = device->candidate[i];

        if (!is_probed(m, device, read, context, &device->why))
            continue;
        if (is_there(m, device) && device_resources(set, device, m, &device->why) == KERN_SUCCESS)
            device->driver = m;
        return;
    }
}

void devices_probe(struct device_set *set, device_read_t *read, void *context)
{
    for (unsigned i = 0; i < set->count; i++)
        if (set->all[i].driver == NULL && set->all[i].candidates > 0)
            choose(set, &set->all[i], read, context);
}

/* ---- Names ---- */

static bool is_taken(const struct device_set *set, const char *instance, uint32_t number)
{
    for (unsigned i = 0; i < set->count; i++) {
        const struct device *device = &set->all[i];

        if (device->driver != NULL && device->named && device->number == number &&
            strcmp(device->driver->instance, instance) == 0)
            return true;
    }
    return false;
}

uint32_t devices_free_number(const struct device_set *set, const char *instance, uint32_t from)
{
    while (from < DEVICE_NUMBERS_MAX && is_taken(set, instance, from))
        from++;
    return from;
}

static void name(struct device *device, uint32_t number)
{
    struct text t = text_in(device->name, sizeof(device->name));

    device->named = true;
    device->number = number;
    text_add(&t, "%s%u", device->driver->instance, (unsigned)number);
}

/* The number behind the stem, without zeros before it; DEVICE_NUMBERS_MAX: it is none. */
static uint32_t alias_number(const char *alias, const char *stem)
{
    size_t length = strlen(stem);
    uint32_t number = 0;

    if (strncmp(alias, stem, length) != 0 || alias[length] == '\0' ||
        (alias[length] == '0' && alias[length + 1] != '\0'))
        return DEVICE_NUMBERS_MAX;
    for (const char *p = alias + length; *p != '\0'; p++) {
        if (*p < '0' || *p > '9' || number >= DEVICE_NUMBERS_MAX)
            return DEVICE_NUMBERS_MAX;
        number = number * 10 + (uint32_t)(*p - '0');
    }
    return number < DEVICE_NUMBERS_MAX ? number : DEVICE_NUMBERS_MAX;
}

/* The lowest number by which /aliases calls the node. */
static uint32_t number_in_aliases(const struct tree *tree, const struct device *device)
{
    uint32_t aliases = tree_child(tree, 0, "aliases", 7), best = DEVICE_NUMBERS_MAX;

    if (aliases == TREE_NONE || device->driver->alias == NULL)
        return best;
    for (uint32_t i = 0; i < tree->nodes[aliases].count; i++) {
        const struct tree_property *p = &tree->properties[tree->nodes[aliases].first + i];
        uint32_t number = alias_number(p->name, device->driver->alias);

        if (number < best && value_is_strings(p->value) && p->value.data[0] == '/' &&
            tree_find(tree, (const char *)p->value.data) == device->node)
            best = number;
    }
    return best;
}

static void refuse(struct device *device)
{
    device->driver = NULL;
    device->named = false;
}

void device_refuse(struct device *device, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(device->why.text, sizeof(device->why.text), format, arguments);
    va_end(arguments);
    refuse(device);
    device->candidates = 0;
}

static void name_all(struct device_set *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        struct device *device = &set->all[i];
        uint32_t number =
            device->driver == NULL ? DEVICE_NUMBERS_MAX : number_in_aliases(set->tree, device);

        if (number < DEVICE_NUMBERS_MAX && !is_taken(set, device->driver->instance, number))
            name(device, number);
    }
    for (unsigned i = 0; i < set->count; i++) {
        struct device *device = &set->all[i];
        uint32_t number;

        if (device->driver == NULL || device->named)
            continue;
        number = devices_free_number(set, device->driver->instance, 0);
        if (number < DEVICE_NUMBERS_MAX) {
            name(device, number);
            continue;
        }
        (void)reason_set(&device->why, KERN_NOT_SUPPORTED, "there are %u of the name %s already",
                         (unsigned)DEVICE_NUMBERS_MAX, device->driver->instance);
        refuse(device);
    }
}

void devices_settle(struct device_set *set)
{
    bool changed = true;

    name_all(set);
    /* Who loses its provider may be one itself. Each round but the last refuses somebody, so this ends. */
    while (changed) {
        changed = false;
        for (unsigned i = 0; i < set->count; i++) {
            if (set->all[i].driver == NULL ||
                device_arguments(set, &set->all[i], &set->all[i].why) == KERN_SUCCESS)
                continue;
            refuse(&set->all[i]);
            changed = true;
        }
    }
}
