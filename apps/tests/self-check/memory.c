/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory comes zeroed, keeps what is written, and is all given back.
 */
#include "../others.h"
#include "self-check.h"
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <wharf/if/vm.h>

enum { PAGE = 4096, PAGES = 64, ROUNDS = 16 };

static void fill(uint64_t *memory)
{
    for (unsigned page = 0; page < PAGES; page++) {
        uint64_t *word = memory + page * (PAGE / sizeof(*memory));

        CHECK_EQUAL(word[0], 0);
        CHECK_EQUAL(word[PAGE / sizeof(*memory) - 1], 0);
        word[0] = page * 0x9e3779b97f4a7c15;
    }
    for (unsigned page = 0; page < PAGES; page++)
        CHECK(memory[page * (PAGE / sizeof(*memory))] == page * 0x9e3779b97f4a7c15);
}

static void allocate_once(void)
{
    void *at;

    if (!CHECK_EQUAL(kernel_vm_allocate((size_t)PAGES * PAGE, &at), 0))
        return;
    CHECK_EQUAL((uintptr_t)at % PAGE, 0);
    fill(at);
    CHECK_EQUAL(kernel_vm_protect(at, PAGE, VM_PROT_READ), 0);
    CHECK_EQUAL(*(volatile uint64_t *)at, 0);
    CHECK_EQUAL(kernel_vm_deallocate(at, (size_t)PAGES * PAGE), 0);
    CHECK_EQUAL(kernel_vm_protect(at, PAGE, VM_PROT_READ), KERN_INVALID_ADDRESS);
}

/* Pages that this task pays for; what others take and give back meanwhile is theirs. When they have not changed for a while: what was given
 * back may still be on its way, on another CPU. */
static uint64_t pages_paid(void)
{
    enum { PAUSE = 20000000 };
    struct vm_usage usage = {0};
    uint64_t before;

    CHECK_EQUAL(vm_usage(program_start_info->task, &usage), 0);
    do {
        before = usage.paid;
        CHECK_EQUAL(kernel_sleep_until(kernel_clock_now() + PAUSE), 0);
        let_others_run();
        CHECK_EQUAL(vm_usage(program_start_info->task, &usage), 0);
    } while (usage.paid != before);
    return before;
}

void check_memory(void)
{
    allocate_once(); /* page tables and the kernel's caches reach their size */
    uint64_t before = pages_paid();

    for (unsigned i = 0; i < ROUNDS; i++)
        allocate_once();
    CHECK_EQUAL(pages_paid(), before);
    print("self-check: memory checked\n");
}
