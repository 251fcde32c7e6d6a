/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that outlives a server of volumes (fs-srv/volume/state.c): whose it is, and that no page of it is touched for nothing.
 */
#define _GNU_SOURCE
#include "../check.h"
#include "state.h"
#include <libsys/program.h>
#include <sys/mman.h>
#include <wharf/if/memory_entry.h>
#include <wharf/if/service.h>
#include <wharf/if/vm.h>

enum { SIZE = 4 << 20 };

struct disk disk;
static const struct start_info info;
const struct start_info *program_start_info = &info;
static char *memory; /* the supervisor's */

kern_return_t service_get_right(mach_port_name_t service, const char *name, mach_port_name_t *right)
{
    (void)service;
    CHECK_TEXT(name, "state");
    *right = 1;
    return KERN_SUCCESS;
}

kern_return_t memory_entry_info(mach_port_name_t entry, uint64_t *size, uint32_t *protection)
{
    (void)entry;
    *size = SIZE;
    *protection = VM_PROT_READ | VM_PROT_WRITE;
    return KERN_SUCCESS;
}

kern_return_t vm_map(mach_port_name_t task, uint64_t address, uint64_t size, uint64_t mask,
                     uint32_t flags, mach_port_name_t entry, uint32_t protection, uint32_t most,
                     uint32_t inheritance, uint64_t *at)
{
    (void)task, (void)address, (void)size, (void)mask, (void)flags, (void)entry, (void)protection;
    (void)most, (void)inheritance;
    *at = (uintptr_t)memory;
    return KERN_SUCCESS;
}

kern_return_t vm_allocate(mach_port_name_t task, uint64_t address, uint64_t size, uint32_t flags,
                          uint64_t *at)
{
    return vm_map(task, address, size, 0, flags, MSG_NULL, 0, 0, 0, at);
}

static void make_memory(void)
{
    memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
}

static unsigned touched(void)
{
    static unsigned char pages[SIZE / PAGE];
    unsigned count = 0;

    CHECK_EQ(mincore(memory, SIZE, pages), 0);
    for (unsigned i = 0; i < SIZE / PAGE; i++)
        count += pages[i] & 1;
    return count;
}

static bool begin(uint64_t device, uint64_t serial)
{
    bool again;

    disk.device = device;
    CHECK_EQ(state_begin(serial, &again), KERN_SUCCESS);
    CHECK(state == (void *)memory && state_volume.at + state_volume.size == memory + SIZE);
    CHECK(state->magic != 0 && state->device == device && state->serial == serial);
    return again;
}

/* All that a volume, opens and records can have is zero. */
static bool is_clean(void)
{
    static const char zeroes[SIZE];

    return memcmp(state_volume.at, zeroes, state_volume.size) == 0 &&
           memcmp(state_opens.at, zeroes, state_opens.size) == 0 &&
           memcmp(state->memory, zeroes, sizeof(state->memory)) == 0 &&
           memcmp(state->node, zeroes, sizeof(state->node)) == 0;
}

static void use(void)
{
    memset(state_volume.at, 0x55, state_volume.size);
    memset(state_opens.at, 0x55, state_opens.size);
    memset(state->memory, 0x55, sizeof(state->memory));
    memset(state->node, 0x55, sizeof(state->node));
}

static void test_first(void)
{
    make_memory();
    CHECK(!begin(1, 2));
    CHECK(touched() <= 2);
    CHECK(begin(1, 2));
    CHECK(touched() <= 2);
    CHECK(is_clean());
}

static void test_again(void)
{
    CHECK(begin(1, 2));
    use();
    CHECK(begin(1, 2));
    CHECK(!is_clean());
    CHECK(!begin(1, 3)); /* another file system */
    CHECK(is_clean());
    use();
    CHECK(!begin(2, 3)); /* another device */
    CHECK(is_clean());
    use();
    state_end();
    CHECK(!begin(2, 3));
    CHECK(is_clean());
}

/* Killed while the memory was being cleared, or before all of the beginning was there. */
static void test_killed(void)
{
    CHECK(begin(2, 3));
    use();
    state_end();
    memset(state_volume.at, 0, state_volume.size / 2);
    state->device = state->serial = 0;
    CHECK(!begin(2, 3));
    CHECK(is_clean());
    CHECK(munmap(memory, SIZE) == 0);
    make_memory();
    CHECK(!begin(5, 6));
    state->magic = 0;
    CHECK(!begin(5, 6));
    CHECK(is_clean());
    CHECK(munmap(memory, SIZE) == 0);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_first();
    test_again();
    test_killed();
    return check_end();
}
