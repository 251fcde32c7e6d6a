/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block service that never answers, as the place for cores: a server crashes, and the supervisor's dumper gives this one up. What it says of that is
 * waited for in the log (and looked for by tests/qemu/supervisor.py); the server is started anew meanwhile.
 */
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <string.h>
#include <wharf/if/host_debug.h>
#include <wharf/if/service.h>
#include <wharf/if/svc.h>

#define OK(call) CHECK_EQUAL(call, KERN_SUCCESS)
#define PAUSE    UINT64_C(100000000)

/* Much longer than the dumper waits for an answer (bootstrap/dumper.c: PATIENCE). */
#define SILENCE UINT64_C(60000000000)

/* Whether what is new of the log has a line with these words. */
static bool log_says(const char *words)
{
    static uint64_t position;
    static char line[256];
    static size_t length;
    static uint8_t text[HOST_DEBUG_TEXT_MAX];
    uint32_t size = 0;
    bool says = false;

    OK(host_debug_read_log(program_start_info->host_debug, position, &position, text, &size));
    for (uint32_t i = 0; i < size; i++)
        if (text[i] == '\n') {
            line[length] = '\0';
            says = says || strstr(line, words) != NULL;
            length = 0;
        } else if (length < sizeof(line) - 1) {
            line[length++] = (char)text[i];
        }
    return says;
}

int main(void)
{
    mach_port_name_t service = MSG_NULL, server = MSG_NULL;
    uint32_t number, build, stops, device;

    OK(service_check_in(program_start_info->bootstrap, "block.silent", &service));
    OK(service_look_up(program_start_info->bootstrap, "svc.a", &server));
    OK(svc_fail(server, SVC_FAILURE_CRASH));
    OK(svc_who(server, &number, &build, &stops, &device)); /* the next instance */
    const uint64_t until = kernel_clock_now() + SILENCE;
    bool given_up = false;
    while (!given_up && kernel_clock_now() < until) {
        OK(kernel_sleep_until(kernel_clock_now() + PAUSE));
        given_up = log_says("could not be written to the dump partition");
    }
    CHECK(given_up);
    return check_end("svc-silent");
}
