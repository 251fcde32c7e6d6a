/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts of a device come to its driver, to all who share the line, and to nobody else; a line that is never quiet keeps nobody
 * from working; and whoever ends with an interrupt in his hands leaves the line as it should be.
 */
#include "device-matrix.h"

#include "raised.h"
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdatomic.h>
#include <string.h>
#include <user/msg.h>
#include <wharf/if/device.h>
#include <wharf/if/device_control.h>
#include <wharf/if/interrupt.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

enum { ID = 0x5000 };

/* A driver of the toy. */
struct toy {
    mach_port_name_t control, device, interrupt, port;
    uint64_t at;
};

static struct toy toy_open(mach_port_name_t control)
{
    struct toy toy = {.control = control, .device = open_device(control), .port = make_port()};
    OK(device_interrupt(toy.device, 0, &toy.interrupt));
    toy.at = map_registers(toy.device, NULL);
    toy_quiet(toy.at);
    return toy;
}

static void toy_close(struct toy *toy)
{
    toy_quiet(toy->at);
    unmap_registers(toy->at);
    drop(toy->interrupt), drop(toy->device), drop_port(toy->port);
}

static bool receive(mach_port_name_t port, uint64_t deadline, struct interrupt_occurrence *got)
{
    struct msg_registers m = {.receive = port, .deadline = deadline};
    user_msg_trap(&m);
    if (m.result != 0)
        return false;
    CHECK_EQUAL(m.id, ID);
    CHECK_EQUAL(msg_length(m.control), sizeof(*got));
    memcpy(got, m.word, sizeof(*got));
    return true;
}

static bool has_message(mach_port_name_t port)
{
    struct port_receive_status status;
    OK(port_get_receive_status(me(), port, &status));
    return status.messages > 0;
}

/* ---- one driver ---- */

static void test_one(void)
{
    enum { ROUNDS = 200 };
    struct toy toy = toy_open(make_toy());
    struct interrupt_occurrence got = {0};
    uint64_t fired = 0, storms = 0, last = 0;
    bool masked = false;
    mach_port_name_t second;
    FAILS(device_interrupt(toy.device, 0, &second), KERN_BUSY);
    FAILS(device_interrupt(toy.device, 1, &second), KERN_INVALID_ARGUMENT);
    FAILS(interrupt_bind(toy.interrupt, ID, 0, toy.control), KERN_INVALID_CAPABILITY);
    OK(interrupt_info(toy.interrupt, &fired, &storms, &masked));
    CHECK(masked && fired == 0);
    OK(interrupt_acknowledge(toy.interrupt)); /* of nothing */
    toy_ask(toy.at);
    OK(interrupt_bind(toy.interrupt, ID, 4711, toy.port));
    for (unsigned i = 0; i < ROUNDS; i++) {
        CHECK(receive(toy.port, UINT64_MAX, &got));
        CHECK(got.payload == 4711 && got.count == 1);
        CHECK(got.moment > last && got.moment <= kernel_clock_now());
        last = got.moment;
        CHECK(!has_message(toy.port));
        toy_quiet(toy.at);
        toy_ask(toy.at);
        if (i % 2)
            OK(interrupt_acknowledge(toy.interrupt));
        else
            OK(interrupt_acknowledged(toy.interrupt));
    }
    CHECK(receive(toy.port, UINT64_MAX, &got));
    toy_quiet(toy.at);
    OK(interrupt_acknowledge(toy.interrupt));
    OK(interrupt_info(toy.interrupt, &fired, &storms, &masked));
    CHECK(!masked && fired == ROUNDS + 1 && storms == 0);
    /* Unbound, nothing comes; bound anew, it does. */
    OK(interrupt_bind(toy.interrupt, 0, 0, MSG_NULL));
    toy_ask(toy.at);
    CHECK(!receive(toy.port, kernel_clock_now() + 5000000, &got));
    OK(interrupt_bind(toy.interrupt, ID, 1, toy.port));
    CHECK(receive(toy.port, UINT64_MAX, &got));
    CHECK_EQUAL(got.payload, 1);
    OK(interrupt_bind(toy.interrupt, ID, 2, toy.port)); /* what was is forgotten: it fires again */
    CHECK(receive(toy.port, UINT64_MAX, &got));
    CHECK_EQUAL(got.payload, 2);
    struct device_control_facts now;
    OK(device_control_info(toy.control, &now));
    CHECK(now.interrupts >= ROUNDS + 3);
    toy_close(&toy);
    drop(toy.control);
}

/* ---- several on one line ---- */

static void test_shared(void)
{
    struct toy one = toy_open(make_toy()), two = toy_open(make_toy());
    struct interrupt_occurrence got;
    OK(interrupt_bind(one.interrupt, ID, 1, one.port));
    OK(interrupt_bind(two.interrupt, ID, 2, two.port));
    for (unsigned i = 0; i < 50; i++) {
        toy_ask(one.at);
        CHECK(receive(one.port, UINT64_MAX, &got) && got.payload == 1);
        CHECK(receive(two.port, UINT64_MAX, &got) && got.payload == 2);
        /* Still up: the line waits for both. */
        OK(interrupt_acknowledge(i % 2 ? one.interrupt : two.interrupt));
        CHECK(!receive(one.port, kernel_clock_now() + 300000, &got));
        CHECK(!has_message(two.port));
        toy_quiet(one.at);
        OK(interrupt_acknowledge(i % 2 ? two.interrupt : one.interrupt));
    }
    /* Who goes has acknowledged. */
    toy_ask(one.at);
    CHECK(receive(one.port, UINT64_MAX, &got) && receive(two.port, UINT64_MAX, &got));
    toy_quiet(one.at);
    OK(interrupt_acknowledge(one.interrupt));
    OK(device_control_close(two.control));
    toy_ask(one.at);
    CHECK(receive(one.port, UINT64_MAX, &got) && got.payload == 1);
    toy_quiet(one.at);
    unmap_registers(two.at);
    drop(two.interrupt), drop(two.device), drop(two.control), drop_port(two.port);
    toy_close(&one);
    drop(one.control);
}

