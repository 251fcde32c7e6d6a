/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server of a serial line (<libsys/driver/tty_server.h>). One thread runs all of it.
 */
#include <libsys/driver/area.h>
#include <libsys/driver/tty_pump.h>
#include <libsys/driver/tty_server.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/trap.h>
#include <wharf/if/port.h>
#include <wharf/if/tty.h>
#include <wharf/if/tty_events.h>
#include <wharf/if/tty_queue.h>

enum { CLIENTS_MAX = 8 };

struct client {
    bool used;
    uint32_t generation;
    struct shared_area area;
    struct tty_ring *output, *input;
    mach_port_name_t queue;   /* receive right */
    mach_port_name_t notify;  /* send right */
    mach_port_name_t drained; /* who waits for tty_queue.drain: a send-once right, or 0 */
};

static struct {
    struct driver *driver;
    struct tty_device *device;
    struct client clients[CLIENTS_MAX];
    struct client *reader; /* V2; NULL: nobody is attached */
    unsigned turn; /* V2: the client whose output is next, and what has been taken of it in a row */
    uint64_t turn_bytes;
    uint64_t overruns;    /* that clients have been told of */
    uint64_t break_until; /* 0: there is none */
} line;

/* ---- clients ---- */

static uint64_t payload_of(const struct client *client)
{
    return (uint64_t)client->generation << 8 | (uint64_t)(client - line.clients + 1);
}

static struct client *client_of(const struct server_message *message)
{
    const uint64_t payload = message->received.local, index = (payload & 0xff) - 1;

    if (!(msg_flags(message->received.control) & MSG_FLAG_PAYLOAD) || index >= CLIENTS_MAX)
        return NULL;
    struct client *client = &line.clients[index];
    return client->used && client->generation == payload >> 8 ? client : NULL;
}

static void release(struct client *client)
{
    shared_area_release(line.driver, &client->area);
    if (client->queue != MSG_NULL)
        stub_release_right(client->queue, MSG_MOVE_RECEIVE);
    if (client->drained != MSG_NULL)
        stub_release_right(client->drained, MSG_MOVE_SEND_ONCE);
    *client = (struct client){.generation = client->generation};
}

static void detach(struct client *client)
{
    if (line.reader == client)
        line.reader = NULL;
    stub_release_right(client->notify, MSG_MOVE_SEND);
    release(client);
}

static kern_return_t begin(struct client *client, mach_port_name_t area, mach_port_name_t *queue)
{
    kern_return_t kr =
        shared_area_take(line.driver, area, TTY_AREA_SIZE, TTY_AREA_SIZE, &client->area);

    if (kr != KERN_SUCCESS)
        return kr;
    client->output = (struct tty_ring *)client->area.at;
    client->input = (struct tty_ring *)(client->area.at + TTY_RING_PAGE);
    return driver_client_port(line.driver, payload_of(client), &client->queue, queue);
}

/* ---- moving bytes ---- */

static void tell(struct client *client, struct tty_ring *ring, uint32_t lost)
{
    /* Who waits has said so before it looked at the ring; here the ring was changed before. */
    atomic_thread_fence(memory_order_seq_cst);
    if (!lost && !atomic_exchange_explicit(&ring->wanted, 0, memory_order_relaxed))
        return;
    (void)!tty_events_ready_until(client->notify, lost, 0); /* a full queue says the same */
}

static void finish_drain(struct client *client)
{
    if (client->drained == MSG_NULL || !line.device->ops->is_drained(line.device))
        return;
    if (tty_queue_reply_drain(client->drained, KERN_SUCCESS) != KERN_SUCCESS)
        stub_release_right(client->drained, MSG_MOVE_SEND_ONCE);
    client->drained = MSG_NULL;
}

static enum tty_pumped move_output(struct client *client)
{
    const uint64_t before = line.device->statistics.sent;
    const enum tty_pumped pumped = tty_pump_output(line.device, client->output);

    if (pumped == TTY_PUMP_BROKEN) {
        detach(client);
        return pumped;
    }
    if (line.device->statistics.sent != before)
        tell(client, client->output, 0);
    if (pumped == TTY_PUMP_DONE)
        finish_drain(client);
    return pumped;
}

/* True: more is to be done when others have had their turn. When one waits for room so do those behind it: the next that has nothing
 * would tell the device that nobody does. */
static bool move_outputs(void)
{
    bool more = false;

    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        const unsigned turn = line.turn;
        const uint64_t before = line.device->statistics.sent;
        enum tty_pumped pumped = TTY_PUMP_DONE;
        if (line.clients[turn].used)
            pumped = move_output(&line.clients[turn]);
        more |= pumped == TTY_PUMP_MORE;
        line.turn_bytes += line.device->statistics.sent - before;
        if (pumped != TTY_PUMP_WAITS || line.turn_bytes >= TTY_RING_BYTES) { /* V2 */
            line.turn = (turn + 1) % CLIENTS_MAX;
            line.turn_bytes = 0;
        }
        if (pumped == TTY_PUMP_WAITS)
            break;
    }
    return more;
}

static bool move_input(void)
{
    struct client *client = line.reader;
    unsigned moved = 0;

    if (!client) { /* V1 */
        line.device->ops->hold_input(line.device, true);
        return false;
    }
    const enum tty_pumped pumped = tty_pump_input(line.device, client->input, &moved);
    const uint64_t lost = line.device->statistics.overruns - line.overruns;
    line.overruns += lost;
    if (moved > 0 || lost > 0)
        tell(client, client->input, (uint32_t)lost);
    if (pumped == TTY_PUMP_BROKEN)
        detach(client);
    return pumped == TTY_PUMP_MORE;
}

static bool is_draining(void)
{
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        if (line.clients[i].drained != MSG_NULL)
            return true;
    return false;
}

