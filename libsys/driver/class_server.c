/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the servers of all classes have in common (<libsys/driver/class_server.h>).
 */
#include <libsys/driver/class_server.h>
#include <libsys/program.h>
#include <string.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>

/* CLASS and the instance's name, from what `service=` says. False: it says nothing, or too much. */
static bool make_name(const struct driver *driver, const char *class, char name[SERVICE_NAME_MAX])
{
    const char *service = driver_argument(driver, "service");
    const char *instance = service ? strchr(service, '.') : NULL;

    if (!service || (class && !instance))
        return false;
    const char *tail = class ? instance : service;
    const size_t head_length = class ? strlen(class) : 0, tail_length = strlen(tail);
    if (head_length + tail_length >= SERVICE_NAME_MAX)
        return false;
    if (class)
        memcpy(name, class, head_length + 1);
    memcpy(name + head_length, tail, tail_length + 1);
    return true;
}

void class_server_check_in(struct driver *driver, struct class_server *server, const char *class,
                           void *device)
{
    char name[SERVICE_NAME_MAX];
    kern_return_t kr;

    if (!make_name(driver, class, name))
        driver_fail(driver, "no argument service= that names what it serves");
    kr = service_check_in(program_start_info->bootstrap, name, &server->port);
    if (kr == KERN_SUCCESS)
        kr = port_move_member(program_start_info->task, server->port, driver->set);
    if (kr != KERN_SUCCESS)
        driver_fail(driver, "the service %s: error %d", name, (int)kr);
    server->device = device;
}

void *class_server_device(const struct server_message *message)
{
    const struct class_server *server = message->context;
    const bool is_ours = !(msg_flags(message->received.control) & MSG_FLAG_PAYLOAD) &&
                         message->received.local == server->port;

    return is_ours ? server->device : NULL;
}
