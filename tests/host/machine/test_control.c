/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What kern/control.h promises, point by point, on one and on several CPUs and in several orders
 * of events: suspension and its counts, aborts, registers, descriptions, restrictions. In
 * test_random the same functions meet everything else.
 *
 *      test_control [threads]   WHARF_SEED, WHARF_RUNS, WHARF_CPUS
 */
#include "control_world.h"

#include <arch/timer.h>
#include <arch/usercopy.h>
#include <kern/cpu.h>
#include <kern/kobj.h>
#include <kern/sched.h>
#include <string.h>
#include <wharf/trap.h>

enum { MANY = 60 };

static bool threads;

CALL(call_suspend, thread_suspend(call->thread, &call->progress))
CALL(call_resume, thread_resume_count(call->thread))
CALL(call_suspend_task, task_suspend(call->thread->task, &call->progress))
CALL(call_resume_task, task_resume(call->thread->task, &call->progress))
CALL(call_abort, thread_abort(call->thread))
CALL(call_abort_safely, thread_abort_safely(call->thread))
CALL(call_terminate, (thread_terminate(call->thread), KERN_SUCCESS))
CALL(call_set_priority, thread_set_priority(call->thread, call->number))
CALL(call_set_max, thread_set_max_priority(call->thread, call->number, call->size))
CALL(call_set_task_max, task_set_max_priority(call->thread->task, call->number, call->size))
CALL(call_info, (thread_get_info(call->thread, call->state), KERN_SUCCESS))
CALL(call_task_info, (task_get_info(call->thread->task, call->state), KERN_SUCCESS))

/* The call came from the CPU that the thread ran on. */
static bool was_caller(kern_return_t kr)
{
    return kr == KERN_INVALID_ARGUMENT;
}

/* --- suspension --- */

static void test_counts(void)
{
    begin(BURNER);
    CHECK_EQUAL(on(target, call_resume), KERN_FAILURE);
    CHECK_EQUAL(on(target, call_suspend), KERN_SUCCESS);
    CHECK(is_parked() && stands(BURNER));
    CHECK_EQUAL(on(target, call_suspend), KERN_SUCCESS);
    CHECK_EQUAL(on(target, call_resume), KERN_SUCCESS);
    CHECK(stands(BURNER));
    CHECK_EQUAL(on(target, call_suspend_task), KERN_SUCCESS);
    CHECK_EQUAL(on(target, call_resume), KERN_SUCCESS);
    CHECK_EQUAL(on(target, call_resume), KERN_FAILURE); /* the counts are apart */
    CHECK(stands(BURNER));
    CHECK_EQUAL(on(target, call_suspend), KERN_SUCCESS);
    CHECK_EQUAL(on(target, call_resume_task), KERN_SUCCESS);
    CHECK_EQUAL(on(target, call_resume_task), KERN_FAILURE);
    CHECK(is_parked() && stands(BURNER));
    CHECK_EQUAL(on(target, call_resume), KERN_SUCCESS);
    CHECK(goes_on(BURNER));
    target->suspend_count = UINT32_MAX;
    CHECK_EQUAL(on(target, call_suspend), KERN_OVERFLOW);
    target->suspend_count = 0;
    end();
}

/* All threads stop, in pieces; one made meanwhile does not start before the task goes on. */
static void test_whole_task(void)
{
    struct call call = {.function = call_suspend_task};
    begin(BURNER);
    for (unsigned i = 1; i < MANY; i++)
        CHECK_EQUAL(with_number(add_thread, BURNER, false), KERN_SUCCESS);
    call.thread = target;
    CHECK_EQUAL(until_done(&call), KERN_SUCCESS);
    CHECK(call.times >= MANY / 8);
    CHECK(stands(BURNER));
    CHECK_EQUAL(with_number(add_thread, SLEEPER, false), KERN_SUCCESS);
    CHECK(stands(SLEEPER));
    CHECK_EQUAL(on(target, call_suspend_task), KERN_SUCCESS);
    CHECK_EQUAL(on(target, call_resume_task), KERN_SUCCESS);
    CHECK(stands(BURNER));
    CHECK_EQUAL(on(target, call_resume_task), KERN_SUCCESS);
    CHECK(goes_on(BURNER) && goes_on(SLEEPER));
    CHECK_EQUAL(on(target, call_suspend_task), KERN_SUCCESS);
    end(); /* it ends nevertheless */
}

