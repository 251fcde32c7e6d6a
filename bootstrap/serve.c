/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See serve.h. What a program may have stands in its recipe, and is all that it gets.
 */
#include "serve.h"
#include "copies.h"
#include "log.h"
#include "names.h"
#include "restart.h"
#include "rights.h"
#include "start.h"
#include <libsys/server.h>
#include <libsys/stub.h>
#include <libsys/trap.h>
#include <string.h>

static bool lists(const char (*list)[WORD_SIZE], unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

static kern_return_t give_copy(mach_port_name_t name, mach_port_name_t *out)
{
    if (name == MSG_NULL)
        return KERN_NOT_FOUND;
    *out = name;
    return send_copy(name) == KERN_SUCCESS ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
}

/* It is one of the program's copies. */
static bool has_made(const struct program *p, const char *name)
{
    const struct program *provider = names_provider(name);
    return provider != NULL && recipe_is_copy(&provider->recipe) &&
           strcmp(provider->recipe.maker, p->recipe.name) == 0;
}

/* The supervisor's own service: each who may use it is served at its own bootstrap port. */
static kern_return_t look_up(struct server_message *message, const char *name,
                             mach_port_name_t *port)
{
    const struct program *p = message->context;
    if (!p->recipe.uses_all && !lists(p->recipe.uses, p->recipe.uses_count, name) &&
        !has_made(p, name))
        return KERN_NO_ACCESS;
    return strcmp(name, "supervisor") == 0 ? give_copy(p->port, port) : names_look_up(name, port);
}

static kern_return_t check_in(struct server_message *message, const char *name,
                              mach_port_name_t *port)
{
    struct program *p = message->context;
    if (!lists(p->recipe.provides, p->recipe.provides_count, name))
        return KERN_NO_ACCESS;
    if (message->reply == MSG_REPLY) {
        const int64_t kept = sys_reply_keep();
        if (kept < 0)
            return KERN_RESOURCE_SHORTAGE;
        message->reply = (mach_port_name_t)kept;
    }
    return message->reply == MSG_NULL ? KERN_INVALID_ARGUMENT
                                      : names_check_in(p, name, message->reply, port);
}

static kern_return_t ready(struct server_message *message)
{
    restart_ready(message->context);
    return KERN_SUCCESS;
}

static kern_return_t log_text(struct server_message *message, const char *text)
{
    struct program *p = message->context;
    log_program(&p->log, p->recipe.name, text);
    return KERN_SUCCESS;
}

static kern_return_t get_right(struct server_message *message, const char *name,
                               mach_port_name_t *right)
{
    struct program *p = message->context;
    if (strcmp(name, "device") == 0) {
        *right = p->device;
        p->device = MSG_NULL; /* it goes with the answer */
        return *right != MSG_NULL ? KERN_SUCCESS : KERN_NOT_FOUND;
    }
    if (strcmp(name, "state") == 0)
        return give_copy(p->state_memory, right);
    for (unsigned i = 0; i < POWERS; i++)
        if ((p->recipe.powers & 1u << i) && strcmp(name, power_name(i)) == 0)
            return give_copy(start_power(i), right);
    return KERN_NOT_FOUND;
}

static kern_return_t get_control(struct server_message *message, mach_port_name_t *control)
{
    struct program *p = message->context;
    if (p->control_given == MSG_NULL)
        return KERN_NOT_FOUND;
    *control = p->control_given;
    p->control_given = MSG_NULL;
    return KERN_SUCCESS;
}

static kern_return_t exiting(struct server_message *message, uint32_t status, mach_port_name_t task)
{
    struct program *p = message->context;
    if (task == p->task) {
        p->status_told = true;
        p->status = status & 0xff;
    }
    send_drop(&task);
    return KERN_SUCCESS;
}

const struct service_ops serve_ops = {
    .look_up = look_up,
    .check_in = check_in,
    .ready = ready,
    .log = log_text,
    .get_right = get_right,
    .get_control = get_control,
    .exiting = exiting,
};
