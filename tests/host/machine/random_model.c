/* SPDX-License-Identifier: BSD-2-Clause */
#include "random_model.h"

#include "kernel_calls.h"
#include "kernel_world.h"

#include <kern/clock.h>
#include <kern/cpu.h>
#include <wharf/if/clock_types.h>
#include <wharf/if/task_types.h>
#include <wharf/if/thread_types.h>
#include <wharf/if/vm_types.h>
#include <wharf/trap.h>

#define EXPECT(condition)                                                             \
    do {                                                                              \
        if (!(condition))                                                             \
            host_machine_fail("thread %u, trap %llu returned %lld: not %s", t->id,    \
                              (unsigned long long)m->trap, (long long)r, #condition); \
    } while (0)

static void check_wait(const struct thread *t, const struct model *m, int64_t r)
{
    EXPECT(r == -KERN_OPERATION_TIMED_OUT || r == -KERN_ABORTED ||
           (!m->sleeps && (r == 0 || r == -KERN_RETRY)));
    if (r == -KERN_OPERATION_TIMED_OUT)
        EXPECT(m->args[2] != NANOS_NEVER && clock_now() >= m->args[2]);
}

/* What a message to a kernel object came to. Memory may be short for the call itself, too. */
static void check_call(const struct thread *t, struct model *m)
{
    int64_t r = call_result(t);
    bool is_short = r == KERN_RESOURCE_SHORTAGE || r == MACH_SEND_NO_BUFFER;
    uint64_t online = (UINT64_C(1) << cpu_count) - 1;
    switch (m->trap) {
    case VM_ID_ALLOCATE:
        EXPECT(r == KERN_SUCCESS || is_short);
        m->memory = r == KERN_SUCCESS ? call_answer(t, 0) : 0;
        EXPECT(m->memory % PAGE_SIZE == 0 && (r != KERN_SUCCESS || m->memory > 0));
        break;
    case VM_ID_DEALLOCATE:
        EXPECT(r == KERN_SUCCESS || r == MACH_SEND_NO_BUFFER);
        m->memory = r == KERN_SUCCESS ? 0 : m->memory;
        break;
    case VM_ID_PROTECT: EXPECT(r == KERN_SUCCESS || is_short || r == KERN_ABORTED); break;
    case TASK_ID_CREATE_THREAD:
        EXPECT(r == KERN_SUCCESS || is_short || r == KERN_LIMIT || r == KERN_INVALID_TASK ||
               r == MACH_RCV_NO_SPACE);
        if (r == KERN_SUCCESS) /* behind the descriptor */
            EXPECT((uint32_t)call_answer(t, 2) > t->id && (uint32_t)call_answer(t, 0) != 0);
        break;
    case THREAD_ID_SET_PRIORITY: EXPECT(r == KERN_SUCCESS); break;
    case THREAD_ID_SET_AFFINITY:
        EXPECT(r == (m->args[0] & online ? KERN_SUCCESS : KERN_INVALID_ARGUMENT));
        break;
    case CLOCK_ID_NOW:
        EXPECT(r == MACH_SEND_NO_BUFFER || (r == KERN_SUCCESS && call_answer(t, 0) >= m->called &&
                                            call_answer(t, 0) <= clock_now()));
        break;
    default: host_machine_fail("thread %u: message %llx", t->id, (unsigned long long)m->trap);
    }
}

void model_check(const struct thread *t, struct model *m)
{
    int64_t r = (int64_t)t->arch.x[0];
    switch (m->trap) {
    case TRAP_thread_self: EXPECT(r != 0 && r == t->self_name); break;
    case TRAP_futex_wait: check_wait(t, m, r); break;
    case TRAP_futex_wake: EXPECT(r >= 0 && r <= (int64_t)m->args[1]); break;
    case TRAP_thread_exit:
    case TRAP_task_exit: host_machine_fail("thread %u is back from its end", t->id);
    case TRAP_thread_switch: EXPECT(r == 0); break;
    case RETIRED:
    case UNKNOWN: EXPECT(r == -KERN_INVALID_TRAP); break;
    case NO_TRAP: break;
    default: check_call(t, m); break;
    }
}
