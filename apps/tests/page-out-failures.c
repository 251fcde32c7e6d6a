/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Has allocations on page-out's path fail while others use more memory than there is: the n-th for each n (host_debug.fail_page_out). What they see of it
 * is their own to say; here it is seen to that all of it happens, and so that page-out goes on.
 *
 * Arguments: driver=PROGRAM, the card's; most=32 (the greatest n) times=20 (that each has its turn).
 */
#include "arguments.h"
#include "supervised.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <wharf/if/host_debug.h>
#include <wharf/if/service.h>

enum { PAUSE = 50000000 };

static mach_port_name_t supervisor;
static char driver[SUPERVISOR_NAME_MAX];
static uint64_t counted, failed;

/* Who ends is started again: the tasks are others then, or not there for a moment. */
static kern_return_t fail(uint32_t most)
{
    mach_port_name_t pager_task, driver_task;
    uint64_t more, more_failed;

    kern_return_t kr = supervisor_task(supervisor, "default-pager", &pager_task);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = supervisor_task(supervisor, driver, &driver_task);
    if (kr == KERN_SUCCESS) {
        kr = host_debug_fail_page_out(program_start_info->host_debug, most, pager_task, driver_task,
                                      &more, &more_failed);
        stub_release_right(driver_task, MSG_MOVE_SEND);
    }
    stub_release_right(pager_task, MSG_MOVE_SEND);
    if (kr == KERN_SUCCESS) {
        counted += more;
        failed += more_failed;
    }
    return kr;
}

int main(void)
{
    const uint32_t most = (uint32_t)number_argument("most=", 32);
    const uint64_t wanted = most * number_argument("times=", 20);

    word_argument("driver=", driver, sizeof(driver));
    CHECK_EQUAL(service_look_up(program_start_info->bootstrap, "supervisor", &supervisor),
                KERN_SUCCESS);
    while (failed < wanted) {
        (void)fail(most);
        (void)!kernel_sleep_until(kernel_clock_now() + PAUSE);
    }
    while (fail(0) != KERN_SUCCESS)
        (void)!kernel_sleep_until(kernel_clock_now() + PAUSE);
    print("page-out-failures: %lu of %lu allocations failed\n", failed, counted);
    return check_end("page-out-failures");
}
