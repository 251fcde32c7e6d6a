/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a driver has of its device, and what it has not; and that it has nothing any more when it has been taken away.
 */
#include "device-matrix.h"

#include "raised.h"
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <string.h>
#include <user/msg.h>
#include <wharf/if/device.h>
#include <wharf/if/device_control.h>
#include <wharf/if/exception_types.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/interrupt.h>
#include <wharf/if/memory_entry.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

/* ---- the toy ---- */

enum {
    PL031_DR = 0,
    PL031_MR = 4,
    PL031_CR = 0xc,
    PL031_IMSC = 0x10,
    PL031_RIS = 0x14,
    PL031_ICR = 0x1c
};
enum { PL031_ID = 0xfe0 };
enum { PL011_DR = 0, PL011_CR = 0x30, PL011_IMSC = 0x38, PL011_ICR = 0x44, PL011_ID = 0xfe0 };
enum { PL011_ON = 0x301, PL011_TX = 1 << 5 };

static const struct registers *regs(uint64_t at, struct registers *r)
{
    r->base = (volatile char *)(uintptr_t)at;
    return r;
}

bool toy_answers(uint64_t at)
{
    struct registers r;
    (void)regs(at, &r);
    return facts.toy == TOY_PL031 ? register_read32(&r, PL031_ID) == 0x31
                                  : register_read32(&r, PL011_ID) == 0x11;
}

void toy_ask(uint64_t at)
{
    struct registers r;
    (void)regs(at, &r);
    if (facts.toy == TOY_PL031) {
        register_write32(&r, PL031_CR, 1);
        register_write32(&r, PL031_IMSC, 1);
        do /* the second may have passed in between: then it would be a long time until they are the same again */
            register_write32(&r, PL031_MR, register_read32(&r, PL031_DR));
        while ((register_read32(&r, PL031_RIS) & 1) == 0);
    } else {
        register_write32(&r, PL011_CR, PL011_ON);
        register_write32(&r, PL011_IMSC, PL011_TX);
        register_write32(&r, PL011_DR, 'x'); /* it has been sent: there is room for more */
    }
}

void toy_quiet(uint64_t at)
{
    struct registers r;
    (void)regs(at, &r);
    if (facts.toy == TOY_PL031)
        register_write32(&r, PL031_ICR, 1);
    else
        register_write32(&r, PL011_ICR, PL011_TX);
}

uint64_t map_registers(mach_port_name_t device, mach_port_name_t *memory)
{
    mach_port_name_t entry = MSG_NULL;
    uint32_t offset = 0;
    uint64_t size = 0, at = 0;
    OK(device_memory(device, 0, &entry, &offset, &size));
    CHECK_EQUAL(size, facts.toy_range.size);
    CHECK_EQUAL(offset, facts.toy_range.base % PAGE);
    OK(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, entry, READ_WRITE, READ_WRITE, VM_INHERIT_NONE, &at));
    if (memory)
        *memory = entry;
    else
        drop(entry);
    return at + offset;
}

void unmap_registers(uint64_t at)
{
    OK(vm_deallocate(me(), at & ~(PAGE - 1), PAGE));
}

/* ---- exceptions ---- */

/* A read there raises one of this code, or, with UINT64_MAX, none. */
static void expect_read(uint64_t at, uint64_t code)
{
    uint32_t before = raised;
    (void)*(volatile uint32_t *)(uintptr_t)at;
    CHECK_EQUAL(raised - before, code != UINT64_MAX);
    if (code != UINT64_MAX)
        CHECK_EQUAL(raised_code, code);
}

static void expect_gone(uint64_t at)
{
    expect_read(at, EXCEPTION_CODE_PAGE | KERN_TERMINATED);
}

/* The session ends behind one's back. */
static void wait_until_gone(uint64_t at)
{
    uint32_t before = raised;
    while (raised == before) {
        pause_for(200);
        (void)*(volatile uint32_t *)(uintptr_t)at;
    }
}

/* ---- what may be done with the memory ---- */

