/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What kern/exception.h promises, story by story: who is asked and in which order, what each answer
 * does, what becomes of an exception when the handler, the victim or the wait ends in the midst of
 * it; and all of it at once, by lot.
 *
 *      test_exceptions [threads]   WHARF_SEED, WHARF_RUNS, WHARF_CPUS
 */
#include "exception_world.h"

#include <arch/timer.h>
#include <kern/cpu.h>
#include <kern/frame.h>
#include <kern/log.h>
#include <string.h>
#include <wharf/if/exception_ports_types.h>
#include <wharf/if/exception_types.h>

enum { RIGHTS = EXCEPTION_PORTS_FLAVOUR_RIGHTS, STATE = EXCEPTION_PORTS_FLAVOUR_STATE };

CALL(call_suspend, thread_suspend(call->thread, &call->progress))
CALL(call_resume, thread_resume_count(call->thread))
CALL(call_abort, thread_abort(call->thread))
CALL(call_terminate, (thread_terminate(call->thread), KERN_SUCCESS))
CALL(call_end_task, (task_terminate(call->thread->task, 0, false), KERN_SUCCESS))
CALL(call_get, thread_get_state(call->thread, THREAD_STATE_GENERAL, call->state, &call->size))
CALL(call_set, thread_set_state(call->thread, THREAD_STATE_GENERAL, call->state, call->size))

static kern_return_t state_call(kern_return_t (*function)(struct call *call),
                                struct thread_state_general *state)
{
    return until_done(&(struct call){
        .function = function, .thread = victim, .state = state, .size = sizeof(*state)});
}

static uint64_t random_state;

static unsigned below(unsigned bound)
{
    return (unsigned)host_random_below(&random_state, bound);
}

static void mode(unsigned who, enum mode mode)
{
    atomic_store(&handlers[who].mode, mode);
}

/* The victim executes what comes behind the exception. */
static bool goes_on_with(uint32_t before)
{
    return atomic_load(&went_on) > before && atomic_load(&victim->state) != THREAD_WAITING &&
           !has_crashed();
}

static bool waits_for_answer(void)
{
    return atomic_load(&victim->state) == THREAD_WAITING;
}

/* ---- order and outcomes ---- */

static const uint64_t everybody[] = {1, 12, 123, 1234};

/* Each may be the one that handles it; nobody after it is asked. */
static void test_order(unsigned flavour)
{
    exceptions_begin(flavour);
    for (unsigned who = 0; who < EXCEPTION_SLOTS; who++) {
        uint32_t before = atomic_load(&went_on);
        mode(who, HANDLE);
        raise_one(STEP_OVER);
        CHECK_EQUAL(asked(), everybody[who]);
        CHECK(goes_on_with(before));
        mode(who, REFUSE);
    }
    raise_one(STEP_OVER);
    CHECK_EQUAL(asked(), 1234);
    CHECK(has_crashed());
    exceptions_end();
}

/* Whatever the first does instead of answering, the second is asked. */
static void test_no_answer(unsigned flavour)
{
    static const enum mode modes[] = {GARBAGE, FORGET, END, END_TASK, JUMP};
    for (unsigned i = 0; i < array_count(modes); i++) {
        if (modes[i] == JUMP && flavour == RIGHTS)
            continue;
        exceptions_begin(flavour);
        mode(0, modes[i]);
        mode(1, HANDLE);
        raise_one(STEP_OVER);
        CHECK_EQUAL(asked(), 12);
        CHECK(goes_on_with(0));
        exceptions_end();
    }
}

static void test_masks(void)
{
    struct exception_place place = {.slot = EXCEPTION_OF_THREAD, .thread = victim};
    exceptions_begin(RIGHTS);
    place.thread = victim;
    mode(3, HANDLE);
    CHECK_EQUAL(register_port(&handlers[1], &place, RIGHTS, 1 << EXCEPTION_KIND_WRITE),
                KERN_SUCCESS);
    raise_one(STEP_OVER);
    CHECK_EQUAL(asked(), 134);
    CHECK_EQUAL(register_port(&handlers[1], &place, RIGHTS, 1 << EXCEPTION_KIND_BREAKPOINT),
                KERN_SUCCESS);
    raise_one(STEP_OVER);
    CHECK_EQUAL(asked(), 1234);
    CHECK_EQUAL(register_port(&handlers[1], &place, RIGHTS, 1), KERN_INVALID_VALUE);
    CHECK_EQUAL(register_port(&handlers[1], &place, 3, 2), KERN_INVALID_VALUE);
    exceptions_end();
}

/* An access that was made before fails: who runs is told if it has had device memory, with the syndrome and that it was late; if nobody
 * handles it the log says the same. */
