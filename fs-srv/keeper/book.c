/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See book.h.
 */
#include "book.h"
#include <libsys/program.h>
#include <libsys/stub.h>
#include <stdlib.h>
#include <wharf/if/port.h>

enum { ROOM_AT_ONCE = 64 };

static mach_port_name_t self(void)
{
    return program_start_info->task;
}

/* Room for one more in a table of `count`, which grows in steps. NULL: there is no memory. */
static void *have_room(void *table, uint32_t count, uint32_t *room, size_t size)
{
    if (count < *room)
        return table;
    void *more = realloc(table, (*room + ROOM_AT_ONCE) * size);
    if (more)
        *room += ROOM_AT_ONCE;
    return more;
}

/* ---- ports ---- */

static void answer_waiting(struct book *book, kern_return_t result)
{
    if (book->waiting != MSG_NULL && keeper_reply_begin(book->waiting, result) != KERN_SUCCESS)
        stub_release_right(book->waiting, MSG_MOVE_SEND_ONCE); /* he is gone */
    book->waiting = MSG_NULL;
}

kern_return_t book_begin(struct book *book, struct server_message *message)
{
    answer_waiting(book, KERN_ABORTED); /* an instance that has died since */
    if (book->owed == 0)
        return KERN_SUCCESS;
    if (message->reply == MSG_NULL || server_keep_reply(message) != KERN_SUCCESS)
        return KERN_RESOURCE_SHORTAGE;
    book->waiting = message->reply;
    return MIG_NO_REPLY;
}

kern_return_t book_take(struct book *book, uint64_t *payload, mach_port_name_t *port)
{
    mach_port_name_t previous = MSG_NULL;

    if (book->count == 0)
        return KERN_NOT_FOUND;
    const struct kept_port *last = &book->ports[book->count - 1];
    if (port_request_notification(self(), last->port, MSG_ID_PORT_DESTROYED, 0, book->port,
                                  &previous) != KERN_SUCCESS)
        return KERN_RESOURCE_SHORTAGE;
    if (previous != MSG_NULL)
        stub_release_right(previous, MSG_MOVE_SEND_ONCE);
    *payload = book->given = last->payload;
    *port = last->port;
    book->count--;
    book->owed++;
    return KERN_SUCCESS;
}

kern_return_t book_notice(struct book *book, mach_port_name_t *notice)
{
    if (book->owed + book->count >= KEEPER_PORTS_MAX)
        return KERN_LIMIT;
    if (port_extract_send_once(self(), book->port, MSG_MAKE_SEND_ONCE, notice) != KERN_SUCCESS)
        return KERN_LIMIT;
    book->owed++;
    return KERN_SUCCESS;
}

void book_notice_ended(struct book *book)
{
    if (book->owed > 0 && --book->owed == 0)
        answer_waiting(book, KERN_SUCCESS);
}

void book_port_came(struct book *book, uint64_t payload, mach_port_name_t port)
{
    struct kept_port *ports =
        have_room(book->ports, book->count, &book->room, sizeof(*book->ports));

    if (ports) {
        book->ports = ports;
        ports[book->count++] =
            (struct kept_port){.payload = payload != 0 ? payload : book->given, .port = port};
    } else {
        stub_release_right(port, MSG_MOVE_RECEIVE);
    }
    book_notice_ended(book);
}

/* ---- send rights ---- */

static struct kept_right *find_right(struct book *book, uint64_t key)
{
    for (uint32_t i = 0; i < book->right_count; i++)
        if (book->rights[i].key == key)
            return &book->rights[i];
    return NULL;
}

static void release_right(struct book *book, struct kept_right *kept)
{
    stub_release_right(kept->right, MSG_MOVE_SEND); /* or a dead name: the same call */
    *kept = book->rights[--book->right_count];
}

kern_return_t book_put(struct book *book, uint64_t key, mach_port_name_t right)
{
    struct kept_right *kept = find_right(book, key);

    if (right == MSG_NULL || right == MSG_DEAD)
        return KERN_INVALID_CAPABILITY;
    if (kept) {
        stub_release_right(kept->right, MSG_MOVE_SEND);
        kept->right = right;
        return KERN_SUCCESS;
    }
    if (book->right_count == KEEPER_RIGHTS_MAX)
        return KERN_LIMIT;
    kept = have_room(book->rights, book->right_count, &book->right_room, sizeof(*kept));
    if (!kept)
        return KERN_RESOURCE_SHORTAGE;
    book->rights = kept;
    kept[book->right_count++] = (struct kept_right){.key = key, .right = right};
    return KERN_SUCCESS;
}

kern_return_t book_get(struct book *book, uint64_t key, mach_port_name_t *right)
{
    struct kept_right *kept = find_right(book, key);
    uint32_t rights;

    if (!kept)
        return KERN_NOT_FOUND;
    if (port_type(self(), kept->right, &rights) != KERN_SUCCESS || !(rights & PORT_RIGHT_SEND)) {
        release_right(book, kept);
        return KERN_NOT_FOUND;
    }
    const kern_return_t kr = port_mod_refs(self(), kept->right, PORT_RIGHT_SEND, 1);
    if (kr == KERN_SUCCESS)
        *right = kept->right;
    return kr == KERN_SUCCESS ? kr : KERN_RESOURCE_SHORTAGE;
}

kern_return_t book_drop(struct book *book, uint64_t key)
{
    struct kept_right *kept = find_right(book, key);

    if (!kept)
        return KERN_NOT_FOUND;
    release_right(book, kept);
    return KERN_SUCCESS;
}
