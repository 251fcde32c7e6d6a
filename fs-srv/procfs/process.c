/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of processes and threads. Times are in hundredths of a second, as Linux has them; all time on a CPU is user time: the kernel does not tell how much of it was its own.
 */
#include "procfs.h"
#include <inttypes.h>
#include <libsys/stub.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/processes.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/if/vm.h>

enum { TICK = 10000000 /* nanoseconds */, FRAMES = 0 /* wharf/abi/ledgers.def */ };

static void drop(mach_port_name_t *right)
{
    if (*right != MSG_NULL && *right != MSG_DEAD)
        stub_release_right(*right, MSG_MOVE_SEND);
    *right = MSG_NULL;
}

/* ---- subjects ---- */

/* Names come from paths, and may hold anything. */
static void make_printable(uint8_t name[PROCESSES_NAME_MAX])
{
    name[PROCESSES_NAME_MAX - 1] = '\0';
    for (; *name != '\0'; name++)
        if (*name < ' ' || *name == 0x7f)
            *name = '?';
}

kern_return_t subject_look_up(const struct proc_node *node, struct processes_info *info)
{
    kern_return_t kr = processes_info(procfs_processes, node->pid, info);

    if (kr != KERN_SUCCESS)
        return kr == unix_error(ESRCH) ? kr : unix_error(EIO);
    make_printable(info->name);
    return node->started != 0 && node->started != info->started ? unix_error(ESRCH) : KERN_SUCCESS;
}

/* All threads, or the one. False: there is no memory. */
static bool add_thread(struct subject *subject, mach_port_name_t thread, unsigned *room)
{
    struct thread_info info;

    if (thread_info(thread, &info) != KERN_SUCCESS ||
        (subject->thread != 0 && subject->thread != info.id))
        return true;
    if (subject->count == *room) {
        const unsigned more = *room != 0 ? *room * 2 : TASK_THREADS_MAX;
        struct thread_info *at = realloc(subject->infos, more * sizeof(*at));
        if (!at)
            return false;
        subject->infos = at;
        *room = more;
    }
    subject->infos[subject->count++] = info;
    return true;
}

static kern_return_t find_threads(struct subject *subject)
{
    mach_port_name_t t[TASK_THREADS_MAX], after = MSG_NULL;
    unsigned room = 0;
    bool ok = true;

    do {
        for (unsigned i = 0; i < TASK_THREADS_MAX; i++)
            t[i] = MSG_NULL;
        const kern_return_t kr = task_threads(subject->task, after, &t[0], &t[1], &t[2], &t[3],
                                              &t[4], &t[5], &t[6], &t[7]);
        drop(&after);
        if (kr != KERN_SUCCESS)
            break; /* it ends, or the last one told has */
        for (unsigned i = 0; i < TASK_THREADS_MAX; i++) {
            ok = ok && (t[i] == MSG_NULL || add_thread(subject, t[i], &room));
            if (i + 1 < TASK_THREADS_MAX)
                drop(&t[i]);
        }
        after = t[TASK_THREADS_MAX - 1];
    } while (ok && after != MSG_NULL && subject->count < PROCFS_THREADS_MAX);
    drop(&after);
    return ok ? KERN_SUCCESS : unix_error(ENOMEM);
}

kern_return_t subject_begin(const struct proc_node *node, struct subject *subject)
{
    *subject = (struct subject){.thread = node->thread};
    kern_return_t kr = subject_look_up(node, &subject->process);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = processes_task(procfs_processes, node->pid, &subject->task);
    if (kr != KERN_SUCCESS) {
        subject->task = MSG_NULL;
        if (node->thread != 0)
            return unix_error(ESRCH);
        return kr == unix_error(ESRCH) ? KERN_SUCCESS : unix_error(EIO);
    }
    kr = find_threads(subject);
    return kr == KERN_SUCCESS && node->thread != 0 && subject->count == 0 ? unix_error(ESRCH) : kr;
}

void subject_end(struct subject *subject)
{
    drop(&subject->task);
    free(subject->infos);
    subject->infos = NULL;
    subject->count = 0;
}

/* ---- facts ---- */

static char letter_of_thread(const struct thread_info *info)
{
    switch (info->state) {
    case THREAD_DOES_RUN:
    case THREAD_DOES_READY: return 'R';
    case THREAD_DOES_SUSPENDED: return 'T';
    case THREAD_DOES_END: return 'X';
    default: return info->waits == THREAD_WAITS_PAGE ? 'D' : 'S';
    }
}

/* Of several threads the one that does most. */
static char letter_of(const struct subject *subject)
{
    static const char order[] = "RDSTX";
    size_t best = sizeof(order) - 1;

    if (subject->process.state == PROCESSES_STATE_ZOMBIE || subject->task == MSG_NULL)
        return 'Z';
    if (subject->process.state == PROCESSES_STATE_STOPPED)
        return 'T';
    for (unsigned i = 0; i < subject->count; i++) {
        const size_t at = strcspn(order, (char[]){letter_of_thread(&subject->infos[i]), '\0'});
        best = at < best ? at : best;
    }
    return best < sizeof(order) - 1 ? order[best] : 'S';
}

