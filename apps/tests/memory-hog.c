/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes all memory that it can get, and goes on to take whatever becomes free, for ever.
 *
 * Arguments: wait=MS before it begins.
 */
#include "arguments.h"
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <wharf/if/host.h>
#include <wharf/if/service.h>
#include <wharf/if/vm.h>

enum { PAGE = 4096, LARGEST = 256 };

/* All of `pages` at a time; how many that came to. */
static uint64_t take(uint64_t pages)
{
    uint64_t taken = 0, at;

    while (vm_allocate(program_start_info->task, 0, pages * PAGE, VM_ANYWHERE, &at) ==
           KERN_SUCCESS) {
        for (uint64_t i = 0; i < pages; i++)
            *(volatile char *)(uintptr_t)(at + i * PAGE) = 1;
        taken += pages;
    }
    return taken;
}

int main(void)
{
    struct host_memory_statistics now;
    uint64_t taken = 0, later = 0;

    (void)!kernel_sleep_until(kernel_clock_now() + number_argument("wait=", 0) * 1000000);
    for (uint64_t pages = LARGEST; pages > 0; pages /= 2)
        taken += take(pages);
    if (host_memory_statistics(program_start_info->host, &now) == KERN_SUCCESS)
        print("%lu pages taken, %lu free, %lu of %lu promised\n", (unsigned long)taken,
              (unsigned long)now.free, (unsigned long)now.committed,
              (unsigned long)now.commitment_limit);
    if (service_ready(program_start_info->bootstrap) != KERN_SUCCESS)
        return 1;
    for (uint64_t told = 0;;) {
        later += take(1);
        if (later > told)
            print("%lu pages more\n", (unsigned long)(later - told));
        told = later;
        (void)!kernel_sleep_until(kernel_clock_now() + 100000);
    }
}
