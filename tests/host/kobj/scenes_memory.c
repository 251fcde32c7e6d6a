/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of tasks, and rights to it.
 */
#include "kobj_world.h"

#include <string.h>

enum { PAGE = 4096, RW = VM_PROT_READ | VM_PROT_WRITE };

static uint64_t allocate(uint32_t task, unsigned pages)
{
    uint64_t at;
    OK(vm_allocate(task, 0, (uint64_t)pages * PAGE, VM_ANYWHERE, &at));
    return at;
}

static void check_bytes(uint32_t task, uint64_t at, const void *expected, uint32_t size)
{
    uint8_t data[VM_DATA_MAX];
    uint32_t n;
    OK(vm_read(task, at, size, data, &n));
    CHECK(n == size && memcmp(data, expected, size) == 0);
}

void scene_memory(void)
{
    uint64_t at, start, size;
    uint32_t prot, max, inherit, flags;
    enter();
    at = allocate(me.task, 5);
    GIVES(KERN_INVALID_ARGUMENT, vm_allocate(me.task, 0, 0, VM_ANYWHERE, &start));
    GIVES(KERN_NO_SPACE, vm_allocate(me.task, 0, UINT64_MAX, VM_ANYWHERE, &start));
    GIVES(KERN_NO_SPACE, vm_allocate(me.task, 0, PAGE, 0, &start));
    GIVES(KERN_NO_SPACE, vm_allocate(me.task, at + PAGE, PAGE, 0, &start));
    GIVES(KERN_INVALID_VALUE, vm_allocate(me.task, 0, PAGE, 8, &start));
    OK(vm_allocate(me.task, 0x5000000, PAGE + 1, 0, &start));
    CHECK_EQUAL(start, 0x5000000);
    OK(vm_deallocate(me.task, start, 2 * PAGE));
    OK(vm_deallocate(me.task, start, 2 * PAGE)); /* nothing is there */
    GIVES(KERN_INVALID_ADDRESS, vm_read(me.task, start, 1, &(uint8_t){0}, &flags));
    GIVES(KERN_INVALID_ARGUMENT, vm_deallocate(me.task, start + 1, PAGE));
    GIVES(KERN_INVALID_ADDRESS, vm_deallocate(me.task, start, UINT64_MAX));
    OK(vm_region(me.task, at + 3, &start, &size, &prot, &max, &inherit, &flags));
    CHECK(start == at && size == 5 * PAGE && prot == RW && max == 7 && flags == 0);
    OK(vm_protect(me.task, at + PAGE, 2 * PAGE, false, VM_PROT_READ));
    OK(vm_region(me.task, at, &start, &size, &prot, &max, &inherit, &flags));
    CHECK(start == at && size == PAGE && prot == RW);
    OK(vm_region(me.task, at + size, &start, &size, &prot, &max, &inherit, &flags));
    CHECK(start == at + PAGE && size == 2 * PAGE && prot == VM_PROT_READ);
    GIVES(KERN_INVALID_VALUE, vm_protect(me.task, at, PAGE, false, 7));
    GIVES(KERN_INVALID_VALUE, vm_protect(me.task, at, PAGE, false, VM_PROT_WRITE));
    GIVES(KERN_INVALID_ADDRESS, vm_protect(me.task, at, 6 * PAGE, false, VM_PROT_READ));
    OK(vm_protect(me.task, at, 5 * PAGE, true, VM_PROT_READ));
    GIVES(KERN_PROTECTION_FAILURE, vm_protect(me.task, at, PAGE, false, RW));
    GIVES(KERN_PROTECTION_FAILURE, vm_write(me.task, at, "x", 1));
    OK(vm_protect(me.task, at, PAGE, false, 0));
    GIVES(KERN_PROTECTION_FAILURE, vm_read(me.task, at, 1, &(uint8_t){0}, &flags));
    GIVES(KERN_INVALID_ADDRESS, vm_read(me.task, 0x7000000, 1, &(uint8_t){0}, &flags));
    GIVES(KERN_NOT_FOUND,
          vm_region(me.task, at + 100 * PAGE, &start, &size, &prot, &max, &inherit, &flags));
    OK(vm_deallocate(me.task, at, 5 * PAGE));
}

