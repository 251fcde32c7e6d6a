/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See target.h: how the task stops and goes on.
 */
#include "target.h"
#include <libsys/program.h>
#include <libsys/server.h>
#include <libsys/stub.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <tasks.h>
#include <wharf/if/exception.h>
#include <wharf/if/exception_ports.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>

/* ---- threads; their rights are looked for each time, and given up again ---- */

struct search {
    uint32_t after, found;
    kern_return_t (*act)(mach_port_name_t thread, void *argument); /* on the thread `found` */
    void *argument;
    kern_return_t result;
};

static bool look_behind(void *context, mach_port_name_t thread, const struct thread_info *info)
{
    struct search *search = context;
    (void)thread;
    if (info->id > search->after && (search->found == 0 || info->id < search->found))
        search->found = info->id;
    return true;
}

static uint32_t next_thread(void *context, uint32_t after)
{
    const struct target *target = context;
    struct search search = {.after = after};
    threads_each(target->task, look_behind, &search);
    return search.found;
}

static bool look_for(void *context, mach_port_name_t thread, const struct thread_info *info)
{
    struct search *search = context;
    if (info->id == search->found)
        search->result = search->act(thread, search->argument);
    return true;
}

static bool on_thread(const struct target *target, uint32_t thread,
                      kern_return_t (*act)(mach_port_name_t, void *), void *argument)
{
    struct search search = {.found = thread,
                            .act = act,
                            .argument = argument,
                            .result = KERN_NOT_FOUND};
    threads_each(target->task, look_for, &search);
    return search.result == KERN_SUCCESS;
}

/* ---- registers ---- */

union state {
    uint64_t word[THREAD_STATE_WORDS];
    struct thread_state_general general;
    struct thread_state_fp fp;
};

static kern_return_t get_registers(mach_port_name_t thread, void *argument)
{
    struct remote_registers *registers = argument;
    union state state;
    uint32_t words = 0;
    kern_return_t kr = thread_get_state(thread, THREAD_STATE_GENERAL, state.word, &words);
    if (kr != KERN_SUCCESS)
        return kr;
    registers->general = state.general;
    kr = thread_get_state(thread, THREAD_STATE_FP, state.word, &words);
    if (kr == KERN_SUCCESS)
        registers->fp = state.fp;
    return kr;
}

static kern_return_t set_registers(mach_port_name_t thread, void *argument)
{
    const struct remote_registers *registers = argument;
    union state state = {.general = registers->general};
    const kern_return_t kr =
        thread_set_state(thread, THREAD_STATE_GENERAL, state.word, sizeof(state.general) / 8);
    if (kr != KERN_SUCCESS)
        return kr;
    state.fp = registers->fp;
    return thread_set_state(thread, THREAD_STATE_FP, state.word, sizeof(state.fp) / 8);
}

static bool read_registers(void *context, uint32_t thread, struct remote_registers *registers)
{
    return on_thread(context, thread, get_registers, registers);
}

static bool write_registers(void *context, uint32_t thread,
                            const struct remote_registers *registers)
{
    return on_thread(context, thread, set_registers, (void *)(uintptr_t)registers);
}

/* ---- memory ---- */

static bool read_memory(void *context, uint64_t address, void *bytes, size_t size)
{
    struct target *target = context;
    return breakpoint_read(&target->breakpoints, address, bytes, size);
}

static bool write_memory(void *context, uint64_t address, const void *bytes, size_t size)
{
    struct target *target = context;
    return breakpoint_write(&target->breakpoints, address, bytes, size);
}

static bool insert(void *context, uint64_t address)
{
    struct target *target = context;
    return breakpoint_insert(&target->breakpoints, address);
}

static bool take_out(void *context, uint64_t address)
{
    struct target *target = context;
    return breakpoint_remove(&target->breakpoints, address);
}

/* ---- exceptions that wait ---- */

