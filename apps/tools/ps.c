/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ps: what runs, and for each thread what it does, what it waits for and on whom.
 */
#include "tasks.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct tool tool = {
    .name = "ps",
    .usage = "[-aefT] [-p TASK]",
    .options = "aefTp:",
    .help = "List all tasks with their threads: state, what each waits for, and who owes it.\n"
            "  -T      one line a task: no threads\n"
            "  -p TASK only this one, by number or name\n"
            "  -a -e -f  are taken and change nothing: it is all tasks in any case\n",
};

enum { NAMES_MAX = 256 };

static struct {
    uint32_t thread, task;
} owners[1024]; /* of threads, to say whose one is */
static unsigned owner_count;
static struct {
    uint32_t id;
    char name[TASK_NAME_SIZE];
} names[NAMES_MAX];
static unsigned name_count;
static bool threads = true;
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

static const char *name_of(uint32_t task)
{
    for (unsigned i = 0; i < name_count; i++)
        if (names[i].id == task)
            return names[i].name;
    return "?";
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
    if (info->waits == THREAD_WAITS_REPLY && info->answerer != 0)
        printf(" of %s, thread %" PRIu32, name_of(task_of(info->answerer)), info->answerer);
    else if (info->waits == THREAD_WAITS_REPLY)
        printf(" not begun, or put off");
}

static bool show_thread(void *context, mach_port_name_t thread, const struct thread_info *info)
{
    (void)context;
    (void)thread;
    printf("      %6" PRIu32 " %-8s %3u ", info->id, thread_does(info), info->effective);
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

static bool show_task(void *context, mach_port_name_t task, const struct task_info *info)
{
    uint64_t time = 0;

    (void)context;
    if (only && strcmp(only, info->name) != 0 && strtoul(only, NULL, 10) != info->id)
        return true;
    threads_each(task, add_time, &time);
    printf("%5" PRIu32 " %6" PRIu32 " %-8s %3s ", info->id, info->threads,
           info->suspend_count > 0 ? "stopped" : "", "");
    show_time(time);
    printf(" %s\n", info->name);
    if (threads)
        threads_each(task, show_thread, NULL);
    return true;
}

int main(int argc, char **argv)
{
    int option;

    while ((option = tool_option(&tool, argc, argv)) != -1) {
        if (option == 'T')
            threads = false;
        else if (option == 'p')
            only = optarg;
    }
    if (optind < argc)
        tool_misuse(&tool);
    tasks_each(&tool, note_task, NULL);
    puts(" TASK THREAD STATE    PRI       TIME WAITS FOR");
    tasks_each(&tool, show_task, NULL);
    return tool_end(&tool, false);
}
