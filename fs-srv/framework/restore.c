/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an earlier instance left (lasting.h): slots in use with their ports, and the request that it was at. And the end of all that.
 */
#include "lasting.h"
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/port.h>

/* How many rights an instance can make to one port before it counts as the next one will: what is late by so much is in no queue. */
enum { MADE_BITS = 16 };

#define MAGIC UINT64_C(0x31676e697473616c) /* "lasting1" */

/* ---- ports ---- */

static void let_die(const struct lasting *lasting, mach_port_name_t port)
{
    keep_forget(&lasting->keep, port);
    stub_release_right(port, MSG_MOVE_RECEIVE);
}

/* Of a slot that is free nobody has a right to the port: it gets another one. */
static void restored(void *context, uint64_t payload, mach_port_name_t port)
{
    struct file_server *server = context;
    const struct lasting *lasting = server->lasting;
    const uint64_t index = payload ^ FILE_SERVER_PAYLOAD;
    const bool is_open = index < lasting->head->opens && lasting->head->open[index].used != 0;
    struct file_open *open = is_open ? open_slot(server, (uint32_t)index) : NULL;

    if (open && open->port == MSG_NULL)
        open->port = port;
    else if (index > UINT32_MAX && lasting->by.restored)
        lasting->by.restored(lasting->by.context, payload, port);
    else
        let_die(lasting, port);
}

/* ---- opens ---- */

static bool makes_sense(const struct lasting_open *record)
{
    return !(record->flags & ~FLAGS_KEPT) && record->offset <= INT64_MAX &&
           record->kind >= FILE_KIND_REGULAR && record->kind <= FILE_KIND_SOCKET;
}

/* Its node, or what stands for it. */
static void find_node(struct file_open *open)
{
    const struct lasting_open *record = open->lasting;
    const struct file_server_lasting *by = &open->server->lasting->by;

    if (by->find(by->context, record->identity, &open->node) == KERN_SUCCESS) {
        if (open_tell(open) == KERN_SUCCESS)
            return;
        file_node_release(open->node);
    }
    open->node = gone_node(record->kind);
}

/* It gets another port when it is used. */
static void lose(struct file_open *open)
{
    open->lasting->used = 0;
    if (open->port != MSG_NULL)
        let_die(open->server->lasting, open->port);
    open->port = MSG_NULL;
}

/* False: it is lost. */
static bool revive(struct file_open *open)
{
    struct file_server *server = open->server;
    const struct lasting_open *record = open->lasting;

    if (open->port == MSG_NULL || !makes_sense(record)) {
        lose(open);
        return false;
    }
    open->flags = record->flags;
    open->offset = record->offset;
    open->made = server->lasting->head->instance << MADE_BITS; /* Y4 */
    find_node(open);
    const mach_port_name_t self = program_start_info->task;
    if (port_move_member(self, open->port, server->set) == KERN_SUCCESS &&
        port_set_make_sends(self, open->port, open->made) == KERN_SUCCESS &&
        open_await_end(open) == KERN_SUCCESS) {
        server->in_use++;
        return true;
    }
    open_tell_closed(open);
    file_node_release(open->node);
    open->node = NULL;
    lose(open);
    return false;
}

/* Those whose port is not there are lost. */
static void revive_all(struct file_server *server)
{
    const struct lasting_head *head = server->lasting->head;
    uint32_t lost = 0;

    for (uint32_t i = 0; i < head->opens; i++)
        if (head->open[i].used != 0) {
            struct file_open *open = open_slot(server, i);
            lost += !open || !revive(open);
        }
    open_list_free(server);
    if (lost != 0)
        print("files: %u opens of the instance before are lost\n", lost);
}

/* ---- the last request ---- */

static uint64_t bytes_since(const struct lasting_request *now, uint64_t at)
{
    const uint64_t moved = at > now->before ? at - now->before : 0;

    return moved < now->result ? moved : now->result;
}

/* Whether it was done; then *result is as lasting.h says. */
static bool find_result(const struct file_server *server, const struct lasting_request *now,
                        uint64_t *result)
{
    const struct file_server_lasting *by = &server->lasting->by;
    struct file_open *open = now->slot < server->slots ? server->opens[now->slot] : NULL;

    *result = 0;
    if (now->kind == LASTING_NAMES)
        return by->progress && by->progress(by->context) != now->before;
    if (!open || !open->node)
        return false;
    switch (now->kind) {
    case LASTING_READ:
    case LASTING_WRITE: *result = bytes_since(now, open->offset); return *result != 0;
    case LASTING_SEEK: *result = open->offset; return open->offset != now->before;
    case LASTING_APPEND:
        *result = open->node->ops->size ? bytes_since(now, open->node->ops->size(open->node)) : 0;
        if (*result != 0)
            open_set_offset(open, now->before + *result);
        return *result != 0;
    default: return false;
    }
}

/* Whoever is killed in the midst of this does it again. */
static void settle_request(struct file_server *server)
{
    struct lasting *lasting = server->lasting;
    struct lasting_head *head = lasting->head;
    struct lasting_request done = head->now;

    if (head->now.kind != LASTING_NONE && find_result(server, &head->now, &done.result)) {
        head->done[head->next % LASTING_DONE] = done;
        __atomic_store_n(&head->next, (head->next + 1) % LASTING_DONE, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&head->now.kind, LASTING_NONE, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < LASTING_DONE; i++)
        lasting->any_done |= head->done[i].kind != LASTING_NONE;
}

/* ---- */

/* What is not ours, or for another number of opens, is nothing. Where `opens` is 0 nothing was ever stored, and all is zeroes: it is stored first, and stays. */
static void take_memory(struct file_server *server)
{
    struct lasting_head *head = server->lasting->head;
    const size_t kept = offsetof(struct lasting_head, next);
    const bool used = head->magic != 0 || head->opens != 0;

    if (head->magic == MAGIC && head->opens == server->limits.opens)
        return;
    if (head->magic != 0)
        print("files: what the instance before has left makes no sense\n");
    head->magic = 0;
    head->opens = server->limits.opens;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    if (used)
        memset((char *)head + kept, 0, file_server_lasting_size(&server->limits) - kept);
    __atomic_store_n(&head->magic, MAGIC, __ATOMIC_RELEASE);
}

kern_return_t lasting_begin(struct file_server *server, const struct file_server_lasting *by)
{
    struct lasting *lasting = calloc(1, sizeof(*lasting));

    if (!lasting)
        return KERN_RESOURCE_SHORTAGE;
    if (by->size < file_server_lasting_size(&server->limits) || (uintptr_t)by->memory % 8 != 0) {
        free(lasting);
        return KERN_INVALID_ARGUMENT;
    }
    lasting->by = *by;
    lasting->head = by->memory;
    server->lasting = lasting;
    take_memory(server);
    lasting->head->instance++;
    const kern_return_t kr = keep_begin(&lasting->keep, by->book, restored, server);
    if (kr != KERN_SUCCESS)
        return kr;
    revive_all(server);
    settle_request(server);
    return lasting_locks_begin(server);
}

void file_server_end(struct file_server *server)
{
    struct lasting *lasting = server->lasting;

    if (!lasting)
        return;
    lasting->head->magic = 0;
    for (uint32_t i = 0; i < server->slots; i++) {
        struct file_open *open = server->opens[i];
        if (open->held)
            keep_forget_right(&lasting->keep, LASTING_KEY_ABOVE + open->number);
        else if (open->port != MSG_NULL)
            keep_forget(&lasting->keep, open->port);
    }
}