static void test_entry(void)
{
    mach_port_name_t control = make_toy(), device = open_device(control), memory, part;
    uint64_t at = map_registers(device, &memory), there = 0, pages, size = 0;
    uint32_t offset = 0, max = 0;
    CHECK(toy_answers(at));
    OK(memory_entry_info(memory, &pages, &max));
    CHECK_EQUAL(max, READ_WRITE);
    pages /= PAGE;
    for (uint32_t i = 1; i < 40; i++)
        FAILS(device_memory(device, i, &part, &offset, &size), KERN_INVALID_ARGUMENT);
    FAILS(device_memory(device, UINT32_MAX, &part, &offset, &size), KERN_INVALID_ARGUMENT);
    /* Never executed, never copied, never more than there is. */
    FAILS(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, memory, READ_EXECUTE, READ_EXECUTE, VM_INHERIT_NONE,
                 &there),
          KERN_PROTECTION_FAILURE);
    FAILS(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, memory, VM_PROT_READ, READ_EXECUTE, VM_INHERIT_NONE,
                 &there),
          KERN_PROTECTION_FAILURE);
    FAILS(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE | VM_COPY, memory, READ_WRITE, READ_WRITE,
                 VM_INHERIT_NONE, &there),
          KERN_NOT_SUPPORTED);
    FAILS(vm_map(me(), 0, (pages + 1) * PAGE, 0, VM_ANYWHERE, memory, READ_WRITE, READ_WRITE,
                 VM_INHERIT_NONE, &there),
          KERN_INVALID_ARGUMENT);
    FAILS(vm_map(me(), 0, PAGE, pages * PAGE, VM_ANYWHERE, memory, READ_WRITE, READ_WRITE,
                 VM_INHERIT_NONE, &there),
          KERN_INVALID_ARGUMENT);
    FAILS(vm_map(me(), 0, PAGE, UINT64_MAX - PAGE + 1, VM_ANYWHERE, memory, READ_WRITE, READ_WRITE,
                 VM_INHERIT_NONE, &there),
          KERN_INVALID_ARGUMENT);
    FAILS(vm_protect(me(), at & ~(PAGE - 1), PAGE, false, READ_EXECUTE), KERN_PROTECTION_FAILURE);
    unmap_registers(at);
    drop(memory), drop(device), drop(control);
}

static void test_entries_of_it(void)
{
    mach_port_name_t control = make_toy(), device = open_device(control), memory, part, other;
    uint64_t at = map_registers(device, &memory), page = at & ~(PAGE - 1), there = 0, pages;
    uint32_t max = 0;
    OK(memory_entry_info(memory, &pages, &max));
    pages /= PAGE;
    /* An entry grows by nothing. */
    FAILS(memory_entry_narrow(memory, 0, (pages + 1) * PAGE, READ_WRITE, &part),
          KERN_INVALID_ARGUMENT);
    FAILS(memory_entry_narrow(memory, PAGE, pages * PAGE, READ_WRITE, &part),
          KERN_INVALID_ARGUMENT);
    FAILS(memory_entry_narrow(memory, 0, PAGE, READ_WRITE | VM_PROT_EXECUTE, &part),
          KERN_PROTECTION_FAILURE);
    OK(memory_entry_narrow(memory, 0, PAGE, VM_PROT_READ, &part));
    FAILS(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, part, READ_WRITE, READ_WRITE, VM_INHERIT_NONE,
                 &there),
          KERN_PROTECTION_FAILURE);
    FAILS(memory_entry_narrow(part, 0, PAGE, READ_WRITE, &other), KERN_PROTECTION_FAILURE);
    FAILS(vm_make_entry(me(), page, PAGE, READ_WRITE | VM_PROT_EXECUTE, &other),
          KERN_PROTECTION_FAILURE);
    OK(vm_make_entry(me(), page, PAGE, READ_WRITE, &other));
    OK(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, other, READ_WRITE, READ_WRITE, VM_INHERIT_NONE,
              &there));
    CHECK(toy_answers(there + at % PAGE));
    OK(device_control_close(control));
    expect_gone(at);
    expect_gone(there);
    for (unsigned i = 0; i < 3; i++)
        FAILS(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, (mach_port_name_t[]){memory, part, other}[i],
                     VM_PROT_READ, VM_PROT_READ, VM_INHERIT_NONE, &there),
              KERN_TERMINATED);
    unmap_registers(at);
    unmap_registers(there);
    drop(memory), drop(part), drop(other), drop(device), drop(control);
}

