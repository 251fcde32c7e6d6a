/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace: everything that happens in the system for a while, into a file that Perfetto draws (docs/tracing.md).
 *
 * Events are kept in memory until the time is over: to write them down meanwhile would be to see little else.
 */
#include "message_names.h"
#include "recording.h"
#include "tasks.h"
#include "timeline.h"
#include <errno.h>
#include <inttypes.h>
#include <libsys/kernel.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wharf/if/host_debug.h>

static const struct tool tool = {
    .name = "trace",
    .usage = "[-o FILE] [-b MIB] SECONDS [COMMAND [ARGUMENT...]]",
    .options = "+o:b:",
    .help =
        "Record what happens for so many seconds, or while the command runs if that is shorter, and write it down\n"
        "for ui.perfetto.dev.\n"
        "  -o FILE  there, not to trace.json\n"
        "  -b MIB   stop when there are so many MiB of events (8)\n",
};

#define SECOND UINT64_C(1000000000)

enum {
    ALL = -1, /* classes of events */
    RING = 16384,
    RING_LEAST = 1024, /* events of a CPU in the kernel: half a MiB, if there is as much */
    PAUSE = 10,        /* milliseconds from one look at them to the next */
    MOST_MIB = 1024,
    COMMAND_WORDS = 64, /* and NULL */
};

extern char **environ;

/* What is to be done. */
static struct {
    const char *file;
    uint64_t seconds, most; /* most: events */
    char **command;         /* NULL: none */
} wanted = {.file = "trace.json", .most = 8};

static mach_port_name_t power;
static struct recording recording;

static void no_memory(void)
{
    (void)host_debug_stream_stop(power);
    tool_fail(&tool, "there is not enough memory");
}

/* ---- who is who ---- */

static bool note_thread(void *context, mach_port_name_t thread, const struct thread_info *info)
{
    (void)context;
    (void)thread;
    if (!recording_name_thread(&recording, info->id, info->task, info->name, sizeof info->name))
        no_memory();
    return true;
}

static bool note_task(void *context, mach_port_name_t task, const struct task_info *info)
{
    if (!recording_name_task(&recording, info->id, info->name, sizeof info->name))
        no_memory();
    threads_each(task, note_thread, context);
    return true;
}

static void note_kinds(void)
{
    for (uint32_t n = 0; n < RECORDING_KINDS; n++) {
        struct event_kind *kind = &recording.kind[n];
        if (host_debug_trace_name(power, n, kind->name, kind->argument[0], kind->argument[1]) !=
            KERN_SUCCESS)
            kind->name[0] = '\0';
    }
}

/* ---- events ---- */

static void start(void)
{
    kern_return_t kr = KERN_SUCCESS;

    for (uint32_t events = RING; events >= RING_LEAST; events /= 2) {
        kr = host_debug_stream_start(power, events, (uint32_t)ALL);
        if (kr != KERN_RESOURCE_SHORTAGE && kr != KERN_LIMIT)
            break;
    }
    if (kr == KERN_BUSY)
        tool_fail(&tool, "somebody else traces already");
    if (kr != KERN_SUCCESS)
        tool_fail(&tool, "%s", tool_error(kr));
}

/* All that a CPU has now. */
static void take(uint32_t cpu)
{
    struct host_debug_event events[HOST_DEBUG_STREAM_EVENTS_MAX];
    uint32_t count = HOST_DEBUG_STREAM_EVENTS_MAX;

    for (size_t n = 0; count == HOST_DEBUG_STREAM_EVENTS_MAX && n < RING; n += count) {
        if (host_debug_stream_read(power, cpu, &recording.cpu[cpu].lost, events, &count) !=
            KERN_SUCCESS)
            return; /* there is no such CPU */
        if (!recording_add(&recording, cpu, events, count))
            no_memory();
    }
}

static void take_all(void)
{
    for (uint32_t cpu = 0; cpu < RECORDING_CPUS; cpu++)
        take(cpu);
}

/* By way of the shell, which looks for it and says what is wrong with it. */
static pid_t begin_command(void)
{
    char *words[COMMAND_WORDS + 4] = {"sh", "-c", "exec \"$@\"", "trace"};
    pid_t child = 0;

    if (!wanted.command)
        return 0;
    for (unsigned i = 0; wanted.command[i]; i++)
        words[4 + i] = wanted.command[i];
    const int error = posix_spawn(&child, "/bin/sh", NULL, NULL, words, environ);
    if (error != 0) {
        (void)host_debug_stream_stop(power);
        tool_fail(&tool, "/bin/sh: %s", strerror(error));
    }
    return child;
}

/* Until the time is over, the command has ended, or there is too much. */
static void record(void)
{
    const uint64_t until = kernel_clock_now() + wanted.seconds * SECOND;
    pid_t child;
    bool goes_on = true;

    start();
    child = begin_command();
    while (goes_on && kernel_clock_now() < until) {
        (void)kernel_sleep_until(kernel_clock_now() + PAUSE * (SECOND / 1000));
        if (child != 0 && waitpid(child, NULL, WNOHANG) == child)
            goes_on = false;
        take_all();
        if (recording_count(&recording) >= wanted.most) {
            tool_complain(&tool, "there is no room for more events: -b");
            goes_on = false;
        }
    }
    (void)host_debug_stream_stop(power);
}

static FILE *open_file(void)
{
    FILE *file = fopen(wanted.file, "w");

    if (!file)
        tool_fail(&tool, "%s: %s", wanted.file, strerror(errno));
    return file;
}

static void write_down(void)
{
    const char *error;
    FILE *file = open_file();

    const bool is_sane = timeline_write(&recording, message_name_of, file, &error);
    const bool is_written = !ferror(file);
    if (fclose(file) != 0 || !is_written)
        tool_fail(&tool, "%s: it cannot be written", wanted.file);
    if (!is_sane)
        tool_fail(&tool, "%s", error);
}

/* ---- arguments ---- */

static void take_options(int argc, char **argv)
{
    int option;

    while ((option = tool_option(&tool, argc, argv)) != -1) {
        if (option == 'o')
            wanted.file = optarg;
        else if (option == 'b')
            wanted.most = tool_number(&tool, optarg);
    }
}

/* Options may stand behind the seconds, too; what stands behind the command is the command's. */
static void take_arguments(int argc, char **argv)
{
    take_options(argc, argv);
    if (optind == argc)
        tool_misuse(&tool);
    wanted.seconds = tool_number(&tool, argv[optind++]);
    take_options(argc, argv);
    if (optind < argc)
        wanted.command = argv + optind;
    if (argc - optind >= COMMAND_WORDS || wanted.seconds == 0 || wanted.most == 0 ||
        wanted.most > MOST_MIB)
        tool_misuse(&tool);
    wanted.most = (wanted.most << 20) / sizeof(struct host_debug_event);
}

int main(int argc, char **argv)
{
    take_arguments(argc, argv);
    power = tool_power(&tool, "host_debug");
    recording_init(&recording);
    note_kinds();
    tasks_each(&tool, note_task, NULL);
    record();
    tasks_each(&tool, note_task, NULL);
    write_down();
    printf("%s: %zu events, %" PRIu64 " lost\n", wanted.file, recording_count(&recording),
           recording_lost(&recording));
    recording_free(&recording);
    return tool_end(&tool, false);
}
