/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User mode: does the actions that the script names, and enters the kernel as a program's
 * instructions would.
 */
#include "machine.h"

#include <arch/message.h>
#include <arch/upcalls.h>
#include <kern/thread.h>
#include <machine/host_mmu.h>
#include <string.h>
#include <wharf/message.h>

enum { INSTRUCTION = 4, BURN_SLICE = 512 };

static void action_done(struct thread *t)
{
    struct host_program *p = &t->arch.program;
    p->busy = false;
    p->actions++;
    t->arch.pc += INSTRUCTION;
    uint64_t done = atomic_fetch_add_explicit(&host_machine.steps, 1, memory_order_relaxed) + 1;
    if (done >= atomic_load_explicit(&host_machine.step_limit, memory_order_relaxed))
        host_ask_stop(HOST_STOP_STEPS);
}

/* What a trap returned goes to the thread if it is still current. Otherwise it waits, or runs
 * elsewhere by now, or is
 * gone: it may not be touched. As the real machine's exit does it. */
static void trap_done(struct host_cpu *cpu, struct thread *t, uint64_t result)
{
    struct arch_thread *a = &t->arch;
    if (cpu->record->current != t) {
        if (!atomic_load(&cpu->record->reschedule))
            host_machine_fail("cpu %u left a trap without a thread and not to reschedule",
                              cpu->index);
        return;
    }
    if (!a->restarted)
        a->x[0] = result;
    host_hash(result);
}

uint64_t *host_message_body(void)
{
    return arch_cpu_self()->arch.message_body;
}

struct thread *host_message_leave(struct thread *next, const uint64_t header[5])
{
    static const enum msg_register place[5] = {MSG_X_ID, MSG_X_CONTROL, MSG_X_LOCAL, MSG_X_RECEIVE,
                                               MSG_X_DEADLINE};
    arch_message_set(&next->arch, MSG_X_DEST, 0);
    for (unsigned i = 0; i < 5; i++)
        arch_message_set(&next->arch, place[i], header[i]);
    return next;
}

struct thread *host_message_leave_whole(struct thread *next)
{
    arch_cpu_self()->arch.message_whole = true; /* do_message() leaves its registers alone */
    return next;
}

/* The message trap keeps its registers in memory. The fast way takes over to another thread. */
static void do_message(struct host_cpu *cpu, struct thread *t)
{
    struct arch_thread *a = &t->arch;
    if (!a->restarted)
        memcpy(a->x, a->program.action.args, sizeof(a->x));
    a->restarted = false;
    action_done(t);
    host_hash(a->x[1] ^ a->x[2] << 8);
    arch_message_get_body(a, host_message_body());
    struct thread *next = NULL;
    bool is_long = msg_length(a->x[2]) > MSG_REGISTER_BYTES;
    if (a->x[MSG_X_LOCAL] == 0 && a->x[MSG_X_DEADLINE] == UINT64_MAX)
        next = (is_long ? kern_msg_fast_long : kern_msg_fast)(a->x[0], a->x[1], a->x[2], 0,
                                                              a->x[MSG_X_RECEIVE], cpu->record, t);
    bool whole = cpu->record->arch.message_whole; /* done, whoever runs now, or nobody */
    cpu->record->arch.message_whole = false;
    if (next && cpu->record->current != next)
        host_machine_fail("kern_msg_fast: another thread is current");
    if (!next && !whole)
        kern_msg(t);
    if (!next || whole)
        return;
    unsigned words = is_long ? 0 : (msg_length(next->arch.x[2]) + 7) / 8;
    arch_message_set_body(&next->arch, host_message_body(), words);
    /* The real machine's exit clears these. */
    next->arch.x[MSG_X_BUFFER] = next->arch.x[MSG_X_BUFFER_SIZE] = 0;
}

