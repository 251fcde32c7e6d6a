/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PSCI as a power device: the kernel is asked for what was asked for, and only for that.
 */
#include <psci.h>

#include "../../check.h"

static uint32_t asked;
static unsigned calls;
static kern_return_t answer;

static kern_return_t reset(void *context, uint32_t how)
{
    CHECK(context == &asked);
    asked = how;
    calls++;
    return answer;
}

int main(int argc, char **argv)
{
    struct psci psci;

    check_begin(argc, argv);
    psci_init(&psci, NULL, reset, &asked);
    CHECK(psci.power.ops->watchdog == NULL);
    for (uint32_t how = 0; how < 2; how++) {
        answer = KERN_SUCCESS;
        CHECK_EQ(psci.power.ops->reset(&psci.power, how), KERN_FAILURE);
        CHECK_EQ(asked, how);
        answer = MACH_SEND_INVALID_DEST;
        CHECK_EQ(psci.power.ops->reset(&psci.power, how), MACH_SEND_INVALID_DEST);
    }
    CHECK_EQ(calls, 4);
    CHECK_EQ(psci.power.ops->reset(&psci.power, 2),
             KERN_INVALID_VALUE); /* halt is the kernel's alone */
    CHECK_EQ(calls, 4);
    return check_end();
}