static void test_late_abort(void)
{
    static char log[64 * 1024];
    exceptions_begin(RIGHTS);
    victim_task->map.devices = true;
    mode(1, HANDLE);
    raise_one(LATE);
    CHECK_EQUAL(asked(), 12);
    CHECK(goes_on_with(0));
    CHECK_EQUAL(told().kind, EXCEPTION_KIND_BUS);
    CHECK_EQUAL(told().code, EXCEPTION_CODE_LATE | SYNDROME);
    CHECK_EQUAL(told().address, 0);
    mode(1, REFUSE);
    raise_one(LATE);
    CHECK(has_crashed());
    log[log_read_tail(log, sizeof(log) - 1)] = '\0';
    const char *line = strstr(log, "crashed: asynchronous bus error");
    CHECK(line && strstr(line, "syndrome be000011, an access made before"));
    exceptions_end();
}

/* A port that died before. */
static void test_dead_ports(void)
{
    exceptions_begin(RIGHTS);
    CHECK_EQUAL(on(handlers[0].thread, call_end_task), KERN_SUCCESS);
    CHECK_EQUAL(on(handlers[2].thread, call_end_task), KERN_SUCCESS);
    settle();
    mode(3, HANDLE);
    raise_one(STEP_OVER);
    CHECK_EQUAL(asked(), 24);
    CHECK(goes_on_with(0));
    exceptions_end();
}

/* ---- the wait ends in another way ---- */

static void begin_held(unsigned flavour, enum raise what)
{
    exceptions_begin(flavour);
    mode(0, HOLD);
    raise_one(what);
    CHECK_EQUAL(asked(), 1);
    CHECK(waits_for_answer());
}

/* An abort withdraws it. The access is repeated, so it is raised again; the old answer is lost. */
static void test_abort(unsigned flavour)
{
    begin_held(flavour, STEP_OVER);
    CHECK_EQUAL(on(victim, call_abort), KERN_SUCCESS);
    settle();
    CHECK(goes_on_with(0) && asked() == 0);
    mode(0, REFUSE);
    settle();
    CHECK(goes_on_with(0) && asked() == 0);
    exceptions_end();

    begin_held(flavour, TOUCH);
    CHECK_EQUAL(on(victim, call_abort), KERN_SUCCESS);
    settle();
    CHECK(waits_for_answer() && asked() == 0); /* again, behind the first */
    mode(1, HOLD);
    mode(0, REFUSE);
    settle();
    CHECK_EQUAL(asked(), 12);
    CHECK(waits_for_answer());
    exceptions_end();
}

static void test_ends(unsigned flavour)
{
    begin_held(flavour, STEP_OVER);
    CHECK_EQUAL(on(victim, call_terminate), KERN_SUCCESS);
    settle();
    mode(0, HANDLE);
    settle();
    CHECK_EQUAL(asked(), 0);
    exceptions_end();

    begin_held(flavour, TOUCH);
    CHECK_EQUAL(on(victim, call_end_task), KERN_SUCCESS);
    settle();
    mode(0, REFUSE);
    settle();
    CHECK_EQUAL(asked(), 0);
    exceptions_end();
}

/* The answer is taken, but the thread does not go on before it is resumed; nor is the next handler asked. */
static void test_suspended(unsigned flavour)
{
    for (unsigned abort = 0; abort < 2; abort++) {
        begin_held(flavour, STEP_OVER);
        uint32_t before = atomic_load(&went_on);
        CHECK_EQUAL(on(victim, call_suspend), KERN_SUCCESS);
        mode(0, abort ? REFUSE : HANDLE);
        settle();
        CHECK_EQUAL(atomic_load(&victim->state), THREAD_SUSPENDED);
        CHECK(went_on == before && asked() == 0);
        if (abort) {
            CHECK_EQUAL(on(victim, call_abort), KERN_SUCCESS);
            CHECK_EQUAL(on(victim, call_abort), KERN_NOT_WAITING);
        }
        CHECK_EQUAL(on(victim, call_resume), KERN_SUCCESS);
        settle();
        CHECK(goes_on_with(before) && asked() == 0);
        exceptions_end();
    }
    begin_held(flavour, STEP_OVER);
    CHECK_EQUAL(on(victim, call_suspend), KERN_SUCCESS);
    mode(0, REFUSE);
    mode(1, HANDLE);
    settle();
    CHECK_EQUAL(asked(), 0);
    CHECK_EQUAL(on(victim, call_resume), KERN_SUCCESS);
    settle();
    CHECK_EQUAL(asked(), 2);
    exceptions_end();
}

/* ---- registers ---- */

