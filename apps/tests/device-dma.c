/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What devices may write to, with a device that does: memory that was allocated for it; pages that were pinned, while all other memory
 * goes out to a default pager and their owner forks; and what a driver leaves that is killed, until the next one says that the device
 * is quiet.
 *
 *      device-dma
 */
#include "device-dma.h"

#include "vm-swap.h"
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/thread.h>
#include <stdatomic.h>
#include <string.h>
#include <wharf/if/device.h>
#include <wharf/if/device_control.h>
#include <wharf/if/host.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/memory_entry.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

enum { PAGES = 96, FIRST = 8, PINNED = 64 };
#define NO_BUS UINT64_MAX

/* What the driver tells its parent. Shared memory. */
struct told {
    _Atomic uint32_t ready, done; /* done: 2: with failures */
    uint64_t memory_bus, pin_bus[PINNED];
};

static struct told *told;
static struct engine_reach everything;

static void stage(const char *name)
{
    print("device-dma: %s at %lu ms\n", name, kernel_clock_now() / 1000000);
}

static void drop(mach_port_name_t name)
{
    OK(port_deallocate(me(), name));
}

static struct device_control_facts facts_of(const struct engine *engine)
{
    struct device_control_facts facts;
    OK(device_control_info(engine->control, &facts));
    return facts;
}

/* It comes to that, some time: work is done behind one's back. */
static void expect_pages(const struct engine *engine, uint64_t held, uint32_t quarantined)
{
    const uint64_t give_up = kernel_clock_now() + UINT64_C(60000000000);
    struct device_control_facts now = facts_of(engine);
    while ((now.pages != held || now.quarantined != quarantined) && kernel_clock_now() < give_up) {
        pause_for(1000);
        now = facts_of(engine);
    }
    CHECK_EQUAL(now.pages, held);
    CHECK_EQUAL(now.quarantined, quarantined);
}

/* Nothing of it is quarantined. */
static void close_clean(struct engine *engine)
{
    engine_close(engine);
    expect_pages(engine, 0, 0);
    engine_drop(engine);
}

/* ---- memory for the device ---- */

static void test_memory(bool coherent)
{
    struct engine engine;
    mach_port_name_t memory;
    uint64_t bus, at;
    engine_make(&engine, &everything, coherent);
    engine_open(&engine, 1024 + 5);
    OK(device_dma_allocate(engine.device, 5 * PAGE, &memory, &bus));
    OK(vm_map(me(), 0, 5 * PAGE, 0, VM_ANYWHERE, memory, READ_WRITE, READ_WRITE, VM_INHERIT_COPY,
              &at));
    volatile uint32_t *words = (volatile uint32_t *)(uintptr_t)at;
    for (uint64_t i = 0; i < 5 * PAGE / 4; i += 509) {
        CHECK_EQUAL(words[i], 0);
        words[i] = 1;
        engine_write(&engine, bus + 4 * i, true);
        CHECK_EQUAL(words[i], ENGINE_MARK);
        engine_write(&engine, bus + 4 * i, false);
        CHECK_EQUAL(words[i], 0);
    }
    drop(memory);
    OK(vm_deallocate(me(), at, 5 * PAGE));
    /* What comes next may be the same frames; it is zero. */
    OK(device_dma_allocate(engine.device, 1024 * PAGE, &memory, &bus));
    CHECK_EQUAL(bus % (2 << 20), 0);
    OK(vm_map(me(), 0, 1024 * PAGE, 0, VM_ANYWHERE, memory, READ_WRITE, READ_WRITE, VM_INHERIT_NONE,
              &at));
    words = (volatile uint32_t *)(uintptr_t)at;
    for (uint64_t i = 0; i < 1024 * PAGE / 4; i += 1001)
        CHECK_EQUAL(words[i], 0);
    engine_write(&engine, bus + 1024 * PAGE - 4, true);
    CHECK_EQUAL(words[1024 * PAGE / 4 - 1], ENGINE_MARK);
    drop(memory);
    OK(vm_deallocate(me(), at, 1024 * PAGE));
    close_clean(&engine);
}

/* ---- pins ---- */

/* Where pages of a pin are. */
static void learn(mach_port_name_t device, uint32_t pin, uint64_t *bus, unsigned pages)
{
    struct device_run runs[DEVICE_RUNS_MAX];
    uint64_t offset = 0, next;
    uint32_t count;
    unsigned n = 0;
    for (;;) {
        OK(device_dma_runs(device, pin, offset, &next, runs, &count));
        if (next == offset)
            break;
        for (uint32_t i = 0; i < count; i++)
            for (uint64_t at = 0; at < runs[i].length && n < pages; at += PAGE)
                bus[n++] = runs[i].bus == NO_BUS ? NO_BUS : runs[i].bus + at;
        offset = next;
    }
    CHECK_EQUAL(n, pages);
}

static void push_out(void)
{
    uint64_t before;
    do {
        struct host_memory_swap now;
        before = swap_now().stores;
        OK(host_memory_page_out(program_start_info->host_memory, 3000));
        do {
            pause_for(10000);
            now = swap_now();
        } while (now.in_flight || now.demanded);
    } while (swap_now().stores > before + 64);
}

