/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads in the message trap that are suspended and aborted (kern/control.h): nothing is lost, and
 * nothing is done twice.
 *
 *      test_interrupt [threads]   WHARF_SEED, WHARF_RUNS, WHARF_CPUS
 */
#include "control_world.h"

#include <kern/cpu.h>
#include <kern/sched.h>
#include <string.h>

static bool threads;

CALL(call_suspend, thread_suspend(call->thread, &call->progress))
CALL(call_resume, thread_resume_count(call->thread))
CALL(call_abort, thread_abort(call->thread))
CALL(call_abort_safely, thread_abort_safely(call->thread))
CALL(call_info, (thread_get_info(call->thread, call->state), KERN_SUCCESS))

/* The role's thread waits on a port. */
static void begin_waiting(enum role role)
{
    begin(role);
    make_port();
    messages = 100;
    for (unsigned n = 0; n < 100 && !waits(); n++)
        run(STEPS);
    CHECK(waits());
}

static unsigned what_it_waits_for(void)
{
    struct thread_info info;
    struct call call = {.function = call_info, .thread = target, .state = &info};
    CHECK_EQUAL(until_done(&call), KERN_SUCCESS);
    CHECK_EQUAL(info.state, THREAD_DOES_WAIT);
    return info.waits;
}

static void test_abort(enum role role, unsigned waits_for, kern_return_t result)
{
    for (unsigned suspended = 0; suspended < 2; suspended++) {
        begin_waiting(role);
        CHECK_EQUAL(what_it_waits_for(), waits_for);
        if (suspended)
            CHECK_EQUAL(on(target, call_suspend), KERN_SUCCESS);
        CHECK_EQUAL(on(target, suspended ? call_abort_safely : call_abort), KERN_SUCCESS);
        if (suspended) {
            CHECK(is_parked() && stands(role));
            CHECK_EQUAL((int64_t)target->arch.x[0], -(int64_t)result);
            CHECK_EQUAL(target->arch.x[2], 0);
            CHECK_EQUAL(on(target, call_abort), KERN_NOT_WAITING);
            CHECK_EQUAL(on(target, call_resume), KERN_SUCCESS);
        }
        CHECK(suspended ? goes_on(role) : true);
        run(STEPS);
        CHECK_EQUAL((int64_t)last_result(role), -(int64_t)result);
        end();
    }
}

static void test_aborts(void)
{
    test_abort(RECEIVER, THREAD_WAITS_RECEIVE, MACH_RCV_INTERRUPTED);
    test_abort(CALLER, THREAD_WAITS_REPLY, MACH_RCV_INTERRUPTED);
    test_abort(SENDER, THREAD_WAITS_SEND, MACH_SEND_INTERRUPTED);
}

/* A message comes to a suspended receiver: it has it when it is resumed, or, if it is aborted, gets it
 * by its next receive. */
static void test_handed(bool aborted)
{
    begin_waiting(RECEIVER);
    CHECK_EQUAL(on(target, call_suspend), KERN_SUCCESS);
    messages = 1;
    CHECK_EQUAL(with_number(add_thread, SENDER, 0), KERN_SUCCESS);
    for (unsigned n = 0; n < 100 && !is_parked(); n++)
        run(STEPS);
    CHECK(is_parked() && stands(RECEIVER));
    if (aborted) {
        CHECK_EQUAL(on(target, call_abort_safely), KERN_SUCCESS);
        CHECK_EQUAL((int64_t)target->arch.x[0], -MACH_RCV_INTERRUPTED);
        CHECK_EQUAL(on(target, call_abort), KERN_NOT_WAITING);
    }
    CHECK_EQUAL(on(target, call_resume), KERN_SUCCESS);
    CHECK(goes_on(RECEIVER));
    for (unsigned n = 0; n < 100 && !waits(); n++)
        run(STEPS);
    CHECK_EQUAL(last_result(RECEIVER), 0); /* the last it received is the message */
    CHECK(waits());
    end();
}

static void test_messages_handed(void)
{
    test_handed(false);
    test_handed(true);
}

static void one_run(void *argument)
{
    static char line[100];
    uint64_t seed = *(uint64_t *)argument;
    unsigned cpus = (unsigned)parameter("WHARF_CPUS", 1 + seed % 4);
    snprintf(line, sizeof(line), "WHARF_SEED=%llu WHARF_RUNS=1 test_interrupt%s",
             (unsigned long long)seed, threads ? " threads" : "");
    host_set_repeat_line(line);
    control_start(seed, cpus, threads, false);
    test_aborts();
    test_messages_handed();
}

int main(int argc, char **argv)
{
    fix_addresses(argv);
    uint64_t first = parameter("WHARF_SEED", 1), runs = parameter("WHARF_RUNS", 16);
    threads = argc > 1 && strcmp(argv[1], "threads") == 0;
    if (!world_runs(one_run, first, runs))
        return 1;
    printf("ok, %llu runs\n", (unsigned long long)runs);
    return 0;
}
