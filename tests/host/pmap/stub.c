/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the pmap tests put under kernel/vm and kernel/mem instead of a whole kernel: CPUs that are
 * only named (or host threads), a log and a panic that end the test.
 */
#include "pmap_test.h"
#include <arch/timer.h>
#include <arch/usercopy.h>
#include <kern/log.h>
#include <kern/panic.h>
#include <sched.h>
#include <stdarg.h>
#include <time.h>

struct cpu cpu_record[MAX_CPUS];
unsigned cpu_count = MAX_CPUS;
_Thread_local struct cpu *host_self;
_Thread_local bool host_on_cpu;

unsigned host_cpu_index(void)
{
    return host_self != NULL ? (unsigned)(host_self - cpu_record) : 0;
}

void be_cpu(unsigned number)
{
    host_self = &cpu_record[number];
    host_self->number = number;
}

/* Before a lock and after it, also while others are held: let somebody else run now and then. */
__attribute__((weak)) void host_sim_point(void)
{
    static _Thread_local unsigned count;
    if (++count % 7 == 0)
        sched_yield();
}

void host_cpu_relax(void)
{
    sched_yield();
}

__attribute__((weak)) bool host_irq_pending(void)
{
    return false;
}

uint64_t host_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
    x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

ticks_t host_counter(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (ticks_t)now.tv_sec * 1000000000 + (ticks_t)now.tv_nsec;
}

void log_line(enum log_level level, const char *format, ...)
{
    va_list args;
    (void)level;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

bool panic_breaks_locks(void)
{
    return false;
}

void panic(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    check_report("kernel", 0, "no panic", 0, 0);
    abort();
}

/* Copies between address spaces are tested on the simulated machine. */
kern_return_t arch_copyin(void *dst, vaddr_t src, size_t n)
{
    (void)dst, (void)src, (void)n;
    return KERN_INVALID_ADDRESS;
}

kern_return_t arch_copyout(vaddr_t dst, const void *src, size_t n)
{
    (void)dst, (void)src, (void)n;
    return KERN_INVALID_ADDRESS;
}
