/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything arch calls in the portable kernel. All are called with interrupts masked, on the CPU's
 * kernel stack, with no lock held, and return; on return the arch resumes arch_cpu_self()->current,
 * or idles when that is NULL.
 */
#pragma once

#include <kern/types.h>

struct arch_boot_info;
struct cpu;
struct thread;

/** The boot CPU: bring everything up. Returns when there is something to run. */
void kern_main(const struct arch_boot_info *info);

/** A further CPU, MMU on, on its own stack, arch_cpu_self() set. */
void kern_secondary(struct cpu *cpu);

/** The handlers of user traps by number (wharf/abi/traps.def). Arguments as the user passed them;
 *  the result goes to the user's first result register unless the thread was made to wait or to
 *  restart. */
typedef uint64_t trap_handler_t(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                                uint64_t a5, struct thread *self);
extern trap_handler_t *const kern_trap_table[];
extern const uint64_t kern_trap_count;

/**
 * The message trap (wharf/message.h), whose registers are in `self`'s saved state; results go there,
 * too. Afterwards the arch resumes whatever is current, or calls kern_schedule().
 */
void kern_msg(struct thread *self);

/**
 * The same, tried first if the local name is 0, there is no deadline, and the body is in registers: a
 * call to, or an answer for, a thread that waits for just that. The header's registers are in
 * `self`'s saved state and in the arguments; the body's still are in the processor's, where this
 * function leaves them (it is compiled so). Returns the thread that runs now, in the trap's result,
 * with its header registers set; the body is to be taken from the registers, as many bytes as its
 * control word says; or it ends with arch_message_leave(). NULL: nothing has happened, kern_msg() is to
 * be called. `cpu` and `self`: the current ones; `nothing`
 * stands for the local name, so that all registers are where they are.
 */
struct thread *kern_msg_fast(uint64_t dest, uint64_t id, uint64_t control, uint64_t nothing,
                             uint64_t receive, struct cpu *cpu, struct thread *self);
/** The same for a body in memory, which uses the registers as it likes: if it returns, those of the body are to be
 *  cleared. */
struct thread *kern_msg_fast_long(uint64_t dest, uint64_t id, uint64_t control, uint64_t nothing,
                                  uint64_t receive, struct cpu *cpu, struct thread *self);

/** A trap number outside the table. Result as above. */
uint64_t kern_bad_trap(struct thread *self, uint64_t number);

enum access { ACCESS_READ = 1, ACCESS_WRITE = 2, ACCESS_EXECUTE = 4 };

/** `self` touched user address va and the MMU refused. `code`: the machine's own syndrome, for
 *  reports. KERN_SUCCESS: the access is to be repeated. Anything else goes to the function below. The thread's registers are not
 *  looked at before: the machine need not have saved them all. */
kern_return_t kern_user_fault(struct thread *self, vaddr_t va, enum access access, uint64_t code);
void kern_user_fault_refused(struct thread *self, vaddr_t va, enum access access, uint64_t code,
                             kern_return_t kr);

enum user_exception {
    USER_EXC_BAD_INSTRUCTION, /* undefined or not permitted at user level */
    USER_EXC_ALIGNMENT,       /* pc, sp or data alignment */
    USER_EXC_ARITHMETIC,      /* floating point */
    USER_EXC_BREAKPOINT,      /* breakpoint, by instruction or register */
    USER_EXC_STEP,            /* one instruction has been executed */
    USER_EXC_WATCHPOINT,      /* a watched address was touched */
    USER_EXC_BUS,             /* external abort, SError */
};

/** Something else `self` did that the machine refuses. */
void kern_user_exception(struct thread *self, enum user_exception kind, vaddr_t address,
                         uint64_t code);

/** An access that was made before has failed (an asynchronous abort), and nobody knows whose it was. `self`: who was interrupted in user mode, NULL:
 *  the CPU was idle. False: no program can have caused it; the arch reports it, and stops. */
bool kern_late_abort(struct thread *self, uint64_t code);

/** A device interrupt, acknowledged, priority dropped, still active. */
void kern_interrupt(unsigned irq);

/** This CPU's alarm rang; it is off until armed again. */
void kern_timer(void);

/** Another CPU wants this one to look at its flags. */
void kern_ipi(void);

/** Choose what runs next; called by arch before it leaves the kernel when cpu->reschedule is
 * set. */
void kern_schedule(void);

/** The kernel itself faulted at pc. `link`: the return address register, which names the caller of
 *  a function that has no frame of its own. `what`: one line by arch; registers follow through
 *  `report`. Never returns. */
[[gnu::noreturn]] void kern_kernel_fault(const char *what, vaddr_t pc, vaddr_t link, vaddr_t fp,
                                         uint64_t code, vaddr_t address);
