/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nobody gets at RAM, the interrupt controller or the kernel's own lines by way of a device; and what a driver was not given it does
 * not get. Attempts are made up from the device tree: every bank and every block of the controller, around each of its ends.
 *
 *      device-matrix
 */
#include "device-matrix.h"

#include "raised.h"
#include <libsys/kernel.h>
#include <wharf/if/device.h>
#include <wharf/if/device_control.h>
#include <wharf/if/host.h>
#include <wharf/if/host_devices.h>
#include <wharf/if/host_irq.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

struct tree_facts facts;

static mach_port_name_t power(void)
{
    return program_start_info->host_devices;
}

kern_return_t make_device(struct tree_range range, uint32_t number, uint32_t edge,
                          mach_port_name_t *control)
{
    const struct host_devices_range ranges[] = {{.base = range.base, .size = range.size}};
    const struct host_devices_line lines[] = {{.number = number, .edge = edge}};
    return host_devices_create(power(), "toy", false, false, ranges, 1, lines, number != 0, NULL, 0,
                               control);
}

mach_port_name_t make_toy(void)
{
    mach_port_name_t control = MSG_NULL;
    OK(make_device(facts.toy_range, facts.toy_line, 0, &control));
    return control;
}

mach_port_name_t open_device(mach_port_name_t control)
{
    mach_port_name_t device = MSG_NULL;
    OK(device_control_open(control, 0, &device));
    return device;
}

void drop(mach_port_name_t name)
{
    OK(port_deallocate(me(), name));
}

mach_port_name_t make_port(void)
{
    mach_port_name_t port = MSG_NULL, name;
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &port));
    OK(port_insert_made_send(me(), port, port, &name));
    return port;
}

void drop_port(mach_port_name_t port)
{
    OK(port_mod_refs(me(), port, PORT_RIGHT_RECEIVE, -1));
    drop(port);
}

/* ---- ranges ---- */

/* Do the pages of a range touch what nobody gets? */
static bool is_taken(struct tree_range range)
{
    uint64_t first = range.base / PAGE, last = (range.base + (range.size - 1)) / PAGE;
    for (unsigned i = 0; i < facts.taken_count; i++) {
        uint64_t begin = facts.taken[i].base / PAGE;
        uint64_t end = (facts.taken[i].base + (facts.taken[i].size - 1)) / PAGE;
        if (first <= end && begin <= last)
            return true;
    }
    return false;
}

static unsigned refused, granted;

static void try_range(uint64_t base, uint64_t size)
{
    mach_port_name_t control;
    struct tree_range range = {base, size};
    kern_return_t wanted = is_taken(range) ? KERN_DENIED : KERN_SUCCESS;
    kern_return_t kr = make_device(range, 0, 0, &control);
    if (!CHECK_EQUAL(kr, wanted))
        print("range %lx, size %lx\n", base, size);
    if (kr == KERN_SUCCESS)
        drop(control);
    refused += kr != KERN_SUCCESS;
    granted += kr == KERN_SUCCESS;
}

static void try_at(uint64_t place, int64_t offset, uint64_t size)
{
    if (offset >= 0 || place >= (uint64_t)-offset)
        try_range(place + (uint64_t)offset, size);
}

/* One byte, one page and more, across each end and beside it. */
static void try_around(struct tree_range range)
{
    uint64_t end = range.base + range.size;
    const uint64_t sizes[] = {1, 2, 4, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, range.size};
    const int64_t offsets[] = {
        -(int64_t)(2 * PAGE), -(int64_t)PAGE, -(int64_t)PAGE + 1, -2, -1, 0, 1, PAGE - 1, PAGE};
    for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
        for (unsigned o = 0; o < sizeof(offsets) / sizeof(offsets[0]); o++) {
            try_at(range.base, offsets[o], sizes[s]);
            try_at(end, offsets[o], sizes[s]);
        }
    if (range.base >= PAGE)
        try_range(range.base - PAGE, range.size + 2 * PAGE); /* all of it, inside */
    for (uint64_t at = 0; at < range.size; at += range.size / 7 + 1)
        try_range(range.base + at, 8);
}

static void test_ranges(void)
{
    for (unsigned i = 0; i < facts.taken_count; i++)
        try_around(facts.taken[i]);
    print("device-matrix: %u ranges refused, %u granted\n", refused, granted);
    CHECK(refused > 100);
    CHECK(granted > 10);
}

static void bad_range(uint64_t base, uint64_t size)
{
    mach_port_name_t control;
    if (!CHECK_EQUAL(make_device((struct tree_range){base, size}, 0, 0, &control),
                     KERN_INVALID_ARGUMENT))
        print("range %lx, size %lx\n", base, size);
}