/* Several suspend and resume it at the same time, each in pieces. */
static void test_sweeps_together(void)
{
    static struct call call[MAX_CPUS];
    bool open = true;
    begin(BURNER);
    for (unsigned i = 1; i < MANY; i++)
        CHECK_EQUAL(with_number(add_thread, BURNER, false), KERN_SUCCESS);
    CHECK_EQUAL(on(target, call_suspend_task), KERN_SUCCESS);
    for (unsigned i = 0; i < cpu_count; i++)
        call[i] = (struct call){i % 2 ? call_resume_task : call_suspend_task, .thread = target,
                                .kr = KERN_RETRY};
    while (open) {
        open = false;
        for (unsigned i = 0; i < cpu_count; i++)
            if (call[i].kr == KERN_RETRY || call[i].kr == KERN_FAILURE) {
                host_machine_post(i, do_call, &call[i]);
                open = true;
            }
        run(20);
    }
    unsigned count = 1 + cpu_count % 2;
    CHECK_EQUAL(its_task->suspend_count, count);
    CHECK(stands(BURNER));
    while (count-- > 0)
        CHECK_EQUAL(on(target, call_resume_task), KERN_SUCCESS);
    CHECK(goes_on(BURNER));
    end();
}

/* A wait goes on, and may end, but the thread does not. */
static void test_suspended_waits(void)
{
    begin(WAITER);
    CHECK(waits());
    CHECK_EQUAL(on(target, call_suspend), KERN_SUCCESS);
    CHECK(waits() && stands(WAITER));
    CHECK_EQUAL(with_number(add_thread, WAKER, false), KERN_SUCCESS);
    run(STEPS);
    CHECK(is_parked() && stands(WAITER));
    CHECK_EQUAL(target->arch.x[0], 0);
    CHECK_EQUAL(on(target, call_resume), KERN_SUCCESS);
    CHECK(goes_on(WAITER));
    end();
    begin(SLEEPER);
    CHECK_EQUAL(on(target, call_suspend), KERN_SUCCESS);
    host_time_jump(arch_counter_frequency() / 1000);
    run(STEPS);
    CHECK(is_parked() && stands(SLEEPER));
    CHECK_EQUAL(on(target, call_resume), KERN_SUCCESS);
    CHECK(goes_on(SLEEPER));
    end();
    /* Resumed while it waits still: nothing happens. */
    begin(WAITER);
    CHECK_EQUAL(on(target, call_suspend), KERN_SUCCESS);
    CHECK_EQUAL(on(target, call_resume), KERN_SUCCESS);
    CHECK(waits() && stands(WAITER));
    end();
}

static void test_termination_wins(void)
{
    for (unsigned role = BURNER; role < ROLES; role++) {
        begin(role);
        CHECK_EQUAL(on(target, call_suspend), KERN_SUCCESS);
        CHECK_EQUAL(on(target, call_terminate), KERN_SUCCESS);
        for (unsigned n = 0; n < 10000 && atomic_load(&target->state) != THREAD_DEAD; n++)
            run(1);
        CHECK_EQUAL(atomic_load(&target->state), THREAD_DEAD);
        CHECK_EQUAL(on(target, call_suspend), KERN_TERMINATED);
        CHECK_EQUAL(on(target, call_resume), KERN_TERMINATED);
        CHECK_EQUAL(on(target, call_abort), KERN_TERMINATED);
        CHECK_EQUAL(on(target, call_suspend_task), KERN_TERMINATED);
        end();
    }
}

/* --- abort --- */

static void test_abort_waits(void)
{
    static const enum role roles[] = {WAITER, SLEEPER};
    for (unsigned i = 0; i < array_count(roles); i++) {
        begin(roles[i]);
        CHECK_EQUAL(on(target, call_suspend), KERN_SUCCESS);
        if (is_parked()) { /* the sleeper, between two of its waits */
            CHECK_EQUAL(on(target, call_abort_safely), KERN_NOT_WAITING);
            end();
            continue;
        }
        CHECK_EQUAL(on(target, i ? call_abort_safely : call_abort), KERN_SUCCESS);
        CHECK(is_parked());
        CHECK_EQUAL(target->arch.x[0], -KERN_ABORTED);
        CHECK_EQUAL(on(target, call_abort), KERN_NOT_WAITING);
        CHECK_EQUAL(on(target, call_resume), KERN_SUCCESS);
        CHECK(goes_on(roles[i]));
        end();
    }
    begin(BURNER);
    kern_return_t kr = on(target, call_abort);
    CHECK(kr == KERN_NOT_WAITING || was_caller(kr));
    CHECK_EQUAL(on(target, call_suspend), KERN_SUCCESS);
    CHECK_EQUAL(on(target, call_abort), KERN_NOT_WAITING);
    end();
}