/* The kernel moves no bytes of it, neither way. */
static void test_no_copies(void)
{
    mach_port_name_t control = make_toy(), device = open_device(control), port = make_port();
    uint64_t at = map_registers(device, NULL), page = at & ~(PAGE - 1);
    static uint64_t buffer[PAGE_WORDS];
    uint8_t data[8] = {0};
    uint32_t size = 0;
    FAILS(vm_read(me(), at, 4, data, &size), KERN_PROTECTION_FAILURE);
    FAILS(vm_write(me(), at, data, 4), KERN_PROTECTION_FAILURE);
    FAILS(vm_copy(me(), at, 8, (uintptr_t)buffer), KERN_PROTECTION_FAILURE);
    FAILS(vm_copy(me(), (uintptr_t)buffer, 8, at), KERN_PROTECTION_FAILURE);
    FAILS(vm_read_overwrite(me(), page, PAGE, (uintptr_t)buffer), KERN_PROTECTION_FAILURE);
    FAILS(vm_write_from(me(), page, 16, (uintptr_t)buffer), KERN_PROTECTION_FAILURE);
    OK(vm_maintain(me(), page, PAGE, VM_MAINTENANCE_CLEAN_INVALIDATE));
    OK(vm_sync(me(), page, PAGE, VM_SYNC_WAIT));
    struct msg_descriptor sent = {.value = page, .size = PAGE, .kind = MSG_OOL_MEMORY, .flags = 0};
    struct msg_registers m = {.destination = port,
                              .id = 1,
                              .control = MSG_CONTROL(MSG_COPY_SEND, 0, sizeof(sent), 1)};
    memcpy(m.word, &sent, sizeof(sent));
    user_msg_trap(&m);
    CHECK_EQUAL(trap_error(m.result), MACH_SEND_INVALID_MEMORY);
    CHECK(toy_answers(at));
    unmap_registers(at);
    drop_port(port), drop(device), drop(control);
}

/* ---- wiring, children ---- */

static void test_wired(void)
{
    mach_port_name_t control = make_toy(), device = open_device(control);
    uint64_t at = map_registers(device, NULL), page = at & ~(PAGE - 1);
    OK(host_memory_wire(program_start_info->host_memory, me(), page, PAGE));
    CHECK(toy_answers(at));
    OK(device_control_close(control));
    expect_gone(at);
    OK(host_memory_unwire(program_start_info->host_memory, me(), page, PAGE));
    unmap_registers(at);
    drop(device), drop(control);
}

struct child {
    uint64_t shared, copied;
    mach_port_name_t device;
    _Atomic uint32_t step, answer;
};

static int child_looks(void *argument)
{
    struct child *child = *(struct child **)argument;
    drop(child->device); /* it has got one, too */
    child->answer = 1 + toy_answers(child->shared);
    while (child->step == 0)
        pause_for(200);
    (void)*(volatile uint32_t *)(uintptr_t)child->shared; /* it is stepped over */
    child->answer = 5;
    return 0;
}

/* A child gets what it is to share, nothing else; and loses it as its parent does. */
static void test_child(void)
{
    mach_port_name_t control = make_toy(), device = open_device(control);
    struct child *child = pages_make_shared(1);
    struct clone clone;
    child->device = device;
    child->shared = map_registers(device, NULL);
    child->copied = map_registers(device, NULL);
    OK(vm_inherit(me(), child->shared & ~(PAGE - 1), PAGE, VM_INHERIT_SHARE));
    OK(vm_inherit(me(), child->copied & ~(PAGE - 1), PAGE, VM_INHERIT_COPY));
    OK(clone_make(&clone, child_looks, &child, THREAD_PRIORITY_DEFAULT));
    uint64_t start = 0, size;
    uint32_t prot, max, inheritance, flags;
    OK(vm_region(clone.task, child->shared & ~(PAGE - 1), &start, &size, &prot, &max, &inheritance,
                 &flags));
    CHECK_EQUAL(start, child->shared & ~(PAGE - 1));
    kern_return_t kr = vm_region(clone.task, child->copied & ~(PAGE - 1), &start, &size, &prot,
                                 &max, &inheritance, &flags);
    CHECK(kr == KERN_NOT_FOUND || start != (child->copied & ~(PAGE - 1)));
    OK(clone_run(&clone));
    while (child->answer == 0)
        pause_for(200);
    CHECK_EQUAL(child->answer, 2);
    drop(device); /* the last right: the same as close */
    struct device_control_facts now = {.open = 1};
    mach_port_name_t again = MSG_NULL;
    while (device_control_open(control, 0, &again) == KERN_BUSY)
        pause_for(200);
    OK(device_control_info(control, &now));
    CHECK_EQUAL(now.generation, 2);
    uint32_t before = raised;
    child->step = 1;
    while (child->answer != 5)
        pause_for(200);
    CHECK_EQUAL(raised - before, 1);
    expect_gone(child->copied);
    clone_end(&clone);
    unmap_registers(child->shared);
    unmap_registers(child->copied);
    drop(again), drop(control);
    pages_drop(child, 1);
}

