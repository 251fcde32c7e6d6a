/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of devices: who maps it, that all lose it when the session ends, and that the kernel does not touch it.
 */
#include "device_stage.h"

#include <arch/upcalls.h>
#include <kern/memory_entry.h>
#include <kern/pmap.h>
#include <string.h>

enum { PAGE = 4096, RW = VM_PROT_READ | VM_PROT_WRITE };

/* ---- memory ---- */

static bool is_mapped(struct task *task, uint64_t at, enum mem_type *type)
{
    struct pmap_mapping mapping;
    if (pmap_extract(task->pmap, at, &mapping) != KERN_SUCCESS)
        return false;
    CHECK_EQUAL(mapping.pa, DEVICE_AT);
    CHECK(!(mapping.prot & PROT_EXECUTE));
    *type = mapping.type;
    return true;
}

static uint64_t map_it(uint32_t task, uint32_t entry, unsigned pages)
{
    uint64_t at;
    OK(vm_map(task, 0, (uint64_t)pages * PAGE, 0, VM_ANYWHERE, entry, RW, RW, VM_INHERIT_SHARE,
              &at));
    OK(host_memory_wire(me.memory, task, at, (uint64_t)pages * PAGE)); /* so it is in the tables */
    return at;
}

/* All who map it lose it, and what rights there are to it are good for nothing. */
void scene_device_memory(void)
{
    uint32_t devices = enter_board(), control, device, entry, part, offset, n;
    uint64_t size, start;
    enum mem_type type = MEM_NORMAL;
    uint8_t byte;
    OK(make_device(devices, false, &control));
    uint32_t child = child_new(0, 0, NULL);
    for (unsigned round = 0; round < 4; round++) {
        atomic_store(&small_pieces, round % 2);
        OK(device_control_open(control, 0, &device));
        GIVES(KERN_INVALID_ARGUMENT, device_memory(device, 1, &entry, &offset, &size));
        OK(device_memory(device, 0, &entry, &offset, &size));
        CHECK(offset == 0x10 && size == 0x1234);
        OK(memory_entry_info(entry, &size, &n));
        CHECK(size == 2 * PAGE && n == RW);
        OK(memory_entry_narrow(entry, 0, PAGE, VM_PROT_READ, &part));
        GIVES(KERN_PROTECTION_FAILURE,
              vm_map(me.task, 0, PAGE, 0, VM_ANYWHERE, entry, 1, 5, VM_INHERIT_NONE, &start));
        GIVES(KERN_NOT_SUPPORTED, vm_map(me.task, 0, PAGE, 0, VM_ANYWHERE | VM_COPY, entry, 1, 1,
                                         VM_INHERIT_NONE, &start));
        uint64_t mine = map_it(me.task, entry, 2), its = map_it(child, entry, 1);
        CHECK(is_mapped(me.actor->task, mine, &type) && type == MEM_DEVICE);
        CHECK(is_mapped(task_behind(child), its, &type));
        GIVES(KERN_PROTECTION_FAILURE, vm_read(me.task, mine, 1, &byte, &n));
        GIVES(KERN_PROTECTION_FAILURE, vm_write(child, its, &byte, 1));
        GIVES(KERN_PROTECTION_FAILURE, vm_copy(me.task, mine, 8, mine + PAGE));
        if (round < 2) {
            OK(device_control_close(control));
            drop_name(device);
        } else {
            drop_name(device);
            rest();
        }
        CHECK(!is_mapped(me.actor->task, mine, &type));
        CHECK(!is_mapped(task_behind(child), its, &type));
        GIVES(KERN_TERMINATED, host_memory_wire(me.memory, child, its, PAGE));
        GIVES(KERN_TERMINATED,
              vm_map(me.task, 0, PAGE, 0, VM_ANYWHERE, part, 1, 1, VM_INHERIT_NONE, &start));
        OK(vm_deallocate(me.task, mine, 2 * PAGE));
        OK(vm_deallocate(child, its, PAGE));
        drop_name(entry), drop_name(part);
    }
    atomic_store(&small_pieces, false);
    child_end(child);
    CHECK(
        kern_late_abort(NULL,
                        0xbe000011)); /* a store that was posted fails when nobody has any of it */
}

/* ---- buffers of traps ---- */

/* A message of mine to my own port, whose body lies at `from`, into `to`; 0: it is not received. */
static unsigned send_between(uint32_t port, uint64_t from, uint64_t to, uint32_t length)
{
    const struct message m = {.dest = port,
                              .remote = MSG_COPY_SEND,
                              .id = 77,
                              .length = length,
                              .receive = to ? port : 0,
                              .size = 8192};
    fill_action(me.actor, &m, &me.actor->action);
    me.actor->action.args[MSG_X_ADDRESS] = from;
    me.actor->action.args[MSG_X_BUFFER] = to;
    post_action(me.actor);
    return result(me.actor);
}

