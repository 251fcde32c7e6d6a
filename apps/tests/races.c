/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile program whose threads work against each other inside the kernel: memory taken away by
 * one while another is still being given it, or while it is being taken back because there was not
 * enough; and an end that has to be enforced on threads more urgent than anything else.
 */
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/sync.h>
#include <libsys/thread.h>

enum { THIEVES = 1, SPINNERS = 8, PAGE = 4096 };

static _Atomic uint64_t target, target_size; /* what the thieves try to take away */
static _Atomic uint32_t stop, taken;
static struct thread thieves[THIEVES], spinners[SPINNERS];

static void steal(void *argument)
{
    (void)argument;
    while (!stop)
        if (target && kernel_vm_deallocate((void *)target, target_size) == 0)
            taken++;
}

/** Allocations of `size`, while others try to take away what the first one got. Returns how many
 *  were successful. */
static unsigned allocate_under_attack(uint64_t size, unsigned times)
{
    unsigned got = 0;

    stop = 0;
    target = 0; /* a range that has been may be in part another's now */
    target_size = size;
    for (unsigned i = 0; i < THIEVES; i++)
        CHECK_EQUAL(thread_start(&thieves[i], steal, NULL, THREAD_PRIORITY_DEFAULT), KERN_SUCCESS);
    for (unsigned i = 0; i < times; i++) {
        void *at;
        kern_return_t kr = kernel_vm_allocate(size, &at);

        if (kr == KERN_SUCCESS) {
            got++;
            target = (uint64_t)at;
            kr = kernel_vm_deallocate(at, size);
            CHECK(kr == KERN_SUCCESS || kr == KERN_INVALID_ADDRESS);
        } else {
            CHECK(kr == KERN_RESOURCE_SHORTAGE || kr == KERN_LIMIT);
        }
    }
    stop = 1;
    for (unsigned i = 0; i < THIEVES; i++)
        thread_join(&thieves[i]);
    return got;
}

static void spin(void *argument)
{
    (void)argument;
    (void)kernel_thread_set_priority(255);
    for (;;)
        ;
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    unsigned small = allocate_under_attack(PAGE, 3000);
    print("races: %u small\n", small);
    uint64_t whole = kernel_system_info(SYSTEM_INFO_FREE_FRAMES) * PAGE;
    unsigned most = allocate_under_attack(whole / 2, 4); /* so that thieves know the place */

    print("races: %u of half\n", most);
    CHECK_EQUAL(small, 3000);
    CHECK(most > 0);
    /* What is more than there is fails at its end, and is taken back under their hands. */
    if (whole < UINT64_C(1) << 30)
        CHECK_EQUAL(allocate_under_attack(whole + PAGE, 8), 0);
    print("races: %u stolen\n", taken);
    int status = check_end("races");

    /* The end comes to these, too: there are CPUs they leave no time on. */
    (void)kernel_thread_set_priority(255);
    for (unsigned i = 0; i < SPINNERS; i++)
        (void)thread_start(&spinners[i], spin, NULL, 255);
    (void)kernel_sleep_until(kernel_clock_now() + 50000000);
    return status;
}
