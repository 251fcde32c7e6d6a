/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From an interrupt of a device to its driver. The device is the clock of QEMU's virt board (PL031), which asks at the moment its match register is
 * written with the time it has: so a thread of low priority, in another address space, causes the interrupt that takes the processor from it.
 */
#include "series.h"
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <stddef.h>
#include <user/bench.h>
#include <user/registers.h>
#include <wharf/if/device.h>
#include <wharf/if/device_control.h>
#include <wharf/if/host_devices.h>
#include <wharf/if/interrupt.h>
#include <wharf/if/port.h>
#include <wharf/if/thread.h>
#include <wharf/if/vm.h>

enum { PL031_DR = 0, PL031_MR = 4, PL031_CR = 0xc, PL031_IMSC = 0x10, PL031_ICR = 0x1c };
enum { LINE = 34, PAGE = 4096, ROUND = 3, WARM_UP = 5 };

static mach_port_name_t interrupt, port;
static struct registers clock;
static bool ok = true;

/* What both tasks see. */
static struct shared {
    volatile uint64_t last_low;
} * shared;

static void expect(kern_return_t kr)
{
    ok = ok && kr == KERN_SUCCESS;
}

static void open_clock(void)
{
    static const struct host_devices_range range[] = {{.base = 0x9010000, .size = 0x1000}};
    static const struct host_devices_line line[] = {{.number = LINE}};
    mach_port_name_t control = MSG_NULL, device = MSG_NULL, memory = MSG_NULL, name;
    uint32_t offset;
    uint64_t size, at = 0, page = 0;
    expect(host_devices_create(program_start_info->host_devices, "clock", false, false, range, 1,
                               line, 1, NULL, 0, &control));
    expect(device_control_open(control, 0, &device));
    expect(device_memory(device, 0, &memory, &offset, &size));
    expect(vm_map(program_start_info->task, 0, PAGE, 0, VM_ANYWHERE, memory,
                  VM_PROT_READ | VM_PROT_WRITE, VM_PROT_READ | VM_PROT_WRITE, VM_INHERIT_SHARE,
                  &at));
    clock.base = (volatile char *)(uintptr_t)at;
    expect(vm_allocate(program_start_info->task, 0, PAGE, VM_ANYWHERE, &page));
    expect(vm_inherit(program_start_info->task, page, PAGE, VM_INHERIT_SHARE));
    shared = (struct shared *)(uintptr_t)page;
    expect(device_interrupt(device, 0, &interrupt));
    expect(port_allocate(program_start_info->task, PORT_RIGHT_RECEIVE, &port));
    expect(port_insert_made_send(program_start_info->task, port, port, &name));
    expect(interrupt_bind(interrupt, 1, 0, port));
}

/* In the other task: it asks as often as it is let go. */
static int disturb(void *argument)
{
    (void)argument;
    register_write32(&clock, PL031_CR, 1);
    register_write32(&clock, PL031_IMSC, 1);
    (void)shared->last_low; /* the page is there */
    volatile uint32_t *match = (volatile uint32_t *)(uintptr_t)(clock.base + PL031_MR);
    bench_store_register(&shared->last_low, match, register_read32(&clock, PL031_DR));
}

static void measure(void)
{
    struct series series = {.count = 0};
    for (unsigned i = 0; ok && i < SERIES_LENGTH + WARM_UP; i++) {
        struct clone clone;
        shared->last_low = 0;
        expect(clone_make(&clone, disturb, NULL, THREAD_PRIORITY_DEFAULT - 10));
        expect(clone_run(&clone));
        uint64_t woken = bench_receive(port);
        register_write32(&clock, PL031_ICR, 1);
        expect(interrupt_acknowledge(interrupt));
        if (i >= WARM_UP)
            series_add(&series, woken - shared->last_low - ROUND);
        clone_end(&clone);
    }
    series_print(&series, "irq_to_user", "instructions", 1);
}

/* Of a line that has not fired, with the stub. */
static void measure_acknowledge(void)
{
    struct series series = {.count = 0};
    for (unsigned batch = 0; batch < SERIES_LENGTH + 2; batch++) {
        uint64_t start = kernel_clock_now();
        for (unsigned i = 0; i < REPEATS; i++)
            expect(interrupt_acknowledge(interrupt));
        if (batch >= 2)
            series_add(&series, kernel_clock_now() - start);
    }
    series_print(&series, "irq_acknowledge", "instructions", REPEATS);
}

int main(void)
{
    open_clock();
    measure();
    measure_acknowledge();
    if (!ok)
        print("FAILED a call\n");
    print("bench: done\n");
    return !ok;
}
