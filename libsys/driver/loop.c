/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a driver receives: requests, interrupts, the ends of ports, in one loop (driver_serve); and, in the midst of work on a slow
 * device, one interrupt (driver_wait_interrupt). <libsys/driver/driver.h>: D1, D2.
 *
 * What has to be sent goes with the receive that follows it, in one trap: the reply to a request, or `acknowledged` to a line.
 */
#include "driver_impl.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/trap.h>
#include <stdlib.h>
#include <string.h>
#include <user/msg.h>
#include <wharf/if/device.h>
#include <wharf/if/interrupt.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>

/* ---- lines ---- */

kern_return_t driver_listen(struct driver *driver, unsigned number, enum driver_listening listening)
{
    struct driver_line *line = &driver->line[number];

    if (number >= DRIVER_LINES_MAX)
        return KERN_INVALID_ARGUMENT;
    kern_return_t kr = device_interrupt(driver->device, number, &line->interrupt);
    if (kr == KERN_SUCCESS)
        kr = driver_port(driver, 0, &line->port);
    if (kr == KERN_SUCCESS)
        kr = driver_make_send(line->port);
    line->listening = listening;
    if (kr == KERN_SUCCESS)
        kr = interrupt_bind(line->interrupt, DRIVER_MESSAGE_INTERRUPT, number, line->port);
    return kr;
}

/* Its port is taken out of the set, or put back there. */
static void set_apart(struct driver *driver, struct driver_line *line, bool apart)
{
    if (line->apart == apart)
        return;
    const kern_return_t kr =
        port_move_member(program_start_info->task, line->port, apart ? MSG_NULL : driver->set);
    line->apart = apart;
    if (kr != KERN_SUCCESS)
        driver_fail(driver, "the port of a line: error %d", (int)kr);
}

/* Nobody waits for it any more: what has come has been served (D2, D6). */
static void rest_line(struct driver *driver, struct driver_line *line)
{
    if (line->owed && interrupt_acknowledge(line->interrupt) != KERN_SUCCESS)
        driver_fail(driver, "the device has been taken away");
    line->owed = false;
    set_apart(driver, line, false);
}

void driver_serve_line(struct driver *driver, unsigned number)
{
    driver->line[number].listening = SERVED;
    rest_line(driver, &driver->line[number]);
}

/* Without its device a driver is nothing: the kernel's side of a line goes with the device. */
static void check_device(struct driver *driver, kern_return_t error)
{
    if (error == MACH_SEND_INVALID_DEST)
        driver_fail(driver, "the device has been taken away");
}

/* Receive from `from`; before that acknowledge `line`, if there is one. */
static kern_return_t acknowledge_and_receive(struct msg_registers *registers,
                                             const struct driver_line *line, mach_port_name_t from,
                                             uint64_t deadline)
{
    *registers = (struct msg_registers){.receive = from, .deadline = deadline};
    if (line) {
        registers->destination = line->interrupt;
        registers->id = INTERRUPT_ID_ACKNOWLEDGED;
        registers->control = MSG_CONTROL(MSG_COPY_SEND, 0, 0, 0);
    }
    user_msg_trap(registers);
    return trap_error(registers->result);
}

/* The reply that is owed to a client would be lost by receiving (D4). */
static void keep_reply(struct driver *driver)
{
    if (driver->answering && server_keep_reply(driver->answering) != KERN_SUCCESS)
        driver->answering->reply =
            MSG_NULL; /* no memory for a name: the client is told that it is lost, and asks again */
}

bool driver_wait_interrupt(void *context, unsigned number, uint64_t deadline)
{
    struct driver *driver = context;
    struct driver_line *line = &driver->line[number];
    struct msg_registers registers;

    keep_reply(driver);
    set_apart(driver, line, true);

    driver_busy(driver, deadline + DRIVER_TAKES);
    kern_return_t error =
        acknowledge_and_receive(&registers, line->owed ? line : NULL, line->port, deadline);
    while (error == MACH_RCV_INTERRUPTED)
        error = acknowledge_and_receive(&registers, NULL, line->port, deadline);
    check_device(driver, error);
    line->owed = error == KERN_SUCCESS;
    return line->owed;
}

/* ---- the loop ---- */

struct loop {
    struct driver *driver;
    const struct server_interface *interfaces;
    unsigned count;
    struct server_message message; /* its `received` are the registers of the trap */
    void *in;                      /* MSG_BODY_MAX bytes */
    uint32_t messages;             /* since the tick was looked for in their midst */
    /* What goes with the next receive is `acknowledged` to this line, not an answer; NULL: it is not. */
    const struct driver_line *acknowledging;
    unsigned starved; /* receives in a row for which there was no memory */
};

static const struct server_interface *find(const struct loop *loop, uint32_t id)
{
    for (unsigned i = 0; i < loop->count; i++)
        if (id - loop->interfaces[i].base < loop->interfaces[i].numbers)
            return &loop->interfaces[i];
    return NULL;
}

