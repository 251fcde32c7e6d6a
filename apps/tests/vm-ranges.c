/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ranges of memory, as odd as they can be asked for: each call of interfaces/vm.defs with what is wrong, at the edges, or goes
 * across others; splits; limits. An error is the one that is documented, and has changed nothing.
 */
#include "vm-ranges.h"

#include <libsys/kernel.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/vm.h>

enum { PAGES = 12 };

static const uint64_t all_ones = UINT64_MAX;
static uint64_t top; /* where addresses of programs end */

/* ---- what is where ---- */

struct place {
    uint64_t start, size;
    uint32_t prot, max, inherit, flags;
};

static kern_return_t look_at(mach_port_name_t task, uint64_t at, struct place *p)
{
    return vm_region(task, at, &p->start, &p->size, &p->prot, &p->max, &p->inherit, &p->flags);
}

/* Pages of the range by protection, a digit each, from the lowest; 8: nothing. */
static uint64_t shape(mach_port_name_t task, uint64_t at, unsigned pages)
{
    uint64_t digits = 0;
    for (unsigned i = 0; i < pages; i++) {
        struct place p;
        uint64_t page = at + (uint64_t)i * PAGE;
        bool there = look_at(task, page, &p) == KERN_SUCCESS && p.start == page;
        digits = digits * 10 + (there ? p.prot : 8);
    }
    return digits;
}

/* Entries that a range is told in. */
static unsigned entries(mach_port_name_t task, uint64_t at, uint64_t end)
{
    unsigned count = 0;
    struct place p;
    for (; look_at(task, at, &p) == KERN_SUCCESS && p.start < end; at = p.start + p.size)
        count++;
    return count;
}

static uint64_t make(mach_port_name_t task, unsigned pages)
{
    uint64_t at = 0;
    OK(vm_allocate(task, 0, (uint64_t)pages * PAGE, VM_ANYWHERE, &at));
    return at;
}

/* The last page that can be had, of those that end at a power of two. */
static void find_top(void)
{
    uint64_t got;
    for (top = UINT64_C(1) << 63; vm_allocate(me(), top - PAGE, PAGE, 0, &got) != KERN_SUCCESS;)
        top >>= 1;
    OK(vm_deallocate(me(), top - PAGE, PAGE));
}

/* ---- arguments ---- */

/* Ranges that no call takes. */
static void test_bad_ranges(void)
{
    const struct {
        uint64_t address, size;
        kern_return_t why;
    } bad[] = {
        {0x10000001, PAGE, KERN_INVALID_ARGUMENT},
        {0x10000800, PAGE, KERN_INVALID_ARGUMENT},
        {0x10000000, 0, KERN_INVALID_ARGUMENT},
        {UINT64_MAX, UINT64_MAX, KERN_INVALID_ARGUMENT},
        {0x10000000, UINT64_MAX, KERN_INVALID_ADDRESS},
        {0x10000000, UINT64_MAX - PAGE + 1, KERN_INVALID_ADDRESS},
        {UINT64_MAX - PAGE + 1, PAGE, KERN_INVALID_ADDRESS},
        {UINT64_MAX - PAGE + 1, 2 * PAGE, KERN_INVALID_ADDRESS},
        {UINT64_C(1) << 63, PAGE, KERN_INVALID_ADDRESS},
        {UINT64_C(1) << 63, UINT64_C(1) << 63, KERN_INVALID_ADDRESS},
        {top, PAGE, KERN_INVALID_ADDRESS},
        {top - PAGE, PAGE + 1, KERN_INVALID_ADDRESS},
    };
    mach_port_name_t entry;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t at = bad[i].address, size = bad[i].size;
        FAILS(vm_deallocate(me(), at, size), bad[i].why);
        FAILS(vm_protect(me(), at, size, false, VM_PROT_READ), bad[i].why);
        FAILS(vm_protect(me(), at, size, true, VM_PROT_READ), bad[i].why);
        FAILS(vm_inherit(me(), at, size, VM_INHERIT_NONE), bad[i].why);
        FAILS(vm_make_entry(me(), at, size, VM_PROT_READ, &entry), bad[i].why);
        FAILS(vm_sync(me(), at, size, VM_SYNC_WAIT), bad[i].why);
        FAILS(host_memory_wire(program_start_info->host_memory, me(), at, size), bad[i].why);
        FAILS(host_memory_unwire(program_start_info->host_memory, me(), at, size), bad[i].why);
    }
}

