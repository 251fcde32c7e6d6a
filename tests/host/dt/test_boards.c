/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Good trees: what dt_scan() must find on each. argv[1]: folder of the compiled trees of
 * dts/tests, argv[2] (optional): folder with virt-gic2.dtb and virt-gic3.dtb as QEMU dumped them.
 */
#include "dt_check.h"

static struct board board;
static struct blob blob;

static void scan(const char *folder, const char *name)
{
    struct dt_error err = {"untouched"};

    check_case = name;
    blob = blob_load(folder, name);
    CHECK_EQ(dt_scan(blob.data, blob.size, &board, &err), KERN_SUCCESS);
    CHECK_TEXT(err.text, "");
}

static void check_range(struct dt_range r, uint64_t base, uint64_t size)
{
    CHECK_EQ(r.base, base);
    CHECK_EQ(r.size, size);
}

static void check_irq(struct board_irq irq, uint32_t intid, enum board_trigger trigger, bool low)
{
    CHECK_EQ(irq.trigger, trigger);
    CHECK_EQ(irq.intid, intid);
    CHECK_EQ(irq.active_low, low);
}

/* dt_find_console() must agree with dt_scan(), but for the interrupt. */
static void check_found_console(void)
{
    struct board_console found;
    struct dt_error err;

    CHECK_EQ(dt_find_console(blob.data, blob.size, &found, &err), KERN_SUCCESS);
    CHECK_EQ(found.kind, board.console.kind);
    check_range(found.regs, board.console.regs.base, board.console.regs.size);
    check_range(found.aux, board.console.aux.base, board.console.aux.size);
    CHECK_EQ(found.clock_hz, board.console.clock_hz);
    CHECK_EQ(found.baud, board.console.baud);
    CHECK_EQ(found.chosen, board.console.chosen);
}

static void check_seeds(void)
{
    const uint64_t expected[4] = {UINT64_C(0x0807060504030201) ^ UINT64_MAX,
                                  UINT64_C(0x100f0e0d0c0b0a09), UINT64_C(0x1817161514131211),
                                  UINT64_C(0x201f1e1d1c1b1a19)};
    struct board again;
    struct dt_error err;

    CHECK_EQ(board.entropy_bytes, 40);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(board.entropy[i], expected[i]);
    dt_wipe_seeds(&board, blob.data);
    CHECK_EQ(dt_scan(blob.data, blob.size, &again, &err), KERN_SUCCESS);
    CHECK_EQ(again.entropy_bytes, 0);
    CHECK_EQ(again.entropy[0], 0);
    CHECK_EQ(again.bank_count, 1);
}

static void test_virt_gicv2(const char *folder)
{
    scan(folder, "virt-gicv2");
    CHECK_TEXT(board.model, "test board, GICv2");
    CHECK_TEXT(board.compatible, "wharf,test-gicv2");
    CHECK_EQ(board.bank_count, 1);
    check_range(board.banks[0], 0x40000000, 0x8000000);
    CHECK_EQ(board.ram_bytes, 0x8000000);
    CHECK_EQ(board.reservation_count, 0);
    check_range(board.initrd, 0x44000000, 0x12345);
    CHECK_TEXT(board.bootargs, "log=debug end=halt");
    CHECK_EQ(board.bootargs_length, 18);
    CHECK_EQ(board.cpu_count, 2);
    CHECK_EQ(board.cpus[0].enabled, true);
    CHECK_EQ(board.cpus[1].enabled, false);
    CHECK_EQ(board.cpus[1].mpidr, 1);
    CHECK_EQ(board.cpus[1].method, BOARD_ENABLE_PSCI);
    CHECK_TEXT(board.cpus[0].compatible, "arm,cortex-a72");
    CHECK_EQ(board.psci.conduit, BOARD_PSCI_HVC);
    CHECK_EQ(board.psci.version, 0x10000);
    CHECK_EQ(board.psci.cpu_on, 0xc4000003);
    CHECK_EQ(board.psci.system_off, 0x84000008);
    CHECK_EQ(board.gic.kind, BOARD_GIC_V2);
    check_range(board.gic.gicd, 0x8000000, 0x10000);
    check_range(board.gic.gicc, 0x8010000, 0x10000);
    CHECK(board.gic.gicc_has_dir);
    check_irq(board.timer.secure_phys, 29, BOARD_TRIGGER_LEVEL, false);
    check_irq(board.timer.phys, 30, BOARD_TRIGGER_LEVEL, false);
    check_irq(board.timer.virt, 27, BOARD_TRIGGER_LEVEL, false);
    check_irq(board.timer.hyp_phys, 26, BOARD_TRIGGER_LEVEL, false);
    CHECK(board.timer.always_on);
    CHECK_EQ(board.timer.frequency, 0);
    CHECK_EQ(board.console.kind, BOARD_UART_PL011);
    check_range(board.console.regs, 0x9000000, 0x1000);
    check_irq(board.console.irq, 33, BOARD_TRIGGER_LEVEL, false);
    CHECK_EQ(board.console.clock_hz, 24000000);
    CHECK_EQ(board.console.baud, 0);
    CHECK(board.console.chosen);
    CHECK_EQ(board.watchdog.kind, BOARD_WATCHDOG_NONE);
    check_found_console();
    check_seeds();
    free(blob.data);
}