static void test_numbers(void)
{
    const uint64_t limit = UINT64_C(1) << 48;
    mach_port_name_t control;
    for (unsigned i = 0; i < facts.taken_count; i++) {
        bad_range(facts.taken[i].base, 0);
        bad_range(facts.taken[i].base, UINT64_MAX);
        bad_range(facts.taken[i].base, -facts.taken[i].base);
        bad_range(facts.taken[i].base + limit, PAGE);
        bad_range(facts.taken[i].base | UINT64_C(1) << 63, PAGE);
    }
    bad_range(0, 0);
    bad_range(UINT64_MAX, 1);
    bad_range(UINT64_MAX, 2);
    bad_range(UINT64_MAX - PAGE + 1, PAGE);
    bad_range(limit, 1);
    bad_range(limit - 1, 2);
    bad_range(PAGE, limit);
    const struct host_devices_range odd[] = {{facts.toy_range.base, PAGE, 3, 0},
                                             {facts.toy_range.base, PAGE, UINT32_MAX, 0},
                                             {facts.toy_range.base, PAGE, 0, 1}};
    for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        FAILS(host_devices_create(power(), "odd", false, false, &odd[i], 1, NULL, 0, NULL, 0,
                                  &control),
              KERN_INVALID_VALUE);
    const struct host_devices_window windows[] = {{0, 0, 0},          {0, UINT64_MAX, 2},
                                                  {limit, 0, 1},      {limit - 1, 0, 2},
                                                  {UINT64_MAX, 0, 1}, {PAGE, 0, UINT64_MAX}};
    for (unsigned i = 0; i < sizeof(windows) / sizeof(windows[0]); i++)
        FAILS(host_devices_create(power(), "window", true, false, NULL, 0, NULL, 0, &windows[i], 1,
                                  &control),
              KERN_INVALID_ARGUMENT);
    /* It takes this port. */
    FAILS(host_devices_create(program_start_info->host, "none", false, false, NULL, 0, NULL, 0,
                              NULL, 0, &control),
          MIG_BAD_ID);
}

/* The whole of several is looked at, not the first alone. */
static void test_among_others(void)
{
    struct host_devices_range ranges[HOST_DEVICES_RANGES_MAX];
    mach_port_name_t control;
    for (unsigned i = 0; i < HOST_DEVICES_RANGES_MAX; i++)
        ranges[i] = (struct host_devices_range){.base = facts.toy_range.base, .size = 4};
    OK(host_devices_create(power(), "many", false, false, ranges, HOST_DEVICES_RANGES_MAX, NULL, 0,
                           NULL, 0, &control));
    drop(control);
    for (unsigned i = 0; i < HOST_DEVICES_RANGES_MAX; i++) {
        uint64_t base = ranges[i].base;
        ranges[i].base = facts.taken[i % facts.taken_count].base;
        FAILS(host_devices_create(power(), "many", false, false, ranges, HOST_DEVICES_RANGES_MAX,
                                  NULL, 0, NULL, 0, &control),
              KERN_DENIED);
        ranges[i].base = base;
    }
}

/* ---- lines ---- */

static void test_lines(void)
{
    enum { SHARED_FIRST = 32 };
    uint32_t lines = 0;
    mach_port_name_t control, second;
    OK(host_irq_info(program_start_info->host_irq, &lines));
    for (uint32_t line = 1; line < lines; line++) {
        kern_return_t wanted = line < SHARED_FIRST ? KERN_DENIED : KERN_SUCCESS;
        kern_return_t kr = make_device(facts.toy_range, line, line & 1, &control);
        CHECK_EQUAL(kr, wanted);
        if (kr == KERN_SUCCESS)
            drop(control);
    }
    const struct host_devices_line zero[] = {{0, 0}};
    FAILS(host_devices_create(power(), "sgi", false, false, NULL, 0, zero, 1, NULL, 0, &control),
          KERN_DENIED);
    const uint32_t beyond[] = {lines, lines + 1, 1020, 1023, 1024, 4096, 5119, 8192, UINT32_MAX};
    for (unsigned i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++)
        if (beyond[i] >= lines)
            FAILS(make_device(facts.toy_range, beyond[i], 0, &control), KERN_INVALID_ARGUMENT);
    FAILS(make_device(facts.toy_range, facts.toy_line, 2, &control), KERN_INVALID_VALUE);
    /* Who has it decides how it signals. */
    kern_return_t kr; /* the line is given back a little later than the device that had it ends */
    while ((kr = make_device(facts.toy_range, facts.toy_line, 0, &control)) == KERN_DENIED)
        pause_for(200);
    OK(kr);
    OK(make_device(facts.toy_range, facts.toy_line, 0, &second));
    drop(second);
    FAILS(make_device(facts.toy_range, facts.toy_line, 1, &second), KERN_DENIED);
    drop(control);
}

int main(void)
{
    start_handler();
    if (!CHECK(tree_read(&facts)) || !CHECK(facts.toy != TOY_NONE) || !CHECK(facts.banks > 0) ||
        !CHECK(facts.taken_count > facts.banks + 1))
        return check_end("device-matrix");
    (void)*(volatile uint32_t *)PAGE; /* what a thread keeps since its first exception is there */
    CHECK_EQUAL(raised, 1);
    struct left before = left_now();
    test_ranges();
    test_numbers();
    test_among_others();
    test_lines();
    test_use();
    test_interrupts();
    left_expect(&before);
    return check_end("device-matrix");
}
