/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interface as a table, notifications, and a loop for programs that have none of their own.
 */
#include "framework.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <stdlib.h>
#include <wharf/if/service.h>

struct server_interface file_server_interface(struct file_server *server)
{
    static const struct file_ops operations = {
        .read = serve_read,
        .write = serve_write,
        .read_bulk = serve_read_bulk,
        .write_bulk = serve_write_bulk,
        .claim = serve_claim,
        .seek = serve_seek,
        .get_attributes = serve_get_attributes,
        .set_attributes = serve_set_attributes,
        .sync = serve_sync,
        .get_flags = serve_get_flags,
        .set_flags = serve_set_flags,
        .wait = serve_wait,
        .poll = serve_poll,
        .watch = serve_watch,
        .await = serve_await,
        .abandon = serve_abandon,
        .lock = serve_lock,
        .test_lock = serve_test_lock,
        .wait_lock = serve_wait_lock,
        .map = serve_map,
        .control = serve_control,
        .entries = serve_entries,
        .reopen = serve_reopen,
        .get_system = serve_get_system,
        .open = serve_open,
        .look = serve_look,
        .change = serve_change,
        .make = serve_make,
        .make_pipe = serve_make_pipe,
        .remove = serve_remove,
        .read_link = serve_read_link,
        .rename = serve_rename,
        .link = serve_link,
        .mount = serve_mount,
        .unmount = serve_unmount,
        .mounted = serve_mounted,
        .mounts = serve_mounts,
    };

    return file_interface(&operations, server);
}

kern_return_t file_server_notification(struct file_server *server,
                                       const struct server_message *message)
{
    const uint32_t word = (uint32_t)message->received.word[0];

    /* Clients can send such a message, too, and name what they like. */
    if (!msg_is_notification(message->received.control) ||
        !(msg_flags(message->received.control) & MSG_FLAG_PAYLOAD))
        return KERN_FAILURE;
    if (message->received.id == MSG_ID_NO_SENDERS) {
        struct file_open *open = file_server_opened(server, message);
        if (!open || open->held || open->made != word)
            return KERN_FAILURE;
        open_close(open);
        return KERN_SUCCESS;
    }
    if (message->received.id == MSG_ID_DEAD_NAME &&
        message->received.local == (FILE_SERVER_PAYLOAD | UINT32_MAX)) {
        mount_dead(server, word);
        lock_owner_dead(server, word);
        stub_release_right(word, MSG_MOVE_SEND); /* the notification's own reference */
        return KERN_SUCCESS;
    }
    return KERN_FAILURE;
}

/* ---- the loop ---- */

static kern_return_t notified(void *context, const struct server_message *message)
{
    return file_server_notification(context, message);
}

/* What came brings more than there is room for at this moment: it waits in its queue, and so do we. */
static void pause(void)
{
    enum { PAUSE = 1000000 };

    (void)!kernel_sleep_until(kernel_clock_now() + PAUSE);
}

kern_return_t file_server_run(struct file_server *server, const struct server_interface *more,
                              unsigned count)
{
    enum { INTERFACES_MAX = 8 };
    struct server_interface interfaces[INTERFACES_MAX];
    struct server loop = {
        .port = server->set,
        .count = count + 1,
        .interfaces = interfaces,
        .notification = notified,
        .context = server,
        .in_size = MSG_BODY_MAX,
        .out_size = MSG_BODY_MAX,
    };

    if (count >= INTERFACES_MAX)
        return KERN_INVALID_ARGUMENT;
    interfaces[0] = file_server_interface(server);
    for (unsigned i = 0; i < count; i++)
        interfaces[i + 1] = more[i];
    loop.in = malloc(MSG_BODY_MAX);
    loop.out = malloc(MSG_BODY_MAX);
    kern_return_t kr = KERN_RESOURCE_SHORTAGE;
    if (loop.in && loop.out)
        kr = service_ready(program_start_info->bootstrap);
    if (kr == KERN_SUCCESS)
        kr = server_run(&loop);
    while (kr == MACH_RCV_NO_SPACE) {
        pause();
        kr = server_run(&loop);
    }
    free(loop.in);
    free(loop.out);
    return kr;
}