void scene_memory_of_another(void)
{
    uint8_t bytes[VM_DATA_MAX];
    enter();
    uint32_t child = child_new(0, 0, NULL);
    uint64_t at = allocate(child, 3);
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7);
    OK(vm_write(child, at + 100, bytes, sizeof(bytes)));
    check_bytes(child, at + 100, bytes, sizeof(bytes));
    check_bytes(child, at + PAGE + 5, bytes + PAGE + 5 - 100, 91);
    GIVES(KERN_INVALID_ADDRESS, vm_write(child, at + 3 * PAGE - 5, bytes, 10)); /* all or nothing */
    check_bytes(child, at + 3 * PAGE - 5, "\0\0\0\0", 5);
    child_end(child);
}

void scene_shared_memory(void)
{
    uint64_t there, size, start;
    uint32_t entry, part, max, prot, inherit, flags;
    enter();
    uint32_t child = child_new(0, 0, NULL);
    uint64_t at = allocate(me.task, 6);
    OK(vm_write(me.task, at + 2 * PAGE, "before", 6));
    OK(vm_make_entry(me.task, at + PAGE, 4 * PAGE, RW, &entry));
    OK(memory_entry_info(entry, &size, &max));
    CHECK(size == 4 * PAGE && max == RW);
    OK(vm_map(child, 0, 2 * PAGE, PAGE, VM_ANYWHERE, entry, RW, RW, VM_INHERIT_SHARE, &there));
    check_bytes(child, there, "before", 6);
    OK(vm_write(child, there, "after!", 6));
    check_bytes(me.task, at + 2 * PAGE, "after!", 6);
    OK(vm_region(child, there, &start, &size, &prot, &max, &inherit, &flags));
    CHECK(size == 2 * PAGE && flags == VM_SHARED && inherit == VM_INHERIT_SHARE);
    OK(memory_entry_narrow(entry, PAGE, PAGE, VM_PROT_READ, &part));
    GIVES(KERN_PROTECTION_FAILURE, memory_entry_narrow(part, 0, PAGE, RW, &flags));
    GIVES(KERN_INVALID_ARGUMENT, memory_entry_narrow(part, 0, 2 * PAGE, 1, &flags));
    GIVES(KERN_PROTECTION_FAILURE,
          vm_map(child, 0, PAGE, 0, VM_ANYWHERE, part, 1, RW, VM_INHERIT_COPY, &start));
    GIVES(KERN_INVALID_ARGUMENT,
          vm_map(child, 0, PAGE, PAGE, VM_ANYWHERE, part, 1, 1, VM_INHERIT_COPY, &start));
    GIVES(KERN_PROTECTION_FAILURE,
          vm_map_named(child, 0, PAGE, 0, VM_ANYWHERE, part, 1, RW, VM_INHERIT_COPY, &start));
    GIVES(KERN_INVALID_NAME,
          vm_map_named(child, 0, PAGE, 0, VM_ANYWHERE, 0, 1, 1, VM_INHERIT_COPY, &start));
    OK(vm_map_named(child, 0, PAGE, 0, VM_ANYWHERE, part, 1, 1, VM_INHERIT_COPY, &start));
    check_bytes(child, start, "after!", 6);
    OK(vm_map(child, 0, PAGE, 0, VM_ANYWHERE | VM_COPY, part, RW, RW, VM_INHERIT_COPY, &start));
    check_bytes(child, start, "after!", 6);
    OK(vm_write(child, start, "mine", 4)); /* nobody else's */
    check_bytes(me.task, at + 2 * PAGE, "after!", 6);
    drop_name(entry);
    drop_name(part);
    rest();
    OK(vm_deallocate(me.task, at, 6 * PAGE));
    check_bytes(child, there, "after!", 6); /* the mapping keeps it */
    OK(vm_deallocate(child, there, 2 * PAGE));
    child_end(child);
}

