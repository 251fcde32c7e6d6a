/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See crash.h. One thread puts jobs in and one takes them out: two counts are all that is shared.
 */
#include "crash.h"
#include "effects.h"
#include "server.h"
#include "signals.h"
#include <libsys/archive.h>
#include <libsys/crash_report.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/spawn.h>
#include <libsys/stub.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <stdatomic.h>
#include <string.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/vm.h>
#include <wharf/info.h>

enum {
    JOBS = 4,
    PAGE = 4096,
    NAME_SIZE = PROCESS_NAME_SIZE + 16,
    LATE = 500000000,
    OFTEN = 1000000000
};

/* The reporter's from crash_report() on, its rights too. */
struct job {
    uint64_t payload;
    bool whole;
    char program[PROCESS_NAME_SIZE], name[NAME_SIZE];
    mach_port_name_t task, thread; /* send rights */
    uint32_t kind;
    uint64_t code, address;
};

static struct job jobs[JOBS];
static _Atomic uint32_t submitted, finished; /* by the main thread; by the reporter */
static struct archive archive;               /* constant once there is a reporter */

/* ---- the reporter ---- */

static void say(const char *text)
{
    print("%s\n", text);
}

/* Is the file what runs? Its code at the entry says so: another program may have that name. */
static bool is_file_of(mach_port_name_t task, const struct elf_file *file)
{
    enum { LOOK = 64 };
    struct elf_program program;
    uint8_t there[LOOK];
    uint32_t got = 0;
    if (elf_read(file, SPAWN_LOWEST, SPAWN_END, &program) != NULL)
        return false;
    for (unsigned i = 0; i < program.count; i++) {
        const struct elf_segment *s = &program.segment[i];
        if (program.entry < s->address || s->file_size < LOOK ||
            program.entry - s->address > s->file_size - LOOK)
            continue;
        return vm_read(task, program.entry, LOOK, there, &got) == KERN_SUCCESS && got == LOOK &&
               memcmp(there, (const char *)file->at + s->offset + (program.entry - s->address),
                      LOOK) == 0;
    }
    return false;
}

static struct elf_file find_file(const struct job *job)
{
    char path[sizeof("bin/") + PROCESS_NAME_SIZE];
    struct archive_file found;
    struct elf_file file = {0};
    format_text(path, sizeof(path), "bin/%s", job->program);
    if (archive.size == 0 || (archive_find(&archive, job->program, &found) != KERN_SUCCESS &&
                              archive_find(&archive, path, &found) != KERN_SUCCESS))
        return file;
    file = (struct elf_file){found.data, found.size};
    return is_file_of(job->task, &file) ? file : (struct elf_file){0};
}

static void write_report(const struct job *job)
{
    static struct crash_report report; /* one at a time */
    report = (struct crash_report){
        .name = job->name,
        .task = job->task,
        .thread = job->thread,
        .kind = job->kind,
        .code = job->code,
        .address = job->address,
        .file = find_file(job),
        .line = say,
    };
    if (crash_report_begin(&report) != KERN_SUCCESS) {
        print("%s crashed, and is gone already\n", job->name);
        return;
    }
    crash_report_tell(&report, job->whole);
}

static void work(void *argument)
{
    (void)argument;
    for (uint32_t next = 0;; next++) {
        word_wait_while(&submitted, next);
        struct job *job = &jobs[next % JOBS];
        write_report(job);
        stub_release_right(job->task, MSG_MOVE_SEND);
        stub_release_right(job->thread, MSG_MOVE_SEND);
        const uint64_t payload = job->payload;
        atomic_store(&finished, next + 1);
        (void)!processes_reported(tasks_exception_send, payload);
    }
}

/* ---- the server ---- */

static void map_archive(void)
{
    const struct start_info *info = program_start_info;
    const uint64_t size =
        (info->initrd_offset + info->initrd_size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    uint64_t at;
    if (info->initrd != MSG_NULL && info->initrd_size != 0 &&
        vm_map(info->task, 0, size, 0, VM_ANYWHERE, info->initrd, VM_PROT_READ, VM_PROT_READ,
               VM_INHERIT_NONE, &at) == KERN_SUCCESS)
        archive =
            (struct archive){(const char *)(uintptr_t)at + info->initrd_offset, info->initrd_size};
}

kern_return_t crash_begin(void)
{
    static struct thread thread;
    struct task_info info;
    map_archive();
    const kern_return_t kr = task_info(program_start_info->task, &info);
    if (kr != KERN_SUCCESS)
        return kr;
    const unsigned most = info.max_priority;
    return thread_start(&thread, work, NULL,
                        most < THREAD_PRIORITY_DEFAULT ? most : THREAD_PRIORITY_DEFAULT);
}

static void end(struct process *p)
{
    const uint32_t number = p->crash_signal;
    p->crash_signal = 0;
    p->crash_by = 0;
    effect_end(p, number);
    signals_end(p, (int32_t)(number | 0x80));
}

/* There are rights enough, and room. */
static bool submit(const struct process *p, mach_port_name_t thread, uint32_t kind, uint64_t code,
                   uint64_t address)
{
    static uint64_t last_whole;
    const uint32_t next = atomic_load(&submitted);
    const uint64_t now = kernel_clock_now();
    if (next - atomic_load(&finished) == JOBS ||
        port_mod_refs(program_start_info->task, p->task, PORT_RIGHT_SEND, 1) != KERN_SUCCESS)
        return false;
    struct job *job = &jobs[next % JOBS];
    *job = (struct job){
        .payload = (uint64_t)p->slot_generation << 32 | table_slot_of(p),
        .whole = last_whole == 0 || now - last_whole >= OFTEN,
        .task = p->task,
        .thread = thread,
        .kind = kind,
        .code = code,
        .address = address,
    };
    if (job->whole)
        last_whole = now;
    memcpy(job->program, p->name, sizeof(job->program));
    format_text(job->name, sizeof(job->name), "%s (process %d)", p->name, p->pid);
    word_set(&submitted, next + 1);
    return true;
}

void crash_report(struct process *p, mach_port_name_t thread, uint32_t number, uint32_t kind,
                  uint64_t code, uint64_t address)
{
    (void)!task_suspend(p->task);
    p->crash_signal = number;
    p->crash_by = kernel_clock_now() + LATE;
    if (submit(p, thread, kind, code, address)) {
        tasks_soon_at(p->crash_by);
        return;
    }
    print("%s (process %d) crashed: signal %u, address 0x%lx (code 0x%lx): too many have\n",
          p->name, p->pid, number, (unsigned long)address, (unsigned long)code);
    stub_release_right(thread, MSG_MOVE_SEND);
    end(p);
}

void crash_reported(uint64_t payload)
{
    struct process *p = table_slot((unsigned)(payload & UINT32_MAX));
    if (p != NULL && p->slot_generation == payload >> 32 && p->state != PROCESS_ZOMBIE &&
        p->crash_signal != 0)
        end(p);
}

void crash_due(struct process *p, uint64_t now, uint64_t *next)
{
    if (p->state == PROCESS_ZOMBIE || p->crash_by == 0)
        return;
    if (p->crash_by <= now) {
        print("%s (process %d): the report takes too long, and is given up\n", p->name, p->pid);
        end(p);
    } else if (*next == 0 || p->crash_by < *next) {
        *next = p->crash_by;
    }
}