static void test_bad_places(void)
{
    uint64_t at = make(me(), 2), got;
    FAILS(vm_allocate(me(), 0, 0, VM_ANYWHERE, &got), KERN_INVALID_ARGUMENT);
    FAILS(vm_allocate(me(), at + 1, PAGE, 0, &got), KERN_INVALID_ARGUMENT);
    FAILS(vm_allocate(me(), at, PAGE, 2, &got), KERN_INVALID_VALUE);
    FAILS(vm_allocate(me(), at, PAGE, ~0u, &got), KERN_INVALID_VALUE);
    FAILS(vm_allocate(me(), at, PAGE, 0, &got), KERN_NO_SPACE);
    FAILS(vm_allocate(me(), at + PAGE, PAGE, 0, &got), KERN_NO_SPACE);
    FAILS(vm_allocate(me(), at - PAGE, 2 * PAGE, 0, &got), KERN_NO_SPACE);
    FAILS(vm_allocate(me(), 0, PAGE, 0, &got), KERN_NO_SPACE);
    FAILS(vm_allocate(me(), top, PAGE, 0, &got), KERN_NO_SPACE);
    FAILS(vm_allocate(me(), top - PAGE, 2 * PAGE, 0, &got), KERN_NO_SPACE);
    FAILS(vm_allocate(me(), UINT64_MAX - PAGE + 1, PAGE, 0, &got), KERN_NO_SPACE);
    FAILS(vm_allocate(me(), at + 4 * PAGE, all_ones, 0, &got), KERN_NO_SPACE);
    FAILS(vm_allocate(me(), 0, all_ones, VM_ANYWHERE, &got), KERN_NO_SPACE);
    kern_return_t kr = vm_allocate(me(), 0, top, VM_ANYWHERE, &got);
    CHECK(kr == KERN_NO_SPACE ||
          kr == KERN_LIMIT); /* more than the machine has, if that is looked at first */
    /* the last page that there is, and the first */
    OK(vm_allocate(me(), top - PAGE, 1, 0, &got));
    CHECK_EQUAL(got, top - PAGE);
    OK(vm_deallocate(me(), top - PAGE, PAGE));
    OK(vm_allocate(me(), PAGE, PAGE, 0, &got));
    *(volatile char *)got = 1;
    OK(vm_deallocate(me(), PAGE, 1));
    /* where it is liked does not matter with this flag */
    OK(vm_allocate(me(), all_ones, PAGE, VM_ANYWHERE, &got));
    OK(vm_deallocate(me(), got, PAGE));
    OK(vm_deallocate(me(), at, 2 * PAGE));
}

