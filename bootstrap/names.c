/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The name service. See names.h.
 */
#include "names.h"
#include "log.h"
#include "rights.h"
#include <libsys/program.h>
#include <libsys/server.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>

enum { SERVICES_MAX = PROGRAMS_MAX * 2 };

static struct service {
    const char *name; /* in the provider's recipe */
    struct program *provider;
    mach_port_name_t port;  /* our send right, and the receive right while it is here */
    bool here;              /* N1 */
    uint32_t generation;    /* of the instance that has or had it; 0: none yet */
    mach_port_name_t reply; /* of an instance that waits for it */
} services[SERVICES_MAX];

static unsigned service_count;

static mach_port_name_t self(void)
{
    return program_start_info->task;
}

static struct service *find(const char *name)
{
    for (unsigned i = 0; i < service_count; i++)
        if (strcmp(services[i].name, name) == 0)
            return &services[i];
    return NULL;
}

static struct service *find_port(mach_port_name_t port)
{
    for (unsigned i = 0; i < service_count; i++)
        if (services[i].port == port)
            return &services[i];
    return NULL;
}

struct program *names_provider(const char *name)
{
    const struct service *service = find(name);
    return service != NULL ? service->provider : NULL;
}

unsigned names_list(struct crash_service *out, unsigned most)
{
    unsigned n = 0;
    for (; n < service_count && n < most; n++)
        out[n] = (struct crash_service){services[n].port, services[n].name};
    return n;
}

/* ---- ports ---- */

static kern_return_t make_port(mach_port_name_t *out)
{
    mach_port_name_t port, name;
    kern_return_t kr = port_allocate(self(), PORT_RIGHT_RECEIVE, &port);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = port_insert_made_send(self(), port, port, &name);
    if (kr == KERN_SUCCESS) /* one message could be too large for its provider to receive, ever */
        kr = port_set_memory_limit(self(), port, 0);
    if (kr == KERN_SUCCESS)
        kr = watch_death(port);
    if (kr != KERN_SUCCESS) {
        stub_release_right(port, MSG_MOVE_RECEIVE);
        return kr;
    }
    *out = port;
    return KERN_SUCCESS;
}

static void drop_port(mach_port_name_t port)
{
    stub_release_right(port, MSG_MOVE_SEND);
    stub_release_right(port, MSG_MOVE_RECEIVE);
}

kern_return_t names_provide(struct program *program)
{
    const struct recipe *recipe = &program->recipe;
    const unsigned before = service_count;
    kern_return_t kr = KERN_SUCCESS;
    for (unsigned i = 0; i < recipe->provides_count && kr == KERN_SUCCESS; i++) {
        struct service new = {.name = recipe->provides[i], .provider = program, .here = true};
        if (find(new.name) != NULL)
            kr = KERN_EXISTS;
        else if (service_count == SERVICES_MAX)
            kr = KERN_RESOURCE_SHORTAGE;
        else
            kr = make_port(&new.port);
        if (kr == KERN_SUCCESS)
            services[service_count++] = new;
    }
    while (kr != KERN_SUCCESS && service_count > before)
        drop_port(services[--service_count].port);
    return kr;
}

void names_withdraw(const struct program *program)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < service_count; i++) {
        if (services[i].provider != program) {
            services[kept++] = services[i];
            continue;
        }
        if (services[i].port != MSG_NULL && services[i].here)
            drop_port(services[i].port);
        else if (services[i].port != MSG_NULL)
            stub_release_right(services[i].port, MSG_MOVE_SEND);
    }
    service_count = kept;
}

/* When its port died there may have been no memory for another. */
static void mend(struct service *service)
{
    if (service->port == MSG_NULL)
        service->here = make_port(&service->port) == KERN_SUCCESS;
}

kern_return_t names_look_up(const char *name, mach_port_name_t *out)
{
    struct service *service = find(name);
    if (service == NULL)
        return KERN_NOT_FOUND;
    mend(service);
    const kern_return_t kr = send_copy(service->port);
    if (kr == KERN_SUCCESS)
        *out = service->port;
    return kr == KERN_SUCCESS ? kr : KERN_RESOURCE_SHORTAGE;
}

/* ---- receive rights go, and come back ---- */

/* Ready to leave: it will be told of when it is given up. */
static kern_return_t prepare_to_give(const struct service *service)
{
    mach_port_name_t previous = MSG_NULL;
    const kern_return_t kr = port_request_notification(self(), service->port, MSG_ID_PORT_DESTROYED,
                                                       0, notices, &previous);
    if (kr == KERN_SUCCESS && previous != MSG_NULL)
        stub_release_right(previous, MSG_MOVE_SEND_ONCE);
    return kr == KERN_SUCCESS ? kr : KERN_RESOURCE_SHORTAGE;
}

kern_return_t names_check_in(struct program *program, const char *name, mach_port_name_t reply,
                             mach_port_name_t *out)
{
    struct service *service = find(name);
    if (service == NULL || service->provider != program)
        return KERN_NOT_FOUND;
    mend(service);
    if (service->port == MSG_NULL)
        return KERN_RESOURCE_SHORTAGE;
    if (!service->here) {
        if (service->generation == program->generation || service->reply != MSG_NULL)
            return KERN_BUSY;
        service->reply = reply;
        return MIG_NO_REPLY;
    }
    const kern_return_t kr = prepare_to_give(service);
    if (kr != KERN_SUCCESS)
        return kr;
    service->here = false;
    service->generation = program->generation;
    *out = service->port;
    return KERN_SUCCESS;
}

/* An instance waits for it since before it came. */
static void give_to_waiting(struct service *service)
{
    const mach_port_name_t reply = service->reply;
    if (reply == MSG_NULL)
        return;
    service->reply = MSG_NULL;
    kern_return_t kr = prepare_to_give(service);
    if (kr == KERN_SUCCESS) {
        service->here = false;
        service->generation = service->provider->generation;
    }
    if (service_reply_check_in(reply, kr, service->port) != KERN_SUCCESS) {
        service->here = true;
        stub_release_right(reply, MSG_MOVE_SEND_ONCE);
    }
}

bool names_came_back(mach_port_name_t name)
{
    struct service *service = name != MSG_NULL ? find_port(name) : NULL;
    if (service == NULL || service->here)
        return false;
    service->here = true;
    give_to_waiting(service);
    return true;
}

bool names_died(mach_port_name_t name)
{
    struct service *service = find_port(name);
    if (service == NULL)
        return false;
    log_line("%s lost the port of %s: it gets a new one, and clients have to look it up again",
             service->provider->recipe.name, service->name);
    stub_release_right(name, MSG_MOVE_SEND); /* the notification's reference is its receiver's */
    service->port = MSG_NULL;
    mend(service);
    if (service->here)
        give_to_waiting(service);
    return true;
}

void names_instance_ended(const struct program *program)
{
    for (unsigned i = 0; i < service_count; i++) {
        if (services[i].provider == program && services[i].reply != MSG_NULL) {
            stub_release_right(services[i].reply, MSG_MOVE_SEND_ONCE);
            services[i].reply = MSG_NULL;
        }
    }
}
