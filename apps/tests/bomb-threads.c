/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes threads until it gets an error, lets all of them end, and does it again: what a program
 * takes it gets back, and exhaustion is an error code.
 */
#include "others.h"
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

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    uint64_t objects = settled_objects(NULL);
    unsigned first = explode();

    CHECK_EQUAL(settled_objects(NULL), objects);
    unsigned second = explode();

    CHECK_EQUAL(settled_objects(NULL), objects);
    print("bomb-threads: %u threads, then %u\n", first, second);
    CHECK(first > 0);
    /* Not the same to the last one: each CPU keeps a few free pages and objects for itself. */
    CHECK(second >= first - first / 50);
    return check_end("bomb-threads");
}