static void test_bad_values(void)
{
    uint64_t at = make(me(), PAGES), got = 0;
    mach_port_name_t entry = MSG_NULL;
    FAILS(vm_protect(me(), at, PAGE, false, VM_PROT_WRITE), KERN_INVALID_VALUE);
    FAILS(vm_protect(me(), at, PAGE, false, VM_PROT_EXECUTE), KERN_INVALID_VALUE);
    FAILS(vm_protect(me(), at, PAGE, false, READ_WRITE | VM_PROT_EXECUTE), KERN_INVALID_VALUE);
    FAILS(vm_protect(me(), at, PAGE, false, 8), KERN_INVALID_VALUE);
    FAILS(vm_protect(me(), at, PAGE, true, ~0u), KERN_INVALID_VALUE);
    FAILS(vm_inherit(me(), at, PAGE, 3), KERN_INVALID_VALUE);
    FAILS(vm_make_entry(me(), at, PAGE, 8, &entry), KERN_INVALID_VALUE);
    FAILS(vm_make_entry(me(), at, (PAGES + 1) * PAGE, VM_PROT_READ, &entry), KERN_INVALID_ADDRESS);
    OK(vm_make_entry(me(), at, 4 * PAGE, VM_PROT_READ, &entry));
    FAILS(vm_map(me(), 0, PAGE, 1, VM_ANYWHERE, entry, 1, 1, 0, &got), KERN_INVALID_ARGUMENT);
    FAILS(vm_map(me(), 0, PAGE, 4 * PAGE, VM_ANYWHERE, entry, 1, 1, 0, &got),
          KERN_INVALID_ARGUMENT);
    FAILS(vm_map(me(), 0, PAGE, 0 - (uint64_t)PAGE, VM_ANYWHERE, entry, 1, 1, 0, &got),
          KERN_INVALID_ARGUMENT);
    FAILS(vm_map(me(), 0, 4 * PAGE + 1, 0, VM_ANYWHERE, entry, 1, 1, 0, &got),
          KERN_INVALID_ARGUMENT);
    FAILS(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, entry, READ_WRITE, READ_WRITE, 0, &got),
          KERN_PROTECTION_FAILURE);
    FAILS(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, entry, READ_WRITE, 1, 0, &got),
          KERN_PROTECTION_FAILURE);
    FAILS(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, me(), 1, 1, 0, &got), KERN_INVALID_CAPABILITY);
    FAILS(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE | 4, entry, 1, 1, 0, &got), KERN_INVALID_VALUE);
    FAILS(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, entry, 1, 1, 3, &got), KERN_INVALID_VALUE);
    FAILS(vm_map(me(), at, PAGE, 0, 0, entry, 1, 1, 0, &got), KERN_NO_SPACE);
    FAILS(vm_map_named(me(), 0, PAGE, 0, VM_ANYWHERE, entry, READ_WRITE, READ_WRITE, 0, &got),
          KERN_PROTECTION_FAILURE);
    FAILS(vm_map_named(me(), 0, PAGE, 0, VM_ANYWHERE, me(), 1, 1, 0, &got),
          KERN_INVALID_CAPABILITY);
    FAILS(vm_map_named(me(), 0, PAGE, 0, VM_ANYWHERE, MSG_NULL, 1, 1, 0, &got), KERN_INVALID_NAME);
    OK(port_deallocate(me(), entry));
    FAILS(vm_map_named(me(), 0, PAGE, 0, VM_ANYWHERE, entry, 1, 1, 0, &got), KERN_INVALID_NAME);
    CHECK_EQUAL(shape(me(), at, PAGES), 333333333333);
    OK(vm_deallocate(me(), at, PAGES * PAGE));
}

/* ---- pieces ---- */

static void test_pieces(void)
{
    uint64_t at = make(me(), PAGES), size = PAGES * PAGE;
    uint64_t *words = (uint64_t *)at;
    pages_write(words, PAGES, 3);
    OK(vm_protect(me(), at + 2 * PAGE, 3 * PAGE, false, VM_PROT_READ));
    OK(vm_protect(me(), at + 4 * PAGE, 2 * PAGE, false, READ_EXECUTE));
    OK(vm_inherit(me(), at + 5 * PAGE, 3 * PAGE, VM_INHERIT_SHARE));
    OK(vm_protect(me(), at + 11 * PAGE, 1, false, 0));
    CHECK_EQUAL(shape(me(), at, PAGES), 331155333330);
    CHECK(pages_are(words, PAGES - 1, 3));
    OK(vm_deallocate(me(), at + 3 * PAGE, 2 * PAGE));
    CHECK_EQUAL(shape(me(), at, PAGES), 331885333330);
    /* a hole: nothing is changed on either side of it */
    FAILS(vm_protect(me(), at, size, false, VM_PROT_READ), KERN_INVALID_ADDRESS);
    FAILS(vm_inherit(me(), at, size, VM_INHERIT_NONE), KERN_INVALID_ADDRESS);
    FAILS(vm_sync(me(), at, size, VM_SYNC_WAIT | VM_SYNC_INVALIDATE), KERN_INVALID_ADDRESS);
    FAILS(host_memory_wire(program_start_info->host_memory, me(), at, size), KERN_INVALID_ADDRESS);
    FAILS(vm_maintain(me(), at, size, VM_MAINTENANCE_CLEAN), KERN_INVALID_ADDRESS);
    FAILS(vm_read_overwrite(me(), at + PAGE, 2 * PAGE + 1, at + 6 * PAGE), KERN_INVALID_ADDRESS);
    CHECK_EQUAL(shape(me(), at, PAGES), 331885333330);
    struct place p;
    OK(look_at(me(), at, &p));
    CHECK_EQUAL(p.inherit, VM_INHERIT_COPY);
    /* what is there again is zero, its neighbours are not */
    uint64_t got;
    OK(vm_allocate(me(), at + 3 * PAGE, 2 * PAGE, 0, &got));
    CHECK_EQUAL(words[3 * PAGE_WORDS], 0);
    CHECK_EQUAL(words[5 * PAGE_WORDS - 1], 0);
    CHECK(pages_are(words, 3, 3));
    OK(vm_protect(me(), at, size, false, READ_WRITE));
    CHECK_EQUAL(shape(me(), at, PAGES), 333333333333);
    pages_write(words, PAGES, 4);
    CHECK(pages_are(words, PAGES, 4));
    OK(vm_deallocate(me(), at - PAGE, size + 2 * PAGE)); /* with what is not there */
    OK(vm_deallocate(me(), at, size));                   /* and nothing at all */
    CHECK_EQUAL(shape(me(), at, PAGES), 888888888888);
    FAILS(vm_protect(me(), at, PAGE, false, VM_PROT_READ), KERN_INVALID_ADDRESS);
    FAILS(vm_read(me(), at, 8, (uint8_t *)&got, &(uint32_t){0}), KERN_INVALID_ADDRESS);
    FAILS(vm_write(me(), at, (uint8_t *)&got, 8), KERN_INVALID_ADDRESS);
}

