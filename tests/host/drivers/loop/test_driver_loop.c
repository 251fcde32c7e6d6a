/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop in which a driver receives (libsys/driver/loop.c), against a kernel that does what a script says: errors of the sending and the receiving
 * half of its trap, memory that is used up, notifications that are none.
 */
#include "../../check.h"
#include "driver_impl.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/trap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <user/msg.h>
#include <wharf/if/device.h>
#include <wharf/if/interrupt.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>

enum { SET = 10, LINE_PORT = 11, SHARE = 12, REPLY = 13, STEPS_MAX = 16 };

/* What one trap gives: an error, or a message. */
struct step {
    kern_return_t error;
    uint64_t id, control, local, remote, word;
};

static struct driver driver;
static struct step steps[STEPS_MAX];
static unsigned step_count, step_at, repeats; /* after the last step: MACH_RCV_NO_SPACE, counted */
static struct msg_registers sent[STEPS_MAX];  /* what went with each of them */
static unsigned interrupts, notifications, ticks, released, failures;
static uint64_t now, slept;
static jmp_buf end;

/* ---- the kernel ---- */

void host_msg_trap(struct msg_registers *registers)
{
    const struct step *step = &steps[step_at];

    if (step_at == step_count) {
        repeats++;
        registers->result = -(int64_t)MACH_RCV_NO_SPACE;
        return;
    }
    sent[step_at++] = *registers;
    CHECK_EQ(registers->receive, SET);
    registers->result = -(int64_t)step->error;
    if (step->error != KERN_SUCCESS)
        return;
    registers->id = step->id;
    registers->control = step->control;
    registers->local = step->local;
    registers->remote = step->remote;
    registers->word[0] = step->word;
}

uint64_t kernel_clock_now(void)
{
    return now;
}

kern_return_t kernel_sleep_until(uint64_t deadline)
{
    CHECK(deadline > now);
    slept += deadline - now;
    now = deadline;
    return KERN_SUCCESS;
}

void kernel_task_exit(int status)
{
    (void)status;
    longjmp(end, 1);
}

void driver_fail(struct driver *failed, const char *format, ...)
{
    CHECK(failed == &driver && format[0] != '\0');
    failures++;
    longjmp(end, 1);
}

void stub_release_right(mach_port_name_t name, unsigned kind)
{
    CHECK(name == REPLY && kind == MSG_MOVE_SEND_ONCE);
    released++;
}

/* malloc() of the loop, twice in a driver's life. */
void *loop_memory(size_t size);
void *loop_memory(size_t size)
{
    static uint64_t memory[2][MSG_BODY_MAX / 8];
    static unsigned next;

    CHECK(size <= sizeof(memory[0]));
    return memory[next++ % 2];
}

/* ---- what none of the scenes needs ---- */

const struct start_info *program_start_info = &(const struct start_info){0};

kern_return_t device_interrupt(mach_port_name_t device, uint32_t index, mach_port_name_t *interrupt)
{
    (void)device, (void)index;
    *interrupt = SHARE;
    return KERN_SUCCESS;
}
kern_return_t interrupt_bind(mach_port_name_t interrupt, uint32_t id, uint64_t payload,
                             mach_port_name_t port)
{
    (void)interrupt, (void)id, (void)payload, (void)port;
    return KERN_SUCCESS;
}
kern_return_t interrupt_acknowledge(mach_port_name_t interrupt)
{
    (void)interrupt;
    return KERN_SUCCESS;
}
kern_return_t driver_port(struct driver *of, uint64_t payload, mach_port_name_t *port)
{
    (void)of, (void)payload;
    *port = LINE_PORT;
    return KERN_SUCCESS;
}
kern_return_t driver_make_send(mach_port_name_t port)
{
    (void)port;
    return KERN_SUCCESS;
}
void driver_at_rest(struct driver *of)
{
    (void)of;
}
kern_return_t port_move_member(mach_port_name_t task, mach_port_name_t member, mach_port_name_t to)
{
    (void)task, (void)member, (void)to;
    return KERN_SUCCESS;
}
kern_return_t service_ready(mach_port_name_t service)
{
    (void)service;
    return KERN_SUCCESS;
}
kern_return_t server_dispatch(const struct server_interface *interface,
                              struct server_message *message)
{
    (void)interface;
    message->out_shape = WIRE_SHAPE(8, 0);
    memset(message->out, 0, 8);
    return KERN_SUCCESS;
}
kern_return_t server_keep_reply(struct server_message *message)
{
    message->reply = REPLY;
    return KERN_SUCCESS;
}
void stub_release_received(const void *body, unsigned count)
{
    (void)body;
    CHECK_EQ(count, 0);
}
void stub_release_unsent(const void *body, unsigned count)
{
    (void)body;
    CHECK_EQ(count, 0);
}

/* ---- the driver ---- */

static void interrupt(struct driver *of, unsigned line)
{
    CHECK(of == &driver && line == 0);
    interrupts++;
}

static void notification(struct driver *of, uint32_t id, const struct server_message *message)
{
    CHECK(of == &driver && id == MSG_ID_NO_SENDERS);
    CHECK(msg_is_notification(message->received.control));
    notifications++;
}

