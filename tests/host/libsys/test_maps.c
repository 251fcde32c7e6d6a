/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which files are mapped where (libsys/posix/file_maps.c), over a kernel and file servers that are played here: page by page against a table, with memory that cannot be had, and
 * that msync asks for a file once.
 */
#include "../../../libsys/posix/file_maps.h"
#include "../../../libsys/posix/process.h"
#include "check.h"
#include <errno.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/sync.h>
#include <stdatomic.h>
#include <wharf/if/file.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

enum { PAGE = 4096, PAGES = 300, FILES = 40, DEAD = FILES /* its server is gone */ };
#define AT(page) (UINT64_C(0x10000000) + (uint64_t)(page)*PAGE)

static struct start_info info;
const struct start_info *program_start_info = &info;
static mach_port_name_t table[PAGES]; /* the file that each page shows; MSG_NULL: none */
static unsigned references[FILES + 1], synced[FILES + 1];
static bool locked;
static bool is_short;     /* the next allocation of a range fails */
static bool cannot_unmap; /* vm.deallocate, the next time */
static unsigned unmapped;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    const bool fails = is_short && locked;

    is_short = is_short && !fails;
    return fails ? NULL : __real_malloc(size);
}

void mutex_lock(struct mutex *mutex)
{
    CHECK_EQ(atomic_exchange(&mutex->state, 1), 0);
    locked = true;
}

void mutex_unlock(struct mutex *mutex)
{
    locked = false;
    CHECK_EQ(atomic_exchange(&mutex->state, 0), 1);
}

kern_return_t port_mod_refs(mach_port_name_t task, mach_port_name_t name, uint32_t right,
                            int32_t delta)
{
    (void)task;
    CHECK(name >= 1 && name <= FILES && delta == 1);
    if (right != (name == DEAD ? PORT_RIGHT_DEAD : PORT_RIGHT_SEND))
        return KERN_INVALID_RIGHT;
    references[name]++;
    return KERN_SUCCESS;
}

void stub_release_right(mach_port_name_t name, unsigned kind)
{
    CHECK(kind == MSG_MOVE_SEND && name >= 1 && name <= FILES);
    CHECK(references[name]-- > 0);
}

kern_return_t vm_deallocate(mach_port_name_t task, uint64_t address, uint64_t size)
{
    (void)task, (void)address, (void)size;
    CHECK(locked);
    if (cannot_unmap) {
        cannot_unmap = false;
        return KERN_INVALID_ADDRESS;
    }
    unmapped++;
    return KERN_SUCCESS;
}

kern_return_t file_sync(mach_port_name_t file, bool data_only)
{
    CHECK(!locked && data_only && references[file] > 0);
    synced[file]++;
    return file == DEAD ? MACH_SEND_INVALID_DEST : KERN_SUCCESS;
}

int posix_errno(kern_return_t kr)
{
    return kr == KERN_SUCCESS ? 0 : EBADF;
}

/* ---- the same with the table ---- */

static void set(unsigned page, unsigned pages, mach_port_name_t file)
{
    for (unsigned i = 0; i < pages; i++)
        table[page + i] = file;
}

static void unmap(unsigned page, unsigned pages)
{
    CHECK_EQ(file_maps_unmap(AT(page), (uint64_t)pages * PAGE), KERN_SUCCESS);
    set(page, pages, MSG_NULL);
}

static void add(unsigned page, unsigned pages, mach_port_name_t file)
{
    unmap(page, pages);
    CHECK_EQ(file_maps_add(file, AT(page), (uint64_t)pages * PAGE), 0);
    set(page, pages, file);
}

/* Whoever has a page there is asked once, and nobody else. */
static void check_sync(unsigned page, unsigned pages)
{
    bool expected[FILES + 1] = {false};
    unsigned different = 0;

    memset(synced, 0, sizeof(synced));
    for (unsigned i = 0; i < pages; i++)
        expected[table[page + i]] = true;
    expected[MSG_NULL] = false;
    CHECK_EQ(file_maps_sync(AT(page), (uint64_t)pages * PAGE), expected[DEAD] ? EBADF : 0);
    for (mach_port_name_t file = 1; file <= FILES; file++)
        different += expected[file];
    for (mach_port_name_t file = 1; file <= FILES; file++) {
        CHECK((synced[file] > 0) == expected[file]);
        CHECK(synced[file] <= 1 || different > 16);
    }
}

/* A file has references as long as a page of it is there, and no longer. */
static void check_references(void)
{
    bool expected[FILES + 1] = {false};

    for (unsigned i = 0; i < PAGES; i++)
        expected[table[i]] = true;
    for (mach_port_name_t file = 1; file <= FILES; file++)
        CHECK((references[file] > 0) == expected[file]);
}

static void end(void)
{
    unmap(0, PAGES);
    check_references();
}

static void test_random(void)
{
    for (unsigned i = 0; i < 20000; i++) {
        const unsigned page = (unsigned)check_below(PAGES);
        const unsigned most = (unsigned)check_below(8) == 0 ? PAGES : 12;
        const unsigned room = PAGES - page < most ? PAGES - page : most;
        const unsigned pages = 1 + (unsigned)check_below(room);
        switch (check_below(3)) {
        case 0: add(page, pages, 1 + (mach_port_name_t)check_below(FILES)); break;
        case 1: unmap(page, pages); break;
        default: check_sync(page, pages); break;
        }
        check_references();
    }
    end();
}

/* Files that take turns are asked once each, not once a range. */
static void test_turns(void)
{
    for (unsigned i = 0; i < PAGES; i++)
        add(i, 1, 1 + i % 3);
    check_sync(0, PAGES);
    end();
}

/* Without memory for what is left behind it nothing is unmapped from the midst of a range. */
static void test_failures(void)
{
    add(0, PAGES, 1);
    unmapped = 0;
    is_short = true;
    CHECK_EQ(file_maps_unmap(AT(10), PAGE), KERN_RESOURCE_SHORTAGE);
    CHECK(!is_short && unmapped == 0);
    is_short = true; /* the ends need none */
    unmap(0, 10);
    unmap(PAGES - 10, 10);
    CHECK(is_short);
    CHECK_EQ(file_maps_add(2, AT(0), PAGE), ENOMEM);
    CHECK_EQ(references[2], 0);
    check_sync(0, PAGES);

    cannot_unmap = true;
    CHECK_EQ(file_maps_unmap(AT(20), PAGE), KERN_INVALID_ADDRESS);
    CHECK_EQ(references[1], 1);
    check_sync(20, 1);
    unmap(20, 1);
    CHECK_EQ(references[1], 2);
    check_sync(20, 1);
    check_sync(21, 1);
    end();
}

/* As a program does that maps each of many files, or pieces of one, and unmaps them in the same order: with a walk over all of them each time this would take minutes. */
static void test_many(void)
{
    enum { MANY = 200000 };

    for (unsigned i = 0; i < MANY; i++)
        CHECK_EQ(file_maps_add(1, AT(i), PAGE), 0);
    CHECK_EQ(references[1], MANY);
    for (unsigned i = 0; i < MANY; i++)
        CHECK_EQ(file_maps_unmap(AT(i), PAGE), KERN_SUCCESS);
    CHECK_EQ(references[1], 0);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_random();
    test_turns();
    test_failures();
    test_many();
    file_maps_hold();
    CHECK(locked);
    file_maps_release(true);
    CHECK(!locked);
    return check_end();
}
