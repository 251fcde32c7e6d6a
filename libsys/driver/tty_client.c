/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client of a serial line (<libsys/tty_client.h>).
 */
#include <libsys/client_area.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/trap.h>
#include <libsys/tty_client.h>
#include <stdatomic.h>
#include <string.h>
#include <user/msg.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>
#include <wharf/if/tty.h>
#include <wharf/if/tty_events_types.h>
#include <wharf/if/tty_queue.h>

static mach_port_name_t self(void)
{
    return program_start_info->task;
}

/* ---- attaching ---- */

static void forget_queue(struct tty_client *client)
{
    if (client->queue != MSG_NULL)
        stub_release_right(client->queue, MSG_MOVE_SEND);
    client->queue = MSG_NULL;
}

/* A queue that has died meanwhile tells so at once; one that died on its way is no name to ask about: there is another driver. */
static kern_return_t attach(struct tty_client *client)
{
    mach_port_name_t previous;
    kern_return_t kr;

    do
        kr = (client->output_only ? tty_attach_output : tty_attach)(client->service, client->entry,
                                                                    client->notify, &client->queue);
    while (kr == MIG_SERVER_DIED || (kr == KERN_SUCCESS && client->queue == MSG_DEAD));
    if (kr != KERN_SUCCESS) {
        client->queue = MSG_NULL;
        return kr == MACH_SEND_INVALID_DEST ? KERN_TERMINATED : kr;
    }
    return port_request_notification(self(), client->queue, MSG_ID_DEAD_NAME, 1, client->notify,
                                     &previous);
}

static kern_return_t attach_anew(struct tty_client *client)
{
    forget_queue(client);
    client->replays++;
    return attach(client);
}

static kern_return_t kick(struct tty_client *client)
{
    const kern_return_t kr = tty_queue_kick_until(client->queue, 0);

    if (kr == KERN_SUCCESS || kr == MACH_SEND_TIMED_OUT)
        return KERN_SUCCESS; /* a full queue holds a kick */
    return attach_anew(client);
}

/* The dead name that the notice tells of has a reference more. */
static kern_return_t note_death(struct tty_client *client, mach_port_name_t name)
{
    stub_release_right(name, MSG_MOVE_SEND);
    return name == client->queue ? attach_anew(client) : KERN_SUCCESS;
}

kern_return_t tty_client_told(struct tty_client *client, uint64_t id, uint64_t word)
{
    if (id == MSG_ID_DEAD_NAME)
        return note_death(client, (mach_port_name_t)word);
    if (id == TTY_EVENTS_ID_READY)
        client->lost += (uint32_t)word;
    return KERN_SUCCESS;
}

/* Until something happened, whatever it was. */
static kern_return_t wait(struct tty_client *client, uint64_t deadline)
{
    uint64_t body[MSG_BODY_MAX / 8]; /* a driver may send anything here */
    struct msg_registers registers = {
        .receive = client->notify,
        .deadline = deadline,
        .buffer = (uintptr_t)body,
        .size = sizeof(body),
    };

    user_msg_trap(&registers);
    const kern_return_t kr = trap_error(registers.result);
    if (kr == MACH_RCV_TIMED_OUT)
        return KERN_OPERATION_TIMED_OUT;
    if (kr != KERN_SUCCESS)
        return kr == MACH_RCV_INTERRUPTED ? KERN_SUCCESS : kr;
    /* The driver can send such a message, too, and name what it likes. */
    if ((registers.id == MSG_ID_DEAD_NAME && msg_is_notification(registers.control)) ||
        (registers.id == TTY_EVENTS_ID_READY && msg_descriptors(registers.control) == 0))
        return tty_client_told(client, registers.id, registers.word[0]);
    const bool in_memory = msg_length(registers.control) > MSG_REGISTER_BYTES;
    stub_release_received(in_memory ? body : registers.word, msg_descriptors(registers.control));
    if (registers.remote != MSG_NULL && registers.remote != MSG_REPLY)
        stub_release_right((mach_port_name_t)registers.remote, MSG_MOVE_SEND_ONCE);
    return KERN_SUCCESS;
}

/* ---- bytes ---- */

size_t tty_client_put(struct tty_client *client, const void *bytes, size_t count)
{
    struct tty_ring *ring = client->output;
    const uint8_t *from = bytes;
    uint32_t put = atomic_load_explicit(&ring->put, memory_order_relaxed);
    const uint32_t used = put - atomic_load_explicit(&ring->taken, memory_order_acquire);
    size_t n = 0;

    while (n < count && used + n < TTY_RING_BYTES)
        ring->bytes[put++ % TTY_RING_BYTES] = from[n++];
    atomic_store_explicit(&ring->put, put, memory_order_release);
    return n;
}

