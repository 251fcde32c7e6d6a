/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each CPU sets up for itself, and what it is.
 *
 * Decisions
 * C1  Pointer authentication stays off (SCTLR_EL1.EnI* = 0): its keys would have to change with
 *     every thread. Programs built with it run, its instructions do nothing.
 * C2  Store bypass (Spectre v4): off for kernel and users where PSTATE.SSBS is there and its reset
 *     value in SPSR is used; on A57/A72 by CPUACTLR, see tune_a72().
 * C3  PAN is set on every entry to the kernel where the CPU has it; user memory is reached by
 *     LDTR/STTR only, which PAN does not concern.
 * C4  User code may clean caches by address, read CTR, use DC ZVA, WFI and WFE; not the PMU.
 */
#include "../irq/irq_impl.h"

#include <arch/cpu.h>
#include <arch/timer.h>
#include <kern/cpu.h>
#include <kern/log.h>
#include <machine/cpu_features.h>
#include <machine/smp_md.h>
#include <machine/sysreg.h>

static unsigned field(uint64_t value, unsigned shift)
{
    return (unsigned)(value >> shift & 0xf);
}

/* ---- names ---- */

enum {
    PART_A53 = 0xd03,
    PART_A35 = 0xd04,
    PART_A55 = 0xd05,
    PART_A57 = 0xd07,
    PART_A72 = 0xd08,
    PART_A73 = 0xd09,
    PART_A75 = 0xd0a,
    PART_A76 = 0xd0b,
    PART_N1 = 0xd0c,
    PART_A77 = 0xd0d,
    PART_V1 = 0xd40,
    PART_A78 = 0xd41,
    PART_A78AE = 0xd42,
    PART_X1 = 0xd44,
    PART_A710 = 0xd47,
    PART_X2 = 0xd48,
    PART_N2 = 0xd49,
    PART_A78C = 0xd4b,
};

/* Arm's CPUs we know by name, and the branch-history iterations Arm gives for them
 * (Spectre-BHB). */
static const struct cpu_model {
    uint16_t part;
    uint8_t bhb_iterations;
    const char *name;
} models[] = {
    {PART_A35, 0, "Cortex-A35"},    {PART_A53, 0, "Cortex-A53"},  {PART_A55, 0, "Cortex-A55"},
    {PART_A57, 8, "Cortex-A57"},    {PART_A72, 8, "Cortex-A72"},  {PART_A73, 0, "Cortex-A73"},
    {PART_A75, 0, "Cortex-A75"},    {PART_A76, 24, "Cortex-A76"}, {PART_N1, 24, "Neoverse-N1"},
    {PART_A77, 24, "Cortex-A77"},   {PART_A78, 32, "Cortex-A78"}, {PART_A78AE, 32, "Cortex-A78AE"},
    {PART_A78C, 32, "Cortex-A78C"}, {PART_X1, 32, "Cortex-X1"},   {PART_V1, 32, "Neoverse-V1"},
    {PART_A710, 32, "Cortex-A710"}, {PART_X2, 32, "Cortex-X2"},   {PART_N2, 32, "Neoverse-N2"},
};

struct midr {
    unsigned implementer, part, variant, revision;
};
enum { IMPLEMENTER_ARM = 0x41 };

static struct midr read_midr(void)
{
    uint64_t midr = sysreg_read(midr_el1);
    return (struct midr){
        .implementer = (unsigned)(midr >> 24 & 0xff),
        .part = (unsigned)(midr >> 4 & 0xfff),
        .variant = field(midr, 20),
        .revision = field(midr, 0),
    };
}

static const struct cpu_model *find_model(const struct midr *midr)
{
    for (unsigned i = 0; midr->implementer == IMPLEMENTER_ARM && i < array_count(models); i++) {
        if (models[i].part == midr->part)
            return &models[i];
    }
    return NULL;
}

const char *arch_cpu_name(void)
{
    static char names[MAX_CPUS][32];
    struct midr midr = read_midr();
    const struct cpu_model *model = find_model(&midr);
    char *name = names[arch_cpu_self()->number];
    if (model)
        format_text(name, sizeof(names[0]), "%s r%up%u", model->name, midr.variant, midr.revision);
    else
        format_text(name, sizeof(names[0]), "CPU %02x-%03x r%up%u", midr.implementer, midr.part,
                    midr.variant, midr.revision);
    return name;
}

/* ---- speculation ---- */

