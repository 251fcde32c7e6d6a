/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for events: calls that are answered later, and watches, which are told by a message. All who wait at opens of a node are in
 * one list of the node, the oldest last.
 *
 * W1 Who waits takes nothing away: several may be told of the same event, and then see who is first. Who awaits bytes (await) takes them by the answer: if
 *    that does not reach anybody they go back at once, so that they are the next one's.
 * W2 A thread that no longer awaits its answer leaves a dead name behind. Such are looked for when a wait with the same token
 *    comes, and when there is no room: so what dead clients leave is bounded, and never in the way of others for good.
 * W3 Through one open there are at most as many waits as are left for all others: nobody takes the last one.
 */
#include "framework.h"
#include <libsys/program.h>
#include <libsys/stub.h>
#include <stdlib.h>
#include <wharf/if/file_events.h>
#include <wharf/if/port.h>

#define EVENTS_ALWAYS (FILE_HANG_UP | FILE_FAILED)
#define EVENTS_ALL \
    (FILE_READABLE | FILE_WRITABLE | FILE_HANG_UP | FILE_FAILED | FILE_URGENT | FILE_OPENED)

enum waiting_kind { WAIT, WATCH, AWAIT, LOCK };

/* Of a node. TOLD_AGAIN: its events have changed while those who wait for them were told. */
enum { TOLD, TELLING, TOLD_AGAIN };

struct file_waiting {
    struct file_waiting *next;
    struct file_open *open;
    uint64_t token;
    uint32_t events;
    uint32_t size; /* AWAIT: of what is to be read, at most */
    enum waiting_kind kind;
    mach_port_name_t to;     /* send-once right */
    struct lock_wanted lock; /* LOCK; with a use of its owner */
};

static uint32_t holding_of(struct file_open *open)
{
    const struct file_node_ops *ops = open->node->ops;

    if (open->flags & FILE_PATH)
        return 0;
    return ops->events ? ops->events(open) : FILE_READABLE | FILE_WRITABLE | FILE_OPENED;
}

static struct file_waiting *unlink(struct file_waiting **link)
{
    struct file_waiting *waiting = *link;

    *link = waiting->next;
    return waiting;
}

static void put_back(struct file_server *server, struct file_waiting *waiting)
{
    waiting->next = server->free_waiting;
    server->free_waiting = waiting;
    server->waiting--;
    if (waiting->open)
        waiting->open->waits--;
    if (waiting->kind == LOCK)
        lock_release_owner(server, waiting->lock.owner);
}

/* file_events.ready to a right that is good for one message. */
static kern_return_t tell(mach_port_name_t to, uint64_t token, uint32_t holding)
{
    const uint64_t body[MSG_REGISTER_BYTES / 8] = {token, holding};

    return stub_send(to, MSG_MOVE_SEND_ONCE, FILE_EVENTS_ID_READY, body, WIRE_SHAPE(16, 0),
                     UINT64_MAX);
}

static void answer(struct file_server *server, struct file_waiting *waiting, kern_return_t result,
                   uint32_t holding)
{
    const mach_port_name_t to = waiting->to;
    kern_return_t kr = KERN_SUCCESS;

    if (waiting->kind == WAIT)
        kr = file_reply_wait(to, result, holding);
    else if (waiting->kind == LOCK)
        kr = file_reply_wait_lock(to, result);
    else if (waiting->kind == AWAIT)
        kr = file_reply_await(to, result, NULL, 0);
    else if (result == KERN_SUCCESS)
        kr = tell(to, waiting->token, holding);
    else
        stub_release_right(to, MSG_MOVE_SEND_ONCE);
    if (kr != KERN_SUCCESS)
        stub_release_right(to, MSG_MOVE_SEND_ONCE);
    put_back(server, waiting);
}

/* There is something to read for who awaits it. He may be gone. */
static void hand_over(struct file_server *server, struct file_waiting *waiting)
{
    struct file_open *open = waiting->open;
    uint8_t data[FILE_DATA_MAX];
    uint32_t got = 0;
    const kern_return_t result = data_read(open, FILE_CURRENT, waiting->size, data, &got);

    if (file_reply_await(waiting->to, result, data, got) != KERN_SUCCESS) {
        if (result == KERN_SUCCESS && got != 0) {
            open->node->ops->take_back(open, data, got);
            open->node->telling = TOLD_AGAIN;
        }
        stub_release_right(waiting->to, MSG_MOVE_SEND_ONCE);
    }
    put_back(server, waiting);
}