/* What the kernel places has a free page at either side, also where something has just gone. */
static void test_guards(void)
{
    uint64_t at = make(me(), 2);
    OK(vm_deallocate(me(), at + PAGE, PAGE));
    uint64_t next = make(me(), 1);
    CHECK(next != at + PAGE && next + PAGE != at);
    OK(vm_deallocate(me(), next, PAGE));
    CHECK_EQUAL(make(me(), 1), next); /* and what was placed last leaves its place */
    OK(vm_deallocate(me(), next, PAGE));
    OK(vm_deallocate(me(), at, PAGE));
}

/* A range that is changed in several pieces, of pages that are all there. */
static void test_many_pages(void)
{
    enum { MANY = 200 };
    for (unsigned pages = 1; pages <= MANY; pages += pages < 20 ? 1 : 60) {
        uint64_t at = make(me(), pages), word = 1;
        pages_write((uint64_t *)at, pages, 2);
        OK(vm_protect(me(), at, (uint64_t)pages * PAGE, false, 0));
        OK(vm_protect(me(), at, (uint64_t)pages * PAGE, false, READ_WRITE));
        pages_write((uint64_t *)at, pages, 3);
        OK(vm_protect(me(), at, (uint64_t)pages * PAGE, false, VM_PROT_READ));
        CHECK(pages_are((uint64_t *)at, pages, 3));
        FAILS(vm_write(me(), at, (uint8_t *)&word, 8), KERN_PROTECTION_FAILURE);
        OK(vm_deallocate(me(), at, (uint64_t)pages * PAGE));
    }
}

/* Every other page away, the rest in any order. */
static void test_holes(void)
{
    enum { MANY = 150 };
    uint64_t at = make(me(), MANY);
    pages_write((uint64_t *)at, MANY, 6);
    for (unsigned i = 1; i < MANY; i += 2)
        OK(vm_deallocate(me(), at + (uint64_t)i * PAGE, PAGE));
    CHECK_EQUAL(entries(me(), at, at + MANY * PAGE), MANY / 2);
    for (unsigned i = 0; i < MANY; i += 2)
        CHECK_EQUAL(((uint64_t *)at)[i * PAGE_WORDS] != 0, true);
    /* a hole behind more entries than are looked at in one piece */
    FAILS(vm_protect(me(), at, 3 * PAGE, false, VM_PROT_READ), KERN_INVALID_ADDRESS);
    uint64_t got;
    for (unsigned i = 1; i < MANY - 1; i += 2)
        OK(vm_allocate(me(), at + (uint64_t)i * PAGE, PAGE, 0, &got));
    FAILS(vm_protect(me(), at, MANY * PAGE, false, VM_PROT_READ), KERN_INVALID_ADDRESS);
    FAILS(vm_inherit(me(), at, MANY * PAGE, VM_INHERIT_NONE), KERN_INVALID_ADDRESS);
    for (unsigned i = 0; i < MANY - 1; i++)
        ((volatile uint64_t *)at)[i * PAGE_WORDS] = i; /* still writable */
    for (unsigned i = 0; i < MANY; i++)
        OK(vm_deallocate(me(), at + (uint64_t)(i * 7 % MANY) * PAGE, PAGE));
    CHECK_EQUAL(entries(me(), at, at + MANY * PAGE), 0);
}