/* What is out comes back, before there is nobody any more who has it; registers are left alone. */
static void bring_back(const struct engine *engine)
{
    uint64_t start = PAGE, size = 0;
    uint32_t prot, most, inherit, flags;
    while (vm_region(me(), start + size, &start, &size, &prot, &most, &inherit, &flags) ==
           KERN_SUCCESS) {
        bool is_devices =
            start == engine->registers_page || start == (uint64_t)(uintptr_t)engine->own;
        for (uint64_t i = 0; i < size && prot && !is_devices; i += PAGE)
            (void)*(volatile char *)(uintptr_t)(start + i);
    }
    while (swap_now().in_flight)
        pause_for(1000);
}

/* The word of a page that the device writes; all others are as swap_fill() has left them. */
static volatile uint32_t *word_in(uint64_t *pages, unsigned page)
{
    return (volatile uint32_t *)(pages + page * PAGE_WORDS) + 17;
}

static void expect_page(uint64_t *pages, unsigned page, bool marked)
{
    static uint64_t copy[PAGE_WORDS];
    memcpy(copy, pages + page * PAGE_WORDS, sizeof(copy));
    if (marked) {
        uint32_t *word = (uint32_t *)copy + 17;
        CHECK_EQUAL(*word, ENGINE_MARK);
        *word = (uint32_t)((swap_word(3, page) + 8) >> 32);
    }
    CHECK(swap_is(copy, 3, page));
}

static uint64_t *mine;

/* The child of a task whose pages are pinned: it has what they were when it was made, and nobody else sees what it writes. */
static int look(void *argument)
{
    const unsigned *marked = argument;
    while (atomic_load(&told->ready) == 0)
        pause_for(1000);
    for (unsigned i = 0; i < PAGES; i++) {
        expect_page(mine, i, i >= FIRST && i < FIRST + *marked);
        *word_in(mine, i) = 77;
    }
    atomic_store(&told->done, 1 + (check_failures() != 0));
    return 0;
}

static void test_pins(void)
{
    struct engine engine;
    struct clone child;
    mach_port_name_t entry;
    uint32_t pin;
    uint64_t bus[PINNED];
    unsigned half = PINNED / 2;
    engine_make(&engine, &everything, false);
    engine_open(&engine, PINNED);
    mine = pages_make(PAGES);
    for (unsigned i = 0; i < PAGES; i++)
        swap_fill(mine + i * PAGE_WORDS, 3, i);
    OK(vm_make_entry(me(), (uintptr_t)mine, PAGES * PAGE, READ_WRITE, &entry));
    swap_start(4096);
    push_out(); /* what is out comes back to be pinned */
    CHECK(swap_now().used > 0);
    OK(device_dma_pin(engine.device, entry, FIRST * PAGE, PINNED * PAGE, &pin));
    learn(engine.device, pin, bus, PINNED);
    OK(device_dma_sync(engine.device, pin, 0, PINNED * PAGE, DEVICE_DIRECTION_FROM_DEVICE));
    for (unsigned i = 0; i < half; i++) {
        if (i % 16 == 0)
            push_out();
        engine_write(&engine, bus[i] + 17 * sizeof(uint32_t), true);
    }
    stage("pages go out around what is pinned");
    /* A child in the midst of it. */
    atomic_store(&told->ready, 0);
    OK(clone_make(&child, look, &half, THREAD_PRIORITY_DEFAULT));
    for (unsigned i = half; i < PINNED; i++)
        engine_write(&engine, bus[i] + 17 * sizeof(uint32_t), true);
    OK(clone_run(&child));
    atomic_store(&told->ready, 1);
    while (atomic_load(&told->done) == 0)
        pause_for(1000);
    CHECK_EQUAL(atomic_load(&told->done), 1);
    clone_end(&child);
    push_out();
    OK(device_dma_sync(engine.device, pin, 0, PINNED * PAGE, DEVICE_DIRECTION_FROM_DEVICE));
    for (unsigned i = 0; i < PAGES; i++)
        expect_page(mine, i, i >= FIRST && i < FIRST + PINNED);
    /* They are where they were. */
    uint64_t again[PINNED];
    learn(engine.device, pin, again, PINNED);
    CHECK(memcmp(bus, again, sizeof(bus)) == 0);
    OK(device_dma_unpin(engine.device, pin));
    push_out();
    for (unsigned i = 0; i < PAGES; i++)
        expect_page(mine, i, i >= FIRST && i < FIRST + PINNED);
    drop(entry);
    pages_drop(mine, PAGES);
    bring_back(&engine);
    swap_end();
    close_clean(&engine);
}

/* ---- a driver that is killed ---- */

struct driver {
    mach_port_name_t device, entry;
};

static int drive(void *argument)
{
    const struct driver *driver = argument;
    mach_port_name_t memory;
    uint32_t pin;
    OK(device_dma_allocate(driver->device, 16 * PAGE, &memory, &told->memory_bus));
    OK(device_dma_pin(driver->device, driver->entry, 0, PINNED * PAGE, &pin));
    learn(driver->device, pin, told->pin_bus, PINNED);
    atomic_store(&told->ready, 1 + (check_failures() != 0));
    while (atomic_load(&told->ready) != 0) /* until it is killed */
        pause_for(1000000);
    return 0;
}

