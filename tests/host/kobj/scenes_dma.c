/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What devices may write to (kern/device_dma.h), as their drivers ask for it: memory, pins, and that nothing is left of what fails.
 */
#include "dma_stage.h"

#include <string.h>

static uint64_t free_frames(void)
{
    struct frame_statistics s;
    frame_statistics(&s);
    return s.free + s.record_pages;
}

/* ---- memory for devices ---- */

static void refused_sizes(uint32_t device)
{
    uint32_t entry;
    uint64_t bus;
    GIVES(KERN_INVALID_ARGUMENT, device_dma_allocate(device, 0, &entry, &bus));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_allocate(device, PAGE + 1, &entry, &bus));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_allocate(device, 4 * MIB + PAGE, &entry, &bus));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_allocate(device, UINT64_MAX - PAGE + 1, &entry, &bus));
}

/* Driver and device see the same, in the beginning zero. */
static void five_pages(uint64_t at, uint64_t bus)
{
    CHECK(dma_from_bus(bus) >= LOW && dma_from_bus(bus) + 5 * PAGE <= LOW + 8 * MIB);
    dma_touch(at, 5);
    for (unsigned i = 0; i < 5; i++) {
        CHECK_EQUAL(dma_read(at + i * PAGE), 0);
        dma_write(at + i * PAGE, 100 + i);
        CHECK_EQUAL(*dma_word(dma_from_bus(bus) + i * PAGE), 100 + i);
        *dma_word(dma_from_bus(bus) + i * PAGE) = 200 + i;
        CHECK_EQUAL(dma_read(at + i * PAGE), 200 + i);
    }
}

/* It is nobody's to copy, nor the kernel's to look at. */
static void not_copied(uint32_t device, uint32_t entry, uint64_t at)
{
    uint64_t place;
    uint8_t byte = 0;
    uint32_t n, pin;
    GIVES(KERN_NOT_SUPPORTED,
          vm_map(me.task, 0, PAGE, 0, VM_ANYWHERE | VM_COPY, entry, RW, RW, 0, &place));
    GIVES(KERN_PROTECTION_FAILURE, vm_read(me.task, at, 1, &byte, &n));
    GIVES(KERN_PROTECTION_FAILURE, vm_write(me.task, at, &byte, 1));
    GIVES(KERN_PROTECTION_FAILURE,
          vm_protect(me.task, at, PAGE, false, VM_PROT_READ | VM_PROT_EXECUTE));
    GIVES(KERN_INVALID_CAPABILITY, device_dma_pin(device, entry, 0, PAGE, &pin));
    uint32_t child = child_new(TASK_INHERIT_MEMORY, 0, NULL);
    GIVES(KERN_INVALID_ADDRESS, vm_read(child, at, 1, &byte, &n));
    child_end(child);
}

void scene_dma_memory(void)
{
    dma_enter();
    uint32_t control = dma_device(true, false, dma_windows, 2),
             mute = dma_device(false, true, NULL, 0);
    uint32_t device = dma_open(control, 1100), other = dma_open(mute, 10), entry, more;
    uint64_t bus, before = free_frames();
    refused_sizes(device);
    GIVES(KERN_NOT_SUPPORTED, device_dma_allocate(other, PAGE, &entry, &bus));
    OK(device_dma_allocate(device, 4 * MIB, &entry, &bus));
    GIVES(KERN_LIMIT, device_dma_allocate(device, 77 * PAGE, &more, &bus));
    CHECK_EQUAL(dma_used(LEDGER_WIRED), 1024);
    CHECK(dma_used(LEDGER_FRAMES) >= 1024);
    OK(device_dma_allocate(device, 5 * PAGE, &more, &bus));
    dma_check(control, 1029, 0);
    uint64_t at = dma_map(more, 5 * PAGE);
    five_pages(at, bus);
    not_copied(device, more, at);
    /* The driver gives it up: entry and mapping. */
    drop_name(more);
    dma_check(control, 1029, 0);
    OK(vm_deallocate(me.task, at, 5 * PAGE));
    dma_check(control, 1029, 0);
    dma_go_on(device);
    dma_check(control, 1024, 0);
    drop_name(entry);
    dma_go_on(device);
    dma_check(control, 0, 0);
    CHECK_EQUAL(dma_used(LEDGER_WIRED), 0);
    CHECK(free_frames() + 16 >= before);
    drop_name(device);
    drop_name(other);
    drop_name(control);
    drop_name(mute);
}

