/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See tool.h.
 */
#include "tool.h"
#include <getopt.h>
#include <libsys/program.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/service.h>

static void usage(const struct tool *tool, FILE *to)
{
    fprintf(to, "usage: %s %s\n", tool->name, tool->usage);
}

int tool_option(const struct tool *tool, int argc, char **argv)
{
    static const struct option words[] = {{.name = "help", .val = 'H'}, {.name = NULL}};
    const int option = getopt_long(argc, argv, tool->options, words, NULL);

    if (option == 'H') {
        usage(tool, stdout);
        fputs(tool->help, stdout);
        exit(tool_end(tool, false));
    }
    if (option == '?')
        tool_misuse(tool);
    return option;
}

static void complain(const struct tool *tool, const char *format, va_list arguments)
{
    char text[512];

    /* In one piece: stderr has no buffer, fprintf() would write it bit by bit, and others write there, too. */
    int n = snprintf(text, sizeof text, "%s: ", tool->name);
    n += vsnprintf(text + n, sizeof text - (size_t)n, format, arguments);
    n = n < (int)sizeof text - 1 ? n : (int)sizeof text - 2;
    text[n++] = '\n';
    fflush(stdout);
    fwrite(text, 1, (size_t)n, stderr);
}

void tool_complain(const struct tool *tool, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    complain(tool, format, arguments);
    va_end(arguments);
}

void tool_fail(const struct tool *tool, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    complain(tool, format, arguments);
    va_end(arguments);
    exit(TOOL_FAILED);
}

void tool_misuse(const struct tool *tool)
{
    fflush(stdout);
    usage(tool, stderr);
    exit(TOOL_MISUSED);
}

const char *tool_error(kern_return_t error)
{
    static const struct {
        kern_return_t error;
        const char *words;
    } known[] = {
        {KERN_NOT_FOUND, "there is none of this name"},
        {KERN_NO_ACCESS, "this session may not"},
        {KERN_BUSY, "it runs already, or is busy"},
        {KERN_BAD_FORMAT, "it is no program"},
        {KERN_FAILURE, "it failed"},
        {KERN_NOT_SUPPORTED, "it cannot do that"},
        {KERN_RESOURCE_SHORTAGE, "there is no memory"},
        {KERN_TERMINATED, "it has ended"},
        {MACH_SEND_INVALID_DEST, "nobody offers it"},
        {MIG_SERVER_DIED, "who was asked has died"},
    };
    static char number[32];

    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].error == error)
            return known[i].words;
    snprintf(number, sizeof number, "error %d", (int)error);
    return number;
}

/* Programs that were not started by a shell may have it in their start block. */
static mach_port_name_t given(const char *name)
{
    const struct start_info *info = program_start_info;
    const struct {
        const char *name;
        mach_port_name_t right;
    } powers[] = {
        {"host_memory", info->host_memory}, {"host_reboot", info->host_reboot},
        {"host_debug", info->host_debug},   {"host_tasks", info->host_tasks},
        {"host_time", info->host_time},
    };

    for (unsigned i = 0; i < sizeof powers / sizeof powers[0]; i++)
        if (strcmp(powers[i].name, name) == 0)
            return powers[i].right;
    return MSG_NULL;
}

mach_port_name_t tool_power(const struct tool *tool, const char *name)
{
    mach_port_name_t right = given(name);

    if (right != MSG_NULL)
        return right;
    const mach_port_name_t bootstrap = program_start_info->bootstrap;
    const kern_return_t kr =
        bootstrap == MSG_NULL ? KERN_NO_ACCESS : service_get_right(bootstrap, name, &right);
    if (kr != KERN_SUCCESS)
        tool_fail(tool, "this session does not have the right %s", name);
    return right;
}

mach_port_name_t tool_service(const struct tool *tool, const char *name)
{
    mach_port_name_t port;
    const mach_port_name_t bootstrap = program_start_info->bootstrap;
    const kern_return_t kr =
        bootstrap == MSG_NULL ? KERN_NO_ACCESS : service_look_up(bootstrap, name, &port);

    if (kr != KERN_SUCCESS)
        tool_fail(tool, "service %s: %s", name, tool_error(kr));
    return port;
}

uint64_t tool_number(const struct tool *tool, const char *text)
{
    char *end;
    const uint64_t number = strtoull(text, &end, 0);

    if (*text < '0' || *text > '9' || *end != '\0')
        tool_misuse(tool);
    return number;
}

int tool_end(const struct tool *tool, bool failed)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        tool_complain(tool, "its output cannot be written");
        return TOOL_FAILED;
    }
    return failed ? TOOL_FAILED : 0;
}
