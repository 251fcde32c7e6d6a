/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * References between nodes: clocks, supplies, pins and the like. A reference is a phandle and some cells; to a driver it is worth the service of
 * who drives the node behind it, and the cells; or a constant, where the node is only a number (fixed clocks, fixed supplies).
 * See README.md for the forms.
 */
#include "devices.h"

#include <string.h>

enum {
    CELLS_MAX = 8,
    REFERENCES_MAX = 16, /* of one property */
    SERVED_DEPTH = 4,
};

/* How many cells follow a phandle, by the name of the property. cells NULL: none. class: who may be behind it; NULL: anybody. */
struct kind {
    const char *property;
    bool suffix;
    const char *cells;
    const char *names;
    const char *class;
};

static const struct kind kinds[] = {
    {"clocks", false, "#clock-cells", "clock-names", "clocks"},
    {"gpios", false, "#gpio-cells", NULL, "gpio"},
    {"gpio", false, "#gpio-cells", NULL, "gpio"},
    {"-gpios", true, "#gpio-cells", NULL, "gpio"},
    {"-gpio", true, "#gpio-cells", NULL, "gpio"},
    {"-supply", true, NULL, NULL, "regulator"},
    {"mboxes", false, "#mbox-cells", "mbox-names", NULL},
    {"resets", false, "#reset-cells", "reset-names", NULL},
    {"power-domains", false, "#power-domain-cells", "power-domain-names", NULL},
    {"dmas", false, "#dma-cells", "dma-names", NULL},
    {"phys", false, "#phy-cells", "phy-names", NULL},
    {"pwms", false, "#pwm-cells", "pwm-names", NULL},
};

static const struct kind other = {.property = ""};

static const struct kind *kind_of(const char *property)
{
    size_t length = strlen(property);

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t own = strlen(kinds[i].property);

        if (kinds[i].suffix
                ? length > own && strcmp(property + length - own, kinds[i].property) == 0
                : strcmp(property, kinds[i].property) == 0)
            return &kinds[i];
    }
    return &other;
}

/* One reference: a node and cells. */
struct reference {
    uint32_t node;
    uint32_t cells;
    uint32_t cell[CELLS_MAX];
};

/* The one at cell *at of a list; goes on to the next. An empty one (phandle 0): node TREE_NONE. */
static kern_return_t next_reference(const struct tree *tree, struct tree_value list,
                                    const struct kind *kind, uint32_t *at, struct reference *out,
                                    struct reason *reason)
{
    uint32_t phandle = value_cell(list, (*at)++);

    *out = (struct reference){.node = tree_by_phandle(tree, phandle)};
    if (phandle == 0)
        return KERN_SUCCESS;
    if (out->node == TREE_NONE)
        return reason_set(reason, KERN_BAD_FORMAT, "phandle 0x%x is no node's", (unsigned)phandle);
    if (kind->cells != NULL)
        out->cells = value_u32(tree_get(tree, out->node, kind->cells), UINT32_MAX);
    if (out->cells > CELLS_MAX)
        return reason_set(reason, KERN_BAD_FORMAT, "%s is to be referred to by no number of cells",
                          tree->nodes[out->node].name);
    if (list.length / 4 - *at < out->cells)
        return reason_set(reason, KERN_BAD_FORMAT, "it is cut off");
    for (uint32_t i = 0; i < out->cells; i++)
        out->cell[i] = value_cell(list, (*at)++);
    return KERN_SUCCESS;
}

/* ---- Who serves a node ---- */

static uint32_t first_referred(const struct tree *tree, uint32_t node, const char *property)
{
    struct tree_value v = tree_get(tree, node, property);

    return v.data == NULL || v.length < 4 ? TREE_NONE : tree_by_phandle(tree, value_cell(v, 0));
}

/* As what class the device serves the node; NULL: it does not. */
static const char *serves(const struct device_set *set, const struct device *device, uint32_t node,
                          unsigned depth)
{
    if (node == device->node)
        return device->driver->class;
    if (depth == SERVED_DEPTH || node == 0)
        return NULL;
    for (unsigned i = 0; i < device->driver->alsos; i++) {
        const struct manifest_also *also = &device->driver->also[i];
        uint32_t up;

        if (!value_has_string(tree_get(set->tree, node, "compatible"), also->compatible))
            continue;
        up = also->via == NULL ? set->tree->nodes[node].parent
                               : first_referred(set->tree, node, also->via);
        if (up != TREE_NONE && serves(set, device, up, depth + 1) != NULL)
            return also->class;
    }
    return NULL;
}

const struct device *devices_serving(const struct device_set *set, uint32_t node,
                                     const char **class)
{
    for (unsigned i = 0; i < set->count; i++) {
        *class = set->all[i].driver == NULL ? NULL : serves(set, &set->all[i], node, 0);
        if (*class != NULL)
            return &set->all[i];
    }
    return NULL;
}