static kern_return_t interrupt_trap(struct call *call)
{
    struct thread *t = call->thread;
    arch_thread_restart_trap(&t->arch);
    for (unsigned r = 0; r < array_count(t->arch.x); r++)
        t->arch.x[r] = 1 + r;
    t->progress = (uint64_t)(call->number + 1) << 56 | call->size;
    return KERN_SUCCESS;
}

/* A thread that was stopped between two pieces of a trap, or of a call of a kernel object. */
static void test_abort_pieces(void)
{
    enum { OF_CALL = KCALL_TAG_VM_PROTECT - 1 }; /* they are noted without the 1 more */
    struct thread_state_general state;
    begin(FP_USER);
    CHECK_EQUAL(on(target, call_suspend), KERN_SUCCESS);
    vaddr_t pc = target->arch.pc;
    static const uint64_t result[][2] = {{TRAP_thread_switch, (uint64_t)-KERN_ABORTED},
                                         {OF_CALL, (uint64_t)-KERN_ABORTED},
                                         {TRAP_futex_wake, 7}};
    for (unsigned i = 0; i < array_count(result); i++) {
        CHECK_EQUAL(until_done(&(struct call){.function = interrupt_trap,
                                              .thread = target,
                                              .number = (unsigned)result[i][0],
                                              .size = 7}),
                    KERN_SUCCESS);
        CHECK_EQUAL(on(target, call_abort_safely), KERN_BUSY);
        CHECK_EQUAL(get(THREAD_STATE_GENERAL, &state, sizeof(state)), KERN_SUCCESS);
        CHECK_EQUAL(state.pc, pc - 4);
        CHECK_EQUAL(set(THREAD_STATE_GENERAL, &state, sizeof(state)), KERN_BUSY);
        CHECK_EQUAL(on(target, call_abort), KERN_SUCCESS);
        CHECK_EQUAL(target->arch.x[0], result[i][1]);
        for (unsigned r = 1; r < array_count(target->arch.x); r++)
            CHECK((target->arch.x[r] == 0) == (result[i][0] == OF_CALL));
        CHECK_EQUAL(target->arch.pc, pc);
        CHECK_EQUAL(on(target, call_abort), KERN_NOT_WAITING);
        CHECK_EQUAL(set(THREAD_STATE_GENERAL, &state, sizeof(state)), KERN_SUCCESS);
        state.pc = pc;
        CHECK_EQUAL(set(THREAD_STATE_GENERAL, &state, sizeof(state)), KERN_SUCCESS);
    }
    target->building = true;
    CHECK_EQUAL(on(target, call_abort), KERN_BUSY);
    target->building = false;
    CHECK_EQUAL(on(target, call_resume), KERN_SUCCESS);
    CHECK(goes_on(FP_USER));
    end();
}

/* --- registers --- */

