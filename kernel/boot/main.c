/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot story, from the first C of the portable kernel to the first program. One stage after the
 * other, each with a line in the log: the log is the table of contents.
 */
#include "boot_impl.h"
#include <arch/boot.h>
#include <arch/cache.h>
#include <arch/console.h>
#include <arch/irq.h>
#include <arch/mmu.h>
#include <arch/reset.h>
#include <arch/smp.h>
#include <arch/timer.h>
#include <arch/upcalls.h>
#include <kern/amap.h>
#include <kern/boot.h>
#include <kern/clock.h>
#include <kern/cpu.h>
#include <kern/device.h>
#include <kern/futex.h>
#include <kern/kobj.h>
#include <kern/ktest.h>
#include <kern/log.h>
#include <kern/msg.h>
#include <kern/paged_object.h>
#include <kern/panic.h>
#include <kern/pmap.h>
#include <kern/port.h>
#include <kern/sched.h>
#include <kern/stack_guard.h>
#include <kern/swap.h>
#include <kern/trace.h>

static struct board board;          /* boot CPU; constant after dt_scan() */
static struct boot_options options; /* the same */

enum { PREVIOUS_LOG = 2048 };

/* The blob, all of it mapped; refuses when there is none. */
static const void *map_blob(const struct arch_boot_info *info, size_t *size)
{
    enum { HEADER = 40, TOTAL_SIZE = 4 };
    const uint8_t *header = arch_boot_map_fdt(info->fdt, HEADER);
    if (!header)
        boot_refuse("the loader gave no address of a device tree");
    const uint8_t *n = header + TOTAL_SIZE; /* big-endian */
    *size = (size_t)n[0] << 24 | (size_t)n[1] << 16 | (size_t)n[2] << 8 | n[3];
    if (*size < HEADER || *size > DT_MAX_BLOB)
        *size = HEADER; /* dt_scan() says what is wrong with the header */
    return arch_boot_map_fdt(info->fdt, *size);
}

static void use_console(const struct board_console *console)
{
    if (console->kind != BOARD_UART_NONE && console->kind != BOARD_UART_UNSUPPORTED)
        if (arch_console_init(console) != KERN_SUCCESS)
            log_error("console: the registers of %s cannot be mapped", console->compatible);
}

static void read_tree(const struct arch_boot_info *info)
{
    struct dt_error error;
    size_t size;
    const void *blob = map_blob(info, &size);
    if (dt_scan(blob, size, &board, &error) != KERN_SUCCESS) {
        static struct board_console console;
        struct dt_error ignored;
        if (dt_find_console(blob, size, &console, &ignored) == KERN_SUCCESS)
            use_console(&console);
        boot_refuse(error.text);
    }
    use_console(&board.console);
    arch_reset_init(&board);
    if (dt_boot_options(board.bootargs, board.bootargs_length, &options, &error) != KERN_SUCCESS)
        boot_refuse(error.text);
    if (options.log == BOOT_LOG_QUIET)
        log_set_console_level(LOG_WARN);
    else if (options.log == BOOT_LOG_DEBUG)
        log_set_console_level(LOG_DEBUG);
}

static void report_tree(const struct arch_boot_info *info)
{
    boot_stage("boot: Wharf on %s, %s, entered at EL%u, image at %lx", board.model, arch_cpu_name(),
               info->entry_level, info->kernel_start);
    boot_stage("dt: %lu MiB of RAM in %u banks, %u CPUs, tree of %u bytes at %lx",
               board.ram_bytes / MIB, board.bank_count, board.cpu_count, board.blob_size,
               info->fdt);
    for (unsigned i = 0; i < options.unknown_count && i < BOOT_MAX_UNKNOWN; i++)
        log_info("boot: argument not for the kernel: %.*s", (int)options.unknown[i].length,
                 options.unknown[i].text);
    if (board.console.kind == BOARD_UART_UNSUPPORTED)
        log_warn("console: %s cannot be driven", board.console.compatible);
}

static bool overlap(struct dt_range a, struct dt_range b)
{
    return a.size && b.size && a.base < b.base + b.size && b.base < a.base + a.size;
}