static void answer(struct target *target, unsigned index, kern_return_t result)
{
    (void)!exception_reply_raise(target->waiting[index].reply, result);
    target->waiting[index] = target->waiting[--target->waiting_count];
}

static uint8_t signal_of(uint32_t kind)
{
    switch (kind) {
    case EXCEPTION_KIND_READ:
    case EXCEPTION_KIND_WRITE:
    case EXCEPTION_KIND_EXECUTE: return REMOTE_SIGSEGV;
    case EXCEPTION_KIND_BAD_INSTRUCTION: return REMOTE_SIGILL;
    case EXCEPTION_KIND_ARITHMETIC: return REMOTE_SIGFPE;
    case EXCEPTION_KIND_ALIGNMENT:
    case EXCEPTION_KIND_BUS: return REMOTE_SIGBUS;
    default: return REMOTE_SIGTRAP;
    }
}

static struct remote_stop tell(struct target_exception *e)
{
    e->told = true;
    return (struct remote_stop){REMOTE_STOPPED, signal_of(e->kind), e->thread};
}

/* T2: one that GDB does not know of. */
static struct target_exception *untold(struct target *target)
{
    for (unsigned i = 0; i < target->waiting_count;) {
        struct target_exception *e = &target->waiting[i];
        if (!e->told && e->breakpoint && !breakpoint_is_at(&target->breakpoints, e->address))
            answer(target, i, KERN_SUCCESS);
        else if (!e->told)
            return e;
        else
            i++;
    }
    return NULL;
}

/* A signal that is the program's goes to who makes signals of exceptions. */
static void answer_told(struct target *target, const struct remote_run *run)
{
    for (unsigned i = target->waiting_count; i-- > 0;) {
        const struct target_exception *e = &target->waiting[i];
        const bool passed_on = run->signal != 0 && run->signal_thread == e->thread &&
                               e->kind != EXCEPTION_KIND_BREAKPOINT;
        answer(target, i, passed_on ? KERN_FAILURE : KERN_SUCCESS);
    }
}

/* ---- steps (T3) ---- */

static kern_return_t suspend(mach_port_name_t thread, void *argument)
{
    (void)argument;
    return thread_suspend(thread);
}

static kern_return_t let_go_on(mach_port_name_t thread, void *argument)
{
    (void)argument;
    return thread_resume(thread);
}

static void hold_all_but(struct target *target, uint32_t one)
{
    for (uint32_t thread = next_thread(target, 0);
         thread != 0 && target->held_count < TARGET_HELD_MAX; thread = next_thread(target, thread))
        if (thread != one && on_thread(target, thread, suspend, NULL))
            target->held[target->held_count++] = thread;
}

static void release_held(struct target *target)
{
    for (unsigned i = 0; i < target->held_count; i++)
        (void)on_thread(target, target->held[i], let_go_on, NULL);
    target->held_count = 0;
}

static bool read_instruction(void *context, uint64_t address, uint32_t *instruction)
{
    return read_memory(context, address, instruction, sizeof(*instruction));
}

/* Breakpoints at the places of `from`, where they can be had: what cannot be reached by one the thread finds out by itself. */
static void put_places(struct target *target, const struct step *from, struct step *step)
{
    const struct step wanted = *from;
    *step = (struct step){.traps = wanted.traps};
    for (unsigned i = 0; i < wanted.count; i++)
        if (breakpoint_insert(&target->breakpoints, wanted.place[i]))
            step->place[step->count++] = wanted.place[i];
}

static void take_places(struct target *target, const struct step *step)
{
    for (unsigned i = 0; i < step->count; i++)
        (void)breakpoint_remove(&target->breakpoints, step->place[i]);
}

static bool places_of(struct target *target, uint32_t thread, struct step *step)
{
    struct remote_registers registers;
    if (!read_registers(target, thread, &registers))
        return false;
    step_places(&registers.general, read_instruction, target, step);
    return true;
}