static bool use(struct device *device, const char *service)
{
    for (unsigned i = 0; i < device->uses_count; i++)
        if (strcmp(device->uses[i], service) == 0)
            return true;
    if (device->uses_count == DEVICE_USES_MAX)
        return false;
    memcpy(device->uses[device->uses_count++], service, strlen(service) + 1);
    return true;
}

/* "SERVICE:CELLS" for a node with a driver. */
static kern_return_t service_value(const struct device_set *set, struct device *device,
                                   const struct kind *kind, const struct reference *r,
                                   struct text *out, struct reason *reason)
{
    char path[TREE_PATH_MAX], service[DEVICE_SERVICE_MAX];
    struct text p = text_in(path, sizeof(path)), s = text_in(service, sizeof(service));

    const char *class;
    const struct device *provider = devices_serving(set, r->node, &class);

    tree_path(set->tree, r->node, &p);
    if (provider == NULL)
        return reason_set(reason, KERN_NOT_FOUND, "%.160s has no driver", path);
    if (kind->class != NULL && strcmp(class, kind->class) != 0)
        return reason_set(reason, KERN_NOT_FOUND, "%.120s is served by %s, as %s", path,
                          provider->name, class);
    text_add(&s, "%s.%s", class, provider->name);
    if (!use(device, service))
        return reason_set(reason, KERN_NOT_SUPPORTED, "it would use more than %u services",
                          (unsigned)DEVICE_USES_MAX);
    text_add(out, "%s", service);
    for (uint32_t k = 0; k < r->cells; k++)
        text_add(out, ":%u", (unsigned)r->cell[k]);
    return KERN_SUCCESS;
}

/* ---- Constants ---- */

/* "SERVICE:PIN:FLAGS" of the pin that switches a regulator; active_low: as the regulator says. False: there is none, or nobody drives it. */
static bool switch_value(const struct device_set *set, struct device *device, uint32_t node,
                         bool active_low, struct text *out)
{
    const struct kind *kind = kind_of("gpios");
    struct tree_value list = tree_get(set->tree, node, "gpios");
    struct reference r;
    struct reason why;
    uint32_t at = 0;
    kern_return_t result;

    if (list.data == NULL)
        list = tree_get(set->tree, node, "gpio");
    if (list.length < 4)
        return false;
    result = next_reference(set->tree, list, kind, &at, &r, &why);
    if (result == KERN_SUCCESS && r.node == TREE_NONE)
        return false;
    if (result == KERN_SUCCESS && r.cells != 2)
        result = reason_set(&why, KERN_NOT_SUPPORTED, "its pin is not a number and flags");
    r.cell[1] = active_low;
    if (result == KERN_SUCCESS)
        result = service_value(set, device, kind, &r, out, &why);
    if (result != KERN_SUCCESS)
        device_note(device, "%s cannot be switched: %s", set->tree->nodes[node].name, why.text);
    return result == KERN_SUCCESS;
}

/* One voltage, on or off. */
static kern_return_t fixed_regulator(const struct device_set *set, struct device *device,
                                     uint32_t node, struct text *out, struct reason *reason)
{
    uint32_t least = value_u32(tree_get(set->tree, node, "regulator-min-microvolt"), 0);
    uint32_t most = value_u32(tree_get(set->tree, node, "regulator-max-microvolt"), least);

    if (switch_value(set, device, node, !tree_has(set->tree, node, "enable-active-high"), out))
        return KERN_SUCCESS;
    if (most == 0 || (least != 0 && least != most))
        return reason_set(reason, KERN_BAD_FORMAT, "%s does not say its voltage",
                          set->tree->nodes[node].name);
    text_add(out, "%u", (unsigned)most);
    return KERN_SUCCESS;
}

/* Two voltages: a pin, active for the lower one. */
static kern_return_t switched_regulator(const struct device_set *set, struct device *device,
                                        uint32_t node, struct text *out, struct reason *reason)
{
    struct tree_value states = tree_get(set->tree, node, "states");
    uint32_t lower;

    if (states.length != 16 || value_cell(states, 1) > 1 ||
        value_cell(states, 3) != (value_cell(states, 1) ^ 1))
        return reason_set(reason, KERN_NOT_SUPPORTED, "%s has not two voltages and one pin",
                          set->tree->nodes[node].name);
    lower = value_cell(states, 0) < value_cell(states, 2) ? 1 : 3;
    if (switch_value(set, device, node, value_cell(states, lower) == 0, out))
        return KERN_SUCCESS;
    return reason_set(reason, KERN_NOT_FOUND, "%s cannot be switched", set->tree->nodes[node].name);
}

/* What one reference is worth. */
static kern_return_t value_of(const struct device_set *set, struct device *device,
                              const struct kind *kind, const struct reference *r, struct text *out,
                              struct reason *reason)
{
    struct tree_value compatible = tree_get(set->tree, r->node, "compatible");
    uint32_t hertz;