/* ---- sessions ---- */

static void expect_dead(mach_port_name_t device)
{
    struct device_facts known;
    mach_port_name_t got;
    uint32_t offset;
    uint64_t size;
    FAILS(device_info(device, &known), MACH_SEND_INVALID_DEST);
    FAILS(device_memory(device, 0, &got, &offset, &size), MACH_SEND_INVALID_DEST);
    FAILS(device_interrupt(device, 0, &got), MACH_SEND_INVALID_DEST);
}

static void test_session(void)
{
    mach_port_name_t control = make_toy(), device = open_device(control), other, port = make_port();
    struct device_control_facts now;
    struct device_facts known;
    FAILS(device_control_open(control, 0, &other), KERN_BUSY);
    OK(device_info(device, &known));
    CHECK_EQUAL(known.ranges, 1);
    CHECK_EQUAL(known.lines, 1);
    CHECK_EQUAL(known.dma, 0);
    CHECK_EQUAL(known.generation, 1);
    OK(device_control_info(control, &now));
    CHECK(now.open == 1 && now.ranges == 1 && now.lines == 1 && now.generation == 1);
    /* A driver is no manager, and a manager no driver. */
    FAILS(device_control_open(device, 0, &other), MIG_BAD_ID);
    FAILS(device_control_close(device), MIG_BAD_ID);
    FAILS(device_info(control, &known), MIG_BAD_ID);
    OK(device_control_notify_closed(control, 77, port));
    OK(device_control_close(control));
    struct msg_registers m = {.receive = port, .deadline = UINT64_MAX};
    user_msg_trap(&m);
    CHECK_EQUAL(m.id, 77);
    OK(device_control_info(control, &now));
    CHECK_EQUAL(now.open, 0);
    expect_dead(device);
    OK(device_control_close(control)); /* nobody has it */
    drop(device);
    device = open_device(control);
    drop(control); /* the session goes on */
    OK(device_info(device, &known));
    CHECK_EQUAL(known.generation, 2);
    CHECK_EQUAL(known.reach_first | known.reach_last, 0);
    uint64_t at = map_registers(device, NULL);
    CHECK(toy_answers(at));
    drop(device);
    wait_until_gone(at);
    unmap_registers(at);
    drop_port(port);
}

/* ---- devices of a device ---- */

static void test_derived(void)
{
    mach_port_name_t control = make_toy(), device = open_device(control), part = MSG_NULL;
    const uint64_t whole = facts.toy_range.size;
    const uint32_t line[] = {0, 1};
    struct device_part good = {.offset = 0, .size = whole};
    const struct device_part bad[] = {{.offset = 0, .size = whole + 1},
                                      {.offset = 1, .size = whole},
                                      {.offset = whole, .size = 1},
                                      {.offset = 0, .size = 0},
                                      {.offset = UINT64_MAX, .size = 2},
                                      {.offset = 2, .size = UINT64_MAX},
                                      {.index = 1, .offset = 0, .size = 4}};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        FAILS(device_derive(device, "part", false, &bad[i], 1, NULL, 0, &part),
              KERN_INVALID_ARGUMENT);
    FAILS(device_derive(device, "part", false, &good, 1, &line[1], 1, &part),
          KERN_INVALID_ARGUMENT);
    FAILS(device_derive(device, "part", true, &good, 1, line, 1, &part), KERN_INVALID_ARGUMENT);
    good.access = 3;
    FAILS(device_derive(device, "part", false, &good, 1, line, 1, &part), KERN_INVALID_VALUE);
    good.access = 0;
    OK(device_derive(device, "part", false, &good, 1, line, 1, &part));
    OK(device_control_close(control)); /* it stays */
    mach_port_name_t session = open_device(part);
    uint64_t at = map_registers(session, NULL);
    CHECK(toy_answers(at));
    unmap_registers(at);
    drop(session), drop(part), drop(device), drop(control);
}

void test_use(void)
{
    test_entry();
    test_entries_of_it();
    test_no_copies();
    test_wired();
    test_child();
    test_session();
    test_derived();
}