/* What it reaches is used up some time. */
void scene_dma_shortage(void)
{
    enum { LARGE = 16, SMALL = 400 };
    dma_enter();
    uint32_t control = dma_device(true, false, dma_windows, 2), entry, large[LARGE], small[SMALL];
    uint32_t device = dma_open(control, UINT64_MAX);
    uint64_t bus;
    unsigned n = 0, count = 0;
    while (count < LARGE &&
           device_dma_allocate(device, 4 * MIB, &large[count], &bus) == KERN_SUCCESS)
        count++;
    CHECK(count == 1 || count == 2);
    GIVES(KERN_RESOURCE_SHORTAGE, device_dma_allocate(device, 4 * MIB, &entry, &bus));
    while (n < SMALL && device_dma_allocate(device, 15 * PAGE, &small[n], &bus) == KERN_SUCCESS)
        n++;
    CHECK(n < SMALL);
    while (n > 0)
        drop_name(small[--n]);
    while (count > 0)
        drop_name(large[--count]);
    for (unsigned i = 0; i < SMALL / 8 + LARGE; i++) /* a few go at a time */
        dma_go_on(device);
    OK(host_memory_set_limit(me.memory, me.task, LEDGER_WIRED, 3));
    GIVES(KERN_LIMIT, device_dma_allocate(device, 4 * PAGE, &entry, &bus));
    OK(host_memory_set_limit(me.memory, me.task, LEDGER_WIRED, UINT64_MAX));
    dma_check(control, 0, 0);
    drop_name(device);
    drop_name(control);
}

/* ---- pins ---- */

enum { PAGES = 300 };

static void refused_pins(uint32_t device, uint32_t entry)
{
    uint32_t weak, pin;
    OK(memory_entry_narrow(entry, 0, PAGE, VM_PROT_READ, &weak));
    GIVES(KERN_INVALID_CAPABILITY, device_dma_pin(device, weak, 0, PAGE, &pin));
    GIVES(KERN_INVALID_CAPABILITY, device_dma_pin(device, 0, 0, PAGE, &pin));
    GIVES(KERN_INVALID_CAPABILITY, device_dma_pin(device, me.task, 0, PAGE, &pin));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_pin(device, entry, 1, PAGE, &pin));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_pin(device, entry, 0, PAGE - 1, &pin));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_pin(device, entry, 0, 0, &pin));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_pin(device, entry, PAGE, PAGES * PAGE, &pin));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_pin(device, entry, UINT64_MAX & ~0xfff, PAGE, &pin));
    drop_name(weak);
}

static void refused_calls(uint32_t device, uint32_t pin)
{
    struct device_run runs[DEVICE_RUNS_MAX];
    uint64_t next;
    uint32_t count;
    /* The device looks into the caches, so nothing is done; but it is looked at. */
    for (unsigned how = 0; how < 5; how++)
        GIVES(how == 0 || how == 4 ? KERN_INVALID_VALUE : KERN_SUCCESS,
              device_dma_sync(device, pin, 17, PAGE, how));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_sync(device, pin, PAGE, PAGES * PAGE, 1));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_sync(device, pin, UINT64_MAX, 2, 1));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_sync(device, pin + 100, 0, 1, 1));
    OK(device_dma_sync(device, pin, PAGES * PAGE, 0, 3));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_runs(device, pin, 1, &next, runs, &count));
    GIVES(KERN_INVALID_ARGUMENT,
          device_dma_runs(device, pin, (PAGES + 1) * PAGE, &next, runs, &count));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_runs(device, 0, 0, &next, runs, &count));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_unpin(device, 0));
}

/* In both directions. */
static void see_the_same(uint64_t at, const paddr_t *frames)
{
    unsigned reached = 0;
    dma_touch(at, PAGES);
    for (unsigned i = 0; i < PAGES; i++) {
        if (!frames[i])
            continue;
        reached++;
        *dma_word(frames[i]) = 1000 + i;
        CHECK_EQUAL(dma_read(at + i * PAGE), 1000 + i);
        dma_write(at + i * PAGE, 2000 + i);
        CHECK_EQUAL(*dma_word(frames[i]), 2000 + i);
    }
    CHECK(reached < PAGES);
}