static void test_registers(void)
{
    struct thread_state_general state, again;
    size_t size = sizeof(state);
    begin(BURNER);
    kern_return_t kr = get(THREAD_STATE_GENERAL, &state, size);
    CHECK(kr == KERN_BUSY || was_caller(kr));
    CHECK_EQUAL(on(target, call_suspend), KERN_SUCCESS);
    CHECK_EQUAL(get(THREAD_STATE_GENERAL, &state, size), KERN_SUCCESS);
    CHECK_EQUAL(get(THREAD_STATE_GENERAL, &state, size - 1), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(get(77, &state, size), KERN_INVALID_VALUE);
    CHECK_EQUAL(state.pc, target->arch.pc);
    state.x[0] = 4711;
    state.pc = 0x30000;
    state.sp = USER_VA_END;
    state.tls = 0x5000;
    CHECK_EQUAL(set(THREAD_STATE_GENERAL, &state, size - 8), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(set(0, &state, size), KERN_INVALID_VALUE);
    CHECK_EQUAL(set(THREAD_STATE_GENERAL, &state, size), KERN_SUCCESS);
    CHECK_EQUAL(get(THREAD_STATE_GENERAL, &again, size), KERN_SUCCESS);
    CHECK(memcmp(&state, &again, size) == 0);
    uint64_t *const address[] = {&state.pc, &state.sp, &state.tls, &state.pc};
    const uint64_t bad[] = {USER_VA_END, USER_VA_END + 1, ~UINT64_C(0), 0x30002};
    for (unsigned i = 0; i < array_count(bad); i++) {
        state = again;
        *address[i] = bad[i];
        CHECK_EQUAL(set(THREAD_STATE_GENERAL, &state, size), KERN_INVALID_ADDRESS);
    }
    CHECK_EQUAL(on(target, call_resume), KERN_SUCCESS);
    CHECK(goes_on(BURNER)); /* at the new place, with the new registers */
    CHECK_EQUAL(last_result(BURNER), 4711);
    CHECK(target->arch.pc >= 0x30000);
    end();
}

static void test_registers_of_waiter(void)
{
    struct thread_state_general state;
    begin(WAITER);
    CHECK_EQUAL(get(THREAD_STATE_GENERAL, &state, sizeof(state)), KERN_BUSY);
    CHECK_EQUAL(on(target, call_suspend), KERN_SUCCESS);
    CHECK_EQUAL(get(THREAD_STATE_GENERAL, &state, sizeof(state)), KERN_SUCCESS);
    CHECK_EQUAL(state.pc, target->arch.pc);
    for (unsigned i = 0; i < 19; i++)
        CHECK_EQUAL(state.x[i], 0);
    CHECK_EQUAL(set(THREAD_STATE_GENERAL, &state, sizeof(state)), KERN_BUSY);
    CHECK(waits());
    end();
}

static void test_fp_registers(void)
{
    struct thread_state_fp state;
    begin(FP_USER);
    CHECK_EQUAL(on(target, call_suspend), KERN_SUCCESS);
    CHECK_EQUAL(get(THREAD_STATE_FP, &state, sizeof(state)), KERN_SUCCESS);
    CHECK_EQUAL(state.v[0][0], FP_VALUE);
    state.v[0][0] = 99;
    CHECK_EQUAL(set(THREAD_STATE_FP, &state, sizeof(state)), KERN_SUCCESS);
    CHECK_EQUAL(on(target, call_resume), KERN_SUCCESS);
    CHECK(goes_on(FP_USER)); /* the machine looks whether they are there */
    CHECK_EQUAL(target->arch.program.fp, 99);
    end();
}

/* The thread that runs where the call comes from is the caller. */
static kern_return_t call_on_current(struct call *call)
{
    struct thread *self = arch_cpu_self()->current;
    struct thread_state_general state;
    size_t size = sizeof(state);
    if (self != call->thread)
        return KERN_RETRY;
    CHECK_EQUAL(thread_abort(self), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(thread_get_state(self, THREAD_STATE_GENERAL, &state, &size), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(thread_set_state(self, THREAD_STATE_GENERAL, &state, size), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(thread_suspend(self, &call->progress), KERN_SUCCESS);
    return KERN_SUCCESS;
}

static kern_return_t suspend_own_task(struct call *call)
{
    struct thread *self = arch_cpu_self()->current;
    if (!self || self->task != its_task)
        return KERN_RETRY;
    return task_suspend(self->task, &call->progress);
}

static void test_self(void)
{
    begin(BURNER);
    CHECK_EQUAL(on(target, call_on_current), KERN_SUCCESS);
    run(1);
    CHECK(is_parked() && stands(BURNER));
    CHECK_EQUAL(on(target, call_resume), KERN_SUCCESS);
    CHECK(goes_on(BURNER));
    CHECK_EQUAL(on(target, suspend_own_task), KERN_SUCCESS);
    run(1);
    CHECK(is_parked() && stands(BURNER));
    end();
}

/* --- descriptions, restrictions --- */

static struct thread_info info_of(void)
{
    struct thread_info info;
    struct call call = {.function = call_info, .thread = target, .state = &info};
    CHECK_EQUAL(until_done(&call), KERN_SUCCESS);
    return info;
}

static kern_return_t name_both(struct call *call)
{
    thread_set_name(call->thread, "worker\nnumber one of many", 25);
    task_set_name(its_task, "short", 2);
    return KERN_SUCCESS;
}

static void test_info(void)
{
    struct task_info of_task;
    begin(WAITER);
    CHECK_EQUAL(on(target, call_suspend), KERN_SUCCESS);
    CHECK_EQUAL(on(target, name_both), KERN_SUCCESS);
    struct thread_info info = info_of();
    CHECK(info.id == target->id && info.task == its_task->id && info.suspend_count == 1);
    CHECK(info.state == THREAD_DOES_WAIT && info.waits == THREAD_WAITS_FUTEX && !info.answerer);
    CHECK(info.priority == PRIORITY && info.effective == PRIORITY && info.max_priority == 255);
    CHECK(strcmp(info.name, "worker?number o") == 0);
    struct call call = {.function = call_task_info, .thread = target, .state = &of_task};
    CHECK_EQUAL(until_done(&call), KERN_SUCCESS);
    CHECK(of_task.id == its_task->id && of_task.threads == 1 && strcmp(of_task.name, "sh") == 0);
    CHECK(of_task.used[LEDGER_THREADS] == 1 && of_task.limit[0] == TASK_INFO_NO_LIMIT);
    CHECK(!of_task.ending && of_task.ledger_kinds == LEDGER_KIND_COUNT);
    CHECK_EQUAL(on(target, call_abort), KERN_SUCCESS);
    info = info_of();
    CHECK(info.state == THREAD_DOES_SUSPENDED && info.waits == THREAD_WAITS_NOT);
    end();
    begin(BURNER);
    CHECK_EQUAL(on(target, call_suspend), KERN_SUCCESS); /* its account is up to date */
    CHECK(info_of().cpu_time > 0);
    end();
}

static void test_priorities(void)
{
    begin(BURNER);
    CHECK_EQUAL(with_number(call_set_priority, 200, false), KERN_SUCCESS);
    CHECK_EQUAL(with_number(call_set_priority, 0, false), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(with_number(call_set_max, 0, false), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(with_number(call_set_max, 150, false), KERN_SUCCESS);
    CHECK_EQUAL(sched_effective(target), 150);
    CHECK_EQUAL(with_number(call_set_priority, 151, false), KERN_DENIED);
    CHECK_EQUAL(with_number(call_set_max, 151, false), KERN_DENIED);
    CHECK_EQUAL(with_number(call_set_max, 160, true), KERN_SUCCESS);
    CHECK_EQUAL(with_number(call_set_priority, 160, false), KERN_SUCCESS);
    CHECK_EQUAL(with_number(call_set_task_max, PRIORITY - 1, false), KERN_SUCCESS);
    CHECK_EQUAL(with_number(add_thread, BURNER, false), KERN_DENIED);
    CHECK_EQUAL(with_number(call_set_task_max, PRIORITY, false), KERN_DENIED);
    CHECK_EQUAL(with_number(call_set_task_max, PRIORITY, true), KERN_SUCCESS);
    CHECK_EQUAL(with_number(add_thread, BURNER, false), KERN_SUCCESS);
    end();
}

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {{"counts", test_counts},
             {"whole task", test_whole_task},
             {"sweeps together", test_sweeps_together},
             {"suspended waits", test_suspended_waits},
             {"termination wins", test_termination_wins},
             {"abort of waits", test_abort_waits},
             {"abort of pieces", test_abort_pieces},
             {"registers", test_registers},
             {"registers of a waiter", test_registers_of_waiter},
             {"FP registers", test_fp_registers},
             {"self", test_self},
             {"info", test_info},
             {"priorities", test_priorities}};

static void one_run(void *argument)
{
    static char line[100];
    uint64_t seed = *(uint64_t *)argument;
    unsigned cpus = (unsigned)parameter("WHARF_CPUS", 1 + seed % 4);
    snprintf(line, sizeof(line), "WHARF_SEED=%llu WHARF_RUNS=1 test_control%s",
             (unsigned long long)seed, threads ? " threads" : "");
    host_set_repeat_line(line);
    control_start(seed, cpus, threads, false);
    for (unsigned i = 0; i < array_count(tests); i++)
        tests[i].run();
}

static void end_essential(void *argument)
{
    (void)argument;
    task_set_essential(its_task, true);
    thread_unref(target);
    task_terminate(its_task, 5, false);
    task_unref(its_task);
}

/* The end of an essential task restarts the machine. */
static void test_essential(void *argument)
{
    (void)argument;
    control_start(1, 2, false, true);
    begin(BURNER);
    CHECK_EQUAL(host_machine_call_ends(0, end_essential, NULL), HOST_STOP_RESET);
    CHECK_EQUAL(host_machine_reset_kind(), ARCH_RESET_REBOOT);
    CHECK(strstr(host_console_text(), "essential task control ended, status 5") != NULL);
}

int main(int argc, char **argv)
{
    fix_addresses(argv);
    uint64_t first = parameter("WHARF_SEED", 1), runs = parameter("WHARF_RUNS", 16);
    threads = argc > 1 && strcmp(argv[1], "threads") == 0;
    if (!world_runs(one_run, first, runs))
        return 1;
    if (runs > 1 && !threads && !world_in_child(test_essential, NULL))
        return 1;
    printf("%zu tests in %llu runs\n", array_count(tests), (unsigned long long)runs);
    return 0;
}
