/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a driver is told, one word each (README.md): properties, references, windows and routes of a bus, whether it is the console. A property that
 * makes no sense is left out, with a note for who asks.
 */
#include "devices.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_MAX = DEVICE_ARGUMENTS_SIZE };

bool device_argument(struct device *device, const char *name, const char *value)
{
    size_t used = strlen(device->arguments), room = sizeof(device->arguments) - used;
    int length;

    if (device->words == DEVICE_ARGUMENTS_MAX)
        return false;
    length = snprintf(device->arguments + used, room, "%s%s%s%s", used > 0 ? " " : "", name,
                      value != NULL ? "=" : "", value != NULL ? value : "");
    if (length < 0 || (size_t)length >= room) {
        device->arguments[used] = '\0';
        return false;
    }
    device->words++;
    return true;
}

void device_note(struct device *device, const char *format, ...)
{
    struct text t = {device->notes, sizeof(device->notes), strlen(device->notes), false};
    struct reason line;
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(line.text, sizeof(line.text), format, arguments);
    va_end(arguments);
    text_add(&t, "%s\n", line.text);
}

static kern_return_t full(const struct device *device, struct reason *reason)
{
    return reason_set(reason, KERN_NOT_SUPPORTED,
                      "there is more to tell driver %s than its arguments hold",
                      device->driver->name);
}

/* ---- Properties ---- */

/* Can it be one word? */
static bool is_word(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text >= 0x7f || *text == '#')
            return false;
    return true;
}

static bool property_text(struct tree_value v, bool as_text, char out[VALUE_MAX])
{
    struct text t = text_in(out, VALUE_MAX);

    if (as_text) {
        if (!value_is_strings(v) || !is_word((const char *)v.data))
            return false;
        text_add(&t, "%s", (const char *)v.data);
        return !t.cut;
    }
    if (v.length == 0)
        text_add(&t, "1"); /* it is there: that is all there is to know */
    if (v.length % 4 != 0 || v.length > 64)
        return false;
    for (uint32_t i = 0; i < v.length / 4; i++)
        text_add(&t, "%s%u", i > 0 ? "," : "", (unsigned)value_cell(v, i));
    return !t.cut;
}

static kern_return_t add_properties(const struct device_set *set, struct device *device,
                                    struct reason *reason)
{
    for (unsigned i = 0; i < device->driver->properties; i++) {
        const struct manifest_property *p = &device->driver->property[i];
        struct tree_value v = tree_get(set->tree, device->node, p->name);
        char text[VALUE_MAX];

        if (v.data == NULL)
            continue;
        if (!property_text(v, p->text, text))
            device_note(device, "%s: %u bytes that are no %s", p->name, (unsigned)v.length,
                        p->text ? "word" : "numbers");
        else if (!device_argument(device, p->argument, text))
            return full(device, reason);
    }
    return KERN_SUCCESS;
}

static kern_return_t add_references(const struct device_set *set, struct device *device,
                                    struct reason *reason)
{
    for (unsigned i = 0; i < device->driver->phandles; i++) {
        kern_return_t result = provider_value(set, &device->driver->phandle[i], device, reason);

        if (result != KERN_SUCCESS)
            return result;
    }
    return KERN_SUCCESS;
}

/* ---- Buses ---- */

/* window.N=SPACE:BUS ADDRESS:SIZE:RANGE, all but the last in hexadecimal. */
static bool add_windows(const struct device_set *set, struct device *device)
{
    struct bus_window window[ADDRESS_RANGES_MAX];
    struct reason ignored;
    uint32_t count;

    if (address_bus_windows(set->tree, device->node, window, &count, &ignored) != KERN_SUCCESS)
        return false; /* not after device_resources() */
    for (uint32_t i = 0; i < count; i++) {
        char name[16], value[80];
        struct text n = text_in(name, sizeof(name)), v = text_in(value, sizeof(value));

        text_add(&n, "window.%u", (unsigned)i);
        text_add(&v, "%x:%llx:%llx:%u", (unsigned)window[i].bus.space,
                 (unsigned long long)window[i].bus.base, (unsigned long long)window[i].bus.size,
                 (unsigned)(device->own_ranges + i));
        if (!device_argument(device, name, value))
            return false;
    }
    return true;
}

/* routes=ADDRESS MASK:PIN MASK:ADDRESS.PIN.LINE,... ; addresses in hexadecimal. */
static bool add_routes(const struct device_set *set, struct device *device,
                       struct interrupt_routes *routes)
{
    struct interrupt_line line[INTERRUPTS_MAX];
    char value[VALUE_MAX];
    struct text t = text_in(value, sizeof(value));
    struct reason ignored;
    uint32_t lines = 0;