/* Does the direct map cover it? It leaves out what is not RAM, and whole pages of what the tree
 * forbids to map. */
static bool is_mapped(struct dt_range range)
{
    for (unsigned i = 0; i < board.reservation_count; i++) {
        struct dt_range r = board.reservations[i].range;
        paddr_t low = round_down(r.base, PAGE_SIZE), high = round_up(r.base + r.size, PAGE_SIZE);
        if (board.reservations[i].no_map && overlap(range, (struct dt_range){low, high - low}))
            return false;
    }
    for (unsigned i = 0; i < board.bank_count; i++) {
        struct dt_range bank = board.banks[i];
        if (range.base >= bank.base && range.size <= bank.size &&
            range.base - bank.base <= bank.size - range.size)
            return true;
    }
    return false;
}

/* May the log ring stand at its place, or did a loader or the board put something there? */
static bool ring_place_is_free(struct dt_range ring, const struct dt_range *taken, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (overlap(ring, taken[i]))
            return false;
    for (unsigned i = 0; i < board.reservation_count; i++)
        if (overlap(ring, board.reservations[i].range))
            return false;
    return board.banks[0].size >= LOG_RING_OFFSET + LOG_RING_SIZE;
}

/* Show how the run before this one ended. */
static void use_ring(paddr_t ring)
{
    static char previous[PREVIOUS_LOG];
    size_t length = log_use_ring(phys_to_virt(ring), previous, sizeof(previous));
    const char *last = previous; /* its last line */
    for (size_t i = 0; i + 1 < length; i++)
        if (previous[i] == '\n')
            last = previous + i + 1;
    if (length)
        log_info("log: previous run: %.*s", (int)(length - (size_t)(last - previous)), last);
}

/* Everything the board's reservations do not name, but somebody uses. Returns how many ranges. */
static unsigned collect_taken(const struct arch_boot_info *info, struct dt_range *taken)
{
    unsigned count = 0;
    taken[count++] = (struct dt_range){info->kernel_start, info->kernel_end - info->kernel_start};
    taken[count++] = (struct dt_range){info->fdt, board.blob_size};
    taken[count++] = board.initrd;
    /* CPUs spin there until they are called, those that never are for ever. */
    for (unsigned i = 0; i < board.cpu_count; i++)
        if (board.cpus[i].method == BOARD_ENABLE_SPIN_TABLE)
            taken[count++] = (struct dt_range){board.cpus[i].release_addr, sizeof(uint64_t)};
    return count;
}

static void start_memory(const struct arch_boot_info *info)
{
    static struct dt_range taken[4 + DT_MAX_CPUS];
    struct dt_range ring = {board.banks[0].base + LOG_RING_OFFSET, LOG_RING_SIZE};
    unsigned count = collect_taken(info, taken);
    if (board.initrd.size && !is_mapped(board.initrd))
        boot_refuse("the initrd lies in memory that the device tree forbids to map");
    bool ring_fits = ring_place_is_free(ring, taken, count);
    if (ring_fits)
        taken[count++] = ring;
    boot_memory(&board, &options, taken, count);
    boot_facts.kernel_text = info->text_size;
    if (ring_fits)
        use_ring(ring.base);
    else
        log_warn("log: no place for a ring that survives a reset at %lx", ring.base);
    struct frame_statistics statistics;
    frame_statistics(&statistics);
    boot_stage("mem: %lu MiB free of %lu MiB", (statistics.free << PAGE_SHIFT) / MIB,
               boot_facts.managed_memory / MIB);
}

static void start_interrupts(struct cpu *cpu)
{
    kern_return_t kr = arch_irq_init(&board);
    if (kr != KERN_SUCCESS)
        boot_refuse("the interrupt controller's registers cannot be used");
    arch_irq_cpu_init();
    arch_timer_cpu_init();
    kr = arch_cpu_make_stack(cpu);
    if (kr != KERN_SUCCESS)
        boot_refuse("no memory for a kernel stack");
    boot_stage("irq: %s, %u lines; timer: %lu Hz", board.gic.compatible, arch_irq_count(),
               arch_counter_frequency());
}

