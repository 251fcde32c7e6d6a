/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks the driver of QEMU's educational device (drivers-srv/edu/) for factorials and interrupts, and kills it between the questions, and the
 * PCI host's driver too.
 */
#include "supervised.h"
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <wharf/if/edu.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>

enum { ROUNDS = 16, LOOK = 10000000 /* ns */ };

/* What is behind a bus is found by the bus's driver, after the device manager has said that it is ready: it may not be known yet. */
static mach_port_name_t look_up(const char *service)
{
    mach_port_name_t port = MSG_NULL;
    kern_return_t kr;

    while ((kr = service_look_up(program_start_info->bootstrap, service, &port)) == KERN_NOT_FOUND)
        (void)kernel_sleep_until(kernel_clock_now() + LOOK);
    CHECK_EQUAL(kr, KERN_SUCCESS);
    return port;
}

static void use_factorials(mach_port_name_t edu)
{
    uint32_t expected = 1, value = 0;

    for (uint32_t number = 0; number <= EDU_NUMBER_MAX; number++) {
        expected *= number > 0 ? number : 1;
        CHECK_EQUAL(ASK(edu_factorial(edu, number, &value)), KERN_SUCCESS);
        CHECK_EQUAL(value, expected);
    }
    CHECK_EQUAL(ASK(edu_factorial(edu, EDU_NUMBER_MAX + 1, &value)), KERN_OVERFLOW);
    CHECK_EQUAL(ASK(edu_factorial(edu, UINT32_MAX, &value)), KERN_OVERFLOW);
}

/* The driver may die between two questions: so the device is told again as long as nothing is seen of it. */
static void use_interrupts(mach_port_name_t edu, uint32_t cause)
{
    uint64_t count = 0;
    uint32_t causes = 0;

    do {
        CHECK_EQUAL(ASK(edu_raise(edu, cause)), KERN_SUCCESS);
        CHECK_EQUAL(ASK(edu_interrupts(edu, &count, &causes)), KERN_SUCCESS);
    } while (causes != cause);
    CHECK(count >= 1);
    CHECK_EQUAL(ASK(edu_raise(edu, 0)), KERN_INVALID_ARGUMENT);
}

int main(void)
{
    const mach_port_name_t supervisor = look_up("supervisor"), edu = look_up("edu.edu0");

    for (unsigned round = 0; round < ROUNDS; round++) {
        use_factorials(edu);
        use_interrupts(edu, 1u << round);
        CHECK_EQUAL(supervisor_kill(supervisor, round % 4 == 3 ? "pci0" : "edu0"), KERN_SUCCESS);
    }
    use_factorials(edu);
    use_interrupts(edu, 1);
    return check_end("edu-test");
}