/* All of them can be had while the handler thinks, and set. */
static void test_registers(void)
{
    struct thread_state_general state, seen;
    begin_held(RIGHTS, TOUCH);
    memset(&state, 0xee, sizeof(state));
    CHECK_EQUAL(state_call(call_get, &state), KERN_SUCCESS);
    CHECK_EQUAL(state.pc, victim->arch.pc);
    CHECK_EQUAL(state.x[0], victim->arch.x[0]);
    state.pc += 4;
    state.x[5] = 55;
    CHECK_EQUAL(state_call(call_set, &state), KERN_SUCCESS);
    CHECK(waits_for_answer());
    CHECK_EQUAL(state_call(call_get, &seen), KERN_SUCCESS);
    CHECK(seen.x[5] == 55 && seen.pc == state.pc);
    state.pc++;
    CHECK_EQUAL(state_call(call_set, &state), KERN_INVALID_ADDRESS);
    mode(0, HANDLE);
    settle();
    CHECK(goes_on_with(0) && asked() == 0); /* the access is not repeated */
    exceptions_end();
}

/* By the answer: behind the instruction, which otherwise is repeated for ever. */
static void test_state_answers(void)
{
    exceptions_begin(STATE);
    mode(0, SKIP);
    raise_one(TOUCH);
    CHECK_EQUAL(asked(), 1);
    CHECK(goes_on_with(0));
    mode(0, HANDLE);
    raise_one(TOUCH);
    CHECK(handlers[0].asked > 3 && !has_crashed());
    exceptions_end();
}

/* Somebody looks again and again; what is seen has the registers of the instruction, all of them. */
static struct thread_state_general mark;

static kern_return_t look(struct call *call)
{
    struct thread_state_general seen;
    for (unsigned i = 0; i < 20; i++) {
        size_t size = sizeof(seen);
        if (thread_get_state(call->thread, THREAD_STATE_GENERAL, &seen, &size) != KERN_SUCCESS)
            continue;
        CHECK_EQUAL(seen.pc, mark.pc);
        CHECK(memcmp(seen.x, mark.x, sizeof(seen.x)) == 0);
    }
    return KERN_SUCCESS;
}

/* A debugger stops the thread while answers come, each with all registers. */
static void test_watched(void)
{
    static struct call calls[MAX_CPUS];
    begin_held(STATE, TOUCH);
    CHECK_EQUAL(state_call(call_get, &mark), KERN_SUCCESS);
    memset(mark.x, 0x5a, sizeof(mark.x));
    CHECK_EQUAL(state_call(call_set, &mark), KERN_SUCCESS);
    CHECK_EQUAL(state_call(call_get, &mark), KERN_SUCCESS);
    CHECK(mark.x[0] && mark.x[5]);
    atomic_store(&to_raise, 1000000);
    mode(0, REFUSE); /* it has the old registers */
    mode(1, HANDLE);
    settle();
    mode(0, HANDLE);
    for (unsigned i = 0; i < 200; i++) {
        for (unsigned cpu = 0; cpu < cpu_count; cpu++) {
            calls[cpu] = (struct call){.function = cpu == i % cpu_count ? call_suspend : look,
                                       .thread = victim};
            if (below(4))
                host_machine_post(cpu, do_call, &calls[cpu]);
        }
        run(1 + below(4));
        while (on(victim, call_resume) == KERN_SUCCESS)
            continue;
    }
    mode(0, SKIP);
    atomic_store(&to_raise, 0);
    settle();
    CHECK(goes_on_with(0) && !has_crashed());
    exceptions_end();
}

/* ---- handlers that fault themselves ---- */

static void task_handler(unsigned of, unsigned by)
{
    struct exception_place place = {.slot = EXCEPTION_OF_TASK, .task = handlers[of].task};
    CHECK_EQUAL(register_port(&handlers[by], &place, RIGHTS, EXCEPTION_ALL), KERN_SUCCESS);
}

static void no_last_resort(void *unused)
{
    struct exception_handler none = {.flavour = RIGHTS};
    (void)unused;
    CHECK_EQUAL(exception_swap(&(struct exception_place){.slot = EXCEPTION_OF_HOST}, &none),
                KERN_SUCCESS);
    kright_destroy(&none.port);
}

static void begin_with_fault(void)
{
    exceptions_begin(RIGHTS);
    host_machine_call(0, no_last_resort, NULL);
    mode(0, FAULT);
    mode(1, HANDLE);
}