static void begin_step(struct target *target, const struct remote_run *run)
{
    struct step step;
    if (run->step == 0 || !places_of(target, run->step, &step))
        return;
    target->stepping = run->step;
    put_places(target, &step, &target->step);
    if (!(step.traps && run->others))
        hold_all_but(target, target->stepping);
}

/* T4. The task is suspended. */
static void end_detour(struct target *target)
{
    if (target->detour == 0)
        return;
    take_places(target, &target->aside);
    release_held(target);
    put_places(target, &target->step, &target->step);
    target->detour = 0;
}

/* The task is suspended. */
static void end_step(struct target *target)
{
    end_detour(target);
    take_places(target, &target->step);
    release_held(target);
    target->step.count = 0;
    target->stepping = 0;
}

/* A breakpoint that is there for the step of another thread, and for nothing else. */
static bool is_for_another(const struct target *target, const struct target_exception *e)
{
    const unsigned users = breakpoint_users(&target->breakpoints, e->address);
    if (!e->breakpoint || e->told || target->stepping == 0 || e->thread == target->stepping)
        return false;
    for (unsigned i = 0; i < target->step.count; i++)
        if (target->step.place[i] == e->address)
            return users <= 1;
    return false;
}

/* The task is suspended. An instruction that may wait itself is not executed so: its thread waits until the step is over. */
static bool begin_detour(struct target *target, unsigned index)
{
    const uint32_t thread = target->waiting[index].thread;
    struct step aside;
    if (!places_of(target, thread, &aside) || aside.traps)
        return false;
    take_places(target, &target->step);
    put_places(target, &aside, &target->aside);
    target->detour = thread;
    hold_all_but(target, thread);
    answer(target, index, KERN_SUCCESS);
    return true;
}

/* The next one that wants to get by. */
static void look_for_detour(struct target *target)
{
    for (unsigned i = 0; i < target->waiting_count && target->detour == 0; i++)
        if (is_for_another(target, &target->waiting[i]) && begin_detour(target, i))
            return;
}

/* It is at the end of its detour, and no breakpoint of GDB's is there. */
static bool is_back(const struct target *target, const struct target_exception *e)
{
    if (target->detour == 0 || e->thread != target->detour || !e->breakpoint)
        return false;
    for (unsigned i = 0; i < target->aside.count; i++)
        if (target->aside.place[i] == e->address)
            return breakpoint_users(&target->breakpoints, e->address) == 1;
    return false;
}

/* The last exception that came is not to be told, and has to do with the step. Meanwhile the task is suspended. */
static void go_around(struct target *target, bool back)
{
    (void)!task_suspend(target->task);
    if (back) {
        end_detour(target);
        answer(target, target->waiting_count - 1, KERN_SUCCESS);
    }
    look_for_detour(target);
    (void)!task_resume(target->task);
}

/* ---- stopping and going on ---- */

static void halt(struct target *target)
{
    if (!target->running)
        return;
    (void)!task_suspend(target->task);
    target->running = false;
    end_step(target);
}

static bool resume(void *context, const struct remote_run *run, struct remote_stop *stop)
{
    struct target *target = context;
    struct target_exception *e = untold(target);
    if (e) {
        *stop = tell(e);
        return false;
    }
    begin_step(target, run);
    answer_told(target, run);
    target->running = true;
    (void)!task_resume(target->task);
    return true;
}

static void interrupt(void *context, struct remote_stop *stop)
{
    struct target *target = context;
    halt(target);
    *stop = (struct remote_stop){REMOTE_STOPPED, REMOTE_SIGINT, next_thread(target, 0)};
}

static void let_go(struct target *target, kern_return_t result)
{
    (void)!exception_ports_set(target->task, EXCEPTION_PORTS_SLOT_DEBUGGER,
                               EXCEPTION_PORTS_FLAVOUR_RIGHTS, 0, MSG_NULL);
    while (target->waiting_count > 0) {
        const struct target_exception *e = &target->waiting[target->waiting_count - 1];
        answer(target, target->waiting_count - 1, e->breakpoint ? KERN_SUCCESS : result);
    }
    (void)!task_resume(target->task);
}

