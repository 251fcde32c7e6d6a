/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens and their ports. A slot has one port from its first use on, whose payload names the slot: when nobody has a right to the port any
 * more, what was open is closed, and the slot and its port are used again. So an open costs two calls of the kernel.
 *
 * P1 A slot in use has a registered request for no senders, unless it is held. A slot that is free has no send rights, so nobody can send there.
 * P2 The last of the opens are for files that are to be executed: whoever holds all others, programs can be run, and he can be ended by one.
 */
#include "lasting.h"
#include <libsys/program.h>
#include <libsys/stub.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>

enum {
    SLOTS_AT_ONCE = 64,
    KEPT = 16, /* one of so many: P2 */
    MEMORY_MAX =
        2 *
        FILE_BULK_MAX, /* in messages that wait: counted in pages, so one of the longest takes more than its bytes */
};

static mach_port_name_t self(void)
{
    return program_start_info->task;
}

static kern_return_t make_port(const struct file_server *server, uint64_t payload, bool lasts,
                               mach_port_name_t *out)
{
    mach_port_name_t name;
    kern_return_t kr = port_allocate(self(), PORT_RIGHT_RECEIVE, &name);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = port_set_payload(self(), name, payload);
    if (kr == KERN_SUCCESS)
        kr = port_set_memory_limit(self(), name, MEMORY_MAX);
    if (kr == KERN_SUCCESS)
        kr = port_move_member(self(), name, server->set);
    if (kr == KERN_SUCCESS && lasts)
        kr = keep_port(file_server_keep(server), name);
    if (kr != KERN_SUCCESS) {
        stub_release_right(name, MSG_MOVE_RECEIVE);
        return kr;
    }
    *out = name;
    return KERN_SUCCESS;
}

/* ---- slots ---- */

static bool have_room(struct file_server *server)
{
    if (server->slots % SLOTS_AT_ONCE != 0)
        return true;
    struct file_open **more =
        realloc(server->opens, (server->slots + SLOTS_AT_ONCE) * sizeof(struct file_open *));
    if (!more)
        return false;
    server->opens = more;
    return true;
}

/* One that has no port yet. */
static struct file_open *new_slot(struct file_server *server)
{
    struct file_open *open = have_room(server) ? calloc(1, sizeof(*open)) : NULL;

    if (!open)
        return NULL;
    open->server = server;
    open->lasting = lasting_record(server, server->slots);
    server->opens[server->slots++] = open;
    open->next_free = server->slots; /* index + 1 until it is in the list */
    return open;
}

struct file_open *open_slot(struct file_server *server, uint32_t index)
{
    while (server->slots <= index)
        if (!new_slot(server))
            return NULL;
    return server->opens[index];
}

static void put_into_list(struct file_open *open)
{
    struct file_server *server = open->server;
    const uint32_t number = open->next_free;

    open->next_free = server->first_free;
    server->first_free = number;
}

/* The highest first, so that the lowest is used first. */
void open_list_free(struct file_server *server)
{
    for (uint32_t i = server->slots; i-- > 0;)
        if (!server->opens[i]->node)
            put_into_list(server->opens[i]);
}

static struct file_open *take_from_list(struct file_server *server, uint32_t *link)
{
    const uint32_t number = *link;
    struct file_open *open = server->opens[number - 1];

    *link = open->next_free;
    open->next_free = number;
    return open;
}

static bool have_port(struct file_open *open)
{
    const struct file_server *server = open->server;

    return open->port != MSG_NULL ||
           make_port(server, FILE_SERVER_PAYLOAD | (open->next_free - 1), server->lasting != NULL,
                     &open->port) == KERN_SUCCESS;
}

/* P2 */
static bool may_open(const struct file_server *server, uint32_t flags)
{
    const uint32_t kept = flags & FILE_EXECUTE ? 0 : server->limits.opens / KEPT;

    return server->in_use < server->limits.opens - kept;
}

static struct file_open *take_slot(struct file_server *server, uint32_t flags)
{
    struct file_open *open;

    if (!may_open(server, flags))
        return NULL;
    open = server->first_free != 0 ? take_from_list(server, &server->first_free) : new_slot(server);
    if (open && !have_port(open)) {
        put_into_list(open);
        return NULL;
    }
    if (open)
        server->in_use++;
    return open;
}

static void free_slot(struct file_open *open)
{
    open->node = NULL;
    put_into_list(open);
    open->server->in_use--;
}

/* Who has it only as a place has not opened it. */
kern_return_t open_tell(struct file_open *open)
{
    const struct file_node_ops *ops = open->node->ops;

    return ops->opened && !(open->flags & FILE_PATH) ? ops->opened(open) : KERN_SUCCESS;
}

void open_tell_closed(struct file_open *open)
{
    const struct file_node_ops *ops = open->node->ops;

    if (ops->closed && !(open->flags & FILE_PATH))
        ops->closed(open);
}

kern_return_t open_make(struct file_server *server, struct file_node *node, uint32_t flags,
                        struct file_open **out)
{
    struct file_open *open = take_slot(server, flags);

