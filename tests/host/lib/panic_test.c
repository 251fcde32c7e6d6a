/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real panic() and kern_kernel_fault(): what the report holds, a panic inside a panic, and
 * other CPUs that come along meanwhile.
 */
#include "check.h"
#include "stub/stub.h"

#include <arch/upcalls.h>
#include <kern/log.h>
#include <kern/panic.h>
#include <kern/spinlock.h>
#include <kern/trace.h>

static struct spinlock pmap_lock = SPINLOCK_INIT(LOCK_PMAP), log_like = SPINLOCK_INIT(LOCK_LOG);

static void has(const char *text)
{
    if (strstr(stub_console, text) == NULL)
        fprintf(stderr, "not in the report: %s\nwhich is:\n%s", text, stub_console);
    CHECK(strstr(stub_console, text) != NULL);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    stub_become(1, true);
    trace(TRACE_BOOT_STAGE, 0x55, 0);
    log_user_text("half a line", 11);
    CHECK(!panic_breaks_locks());

    switch (setjmp(stub_end)) {
    case 0: spin_lock(&pmap_lock); panic("reason %d", 42);
    case 2: break;
    default: CHECK(!"reset");
    }
    has("half a line\r\nPANIC: reason 42\r\n");
    has("panic: cpu 1, stub cpu, build ");
    has("no current thread");
    has("  #0  0x");
    has("lock: PMAP lock ");
    has("boot.stage (0), stage 0x55\r\n");
    has("panic (1), pc 0x");

    /* The CPU that panicked is let through, others halt. */
    CHECK(panic_breaks_locks());
    spin_lock(&pmap_lock);
    stub_become(2, true);
    if (setjmp(stub_end) == 0) {
        spin_lock(&pmap_lock);
        CHECK(!"halt");
    }
    if (setjmp(stub_end) == 0) {
        panic("too late");
        CHECK(!"halt");
    }
    CHECK(strstr(stub_console, "too late") == NULL);

    stub_become(1, false);
    stub_console_clear();
    spin_lock(&log_like); /* holding the log's rank, the log still works */
    switch (setjmp(stub_end)) {
    case 0: kern_kernel_fault("data abort", 0x1000, 0, 0x8, 0x96000045, 0xdead);
    case 2: break;
    default: CHECK(!"reset");
    }
    CHECK_TEXT(stub_console, "PANIC: data abort at 0x1000 (?+0), address 0xdead, code 0x96000045 "
                             "(inside a panic: reason 42)\r\n");
    stub_console_clear();
    switch (setjmp(stub_end)) {
    case 0: panic("third");
    case 3: break;
    default: CHECK(!"halt");
    }
    CHECK_EQ(stub_console_length, 0);
    return check_end();
}
