/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory in messages while others do something to it (ipc-ool-busy.h).
 */
#include "ipc-ool-busy.h"
#include "ipc-ool.h"
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <stdatomic.h>
#include <string.h>
#include <wharf/if/task.h>
#include <wharf/if/vm.h>

enum { PAGES = 80, SIZE = PAGES * PAGE, ROUNDS = 30, PATIENCE = 20000 };
#define MILLISECOND UINT64_C(1000000)

static struct {
    mach_port_name_t port;
    char *memory;
    _Atomic bool stop;
} busy;

static mach_port_name_t me(void)
{
    return program_start_info->task;
}

/* Once for every page, and again and again. */
static void write_on(void *argument)
{
    (void)argument;
    for (uint64_t n = 1; !atomic_load(&busy.stop); n++)
        for (unsigned i = 0; i < PAGES; i++)
            *(volatile uint64_t *)(uintptr_t)(busy.memory + (size_t)i * PAGE) = n;
}

static void run_beside(thread_function_t *function, void (*test)(void))
{
    static struct thread thread;
    atomic_store(&busy.stop, false);
    OK(thread_start(&thread, function, NULL, THREAD_PRIORITY_DEFAULT));
    test();
    atomic_store(&busy.stop, true);
    thread_join(&thread);
}

/* What has been received does not change any more. */
static void send_while_written(void)
{
    static uint64_t seen[PAGES];
    /* With more CPUs fewer rounds, for the reason given in smp.c. */
    unsigned rounds = ROUNDS / (unsigned)kernel_system_info(SYSTEM_INFO_CPUS_ONLINE);
    for (unsigned round = 0; round < rounds; round++) {
        OK(ool_send(busy.port, busy.memory, SIZE, 0));
        char *got = ool_receive(busy.port, SIZE);
        for (unsigned i = 0; i < PAGES; i++)
            memcpy(&seen[i], got + (size_t)i * PAGE, sizeof(seen[i]));
        if (round % 4 == 0)
            OK(kernel_sleep_until(kernel_clock_now() + MILLISECOND));
        unsigned changed = 0;
        for (unsigned i = 0; i < PAGES; i++)
            changed += memcmp(&seen[i], got + (size_t)i * PAGE, sizeof(seen[i])) != 0;
        CHECK_EQUAL(changed, 0);
        ool_release(got, SIZE);
    }
}

static void unmap_on(void *argument)
{
    (void)argument;
    while (!atomic_load(&busy.stop)) {
        uint64_t at = (uintptr_t)busy.memory;
        (void)!vm_deallocate(me(), at + (PAGES / 2) * PAGE, PAGES / 4 * PAGE);
        (void)!vm_allocate(me(), at + (PAGES / 2) * PAGE, PAGES / 4 * PAGE, 0, &at);
    }
}

/* It is there or it is not. */
static void send_while_unmapped(void)
{
    unsigned sent = 0;
    for (unsigned round = 0; round < 4 * ROUNDS; round++) {
        kern_return_t kr = ool_send(busy.port, busy.memory, SIZE, 0);
        CHECK(kr == KERN_SUCCESS || kr == MACH_SEND_INVALID_MEMORY);
        if (kr != KERN_SUCCESS)
            continue;
        sent++;
        char *got = ool_receive(busy.port, SIZE);
        CHECK_EQUAL(got[SIZE - 1], 'e');
        ool_release(got, SIZE);
    }
    busy.memory[0] = (char)sent;
}

/* ---- clones ---- */

static int change_everything(void *argument)
{
    (void)argument;
    memset(busy.memory, 'x', SIZE);
    return 0;
}

static void wait_until_gone(const struct clone *clone)
{
    struct task_info info;
    for (unsigned i = 0; i < PATIENCE; i++) {
        if (task_info(clone->task, &info) != KERN_SUCCESS)
            return;
        OK(kernel_sleep_until(kernel_clock_now() + MILLISECOND));
    }
    CHECK(false);
}