/* ---- never quiet ---- */

static _Atomic bool stop;
static _Atomic uint64_t worked;

static void work_on(void *argument)
{
    (void)argument;
    while (!atomic_load(&stop))
        atomic_fetch_add(&worked, 1);
}

/* The driver does nothing but acknowledge. Others work meanwhile, and time goes on. */
static void test_storm(void)
{
    struct toy toy = toy_open(make_toy());
    struct interrupt_occurrence got;
    struct thread worker;
    uint64_t fired = 0, storms = 0;
    bool masked;
    atomic_store(&stop, false), atomic_store(&worked, 0);
    OK(thread_start(&worker, work_on, NULL, THREAD_PRIORITY_DEFAULT - 10));
    OK(interrupt_bind(toy.interrupt, ID, 0, toy.port));
    while (atomic_load(&worked) == 0)
        pause_for(1000);
    uint64_t before = atomic_load(&worked);
    toy_ask(toy.at);
    while (storms < 3 || atomic_load(&worked) == before) {
        CHECK(receive(toy.port, UINT64_MAX, &got));
        OK(interrupt_acknowledge(toy.interrupt));
        OK(interrupt_info(toy.interrupt, &fired, &storms, &masked));
    }
    uint64_t work = atomic_load(&worked);
    CHECK(work > before);
    struct device_control_facts now;
    OK(device_control_info(toy.control, &now));
    CHECK(now.storms >= 3 && now.interrupts >= fired);
    print("device-matrix: %lu interrupts, %lu storms, %lu rounds of work\n", fired, storms, work);
    toy_quiet(toy.at);
    OK(interrupt_acknowledge(toy.interrupt));
    while (receive(toy.port, kernel_clock_now() + 150000000, &got))
        OK(interrupt_acknowledge(toy.interrupt));
    toy_ask(toy.at); /* it is as before */
    CHECK(receive(toy.port, UINT64_MAX, &got));
    atomic_store(&stop, true);
    thread_join(&worker);
    toy_close(&toy);
    drop(toy.control);
}

/* ---- the driver ends ---- */

struct shared {
    _Atomic uint32_t state;
};

static struct {
    mach_port_name_t control;
    struct shared *shared;
    bool receives;
} order;

/* In a task of its own: it takes interrupts and never acknowledges the last. */
static int drive(void *argument)
{
    (void)argument;
    struct interrupt_occurrence got;
    struct toy toy = toy_open(order.control);
    OK(interrupt_bind(toy.interrupt, ID, 0, toy.port));
    toy_ask(toy.at);
    if (order.receives)
        CHECK(receive(toy.port, UINT64_MAX, &got));
    else
        while (!has_message(toy.port))
            pause_for(100);
    atomic_store(&order.shared->state, 1);
    while (true) /* until it is ended */
        pause_for(1000000);
    return 0;
}

static void test_killed(void)
{
    order.control = make_toy();
    order.shared = pages_make_shared(1);
    for (unsigned i = 0; i < 8; i++) {
        struct clone clone;
        order.receives = i % 2;
        atomic_store(&order.shared->state, 0);
        OK(clone_make(&clone, drive, NULL, THREAD_PRIORITY_DEFAULT));
        OK(clone_run(&clone));
        while (atomic_load(&order.shared->state) == 0)
            pause_for(200);
        clone_end(&clone);
        mach_port_name_t device = MSG_NULL;
        while (device_control_open(order.control, 0, &device) == KERN_BUSY)
            pause_for(200);
        drop(device);
        while (device_control_open(order.control, 0, &device) == KERN_BUSY)
            pause_for(200);
        OK(device_control_close(order.control));
        drop(device);
        /* The next driver has interrupts, of the device that asks still. */
        struct interrupt_occurrence got;
        struct toy toy = {.control = order.control,
                          .device = open_device(order.control),
                          .port = make_port()};
        OK(device_interrupt(toy.device, 0, &toy.interrupt));
        toy.at = map_registers(toy.device, NULL);
        toy_ask(toy.at);
        OK(interrupt_bind(toy.interrupt, ID, 7, toy.port));
        CHECK(receive(toy.port, UINT64_MAX, &got) && got.payload == 7);
        toy_close(&toy);
        OK(device_control_close(order.control));
    }
    drop(order.control);
    pages_drop(order.shared, 1);
}

/* The port that is told goes, while its message is in it or has been taken; the right to the interrupt stays. */
static void test_port_gone(void)
{
    struct toy toy = toy_open(make_toy());
    struct interrupt_occurrence got = {0};
    for (unsigned i = 0; i < 20; i++) {
        OK(interrupt_bind(toy.interrupt, ID, i, toy.port));
        toy_ask(toy.at);
        if (i % 2) {
            CHECK(receive(toy.port, UINT64_MAX, &got));
            CHECK_EQUAL(got.payload, i);
        } else {
            while (!has_message(toy.port))
                pause_for(100);
        }
        toy_quiet(toy.at);
        drop_port(toy.port);
        toy.port = make_port();
    }
    toy_close(&toy);
    drop(toy.control);
}

void test_interrupts(void)
{
    test_one();
    test_shared();
    test_port_gone();
    test_killed();
    test_storm();
}
