/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See <libsys/crash_report.h>.
 */
#include "tell.h"
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/exception.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/info.h>

static bool get_state(mach_port_name_t thread, uint32_t flavour, void *state, size_t size)
{
    uint64_t words[THREAD_STATE_WORDS];
    uint32_t count = 0;
    if (thread_get_state(thread, flavour, words, &count) != KERN_SUCCESS ||
        count * sizeof(words[0]) != size)
        return false;
    memcpy(state, words, size);
    return true;
}

/* The one that crashed comes first. */
static void add_thread(struct crash_report *report, mach_port_name_t port)
{
    struct thread_info info;
    if (report->thread_count == CRASH_THREADS_MAX || thread_info(port, &info) != KERN_SUCCESS)
        return;
    struct crash_thread *to = &report->threads[report->thread_count];
    to->id = info.id;
    if (!get_state(port, THREAD_STATE_GENERAL, &to->general, sizeof(to->general)))
        memset(&to->general, 0, sizeof(to->general));
    if (!get_state(port, THREAD_STATE_FP, &to->fp, sizeof(to->fp)))
        memset(&to->fp, 0, sizeof(to->fp));
    if (port == report->thread && report->thread_count != 0) {
        static struct crash_thread other; /* C2 */
        other = report->threads[0];
        report->threads[0] = *to;
        *to = other;
    }
    report->thread_count++;
}

static void drop(mach_port_name_t *thread)
{
    if (*thread != MSG_NULL && *thread != MSG_DEAD)
        stub_release_right(*thread, MSG_MOVE_SEND);
    *thread = MSG_NULL;
}

/* Eight at a time; the last of them is where to go on, and kept until then. */
static void find_threads(struct crash_report *report)
{
    mach_port_name_t after = MSG_NULL;
    report->thread_count = 0;
    for (unsigned round = 0; round < CRASH_THREADS_MAX / TASK_THREADS_MAX; round++) {
        mach_port_name_t t[TASK_THREADS_MAX] = {MSG_NULL};
        const kern_return_t kr = task_threads(report->task, after, &t[0], &t[1], &t[2], &t[3],
                                              &t[4], &t[5], &t[6], &t[7]);
        drop(&after);
        if (kr != KERN_SUCCESS)
            return;
        for (unsigned n = 0; n < TASK_THREADS_MAX; n++) {
            if (t[n] == MSG_NULL)
                continue;
            add_thread(report, t[n]);
            if (n + 1 == TASK_THREADS_MAX)
                after = t[n];
            else
                drop(&t[n]);
        }
        if (after == MSG_NULL)
            return;
    }
    drop(&after);
}

kern_return_t crash_report_begin(struct crash_report *report)
{
    const kern_return_t kr = task_suspend(report->task);
    report->thread_count = 0;
    if (kr == KERN_SUCCESS)
        find_threads(report);
    return kr;
}

void crash_report_tell(const struct crash_report *report, bool whole)
{
    tell_reason(report);
    if (whole && report->thread_count > 0)
        tell_registers(report);
    for (unsigned i = 0; i < report->thread_count && (whole || i == 0); i++)
        tell_frames(report, &report->threads[i], i == 0);
    if (!whole)
        return;
    tell_ports(report);
    tell_trace(report);
}

unsigned crash_report_signal(uint32_t kind)
{
    switch (kind) {
    case EXCEPTION_KIND_BAD_INSTRUCTION: return 4;
    case EXCEPTION_KIND_BREAKPOINT:
    case EXCEPTION_KIND_STEP:
    case EXCEPTION_KIND_WATCHPOINT: return 5;
    case EXCEPTION_KIND_ALIGNMENT:
    case EXCEPTION_KIND_BUS: return 7;
    case EXCEPTION_KIND_ARITHMETIC: return 8;
    default: return 11;
    }
}