/* Clients can send any id, but not through a port of which nobody else has a send right. */
static bool came_through(const struct server_message *message, mach_port_name_t port)
{
    return !(msg_flags(message->received.control) & MSG_FLAG_PAYLOAD) &&
           message->received.local == port;
}

/* The line that the message is an interrupt of; NULL: it is none. */
static struct driver_line *line_of(struct driver *driver, const struct server_message *message)
{
    const uint64_t number = message->received.word[0];

    if (message->received.id != DRIVER_MESSAGE_INTERRUPT || number >= DRIVER_LINES_MAX ||
        !came_through(message, driver->line[number].port))
        return NULL;
    return &driver->line[number];
}

/* Anybody who has a right to the port can send such an id. */
static bool is_notification(const struct server_message *message)
{
    const uint64_t id = message->received.id;

    return msg_is_notification(message->received.control) && id >= MSG_ID_PORT_DELETED &&
           id <= MSG_ID_DEAD_NAME;
}

/* What is no interrupt. The answer, or MIG_NO_REPLY. */
static kern_return_t dispatch(struct loop *loop)
{
    struct driver *driver = loop->driver;
    struct server_message *message = &loop->message;
    const uint64_t id = message->received.id;
    const struct server_interface *interface = find(loop, (uint32_t)id);

    if (interface) {
        driver->answering = message;
        const kern_return_t answer = server_dispatch(interface, message);
        driver->answering = NULL;
        return answer;
    }
    if (id == DRIVER_MESSAGE_STOP && came_through(message, driver->stop_port)) {
        if (driver->stop)
            driver->stop(driver);
        if (!driver->facts.dma)
            driver_at_rest(driver);
        kernel_task_exit(0);
    }
    if (is_notification(message) && driver->notification)
        driver->notification(driver, (uint32_t)id, message);
    /* What drivers ask the kernel to tell them brings no rights: what does is a client's. */
    stub_release_received(message->in, msg_descriptors(message->received.control));
    return message->reply == MSG_NULL ? MIG_NO_REPLY : MIG_BAD_ID;
}

/* Make the registers those of the answer; nothing if there is nobody to answer. */
static void prepare_answer(struct loop *loop, kern_return_t answer)
{
    struct server_message *message = &loop->message;
    struct msg_registers *registers = &message->received;
    const bool wanted = answer != MIG_NO_REPLY && message->reply != MSG_NULL;
    uint32_t shape = answer == KERN_SUCCESS ? message->out_shape : 0;

    if (answer == KERN_SUCCESS && !wanted)
        stub_release_unsent(message->out, wire_descriptors(shape));
    if (!wanted)
        shape = 0;
    message->out_shape = shape;
    if (!wanted)
        message->reply = MSG_NULL;
    *registers = (struct msg_registers){
        .destination = message->reply,
        .id = wanted ? (uint64_t)answer : 0,
        .control = wanted ? MSG_CONTROL(MSG_MOVE_SEND_ONCE, 0, 0, 0) | (uint64_t)shape
                                                                           << MSG_LENGTH_SHIFT
                          : 0,
    };
    if (wire_length(shape) > MSG_REGISTER_BYTES)
        registers->word[0] = (uintptr_t)message->out;
    else
        memcpy(registers->word, message->out, wire_length(shape));
}