void scene_dma_pins(void)
{
    dma_enter();
    uint32_t control = dma_device(true, true, dma_windows, 2), entry, pin, again;
    uint32_t device = dma_open(control, PAGES + 4);
    paddr_t frames[PAGES], same[4];
    uint64_t at = dma_memory_new(PAGES, &entry);
    refused_pins(device, entry);
    small_pieces = true;
    OK(device_dma_pin(device, entry, 0, PAGES * PAGE, &pin));
    CHECK_EQUAL(dma_learn(device, pin, frames, PAGES), PAGES);
    small_pieces = false;
    dma_check(control, PAGES, 0);
    CHECK_EQUAL(dma_used(LEDGER_WIRED), PAGES);
    see_the_same(at, frames);
    GIVES(KERN_LIMIT, device_dma_pin(device, entry, 0, 5 * PAGE, &again));
    OK(device_dma_pin(device, entry, 7 * PAGE, 4 * PAGE, &again));
    CHECK_EQUAL(dma_learn(device, again, same, 4), 4);
    CHECK(memcmp(same, frames + 7, sizeof(same)) == 0);
    refused_calls(device, pin);
    small_pieces = true;
    OK(device_dma_unpin(device, pin));
    small_pieces = false;
    GIVES(KERN_INVALID_ARGUMENT, device_dma_unpin(device, pin));
    OK(device_dma_unpin(device, again));
    dma_check(control, 0, 0);
    CHECK_EQUAL(dma_used(LEDGER_WIRED), 0);
    OK(vm_deallocate(me.task, at, PAGES * PAGE));
    drop_name(entry);
    drop_name(device);
    drop_name(control);
}

/* A device that moves nothing itself has pages pinned for its driver's sake: it reaches none of them. */
void scene_dma_pins_for_nobody(void)
{
    dma_enter();
    uint32_t control = dma_device(false, true, NULL, 0), device = dma_open(control, 10), entry, pin;
    struct device_run runs[DEVICE_RUNS_MAX];
    uint64_t next, at = dma_memory_new(8, &entry);
    uint32_t count;
    OK(device_dma_pin(device, entry, 0, 8 * PAGE, &pin));
    OK(device_dma_runs(device, pin, 0, &next, runs, &count));
    CHECK(count == 1 && runs[0].bus == DMA_NO_BUS && runs[0].length == 8 * PAGE);
    OK(device_dma_unpin(device, pin));
    OK(vm_deallocate(me.task, at, 8 * PAGE));
    drop_name(entry);
    drop_name(device);
    drop_name(control);
}

/* What the driver of a device whose caches are its own says: every byte of every piece. */
void scene_dma_caches(void)
{
    dma_enter();
    uint32_t control = dma_device(true, false, &dma_everything, 1);
    uint32_t device = dma_open(control, 64), entry, pin;
    uint64_t at = dma_memory_new(20, &entry);
    OK(device_dma_pin(device, entry, PAGE, 16 * PAGE, &pin));
    small_pieces = true;
    for (unsigned how = 1; how <= 3; how++) {
        OK(device_dma_sync(device, pin, 0, 16 * PAGE, how));
        OK(device_dma_sync(device, pin, 4001, 3 * PAGE, how));
        OK(device_dma_sync(device, pin, 16 * PAGE - 1, 1, how));
    }
    small_pieces = false;
    OK(device_dma_unpin(device, pin));
    OK(vm_deallocate(me.task, at, 20 * PAGE));
    drop_name(entry);
    drop_name(device);
    drop_name(control);
}

/* ---- each allocation fails once ---- */

static void without_shortage(uint32_t control)
{
    uint32_t device, entry, memory = 0, pin = 0;
    uint64_t bus, at = dma_memory_new(70, &entry);
    for (uint64_t n = 1;; n++) {
        (void)alloc_fail_nth(0);
        (void)alloc_fail_nth(n);
        kern_return_t kr = device_control_open(control, 100, &device);
        bool opened = kr == KERN_SUCCESS;
        if (opened)
            kr = device_dma_allocate(device, 5 * PAGE, &memory, &bus);
        bool allocated = kr == KERN_SUCCESS;
        if (allocated)
            kr = device_dma_pin(device, entry, 0, 70 * PAGE, &pin);
        bool pinned = kr == KERN_SUCCESS;
        uint64_t counted = alloc_fail_nth(0);
        CHECK(kr == KERN_SUCCESS || kr == KERN_RESOURCE_SHORTAGE || kr == MACH_SEND_NO_BUFFER ||
              kr == MACH_RCV_NO_SPACE || kr == MIG_SERVER_DIED);
        if (kr == KERN_SUCCESS && counted >= n) /* the answer's */
            kr = KERN_RESOURCE_SHORTAGE;
        rest();
        if (opened) {
            dma_go_on(device);
            dma_check(control, (allocated ? 5 : 0) + (pinned ? 70 : 0), 0);
            if (allocated)
                drop_name(memory);
            if (pinned)
                OK(device_dma_unpin(device, pin));
            dma_go_on(device);
            dma_check(control, 0, 0);
            drop_name(device);
            rest();
        }
        OK(vm_deallocate(me.task, at, 70 * PAGE));
        drop_name(entry);
        rest();
        if (kr == KERN_SUCCESS)
            return;
        CHECK(n < 1000);
        at = dma_memory_new(70, &entry);
    }
}

void scene_dma_failures(void)
{
    dma_enter();
    uint32_t control = dma_device(true, false, dma_windows, 2);
    without_shortage(control);
    drop_name(control);
}