/* The kernel reads and writes no registers when it copies a message, not even those behind memory; memory of who has registers it does. */
void scene_device_buffers(void)
{
    uint32_t devices = enter_board(), control, device, entry, offset, port = own_port();
    uint64_t size, memory;
    enum { BIG = 5000 };
    static uint8_t sent[BIG], got[BIG];
    OK(make_device(devices, false, &control));
    OK(device_control_open(control, 0, &device));
    OK(device_memory(device, 0, &entry, &offset, &size));
    OK(vm_allocate(me.task, 0, 8 * PAGE, VM_ANYWHERE, &memory));
    OK(vm_deallocate(me.task, memory + 3 * PAGE, PAGE));
    uint64_t at = memory + 3 * PAGE;
    OK(vm_map(me.task, at, PAGE, 0, 0, entry, RW, RW, VM_INHERIT_SHARE, &at));
    OK(host_memory_wire(me.memory, me.task, at, PAGE));
    OK(host_memory_wire(me.memory, me.task, memory, 3 * PAGE));
    for (unsigned i = 0; i < BIG; i++)
        sent[i] = (uint8_t)(i * 7 + i / 256);
    memory_write(me.actor, memory + 96, sent, BIG);
    for (unsigned round = 0; round < 3; round++) {
        CHECK_EQUAL(send_between(port, at, memory + 4 * PAGE, 512), MACH_SEND_INVALID_DATA);
        CHECK_EQUAL(send_between(port, at - 256, memory + 4 * PAGE, 512), MACH_SEND_INVALID_DATA);
        CHECK_EQUAL(send_between(port, memory + 96, at, 512), MACH_RCV_INVALID_DATA);
        OK(perform(me.actor, (struct message){.receive = port, .size = 512})); /* it has stayed */
        CHECK_EQUAL(send_between(port, memory + 96, at - 256, 512), MACH_RCV_INVALID_DATA);
        OK(perform(me.actor, (struct message){.receive = port, .size = 512})); /* it has stayed */
        OK(send_between(port, memory + 96, memory + 4 * PAGE + 40, BIG));
        memset(got, 0, BIG);
        memory_read(me.actor, memory + 4 * PAGE + 40, got, BIG);
        CHECK(memcmp(sent, got, BIG) == 0);
    }
    /* To who waits, straight from one buffer into the other. */
    struct actor *mate = actor_mate(me.actor, ACTOR_PRIORITY);
    post(mate, (struct message){.receive = port, .size = 8192});
    CHECK_EQUAL(send_between(port, at, 0, 512), MACH_SEND_INVALID_DATA);
    CHECK(!is_done(mate));
    const struct message m = {.dest = port, .remote = MSG_COPY_SEND, .id = 78, .length = BIG};
    fill_action(me.actor, &m, &me.actor->action);
    me.actor->action.args[MSG_X_ADDRESS] = memory + 96;
    post_action(me.actor);
    OK(result(me.actor));
    OK(result(mate));
    memset(got, 0, BIG);
    memory_read(mate, mate->receive_va, got, BIG);
    CHECK(memcmp(sent, got, BIG) == 0);
    OK(device_control_close(control));
    OK(vm_deallocate(me.task, memory, 8 * PAGE));
}

/* ---- the walk over all tasks, while tasks come and go ---- */

enum { CHILDREN = 8, STEPS_MAX = 200 };

static struct {
    struct memory_object *object; /* that has died */
    struct task *task;            /* where it stands */
    vaddr_t at;
    bool more;
    uint32_t child
        [STEPS_MAX]; /* 0: it has ended. Of the first CHILDREN, which map the device, those with even numbers stay */
    uint64_t mapped[CHILDREN];
    unsigned children;
} walk;

static void kill_object(void *unused)
{
    (void)unused;
    memory_object_kill(walk.object);
}

static void walk_on(void *unused)
{
    (void)unused;
    walk.more = map_forget_devices(&walk.task, &walk.at);
}

/* The child on which it stands ends, unless it is to stay, and another begins. */
static bool end_under_it(void)
{
    for (unsigned i = 0; i < walk.children; i++) {
        bool stays = i < CHILDREN && i % 2 == 0;
        if (stays || !walk.child[i] || task_behind(walk.child[i]) != walk.task)
            continue;
        child_end(walk.child[i]);
        walk.child[i] = 0;
        walk.child[walk.children++] = child_new(0, 0, NULL);
        return true;
    }
    return false;
}

static void begin_walk(uint32_t entry)
{
    enum mem_type type;
    walk.children = CHILDREN;
    for (unsigned i = 0; i < CHILDREN; i++) {
        walk.child[i] = child_new(0, 0, NULL);
        walk.mapped[i] = map_it(walk.child[i], entry, 1);
        CHECK(is_mapped(task_behind(walk.child[i]), walk.mapped[i], &type));
    }
    struct memory_entry *shown = port_behind(me.actor, entry)->object;
    walk.object = shown->object;
    walk.task = NULL;
    walk.at = 0;
    in_kernel(kill_object, NULL);
}

/* As a program could go on doing for ever. The walk comes to its end, and none that maps the device has been left out. */
void scene_device_walk(void)
{
    uint32_t devices = enter_board(), control, device, entry, offset;
    unsigned steps = 0, ended = 0;
    uint64_t size;
    enum mem_type type;
    OK(make_device(devices, false, &control));
    OK(device_control_open(control, 0, &device));
    OK(device_memory(device, 0, &entry, &offset, &size));
    begin_walk(entry);
    do {
        in_kernel(walk_on, NULL);
        ended += end_under_it();
        CHECK(++steps < STEPS_MAX - CHILDREN);
    } while (walk.more);
    CHECK_EQUAL(ended, CHILDREN / 2); /* and none that began later */
    for (unsigned i = 0; i < CHILDREN; i += 2)
        CHECK(!is_mapped(task_behind(walk.child[i]), walk.mapped[i], &type));
    OK(device_control_close(control));
    for (unsigned i = 0; i < walk.children; i++)
        if (walk.child[i])
            child_end(walk.child[i]);
}