static void test_gicv3(const char *folder)
{
    scan(folder, "gicv3-smc");
    CHECK_TEXT(board.model, "");
    CHECK_TEXT(board.bootargs, "");
    CHECK_EQ(board.bank_count,
             2); /* the bank across 4 GiB in two entries is one; half a page is lost */
    check_range(board.banks[0], 0x80000000, 0x40000000);
    check_range(board.banks[1], 0x100000000, 0x100000000);
    CHECK_EQ(board.reservation_count, 4);
    CHECK_EQ(board.dynamic_reservations, 1);
    check_range(board.reservations[0].range, 0x80000000, 0x10000);
    CHECK(board.reservations[0].name == NULL);
    check_range(board.reservations[1].range, 0x8123456, 0x10);
    check_range(board.reservations[2].range, 0x90000000, 0x100000);
    check_range(board.reservations[3].range, 0x110000000, 0x1000);
    CHECK_TEXT(board.reservations[3].name, "secure@90000000");
    CHECK(board.reservations[3].no_map);
    CHECK_EQ(board.cpu_count, 2);
    CHECK_EQ(board.cpus[0].mpidr, 0x100);
    CHECK_EQ(board.cpus[1].mpidr, 0x100000200);
    CHECK_EQ(board.cpus[1].method, BOARD_ENABLE_PSCI);
    CHECK(board.cpus[1].compatible == NULL);
    CHECK_EQ(board.psci.conduit, BOARD_PSCI_SMC);
    CHECK_EQ(board.psci.version, 2);
    CHECK_EQ(board.gic.kind, BOARD_GIC_V3);
    check_range(board.gic.gicd, 0x1010000000, 0x10000);
    CHECK_EQ(board.gic.gicr_count, 2);
    check_range(board.gic.gicr[1], 0x1010400000, 0x200000);
    CHECK_EQ(board.gic.gicr_stride, 0x40000);
    CHECK_EQ(board.timer.secure_phys.trigger, BOARD_TRIGGER_NONE);
    check_irq(board.timer.phys, 30, BOARD_TRIGGER_LEVEL, true);
    check_irq(board.timer.virt, 27, BOARD_TRIGGER_LEVEL, true);
    CHECK_EQ(board.timer.frequency, 54000000);
    CHECK_EQ(board.console.kind, BOARD_UART_PL011);
    check_range(board.console.regs, 0x1030000800, 0x200);
    check_irq(board.console.irq, 65, BOARD_TRIGGER_EDGE, false);
    CHECK_EQ(board.console.baud, 9600);
    CHECK_EQ(board.console.clock_hz, 48000000);
    CHECK(!board.console.chosen);
    check_found_console();
    free(blob.data);
}

