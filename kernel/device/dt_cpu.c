/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs, how they are started, and the firmware that starts them.
 */
#include "dt_impl.h"

#define MPIDR_AFFINITY UINT64_C(0xff00ffffff)

/* Function identifiers of PSCI 0.2 and later (SMC64 where there are two). */
enum {
    PSCI_CPU_SUSPEND = (int)0xc4000001,
    PSCI_CPU_OFF = (int)0x84000002,
    PSCI_CPU_ON = (int)0xc4000003,
    PSCI_SYSTEM_OFF = (int)0x84000008,
    PSCI_SYSTEM_RESET = (int)0x84000009,
};

/* Children of /cpus that are no CPUs: cpu-map, caches, idle states. */
static bool is_cpu(const struct dt_walk *w)
{
    if (dt_get(w, DT_P_DEVICE_TYPE).data != NULL)
        return dt_has_string(dt_get(w, DT_P_DEVICE_TYPE), "cpu");
    return strncmp(dt_here(w)->name, "cpu@", 4) == 0;
}

static kern_return_t read_mpidr(const struct dt_walk *w, const struct board *board, uint64_t *out)
{
    uint64_t mpidr;

    if (dt_parent(w)->size_cells != 0 || !dt_number(dt_get(w, DT_P_REG), &mpidr) ||
        dt_get(w, DT_P_REG).length != dt_parent(w)->address_cells * 4)
        return dt_node_fail(w, KERN_BAD_FORMAT,
                            "reg does not have the one or two cells that "
                            "#address-cells of /cpus says");
    if ((mpidr & ~MPIDR_AFFINITY) != 0)
        return dt_node_fail(w, KERN_BAD_FORMAT, "reg 0x%llx is not an MPIDR affinity",
                            (unsigned long long)mpidr);
    for (unsigned i = 0; i < board->cpu_count; i++)
        if (board->cpus[i].mpidr == mpidr)
            return dt_node_fail(w, KERN_BAD_FORMAT, "another CPU has reg 0x%llx, too",
                                (unsigned long long)mpidr);
    *out = mpidr;
    return KERN_SUCCESS;
}

static kern_return_t read_method(const struct dt_walk *w, struct dt_value method,
                                 struct board_cpu *cpu)
{
    if (method.data == NULL)
        return KERN_SUCCESS;
    if (!dt_is_strings(method))
        return dt_node_fail(w, KERN_BAD_FORMAT, "enable-method is not a string");
    cpu->method_name = dt_string(method, 0);
    if (strcmp(cpu->method_name, "psci") == 0) {
        cpu->method = BOARD_ENABLE_PSCI;
    } else if (strcmp(cpu->method_name, "spin-table") == 0) {
        cpu->method = BOARD_ENABLE_SPIN_TABLE;
        if (!dt_number(dt_get(w, DT_P_RELEASE_ADDR), &cpu->release_addr) ||
            cpu->release_addr % 8 != 0 || cpu->release_addr >= DT_PADDR_LIMIT)
            return dt_node_fail(w, KERN_BAD_FORMAT, "spin-table without a valid cpu-release-addr");
    } else {
        cpu->method = BOARD_ENABLE_UNKNOWN;
    }
    return KERN_SUCCESS;
}

kern_return_t dt_cpu_node(const struct dt_walk *w, struct dt_value cpus_method, struct board *board)
{
    struct board_cpu cpu = {.enabled = dt_here(w)->available};
    struct dt_value method = dt_get(w, DT_P_ENABLE_METHOD);
    kern_return_t result;

    if (!is_cpu(w))
        return KERN_SUCCESS;
    if (board->cpu_count == DT_MAX_CPUS)
        return dt_node_fail(w, KERN_NOT_SUPPORTED, "there are more than %u CPUs",
                            (unsigned)DT_MAX_CPUS);
    result = read_mpidr(w, board, &cpu.mpidr);
    if (result == KERN_SUCCESS)
        result = read_method(w, method.data != NULL ? method : cpus_method, &cpu);
    if (result != KERN_SUCCESS)
        return result;
    if (dt_is_strings(dt_get(w, DT_P_COMPATIBLE)))
        cpu.compatible = dt_string(dt_get(w, DT_P_COMPATIBLE), 0);
    board->cpus[board->cpu_count++] = cpu;
    return KERN_SUCCESS;
}

kern_return_t dt_psci_node(const struct dt_walk *w, enum dt_device device, struct board *board)
{
    struct board_psci psci = {0};
    struct dt_value method = dt_get(w, DT_P_METHOD);

    if (board->psci.conduit != BOARD_PSCI_NONE)
        return KERN_SUCCESS;
    if (dt_has_string(method, "smc"))
        psci.conduit = BOARD_PSCI_SMC;
    else if (dt_has_string(method, "hvc"))
        psci.conduit = BOARD_PSCI_HVC;
    else
        return dt_node_fail(w, KERN_BAD_FORMAT, "method is neither \"smc\" nor \"hvc\"");

    if (device == DT_DEVICE_PSCI_0_1) {
        psci.version = 1;
        psci.cpu_on = dt_u32(dt_get(w, DT_P_PSCI_CPU_ON), 0);
        psci.cpu_off = dt_u32(dt_get(w, DT_P_PSCI_CPU_OFF), 0);
        psci.cpu_suspend = dt_u32(dt_get(w, DT_P_PSCI_CPU_SUSPEND), 0);
    } else {
        psci.version = dt_has_string(dt_get(w, DT_P_COMPATIBLE), "arm,psci-1.0") ? 0x10000 : 2;
        psci.cpu_on = (uint32_t)PSCI_CPU_ON;
        psci.cpu_off = (uint32_t)PSCI_CPU_OFF;
        psci.cpu_suspend = (uint32_t)PSCI_CPU_SUSPEND;
        psci.system_off = (uint32_t)PSCI_SYSTEM_OFF;
        psci.system_reset = (uint32_t)PSCI_SYSTEM_RESET;
    }
    board->psci = psci;
    return KERN_SUCCESS;
}

kern_return_t dt_cpu_finish(const struct board *board, struct dt_error *err)
{
    for (unsigned i = 0; i < board->cpu_count; i++)
        if (board->cpus[i].enabled)
            return KERN_SUCCESS;
    if (board->cpu_count > 0)
        return dt_fail(err, KERN_NOT_SUPPORTED, "all CPUs in the device tree are disabled");
    return dt_fail(err, KERN_NOT_SUPPORTED, "the device tree has no CPU node");
}