static void test_death(void)
{
    enum { MANY = 3000 };
    struct engine engine;
    struct clone child;
    struct driver driver;
    engine_make(&engine, &everything, false);
    mine = pages_make(PINNED);
    pages_write(mine, PINNED, 5);
    OK(vm_make_entry(me(), (uintptr_t)mine, PINNED * PAGE, READ_WRITE, &driver.entry));
    OK(device_control_open(engine.control, 100, &driver.device));
    atomic_store(&told->ready, 0);
    OK(clone_make(&child, drive, &driver, THREAD_PRIORITY_DEFAULT));
    drop(driver.device); /* it is the child's now */
    OK(clone_run(&child));
    while (atomic_load(&told->ready) == 0)
        pause_for(1000);
    CHECK_EQUAL(atomic_load(&told->ready), 1);
    expect_pages(&engine, PINNED + 16, 0);
    clone_end(&child);
    expect_pages(&engine, 0, PINNED + 16);
    stage("a driver was killed");
    /* Others use memory, as much as there is, perhaps. The device still writes where it was told to. */
    uint64_t *others = pages_make(MANY);
    pages_write(others, MANY, 6);
    engine_open(&engine, 0);
    for (unsigned i = 0; i < 16; i++)
        engine_write(&engine, told->memory_bus + i * PAGE + 128, true);
    for (unsigned i = 0; i < PINNED; i++)
        engine_write(&engine, told->pin_bus[i] + 128, true);
    CHECK(pages_are(others, MANY, 6));
    for (unsigned i = 0; i < PINNED; i++) { /* they are its owner's, who sees it */
        volatile uint32_t *word = (volatile uint32_t *)(mine + i * PAGE_WORDS) + 32;
        CHECK_EQUAL(*word, ENGINE_MARK);
    }
    pages_drop(others, MANY);
    drop(driver.entry);
    pages_drop(mine, PINNED);
    expect_pages(&engine, 1, PINNED + 16);
    OK(device_quiesced(engine.device));
    expect_pages(&engine, 1, 0);
    close_clean(&engine);
}

/* ---- part of the memory ---- */

#define FOUR_GIB (UINT64_C(4) << 30)

/* With more than the first 4 GiB of addresses: a device that reaches those only, and one that reaches only others. */
static void test_reach(void)
{
    struct engine low, high;
    struct engine_reach below = {0x40000000, 0x40000000, FOUR_GIB - 0x40000000};
    struct engine_reach above = {FOUR_GIB, FOUR_GIB, FOUR_GIB};
    mach_port_name_t memory[8], entry;
    uint64_t bus, pins[PINNED];
    uint32_t pin;
    mine = pages_make(PINNED); /* as long as nothing else was asked for, programs' pages are low */
    pages_write(mine, PINNED, 1);
    engine_make(&low, &below, true);
    engine_make(&high, &above, true);
    engine_open(&low, UINT64_C(8) * 1024);
    CHECK(low.own_bus < FOUR_GIB);
    for (unsigned i = 0; i < 8; i++) {
        OK(device_dma_allocate(low.device, 1024 * PAGE, &memory[i], &bus));
        CHECK(bus >= below.memory && bus + 1024 * PAGE <= FOUR_GIB);
        engine_write(&low, bus + i * sizeof(uint32_t), true);
    }
    for (unsigned i = 0; i < 8; i++)
        drop(memory[i]);
    engine_open(&high, PINNED + 1024);
    CHECK(high.own_bus >= FOUR_GIB);
    OK(device_dma_allocate(high.device, 1024 * PAGE, &memory[0], &bus));
    CHECK(bus >= FOUR_GIB);
    engine_write(&high, bus + 1024 * PAGE - 4, true);
    drop(memory[0]);
    OK(vm_make_entry(me(), (uintptr_t)mine, PINNED * PAGE, READ_WRITE, &entry));
    OK(device_dma_pin(high.device, entry, 0, PINNED * PAGE, &pin));
    learn(high.device, pin, pins, PINNED);
    for (unsigned i = 0; i < PINNED; i++)
        CHECK_EQUAL(pins[i], NO_BUS);
    OK(device_dma_unpin(high.device, pin));
    drop(entry);
    pages_drop(mine, PINNED);
    close_clean(&low);
    close_clean(&high);
}

int main(void)
{
    struct host_memory_statistics memory;
    if (!engine_find(&everything)) {
        print("device-dma: there is no device that moves data\n");
        return 1;
    }
    told = pages_make_shared(1);
    test_memory(true);
    test_memory(false);
    stage("memory for the device");
    test_death();
    OK(host_memory_statistics(program_start_info->host, &memory));
    if (memory.managed > FOUR_GIB / PAGE) {
        test_reach();
        stage("part of the memory");
    } else { /* with more memory page-out takes long to find that it has done all it can */
        test_pins();
    }
    return check_end("device-dma");
}