    if (device->driver->lines.most > 0 &&
        interrupts_lines(set->tree, set->root, device->node, device->driver->lines.most, line,
                         &lines, &ignored) != KERN_SUCCESS)
        return false; /* not after device_resources(), nor the next */
    if (interrupts_routes(set->tree, set->root, device->node, line, &lines, routes, &ignored) !=
        KERN_SUCCESS)
        return false;
    if (routes->count == 0)
        return true;
    text_add(&t, "%x:%x:", (unsigned)routes->address_mask, (unsigned)routes->pin_mask);
    for (uint32_t i = 0; i < routes->count; i++)
        text_add(&t, "%s%x.%u.%u", i > 0 ? "," : "", (unsigned)routes->route[i].address,
                 (unsigned)routes->route[i].pin, (unsigned)routes->route[i].line);
    return !t.cut && device_argument(device, "routes", value);
}

static kern_return_t add_bus(const struct device_set *set, struct device *device,
                             struct reason *reason)
{
    struct interrupt_routes *routes;
    bool fits;

    if (!device->driver->bus)
        return KERN_SUCCESS;
    routes = calloc(1, sizeof(*routes));
    if (routes == NULL)
        return reason_set(reason, KERN_RESOURCE_SHORTAGE, "no memory for an interrupt-map");
    fits = add_windows(set, device) && add_routes(set, device, routes);
    free(routes);
    return fits ? KERN_SUCCESS : full(device, reason);
}

/* ---- All of it ---- */

/* Which service it is, of which node, and which of the driver's devices. */
static kern_return_t add_names(const struct device_set *set, struct device *device,
                               struct reason *reason)
{
    char service[DEVICE_SERVICE_MAX], path[TREE_PATH_MAX];
    struct text s = text_in(service, sizeof(service)), p = text_in(path, sizeof(path));

    text_add(&s, "%s.%s", device->driver->class, device->name);
    tree_path(set->tree, device->node, &p);
    if (p.cut || !is_word(path))
        return reason_set(reason, KERN_NOT_SUPPORTED, "its path is too long, or no word");
    if (!device_argument(device, "service", service) || !device_argument(device, "node", path) ||
        !device_argument(device, "compatible", device->compatible))
        return full(device, reason);
    return KERN_SUCCESS;
}

static kern_return_t add_own_words(struct device *device, struct reason *reason)
{
    char words[MANIFEST_ARGUMENTS_MAX];
    char *save = NULL;

    (void)snprintf(words, sizeof(words), "%s", device->driver->arguments);
    for (char *word = strtok_r(words, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
        if (!device_argument(device, word, NULL))
            return full(device, reason);
    return KERN_SUCCESS;
}

/* What stdout-path says behind its ':', as it is, and the speed in it. */
static kern_return_t add_console(const struct device_set *set, struct device *device,
                                 struct reason *reason)
{
    const char *options = set->console_options;
    size_t digits = options == NULL ? 0 : strspn(options, "0123456789");
    char speed[10];

    if (device->node != set->console)
        return KERN_SUCCESS;
    if (options != NULL && (!is_word(options) || strlen(options) > 32)) {
        device_note(device, "stdout-path: what stands behind the ':' is no word");
        options = NULL;
        digits = 0;
    }
    if (!device_argument(device, "console", options != NULL ? options : "1"))
        return full(device, reason);
    if (digits == 0 || digits >= sizeof(speed))
        return KERN_SUCCESS;
    memcpy(speed, options, digits);
    speed[digits] = '\0';
    return device_argument(device, "baud", speed) ? KERN_SUCCESS : full(device, reason);
}

kern_return_t device_arguments(struct device_set *set, struct device *device, struct reason *reason)
{
    kern_return_t result;

    device->arguments[0] = device->notes[0] = '\0';
    device->words = device->uses_count = 0;
    result = add_names(set, device, reason);
    if (result == KERN_SUCCESS)
        result = add_own_words(device, reason);
    if (result == KERN_SUCCESS)
        result = add_console(set, device, reason);
    if (result == KERN_SUCCESS)
        result = add_bus(set, device, reason);
    if (result == KERN_SUCCESS)
        result = add_properties(set, device, reason);
    return result == KERN_SUCCESS ? add_references(set, device, reason) : result;
}

bool device_recipe(const struct device_set *set, const struct device *device, struct text *out)
{
    const struct manifest *m = device->driver;

    text_add(out, "program %s\n", device->name);
    text_add(out, "file %s\n", m->file);
    if (device->arguments[0] != '\0')
        text_add(out, "arguments %s\n", device->arguments);
    text_add(out, "provides %s.%s\n", m->class, device->name);
    for (unsigned i = 0; i < m->alsos; i++)
        if (strcmp(m->also[i].class, m->class) != 0)
            text_add(out, "provides %s.%s\n", m->also[i].class, device->name);
    if (device->node == set->console)
        text_add(out, "provides %s.console\n", m->class);
    for (unsigned i = 0; i < device->uses_count; i++)
        text_add(out, "uses %s\n", device->uses[i]);
    for (const char *line = m->recipe; *line != '\0';) {
        int length = (int)strcspn(line, "\n");

        text_add(out, "%.*s\n", length, line);
        line += length + 1;
    }
    return !out->cut;
}