kern_return_t tty_client_write(struct tty_client *client, const void *bytes, size_t count,
                               uint64_t deadline, size_t *done)
{
    kern_return_t kr = KERN_SUCCESS;

    *done = 0;
    while (*done < count && kr == KERN_SUCCESS) {
        *done += tty_client_put(client, (const char *)bytes + *done, count - *done);
        if (*done < count) {
            /* First say that one waits, then look again (Q1): who takes does it the other way round. */
            atomic_store(&client->output->wanted, 1);
            *done += tty_client_put(client, (const char *)bytes + *done, count - *done);
        }
        kr = kick(client);
        if (*done < count && kr == KERN_SUCCESS)
            kr = wait(client, deadline);
    }
    return kr;
}

static bool is_empty(struct tty_client *client)
{
    return atomic_load(&client->output->taken) ==
           atomic_load_explicit(&client->output->put, memory_order_relaxed);
}

kern_return_t tty_client_flush(struct tty_client *client, uint64_t deadline)
{
    kern_return_t kr = KERN_SUCCESS;

    while (kr == KERN_SUCCESS && !is_empty(client)) {
        atomic_store(&client->output->wanted, 1);
        if (!is_empty(client))
            kr = wait(client, deadline);
    }
    return kr;
}

/* The ring was full before this much was taken: the driver holds input back until it is told. It puts, and then looks whether there is room; this
 * is the other way round. */
static void end_hold(struct tty_client *client, uint32_t taken_before)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&client->input->put, memory_order_relaxed) - taken_before >=
        TTY_RING_BYTES)
        (void)kick(client);
}

static size_t take(struct tty_client *client, uint8_t *to, size_t count)
{
    struct tty_ring *ring = client->input;
    const uint32_t before = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    const uint32_t there = atomic_load_explicit(&ring->put, memory_order_acquire) - before;
    uint32_t taken = before;
    size_t n = 0;

    if (there > TTY_RING_BYTES)
        return 0; /* a driver that writes nonsense */
    while (n < count && n < there)
        to[n++] = ring->bytes[taken++ % TTY_RING_BYTES];
    atomic_store_explicit(&ring->taken, taken, memory_order_release);
    if (n > 0)
        end_hold(client, before);
    return n;
}

size_t tty_client_get(struct tty_client *client, void *bytes, size_t count)
{
    /* Who waits says so first, and then looks (Q1): the driver does it the other way round. */
    atomic_store(&client->input->wanted, 1);
    return take(client, bytes, count);
}

kern_return_t tty_client_kick(struct tty_client *client)
{
    atomic_store(&client->output->wanted, 1);
    return kick(client);
}

kern_return_t tty_client_read(struct tty_client *client, void *bytes, size_t count,
                              uint64_t deadline, size_t *got)
{
    kern_return_t kr = KERN_SUCCESS;

    for (;;) {
        *got = take(client, bytes, count);
        if (*got > 0)
            return KERN_SUCCESS;
        if (kr != KERN_SUCCESS)
            return kr;
        atomic_store(&client->input->wanted, 1);
        *got = take(client, bytes, count);
        if (*got > 0)
            return KERN_SUCCESS;
        kr = wait(client, deadline);
    }
}

kern_return_t tty_client_drain(struct tty_client *client)
{
    kern_return_t kr = tty_queue_drain(client->queue);

    while (kr != KERN_SUCCESS) {
        kr = attach_anew(client);
        if (kr != KERN_SUCCESS)
            return kr;
        kr = tty_queue_drain(client->queue);
    }
    return kr;
}

/* ---- beginning and end ---- */

static kern_return_t make_area(struct tty_client *client)
{
    void *at;
    const kern_return_t kr = client_area_make(TTY_AREA_SIZE, &at, &client->entry);

    if (at) {
        client->output = at;
        client->input = (struct tty_ring *)((char *)at + TTY_RING_PAGE);
    }
    return kr;
}

static kern_return_t open_line(struct tty_client *client, const char *service, bool output_only)
{
    memset(client, 0, sizeof(*client));
    client->output_only = output_only;
    kern_return_t kr = service_look_up(program_start_info->bootstrap, service, &client->service);
    if (kr == KERN_SUCCESS)
        kr = make_area(client);
    if (kr == KERN_SUCCESS)
        kr = port_allocate(self(), PORT_RIGHT_RECEIVE, &client->notify);
    if (kr == KERN_SUCCESS)
        kr = port_set_memory_limit(self(), client->notify, 0);
    if (kr == KERN_SUCCESS)
        kr = attach(client);
    if (kr != KERN_SUCCESS)
        tty_client_close(client);
    return kr;
}

kern_return_t tty_client_open(struct tty_client *client, const char *service)
{
    return open_line(client, service, false);
}

kern_return_t tty_client_open_output(struct tty_client *client, const char *service)
{
    return open_line(client, service, true);
}

void tty_client_close(struct tty_client *client)
{
    forget_queue(client);
    if (client->notify != MSG_NULL)
        stub_release_right(client->notify, MSG_MOVE_RECEIVE);
    if (client->service != MSG_NULL)
        stub_release_right(client->service, MSG_MOVE_SEND);
    client_area_release(client->output, TTY_AREA_SIZE, client->entry);
    memset(client, 0, sizeof(*client));
}
