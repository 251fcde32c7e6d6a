/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said of a program that crashed (<libsys/crash_report.h>), and its core. By the reporter's thread. Everything read is the crashed program's, and may be anything.
 */
#include "core.h"
#include "log.h"
#include "reporter.h"
#include "rights.h"
#include <libsys/spawn.h>
#include <string.h>
#include <wharf/if/exception.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/if/vm.h>
#include <wharf/info.h>

/* One report at a time. */
static struct core_image image;

/* ---- what there is ---- */

static kern_return_t read_memory(void *context, uint64_t address, void *to, uint32_t size)
{
    const struct report_job *job = context;
    uint32_t got = 0;
    const kern_return_t kr = vm_read(job->task, address, size, to, &got);
    return kr == KERN_SUCCESS && got != size ? KERN_FAILURE : kr;
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

static mach_port_name_t write_core(const struct report_job *job, const struct crash_report *report,
                                   uint64_t *size)
{
    struct core_memory memory = {0};
    const struct core_sink sink = sink_memory(&memory);
    struct elf_program program = {0};
    struct task_info info = {0};
    (void)elf_read(&job->file, SPAWN_LOWEST, SPAWN_END, &program);
    (void)!task_info(job->task, &info);
    image.thread_count = report->thread_count;
    memcpy(image.thread, report->threads, sizeof(image.thread));
    image.program = job->name;
    image.arguments = job->arguments;
    image.task = info.id;
    image.signal = crash_report_signal(job->kind);
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

static void say(const char *text)
{
    log_line("%s", text);
}

mach_port_name_t report_write(const struct report_job *job, uint64_t *size)
{
    static struct crash_report report; /* one at a time */
    report = (struct crash_report){
        .name = job->name,
        .task = job->task,
        .thread = job->thread,
        .kind = job->kind,
        .code = job->code,
        .address = job->address,
        .file = job->file,
        .service_count = job->service_count,
        .service = job->service,
        .line = say,
    };
    if (crash_report_begin(&report) != KERN_SUCCESS) {
        log_line("%s crashed, and is gone already", job->name);
        return MSG_NULL;
    }
    crash_report_tell(&report, job->whole);
    return job->whole && report.thread_count > 0 ? write_core(job, &report, size) : MSG_NULL;
}