static const char *words_of(char letter)
{
    switch (letter) {
    case 'R': return "R (running)";
    case 'D': return "D (disk sleep)";
    case 'T': return "T (stopped)";
    case 'Z': return "Z (zombie)";
    case 'X': return "X (dead)";
    default: return "S (sleeping)";
    }
}

/* Of a process also what threads had that are gone. */
static uint64_t cpu_time(const struct subject *subject)
{
    struct task_info task;
    uint64_t sum = 0;

    if (subject->thread == 0 && subject->task != MSG_NULL &&
        task_info(subject->task, &task) == KERN_SUCCESS)
        sum = task.ended_time;
    for (unsigned i = 0; i < subject->count; i++)
        sum += subject->infos[i].cpu_time;
    return sum;
}

static struct vm_usage memory_of(const struct subject *subject)
{
    struct vm_usage usage = {0};

    if (subject->task == MSG_NULL || vm_usage(subject->task, &usage) != KERN_SUCCESS)
        usage = (struct vm_usage){0};
    return usage;
}

static const char *name_of(const struct subject *subject)
{
    if (subject->thread != 0 && subject->infos[0].name[0] != '\0')
        return subject->infos[0].name;
    return (const char *)subject->process.name;
}

static int id_of(const struct subject *subject)
{
    return subject->thread != 0 ? (int)subject->thread : subject->process.pid;
}

/* ---- files ---- */

static uint64_t frames_limit(const struct subject *subject)
{
    struct task_info info;

    if (subject->task == MSG_NULL || task_info(subject->task, &info) != KERN_SUCCESS ||
        info.limit[FRAMES] == TASK_INFO_NO_LIMIT)
        return UINT64_MAX;
    return (uint64_t)info.limit[FRAMES] * PAGE;
}

/* What stands for nothing here is 0: terminal, flags, page faults, system time, addresses. */
static kern_return_t fill_stat(struct text *text, const struct subject *subject)
{
    const struct processes_info *p = &subject->process;
    const struct vm_usage memory = memory_of(subject);
    const char letter =
        subject->thread != 0 ? letter_of_thread(&subject->infos[0]) : letter_of(subject);

    text_add(text, "%d (%s) %c %d %d %d 0 -1 0 0 0 0 0 ", id_of(subject), name_of(subject), letter,
             p->ppid, p->pgid, p->sid);
    text_add(text, "%" PRIu64 " 0 %" PRIu64 " 0 20 0 %u 0 %" PRIu64 " ", cpu_time(subject) / TICK,
             p->children_time / TICK, subject->thread != 0 ? 1 : subject->count, p->started / TICK);
    text_add(text, "%" PRIu64 " %" PRIu64 " %" PRIu64 " 0 0 0 0 0 ", memory.mapped * PAGE,
             memory.resident, frames_limit(subject));
    text_add(text, "%u 0 %u %u 0 0 0 0 %u 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
             (unsigned)(p->pending & INT32_MAX), (unsigned)(p->ignored & INT32_MAX),
             (unsigned)(p->caught & INT32_MAX), subject->count != 0 ? subject->infos[0].cpu : 0);
    return KERN_SUCCESS;
}

static void add_size(struct text *text, const char *key, uint64_t pages)
{
    text_add(text, "%s:\t%8" PRIu64 " kB\n", key, pages * (PAGE / 1024));
}

static kern_return_t fill_status(struct text *text, const struct subject *subject)
{
    const struct processes_info *p = &subject->process;
    const struct vm_usage memory = memory_of(subject);
    const char letter =
        subject->thread != 0 ? letter_of_thread(&subject->infos[0]) : letter_of(subject);

    text_add(text, "Name:\t%s\nState:\t%s\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\n", name_of(subject),
             words_of(letter), p->pid, id_of(subject), p->ppid);
    if (subject->task != MSG_NULL) {
        add_size(text, "VmSize", memory.mapped);
        add_size(text, "VmLck", memory.wired);
        add_size(text, "VmRSS", memory.resident);
        add_size(text, "VmPTE", memory.tables);
        add_size(text, "VmSwap", memory.out);
        text_add(text, "Threads:\t%u\n", subject->thread != 0 ? 1 : subject->count);
    }
    text_add(text, "SigPnd:\t%016" PRIx64 "\nSigIgn:\t%016" PRIx64 "\nSigCgt:\t%016" PRIx64 "\n",
             p->pending, p->ignored, p->caught);
    return KERN_SUCCESS;
}

static kern_return_t fill_comm(struct text *text, const struct subject *subject)
{
    text_add(text, "%s\n", name_of(subject));
    return KERN_SUCCESS;
}

const struct proc_file process_files[] = {
    {"cmdline", fill_cmdline}, {"comm", fill_comm},     {"maps", fill_maps},
    {"stat", fill_stat},       {"status", fill_status}, {NULL, NULL},
};

const struct proc_file thread_files[] = {
    {"comm", fill_comm},
    {"stat", fill_stat},
    {"status", fill_status},
    {NULL, NULL},
};
