/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that stays (host_memory.wire), while threads write to it, the task is copied and it is cut up; what is counted of it; and
 * copies between tasks. Nothing is lost, and in the end nothing is wired.
 *
 *      vm-wire [ROUNDS]
 */
#include "vm-test.h"

#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/thread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <wharf/if/host.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/vm.h>

enum { ROUNDS = 30, AREA = 40, WRITERS = 3, KIND_WIRED = 1 };

static mach_port_name_t power(void)
{
    return program_start_info->host_memory;
}

static uint64_t wired_now(mach_port_name_t task)
{
    uint64_t now = 0, peak, limit;
    OK(task_ledger(task, KIND_WIRED, &now, &peak, &limit));
    return now;
}

static uint64_t faults_now(void)
{
    struct host_memory_statistics now;
    OK(host_memory_statistics(program_start_info->host, &now));
    return now.faults;
}

/* ---- pages are there ---- */

/* Whoever touches wired memory causes no fault, but for one a page after it was copied. */
static void test_there(void)
{
    uint64_t *area = pages_make(AREA), at = (uintptr_t)area, size = (uint64_t)AREA * PAGE;
    struct vm_usage usage;
    struct clone clone;
    OK(host_memory_wire(power(), me(), at, size));
    CHECK_EQUAL(wired_now(me()), AREA);
    OK(vm_usage(me(), &usage));
    CHECK_EQUAL(usage.wired, AREA);
    pages_write(area, AREA, 1);
    uint64_t before = faults_now();
    for (unsigned i = 0; i < AREA; i++)
        ((volatile uint64_t *)area)[i * PAGE_WORDS] += 1;
    CHECK_EQUAL(faults_now(), before);
    pages_write(area, AREA, 2);
    OK(clone_make(&clone, (clone_function_t *)(uintptr_t)1, NULL, THREAD_PRIORITY_DEFAULT));
    CHECK_EQUAL(wired_now(clone.task), 0);
    pages_write(area, AREA, 3);
    uint64_t word = 0;
    OK(vm_read_overwrite(clone.task, at, 8, (uintptr_t)&word));
    pages_write(area, 1, 2);
    CHECK_EQUAL(word, area[0]); /* the child's is as it was */
    clone_end(&clone);
    pages_write(area, AREA, 4);
    before = faults_now();
    for (unsigned i = 0; i < AREA; i++)
        ((volatile uint64_t *)area)[i * PAGE_WORDS] += 1;
    CHECK_EQUAL(faults_now(), before);
    OK(host_memory_unwire(power(), me(), at + 3 * PAGE, 5 * PAGE));
    CHECK_EQUAL(wired_now(me()), AREA - 5);
    pages_drop(area, AREA);
    CHECK_EQUAL(wired_now(me()), 0);
}

/* It takes the port, and a limit that is not reached. */
static void test_refused(void)
{
    uint64_t *area = pages_make(AREA), at = (uintptr_t)area, got;
    const struct task_limit limits[] = {{.kind = KIND_WIRED, .limit = 10}};
    mach_port_name_t task, name;
    FAILS(host_memory_wire(program_start_info->host, me(), at, PAGE), MIG_BAD_ID);
    FAILS(host_memory_wire(me(), me(), at, PAGE), MIG_BAD_ID);
    OK(task_create(me(), 0, "limited", limits, 1, MSG_NULL, &task, &name));
    OK(vm_allocate(task, 0, 20 * PAGE, VM_ANYWHERE, &got));
    FAILS(host_memory_wire(power(), task, got, 11 * PAGE), KERN_LIMIT);
    CHECK_EQUAL(wired_now(task), 0);
    OK(host_memory_wire(power(), task, got + 10 * PAGE, 10 * PAGE));
    OK(task_terminate(task, 0));
    OK(port_deallocate(me(), task));
    while (wired_now(me()) != 0) /* its ledger is part of ours until it has been taken down */
        pause_for(300);
    pages_drop(area, AREA);
}

/* ---- under way ---- */

static struct writer {
    struct thread thread;
    volatile uint64_t *area;
    uint64_t written[AREA];
} writers[WRITERS];
static _Atomic bool stop;

/* Its own word in each page counts up. */
static void write_on(void *argument)
{
    struct writer *w = argument;
    const unsigned word = (unsigned)(w - writers) * 8 + 8;
    while (!atomic_load(&stop))
        for (unsigned i = 0; i < AREA; i++)
            w->area[i * PAGE_WORDS + word] = ++w->written[i];
}

static void end_writers(void)
{
    atomic_store(&stop, true);
    for (unsigned i = 0; i < WRITERS; i++) {
        const struct writer *w = &writers[i];
        thread_join(&writers[i].thread);
        for (unsigned page = 0; page < AREA; page++)
            CHECK_EQUAL(w->area[page * PAGE_WORDS + (size_t)8 * i + 8], w->written[page]);
    }
}

static int leave(void *argument)
{
    (void)argument;
    return 0;
}

/* Parts are wired and released, over and over, the whole is copied, and another word written from outside. */
static void test_busy(unsigned rounds)
{
    uint64_t *area = pages_make(AREA), at = (uintptr_t)area;
    atomic_store(&stop, false);
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.area = area};
        OK(thread_start(&writers[i].thread, write_on, &writers[i], THREAD_PRIORITY_DEFAULT));
    }
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t first = i * 7 % AREA, count = 1 + UINT64_C(5) * i % (AREA - first), word = i;
        struct clone clone;
        OK(host_memory_wire(power(), me(), at + first * PAGE, count * PAGE));
        if (i % 4 == 0) {
            OK(clone_make(&clone, leave, NULL, THREAD_PRIORITY_DEFAULT));
            OK(clone_run(&clone));
        }
        for (unsigned page = 0; page < AREA; page++)
            OK(vm_write(me(), at + page * PAGE + PAGE / 2, (uint8_t *)&word, sizeof(word)));
        if (i % 4 == 0)
            clone_end(&clone);
        for (unsigned page = 0; page < AREA; page++)
            CHECK_EQUAL(area[page * PAGE_WORDS + PAGE_WORDS / 2], word);
        OK(host_memory_unwire(power(), me(), at + first * PAGE, count * PAGE));
        CHECK_EQUAL(wired_now(me()), 0);
    }
    end_writers();
    pages_drop(area, AREA);
}

/* ---- all of it ---- */

static void test_all(void)
{
    uint64_t *more, before = wired_now(me());
    CHECK_EQUAL(before, 0);
    OK(host_memory_wire_all(power(), me(), HOST_MEMORY_WIRE_CURRENT | HOST_MEMORY_WIRE_FUTURE));
    uint64_t all = wired_now(me());
    CHECK(all > 8);
    more = pages_make(AREA);
    CHECK_EQUAL(wired_now(me()), all + AREA);
    pages_write(more, AREA, 5);
    CHECK(pages_are(more, AREA, 5));
    OK(host_memory_wire_all(power(), me(), 0));
    pages_drop(more, AREA);
    CHECK_EQUAL(wired_now(me()), all);
    OK(host_memory_unwire(power(), me(), 0, UINT64_C(1) << 39));
    CHECK_EQUAL(wired_now(me()), 0);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : ROUNDS;
    struct left before = {0};
    for (unsigned pass = 0; pass < 2; pass++) {
        test_there();
        test_refused();
        test_busy(rounds);
        test_all();
        if (pass == 0)
            before = left_now();
    }
    left_expect(&before);
    return check_end("vm-wire");
}
