/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory is full, because others take all there is: programs are ended in the order of the system's description, and who is not to be ended only
 * has to wait for memory meanwhile.
 *
 * Arguments: first=PROGRAM, which is ended first, then=PROGRAM.
 */
#include "arguments.h"
#include "supervised.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <wharf/if/service.h>
#include <wharf/if/vm.h>

enum { PAGE = 4096, PAGES = 1024, STATUS_KILLED = 137 };

static mach_port_name_t supervisor;

static bool was_ended(const char *name)
{
    struct supervisor_row row;
    return supervised_row(supervisor, name, &row) && row.state == SUPERVISOR_STATE_STOPPED &&
           row.last_status == STATUS_KILLED;
}

/* Memory of its own, again and again: it waits for its pages when there are none. */
static void use_memory(uint64_t round)
{
    uint64_t at;
    CHECK_EQUAL(KERN_SUCCESS,
                vm_allocate(program_start_info->task, 0, (uint64_t)PAGES * PAGE, VM_ANYWHERE, &at));
    for (uint64_t i = 0; i < PAGES; i++)
        *(volatile uint64_t *)(uintptr_t)(at + i * PAGE) = round + i;
    for (uint64_t i = 0; i < PAGES; i++)
        CHECK_EQUAL(*(volatile uint64_t *)(uintptr_t)(at + i * PAGE), round + i);
    CHECK_EQUAL(KERN_SUCCESS, vm_deallocate(program_start_info->task, at, (uint64_t)PAGES * PAGE));
}

int main(void)
{
    char first[SUPERVISOR_NAME_MAX], then[SUPERVISOR_NAME_MAX];
    word_argument("first=", first, sizeof(first));
    word_argument("then=", then, sizeof(then));
    CHECK_EQUAL(KERN_SUCCESS,
                service_look_up(program_start_info->bootstrap, "supervisor", &supervisor));
    for (uint64_t round = 0; !was_ended(first) || !was_ended(then); round++) {
        use_memory(round);
        (void)!kernel_sleep_until(kernel_clock_now() + 20000000);
    }
    return check_end("memory-full");
}
