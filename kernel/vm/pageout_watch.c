/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A watch over page-out: when frames or pages are awaited and none has come or gone for a while, the log says how it stands, and of each thread that
 * page-out needs what it does and for whom it waits. That should never be seen: a driver that stands still is the supervisor's to end, and what all
 * of them wait for is a fault of somebody's who is named here. By the work item of kernel/vm/swap.c.
 */
#include "swap_impl.h"
#include <kern/control.h>
#include <kern/frame.h>
#include <kern/log.h>
#include <kern/pageout.h>
#include <kern/pressure.h>
#include <kern/task.h>
#include <kern/thread.h>

#define STALL \
    UINT64_C( \
        5000000000) /* ns; after as long again it is told once more, and so on, twice as long each time */

static struct {
    uint64_t progress;
    nanos_t since;    /* of that */
    nanos_t patience; /* before it is told */
} watch;

/* ---- who ---- */

static const char *deed_of(const struct thread_info *info)
{
    static const char *const waits[] = {
        [THREAD_WAITS_NOT] = "something unknown", [THREAD_WAITS_FUTEX] = "a lock",
        [THREAD_WAITS_RECEIVE] = "a message",     [THREAD_WAITS_SEND] = "room in a queue",
        [THREAD_WAITS_REPLY] = "an answer",       [THREAD_WAITS_PAGE] = "a page"};
    static const char *const does[] = {[THREAD_DOES_SUSPENDED] = "nothing: it is suspended",
                                       [THREAD_DOES_READY] = "a CPU",
                                       [THREAD_DOES_RUN] = "nothing: it runs",
                                       [THREAD_DOES_END] = "nothing: it ends"};
    return info->state == THREAD_DOES_WAIT ? waits[info->waits] : does[info->state];
}

static void tell_thread(const struct task *task, struct thread *thread)
{
    struct thread_info info;
    thread_get_info(thread, &info);
    if (info.answerer)
        log_warn("page-out: task %u (%s), thread %u waits for %s of thread %u", task->id,
                 task->name, info.id, deed_of(&info), info.answerer);
    else
        log_warn("page-out: task %u (%s), thread %u waits for %s", task->id, task->name, info.id,
                 deed_of(&info));
}

static void tell_task(struct task *task)
{
    enum { MOST = 8 };
    struct thread *thread, *found[MOST];
    unsigned count = 0;
    spin_lock(&task->lock);
    list_for_each(thread, &task->threads, task_link) {
        if (count == MOST)
            break;
        thread_ref(thread);
        found[count++] = thread;
    }
    spin_unlock(&task->lock);
    for (unsigned i = 0; i < count; i++) {
        tell_thread(task, found[i]);
        thread_unref(found[i]);
    }
}

/* ---- what ---- */

static void tell(nanos_t stood)
{
    struct frame_statistics frames;
    struct swap_facts slots;
    frame_statistics(&frames);
    swap_facts(&slots);
    log_warn(
        "page-out: nothing has come or gone for %llu s: %llu frames are free, %llu of %llu slots used, "
        "%llu pages on their way, %s default pager",
        (unsigned long long)(stood / 1000000000), (unsigned long long)frames.free,
        (unsigned long long)slots.used, (unsigned long long)slots.slots,
        (unsigned long long)slots.in_flight, slots.pagers ? "with a" : "no");
    for (struct task *task = task_walk(NULL); task; task = task_walk(task))
        if (ledger_is_resident(task->ledger))
            tell_task(task);
}

void pageout_watch(bool awaited, nanos_t now)
{
    const uint64_t progress = pageout_progress();
    if (!awaited || progress != watch.progress) {
        watch.progress = progress;
        watch.since = now;
        watch.patience = STALL;
    } else if (now - watch.since >= watch.patience) {
        watch.patience *= 2;
        tell(now - watch.since);
    }
}