    if (!set->tree->nodes[r->node].enabled)
        return reason_set(reason, KERN_NOT_FOUND, "%s is disabled", set->tree->nodes[r->node].name);
    if (value_has_string(compatible, "fixed-clock")) {
        hertz = value_u32(tree_get(set->tree, r->node, "clock-frequency"), 0);
        if (hertz == 0)
            return reason_set(reason, KERN_BAD_FORMAT, "%s does not say its frequency",
                              set->tree->nodes[r->node].name);
        text_add(out, "%u", (unsigned)hertz);
        return KERN_SUCCESS;
    }
    if (value_has_string(compatible, "regulator-fixed"))
        return fixed_regulator(set, device, r->node, out, reason);
    if (value_has_string(compatible, "regulator-gpio"))
        return switched_regulator(set, device, r->node, out, reason);
    return service_value(set, device, kind, r, out, reason);
}

/* ---- Properties ---- */

/* Is the i-th reference the one of that name? Without names it is the first. */
static bool is_named(const struct tree *tree, uint32_t node, const struct kind *kind,
                     const char *wanted, uint32_t i)
{
    struct tree_value names = {0};
    const char *name = NULL;

    if (kind->names != NULL)
        names = tree_get(tree, node, kind->names);
    if (!value_is_strings(names))
        return i == 0;
    do
        name = value_next_string(names, name);
    while (name != NULL && i-- > 0);
    return name != NULL && strcmp(name, wanted) == 0;
}

/* One reference as an argument; KERN_NOT_SUPPORTED: no room. */
static kern_return_t pass(const struct device_set *set, const struct manifest_phandle *wanted,
                          struct device *device, const struct kind *kind, const struct reference *r,
                          uint32_t number, struct reason *why)
{
    char value[256], name[MANIFEST_NAME_MAX + 8];
    struct text v = text_in(value, sizeof(value)), n = text_in(name, sizeof(name));
    kern_return_t result = value_of(set, device, kind, r, &v, why);

    if (result != KERN_SUCCESS)
        return result;
    if (wanted->name != NULL)
        text_add(&n, "%s", wanted->argument);
    else
        text_add(&n, "%s.%u", wanted->argument, (unsigned)number);
    if (v.cut || !device_argument(device, name, value))
        return reason_set(why, KERN_NOT_SUPPORTED, "there is no room to tell it");
    return KERN_SUCCESS;
}

/* Go through the list, counting in *passed what the driver was told. */
static kern_return_t go_through(const struct device_set *set, const struct manifest_phandle *wanted,
                                struct device *device, unsigned *passed, struct reason *why)
{
    const struct kind *kind = kind_of(wanted->property);
    struct tree_value list = tree_get(set->tree, device->node, wanted->property);
    kern_return_t first = KERN_SUCCESS;
    uint32_t at = 0;

    if (list.length % 4 != 0)
        return reason_set(why, KERN_BAD_FORMAT, "it is %u bytes", (unsigned)list.length);
    for (uint32_t i = 0; at < list.length / 4; i++) {
        struct reason own;
        struct reference r;
        kern_return_t result;

        if (i == REFERENCES_MAX)
            return reason_set(why, KERN_NOT_SUPPORTED, "it has more than %u references",
                              (unsigned)REFERENCES_MAX);
        result = next_reference(set->tree, list, kind, &at, &r, why);
        if (result != KERN_SUCCESS)
            return result; /* where the next one begins is not known */
        if (r.node == TREE_NONE ||
            (wanted->name != NULL && !is_named(set->tree, device->node, kind, wanted->name, i)))
            continue;
        result = pass(set, wanted, device, kind, &r, i, &own);
        if (result == KERN_SUCCESS)
            ++*passed;
        else if (first == KERN_SUCCESS)
            first = reason_set(why, result, "%s", own.text);
    }
    return first;
}

kern_return_t provider_value(const struct device_set *set, const struct manifest_phandle *wanted,
                             struct device *device, struct reason *reason)
{
    struct reason why = {"there is none"};
    unsigned passed = 0;
    kern_return_t result = KERN_SUCCESS;

    if (tree_has(set->tree, device->node, wanted->property))
        result = go_through(set, wanted, device, &passed, &why);
    else if (!wanted->needed)
        return KERN_SUCCESS;
    if (wanted->needed && (passed == 0 || result != KERN_SUCCESS))
        return reason_set(reason, KERN_NOT_FOUND, "driver %s needs %s, but %s",
                          device->driver->name, wanted->property, why.text);
    if (result != KERN_SUCCESS)
        device_note(device, "%s: %s", wanted->property, why.text);
    else if (passed == 0 && wanted->name != NULL)
        device_note(device, "%s: none is called %s", wanted->property, wanted->name);
    return KERN_SUCCESS;
}
