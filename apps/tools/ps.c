/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ps: what runs, and for each thread what it does, what it waits for and on whom.
 */
#include "tasks.h"
#include <inttypes.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wharf/if/processes.h>
#include <wharf/if/service.h>
#include <wharf/if/vm.h>

static const struct tool tool = {
    .name = "ps",
    .usage = "[-aeflT] [-p TASK]",
    .options = "aeflTp:",
    .help = "List all tasks with their threads: state, what each waits for, and who owes it.\n"
            "Tasks that are processes have a pid.\n"
            "  -T      one line a task: no threads\n"
            "  -l      the same, with its memory in KiB: mapped, in memory, and swapped out\n"
            "  -p TASK only this one, by pid, or the task's number or name\n"
            "  -a -e -f  are taken and change nothing: it is all tasks in any case\n",
};

enum { NAMES_MAX = 256, PAGE_KIB = 4 };

static struct {
    uint32_t thread, task;
} owners[1024]; /* of threads, to say whose one is */
static unsigned owner_count;
static struct {
    uint32_t id;
    int32_t pid; /* 0: it is no process */
    char name[TASK_NAME_SIZE];
} names[NAMES_MAX];
static unsigned name_count;
static bool threads = true, memory;
static const char *only;

/* ---- who is who ---- */

static bool note_thread(void *context, mach_port_name_t thread, const struct thread_info *info)
{
    (void)context;
    (void)thread;
    if (owner_count < sizeof owners / sizeof owners[0]) {
        owners[owner_count].thread = info->id;
        owners[owner_count++].task = info->task;
    }
    return true;
}

static bool note_task(void *context, mach_port_name_t task, const struct task_info *info)
{
    (void)context;
    if (name_count < NAMES_MAX) {
        names[name_count].id = info->id;
        memcpy(names[name_count++].name, info->name, TASK_NAME_SIZE);
    }
    threads_each(task, note_thread, NULL);
    return true;
}

static unsigned index_of(uint32_t task)
{
    unsigned i = 0;

    while (i < name_count && names[i].id != task)
        i++;
    return i;
}

static const char *name_of(uint32_t task)
{
    const unsigned i = index_of(task);

    return i < name_count ? names[i].name : "?";
}

static int32_t pid_of(uint32_t task)
{
    const unsigned i = index_of(task);

    return i < name_count ? names[i].pid : 0;
}

static void note_pid(mach_port_name_t processes, int32_t pid)
{
    struct task_info info;
    unsigned i;

    if (processes_task_info(processes, pid, &info) == KERN_SUCCESS &&
        (i = index_of(info.id)) < name_count)
        names[i].pid = pid;
}

/* Without a process server nobody has a pid. */
static void note_pids(void)
{
    const mach_port_name_t bootstrap = program_start_info->bootstrap;
    int32_t pids[PROCESSES_PIDS_MAX], last = 0;
    mach_port_name_t processes;
    uint32_t count;

    if (bootstrap == MSG_NULL || service_look_up(bootstrap, "process", &processes) != KERN_SUCCESS)
        return;
    do {
        if (processes_list(processes, last, pids, &count) != KERN_SUCCESS)
            break;
        for (uint32_t i = 0; i < count; i++)
            note_pid(processes, last = pids[i]);
    } while (count == PROCESSES_PIDS_MAX);
    stub_release_right(processes, MSG_MOVE_SEND);
}

static uint32_t task_of(uint32_t thread)
{
    for (unsigned i = 0; i < owner_count; i++)
        if (owners[i].thread == thread)
            return owners[i].task;
    return 0;
}

/* ---- lines ---- */

static void show_time(uint64_t nanoseconds)
{
    const uint64_t hundredths = nanoseconds / 10000000;

    printf("%4" PRIu64 ":%02" PRIu64 ".%02" PRIu64, hundredths / 6000, hundredths / 100 % 60,
           hundredths % 100);
}

/* What it waits for and who can end that. */
static void show_wait(const struct thread_info *info)
{
    printf(" %-8s", thread_waits(info));
    if (info->answerer != 0)
        printf(" of %s, thread %" PRIu32, name_of(task_of(info->answerer)), info->answerer);
    else if (info->waits == THREAD_WAITS_REPLY)
        printf(" that nobody has begun");
}

static bool show_thread(void *context, mach_port_name_t thread, const struct thread_info *info)
{
    (void)context;
    (void)thread;
    printf("            %6" PRIu32 " %-8s %3u ", info->id, thread_does(info), info->effective);
    show_time(info->cpu_time);
    show_wait(info);
    printf("%s%s\n", info->name[0] != '\0' ? "  " : "", info->name);
    return true;
}

static bool add_time(void *context, mach_port_name_t thread, const struct thread_info *info)
{
    (void)thread;
    *(uint64_t *)context += info->cpu_time;
    return true;
}

static bool is_asked_for(const struct task_info *info, int32_t pid)
{
    const unsigned long number = only ? strtoul(only, NULL, 10) : 0;

    return !only || strcmp(only, info->name) == 0 ||
           (number != 0 && (number == info->id || number == (unsigned long)pid));
}

/* Of one that ends there is none. */
static void show_memory(mach_port_name_t task)
{
    struct vm_usage usage;

    if (vm_usage(task, &usage) != KERN_SUCCESS)
        usage = (struct vm_usage){.mapped = 0};
    printf(" %8" PRIu64 " %7" PRIu64 " %7" PRIu64, usage.mapped * PAGE_KIB,
           usage.resident * PAGE_KIB, usage.out * PAGE_KIB);
}

static bool show_task(void *context, mach_port_name_t task, const struct task_info *info)
{
    const int32_t pid = pid_of(info->id);
    uint64_t time = info->ended_time;

    (void)context;
    if (!is_asked_for(info, pid))
        return true;
    threads_each(task, add_time, &time);
    if (pid != 0)
        printf("%5" PRId32, pid);
    else
        printf("%5s", "-");
    printf(" %5" PRIu32 " %6" PRIu32 " %-8s %3s ", info->id, info->threads,
           info->suspend_count > 0 ? "stopped" : "", "");
    show_time(time);
    if (memory)
        show_memory(task);
    printf(" %s\n", info->name);
    if (threads)
        threads_each(task, show_thread, NULL);
    return true;
}

int main(int argc, char **argv)
{
    int option;

    while ((option = tool_option(&tool, argc, argv)) != -1) {
        memory |= option == 'l';
        if (option == 'T' || option == 'l')
            threads = false;
        else if (option == 'p')
            only = optarg;
    }
    if (optind < argc)
        tool_misuse(&tool);
    tasks_each(&tool, note_task, NULL);
    note_pids();
    printf("  PID  TASK THREAD STATE    PRI       TIME %s\n",
           memory ? "    SIZE     RSS    SWAP NAME" : "WAITS FOR");
    tasks_each(&tool, show_task, NULL);
    return tool_end(&tool, false);
}
