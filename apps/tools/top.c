/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * top: which tasks use the processors, again and again.
 */
#include "tasks.h"
#include <inttypes.h>
#include <libsys/kernel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct tool tool = {
    .name = "top",
    .usage = "[-b] [-n COUNT] [-d SECONDS]",
    .options = "bn:d:",
    .help =
        "Show the tasks that used most of the processors' time since the last time, the most busy first.\n"
        "  -b      one table below the other, without clearing the screen\n"
        "  -n -d   how often, and how many seconds apart (2)\n",
};

enum { TASKS_MAX = 256, ROWS = 20 };

struct row {
    uint32_t id;
    uint64_t time, before;
    int64_t pages;
    char name[TASK_NAME_SIZE];
};

static struct row rows[TASKS_MAX];
static unsigned count;
static bool plain;

static struct row *find(uint32_t id)
{
    for (unsigned i = 0; i < count; i++)
        if (rows[i].id == id)
            return &rows[i];
    if (count == TASKS_MAX)
        return NULL;
    rows[count] = (struct row){.id = id};
    return &rows[count++];
}

static bool add_time(void *context, mach_port_name_t thread, const struct thread_info *info)
{
    (void)thread;
    *(uint64_t *)context += info->cpu_time;
    return true;
}

static bool look(void *context, mach_port_name_t task, const struct task_info *info)
{
    struct row *row = find(info->id);

    (void)context;
    if (!row)
        return true;
    row->time = 0;
    row->pages = info->used[0];
    memcpy(row->name, info->name, TASK_NAME_SIZE);
    threads_each(task, add_time, &row->time);
    return true;
}

static uint64_t used(const struct row *row)
{
    return row->time > row->before ? row->time - row->before : 0;
}

static int compare(const void *a, const void *b)
{
    const uint64_t one = used(a), other = used(b);

    return one < other ? 1 : one > other ? -1 : 0;
}

/* Threads that ended are not in a task's time any more: then it counts from what is left. */
static void begin_round(void)
{
    for (unsigned i = 0; i < count; i++) {
        rows[i].before = rows[i].time;
        rows[i].name[0] = '\0';
    }
}

static void forget_ended(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < count; i++)
        if (rows[i].name[0] != '\0')
            rows[n++] = rows[i];
    count = n;
}

static void show(uint64_t elapsed)
{
    if (!plain)
        fputs("\033[H\033[2J", stdout);
    printf("%" PRIu64 " MiB free, %u tasks\n TASK   CPU%%    PAGES NAME\n",
           kernel_system_info(SYSTEM_INFO_FREE_FRAMES) * 4096 >> 20, count);
    qsort(rows, count, sizeof rows[0], compare);
    for (unsigned i = 0; i < count && i < ROWS; i++) {
        const uint64_t share = elapsed > 0 ? used(&rows[i]) * 1000 / elapsed : 0;
        printf("%5" PRIu32 " %4" PRIu64 ".%" PRIu64 " %8" PRId64 " %s\n", rows[i].id, share / 10,
               share % 10, rows[i].pages, rows[i].name);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    uint64_t times = UINT64_MAX, seconds = 2, last = 0;
    int option;

    while ((option = tool_option(&tool, argc, argv)) != -1) {
        if (option == 'b')
            plain = true;
        else if (option == 'n')
            times = tool_number(&tool, optarg);
        else
            seconds = tool_number(&tool, optarg);
    }
    if (optind < argc || seconds == 0)
        tool_misuse(&tool);
    for (uint64_t i = 0; i < times; i++) {
        const uint64_t now = kernel_clock_now();
        begin_round();
        tasks_each(&tool, look, NULL);
        forget_ended();
        show(now - last);
        last = now;
        if (i + 1 < times)
            (void)kernel_sleep_until(now + seconds * UINT64_C(1000000000));
    }
    return tool_end(&tool, false);
}
