/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages to kernel objects as scripts send them: each function fills the registers of the message trap as the
 * generated stub of the routine does (docs/defs.md), with rubbish in what the trap does not read.
 */
#pragma once

#include <arch/message.h>
#include <kern/thread.h>
#include <wharf/message.h>

/** A call whose answer comes into registers; a body of at most 64 bytes. */
void call_words(struct host_action *next, mach_port_name_t to, uint32_t id, const uint64_t *words,
                uint32_t length);

void call_vm_allocate(struct host_action *next, mach_port_name_t task, uint64_t size);
void call_vm_deallocate(struct host_action *next, mach_port_name_t task, uint64_t address,
                        uint64_t size);
void call_vm_protect(struct host_action *next, mach_port_name_t task, uint64_t address,
                     uint64_t size, uint32_t protection);
/** It runs at once. */
void call_create_thread(struct host_action *next, mach_port_name_t task, uint64_t entry,
                        uint64_t sp, uint64_t argument, uint64_t tls, uint32_t priority);
/** By the thread whose next action it is, about itself. A thread that does not know its name asks for that instead. */
void call_set_own_priority(struct thread *self, struct host_action *next, uint32_t priority);
void call_set_own_affinity(struct thread *self, struct host_action *next, uint64_t mask);
void call_clock_now(struct host_action *next, mach_port_name_t clock);
/** At most 56 bytes. */
void call_console_write(struct host_action *next, mach_port_name_t host_debug, const char *text,
                        uint32_t length);
/** No message: wait for a word of the page of words that nobody changes and where nobody wakes. */
void sleep_until(struct host_action *next, nanos_t deadline);

/** The routine of an action that was filled in here; 0: another action. */
static inline uint32_t call_id(const struct host_action *action)
{
    return action->kind == HOST_TRAP && action->number == TRAP_MSG
               ? (uint32_t)action->args[MSG_X_ID]
               : 0;
}

/** A word of the body it sends. */
uint64_t call_word(const struct host_action *action, unsigned word);

/** What the thread's last call came to: the trap's error, or else the routine's. Checks that an error comes alone. */
kern_return_t call_result(const struct thread *t);
/** A word of the answer's body, descriptors included; a routine that failed has none. */
uint64_t call_answer(const struct thread *t, unsigned word);