static void pump(void)
{
    bool more = move_input();

    if (line.break_until == 0)
        more |= move_outputs();
    const uint64_t poll = is_draining() ? kernel_clock_now() + DEVICE_MILLISECOND : 0;
    line.driver->tick_at = more ? 1 : line.break_until ? line.break_until : poll;
}

static void tick(struct driver *driver)
{
    if (line.break_until && kernel_clock_now() >= line.break_until) {
        line.device->ops->set_break(line.device, false);
        line.break_until = 0;
    }
    (void)driver;
    pump();
}

static void interrupt(struct driver *driver, unsigned number)
{
    (void)driver;
    (void)number;
    if (line.device->ops->interrupt(line.device))
        pump();
}

/* ---- what clients ask ---- */

static kern_return_t add_client(mach_port_name_t area, mach_port_name_t notify,
                                mach_port_name_t *queue, struct client **out)
{
    struct client *client = line.clients;

    while (client->used)
        if (++client == line.clients + CLIENTS_MAX)
            return KERN_LIMIT;
    client->generation++;
    const kern_return_t kr = begin(client, area, queue);
    if (kr != KERN_SUCCESS) {
        release(client);
        return kr;
    }
    stub_release_right(area, MSG_MOVE_SEND);
    client->used = true;
    client->notify = notify;
    *out = client;
    return KERN_SUCCESS;
}

static kern_return_t attach(struct server_message *message, mach_port_name_t area,
                            mach_port_name_t notify, mach_port_name_t *queue)
{
    struct client *client;
    const kern_return_t kr = add_client(area, notify, queue, &client);

    (void)message;
    if (kr != KERN_SUCCESS)
        return kr;
    line.reader = client;
    line.device->ops->hold_input(line.device, false);
    pump();
    return KERN_SUCCESS;
}

static kern_return_t attach_output(struct server_message *message, mach_port_name_t area,
                                   mach_port_name_t notify, mach_port_name_t *queue)
{
    struct client *client;
    const kern_return_t kr = add_client(area, notify, queue, &client);

    (void)message;
    if (kr == KERN_SUCCESS)
        pump();
    return kr;
}

static kern_return_t get_settings(struct server_message *message, struct tty_settings *settings)
{
    (void)message;
    *settings = line.device->settings;
    return KERN_SUCCESS;
}

static kern_return_t set_settings(struct server_message *message,
                                  const struct tty_settings *settings)
{
    (void)message;
    if (!tty_settings_make_sense(settings))
        return KERN_INVALID_ARGUMENT;
    return line.device->ops->set_settings(line.device, settings);
}

static kern_return_t statistics(struct server_message *message, struct tty_statistics *out)
{
    (void)message;
    *out = line.device->statistics;
    return KERN_SUCCESS;
}

static kern_return_t send_break(struct server_message *message, uint32_t milliseconds)
{
    (void)message;
    if (!line.device->ops->set_break)
        return KERN_NOT_SUPPORTED;
    line.break_until = kernel_clock_now() + milliseconds * DEVICE_MILLISECOND;
    line.device->ops->set_break(line.device, true);
    line.driver->tick_at = line.break_until;
    return KERN_SUCCESS;
}

static kern_return_t kick(struct server_message *message)
{
    if (!client_of(message))
        return KERN_TERMINATED;
    pump();
    return KERN_SUCCESS;
}

static kern_return_t drain(struct server_message *message)
{
    struct client *client = client_of(message);

    if (!client || client->drained != MSG_NULL)
        return KERN_TERMINATED;
    const kern_return_t kr = server_keep_reply(message);
    if (kr != KERN_SUCCESS)
        return kr;
    client->drained = message->reply;
    pump();
    return MIG_NO_REPLY;
}

/* As block_server.c: a queue port is told through itself that its client is gone. */
static void notification(struct driver *driver, uint32_t id, const struct server_message *message)
{
    struct client *client = client_of(message);

    (void)driver;
    if (id == MSG_ID_NO_SENDERS && client)
        detach(client);
}

/* ---- the start ---- */

static void start(struct driver *driver, struct tty_device *device)
{
    struct tty_settings wanted = TTY_DEFAULT_SETTINGS;
    const uint64_t baud = driver_number(driver, "baud", 0);
    mach_port_name_t service;

    wanted.baud = (uint32_t)baud;
    kern_return_t kr = device->ops->start(device, baud ? &wanted : NULL);
    device->ops->hold_input(device, true);
    if (kr == KERN_SUCCESS)
        kr = driver_quiesced(driver);
    if (kr == KERN_SUCCESS)
        kr = driver_listen(driver, 0, SERVED);
    if (kr == KERN_SUCCESS)
        kr = driver_check_in(driver, &service);
    if (kr == KERN_SUCCESS && driver_argument(driver, "console"))
        kr = driver_check_in_as(driver, "tty.console", &service);
    if (kr != KERN_SUCCESS)
        driver_fail(driver, "it does not start: error %d", (int)kr);
}

void tty_server_run(struct driver *driver, struct tty_device *device)
{
    static const struct tty_ops operations = {
        .attach = attach,
        .attach_output = attach_output,
        .get_settings = get_settings,
        .set_settings = set_settings,
        .statistics = statistics,
        .send_break = send_break,
    };
    static const struct tty_queue_ops queue_operations = {.kick = kick, .drain = drain};
    struct server_interface interfaces[] = {
        tty_queue_interface(&queue_operations, NULL),
        tty_interface(&operations, NULL),
    };

    line.driver = driver;
    line.device = device;
    driver->interrupt = interrupt;
    driver->notification = notification;
    driver->tick = tick;
    start(driver, device);
    driver_serve(driver, interfaces, 2);
}
