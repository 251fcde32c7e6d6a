/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt lines, by a simulated controller.
 */
#include "device_stage.h"

static void line(bool level)
{
    host_line_set(DEVICE_LINE, level);
}

static uint64_t told_count(void)
{
    return got_word(me.actor, 2);
}

/* One driver: told once, and once more when it has acknowledged and the device still asks. */
void scene_interrupt_level(void)
{
    uint32_t devices = enter_board(), control, second;
    uint64_t fired, storms;
    bool masked;
    CHECK(irq_line_mask_unowned(DEVICE_LINE));
    OK(make_device(devices, false, &control));
    line(true); /* before anybody listens */
    rest();
    struct driver driver = drive(control, 0);
    GIVES(KERN_BUSY, device_interrupt(driver.device, 0, &second));
    GIVES(KERN_INVALID_ARGUMENT, device_interrupt(driver.device, 2, &second));
    GIVES(KERN_INVALID_CAPABILITY, interrupt_bind(driver.interrupt, 1, 1, me.task));
    CHECK(is_told(&driver) && told_count() == 1);
    CHECK(!is_told(&driver));                   /* active */
    CHECK(!irq_line_mask_unowned(DEVICE_LINE)); /* by who had seen that it was nobody's */
    OK(interrupt_acknowledge(driver.interrupt));
    CHECK(is_told(&driver));
    line(false);
    OK(interrupt_acknowledged(driver.interrupt));
    OK(interrupt_acknowledge(driver.interrupt)); /* of nothing */
    CHECK(!is_told(&driver));
    for (unsigned i = 0; i < 20; i++) { /* to who waits: the fast way */
        post(me.actor, (struct message){.receive = driver.port});
        CHECK(!is_done(me.actor));
        line(true);
        rest();
        CHECK(is_done(me.actor) && got_word(me.actor, 0) == 0x77 && told_count() == 1);
        line(false);
        OK(interrupt_acknowledge(driver.interrupt));
    }
    OK(interrupt_info(driver.interrupt, &fired, &storms, &masked));
    CHECK(fired == 22 && storms == 0 && !masked);
    OK(interrupt_bind(driver.interrupt, 0, 0, 0));
    line(true);
    CHECK(!is_told(&driver));
    OK(interrupt_info(driver.interrupt, &fired, &storms, &masked));
    CHECK(masked);
    OK(interrupt_bind(driver.interrupt, 0x66, 0x77, driver.port));
    rest();
    OK(interrupt_bind(driver.interrupt, 0x66, 0x77, driver.port)); /* forgotten, and told anew */
    CHECK(is_told(&driver));
    line(false);
    struct device_control_facts now;
    OK(device_control_info(control, &now));
    CHECK(now.interrupts >= 23);
    stop(&driver);
    OK(device_control_info(control, &now));
    CHECK(now.interrupts >= 23);
    CHECK_EQUAL(host_irq_mistakes(), 0);
}

/* Two on one line: it waits for both, and for those who have gone no more. */
void scene_interrupt_shared(void)
{
    uint32_t devices = enter_board(), first, second;
    OK(make_device(devices, false, &first));
    OK(make_device(devices, false, &second));
    struct driver one = drive(first, 0), two = drive(second, 0);
    for (unsigned i = 0; i < 6; i++) {
        line(true);
        CHECK(is_told(&one) && is_told(&two));
        OK(interrupt_acknowledge(i % 2 ? one.interrupt : two.interrupt));
        CHECK(!is_told(&one) && !is_told(&two));
        if (i % 3 == 0)
            line(false);
        OK(interrupt_acknowledge(i % 2 ? two.interrupt : one.interrupt));
        CHECK_EQUAL(is_told(&one), i % 3 != 0);
        CHECK_EQUAL(is_told(&two), i % 3 != 0);
        line(false);
        OK(interrupt_acknowledge(one.interrupt));
        OK(interrupt_acknowledge(two.interrupt));
    }
    line(true);
    CHECK(is_told(&one) && is_told(&two));
    OK(interrupt_acknowledge(one.interrupt));
    OK(device_control_close(second)); /* it owes nothing any more */
    CHECK(is_told(&one));
    line(false);
    stop(&one);
    stop(&two);
    CHECK_EQUAL(host_irq_mistakes(), 0);
}