static void test_maximum(void)
{
    uint64_t at = make(me(), 4);
    OK(vm_protect(me(), at, 2 * PAGE, true, READ_EXECUTE));
    CHECK_EQUAL(shape(me(), at, 4), 1133);
    FAILS(vm_protect(me(), at, PAGE, false, READ_WRITE), KERN_PROTECTION_FAILURE);
    FAILS(vm_protect(me(), at + PAGE, 3 * PAGE, false, READ_WRITE), KERN_PROTECTION_FAILURE);
    OK(vm_protect(me(), at, 2 * PAGE, false, READ_EXECUTE));
    OK(vm_protect(me(), at, PAGE, true, READ_WRITE | VM_PROT_EXECUTE)); /* never up */
    FAILS(vm_protect(me(), at, PAGE, false, READ_WRITE), KERN_PROTECTION_FAILURE);
    OK(vm_protect(me(), at, 4 * PAGE, true, 0));
    CHECK_EQUAL(shape(me(), at, 4), 0);
    mach_port_name_t entry;
    FAILS(vm_make_entry(me(), at, PAGE, VM_PROT_READ, &entry), KERN_PROTECTION_FAILURE);
    OK(vm_deallocate(me(), at, 4 * PAGE));
}

/* Reading and writing by messages, at the edges of what may be. */
static void test_copies(void)
{
    static uint8_t in[VM_DATA_MAX], out[VM_DATA_MAX];
    uint64_t at = make(me(), 3);
    uint32_t size = 0;
    for (unsigned i = 0; i < VM_DATA_MAX; i++)
        in[i] = (uint8_t)(i * 13 >> 2);
    OK(vm_write(me(), at + 3, in, VM_DATA_MAX));
    OK(vm_read(me(), at + 3, VM_DATA_MAX, out, &size));
    CHECK_EQUAL(size, VM_DATA_MAX);
    for (unsigned i = 0; i < VM_DATA_MAX; i++)
        if (in[i] != out[i] && !CHECK_EQUAL(out[i], in[i]))
            break;
    OK(vm_protect(me(), at + PAGE, PAGE, false, VM_PROT_READ));
    *(volatile uint64_t *)(at + PAGE - 8) = 5;
    FAILS(vm_write(me(), at + PAGE - 8, in + 100, 16), KERN_PROTECTION_FAILURE);
    CHECK_EQUAL(*(volatile uint64_t *)(at + PAGE - 8), 5);
    OK(vm_protect(me(), at + 2 * PAGE, PAGE, false, 0));
    FAILS(vm_read(me(), at + 2 * PAGE - 8, 16, out, &size), KERN_PROTECTION_FAILURE);
    FAILS(vm_read(me(), at + 3 * PAGE, 1, out, &size), KERN_INVALID_ADDRESS);
    FAILS(vm_read(me(), top - 4, 8, out, &size), KERN_INVALID_ADDRESS);
    FAILS(vm_read(me(), all_ones - 3, 8, out, &size), KERN_INVALID_ADDRESS);
    FAILS(vm_write(me(), top, in, 8), KERN_INVALID_ADDRESS);
    OK(vm_read(me(), all_ones, 0, out, &size));
    OK(vm_deallocate(me(), at, 3 * PAGE));
}

/* ---- memory entries ---- */