uint32_t file_node_give(struct file_server *server, struct file_node *node, const void *bytes,
                        uint32_t size)
{
    struct file_waiting **link = &node->waiting;

    while (*link) {
        struct file_waiting *waiting = *link;
        if (waiting->kind != AWAIT) {
            link = &waiting->next;
            continue;
        }
        const uint32_t n = size < waiting->size ? size : waiting->size;
        const kern_return_t kr = file_reply_await(waiting->to, KERN_SUCCESS, bytes, n);
        *link = waiting->next;
        if (kr != KERN_SUCCESS) /* he is gone */
            stub_release_right(waiting->to, MSG_MOVE_SEND_ONCE);
        put_back(server, waiting);
        if (kr == KERN_SUCCESS)
            return n;
    }
    return 0;
}

static void tell_all(struct file_server *server, struct file_node *node)
{
    struct file_waiting **link = &node->waiting;

    while (*link) {
        struct file_waiting *waiting = *link;
        const uint32_t holding =
            waiting->kind == LOCK ? 0
                                  : holding_of(waiting->open) & (waiting->events | EVENTS_ALWAYS);
        if (holding == 0)
            link = &waiting->next;
        else if (waiting->kind == AWAIT)
            hand_over(server, unlink(link));
        else
            answer(server, unlink(link), KERN_SUCCESS, holding);
    }
}

/* What is read makes room, which is told to others: in a further round, each of which has answered somebody. */
void file_node_changed(struct file_server *server, struct file_node *node)
{
    if (!node->waiting)
        return;
    if (node->telling != TOLD) {
        node->telling = TOLD_AGAIN;
        return;
    }
    do {
        node->telling = TELLING;
        tell_all(server, node);
    } while (node->telling == TOLD_AGAIN);
    node->telling = TOLD;
}

void wait_cancel(struct file_open *open)
{
    struct file_waiting **link = &open->node->waiting;

    while (*link)
        if ((*link)->open != open)
            link = &(*link)->next;
        else
            answer(open->server, unlink(link), unix_error(EBADF), 0);
}

static void drop(struct file_server *server, struct file_waiting *waiting)
{
    stub_release_right(waiting->to, MSG_MOVE_SEND_ONCE);
    put_back(server, waiting);
}

/* ---- making one ---- */

static bool is_dead(const struct file_waiting *waiting)
{
    uint32_t rights;

    return port_type(program_start_info->task, waiting->to, &rights) != KERN_SUCCESS ||
           !(rights & PORT_RIGHT_SEND_ONCE);
}

static void sweep(struct file_server *server)
{
    for (uint32_t i = 0; i < server->slots; i++) {
        struct file_node *node = server->opens[i]->node;
        struct file_waiting **link = node ? &node->waiting : NULL;
        while (link && *link)
            if (is_dead(*link))
                drop(server, unlink(link));
            else
                link = &(*link)->next;
    }
}

static bool is_room(const struct file_open *open)
{
    const struct file_server *server = open->server;

    return open->waits < server->limits.waits - server->waiting;
}

static struct file_waiting *take(struct file_open *open)
{
    struct file_server *server = open->server;

    if (!is_room(open))
        sweep(server);
    if (!is_room(open))
        return NULL;
    struct file_waiting *waiting = server->free_waiting;
    if (waiting)
        server->free_waiting = waiting->next;
    else
        waiting = malloc(sizeof(*waiting));
    if (!waiting)
        return NULL;
    waiting->open = NULL;
    waiting->kind = WAIT;
    server->waiting++;
    return waiting;
}

/* What the same caller left: a watch is replaced, a wait only if nobody awaits it. */
static void forget(struct file_open *open, uint64_t token, enum waiting_kind kind)
{
    struct file_waiting **link = &open->node->waiting;

    while (*link) {
        const struct file_waiting *waiting = *link;
        if (waiting->open == open && waiting->token == token && waiting->kind == kind &&
            (kind == WATCH || is_dead(waiting)))
            drop(open->server, unlink(link));
        else
            link = &(*link)->next;
    }
}

/* The rest of it is the caller's to fill in. Who awaits bytes comes behind who does already: each gets his own. */
static void enter(struct file_waiting *waiting, struct file_open *open, enum waiting_kind kind,
                  uint64_t token, mach_port_name_t to)
{
    struct file_waiting **link = &open->node->waiting;

    while (kind == AWAIT && *link)
        link = &(*link)->next;
    waiting->kind = kind;
    waiting->token = token;
    waiting->to = to;
    waiting->open = open;
    open->waits++;
    waiting->next = *link;
    *link = waiting;
}

/* The message is answered later. MIG_NO_REPLY: *out is to be filled in. */
static kern_return_t answer_later(struct server_message *message, struct file_open *open,
                                  enum waiting_kind kind, uint64_t token, struct file_waiting **out)
{
    if (open->node->waiting)
        forget(open, token, kind);
    struct file_waiting *waiting = take(open);
    if (!waiting)
        return unix_error(ENOMEM);
    if (message->reply == MSG_NULL || server_keep_reply(message) != KERN_SUCCESS) {
        put_back(open->server, waiting);
        return unix_error(ENOMEM);
    }
    enter(waiting, open, kind, token, message->reply);
    *out = waiting;
    return MIG_NO_REPLY;
}

