/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In which order recipes go to the supervisor: who provides before who uses, since a name that nobody has said he will provide cannot be looked
 * up. See devices.h.
 */
#include "devices.h"

#include <string.h>

/* Does `lines` have a line "uses ... NAME ..."? */
static bool recipe_uses(const char *lines, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = lines; *line != '\0'; line += strcspn(line, "\n") + 1) {
        const char *end = line + strcspn(line, "\n"), *at = line;

        if (strncmp(line, "uses ", 5) != 0)
            continue;
        while ((at = strchr(at, ' ')) != NULL && at < end) {
            at++;
            if (strncmp(at, name, length) == 0 && (at[length] == ' ' || at[length] == '\n'))
                return true;
        }
    }
    return false;
}

static bool uses(const struct device *device, const char *name)
{
    for (unsigned i = 0; i < device->uses_count; i++)
        if (strcmp(device->uses[i], name) == 0)
            return true;
    return recipe_uses(device->driver->recipe, name);
}

/* Does a use what b provides? */
static bool uses_device(const struct device *a, const struct device *b)
{
    char name[DEVICE_SERVICE_MAX];
    struct text t = text_in(name, sizeof(name));

    text_add(&t, "%s.%s", b->driver->class, b->name);
    if (uses(a, name))
        return true;
    for (unsigned i = 0; i < b->driver->alsos; i++) {
        t = text_in(name, sizeof(name));
        text_add(&t, "%s.%s", b->driver->also[i].class, b->name);
        if (uses(a, name))
            return true;
    }
    return false;
}

static bool waits(const struct device_set *set, const bool *placed, unsigned which)
{
    for (unsigned i = 0; i < set->count; i++)
        if (i != which && set->all[i].driver != NULL && !placed[i] &&
            uses_device(&set->all[which], &set->all[i]))
            return true;
    return false;
}

unsigned devices_order(const struct device_set *set, unsigned order[DEVICES_MAX])
{
    bool placed[DEVICES_MAX] = {false}, circle = false;
    unsigned count = 0, before;

    do {
        before = count;
        for (unsigned i = 0; i < set->count; i++) {
            if (set->all[i].driver == NULL || placed[i] || (!circle && waits(set, placed, i)))
                continue;
            placed[i] = true;
            order[count++] = i;
        }
        /* If none of those left can come before the others, they use each other. */
        circle = count == before && !circle;
    } while (count != before || circle);
    return count;
}
