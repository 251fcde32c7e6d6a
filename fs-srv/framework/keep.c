/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The client's side of the keeper (<libsys/files/keep.h>).
 */
#include <libsys/files/keep.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <wharf/if/keeper.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>

static mach_port_name_t self(void)
{
    return program_start_info->task;
}

/* One at a time: a port whose payload was not set again when the program died is the last one that was taken. */
kern_return_t keep_begin(struct keep *keep, const char *service, keep_restored_t *restored,
                         void *context)
{
    uint64_t payload;
    mach_port_name_t port;
    kern_return_t kr = service_look_up(program_start_info->bootstrap, service, &keep->book);

    if (kr == KERN_SUCCESS)
        kr = keeper_begin(keep->book);
    while (kr == KERN_SUCCESS) {
        kr = keeper_take(keep->book, &payload, &port);
        if (kr == KERN_SUCCESS)
            kr = port_set_payload(self(), port, payload);
        if (kr == KERN_SUCCESS)
            restored(context, payload, port);
    }
    return kr == KERN_NOT_FOUND ? KERN_SUCCESS : kr;
}

static void release_notice(mach_port_name_t notice)
{
    if (notice != MSG_NULL)
        stub_release_right(notice, MSG_MOVE_SEND_ONCE);
}

/* port.request_notification, with a right that is there already and not one of our own receive rights. */
static kern_return_t request(mach_port_name_t port, mach_port_name_t notice)
{
    union {
        uint64_t word[MSG_REGISTER_BYTES / 8];
        struct {
            struct msg_descriptor notify;
            uint32_t name, id, sync, zero;
        };
    } body = {.notify = {.value = notice, .kind = MSG_PORT, .disposition = MSG_MOVE_SEND_ONCE},
              .name = port,
              .id = MSG_ID_PORT_DESTROYED};
    uint32_t shape;
    const kern_return_t kr =
        stub_call(self(), PORT_ID_REQUEST_NOTIFICATION, body.word, WIRE_SHAPE(32, 1), body.word,
                  sizeof(body), UINT64_MAX, &shape);

    if (kr == KERN_SUCCESS)
        release_notice((mach_port_name_t)body.notify.value); /* what was registered before */
    return kr;
}

kern_return_t keep_port(const struct keep *keep, mach_port_name_t port)
{
    mach_port_name_t notice;
    kern_return_t kr = keeper_notice(keep->book, &notice);

    return kr == KERN_SUCCESS ? request(port, notice) : kr;
}

void keep_forget(const struct keep *keep, mach_port_name_t port)
{
    mach_port_name_t previous = MSG_NULL;

    (void)keep;
    if (port_cancel_notification(self(), port, MSG_ID_PORT_DESTROYED, &previous) == KERN_SUCCESS)
        release_notice(previous);
}

/* ---- send rights ---- */

kern_return_t keep_right(const struct keep *keep, uint64_t key, mach_port_name_t right)
{
    return keeper_put(keep->book, key, right);
}

kern_return_t keep_restored_right(const struct keep *keep, uint64_t key, mach_port_name_t *right)
{
    return keeper_get(keep->book, key, right);
}

void keep_forget_right(const struct keep *keep, uint64_t key)
{
    (void)!keeper_drop(keep->book, key); /* it may not be there */
}