    if (!open)
        return unix_error(ENFILE);
    open->node = node;
    open->flags = flags & FLAGS_KEPT;
    open->offset = 0;
    open->state = 0;
    open->held = false;
    kern_return_t kr = open_tell(open);
    if (kr == KERN_SUCCESS) {
        kr = lasting_open(open);
        if (kr != KERN_SUCCESS)
            open_tell_closed(open);
    }
    if (kr != KERN_SUCCESS) {
        free_slot(open);
        return kr;
    }
    file_node_reference(node);
    *out = open;
    return KERN_SUCCESS;
}

void open_close(struct file_open *open)
{
    struct file_node *node = open->node;

    lasting_close(open);
    wait_cancel(open);
    lock_closed(open);
    open_tell_closed(open);
    free_slot(open);
    file_node_release(node);
}

kern_return_t open_await_end(struct file_open *open)
{
    mach_port_name_t previous = MSG_NULL;
    const kern_return_t kr = port_request_notification(self(), open->port, MSG_ID_NO_SENDERS,
                                                       open->made, open->port, &previous);

    if (kr == KERN_SUCCESS && previous != MSG_NULL)
        stub_release_right(previous, MSG_MOVE_SEND_ONCE);
    return kr;
}

kern_return_t open_give(struct file_open *open, mach_port_name_t *right)
{
    kern_return_t kr = port_insert_made_send(self(), open->port, open->port, right);

    if (kr == KERN_SUCCESS) {
        open->made++;
        kr = open_await_end(open);
        if (kr != KERN_SUCCESS)
            stub_release_right(*right, MSG_MOVE_SEND);
    }
    if (kr == KERN_SUCCESS)
        return kr;
    open_close(open);
    return unix_error(ENFILE);
}

kern_return_t file_server_open(struct file_server *server, struct file_node *node, uint32_t flags,
                               mach_port_name_t *right)
{
    struct file_open *open;
    const kern_return_t kr = open_make(server, node, flags, &open);

    return kr == KERN_SUCCESS ? open_give(open, right) : kr;
}

/* ---- who is meant ---- */

struct file_open *file_server_opened(struct file_server *server,
                                     const struct server_message *message)
{
    const uint64_t index = message->received.local ^ FILE_SERVER_PAYLOAD;

    if (!(msg_flags(message->received.control) & MSG_FLAG_PAYLOAD) || index >= server->slots ||
        !server->opens[index]->node)
        return NULL;
    return server->opens[index];
}

struct file_open *open_of(const struct server_message *message)
{
    return file_server_opened(message->context, message);
}

struct file_open *open_of_port(const struct file_server *server, mach_port_name_t port)
{
    for (uint32_t i = 0; i < server->slots; i++)
        if (server->opens[i]->port == port)
            return server->opens[i]->node ? server->opens[i] : NULL;
    return NULL;
}

/* ---- the server ---- */

kern_return_t file_server_begin(struct file_server *server, const struct file_server_limits *limits,
                                mach_port_name_t set)
{
    kern_return_t kr = KERN_SUCCESS;

    memset(server, 0, sizeof(*server));
    server->limits = *limits;
    server->set = set;
    if (set == MSG_NULL)
        kr = port_allocate(self(), PORT_RIGHT_SET, &server->set);
    if (kr == KERN_SUCCESS)
        kr = make_port(server, FILE_SERVER_PAYLOAD | UINT32_MAX, false, &server->notify);
    return kr == KERN_SUCCESS && limits->lasting ? lasting_begin(server, limits->lasting) : kr;
}

/* Each instance's n-th is slot n (lasting.h: requests are known by that), if it lasts. */
static struct file_open *root_slot(struct file_server *server)
{
    const uint32_t wanted = server->roots;

    for (uint32_t *link = &server->first_free; *link != 0;
         link = &server->opens[*link - 1]->next_free)
        if (*link == wanted + 1 && server->opens[wanted]->port == MSG_NULL)
            return take_from_list(server, link);
    return new_slot(server);
}

static kern_return_t give_port(struct file_open *open, mach_port_name_t port)
{
    kern_return_t kr = port_set_payload(self(), port, FILE_SERVER_PAYLOAD | (open->next_free - 1));

    if (kr == KERN_SUCCESS)
        kr = port_set_memory_limit(self(), port, MEMORY_MAX);
    if (kr == KERN_SUCCESS)
        kr = port_move_member(self(), port, open->server->set);
    if (kr == KERN_SUCCESS)
        open->port = port;
    return kr;
}

static bool may_mount(const char *service)
{
    static const char tail[] = ".mount";
    const size_t length = strlen(service);

    return length >= sizeof(tail) && strcmp(service + length - (sizeof(tail) - 1), tail) == 0;
}

kern_return_t file_server_root(struct file_server *server, const char *service,
                               struct file_node *node)
{
    mach_port_name_t port;
    const kern_return_t kr = service_check_in(program_start_info->bootstrap, service, &port);

    if (kr != KERN_SUCCESS)
        return kr;
    struct file_open *open = root_slot(server);
    if (!open || give_port(open, port) != KERN_SUCCESS) {
        if (open)
            put_into_list(open);
        stub_release_right(port, MSG_MOVE_RECEIVE);
        return KERN_RESOURCE_SHORTAGE;
    }
    server->in_use++;
    node->is_root = true;
    open->node = file_node_reference(node);
    open->flags = FILE_READ | FILE_WRITE | FILE_EXECUTE | (may_mount(service) ? FLAG_MOUNTS : 0);
    open->held = true;
    mount_restore_above(open, server->roots++);
    return KERN_SUCCESS;
}
