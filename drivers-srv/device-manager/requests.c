/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interfaces/devices.defs, served twice: as `devices` to everybody who may look it up, for list and explain; as `devices.buses`, which the
 * system description gives to drivers of buses only, for found and lost too.
 */
#include "manager.h"

#include <libsys/kernel.h>
#include <libsys/program.h>
#include <string.h>
#include <wharf/if/device_control.h>
#include <wharf/if/devices.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>

enum { BUSES = 0xb05 }; /* payload of devices.buses */

static bool from_bus(const struct server_message *message)
{
    return (msg_flags(message->received.control) & MSG_FLAG_PAYLOAD) != 0 &&
           message->received.local == BUSES;
}

/* ---- Looking ---- */

/* Positions are numbers of nodes, then of functions. False: there are no more. */
static bool path_at(uint32_t position, struct text *out)
{
    const struct function *f;

    if (position < manager.tree.node_count) {
        tree_path(&manager.tree, position, out);
        text_add(out, "\n");
        return true;
    }
    position -= manager.tree.node_count;
    if (position >= FUNCTIONS_MAX)
        return false;
    f = &manager.functions.all[position];
    if (f->used)
        text_add(out, "%s/%s\n", f->bus, f->address);
    return true;
}

static kern_return_t list(struct server_message *message, uint32_t position, uint32_t *next,
                          char *paths)
{
    struct text t = text_in(paths, DEVICES_TEXT_MAX);

    (void)message;
    for (*next = position; t.used + (size_t)TREE_DEPTH_MAX * TREE_NAME_MAX < t.size; ++*next) {
        if (!path_at(*next, &t)) {
            *next = 0;
            break;
        }
    }
    return KERN_SUCCESS;
}

static struct function *function_by_path(const char *path)
{
    for (unsigned i = 0; i < FUNCTIONS_MAX; i++) {
        struct function *f = &manager.functions.all[i];
        size_t length = strlen(f->bus);

        if (f->used && strncmp(path, f->bus, length) == 0 && path[length] == '/' &&
            strcmp(path + length + 1, f->address) == 0)
            return f;
    }
    return NULL;
}

static kern_return_t explain(struct server_message *message, const char *path, char *text)
{
    struct text t = text_in(text, DEVICES_TEXT_MAX);
    char words[160];
    struct text state = text_in(words, sizeof(words));
    const struct function *f = function_by_path(path);
    uint32_t node = f == NULL ? tree_find(&manager.tree, path) : TREE_NONE;
    const struct device *device = node == TREE_NONE ? NULL : devices_at(&manager.devices, node);
    const char *name = f != NULL                                  ? f->name
                       : device != NULL && device->driver != NULL ? device->name
                                                                  : "";
    bool known = name[0] != '\0' && programs_state(name, &state);

    (void)message;
    if (f == NULL && node == TREE_NONE)
        return KERN_NOT_FOUND;
    if (f != NULL)
        function_explain(f, known ? words : NULL, &t);
    else
        node_explain(&manager.devices, node, known ? words : NULL, &t);
    return KERN_SUCCESS;
}

/* ---- Buses ---- */

static bool is_bus(const char *path)
{
    uint32_t node = tree_find(&manager.tree, path);
    const struct device *device = node == TREE_NONE ? NULL : devices_at(&manager.devices, node);

    return device != NULL && device->driver != NULL && device->driver->bus;
}

/* The kernel answers at once; a port of somebody else's is not waited for. */
static bool is_behind(const char *bus, const char *address, mach_port_name_t control)
{
    char name[64], part_of[64];

    return device_control_origin_until(control, name, part_of, 0) == KERN_SUCCESS &&
           function_is_behind(bus, address, name, part_of);
}

static kern_return_t found(struct server_message *message, const char *bus, const char *address,
                           const char *match, mach_port_name_t control)
{
    struct function *f;
    struct handed *handed;
    kern_return_t kr;

    if (!from_bus(message))
        return KERN_NO_ACCESS;
    if (!is_bus(bus))
        return KERN_NOT_FOUND;
    if (!is_behind(bus, address, control))
        return KERN_NO_ACCESS;
    kr = function_found(&manager.functions, &manager.manifests, bus, address, match, &f);
    if (kr != KERN_SUCCESS)
        return kr == KERN_INVALID_ARGUMENT ? KERN_NOT_FOUND : kr;
    handed = &manager.function[f - manager.functions.all];
    if (f->driver == NULL) {
        stub_release_right(control, MSG_MOVE_SEND);
        return KERN_SUCCESS;
    }
    handed->control = control;
    kr = programs_add_function(f);
    handed->control = MSG_NULL; /* after an error it is still the request's */
    return kr;
}

static kern_return_t lost(struct server_message *message, const char *bus, const char *address,
                          mach_port_name_t control)
{
    struct function *f = function_at(&manager.functions, bus, address);

    if (!from_bus(message) || !is_behind(bus, address, control))
        return KERN_NO_ACCESS;
    if (f == NULL)
        return KERN_NOT_FOUND;
    stub_release_right(control, MSG_MOVE_SEND);
    programs_lost(f);
    return KERN_SUCCESS;
}

static const struct devices_ops operations = {.list = list,
                                              .explain = explain,
                                              .found = found,
                                              .lost = lost};

/* ---- Serving ---- */

static kern_return_t check_in_buses(void)
{
    const mach_port_name_t self = program_start_info->task;
    mach_port_name_t service;
    kern_return_t kr = service_check_in(program_start_info->bootstrap, "devices.buses", &service);

    if (kr == KERN_SUCCESS)
        kr = port_set_payload(self, service, BUSES);
    if (kr == KERN_SUCCESS)
        kr = port_move_member(self, service, manager.driver.set);
    return kr;
}

void requests_serve(void)
{
    static struct server_interface interfaces[1];
    mach_port_name_t service;
    kern_return_t kr = driver_check_in(&manager.driver, &service);

    if (kr == KERN_SUCCESS)
        kr = check_in_buses();
    if (kr != KERN_SUCCESS)
        driver_fail(&manager.driver, "its services: error %d", (int)kr);
    programs_add();
    manager.functions.drop = programs_drop;
    interfaces[0] = devices_interface(&operations, NULL);
    driver_serve(&manager.driver, interfaces, 1);
}