unsigned arch_cpu_bhb_iterations(void)
{
    enum { CSV2_HISTORY_TAGGED = 3 };
    if (field(sysreg_read(id_aa64pfr0_el1), 56) >= CSV2_HISTORY_TAGGED)
        return 0;
    if (field(sysreg_read(id_aa64mmfr1_el1), 60)) /* ECBHB: exceptions start with a clean history */
        return 0;
    struct midr midr = read_midr();
    const struct cpu_model *model = find_model(&midr);
    return model ? model->bhb_iterations : 0;
}

extern const char arch_vectors[], arch_vectors_bhb8[], arch_vectors_bhb32[];

static void choose_vectors(bool mitigations)
{
    unsigned iterations = mitigations ? arch_cpu_bhb_iterations() : 0;
    sysreg_write(vbar_el1, iterations == 0   ? arch_vectors
                           : iterations <= 8 ? arch_vectors_bhb8
                                             : arch_vectors_bhb32);
    isb();
}

/*
 * Registers of the A72's own. EL1 may write them only if the firmware has allowed it at EL3, which
 * cannot be asked, and an attempt might end in firmware that does not expect it. The Pi's armstub,
 * which is no PSCI firmware, allows it; PSCI firmware (TF-A) applies the errata itself. So: not
 * where there is PSCI. The entry code has handed the right on from EL2 (machine/el2_errata.inc).
 */
static void tune_a72(bool mitigations)
{
    const uint64_t no_instruction_prefetch = UINT64_C(1) << 32; /* erratum 859971 */
    const uint64_t no_store_bypass = UINT64_C(1) << 55;         /* CVE-2018-3639 */
    struct midr midr = read_midr();
    if (midr.implementer != IMPLEMENTER_ARM || midr.part != PART_A72 || psci_present())
        return;
    uint64_t wanted = mitigations ? no_store_bypass : 0;
    if (midr.variant == 0 && midr.revision <= 3)
        wanted |= no_instruction_prefetch;
    uint64_t old = sysreg_read(SYSREG_A72_CPUACTLR);
    if ((old & wanted) == wanted)
        return;
    /* Undefined after all: the fixup steps over it. */
    asm volatile("dsb sy\n"
                 "1: msr " SYSREG_TEXT(SYSREG_A72_CPUACTLR) ", %0\n"
                                                            "2: isb\n"
                                                            ".pushsection .extable, \"a\"\n"
                                                            ".balign 4\n"
                                                            ".long 1b - .\n"
                                                            ".long 2b - .\n"
                                                            ".popsection\n"
                 :
                 : "r"(old | wanted)
                 : "x16", "memory"); /* a fixup may clobber x16 */
}

/* ---- SCTLR, PSTATE, traps ---- */

enum { SCTLR_A = 1, SCTLR_SA = 3, SCTLR_SA0 = 4, SCTLR_UMA = 9, SCTLR_DZE = 14, SCTLR_UCT = 15 };
enum { SCTLR_NTWI = 16, SCTLR_NTWE = 18, SCTLR_SPAN = 23, SCTLR_UCI = 26 };
enum { SCTLR_BT0 = 35, SCTLR_BT1 = 36, SCTLR_DSSBS = 44 };

static uint64_t with_bit(uint64_t value, unsigned bit, bool on)
{
    uint64_t mask = UINT64_C(1) << bit;
    return on ? value | mask : value & ~mask;
}

/* The bits that say what user code may do, and the ones that later CPUs have. Bits of features that
 * are absent are reserved with the value the entry code has set. */
static void set_sctlr(bool mitigations)
{
    uint64_t pfr1 = sysreg_read(id_aa64pfr1_el1);
    uint64_t sctlr = sysreg_read(sctlr_el1);
    sctlr = with_bit(sctlr, SCTLR_A, false); /* usercopy.S relies on it */
    sctlr = with_bit(sctlr, SCTLR_SA, true);
    sctlr = with_bit(sctlr, SCTLR_SA0, true);
    sctlr = with_bit(sctlr, SCTLR_UMA, false);
    sctlr = with_bit(sctlr, SCTLR_DZE, true);
    sctlr = with_bit(sctlr, SCTLR_UCT, true);
    sctlr = with_bit(sctlr, SCTLR_UCI, true);
    sctlr = with_bit(sctlr, SCTLR_NTWI, true);
    sctlr = with_bit(sctlr, SCTLR_NTWE, true); /* the event stream bounds what WFE may cost */
    if (field(sysreg_read(id_aa64mmfr1_el1), 20))
        sctlr = with_bit(sctlr, SCTLR_SPAN, false);
    if (field(pfr1, 0)) {
        sctlr = with_bit(sctlr, SCTLR_BT0, true);
        sctlr = with_bit(sctlr, SCTLR_BT1, true);
    }
    if (field(pfr1, 4))
        sctlr = with_bit(sctlr, SCTLR_DSSBS, !mitigations);
    sysreg_write(sctlr_el1, sctlr);
    isb();
}

