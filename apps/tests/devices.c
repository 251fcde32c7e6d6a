/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks the device manager. Arguments: none: what it says of every node and function; paths: of those. Status 0: everything was answered.
 * With wait=SECONDS it first waits until each device with a driver runs, or will not, that long at most.
 */
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/devices.h>
#include <wharf/if/service.h>

enum { PAUSE = 100000000 };
static const uint64_t patience = 5000000000; /* nanoseconds for an answer */

static mach_port_name_t devices;
static unsigned failures;

static void fail(const char *what, kern_return_t kr)
{
    print("devices: %s: error %d\n", what, (int)kr);
    failures++;
}

static bool ask(const char *path, char *text)
{
    const kern_return_t kr =
        devices_explain_until(devices, path, text, kernel_clock_now() + patience);

    if (kr != KERN_SUCCESS)
        fail(path, kr);
    return kr == KERN_SUCCESS;
}

/* Line by line: one print() has 256 characters. */
static void show(const char *path)
{
    static char text[DEVICES_TEXT_MAX];

    if (!ask(path, text))
        return;
    for (char *line = text, *end; *line != '\0'; line = end) {
        end = line + strcspn(line, "\n");
        if (*end != '\0')
            *end++ = '\0';
        print("%s%s\n", line == text ? "devices: " : "    ",
              line); /* what is too long is cut off */
    }
}

/* Call `each` with every path. */
static void go_through(void (*each)(const char *path))
{
    static char paths[DEVICES_TEXT_MAX];
    uint32_t position = 0;

    do {
        const kern_return_t kr =
            devices_list_until(devices, position, &position, paths, kernel_clock_now() + patience);
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

int main(int argc, char **argv)
{
    unsigned shown = 0;
    const kern_return_t kr = service_look_up(program_start_info->bootstrap, "devices", &devices);

    if (kr != KERN_SUCCESS) {
        fail("the device manager", kr);
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "wait=", 5) == 0)
            wait_for_drivers(strtoul(argv[i] + 5, NULL, 10));
        else
            show(argv[i]);
        shown += argv[i][0] == '/';
    }
    if (shown == 0)
        go_through(show);
    print("devices: %u failures\n", failures);
    return failures != 0;
}