/* A trap: arguments go to the handler, not to memory. */
static void do_trap(struct host_cpu *cpu, struct thread *t)
{
    struct arch_thread *a = &t->arch;
    uint64_t number = a->program.action.number, x[6], result;
    if (number == TRAP_MSG) {
        do_message(cpu, t);
        return;
    }
    for (unsigned i = 0; i < 6; i++)
        x[i] = a->restarted ? a->x[i] : a->program.action.args[i];
    for (unsigned i = 0; i < array_count(a->x); i++)
        a->x[i] = UINT64_C(0xdead0000dead0000) + i;
    a->restarted = false;
    action_done(t);
    host_hash(number ^ x[0] << 8);
    if (number < kern_trap_count)
        result = kern_trap_table[number](x[0], x[1], x[2], x[3], x[4], x[5], t);
    else
        result = kern_bad_trap(t, number);
    trap_done(cpu, t, result);
}

static void do_touch(struct host_cpu *cpu, struct thread *t)
{
    static const unsigned prot_of[] = {
        [ACCESS_READ] = PROT_READ, [ACCESS_WRITE] = PROT_WRITE, [ACCESS_EXECUTE] = PROT_EXECUTE};
    struct host_program *p = &t->arch.program;
    uint32_t word = (uint32_t)p->action.value;
    enum host_fault fault =
        host_user_access(cpu->index, p->action.va, prot_of[p->action.access], &word, sizeof(word));
    if (fault == HOST_FAULT_NONE) {
        p->loaded = word;
        action_done(t);
    } else {
        kern_return_t kr = kern_user_fault(t, p->action.va, p->action.access, fault);
        if (kr != KERN_SUCCESS)
            kern_user_fault_refused(t, p->action.va, p->action.access, fault, kr);
    }
}

static void do_burn(struct host_cpu *cpu, struct thread *t)
{
    struct host_program *p = &t->arch.program;
    ticks_t start = atomic_load(&host_machine.now), alarm = atomic_load(&cpu->alarm);
    ticks_t until = start + p->burn_left;
    host_machine.driver->wait(cpu, until < alarm ? until : alarm, false);
    ticks_t spent = atomic_load(&host_machine.now) - start;
    if (spent < p->burn_left)
        p->burn_left -= spent;
    else
        action_done(t);
}

static void next_action(struct host_cpu *cpu, struct thread *t)
{
    struct host_program *p = &t->arch.program;
    p->action = (struct host_action){.kind = HOST_STAY};
    host_machine.config.script(t, cpu->index, &p->action, host_machine.config.context);
    p->burn_left = p->action.ticks;
    p->busy = true;
    host_hash((uint64_t)t->id << 32 | (uint64_t)p->action.kind);
}

static void check_registers(struct host_cpu *cpu, const struct thread *t)
{
    if (cpu->record->arch.fp != t->arch.program.fp)
        host_machine_fail("thread %u has the FP state of somebody else", t->id);
    if (cpu->record->arch.tls != t->arch.tls)
        host_machine_fail("thread %u has the thread pointer of somebody else", t->id);
}

void host_user_step(struct host_cpu *cpu, struct thread *t)
{
    struct host_program *p = &t->arch.program;
    check_registers(cpu, t);
    if (t->arch.restarted) {
        do_trap(cpu, t);
        return;
    }
    if (!p->busy)
        next_action(cpu, t);
    switch (p->action.kind) {
    case HOST_TRAP: do_trap(cpu, t); break;
    case HOST_TOUCH: do_touch(cpu, t); break;
    case HOST_BURN: do_burn(cpu, t); break;
    case HOST_EXCEPTION:
        p->busy = false;
        kern_user_exception(t, p->action.exception, p->action.va, 0);
        break;
    case HOST_LATE_ABORT:
        p->busy = false;
        if (!kern_late_abort(t, p->action.value))
            host_machine_fail("a late abort that no program can have caused");
        break;
    case HOST_FP:
        cpu->record->arch.fp = p->fp = p->action.value;
        action_done(t);
        break;
    case HOST_STAY: action_done(t); break;
    }
}
