/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See crash.h. By the main thread, but for what the reporter does (reporter.h).
 */
#include "crash.h"
#include "dumper.h"
#include "log.h"
#include "names.h"
#include "reporter.h"
#include "restart.h"
#include "rights.h"
#include "start.h"
#include "system.h"
#include <libsys/kernel.h>
#include <libsys/server.h>
#include <libsys/stub.h>
#include <libsys/trap.h>
#include <string.h>

static const uint64_t report_time = SECOND / 2;

/* The newest core. */
static struct {
    mach_port_name_t memory;
    uint64_t size;
    char program[WORD_SIZE];
} core;

static void fill(struct report_job *job, const struct program *p)
{
    struct archive_file file = {0};
    (void)!archive_find(&start_archive, p->recipe.file, &file);
    job->program = program_number(p);
    job->generation = p->generation;
    job->whole = p->recent == 0; /* one core, and one long report, of each row of failures */
    memcpy(job->name, p->recipe.name, sizeof(job->name));
    memcpy(job->arguments, p->recipe.arguments, sizeof(job->arguments));
    job->file = (struct elf_file){file.data, file.size};
    job->service_count = names_list(job->service, REPORT_SERVICES_MAX);
}

/* The thread waits for its answer until the report is done: then the task is ended, and it is not needed any more. */
static kern_return_t keep_reply(struct program *p, struct server_message *message)
{
    if (message->reply == MSG_REPLY) {
        const int64_t kept = sys_reply_keep();
        if (kept < 0)
            return trap_error(kept);
        message->reply = (mach_port_name_t)kept;
    }
    p->crash_reply = message->reply;
    return KERN_SUCCESS;
}

static void no_report(struct program *p)
{
    log_line("%s crashed: there is no time for a report", p->recipe.name);
    restart_end(p, ENDING_CRASH);
}

/* A task that the program made has this handler, too: the kernel reports it, and ends it. A thread that crashes while another one's crash is being
 * looked at repeats its instruction, if it still gets to. */
static kern_return_t raise(struct server_message *message, mach_port_name_t thread,
                           mach_port_name_t task, uint32_t kind, uint32_t number, uint64_t code,
                           uint64_t address)
{
    struct program *p = message->context;
    (void)number;
    if (task == MSG_NULL || task != p->task)
        return KERN_FAILURE;
    struct report_job *job = p->reporting || p->terminated ? NULL : reporter_job();
    if (job == NULL || keep_reply(p, message) != KERN_SUCCESS) {
        if (!p->reporting && !p->terminated)
            no_report(p);
        send_drop(&thread);
        send_drop(&task);
        return KERN_SUCCESS;
    }
    fill(job, p);
    job->task = task;
    job->thread = thread;
    job->kind = kind;
    job->code = code;
    job->address = address;
    p->reporting = true;
    p->ending = ENDING_CRASH;
    p->ping_at = p->answer_by = p->healthy_at = p->ready_by = NEVER;
    p->reported_by = kernel_clock_now() + report_time;
    reporter_submit();
    return MIG_NO_REPLY;
}

const struct exception_ops crash_ops = {.raise = raise};

static void keep_core(const struct report_done *done)
{
    send_drop(&core.memory);
    core.memory = (mach_port_name_t)done->entry.value;
    core.size = done->size;
    memcpy(core.program, programs[done->program].recipe.name, sizeof(core.program));
}

/* Where there is a dump partition it goes there as well. */
static void write_core(void)
{
    mach_port_name_t service, memory = core.memory;
    if (description.dump[0] == '\0')
        return;
    if (names_look_up(description.dump, &service) != KERN_SUCCESS) {
        log_line("there is no %s yet to write the core to", description.dump);
        return;
    }
    if (send_copy(memory) != KERN_SUCCESS)
        memory = MSG_NULL;
    if (memory != MSG_NULL &&
        dumper_submit(service, description.dump_partition, memory, core.size, core.program))
        return;
    send_drop(&service);
    send_drop(&memory);
}

void crash_reported(const struct report_done *done)
{
    if (done->program >= program_count)
        return;
    struct program *p = &programs[done->program];
    if (done->entry.value != MSG_NULL) {
        keep_core(done);
        write_core();
    }
    if (p->generation == done->generation && p->reporting) {
        p->reported_by = NEVER;
        restart_end(p, ENDING_CRASH);
    }
}

void crash_late(struct program *p)
{
    log_line("%s: the report takes too long, and is given up", p->recipe.name);
    restart_end(p, ENDING_CRASH);
}

kern_return_t crash_core(mach_port_name_t *memory, uint64_t *size, const char **program)
{
    if (core.memory == MSG_NULL)
        return KERN_NOT_FOUND;
    const kern_return_t kr = send_copy(core.memory);
    *memory = core.memory;
    *size = core.size;
    *program = core.program;
    return kr;
}