static void set_pstate(bool mitigations)
{
    if (field(sysreg_read(id_aa64mmfr1_el1), 20))
        sysreg_write(SYSREG_PAN, UINT64_C(1) << 22);
    if (field(sysreg_read(id_aa64pfr1_el1), 4) >= 2)
        sysreg_write(SYSREG_SSBS, mitigations ? 0 : UINT64_C(1) << 12);
    isb();
}

/* FP, SVE and SME trap until a thread uses FP; debug registers, the debug channel and the activity
 * monitors stay shut. User code sees TPIDRRO_EL0, which is unknown after reset. */
static void set_traps(void)
{
    const uint64_t trap_debug_channel = UINT64_C(1) << 12;
    sysreg_write(cpacr_el1, 0);
    sysreg_write(mdscr_el1, trap_debug_channel);
    sysreg_write(tpidrro_el0, 0);
    sysreg_write(contextidr_el1, 0); /* goes into traces only */
    if (field(sysreg_read(id_aa64pfr0_el1), 44))
        sysreg_write(SYSREG_AMUSERENR, 0);
    isb();
}

/* ---- PMU ---- */

enum { PMCR_ENABLE = 1, PMCR_RESET_EVENTS = 2, PMCR_RESET_CYCLES = 4, PMCR_LONG_CYCLES = 0x40 };
enum { PMUSERENR_CYCLES = 1 << 2, PMUSERENR_EVENTS = 1 << 3 };
enum { EVENT_INSTRUCTIONS = 0x08, COUNTER_0 = 1 };
#define COUNTER_CYCLES (UINT64_C(1) << 31)

static bool has_pmu(void)
{
    unsigned version = field(sysreg_read(id_aa64dfr0_el1), 8);
    return version != 0 && version != 0xf;
}

static void reset_pmu(void)
{
    if (!has_pmu())
        return;
    sysreg_write(pmuserenr_el0, 0);
    sysreg_write(pmintenclr_el1, UINT32_MAX);
    sysreg_write(pmcntenclr_el0, UINT32_MAX);
    sysreg_write(pmovsclr_el0, UINT32_MAX);
    sysreg_write(pmcr_el0, PMCR_LONG_CYCLES);
}

bool arch_pmu_enable_user(void)
{
    if (!has_pmu())
        return false;
    unsigned counters =
        (unsigned)(sysreg_read(pmcr_el0) >> 11 & 0x1f); /* as MDCR_EL2.HPMN lets us */
    sysreg_write(pmccfiltr_el0, 0);                     /* count at all levels that are ours */
    uint64_t enabled = COUNTER_CYCLES;
    if (counters > 0) {
        sysreg_write(pmevtyper0_el0, EVENT_INSTRUCTIONS);
        enabled |= COUNTER_0;
    }
    sysreg_write(pmcntenset_el0, enabled);
    sysreg_write(pmcr_el0, PMCR_LONG_CYCLES | PMCR_RESET_CYCLES | PMCR_RESET_EVENTS | PMCR_ENABLE);
    sysreg_write(pmuserenr_el0, PMUSERENR_CYCLES | PMUSERENR_EVENTS);
    isb();
    return true;
}

/* ---- all of it ---- */

void arch_cpu_init(struct cpu *cpu, bool mitigations)
{
    (void)cpu;
    choose_vectors(mitigations);
    set_traps();
    set_sctlr(mitigations);
    set_pstate(mitigations);
    tune_a72(mitigations);
    reset_pmu();
    /* From here an SError is reported where it arrives, not at the next return to user code. */
    asm volatile("msr daifclr, #4" : : : "memory");
}

void arch_cpu_halt(void)
{
    asm volatile("msr daifset, #0xf" : : : "memory");
    arch_timer_arm(TICKS_NEVER);
    irq_cpu_disable(); /* a pending interrupt would keep WFI from sleeping */
    for (;;)
        asm volatile("dsb sy\n\twfi" : : : "memory");
}