static void receive(struct loop *loop)
{
    struct driver *driver = loop->driver;
    struct msg_registers *registers = &loop->message.received;

    registers->receive = driver->set;
    registers->deadline = driver->tick_at ? driver->tick_at : TRAP_NEVER;
    registers->buffer = (uintptr_t)loop->in;
    registers->size = MSG_BODY_MAX;
    for (unsigned i = 0; i < DRIVER_LINES_MAX; i++)
        if (driver->line[i].apart)
            rest_line(driver, &driver->line[i]);
    driver_busy(driver, DRIVER_IDLE);
    user_msg_trap(registers);
    atomic_store_explicit(&driver->received,
                          atomic_load_explicit(&driver->received, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    driver_busy(driver, DRIVER_BUSY);
}

static void run_tick(struct driver *driver)
{
    driver->tick_at = 0;
    driver->tick(driver);
}

/* Messages come first. But who sends them without a pause does not keep the loop from its tick for good: it is looked for every now and
 * then, for a moment is not to be had for nothing. The reply to what has come is owed meanwhile (D4). */
static void tick_in_between(struct loop *loop)
{
    enum { MESSAGES = 64 };
    struct driver *driver = loop->driver;

    if (driver->tick_at == 0 || ++loop->messages < MESSAGES)
        return;
    loop->messages = 0;
    if (kernel_clock_now() < driver->tick_at)
        return;
    driver->answering = &loop->message;
    keep_reply(driver);
    run_tick(driver);
    driver->answering = NULL;
}

static void run_tick_if_due(struct driver *driver)
{
    if (driver->tick_at && kernel_clock_now() >= driver->tick_at)
        run_tick(driver);
}

/* There are no names or memory for what stands first in the queue, and to ask at once again would be to ask for ever. It may be the machine that has
 * none, or this program that has lost some: so it is given a second, in which the device is looked after, and then ends. The next instance begins
 * with none of it, and its clients ask that. */
static void wait_for_memory(struct loop *loop, kern_return_t error)
{
    enum { PAUSES = 10 }; /* each twice as long as the one before */
    struct driver *driver = loop->driver;

    if (loop->starved == PAUSES)
        driver_fail(driver, "no memory for what is sent here: error %d", (int)error);
    (void)!kernel_sleep_until(kernel_clock_now() + (DEVICE_MILLISECOND << loop->starved));
    loop->starved++;
    run_tick_if_due(driver);
}

/* The client is gone, or does not take it. */
static void drop_answer(struct server_message *message)
{
    stub_release_unsent(message->out, wire_descriptors(message->out_shape));
    if (message->reply != MSG_REPLY && message->reply != MSG_NULL)
        stub_release_right(message->reply, MSG_MOVE_SEND_ONCE);
}

static void recover_send(struct loop *loop, kern_return_t error)
{
    if (!loop->acknowledging) {
        drop_answer(&loop->message);
        return;
    }
    check_device(loop->driver, error); /* else it stays owed: the line would be quiet for ever */
    if (error != MACH_SEND_INTERRUPTED)
        wait_for_memory(loop, error);
}

static void recover_receive(struct loop *loop, kern_return_t error)
{
    loop->acknowledging = NULL; /* that was done */
    switch ((int)error) {
    case MACH_RCV_TIMED_OUT: run_tick_if_due(loop->driver); break;
    case MACH_RCV_NO_SPACE: wait_for_memory(loop, error); break;
    case MACH_RCV_INTERRUPTED: break;
    default: driver_fail(loop->driver, "receiving: error %d", (int)error);
    }
}

/* What goes with the next receive when there is no answer. */
static void prepare_acknowledgement(struct loop *loop)
{
    loop->message.reply = MSG_NULL;
    loop->message.received = (struct msg_registers){
        .destination = loop->acknowledging->interrupt,
        .id = INTERRUPT_ID_ACKNOWLEDGED,
        .control = MSG_CONTROL(MSG_COPY_SEND, 0, 0, 0),
    };
}

/* The trap failed: nothing has come. */
static void recover(struct loop *loop, kern_return_t error)
{
    if (error < MACH_RCV_INVALID_NAME)
        recover_send(loop, error);
    else
        recover_receive(loop, error);
    loop->message.reply = MSG_NULL;
    if (loop->acknowledging)
        prepare_acknowledgement(loop);
    else
        prepare_answer(loop, MIG_NO_REPLY);
}

/* One message, or moment, and what is to be sent before the next. */
static void step(struct loop *loop)
{
    struct driver *driver = loop->driver;
    struct server_message *message = &loop->message;
    struct msg_registers *registers = &message->received;

    receive(loop);
    const kern_return_t error = trap_error(registers->result);
    if (error != KERN_SUCCESS) {
        recover(loop, error);
        return;
    }
    loop->starved = 0;
    message->reply = (mach_port_name_t)registers->remote;
    message->out_shape = 0;
    tick_in_between(loop);
    loop->acknowledging = line_of(driver, message);
    if (loop->acknowledging) {
        if (loop->acknowledging->listening == SERVED)
            driver->interrupt(driver, (unsigned)registers->word[0]);
        prepare_acknowledgement(loop);
        return;
    }
    message->in = msg_length(registers->control) > MSG_REGISTER_BYTES ? loop->in : registers->word;
    prepare_answer(loop, dispatch(loop));
}

static size_t longest_reply(const struct server_interface *interfaces, unsigned count)
{
    size_t longest = MSG_REGISTER_BYTES;

    for (unsigned i = 0; i < count; i++)
        if (interfaces[i].reply_max > longest)
            longest = interfaces[i].reply_max;
    return longest;
}

void driver_serve(struct driver *driver, struct server_interface *interfaces, unsigned count)
{
    struct loop loop = {.driver = driver, .interfaces = interfaces, .count = count};

    loop.in = malloc(MSG_BODY_MAX);
    loop.message.out = malloc(longest_reply(interfaces, count));
    if (!loop.in || !loop.message.out)
        driver_fail(driver, "no memory for messages");
    kern_return_t kr = service_ready(program_start_info->bootstrap);
    if (kr != KERN_SUCCESS)
        driver_fail(driver, "its bootstrap port: error %d", (int)kr);
    prepare_answer(&loop, MIG_NO_REPLY);
    for (;;)
        step(&loop);
}