static void test_entries(void)
{
    uint64_t at = make(me(), PAGES), one = 0, two = 0, size = 4 * PAGE;
    mach_port_name_t entry = MSG_NULL;
    pages_write((uint64_t *)at, PAGES, 1);
    OK(vm_make_entry(me(), at + 4 * PAGE, size, READ_WRITE, &entry));
    OK(vm_map(me(), 0, size, 0, VM_ANYWHERE, entry, READ_WRITE, READ_WRITE, VM_INHERIT_NONE, &one));
    OK(vm_map(me(), 0, 2 * PAGE, PAGE, VM_ANYWHERE | VM_COPY, entry, VM_PROT_READ, READ_WRITE,
              VM_INHERIT_COPY, &two));
    struct place p;
    OK(look_at(me(), one, &p));
    CHECK_EQUAL(p.flags, VM_SHARED);
    pages_write((uint64_t *)one, 4, 2);
    CHECK(pages_are((uint64_t *)(at + 4 * PAGE), 4, 2));
    CHECK_EQUAL(*(uint64_t *)two != *(uint64_t *)(one + PAGE), true);
    uint64_t before = *(uint64_t *)two;
    /* pieces of it go; it stays what it is for who has it */
    OK(vm_deallocate(me(), at + 5 * PAGE, PAGE));
    OK(vm_deallocate(me(), one, PAGE));
    OK(vm_deallocate(me(), at, PAGES * PAGE));
    CHECK_EQUAL(*(uint64_t *)two, before);
    uint64_t again = 0;
    OK(vm_map(me(), 0, size, 0, VM_ANYWHERE, entry, VM_PROT_READ, VM_PROT_READ, VM_INHERIT_COPY,
              &again));
    CHECK(pages_are((uint64_t *)again, 4, 2));
    FAILS(vm_protect(me(), again, PAGE, false, READ_WRITE), KERN_PROTECTION_FAILURE);
    OK(port_deallocate(me(), entry));
    CHECK(pages_are((uint64_t *)again, 4, 2));
    OK(vm_deallocate(me(), again, size));
    OK(vm_deallocate(me(), one + PAGE, 3 * PAGE));
    OK(vm_protect(me(), two, PAGE, false, READ_WRITE));
    *(volatile uint64_t *)two = 1;
    OK(vm_deallocate(me(), two, 2 * PAGE));
}

/* ---- limits: another task's, that never runs ---- */

static mach_port_name_t limited(uint32_t kind, uint64_t limit)
{
    const struct task_limit limits[] = {{.kind = kind, .limit = limit}};
    mach_port_name_t task = MSG_NULL, name;
    OK(task_create(me(), 0, "limited", limits, 1, MSG_NULL, &task, &name));
    return task;
}

static uint64_t used(mach_port_name_t task, uint32_t kind)
{
    uint64_t now = all_ones, peak, limit;
    OK(task_ledger(task, kind, &now, &peak, &limit));
    return now;
}

static void end(mach_port_name_t task)
{
    OK(task_terminate(task, 0));
    OK(port_deallocate(me(), task));
}

static void test_commitment(void)
{
    mach_port_name_t task = limited(KIND_COMMITMENT, 10);
    uint64_t at = make(task, 8), got;
    FAILS(vm_allocate(task, 0, 3 * PAGE, VM_ANYWHERE, &got), KERN_LIMIT);
    FAILS(vm_allocate(task, 0, top / 2, VM_ANYWHERE, &got), KERN_LIMIT);
    OK(vm_allocate(task, 0, 2 * PAGE, VM_ANYWHERE, &got));
    FAILS(vm_allocate(task, 0, 1, VM_ANYWHERE, &got), KERN_LIMIT);
    OK(vm_deallocate(task, at + 2 * PAGE, 3 * PAGE));
    CHECK_EQUAL(used(task, KIND_COMMITMENT), 7);
    FAILS(vm_allocate(task, at + 2 * PAGE, 4 * PAGE, 0, &got), KERN_LIMIT);
    FAILS(vm_allocate(task, at + PAGE, 3 * PAGE, 0, &got), KERN_NO_SPACE);
    CHECK_EQUAL(used(task, KIND_COMMITMENT), 7);
    CHECK_EQUAL(shape(task, at, 8), 33888333);
    OK(vm_allocate(task, at + 2 * PAGE, 3 * PAGE, 0, &got));
    OK(vm_deallocate(task, PAGE, top - PAGE));
    CHECK_EQUAL(used(task, KIND_COMMITMENT), 0);
    CHECK_EQUAL(used(task, KIND_MAP_ENTRIES), 0);
    end(task);
}

