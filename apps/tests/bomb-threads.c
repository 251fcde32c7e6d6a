/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes threads until it gets an error, lets all of them end, and does it again: what a program
 * takes it gets back, and exhaustion is an error code.
 */
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/sync.h>
#include <libsys/thread.h>

enum { MOST = 4096 };

static struct thread threads[MOST];
static _Atomic uint32_t go;

static void wait_for_go(void *argument)
{
    (void)argument;
    word_wait_while(&go, 0);
}

static unsigned explode(void)
{
    kern_return_t kr = KERN_SUCCESS;
    unsigned made = 0;

    go = 0;
    while (made < MOST) {
        kr = thread_start(&threads[made], wait_for_go, NULL, THREAD_PRIORITY_DEFAULT);
        if (kr != KERN_SUCCESS)
            break;
        made++;
    }
    CHECK(made == MOST || kr == KERN_LIMIT || kr == KERN_RESOURCE_SHORTAGE || kr == KERN_NO_SPACE);
    word_set(&go, 1);
    for (unsigned i = 0; i < made; i++)
        thread_join(&threads[i]);
    return made;
}

/** The kernel reaps ended threads a moment after they announce their end. */
static void wait_for_reaping(uint64_t objects)
{
    uint64_t give_up = kernel_clock_now() + UINT64_C(5000000000);

    while (kernel_system_info(SYSTEM_INFO_KERNEL_OBJECTS) > objects && kernel_clock_now() < give_up)
        (void)kernel_sleep_until(kernel_clock_now() + 1000000);
    CHECK_EQUAL(kernel_system_info(SYSTEM_INFO_KERNEL_OBJECTS), objects);
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    uint64_t objects = kernel_system_info(SYSTEM_INFO_KERNEL_OBJECTS);
    unsigned first = explode();

    wait_for_reaping(objects);
    unsigned second = explode();

    wait_for_reaping(objects);
    print("bomb-threads: %u threads, then %u\n", first, second);
    CHECK(first > 0);
    /* Not the same to the last one: each CPU keeps a few free pages and objects for itself. */
    CHECK(second >= first - first / 50);
    return check_end("bomb-threads");
}
