/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PSCI: start CPUs, power off, reset, by firmware. Used only if the device tree has a psci node: on
 * a Pi 4 without it SMC is undefined, and on QEMU's raspi4b it runs into the weeds.
 */
#include <kern/dt.h>
#include <machine/smp_md.h>
#include <machine/sysreg.h>

uint64_t psci_smc(uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3);
uint64_t psci_hvc(uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3);

enum { PSCI_SUCCESS = 0, PSCI_NOT_SUPPORTED = -1 };

static struct board_psci psci; /* constant after psci_init(); conduit NONE before */

void psci_init(const struct board_psci *description)
{
    psci = *description;
}

bool psci_present(void)
{
    return psci.conduit == BOARD_PSCI_SMC || psci.conduit == BOARD_PSCI_HVC;
}

/* A function the firmware does not have has number 0. Results are 32 bits, negative for errors. */
static int32_t call(uint32_t function, uint64_t a1, uint64_t a2, uint64_t a3)
{
    if (!psci_present() || function == 0)
        return PSCI_NOT_SUPPORTED;
    dsb_sy(); /* what we wrote is seen by whoever runs next */
    uint64_t result = psci.conduit == BOARD_PSCI_SMC ? psci_smc(function, a1, a2, a3)
                                                     : psci_hvc(function, a1, a2, a3);
    return (int32_t)result;
}

kern_return_t psci_cpu_on(uint64_t hwid, paddr_t entry, uint64_t context)
{
    switch (call(psci.cpu_on, hwid, entry, context)) {
    case PSCI_SUCCESS: return KERN_SUCCESS;
    case PSCI_NOT_SUPPORTED: return KERN_NOT_SUPPORTED;
    default: return KERN_FAILURE; /* bad parameters, denied, already on, internal failure */
    }
}

void psci_power_off(void)
{
    (void)call(psci.system_off, 0, 0, 0);
}
void psci_reset(void)
{
    (void)call(psci.system_reset, 0, 0, 0);
}