static void detach(void *context)
{
    struct target *target = context;
    halt(target);
    breakpoint_remove_all(&target->breakpoints);
    let_go(target, KERN_FAILURE);
}

static void end_it(void *context)
{
    struct target *target = context;
    if (target->child == 0 || kill(target->child, SIGKILL) != 0)
        (void)!task_terminate(target->task, 128 + SIGKILL);
    let_go(target, KERN_FAILURE);
}

/* It was raised by an instruction of ours: one is there, or was and has been taken away since, for the program's own does not go away. */
static bool is_ours(struct target *target, uint32_t kind, uint64_t address)
{
    uint32_t under;
    return kind == EXCEPTION_KIND_BREAKPOINT &&
           (breakpoint_is_at(&target->breakpoints, address) ||
            (read_instruction(target, address, &under) && !is_breakpoint_instruction(under)));
}

bool target_raised(struct target *target, struct server_message *message, uint32_t thread,
                   uint32_t kind, uint64_t address, kern_return_t *result, struct remote_stop *stop)
{
    *result = KERN_FAILURE;
    if (target->waiting_count == TARGET_WAITING_MAX || server_keep_reply(message) != KERN_SUCCESS)
        return false;
    *result = MIG_NO_REPLY;
    struct target_exception *e = &target->waiting[target->waiting_count++];
    *e = (struct target_exception){.thread = thread,
                                   .kind = kind,
                                   .reply = message->reply,
                                   .address = address};
    e->breakpoint = is_ours(target, kind, address);
    const bool back = is_back(target, e);
    if (target->running && (back || is_for_another(target, e))) {
        go_around(target, back);
        return false;
    }
    if (!target->running)
        return false;
    if (e->breakpoint && !breakpoint_is_at(&target->breakpoints, address)) { /* T2 */
        answer(target, target->waiting_count - 1, KERN_SUCCESS);
        return false;
    }
    halt(target);
    *stop = tell(e);
    return true;
}

void target_ended(struct target *target, struct remote_stop *stop)
{
    int status = 0;
    *stop = (struct remote_stop){.how = REMOTE_EXITED};
    target->running = false;
    if (target->child == 0 || waitpid(target->child, &status, 0) != target->child)
        return;
    if (WIFSIGNALED(status))
        *stop = (struct remote_stop){.how = REMOTE_KILLED, .value = (uint8_t)WTERMSIG(status)};
    else
        stop->value = (uint8_t)WEXITSTATUS(status);
}

kern_return_t target_begin(struct target *target, mach_port_name_t task, mach_port_name_t port,
                           struct remote_stop *stop)
{
    target->task = task;
    target->breakpoints.memory =
        (struct breakpoint_memory){target_read_memory, target_write_memory, target};
    mach_port_name_t send;
    kern_return_t kr = port_insert_made_send(program_start_info->task, port, port, &send);
    if (kr == KERN_SUCCESS)
        kr = exception_ports_set(task, EXCEPTION_PORTS_SLOT_DEBUGGER,
                                 EXCEPTION_PORTS_FLAVOUR_RIGHTS, EXCEPTION_ALL, port);
    if (kr == KERN_SUCCESS)
        kr = port_watch(program_start_info->task, task, port);
    if (kr == KERN_SUCCESS)
        kr = task_suspend(task);
    *stop = (struct remote_stop){REMOTE_STOPPED, REMOTE_SIGTRAP, next_thread(target, 0)};
    return kr;
}

const struct remote_target target_operations = {
    .next_thread = next_thread,
    .read_registers = read_registers,
    .write_registers = write_registers,
    .read = read_memory,
    .write = write_memory,
    .insert = insert,
    .remove = take_out,
    .resume = resume,
    .interrupt = interrupt,
    .kill = end_it,
    .detach = detach,
};