/* Parts of what was allocated at once. */
void scene_parts_of_memory(void)
{
    uint64_t at, start, size;
    uint32_t prot, max, inherit, flags;
    enter();
    at = allocate(me.task, 9);
    for (unsigned i = 0; i < 9; i++)
        OK(vm_write(me.task, at + i * PAGE, &i, sizeof(i)));
    OK(vm_deallocate(me.task, at + 3 * PAGE, 2 * PAGE));
    GIVES(KERN_INVALID_ADDRESS, vm_protect(me.task, at, 9 * PAGE, false, VM_PROT_READ));
    GIVES(KERN_INVALID_ADDRESS, vm_inherit(me.task, at + 2 * PAGE, 2 * PAGE, VM_INHERIT_NONE));
    OK(vm_inherit(me.task, at + PAGE, 2 * PAGE, VM_INHERIT_NONE));
    OK(vm_region(me.task, at + PAGE, &start, &size, &prot, &max, &inherit, &flags));
    CHECK(start == at + PAGE && size == 2 * PAGE && inherit == VM_INHERIT_NONE);
    OK(vm_region(me.task, at + 3 * PAGE, &start, &size, &prot, &max, &inherit, &flags));
    CHECK(start == at + 5 * PAGE && size == 4 * PAGE && inherit == VM_INHERIT_COPY);
    OK(vm_allocate(me.task, at + 3 * PAGE, 2 * PAGE, 0, &start)); /* into the hole, and empty */
    for (unsigned i = 0; i < 9; i++)
        check_bytes(me.task, at + i * PAGE, (const unsigned[]){i == 3 || i == 4 ? 0 : i},
                    sizeof(i));
    OK(vm_deallocate(me.task, at - PAGE, 20 * PAGE));
    GIVES(KERN_NOT_FOUND, vm_region(me.task, at, &start, &size, &prot, &max, &inherit, &flags));
}

/* What a child gets is as it was when it was made; but for what is shared. */
void scene_inherited_memory(void)
{
    uint32_t rights, self;
    uint8_t byte;
    enter();
    uint64_t copied = allocate(me.task, 3), shared = allocate(me.task, 3),
             own = allocate(me.task, 3);
    OK(vm_inherit(me.task, shared, 3 * PAGE, VM_INHERIT_SHARE));
    OK(vm_inherit(me.task, own, 3 * PAGE, VM_INHERIT_NONE));
    OK(vm_write(me.task, copied + PAGE, "before", 6));
    OK(vm_write(me.task, shared + PAGE, "before", 6));
    OK(vm_write(me.task, own + PAGE, "before", 6));
    uint32_t child = child_new(TASK_INHERIT_MEMORY | TASK_INHERIT_SEND_RIGHTS, 0, &self);
    OK(port_type(child, me.host, &rights));
    OK(vm_write(me.task, copied + PAGE, "after!", 6));
    OK(vm_write(me.task, shared + PAGE, "after!", 6));
    OK(vm_write(me.task, shared, "new", 3));
    check_bytes(child, copied + PAGE, "before", 6);
    check_bytes(child, shared + PAGE, "after!", 6);
    check_bytes(child, shared, "new", 3);
    GIVES(KERN_INVALID_ADDRESS, vm_read(child, own + PAGE, 1, &byte, &rights));
    OK(vm_write(child, copied + PAGE, "child ", 6));
    OK(vm_write(child, copied + 2 * PAGE, "child ", 6));
    OK(vm_write(child, shared + 2 * PAGE, "child ", 6));
    check_bytes(me.task, copied + PAGE, "after!", 6);
    check_bytes(me.task, copied + 2 * PAGE, "\0\0\0", 3);
    check_bytes(me.task, shared + 2 * PAGE, "child ", 6);
    OK(vm_deallocate(me.task, copied, 3 * PAGE));
    OK(vm_deallocate(me.task, shared, 3 * PAGE));
    check_bytes(child, copied + PAGE, "child ", 6);
    check_bytes(child, shared + PAGE, "after!", 6);
    child_end(child);
}

enum { LARGE_PAGES = 1500 };

static void touch_large(void *at)
{
    for (uint64_t i = 0; i < LARGE_PAGES; i++)
        OK(vm_fault(NULL, me.actor->task, *(uint64_t *)at + i * PAGE, PROT_READ));
}

static bool is_whole(uint64_t at)
{
    struct map_facts facts;
    return map_describe(me.actor->task, at, &facts) == KERN_SUCCESS && facts.start == at;
}