/* Edges are counted while the message is on its way. */
void scene_interrupt_edge(void)
{
    uint32_t devices = enter_board(), control;
    OK(make_device(devices, true, &control));
    struct driver driver = drive(control, 0);
    uint64_t told = 0;
    for (unsigned i = 0; i < 10; i++) {
        line(true);
        rest();
        line(false);
    }
    while (is_told(&driver))
        told += told_count();
    CHECK_EQUAL(told, 10);
    stop(&driver);
    CHECK_EQUAL(host_irq_mistakes(), 0);
}

static void edge(void)
{
    line(true);
    line(false);
    rest();
}

/* What came before a device, or a session, was there is not told to its driver; what comes before that binds is. */
void scene_interrupt_stale_edge(void)
{
    uint32_t devices = enter_board(), control, other;
    edge(); /* when nobody has the line */
    OK(make_device(devices, true, &control));
    struct driver driver = drive(control, 0);
    CHECK(!is_told(&driver));
    edge();
    CHECK(is_told(&driver) && told_count() == 1);
    stop(&driver);
    edge(); /* its predecessor's */
    driver = drive(control, 0);
    CHECK(!is_told(&driver));
    OK(interrupt_bind(driver.interrupt, 0, 0, 0));
    edge(); /* its own */
    OK(interrupt_bind(driver.interrupt, 0x66, 0x77, driver.port));
    CHECK(is_told(&driver) && told_count() == 1);
    OK(interrupt_bind(driver.interrupt, 0, 0, 0));
    edge(); /* its own as well: it is not the device's alone, when the next one begins */
    OK(make_device(devices, true, &other));
    struct driver late = drive(other, 1);
    OK(interrupt_bind(driver.interrupt, 0x66, 0x77, driver.port));
    CHECK(is_told(&driver) && told_count() == 1);
    stop(&late);
    stop(&driver);
    drop_name(other);
    drop_name(control);
    rest();
    OK(make_device(devices, false, &control)); /* by a level now: an edge that came is none */
    edge();
    driver = drive(control, 0);
    CHECK(!is_told(&driver));
    stop(&driver);
    CHECK_EQUAL(host_irq_mistakes(), 0);
}

/* Up for ever: it is masked for a while, and tried again. */
void scene_interrupt_storm(void)
{
    uint32_t devices = enter_board(), control;
    uint64_t fired = 0, storms = 0;
    bool masked = false;
    OK(make_device(devices, false, &control));
    struct driver driver = drive(control, 0);
    line(true);
    for (unsigned i = 0; storms == 0; i++) {
        CHECK(is_told(&driver));
        OK(interrupt_acknowledge(driver.interrupt));
        OK(interrupt_info(driver.interrupt, &fired, &storms, &masked));
        CHECK(i < 7000);
    }
    CHECK(masked && fired > 1000);
    CHECK(!is_told(&driver));
    struct device_control_facts now;
    OK(device_control_info(control, &now));
    CHECK_EQUAL(now.storms, 1);
    pass_time(SECOND / 5);
    OK(interrupt_info(driver.interrupt, &fired, &storms, &masked));
    CHECK(!masked && storms == 1);
    CHECK(is_told(&driver));
    line(false);
    OK(interrupt_acknowledge(driver.interrupt));
    CHECK(!is_told(&driver));
    stop(&driver);
}

/* The share, the port and the session end in every state of the message. */
void scene_interrupt_ends(void)
{
    uint32_t devices = enter_board(), control;
    OK(make_device(devices, false, &control));
    for (unsigned i = 0; i < 12; i++) {
        struct driver driver = drive(control, i % 2);
        host_line_set(DEVICE_LINE + i % 2, true);
        rest();
        if (i & 2)
            CHECK(is_told(&driver));
        switch (i / 4) {
        case 0: OK(device_control_close(control)); break;
        case 1: /* the port, and the share stays for a moment */
            OK(port_mod_refs(me.task, driver.port, PORT_RIGHT_RECEIVE, -1));
            drop_name(driver.port);
            rest();
            driver.port = own_port();
            break;
        default: break;
        }
        stop(&driver);
        driver = drive(control, i % 2); /* the next one is told: it is up still */
        CHECK(is_told(&driver));
        host_line_set(DEVICE_LINE + i % 2, false);
        stop(&driver);
    }
    CHECK_EQUAL(host_irq_mistakes(), 0);
}
