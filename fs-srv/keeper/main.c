/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program `keeper`: keeps the ports of programs that have died for those that are started in their place (book.h).
 *
 * Arguments: book=SERVICE, for each program that has one; at most BOOKS_MAX. The system description says who has which: the program, and nobody else, `uses` that
 * service. Whoever has the right to it can take the ports, so it is given to nobody.
 *
 * What it has in its hands when it dies itself is lost, with the ports in it; those of programs that live are not. So it does nothing but this.
 */
#include "book.h"
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>

enum { BOOKS_MAX = 8, PAUSE = 1000000 };

static struct book books[BOOKS_MAX];
static unsigned book_count;
static mach_port_name_t set;

/* Ports of the set have their index as payload; nobody sends there who has not looked the service up. */
static struct book *book_of(const struct server_message *message)
{
    return &books[message->received.local];
}

static kern_return_t serve_begin(struct server_message *message)
{
    return book_begin(book_of(message), message);
}

static kern_return_t serve_take(struct server_message *message, uint64_t *payload,
                                mach_port_name_t *port)
{
    return book_take(book_of(message), payload, port);
}

static kern_return_t serve_notice(struct server_message *message, mach_port_name_t *notice)
{
    return book_notice(book_of(message), notice);
}

static kern_return_t serve_put(struct server_message *message, uint64_t key, mach_port_name_t right)
{
    return book_put(book_of(message), key, right);
}

static kern_return_t serve_get(struct server_message *message, uint64_t key,
                               mach_port_name_t *right)
{
    return book_get(book_of(message), key, right);
}

static kern_return_t serve_drop(struct server_message *message, uint64_t key)
{
    return book_drop(book_of(message), key);
}

static const struct keeper_ops operations = {
    .begin = serve_begin,
    .take = serve_take,
    .notice = serve_notice,
    .put = serve_put,
    .get = serve_get,
    .drop = serve_drop,
};

/* A client can send such messages, too: only the kernel's count. */
static kern_return_t notified(void *context, const struct server_message *message)
{
    const struct msg_descriptor *right = message->in;
    uint64_t payload;

    (void)context;
    if (!msg_is_notification(message->received.control))
        return KERN_FAILURE;
    if (message->received.id == MSG_ID_PORT_DESTROYED) {
        memcpy(&payload, right + 1, sizeof(payload));
        book_port_came(book_of(message), payload, (mach_port_name_t)right->value);
        return KERN_SUCCESS;
    }
    if (message->received.id == MSG_ID_SEND_ONCE) {
        book_notice_ended(book_of(message));
        return KERN_SUCCESS;
    }
    return KERN_FAILURE;
}

static kern_return_t open_book(const char *service)
{
    const mach_port_name_t self = program_start_info->task;
    struct book *book = &books[book_count];

    if (book_count == BOOKS_MAX)
        return KERN_LIMIT;
    kern_return_t kr = service_check_in(program_start_info->bootstrap, service, &book->port);
    if (kr == KERN_SUCCESS)
        kr = port_set_payload(self, book->port, book_count);
    if (kr == KERN_SUCCESS)
        kr = port_move_member(self, book->port, set);
    book_count++;
    return kr;
}

static kern_return_t open_books(int argc, char **argv)
{
    static const char name[] = "book=";
    kern_return_t kr = port_allocate(program_start_info->task, PORT_RIGHT_SET, &set);

    for (int i = 1; i < argc && kr == KERN_SUCCESS; i++)
        kr = strncmp(argv[i], name, sizeof(name) - 1) == 0 ? open_book(argv[i] + sizeof(name) - 1)
                                                           : KERN_INVALID_ARGUMENT;
    return kr;
}

static kern_return_t serve(void)
{
    static _Alignas(8) uint8_t in[MSG_BODY_MAX], out[MSG_BODY_MAX];
    const struct server_interface interface = keeper_interface(&operations, NULL);
    const struct server server = {
        .port = set,
        .count = 1,
        .interfaces = &interface,
        .notification = notified,
        .in = in,
        .out = out,
        .in_size = sizeof(in),
        .out_size = sizeof(out),
    };

    kern_return_t kr = server_run(&server);
    while (kr == MACH_RCV_NO_SPACE) { /* it waits in its queue */
        (void)!kernel_sleep_until(kernel_clock_now() + PAUSE);
        kr = server_run(&server);
    }
    return kr;
}

int main(int argc, char **argv)
{
    kern_return_t kr = open_books(argc, argv);

    if (kr == KERN_SUCCESS)
        kr = service_ready(program_start_info->bootstrap);
    if (kr == KERN_SUCCESS)
        kr = serve();
    print("keeper: it ends: error %d\n", (int)kr);
    return 1;
}
