/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A book of the keeper's: the ports of one program that has died (interfaces/keeper.defs).
 *
 * B1 `owed` is how many notices the kernel or the program has: of each it is told the end, by the port that comes with it or by MSG_ID_SEND_ONCE. So 0 means that all
 *    ports have come.
 * B2 A port that is given is asked for again before: it comes back if the program dies, wherever it is then. One that comes without its payload
 *    is the last that was given, for that is set before the next is asked for.
 * B3 No more than KEEPER_PORTS_MAX notices and ports, and KEEPER_RIGHTS_MAX rights.
 */
#pragma once

#include <libsys/server.h>
#include <wharf/if/keeper.h>

struct kept_port {
    uint64_t payload;
    mach_port_name_t port; /* receive right */
};

struct kept_right {
    uint64_t key;
    mach_port_name_t right; /* send right, or a dead name */
};

struct book {
    mach_port_name_t port; /* its service's */
    uint32_t owed;         /* B1 */
    uint32_t count, room;
    struct kept_port *ports;
    uint64_t given; /* the payload of the last one that was: B2 */
    uint32_t right_count, right_room;
    struct kept_right *rights;
    mach_port_name_t waiting; /* who waits in begin: a send-once right, or null */
};

kern_return_t book_begin(struct book *book, struct server_message *message);
kern_return_t book_take(struct book *book, uint64_t *payload, mach_port_name_t *port);
/** Of a book's own port; it answers with a right that is made of it. */
kern_return_t book_notice(struct book *book, mach_port_name_t *notice);
kern_return_t book_put(struct book *book, uint64_t key, mach_port_name_t right);
kern_return_t book_get(struct book *book, uint64_t key, mach_port_name_t *right);
kern_return_t book_drop(struct book *book, uint64_t key);

/** The kernel gives a port, whose receive right is the book's from here on. */
void book_port_came(struct book *book, uint64_t payload, mach_port_name_t port);
/** A notice has gone, without a port. */
void book_notice_ended(struct book *book);
