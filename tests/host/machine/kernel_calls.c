/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel_calls.h"

#include "kernel_world.h"

#include <string.h>
#include <wharf/if/clock_types.h>
#include <wharf/if/host_debug_types.h>
#include <wharf/if/task_types.h>
#include <wharf/if/thread_types.h>
#include <wharf/if/vm_types.h>
#include <wharf/trap.h>

#define RUBBISH UINT64_C(0xbad0bad0bad0bad0)

void call_words(struct host_action *next, mach_port_name_t to, uint32_t id, const uint64_t *words,
                uint32_t length)
{
    struct arch_thread registers;
    uint64_t body[MSG_REGISTER_BYTES / 8];
    for (unsigned i = 0; i < array_count(body); i++)
        body[i] = i * 8 < length ? words[i] : RUBBISH + i;
    for (unsigned i = 0; i < array_count(registers.x); i++)
        registers.x[i] = RUBBISH;
    arch_message_set_body(&registers, body, array_count(body));
    arch_message_set(&registers, MSG_X_DEST, to);
    arch_message_set(&registers, MSG_X_ID, id);
    arch_message_set(&registers, MSG_X_CONTROL,
                     MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_REPLY, length, 0));
    arch_message_set(&registers, MSG_X_LOCAL, MSG_NULL);
    arch_message_set(&registers, MSG_X_RECEIVE, MSG_REPLY);
    arch_message_set(&registers, MSG_X_DEADLINE, TRAP_NEVER);
    arch_message_set(&registers, MSG_X_BUFFER, 0);
    arch_message_set(&registers, MSG_X_BUFFER_SIZE, 0);
    *next = (struct host_action){.kind = HOST_TRAP, .number = TRAP_MSG};
    memcpy(next->args, registers.x, sizeof(next->args));
}

void call_vm_allocate(struct host_action *next, mach_port_name_t task, uint64_t size)
{
    call_words(next, task, VM_ID_ALLOCATE, (const uint64_t[]){0, size, VM_ANYWHERE}, 24);
}

void call_vm_deallocate(struct host_action *next, mach_port_name_t task, uint64_t address,
                        uint64_t size)
{
    call_words(next, task, VM_ID_DEALLOCATE, (const uint64_t[]){address, size}, 16);
}

void call_vm_protect(struct host_action *next, mach_port_name_t task, uint64_t address,
                     uint64_t size, uint32_t protection)
{
    /* The word's lower half: not the maximum. */
    const uint64_t words[] = {address, size, (uint64_t)protection << 32};
    call_words(next, task, VM_ID_PROTECT, words, sizeof(words));
}

void call_create_thread(struct host_action *next, mach_port_name_t task, uint64_t entry,
                        uint64_t sp, uint64_t argument, uint64_t tls, uint32_t priority)
{
    const uint64_t words[] = {entry, sp, argument, tls, priority | UINT64_C(1) << 32};
    call_words(next, task, TASK_ID_CREATE_THREAD, words, sizeof(words));
}

static void call_self(struct thread *self, struct host_action *next, uint32_t id, uint64_t word)
{
    if (self->self_name)
        call_words(next, self->self_name, id, &word, sizeof(word));
    else
        *next = (struct host_action){.kind = HOST_TRAP, .number = TRAP_thread_self};
}

void call_set_own_priority(struct thread *self, struct host_action *next, uint32_t priority)
{
    call_self(self, next, THREAD_ID_SET_PRIORITY, priority);
}

void call_set_own_affinity(struct thread *self, struct host_action *next, uint64_t mask)
{
    call_self(self, next, THREAD_ID_SET_AFFINITY, mask);
}

void call_clock_now(struct host_action *next, mach_port_name_t clock)
{
    call_words(next, clock, CLOCK_ID_NOW, NULL, 0);
}

void call_console_write(struct host_action *next, mach_port_name_t host_debug, const char *text,
                        uint32_t length)
{
    uint64_t words[MSG_REGISTER_BYTES / 8] = {length};
    memcpy((char *)words + 4, text, length);
    call_words(next, host_debug, HOST_DEBUG_ID_CONSOLE_WRITE, words, (4 + length + 7) / 8 * 8);
}

void sleep_until(struct host_action *next, nanos_t deadline)
{
    *next = (struct host_action){.kind = HOST_TRAP,
                                 .number = TRAP_futex_wait,
                                 .args = {WORLD_SLEEP_VA, 0, deadline}};
}

uint64_t call_word(const struct host_action *action, unsigned word)
{
    struct arch_thread registers;
    uint64_t body[MSG_REGISTER_BYTES / 8];
    memcpy(registers.x, action->args, sizeof(registers.x));
    arch_message_get_body(&registers, body);
    return body[word];
}

/* ---- answers ---- */

kern_return_t call_result(const struct thread *t)
{
    int64_t result = (int64_t)arch_message_get(&t->arch, MSG_X_DEST);
    if (result == 0)
        return (kern_return_t)arch_message_get(&t->arch, MSG_X_ID);
    for (unsigned i = 1; i < array_count(t->arch.x); i++)
        if (i != 8 && t->arch.x[i] != 0) /* 8 is no register of messages here */
            host_machine_fail("thread %u: a message failed with %lld, and x%u is %llx", t->id,
                              (long long)result, i, (unsigned long long)t->arch.x[i]);
    return (kern_return_t)-result;
}

uint64_t call_answer(const struct thread *t, unsigned word)
{
    uint64_t body[MSG_REGISTER_BYTES / 8];
    arch_message_get_body(&t->arch, body);
    CHECK(word * 8 < msg_length(arch_message_get(&t->arch, MSG_X_CONTROL)));
    return body[word];
}