static void test_clone(void)
{
    struct clone clone;
    fill(busy.memory, SIZE, 11);
    OK(ool_send(busy.port, busy.memory, SIZE, 0));
    OK(clone_make(&clone, change_everything, NULL, THREAD_PRIORITY_DEFAULT));
    fill(busy.memory, SIZE, 12);
    OK(clone_run(&clone));
    wait_until_gone(&clone);
    clone_end(&clone);
    char *got = ool_receive(busy.port, SIZE);
    CHECK_EQUAL(differences(got, SIZE, 11), 0);
    CHECK_EQUAL(differences(busy.memory, SIZE, 12), 0);
    ool_release(got, SIZE);
}

/* Sends as fast as it can until it dies; it has its parent's right of the same name. */
static int send_on(void *argument)
{
    (void)argument;
    atomic_store(&busy.stop, false);
    while (!atomic_load(&busy.stop)) {
        char *more = pages_at(0, PAGES);
        memset(more, 'm', SIZE);
        kern_return_t kr = ool_send(busy.port, more, SIZE, MSG_DEALLOCATE);
        if (kr != KERN_SUCCESS)
            pages_release(more, PAGES);
    }
    return 0;
}

static unsigned receive_some(void)
{
    unsigned count = 0;
    struct msg_descriptor d;
    while (count < 8 && ool_poll(busy.port, &d)) {
        const char *got = (const char *)(uintptr_t)d.value;
        CHECK(got[0] == 'm' && got[SIZE - 1] == 'm');
        ool_release(got, SIZE);
        count++;
    }
    return count;
}

/* It dies at different moments after its first message. */
static void test_sender_dies(void)
{
    for (unsigned round = 0; round < ROUNDS / 3; round++) {
        struct clone clone;
        OK(clone_make(&clone, send_on, NULL, THREAD_PRIORITY_DEFAULT));
        OK(clone_run(&clone));
        unsigned count = 0;
        for (unsigned i = 0; i < PATIENCE && count == 0; i++) {
            OK(kernel_sleep_until(kernel_clock_now() + MILLISECOND + (uint64_t)round * 123456));
            count = receive_some();
        }
        CHECK(count > 0);
        (void)!task_terminate(clone.task, 0);
        wait_until_gone(&clone);
        clone_end(&clone);
        while (receive_some() > 0)
            ;
    }
}

/* ---- what nobody receives ---- */

static void expect_frames(uint64_t wanted)
{
    for (unsigned i = 0; i < PATIENCE && kernel_system_info(SYSTEM_INFO_FREE_FRAMES) < wanted; i++)
        OK(kernel_sleep_until(kernel_clock_now() + MILLISECOND));
    CHECK(kernel_system_info(SYSTEM_INFO_FREE_FRAMES) >= wanted);
}

static void test_unreceived(void)
{
    enum { FEW = 60 }; /* slabs and tables */
    uint64_t before = ool_frames_at_rest();
    mach_port_name_t port = ool_port();
    for (unsigned i = 0; i < 10; i++) {
        char *memory = pages_at(0, PAGES);
        memset(memory, 1, SIZE);
        OK(ool_send(port, memory, SIZE, MSG_DEALLOCATE));
    }
    CHECK(kernel_system_info(SYSTEM_INFO_FREE_FRAMES) < before - 9 * (uint64_t)PAGES);
    ool_kill_port(port);
    expect_frames(before - FEW);
}

void test_busy(void)
{
    busy.port = ool_port();
    busy.memory = pages_at(0, PAGES);
    memset(busy.memory, 'e', SIZE);
    run_beside(write_on, send_while_written);
    memset(busy.memory, 'e', SIZE);
    run_beside(unmap_on, send_while_unmapped);
    if (!is_mapped(busy.memory + SIZE / 2))
        (void)pages_at((uintptr_t)busy.memory + SIZE / 2, PAGES / 4);
    test_clone();
    test_sender_dies();
    test_unreceived();
    pages_release(busy.memory, PAGES);
    ool_kill_port(busy.port);
}
