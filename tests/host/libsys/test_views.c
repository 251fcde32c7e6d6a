/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Views of files (libsys/posix/file_views.c) over a file server and a kernel that are played here: what is copied, that no handler of signals runs meanwhile, and that nothing stays mapped of a
 * file that is closed, also while somebody copies from it.
 */
#include "../../../libsys/posix/file_views.h"
#include "check.h"
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/sync.h>
#include <stdatomic.h>
#include <wharf/if/file.h>
#include <wharf/if/vm.h>

enum { MIB = 1 << 20, SIZE = 3 * MIB + 5000, FILES = 20, ENTRY = 1000 };

static struct start_info info;
const struct start_info *program_start_info = &info;
static uint8_t content[SIZE];
static unsigned mapped, held;
static mach_port_name_t closes; /* this file, in the midst of the next copy */
static mach_port_name_t reads;  /* this one is read in the midst of it, by somebody else */
static bool fails;              /* the next copy */

uint64_t signals_hold(void);
uint64_t signals_hold(void)
{
    return held++;
}

void signals_go_on(uint64_t mask);
void signals_go_on(uint64_t mask)
{
    CHECK_EQ(mask, --held);
}

kern_return_t file_map(mach_port_name_t file, uint64_t offset, uint64_t length, uint32_t protection,
                       bool private, mach_port_name_t *entry, uint64_t *entry_offset, uint64_t *out)
{
    CHECK(file >= 1 && file <= FILES && !private);
    CHECK_EQ(protection, 0);
    if (offset >= SIZE)
        return KERN_FAILURE;
    *entry = ENTRY;
    *entry_offset = offset;
    *out = length < SIZE - offset ? length : SIZE - offset;
    return KERN_SUCCESS;
}

kern_return_t vm_map(mach_port_name_t task, uint64_t address, uint64_t size, uint64_t offset,
                     uint32_t flags, mach_port_name_t memory, uint32_t protection,
                     uint32_t max_protection, uint32_t inheritance, uint64_t *at)
{
    (void)task, (void)address, (void)size, (void)flags, (void)protection, (void)max_protection;
    CHECK_EQ(memory, ENTRY);
    CHECK_EQ(inheritance, VM_INHERIT_NONE);
    *at = (uintptr_t)content + offset;
    mapped++;
    return KERN_SUCCESS;
}

kern_return_t vm_deallocate(mach_port_name_t task, uint64_t address, uint64_t size)
{
    (void)task, (void)address, (void)size;
    CHECK(mapped-- > 0);
    return KERN_SUCCESS;
}

void stub_release_right(mach_port_name_t name, unsigned kind)
{
    CHECK(name == ENTRY && kind == MSG_MOVE_SEND);
}

static void read_file(mach_port_name_t file, uint64_t offset, uint32_t size)
{
    static uint8_t bytes[SIZE];

    memset(bytes, 0, size);
    CHECK_EQ(file_view_copy(file, offset, bytes, size), size);
    CHECK(memcmp(bytes, content + offset, size) == 0);
}

kern_return_t vm_copy(mach_port_name_t task, uint64_t from, uint64_t size, uint64_t to)
{
    const mach_port_name_t gone = closes, other = reads;
    const unsigned before = mapped;

    (void)task;
    CHECK(held > 0);
    closes = reads = MSG_NULL;
    if (gone != MSG_NULL) {
        file_views_closing(gone);
        CHECK_EQ(mapped, before); /* it is being read */
    }
    if (other != MSG_NULL)
        read_file(other, 0, 100);
    if (fails) {
        fails = false;
        return KERN_MEMORY_ERROR;
    }
    memcpy((void *)(uintptr_t)to, (const void *)(uintptr_t)from, size);
    return KERN_SUCCESS;
}

/* Of libsys/sync.c: nobody contends, and nobody else runs. */
void mutex_lock(struct mutex *mutex)
{
    CHECK(held > 0);
    CHECK_EQ(atomic_exchange(&mutex->state, 1), 0);
}

void mutex_unlock(struct mutex *mutex)
{
    CHECK_EQ(atomic_exchange(&mutex->state, 0), 1);
}

static void test_reads(void)
{
    for (unsigned i = 0; i < 1000; i++) {
        const uint32_t offset = (uint32_t)check_below(SIZE), size = (uint32_t)check_below(2 * MIB);
        const mach_port_name_t file = 1 + (mach_port_name_t)check_below(FILES);
        read_file(file, offset, size < SIZE - offset ? size : SIZE - offset);
        if (check_below(4) == 0)
            file_views_closing(1 + (mach_port_name_t)check_below(FILES));
        CHECK(mapped <= 8);
        CHECK_EQ(held, 0);
    }
    for (mach_port_name_t file = 1; file <= FILES; file++)
        file_views_closing(file);
    CHECK_EQ(mapped, 0);
}

/* Who reads still has it, and nobody else. */
static void test_closing(void)
{
    closes = 3;
    read_file(3, 0, 5000);
    CHECK_EQ(mapped, 0);
    closes = reads = 3; /* a name that is used again would be another file's */
    read_file(3, 0, 5000);
    CHECK_EQ(mapped, 1);
    file_views_closing(3);
    CHECK_EQ(mapped, 0);
}

static void test_failures(void)
{
    static uint8_t bytes[2 * MIB];

    CHECK_EQ(file_view_copy(1, SIZE + MIB, bytes, 10), 0);
    CHECK_EQ(file_view_copy(1, SIZE - 10, bytes, 20), 0); /* not all of it is there */
    fails = true;
    CHECK_EQ(file_view_copy(1, 0, bytes, 100), 0);
    CHECK_EQ(file_view_copy(1, 3 * MIB - 100, bytes, 5100 + 1), 100); /* the first view's */
    file_views_closing(1);
    CHECK_EQ(mapped, 0);
    CHECK_EQ(held, 0);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (unsigned i = 0; i < SIZE; i++)
        content[i] = (uint8_t)check_below(256);
    test_reads();
    test_closing();
    test_failures();
    return check_end();
}
