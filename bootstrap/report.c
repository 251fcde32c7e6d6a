/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said of a program that crashed, and its core. By the reporter's thread.
 *
 * Everything read is the crashed program's, and may be anything: chains of frames end, tables are compared with their file's end, and
 * everything is told up to a number. The task stands still meanwhile.
 */
#include "core.h"
#include "log.h"
#include "report_tell.h"
#include "reporter.h"
#include "rights.h"
#include <libsys/spawn.h>
#include <libsys/stub.h>
#include <string.h>
#include <user/crash.h>
#include <wharf/if/exception.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/if/vm.h>
#include <wharf/info.h>

enum { PAGE = 4096, THREADS_ROUND = TASK_THREADS_MAX };

/* One report at a time. */
static struct core_image image;
static mach_port_name_t thread_port[CORE_THREADS_MAX];

/* ---- what there is ---- */

static kern_return_t read_memory(void *context, uint64_t address, void *to, uint32_t size)
{
    const struct report_job *job = context;
    uint32_t got = 0;
    const kern_return_t kr = vm_read(job->task, address, size, to, &got);
    return kr == KERN_SUCCESS && got != size ? KERN_FAILURE : kr;
}

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
static void add_thread(const struct report_job *job, mach_port_name_t port)
{
    struct thread_info info;
    if (image.thread_count == CORE_THREADS_MAX || thread_info(port, &info) != KERN_SUCCESS) {
        stub_release_right(port, MSG_MOVE_SEND);
        return;
    }
    struct core_thread *to = &image.thread[image.thread_count];
    to->id = info.id;
    if (!get_state(port, THREAD_STATE_GENERAL, &to->general, sizeof(to->general)))
        memset(&to->general, 0, sizeof(to->general));
    if (!get_state(port, THREAD_STATE_FP, &to->fp, sizeof(to->fp)))
        memset(&to->fp, 0, sizeof(to->fp));
    thread_port[image.thread_count] = port;
    if (port == job->thread && image.thread_count != 0) {
        static struct core_thread other;
        other = image.thread[0];
        image.thread[0] = *to;
        *to = other;
        thread_port[image.thread_count] = thread_port[0];
        thread_port[0] = port;
    }
    image.thread_count++;
}

/* Eight at a time; the last of them is where to go on, and kept until then. */
static void find_threads(const struct report_job *job)
{
    mach_port_name_t after = MSG_NULL;
    image.thread_count = 0;
    for (unsigned round = 0; round < CORE_THREADS_MAX / THREADS_ROUND; round++) {
        mach_port_name_t t[THREADS_ROUND];
        unsigned n = 0;
        if (task_threads(job->task, after, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6],
                         &t[7]) != KERN_SUCCESS)
            return;
        for (; n < THREADS_ROUND && t[n] != MSG_NULL; n++)
            add_thread(job, t[n]);
        if (n < THREADS_ROUND)
            return;
        after = t[n - 1];
    }
}

static void drop_threads(void)
{
    for (unsigned i = 0; i < image.thread_count; i++)
        send_drop(&thread_port[i]);
}

/* Memory that somebody else maps too is not read: it may be a device's registers, and reading those does something. */
static void find_regions(const struct report_job *job)
{
    uint64_t address = 0, start, size;
    uint32_t protection, max, inheritance, flags;
    image.region_count = 0;
    while (image.region_count < CORE_REGIONS_MAX &&
           vm_region(job->task, address, &start, &size, &protection, &max, &inheritance, &flags) ==
               KERN_SUCCESS) {
        image.region[image.region_count++] = (struct core_region){
            .start = start,
            .size = size,
            .flags = (protection & VM_PROT_READ ? ELF_READ : 0u) |
                     (protection & VM_PROT_WRITE ? ELF_WRITE : 0u) |
                     (protection & VM_PROT_EXECUTE ? ELF_EXECUTE : 0u),
            .dump = (protection & VM_PROT_READ) != 0 && (flags & VM_SHARED) == 0,
        };
        address = start + size;
    }
}

/* ---- the core ---- */

/* What debuggers call exceptions: Linux's numbers of signals. */
static unsigned signal_of(uint32_t kind)
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

static mach_port_name_t write_core(const struct report_job *job, uint64_t *size)
{
    struct core_memory memory = {0};
    const struct core_sink sink = sink_memory(&memory);
    struct elf_program program = {0};
    struct task_info info = {0};
    (void)elf_read(&job->file, SPAWN_LOWEST, SPAWN_END, &program);
    (void)!task_info(job->task, &info);
    image.program = job->name;
    image.arguments = job->arguments;
    image.task = info.id;
    image.signal = signal_of(job->kind);
    image.entry = program.entry;
    image.read = read_memory;
    image.context = (void *)(uintptr_t)job;
    find_regions(job);
    const kern_return_t kr = core_write(&image, &sink);
    /* Had it been ended in the midst of this, parts of it would be missing. */
    if (kr != KERN_SUCCESS || memory.entry == MSG_NULL ||
        task_info(job->task, &info) != KERN_SUCCESS) {
        log_line("  there is no core (%d)", kr);
        send_drop(&memory.entry);
        return MSG_NULL;
    }
    log_line("  a core of %lu bytes is kept", (unsigned long)memory.size);
    *size = memory.size;
    return memory.entry;
}

/* ---- the report ---- */

mach_port_name_t report_write(const struct report_job *job, uint64_t *size)
{
    mach_port_name_t entry = MSG_NULL;
    if (task_suspend(job->task) != KERN_SUCCESS) {
        log_line("%s crashed, and is gone already", job->name);
        return MSG_NULL;
    }
    find_threads(job);
    tell_reason(job, image.thread_count > 0 ? image.thread[0].id : 0);
    if (image.thread_count > 0) {
        if (job->whole)
            tell_registers(&image.thread[0].general);
        for (unsigned i = 0; i < (job->whole ? image.thread_count : 1); i++)
            tell_frames(job, &image.thread[i], i == 0);
    }
    if (job->whole) {
        tell_ports(job);
        tell_trace(&image);
        entry = image.thread_count > 0 ? write_core(job, size) : MSG_NULL;
    }
    drop_threads();
    return entry;
}
