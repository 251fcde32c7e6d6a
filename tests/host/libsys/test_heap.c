/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where malloc() gets memory from (libsys/newlib/memory.c), in a simulated address space: wherever the kernel places what it is asked for, the heap goes on behind its end, and nothing
 * else is taken for that.
 */
#include "check.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/sync.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <wharf/if/vm.h>

void *_sbrk(ptrdiff_t increment);

enum { PAGE = 4096, PAGES = 1 << 16, STEPS = 400 };
#define BASE UINT64_C(0x100000000)

static struct start_info info;
const struct start_info *program_start_info = &info;
static uint8_t owner[PAGES]; /* 0: free; else which region */
static uint64_t place;       /* from where on the kernel looks */
static uint64_t used, most;  /* pages; most there have been */

static bool is_free(uint64_t page, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++)
        if (page + i >= PAGES || owner[page + i])
            return false;
    return true;
}

static void fill(uint64_t page, uint64_t pages)
{
    static uint8_t number;

    number = number % 250 + 1;
    memset(owner + page, number, pages);
    used += pages;
    most = used > most ? used : most;
}

kern_return_t vm_allocate(mach_port_name_t task, uint64_t address, uint64_t size, uint32_t flags,
                          uint64_t *at)
{
    const uint64_t page = (address - BASE) / PAGE, pages = size / PAGE;

    (void)task;
    CHECK_EQ(flags, 0);
    CHECK_EQ(address % PAGE, 0);
    if (!is_free(page, pages))
        return KERN_NO_SPACE;
    fill(page, pages);
    *at = address;
    return KERN_SUCCESS;
}

kern_return_t kernel_vm_allocate(size_t size, void **address)
{
    const uint64_t pages = (size + PAGE - 1) / PAGE;

    for (uint64_t page = place; page < PAGES; page++)
        if (page > 0 && is_free(page - 1, pages + 2)) {
            fill(page, pages);
            place = page + pages;
            *address = (void *)(uintptr_t)(BASE + page * PAGE);
            return KERN_SUCCESS;
        }
    return KERN_NO_SPACE;
}

kern_return_t kernel_vm_deallocate(void *address, size_t size)
{
    memset(owner + ((uintptr_t)address - BASE) / PAGE, 0, size / PAGE);
    used -= size / PAGE;
    return KERN_SUCCESS;
}

kern_return_t vm_region(mach_port_name_t task, uint64_t address, uint64_t *start, uint64_t *size,
                        uint32_t *protection, uint32_t *max_protection, uint32_t *inheritance,
                        uint32_t *flags)
{
    uint64_t page = (address - BASE) / PAGE, pages = 1;

    (void)task;
    *protection = *max_protection = *inheritance = *flags = 0;
    while (page < PAGES && !owner[page])
        page++;
    if (page >= PAGES)
        return KERN_NOT_FOUND;
    while (page > 0 && owner[page - 1] == owner[page])
        page--;
    while (page + pages < PAGES && owner[page + pages] == owner[page])
        pages++;
    *start = BASE + page * PAGE;
    *size = pages * PAGE;
    return KERN_SUCCESS;
}

/* Of libsys/sync.c, whose futexes nobody waits at here. */
void mutex_lock(struct mutex *mutex)
{
    CHECK_EQ(atomic_exchange(&mutex->state, 1), 0);
}

void mutex_unlock(struct mutex *mutex)
{
    CHECK_EQ(atomic_exchange(&mutex->state, 0), 1);
}

/* What others map, here and there. */
static void put_others(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const uint64_t page = check_below(PAGES), pages = 1 + check_below(64);
        if (is_free(page, pages))
            fill(page, pages);
    }
}

int main(int argc, char **argv)
{
    uintptr_t last = 0;

    check_begin(argc, argv);
    put_others(100);
    place = PAGES / 4;
    for (unsigned i = 0; i < STEPS; i++) {
        const uint64_t before = used;
        const ptrdiff_t size = (ptrdiff_t)check_below(40 * PAGE);

        place = check_below(4) ? place : check_below(PAGES / 4); /* at the bottom */
        most = used;
        char *memory = _sbrk(size);
        CHECK(memory != (char *)-1);
        CHECK((uintptr_t)memory >= last);
        last = (uintptr_t)memory + (uintptr_t)size;
        CHECK(!is_free((last - 1 - BASE) / PAGE, 1));
        CHECK(most <= before + 2 * 256);
        CHECK(used <= before + 256);
    }
    return check_end();
}
