/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks the device manager. Arguments: none: what it says of every node and function; paths: of those. Status 0: everything was answered.
 *   wait=SECONDS   first until each device with a driver runs, or will not, that long at most
 *   strange=1      then questions that must be refused
 *   kills=N        then the device manager is killed, N times; each time all it says has to be as before, but for what becomes of drivers
 */
#include "supervised.h"
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/devices.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>

enum { PAUSE = 100000000 };
static const uint64_t patience = 20000000000; /* nanoseconds for an answer */

static mach_port_name_t devices;
static unsigned failures;

static void fail(const char *what, kern_return_t kr)
{
    print("devices: %s: error %d\n", what, (int)kr);
    failures++;
}

/* Who is killed while it answers leaves a question open: it is asked again. */
static bool is_over(kern_return_t kr, uint64_t end)
{
    return kr != MIG_SERVER_DIED || kernel_clock_now() >= end;
}

static bool ask(const char *path, char *text)
{
    const uint64_t end = kernel_clock_now() + patience;
    kern_return_t kr;

    do
        kr = devices_explain_until(devices, path, text, end);
    while (!is_over(kr, end));
    if (kr != KERN_SUCCESS)
        fail(path, kr);
    return kr == KERN_SUCCESS;
}

/* What print() can take, one line after the other. */
static void print_long(const char *lead, const char *line)
{
    char piece[200];

    do {
        const size_t length = strnlen(line, sizeof(piece) - 1);

        memcpy(piece, line, length);
        piece[length] = '\0';
        line += length;
        print("%s%s%s\n", lead, piece, *line != '\0' ? "\\" : "");
        lead = "";
    } while (*line != '\0');
}

/* Line by line. */
static void show(const char *path)
{
    static char text[DEVICES_TEXT_MAX];

    if (!ask(path, text))
        return;
    for (char *line = text, *end; *line != '\0'; line = end) {
        end = line + strcspn(line, "\n");
        if (*end != '\0')
            *end++ = '\0';
        print_long(line == text ? "devices: " : "    ", line);
    }
}

/* Call `each` with every path. */
static void go_through(void (*each)(const char *path))
{
    static char paths[DEVICES_TEXT_MAX];
    uint32_t position = 0;

    do {
        const uint64_t end_of_wait = kernel_clock_now() + patience;
        kern_return_t kr;

        do
            kr = devices_list_until(devices, position, &position, paths, end_of_wait);
        while (!is_over(kr, end_of_wait));
        if (kr != KERN_SUCCESS) {
            fail("list", kr);
            return;
        }
        for (char *line = paths, *end; *line != '\0'; line = end) {
            end = line + strcspn(line, "\n");
            if (*end != '\0')
                *end++ = '\0';
            each(line);
        }
    } while (position != 0);
}

static unsigned unsettled;

static void look(const char *path)
{
    static char text[DEVICES_TEXT_MAX];

    if (!ask(path, text) || strstr(text, "\nstate: ") == NULL)
        return;
    if (strstr(text, "state: running") == NULL && strstr(text, "state: given up") == NULL &&
        strstr(text, "state: stopped") == NULL)
        unsettled++;
}

static void wait_for_drivers(uint64_t seconds)
{
    const uint64_t end = kernel_clock_now() + seconds * 1000000000;

    do {
        unsettled = 0;
        go_through(look);
        if (unsettled != 0 && kernel_sleep_until(kernel_clock_now() + PAUSE) != KERN_SUCCESS)
            return;
    } while (unsettled != 0 && kernel_clock_now() < end);
}

/* ---- Questions that make no sense ---- */

static void refused(const char *what, kern_return_t kr, kern_return_t expected)
{
    if (kr != expected)
        fail(what, kr);
}

static void ask_strangely(void)
{
    static char text[DEVICES_TEXT_MAX];
    const uint64_t soon = kernel_clock_now() + patience;
    uint32_t next = 1;

    refused("a node that is not there", devices_explain_until(devices, "/absent", text, soon),
            KERN_NOT_FOUND);
    refused("no path", devices_explain_until(devices, "", text, soon), KERN_NOT_FOUND);
    refused("an alias that is none", devices_explain_until(devices, "absent0", text, soon),
            KERN_NOT_FOUND);
    refused("far behind the end", devices_list_until(devices, 0xfffffff0, &next, text, soon),
            KERN_SUCCESS);
    if (next != 0 || text[0] != '\0')
        fail("something behind the end", KERN_FAILURE);
    /* This port is that of who may look, not of who drives a bus. */
    refused("a device of nobody's",
            devices_found_until(devices, "/pcie@10000000", "01.0", "x", devices, soon),
            KERN_NO_ACCESS);
    refused("the end of one", devices_lost_until(devices, "/pcie@10000000", "01.0", devices, soon),
            KERN_NO_ACCESS);
}

/* ---- Deaths of the manager ---- */

static uint64_t sum;

static void add_to_sum(const char *path)
{
    static char text[DEVICES_TEXT_MAX];

    if (!ask(path, text))
        return;
    char *state = strstr(text, "\nstate: ");
    if (state != NULL)
        *state = '\0';
    for (const char *p = text; *p != '\0'; p++)
        sum = (sum ^ (uint8_t)*p) * 0x100000001b3;
}

static uint64_t sum_of_all(void)
{
    sum = 0xcbf29ce484222325;
    go_through(add_to_sum);
    return sum;
}

static void kill_manager(unsigned long times)
{
    mach_port_name_t supervisor;
    kern_return_t kr = service_look_up(program_start_info->bootstrap, "supervisor", &supervisor);
    const uint64_t before = sum_of_all();
    const uint32_t programs = kr == KERN_SUCCESS ? supervised_count(supervisor) : 0;

    for (unsigned long i = 0; kr == KERN_SUCCESS && i < times; i++) {
        kr = supervisor_kill(supervisor, "device-manager");
        if (kr == KERN_SUCCESS && sum_of_all() != before)
            fail("after a restart it says something else", KERN_FAILURE);
    }
    if (kr != KERN_SUCCESS)
        fail("killing the device manager", kr);
    else if (supervised_count(supervisor) != programs)
        fail("there are more or fewer programs", KERN_FAILURE);
    print("devices: the manager was killed %lu times\n", times);
}

/* ---- What is asked of this program ---- */

static bool carry_out(const char *word)
{
    if (word[0] == '/')
        show(word);
    else if (strncmp(word, "wait=", 5) == 0)
        wait_for_drivers(strtoul(word + 5, NULL, 10));
    else if (strncmp(word, "kills=", 6) == 0)
        kill_manager(strtoul(word + 6, NULL, 10));
    else if (strcmp(word, "strange=1") == 0)
        ask_strangely();
    else
        fail(word, KERN_INVALID_ARGUMENT);
    return word[0] == '/';
}

int main(int argc, char **argv)
{
    bool shown = false;
    const kern_return_t kr = service_look_up(program_start_info->bootstrap, "devices", &devices);

    if (kr != KERN_SUCCESS) {
        fail("the device manager", kr);
        return 1;
    }
    for (int i = 1; i < argc; i++)
        shown |= carry_out(argv[i]);
    if (!shown)
        go_through(show);
    failures += check_failures();
    print("devices: %u failures\n", failures);
    return failures != 0;
}