static void test_faulting_handlers(void)
{
    begin_with_fault(); /* one that somebody else handles */
    task_handler(0, 2);
    mode(2, HANDLE);
    raise_one(STEP_OVER);
    CHECK_EQUAL(asked(), 13);
    CHECK(goes_on_with(0) && !handlers[0].task->dying);
    exceptions_end();

    begin_with_fault(); /* on the port that it serves itself */
    task_handler(0, 0);
    raise_one(STEP_OVER);
    CHECK_EQUAL(asked(), 12);
    CHECK(goes_on_with(0) && handlers[0].task->crashed);
    exceptions_end();

    begin_with_fault(); /* each is the other's */
    task_handler(0, 2);
    task_handler(2, 0);
    mode(2, FAULT);
    raise_one(STEP_OVER);
    CHECK_EQUAL(asked(), 132);
    CHECK(goes_on_with(0) && handlers[0].task->crashed && handlers[2].task->crashed);
    exceptions_end();
}

/* ---- memory ---- */

static void fail_nth(void *argument)
{
    (void)alloc_fail_nth(*(const uint64_t *)argument);
}

/* Who cannot be asked for want of memory is passed over. */
static void test_no_memory(unsigned flavour)
{
    for (uint64_t n = 1; n <= 4; n++) {
        uint64_t off = 0;
        exceptions_begin(flavour);
        mode(0, HANDLE);
        mode(1, HANDLE);
        host_machine_call(0, fail_nth, &n);
        raise_one(STEP_OVER);
        host_machine_call(0, fail_nth, &off);
        CHECK(goes_on_with(0));
        CHECK(asked() != 0 ||
              n > 1); /* a request, or its answer, may be what there was no memory for */
        exceptions_end();
    }
}

/* ---- everything at once ---- */

/* Post a call that is made once, whatever it returns. */
static void disturb(struct call *call, unsigned cpu)
{
    static struct thread_state_general state[MAX_CPUS];
    static kern_return_t (*const functions[])(struct call * call) = {
        call_suspend, call_resume, call_resume, call_abort, call_abort, call_get, call_set,
    };
    *call = (struct call){.function = functions[below(array_count(functions))],
                          .thread = victim,
                          .state = &state[cpu],
                          .size = sizeof(state[cpu])};
    state[cpu].pc = 0x10000;
    host_machine_post(cpu, do_call, call);
}

static void test_storm(unsigned flavour)
{
    static struct call calls[MAX_CPUS];
    static const enum mode modes[] = {HANDLE, HANDLE, REFUSE, GARBAGE, FORGET, HOLD, SKIP, JUMP};
    exceptions_begin(flavour);
    atomic_store(&how, below(2) ? TOUCH : STEP_OVER);
    atomic_store(&to_raise, 1000);
    for (unsigned i = 0; i < 60; i++) {
        for (unsigned who = 0; who < EXCEPTION_SLOTS; who++)
            mode(who, who == 3 ? SKIP : modes[below(array_count(modes))]);
        for (unsigned cpu = 0; cpu < cpu_count; cpu++)
            if (below(2))
                disturb(&calls[cpu], cpu);
        (void)host_machine_run(1 + below(60), arch_counter() + arch_counter_frequency() / 1000);
    }
    if (below(2))
        CHECK_EQUAL(on(victim, below(2) ? call_terminate : call_end_task), KERN_SUCCESS);
    exceptions_end();
}

static void run_tests(uint64_t seed, unsigned cpus, bool threads)
{
    random_state = seed;
    exceptions_start(seed, cpus, threads);
    for (unsigned flavour = RIGHTS; flavour <= STATE; flavour++) {
        handlers_use_sets = (seed + flavour) / 2 % 2; /* with every number of CPUs */
        test_order(flavour);
        test_no_answer(flavour);
        test_abort(flavour);
        test_ends(flavour);
        test_suspended(flavour);
        test_no_memory(flavour);
        for (unsigned i = 0; i < 6; i++)
            test_storm(flavour);
    }
    test_masks();
    test_dead_ports();
    test_late_abort();
    test_registers();
    test_state_answers();
    test_watched();
    test_faulting_handlers();
    host_machine_end();
}

struct run {
    uint64_t seed;
    unsigned cpus;
    bool threads;
};

static void one_run(void *argument)
{
    const struct run *run = argument;
    run_tests(run->seed, run->cpus, run->threads);
}

int main(int argc, char **argv)
{
    struct run run = {.seed = parameter("WHARF_SEED", 1),
                      .threads = argc > 1 && strcmp(argv[1], "threads") == 0};
    uint64_t runs = parameter("WHARF_RUNS", 12), cpus = parameter("WHARF_CPUS", 0);
    fix_addresses(argv);
    for (; runs > 0; runs--, run.seed++) {
        run.cpus = cpus ? (unsigned)cpus : 1 + (unsigned)(run.seed % 4);
        if (!world_in_child(one_run, &run)) {
            fprintf(stderr, "WHARF_SEED=%llu WHARF_RUNS=1 WHARF_CPUS=%u\n",
                    (unsigned long long)run.seed, run.cpus);
            return 1;
        }
    }
    printf("exceptions: all passed\n");
    return 0;
}