NO_STACK_GUARD static void plant_seed(const struct arch_boot_info *info)
{
    boot_facts.seed[0] = options.seed_given ? options.seed : board.entropy[0] ^ info->entry_counter;
    boot_facts.seed[1] =
        options.seed_given ? 0 : board.entropy[1] ^ board.entropy[2] ^ board.entropy[3];
    stack_guard_plant(boot_random());
    /* A tree that is not in the direct map is mapped read-only. */
    if (is_mapped((struct dt_range){info->fdt, board.blob_size}))
        dt_wipe_seeds(&board, phys_to_virt(info->fdt));
}

/* No more memory is promised to programs than there is: who asks for too much is told when he asks. What pages need beside
 * themselves - their records, trees and tables - stays out of it. And some of it has to be such as
 * can be paged out. Not a part of kern_main(), which runs from before stacks
 * are guarded. */
[[gnu::noinline]] static void limit_memory(void)
{
    enum { KEPT_BACK = 16, PAGED = 4 }; /* one part in so many */
    struct frame_statistics frames;
    frame_statistics(&frames);
    ledger_set_limit(&kernel_ledger, LEDGER_COMMITMENT,
                     (int64_t)(frames.free - frames.free / KEPT_BACK));
    ledger_set_limit(&kernel_ledger, LEDGER_WIRED, (int64_t)(frames.free - frames.free / PAGED));
}

/* D8. Likewise. */
[[gnu::noinline]] static void limit_pagers(void)
{
    enum { MILLISECONDS = 30000, PARTS_OF_RAM = 8 };
    struct frame_statistics frames;
    uint32_t patience = options.pager_milliseconds ? options.pager_milliseconds : MILLISECONDS;
    frame_statistics(&frames);
    paged_object_set_patience(patience * UINT64_C(1000000));
    paged_volume_set_limit(options.dirty_limit ? options.dirty_limit >> PAGE_SHIFT
                                               : frames.managed / PARTS_OF_RAM);
}

NO_STACK_GUARD void kern_main(const struct arch_boot_info *info)
{
    struct cpu *cpu = &cpu_record[0];
    cpu->hwid = info->boot_cpu_hwid;
    atomic_store(&cpu->online, true);
    sched_cpu_init(cpu, info->entry_counter);

    read_tree(info); /* from here on there is a console */
    if (info->kernel_start % (2 * MIB) != 0)
        boot_refuse("the image was not loaded at a multiple of 2 MiB");
    if (info->entry_level == 3)
        boot_refuse("entered at EL3; a loader must enter the kernel at EL2 or EL1");
    if (arch_timer_init(&board) != KERN_SUCCESS)
        boot_refuse("the counter of the architected timer does not run");
    clock_init(info->entry_counter);
    arch_cpu_init(cpu, options.mitigations);
    if (options.pmu_user && !arch_pmu_enable_user())
        log_warn("boot: pmu=user, but this CPU has no counters");
    (void)trace_set_mask(options.trace ? TRACE_USUAL : 0);
    if (options.end == BOOT_END_REBOOT)
        panic_action = ARCH_RESET_REBOOT;
    report_tree(info);
    start_memory(info);
    plant_seed(info);
    start_interrupts(cpu);
    pmap_init();
    amap_init();
    limit_pagers();
    swap_init();
    futex_init();
    reaper_init();
    if (msg_cpu_init(cpu) != KERN_SUCCESS)
        boot_refuse("there is no memory for the message buffers");
    if (kobj_init() != KERN_SUCCESS)
        boot_refuse("there is no memory for the host's ports");
    if (device_init(&board) != KERN_SUCCESS)
        boot_refuse("there is no memory for a copy of the device tree");
    boot_start_cpus(&board, &options, info->boot_cpu_hwid);
    boot_stage("smp: %u of %u CPUs take part", cpus_online(), board.cpu_count);

    if (options.test.length) {
        char pattern[64];
        format_text(pattern, sizeof(pattern), "%.*s", (int)options.test.length, options.test.text);
        ktest_fatal(pattern);
        unsigned failed = ktest_run(pattern);
        boot_stage("test: %u self-tests failed", failed);
    }
    limit_memory();
    if (!boot_start_programs(&board, &options))
        boot_refuse("no program could be started");
}
