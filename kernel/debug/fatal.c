/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults on purpose, one a run: that the kernel's own end is reported as it should be. Chosen by
 * test=fatal-NAME; the expected reports stand in tests/qemu/programs.py. Everything here is wrong
 * code, written so that compilers keep it.
 */
#include <kern/cpu.h>
#include <kern/ktest.h>
#include <kern/log.h>
#include <kern/panic.h>
#include <kern/string.h>

static volatile uint64_t sink;

[[gnu::noinline]] static void fatal_assert(void)
{
    volatile unsigned two = 2;
    assert(two == 3);
}

[[gnu::noinline]] static void fatal_null(void)
{
    uint64_t *volatile nowhere = NULL;
    sink = *nowhere; /* NOLINT(clang-analyzer-core.NullDereference): the point of it */
}

/* The kernel's text is not writable, wherever it is seen (W^X). */
[[gnu::noinline]] static void fatal_text(void)
{
    uint32_t *volatile code = (uint32_t *)(uintptr_t)&fatal_null;
    *code = 0;
}

/* Nor is data executable. */
[[gnu::noinline]] static void fatal_data(void)
{
    static uint32_t code[4] = {0xd65f03c0}; /* ret */
    void (*volatile function)(void) = (void (*)(void))(uintptr_t)code;
    function();
}

/* The guard page below the stack stops it; the report uses the emergency stack. */
[[gnu::noinline]] static uint64_t deeper(volatile uint64_t *above)
{
    volatile uint64_t frame[64];
    frame[0] = *above + 1;
    uint64_t below = frame[0] < UINT32_MAX ? deeper(frame) : 0;
    return below + frame[0];
}

[[gnu::noinline]] static void fatal_stack(void)
{
    volatile uint64_t start = 0;
    sink = deeper(&start);
}

[[gnu::noinline]] static void fatal_lock_order(void)
{
    static struct spinlock high = SPINLOCK_INIT(LOCK_RUNQ), low = SPINLOCK_INIT(LOCK_TASK);
    spin_lock(&high);
    spin_lock(&low);
    panic("lock order is not checked in this build");
}

/* The canary above the array is found changed. */
[[gnu::noinline]] static void fatal_canary(void)
{
    volatile char text[16];
    volatile char *volatile at = text;
    for (unsigned i = 0; i < 40; i++)
        at[i] = 'x';
    sink = (uint64_t)text[3];
}

void ktest_fatal(const char *name)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } fatal[] = {
        {"fatal-assert", fatal_assert}, {"fatal-null", fatal_null},
        {"fatal-text", fatal_text},     {"fatal-data", fatal_data},
        {"fatal-stack", fatal_stack},   {"fatal-lock-order", fatal_lock_order},
        {"fatal-canary", fatal_canary},
    };
    for (unsigned i = 0; i < array_count(fatal); i++)
        if (strcmp(name, fatal[i].name) == 0) {
            fatal[i].run();
            sink++; /* no tail call: this function is to be seen in the backtrace */
        }
}