static void test_pi4(const char *folder)
{
    scan(folder, "pi4-like");
    CHECK_EQ(board.bank_count, 3);
    check_range(board.banks[0], 0, 0x3b400000);
    check_range(board.banks[1], 0x40000000, 0xbc000000);
    check_range(board.banks[2], 0x100000000, 0x100000000);
    CHECK_EQ(board.reservation_count, 2);
    check_range(board.reservations[0].range, 0, 0x1000);
    check_range(board.reservations[1].range, 0x3ad00000, 0x1000);
    CHECK_EQ(board.dynamic_reservations, 1);
    CHECK_EQ(board.cpu_count, 3);
    CHECK_EQ(board.cpus[0].method, BOARD_ENABLE_SPIN_TABLE);
    CHECK_EQ(board.cpus[0].release_addr, 0xd8);
    CHECK_EQ(board.cpus[1].release_addr, 0xe0);
    CHECK_EQ(board.cpus[2].method, BOARD_ENABLE_UNKNOWN);
    CHECK_TEXT(board.cpus[2].method_name, "brcm,bcm2836-smp");
    CHECK_EQ(board.psci.conduit, BOARD_PSCI_NONE);
    CHECK_EQ(board.gic.kind, BOARD_GIC_V2);
    CHECK_TEXT(board.gic.compatible, "arm,gic-400");
    check_range(board.gic.gicd, 0xff841000, 0x1000);
    check_range(board.gic.gicc, 0xff842000, 0x2000);
    CHECK(board.gic.gicc_has_dir);
    check_irq(board.timer.virt, 27, BOARD_TRIGGER_LEVEL, true);
    CHECK_EQ(board.console.kind, BOARD_UART_BCM2835_AUX);
    check_range(board.console.regs, 0xfe215040, 0x40);
    check_range(board.console.aux, 0xfe215000, 8);
    check_irq(board.console.irq, 125, BOARD_TRIGGER_LEVEL, false);
    CHECK_EQ(board.console.baud, 115200);
    CHECK_EQ(board.console.clock_hz, 0);
    CHECK(board.console.chosen);
    CHECK_EQ(board.watchdog.kind, BOARD_WATCHDOG_BCM2835_PM);
    check_range(board.watchdog.regs, 0xfe100000, 0x114);
    check_found_console();
    free(blob.data);
}

static void test_pci_uart(const char *folder)
{
    scan(folder, "pci-uart");
    check_range(board.banks[0], 0x10001000, 0x1000000);
    CHECK_EQ(board.psci.version, 1);
    CHECK_EQ(board.psci.cpu_on, 0x95c1ba60);
    CHECK_EQ(board.psci.cpu_off, 0x95c1ba5f);
    CHECK_EQ(board.psci.system_off, 0);
    CHECK_EQ(board.cpus[0].method, BOARD_ENABLE_NONE);
    CHECK_EQ(board.cpus[1].method, BOARD_ENABLE_UNKNOWN);
    CHECK(!board.gic.gicc_has_dir);
    check_irq(board.timer.secure_phys, 29, BOARD_TRIGGER_EDGE, false);
    check_irq(board.timer.phys, 30, BOARD_TRIGGER_EDGE, true);
    CHECK_EQ(board.timer.hyp_phys.trigger, BOARD_TRIGGER_NONE);
    check_range(board.console.regs, 0x50001000, 0x1000);
    CHECK_EQ(board.console.irq.trigger, BOARD_TRIGGER_NONE);
    CHECK(!board.console.chosen);
    check_found_console();
    free(blob.data);
}

static void test_foreign_console(const char *folder)
{
    struct board_console console;
    struct dt_error err;

    scan(folder, "foreign-console");
    CHECK_EQ(board.console.kind, BOARD_UART_UNSUPPORTED);
    CHECK_TEXT(board.console.compatible, "acme,uart");
    CHECK_EQ(board.console.baud, 9600);
    CHECK_EQ(dt_find_console(blob.data, blob.size, &console, &err), KERN_NOT_SUPPORTED);
    CHECK_TEXT(err.text, "the console is a acme,uart, which is not supported");
    free(blob.data);
}

static void test_qemu_virt(const char *folder)
{
    scan(folder, "virt-gic2");
    CHECK_EQ(board.gic.kind, BOARD_GIC_V2);
    check_range(board.gic.gicd, 0x8000000, 0x10000);
    CHECK_EQ(board.console.kind, BOARD_UART_PL011);
    CHECK_EQ(board.console.clock_hz, 24000000);
    CHECK_EQ(board.entropy_bytes, 40);
    check_irq(board.console.irq, 33, BOARD_TRIGGER_LEVEL, false);
    free(blob.data);

    scan(folder, "virt-gic3");
    CHECK_EQ(board.gic.kind, BOARD_GIC_V3);
    CHECK_EQ(board.gic.gicr_count, 1);
    CHECK_EQ(board.gic.gicr[0].base, 0x80a0000);
    CHECK_EQ(board.timer.virt.intid, 27);
    CHECK_EQ(board.cpu_count, 4);
    CHECK_EQ(board.psci.conduit, BOARD_PSCI_HVC);
    free(blob.data);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    dt_check_begin(argc, argv);
    test_virt_gicv2(argv[1]);
    test_gicv3(argv[1]);
    test_pi4(argv[1]);
    test_pci_uart(argv[1]);
    test_foreign_console(argv[1]);
    if (argc > 2)
        test_qemu_virt(argv[2]);
    return dt_check_end();
}