kern_return_t serve_wait(struct server_message *message, uint32_t events, uint64_t token,
                         uint32_t *holding)
{
    struct file_open *open = open_of(message);

    if (!open || open->flags & FILE_PATH)
        return unix_error(EBADF);
    if (events & ~EVENTS_ALL)
        return unix_error(EINVAL);
    *holding = holding_of(open) & (events | EVENTS_ALWAYS);
    if (*holding != 0)
        return KERN_SUCCESS;
    if (open->flags & FILE_NONBLOCK)
        return unix_error(EAGAIN);
    if (!open->node->ops->events)
        return unix_error(EINVAL); /* that will never be */
    struct file_waiting *waiting;
    const kern_return_t kr = answer_later(message, open, WAIT, token, &waiting);
    if (kr == MIG_NO_REPLY)
        waiting->events = events;
    return kr;
}

kern_return_t serve_await(struct server_message *message, uint32_t size, uint64_t token, void *data,
                          uint32_t *got)
{
    struct file_open *open = open_of(message);

    if (!open)
        return unix_error(EBADF);
    if (!open->node->ops->take_back)
        return KERN_NOT_SUPPORTED;
    kern_return_t kr = data_read(open, FILE_CURRENT, size, data, got);
    if (kr != unix_error(EAGAIN) || open->flags & FILE_NONBLOCK)
        return kr;
    struct file_waiting *waiting;
    kr = answer_later(message, open, AWAIT, token, &waiting);
    if (kr == MIG_NO_REPLY) {
        waiting->events = FILE_READABLE;
        waiting->size = size;
    }
    return kr;
}

kern_return_t serve_abandon(struct server_message *message, uint64_t token)
{
    struct file_open *open = open_of(message);
    struct file_waiting **link = open ? &open->node->waiting : NULL;

    while (link && *link)
        if ((*link)->open == open && (*link)->token == token && (*link)->kind == AWAIT)
            answer(open->server, unlink(link), unix_error(EINTR), 0);
        else
            link = &(*link)->next;
    return KERN_SUCCESS;
}

kern_return_t serve_poll(struct server_message *message, uint32_t events, uint32_t *holding)
{
    struct file_open *open = open_of(message);

    if (!open || open->flags & FILE_PATH)
        return unix_error(EBADF);
    if (events & ~EVENTS_ALL)
        return unix_error(EINVAL);
    *holding = holding_of(open) & (events | EVENTS_ALWAYS);
    return KERN_SUCCESS;
}

kern_return_t serve_watch(struct server_message *message, uint32_t events, uint64_t token,
                          mach_port_name_t notify)
{
    struct file_open *open = open_of(message);

    if (!open || open->flags & FILE_PATH)
        return unix_error(EBADF);
    if (events & ~EVENTS_ALL)
        return unix_error(EINVAL);
    forget(open, token, WATCH);
    if (events == 0 || notify == MSG_NULL || notify == MSG_DEAD) {
        if (notify != MSG_NULL && notify != MSG_DEAD)
            stub_release_right(notify, MSG_MOVE_SEND_ONCE);
        return KERN_SUCCESS;
    }
    const uint32_t holding = holding_of(open) & (events | EVENTS_ALWAYS);
    if (holding == 0 && !open->node->ops->events)
        return unix_error(EINVAL);
    struct file_waiting *waiting = take(open);
    if (!waiting)
        return unix_error(ENOMEM);
    enter(waiting, open, WATCH, token, notify);
    waiting->events = events;
    if (holding != 0)
        answer(open->server, unlink(&open->node->waiting), KERN_SUCCESS, holding);
    return KERN_SUCCESS;
}

/* ---- for locks ---- */

kern_return_t wait_lock_later(struct server_message *message, const struct lock_wanted *wanted,
                              uint64_t token)
{
    struct file_waiting *waiting;
    const kern_return_t kr = answer_later(message, wanted->open, LOCK, token, &waiting);

    if (kr == MIG_NO_REPLY) {
        waiting->lock = *wanted;
        lock_use_owner(wanted->owner);
    }
    return kr;
}

void wait_lock_changed(struct file_server *server, struct file_node *node)
{
    struct file_waiting **link = &node->waiting;

    while (*link)
        if ((*link)->kind == LOCK && lock_is_free(&(*link)->lock))
            answer(server, unlink(link), KERN_SUCCESS, 0);
        else
            link = &(*link)->next;
}

void wait_lock_forget(struct file_server *server, struct file_node *node,
                      const struct lock_owner *owner)
{
    struct file_waiting **link = &node->waiting;

    while (*link)
        if ((*link)->kind == LOCK && (*link)->lock.owner == owner)
            drop(server, unlink(link));
        else
            link = &(*link)->next;
}