static void test_frames(void)
{
    mach_port_name_t task = limited(KIND_FRAMES, 3);
    uint64_t at = make(task, 8), word = 9, back;
    uint32_t size;
    for (unsigned i = 0; i < 3; i++)
        OK(vm_write(task, at + (uint64_t)i * PAGE, (uint8_t *)&word, 8));
    FAILS(vm_write(task, at + 3 * PAGE, (uint8_t *)&word, 8), KERN_LIMIT);
    FAILS(vm_write(task, at + 3 * PAGE - 4, (uint8_t *)&back, 8), KERN_LIMIT); /* all or nothing */
    OK(vm_read(task, at + 2 * PAGE, 8, (uint8_t *)&back, &size));
    CHECK_EQUAL(back, word);
    CHECK_EQUAL(used(task, KIND_FRAMES), 3);
    OK(vm_deallocate(task, at + PAGE, PAGE));
    CHECK_EQUAL(used(task, KIND_FRAMES), 2);
    OK(vm_write(task, at + 3 * PAGE, (uint8_t *)&word, 8));
    OK(vm_deallocate(task, at, 8 * PAGE));
    CHECK_EQUAL(used(task, KIND_FRAMES), 0);
    end(task);
}

/* A split needs an entry more. */
static void test_map_entries(void)
{
    mach_port_name_t task = limited(KIND_MAP_ENTRIES, 4), entry;
    uint64_t got, at = make(task, 4), next = at + 4 * PAGE;
    OK(vm_allocate(task, next, 4 * PAGE, 0, &got));
    (void)make(task, 1);
    (void)make(task, 1);
    FAILS(vm_allocate(task, 0, PAGE, VM_ANYWHERE, &got), KERN_LIMIT);
    FAILS(vm_deallocate(task, at + PAGE, PAGE), KERN_LIMIT);
    FAILS(vm_protect(task, at + PAGE, 2 * PAGE, false, VM_PROT_READ), KERN_LIMIT);
    FAILS(vm_protect(task, at, 6 * PAGE, false, VM_PROT_READ), KERN_LIMIT);
    FAILS(vm_protect(task, at + 2 * PAGE, 6 * PAGE, true, VM_PROT_READ), KERN_LIMIT);
    FAILS(vm_inherit(task, at, 6 * PAGE, VM_INHERIT_NONE), KERN_LIMIT);
    FAILS(vm_make_entry(task, at, PAGE, VM_PROT_READ, &entry), KERN_LIMIT);
    CHECK_EQUAL(shape(task, at, 8), 33333333);
    struct place p;
    OK(look_at(task, at, &p));
    CHECK_EQUAL(p.inherit, VM_INHERIT_COPY);
    CHECK_EQUAL(p.flags, 0);
    CHECK_EQUAL(p.size, 4 * PAGE);
    OK(vm_protect(task, at, 8 * PAGE, false, VM_PROT_READ));
    CHECK_EQUAL(shape(task, at, 8), 11111111);
    OK(vm_deallocate(task, at, 6 * PAGE)); /* one goes whole, so the other can be cut */
    CHECK_EQUAL(shape(task, at, 8), 88888811);
    CHECK_EQUAL(used(task, KIND_MAP_ENTRIES), 3);
    end(task);
}

static void test_ended(void)
{
    mach_port_name_t task = limited(KIND_FRAMES, 100);
    uint64_t at = make(task, 4), got;
    kern_return_t kr;
    OK(vm_write(task, at, (uint8_t *)&at, 8));
    OK(task_terminate(task, 0));
    do /* until its port is gone */
        kr = vm_allocate(task, 0, PAGE, VM_ANYWHERE, &got);
    while (kr == KERN_TERMINATED || kr == KERN_SUCCESS);
    CHECK(kr == MACH_SEND_INVALID_DEST || kr == MIG_SERVER_DIED);
    OK(port_deallocate(me(), task));
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    void (*const tests[])(void) = {test_bad_ranges,   test_bad_places,  test_bad_values,
                                   test_pieces,       test_guards,      test_many_pages,
                                   test_holes,        test_maximum,     test_copies,
                                   test_entries,      test_commitment,  test_frames,
                                   test_map_entries,  test_ended,       ranges_test_code,
                                   ranges_test_alias, ranges_test_guard};
    struct left before = {0};
    find_top();
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
            tests[i]();
        if (pass == 0)
            before = left_now();
    }
    left_expect(&before);
    return check_end("vm-ranges");
}
