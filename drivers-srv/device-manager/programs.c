/* SPDX-License-Identifier: BSD-2-Clause */
/* Recipes for the supervisor, and what it says of them. See manager.h. */
#include "manager.h"

#include <libsys/kernel.h>
#include <string.h>
#include <wharf/if/supervisor.h>

#define PATIENCE  DEVICE_SECOND
#define NEXT_TIME DEVICE_SECOND

_Static_assert(DEVICE_RECIPE_MAX == SUPERVISOR_RECIPE_MAX, "interfaces/supervisor.defs");

static uint64_t soon(void)
{
    return kernel_clock_now() + PATIENCE;
}

static void settle(struct handed *handed, enum handing how)
{
    handed->handing = how;
    if (handed->control != MSG_NULL)
        stub_release_right(handed->control, MSG_MOVE_SEND);
    handed->control = MSG_NULL;
}

static void hand_over(unsigned which)
{
    struct device *device = &manager.devices.all[which];
    struct handed *handed = &manager.device[which];
    char recipe[DEVICE_RECIPE_MAX];
    struct text t = text_in(recipe, sizeof(recipe));
    kern_return_t kr = KERN_BAD_FORMAT;

    if (device_recipe(&manager.devices, device, &t))
        kr = supervisor_add_until(manager.supervisor, recipe, handed->control, soon());
    switch (kr) {
    case KERN_SUCCESS: settle(handed, HANDING_DONE); return;
    case KERN_EXISTS:
        device_note(device, "the supervisor has another program or service of this name");
        break;
    case KERN_BAD_FORMAT:
        device_note(device, "the supervisor does not understand its recipe");
        break;
    case KERN_NO_ACCESS:
        device_note(device, "the supervisor takes no recipes from the device manager");
        break;
    default: return; /* not now: programs_add() comes again */
    }
    manager_log("%s: the supervisor refuses it: error %d", device->name, (int)kr);
    settle(handed, HANDING_REFUSED);
}

static void again(struct driver *driver)
{
    (void)driver;
    programs_add();
}

void programs_add(void)
{
    unsigned order[DEVICES_MAX], count = devices_order(&manager.devices, order);
    bool waiting = false;

    for (unsigned i = 0; i < count && !waiting; i++) {
        struct handed *handed = &manager.device[order[i]];

        if (handed->handing == HANDING_NOT)
            hand_over(order[i]);
        waiting = handed->handing == HANDING_NOT; /* the order matters: the rest waits with it */
    }
    if (waiting) {
        manager.driver.tick = again;
        manager.driver.tick_at = kernel_clock_now() + NEXT_TIME;
    }
}

/* ---- Functions ---- */

static struct handed *handed_of(const struct function *function)
{
    return &manager.function[function - manager.functions.all];
}

/* The supervisor has its recipe already, and was told to stop it. KERN_BUSY: it runs all the same. */
static void begin_again(struct function *f)
{
    kern_return_t kr =
        f->lost ? supervisor_start_until(manager.supervisor, f->name, soon()) : KERN_SUCCESS;

    if (kr != KERN_SUCCESS && kr != KERN_BUSY)
        manager_log("%s has come again and is not started: error %d", f->name, (int)kr);
    f->lost = false;
}

void programs_lost(struct function *f)
{
    kern_return_t kr;

    if (f->name[0] == '\0')
        return;
    kr = supervisor_stop_until(manager.supervisor, f->name, soon());
    if (kr != KERN_SUCCESS)
        manager_log("%s has gone and is not stopped: error %d", f->name, (int)kr);
    f->lost = true;
    saved_write(f);
}

void programs_drop(struct function *f)
{
    if (f->driver != NULL && !f->lost)
        programs_lost(f);
    *handed_of(f) =
        (struct handed){0}; /* its right was given up when it was handed over, or refused */
    saved_forget(f);
}

kern_return_t programs_add_function(struct function *f)
{
    struct handed *handed = handed_of(f);
    const char *instance = f->driver->instance;
    uint32_t number = devices_free_number(&manager.devices, instance, 0);
    char recipe[DEVICE_RECIPE_MAX];

    for (; number < DEVICE_NUMBERS_MAX;
         number = devices_free_number(&manager.devices, instance, number + 1)) {
        struct text t = text_in(recipe, sizeof(recipe));
        kern_return_t kr = KERN_BAD_FORMAT;

        if (function_recipe(f, number, &t))
            kr = supervisor_add_until(manager.supervisor, recipe, handed->control, soon());
        if (kr == KERN_EXISTS)
            continue; /* another's (functions.h, F1) */
        if (kr == KERN_SUCCESS) {
            settle(handed, HANDING_DONE);
            begin_again(f);
            saved_write(f);
            return kr;
        }
        f->name[0] = '\0';
        (void)reason_set(&f->why, kr, "the supervisor does not take it: error %d", (int)kr);
        handed->handing = HANDING_REFUSED;
        return KERN_RESOURCE_SHORTAGE;
    }
    f->name[0] = '\0';
    (void)reason_set(&f->why, KERN_RESOURCE_SHORTAGE, "there are %u of the name %s",
                     (unsigned)DEVICE_NUMBERS_MAX, instance);
    handed->handing = HANDING_REFUSED;
    return KERN_RESOURCE_SHORTAGE;
}

/* ---- States ---- */

static void say(const struct supervisor_row *row, struct text *out)
{
    static const char *const words[] = {
        [SUPERVISOR_STATE_STOPPED] = "stopped",
        [SUPERVISOR_STATE_WAITING] = "waits to be started",
        [SUPERVISOR_STATE_STARTING] = "starting",
        [SUPERVISOR_STATE_RUNNING] = "running",
        [SUPERVISOR_STATE_STOPPING] = "stopping",
        [SUPERVISOR_STATE_FAILED] = "given up, it failed too often",
    };

    text_add(out, "%s",
             row->state < sizeof(words) / sizeof(words[0]) ? words[row->state] : "unknown");
    if (row->restarts > 0)
        text_add(out, ", restarted %u times, last status %u", (unsigned)row->restarts,
                 (unsigned)row->last_status);
}

bool programs_state(const char *name, struct text *out)
{
    struct supervisor_row rows[SUPERVISOR_ROWS_MAX];
    uint32_t position = 0, count;

    do {
        if (supervisor_list_until(manager.supervisor, position, &position, rows, &count, soon()) !=
            KERN_SUCCESS)
            return false;
        for (uint32_t i = 0; i < count && i < SUPERVISOR_ROWS_MAX; i++) {
            if (strncmp((const char *)rows[i].name, name, sizeof(rows[i].name)) != 0)
                continue;
            say(&rows[i], out);
            return true;
        }
    } while (count == SUPERVISOR_ROWS_MAX);
    text_add(out, "the supervisor does not know it yet");
    return true;
}