static void tick(struct driver *of)
{
    of->tick_at = now + DEVICE_MILLISECOND;
    ticks++;
}

static struct step error(kern_return_t kr)
{
    return (struct step){.error = kr};
}

static struct step line_interrupt(void)
{
    return (struct step){.id = DRIVER_MESSAGE_INTERRUPT,
                         .control = MSG_CONTROL(0, MSG_MOVE_SEND, 24, 0),
                         .local = LINE_PORT};
}

static struct step request(void)
{
    return (struct step){.id = 0x5001,
                         .control = MSG_CONTROL(MSG_MOVE_SEND_ONCE, MSG_COPY_SEND, 8, 0),
                         .local = 20,
                         .remote = REPLY};
}

static struct step told(unsigned how)
{
    return (
        struct step){.id = MSG_ID_NO_SENDERS, .control = MSG_CONTROL(0, how, 8, 0), .local = 20};
}

/* Serve until the script is over, and the driver ends for want of memory, or before. */
static void serve(const struct step *script, unsigned count)
{
    static struct server_interface interface = {.base = 0x5000, .numbers = 2};

    memcpy(steps, script, count * sizeof(*script));
    memset(sent, 0, sizeof(sent));
    step_count = count;
    step_at = repeats = interrupts = notifications = ticks = released = failures = 0;
    slept = 0;
    now = DEVICE_SECOND;
    driver = (struct driver){.set = SET,
                             .interrupt = interrupt,
                             .notification = notification,
                             .tick = tick,
                             .tick_at = now + DEVICE_SECOND / 2};
    CHECK_EQ(driver_listen(&driver, 0, SERVED), KERN_SUCCESS);
    if (setjmp(end) == 0)
        driver_serve(&driver, &interface, 1);
}
#define SERVE(...)                                         \
    do {                                                   \
        const struct step script[] = {__VA_ARGS__};        \
        serve(script, sizeof(script) / sizeof(script[0])); \
    } while (0)

static void check_acknowledged(unsigned step)
{
    CHECK_EQ(sent[step].destination, SHARE);
    CHECK_EQ(sent[step].id, INTERRUPT_ID_ACKNOWLEDGED);
    CHECK_EQ(sent[step].control, MSG_CONTROL(MSG_COPY_SEND, 0, 0, 0));
}

/* ---- scenes ---- */

/* A line whose share is gone: the device has been taken away, which no client's end is. */
static void share_is_gone(void)
{
    SERVE(line_interrupt(), error(MACH_SEND_INVALID_DEST), request());
    CHECK_EQ(failures, 1);
    CHECK_EQ(step_at, 2);
    CHECK_EQ(slept, 0);
    check_acknowledged(1);
}

/* A line that could not be acknowledged is, later: else it would be quiet for ever. */
static void acknowledged_in_the_end(void)
{
    SERVE(line_interrupt(), error(MACH_SEND_NO_BUFFER), error(MACH_SEND_INTERRUPTED), request(),
          error(MACH_RCV_TIMED_OUT));
    CHECK_EQ(interrupts, 1);
    for (unsigned i = 1; i <= 3; i++)
        check_acknowledged(i);
    CHECK_EQ(sent[4].destination, REPLY);
}

/* With the receiving half the sending half is done: not once more. */
static void acknowledged_once(void)
{
    SERVE(line_interrupt(), error(MACH_RCV_TIMED_OUT), error(MACH_RCV_INTERRUPTED),
          line_interrupt(), error(MACH_RCV_NO_SPACE), request());
    CHECK_EQ(interrupts, 2);
    check_acknowledged(1);
    CHECK_EQ(sent[2].destination, MSG_NULL);
    CHECK_EQ(sent[3].destination, MSG_NULL);
    check_acknowledged(4);
    CHECK_EQ(sent[5].destination, MSG_NULL);
}

static void client_is_gone(void)
{
    SERVE(request(), error(MACH_SEND_INVALID_DEST), line_interrupt(), error(MACH_RCV_TIMED_OUT));
    CHECK_EQ(released, 1);
    CHECK_EQ(sent[1].destination, REPLY);
    CHECK_EQ(sent[2].destination, MSG_NULL);
    check_acknowledged(3);
}

/* No memory for what comes: the device is looked after, a bounded number of traps is made, and then the driver ends. */
static void starves(void)
{
    SERVE(request());
    CHECK_EQ(failures, 1);
    CHECK(repeats <= 16 && slept >= DEVICE_SECOND / 2 && slept <= DRIVER_TAKES);
    CHECK(ticks > 0);
    SERVE(error(MACH_RCV_NO_SPACE), error(MACH_RCV_NO_SPACE), request());
    CHECK_EQ(sent[2].destination, MSG_NULL);
    CHECK(repeats > 8); /* it has come: patience begins anew */
}

/* Who can send here can send such an id; the kernel's are told by how they were sent. */
static void notified(void)
{
    SERVE(told(MSG_BY_KERNEL), told(MSG_COPY_SEND), told(MSG_MOVE_SEND_ONCE));
    CHECK_EQ(notifications, 1);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    share_is_gone();
    acknowledged_in_the_end();
    acknowledged_once();
    client_is_gone();
    starves();
    notified();
    return check_end();
}
