/* SPDX-License-Identifier: BSD-2-Clause */
#include "device_stage.h"

#include <kern/dt.h>

static const struct board board = {
    .banks = {{0x40000000, 0x10000000}, {0x80000000, 0x1000}},
    .bank_count = 2,
    .reservations = {{.range = {0x30000800, 0x10}}},
    .reservation_count = 1,
    .gic = {.kind = BOARD_GIC_V3,
            .gicd = {0x8000000, 0x10000},
            .gicr = {{0x80a0000, 0x20000}, {0x90a0000, 0x20000}},
            .gicr_count = 2},
    .gic_others = {{0x8080000, 0x20000}},
    .gic_other_count = 1,
};

uint32_t enter_board(void)
{
    device_check_init(&board);
    enter();
    return host_right(KOBJECT_HOST_DEVICES);
}

kern_return_t make_device(uint32_t devices, bool edge, uint32_t *control)
{
    const struct host_devices_range range[] = {{.base = DEVICE_AT + 0x10, .size = 0x1234}};
    const struct host_devices_line line[] = {{DEVICE_LINE, edge}, {DEVICE_LINE + 1, edge}};
    const struct host_devices_window window[] = {{0x40000000, 0x100000000, 0x1000000},
                                                 {0x80000000, 0x1000, 0x1000}};
    return host_devices_create(devices, "a device", true, true, range, 1, line, 2, window, 2,
                               control);
}

struct driver drive(uint32_t control, uint32_t index)
{
    struct driver driver = {.port = own_port()};
    OK(device_control_open(control, 0, &driver.device));
    OK(device_interrupt(driver.device, index, &driver.interrupt));
    OK(interrupt_bind(driver.interrupt, 0x66, 0x77, driver.port));
    return driver;
}

void stop(struct driver *driver)
{
    drop_name(driver->interrupt);
    drop_name(driver->device);
    OK(port_mod_refs(me.task, driver->port, PORT_RIGHT_RECEIVE, -1));
    drop_name(driver->port);
    rest();
}

bool is_told(const struct driver *driver)
{
    rest();
    unsigned error = perform(me.actor, (struct message){.receive = driver->port, .deadline = PAST});
    CHECK(error == KERN_SUCCESS || error == MACH_RCV_TIMED_OUT);
    if (error != KERN_SUCCESS)
        return false;
    CHECK(got_id(me.actor) == 0x66 && got_word(me.actor, 0) == 0x77);
    return true;
}