/* More than one piece, while others run; and a task that ends in between. */
void scene_large_memory(void)
{
    enum { PAGES = LARGE_PAGES };
    uint64_t there;
    uint32_t entry;
    enter();
    uint32_t child = child_new(0, 0, NULL);
    uint64_t at = allocate(child, PAGES);
    OK(vm_protect(child, at, PAGES * PAGE, false, VM_PROT_READ));
    OK(vm_protect(child, at, PAGES * PAGE, true, VM_PROT_READ | VM_PROT_EXECUTE));
    OK(vm_make_entry(child, at, PAGES * PAGE, VM_PROT_READ, &entry));
    OK(vm_map(me.task, 0, PAGES * PAGE, 0, VM_ANYWHERE, entry, 1, 1, VM_INHERIT_COPY, &there));
    child_end(child);
    check_bytes(me.task, there + (PAGES - 1) * PAGE, "\0\0", 2);
    in_kernel(touch_large, &there);
    struct message m = {.dest = me.task,
                        .remote = MSG_COPY_SEND,
                        .id = VM_ID_DEALLOCATE,
                        .how_local = MSG_MAKE_REPLY,
                        .receive = MSG_REPLY,
                        .length = 16,
                        .body = {there, PAGES * PAGE}};
    post_only(me.actor, m);
    for (unsigned n = 0; n < 1000 && is_whole(there); n++)
        (void)host_machine_run(1, NANOS_NEVER);
    end_task(me.actor);
    rest();
}

static void fail_nth(void *n)
{
    (void)alloc_fail_nth(*(uint64_t *)n);
}

/* Every allocation of these calls fails once; also those for the answer, whose rights are lost then. */
void scene_failures(void)
{
    uint64_t none = 0, there = 0;
    uint32_t entry = 0, child = 0, self, timer = 0;
    enter();
    uint64_t at = allocate(me.task, 9);
    kern_return_t kr = KERN_FAILURE;
    for (uint64_t n = 1; kr != KERN_SUCCESS; n++) {
        in_kernel(fail_nth, &n);
        kr = vm_make_entry(me.task, at, 9 * PAGE, RW, &entry);
        if (kr == KERN_SUCCESS)
            kr = task_create(me.task, TASK_INHERIT_SEND_RIGHTS, "", NULL, 0, 0, &child, &self);
        if (kr == KERN_SUCCESS)
            kr = vm_map(child, 0, 9 * PAGE, 0, VM_ANYWHERE | VM_COPY, entry, RW, RW,
                        VM_INHERIT_COPY, &there);
        if (kr == KERN_SUCCESS)
            kr = clock_create_timer(me.clock, &timer);
        in_kernel(fail_nth, &none);
        CHECK(kr == KERN_SUCCESS || kr == KERN_RESOURCE_SHORTAGE || kr == MACH_SEND_NO_BUFFER ||
              kr == MIG_SERVER_DIED || kr == MACH_RCV_NO_SPACE);
        if (child)
            child_end(child);
        if (entry)
            drop_name(entry);
        entry = child = 0;
        CHECK(n < 500);
    }
    drop_name(timer);
}

/* A thread whose maker does not hear of it is taken back; one that is to run does not before. */
void scene_failing_threads(void)
{
    uint64_t none = 0;
    uint32_t thread = 0, id;
    struct task_info info;
    enter();
    uint32_t child = child_new(0, 0, NULL);
    kern_return_t kr = KERN_FAILURE;
    for (uint64_t n = 1; kr != KERN_SUCCESS; n++) {
        in_kernel(fail_nth, &n);
        kr = task_create_thread(child, 0x10000, 0x20000, 0, 0, 90, false, &thread, &id);
        in_kernel(fail_nth, &none);
        if (kr != KERN_SUCCESS &&
            n > 1) { /* one that was made and lost ended, and the task with it */
            rest();
            drop_name(child);
            child = child_new(0, 0, NULL);
        }
        CHECK(n < 50);
    }
    OK(task_info(child, &info));
    CHECK_EQUAL(info.threads, 1);
    drop_name(thread); /* nobody knows it any more */
    rest();
    uint32_t rights;
    OK(port_type(me.task, child, &rights));
    CHECK_EQUAL(rights, PORT_RIGHT_DEAD);
}
