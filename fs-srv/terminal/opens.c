/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has the terminal open, and who waits for what (terminal.h).
 *
 * Each open has a port of its own, whose payload is its place in the table and a number that is another one for the next in that place.
 */
#include "terminal.h"
#include <errno.h>
#include <libsys/driver/area.h>
#include <libsys/kernel.h>
#include <libsys/stub.h>
#include <wharf/if/file.h>
#include <wharf/if/file_events.h>
#include <wharf/terminal.h>
#include <wharf/unix_error.h>

struct wait {
    struct open *open; /* NULL: the place is free */
    uint64_t token;
    uint32_t events;
    mach_port_name_t reply; /* send-once */
};

static struct open opens[OPENS_MAX];
static struct wait waits[WAITS_MAX];
static unsigned wait_count;

/* ---- opens ---- */

static uint64_t payload_of(const struct open *open)
{
    return (uint64_t)open->generation << 16 | (uint64_t)(open - opens + 1);
}

struct open *open_of(const struct server_message *message)
{
    const uint64_t payload = message->received.local, index = (payload & 0xffff) - 1;

    if (!(msg_flags(message->received.control) & MSG_FLAG_PAYLOAD) || index >= OPENS_MAX)
        return NULL;
    struct open *open = &opens[index];
    return open->used && open->generation == payload >> 16 ? open : NULL;
}

kern_return_t open_make(uint32_t flags, mach_port_name_t *out)
{
    struct open *open = opens;

    while (open->used)
        if (++open == opens + OPENS_MAX)
            return unix_error(ENFILE);
    open->generation++;
    const kern_return_t kr =
        driver_client_port(&terminal.driver, payload_of(open), &open->port, out);
    if (kr != KERN_SUCCESS)
        return unix_error(ENFILE);
    open->used = true;
    open->flags = flags;
    return KERN_SUCCESS;
}

static void answer(struct wait *wait, kern_return_t kr, uint32_t holding)
{
    if (file_reply_wait(wait->reply, kr, holding) != KERN_SUCCESS)
        stub_release_right(wait->reply, MSG_MOVE_SEND_ONCE); /* the waiter has been called away */
    wait->open = NULL;
    wait_count--;
}

static void end_watch(struct watch *watch)
{
    if (watch->events != 0)
        stub_release_right(watch->notify, MSG_MOVE_SEND_ONCE);
    watch->events = 0;
}

void open_close(struct open *open)
{
    for (unsigned i = 0; i < WAITS_MAX && wait_count > 0; i++)
        if (waits[i].open == open)
            answer(&waits[i], unix_error(EBADF), 0);
    for (unsigned i = 0; i < WATCHES_MAX; i++)
        end_watch(&open->watch[i]);
    stub_release_right(open->port, MSG_MOVE_RECEIVE);
    open->used = false;
}

/* ---- waiting ---- */

uint32_t open_events(const struct open *open)
{
    uint32_t events = 0;

    if ((open->flags & FILE_READ) && line_is_readable(&terminal.line, kernel_clock_now()))
        events |= FILE_READABLE;
    if ((open->flags & FILE_WRITE) && line_is_writable(&terminal.line))
        events |= FILE_WRITABLE;
    if (terminal_is_drained())
        events |= TERMINAL_DRAINED;
    return events;
}

/* A wait of the same thread takes the place of an older one: that has been called away, and nobody hears its answer. */
static struct wait *place_for(const struct open *open, uint64_t token)
{
    struct wait *free = NULL;

    for (unsigned i = 0; i < WAITS_MAX; i++) {
        if (waits[i].open == open && waits[i].token == token)
            answer(&waits[i], unix_error(EINTR), 0);
        if (!waits[i].open && !free)
            free = &waits[i];
    }
    return free;
}

kern_return_t open_wait(struct open *open, struct server_message *message, uint32_t events,
                        uint64_t token)
{
    struct wait *wait = place_for(open, token);

    if (!wait)
        return unix_error(ENOMEM);
    const kern_return_t kr = server_keep_reply(message);
    if (kr != KERN_SUCCESS)
        return kr;
    if (message->reply == MSG_NULL)
        return MIG_NO_REPLY;
    *wait = (struct wait){.open = open, .token = token, .events = events, .reply = message->reply};
    wait_count++;
    return MIG_NO_REPLY;
}

kern_return_t open_watch(struct open *open, uint32_t events, uint64_t token,
                         mach_port_name_t notify)
{
    struct watch *place = NULL;

    for (unsigned i = 0; i < WATCHES_MAX; i++) {
        struct watch *watch = &open->watch[i];
        if (watch->events != 0 && watch->token == token)
            end_watch(watch);
        if (watch->events == 0 && !place)
            place = watch;
    }
    if (events == 0) {
        if (notify != MSG_NULL)
            stub_release_right(notify, MSG_MOVE_SEND_ONCE);
        return KERN_SUCCESS;
    }
    if (!place)
        return unix_error(ENOMEM);
    *place = (struct watch){.events = events, .token = token, .notify = notify};
    return KERN_SUCCESS;
}

static void tell_watchers(struct open *open)
{
    for (unsigned i = 0; i < WATCHES_MAX; i++) {
        struct watch *watch = &open->watch[i];
        const uint32_t holding = watch->events != 0 ? open_events(open) & watch->events : 0;
        if (holding == 0)
            continue;
        const uint64_t body[] = {watch->token,
                                 holding}; /* file_events.ready, by a right that is used up */
        watch->events = 0;
        if (stub_send(watch->notify, MSG_MOVE_SEND_ONCE, FILE_EVENTS_ID_READY, body,
                      WIRE_SHAPE(sizeof body, 0), 0) != KERN_SUCCESS)
            stub_release_right(watch->notify, MSG_MOVE_SEND_ONCE);
    }
}

void opens_try_again(void)
{
    for (unsigned i = 0, left = wait_count; i < WAITS_MAX && left > 0; i++) {
        struct wait *wait = &waits[i];
        if (!wait->open)
            continue;
        left--;
        const uint32_t moves = wait->events & (FILE_READABLE | FILE_WRITABLE);
        if (moves != 0)
            answer(wait, KERN_SUCCESS, moves);
    }
}

void opens_tell(void)
{
    for (unsigned i = 0, left = wait_count; i < WAITS_MAX && left > 0; i++) {
        struct wait *wait = &waits[i];
        if (!wait->open)
            continue;
        left--;
        const uint32_t holding = open_events(wait->open) & wait->events;
        if (holding != 0)
            answer(wait, KERN_SUCCESS, holding);
    }
    for (unsigned i = 0; i < OPENS_MAX; i++)
        if (opens[i].used)
            tell_watchers(&opens[i]);
}
