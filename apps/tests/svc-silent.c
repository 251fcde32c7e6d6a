/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block service that never answers, as the place for cores: a server crashes, and the supervisor's dumper gives this one up. What it says of that is
 * looked for in the log (tests/qemu/supervisor.py); the server is started anew meanwhile.
 */
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <wharf/if/service.h>
#include <wharf/if/svc.h>

#define OK(call) CHECK_EQUAL(call, KERN_SUCCESS)

/* Longer than the dumper waits for an answer (bootstrap/dumper.c: PATIENCE). */
#define SILENCE UINT64_C(12000000000)

int main(void)
{
    mach_port_name_t service = MSG_NULL, server = MSG_NULL;
    uint32_t number, build, stops, device;

    OK(service_check_in(program_start_info->bootstrap, "block.silent", &service));
    OK(service_look_up(program_start_info->bootstrap, "svc.a", &server));
    OK(svc_fail(server, SVC_FAILURE_CRASH));
    OK(svc_who(server, &number, &build, &stops, &device)); /* the next instance */
    OK(kernel_sleep_until(kernel_clock_now() + SILENCE));
    return check_end("svc-silent");
}
