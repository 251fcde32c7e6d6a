/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See stub.h.
 */
#include "stub.h"

#include <arch/cache.h>
#include <arch/console.h>
#include <arch/reset.h>
#include <arch/smp.h>
#include <arch/thread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

struct cpu cpu_record[MAX_CPUS];
unsigned cpu_count = MAX_CPUS;
_Thread_local struct cpu *stub_self = &cpu_record[0];
ticks_t stub_now;
uint64_t stub_frequency;
char stub_console[1 << 16];
size_t stub_console_length;
void (*stub_on_clean)(const void *va, size_t size);
jmp_buf stub_end;
void *stub_frames;
char *stub_memory;

void stub_become(unsigned number, bool fresh)
{
    stub_self = &cpu_record[number];
    if (fresh)
        memset((void *)stub_self, 0, sizeof(*stub_self));
    stub_self->number = number;
}

void stub_relax(void)
{
    sched_yield();
}

void stub_console_clear(void)
{
    stub_console_length = 0;
    stub_console[0] = '\0';
}

void arch_console_write(const char *bytes, size_t count)
{
    if (count >= sizeof(stub_console) - stub_console_length)
        abort();
    memcpy(stub_console + stub_console_length, bytes, count);
    stub_console_length += count;
    stub_console[stub_console_length] = '\0';
}

void arch_cache_clean(const void *va, size_t size)
{
    if (stub_on_clean != NULL)
        stub_on_clean(va, size);
}

uint64_t arch_counter_frequency(void)
{
    return stub_frequency;
}

const char *arch_cpu_name(void)
{
    return "stub cpu";
}

void arch_cpu_report(void) {}

void arch_cpu_stack_bounds(vaddr_t inside, vaddr_t *low, vaddr_t *high)
{
    (void)inside;
    *low = 0;
    *high = 0;
}

vaddr_t arch_thread_pc(const struct arch_thread *t)
{
    return t->pc;
}

void arch_smp_stop_others(void) {}

void arch_reset(enum arch_reset how)
{
    (void)how;
    longjmp(stub_end, 2);
}

void arch_cpu_halt(void)
{
    longjmp(stub_end, 3);
}
