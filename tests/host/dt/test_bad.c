/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bad trees and the sentence that each must give. Most are the good tree virt-gicv2 with one
 * property changed; headers and structures that no editor would make are written by hand.
 * argv[1]: folder of the compiled trees.
 */
#include "dt_check.h"

#include "../../../kernel/device/fdt/libfdt_env.h"

#include <libfdt.h>

static struct board board;
static struct blob good; /* virt-gicv2 */
static const char *folder;

/* A property's new value: cells (big-endian) or bytes. */
#define CELLS(...) \
    .cells = (const uint32_t[]){__VA_ARGS__}, .count = sizeof((uint32_t[]){__VA_ARGS__}) / 4
#define BYTES(text) .bytes = (text), .count = sizeof(text) - 1
#define DELETE      .count = UINT32_MAX
#define LONGEST     5000

struct edit {
    const char *node, *property;
    const uint32_t *cells;
    const char *bytes;
    uint32_t count;
    kern_return_t result;
    const char *sentence;
    const char *tree; /* NULL: virt-gicv2 */
};

#define BAD   .result = KERN_BAD_FORMAT, .sentence =
#define LACKS .result = KERN_NOT_SUPPORTED, .sentence =
#define GOOD  .result = KERN_SUCCESS, .sentence = ""

static const struct edit edits[] = {
    /* memory */
    {"/memory@40000000", "device_type", DELETE, LACKS "the device tree has no memory node"},
    {"/memory@40000000", "status", BYTES("disabled\0"), LACKS "the device tree has no memory node"},
    {"/memory@40000000", "reg", CELLS(0, 0x40000000, 0),
     BAD "node /memory@40000000: reg is 12 bytes, not a multiple of 16"},
    {"/memory@40000000", "reg", CELLS(0, 0x40000000, 0, 0),
     LACKS "the memory nodes of the device tree contain no memory"},
    {"/memory@40000000", "reg", DELETE,
     LACKS "the memory nodes of the device tree contain no memory"},
    {"/memory@40000000", "reg", CELLS(0, 0x40000800, 0, 0x1000),
     LACKS "the memory nodes of the device tree contain no memory"},
    {"/memory@40000000", "reg", CELLS(0xffffffff, 0xfffff000, 0, 0x2000),
     BAD "node /memory@40000000: address 0xfffffffffffff000, size 0x2000 is beyond what a CPU can "
         "address"},
    {"/memory@40000000", "reg", CELLS(0x8000, 0, 0, 0x2000),
     LACKS "node /memory@40000000: RAM at 0x800000000000, size 0x2000 lies beyond the 16 TiB that "
           "are supported"},
    {"/memory@40000000", "reg", CELLS(0, 0x40000000, 0, 0x8000000, 0, 0x47fff000, 0, 0x2000),
     BAD "memory banks 0x40000000-0x47ffffff and 0x47fff000-0x48000fff overlap"},
    /* cells */
    {"/", "#address-cells", CELLS(0),
     BAD "node /memory@40000000: its bus / has 0 address cells and 2 size cells"},
    {"/", "#address-cells", CELLS(9),
     BAD "node /memory@40000000: its bus / has 9 address cells and 2 size cells"},
    {"/", "#size-cells", CELLS(0x40000000),
     BAD "node /memory@40000000: its bus / has 2 address cells and 1073741824 size cells"},
    {"/", "#size-cells", DELETE,
     BAD "node /memory@40000000: reg is 16 bytes, not a multiple of 12"},
    /* strings */
    {"/uart@9000000", "compatible", BYTES("arm,pl011"),
     BAD "node /uart@9000000: compatible is not a list of strings"},
    {"/timer", "status", BYTES("okay"), BAD "node /timer: status is not a string"},
    {"/timer", "status", BYTES(""), BAD "node /timer: status is not a string"},
    {"/chosen", "bootargs", BYTES("log=debug"),
     BAD "node /chosen: bootargs does not end within 9 characters"},
    {"/chosen", "bootargs", .count = LONGEST,
     BAD "node /chosen: bootargs does not end within 4096 characters"},
    {"/", "model", BYTES("unterminated"), GOOD},
    {"/", "model", .count = LONGEST, GOOD},
    /* initrd */
    {"/chosen", "linux,initrd-end", DELETE,
     BAD "node /chosen: linux,initrd-start and linux,initrd-end are not both there with one or two "
         "cells"},
    {"/chosen", "linux,initrd-start", CELLS(0, 0, 0),
     BAD "node /chosen: linux,initrd-start and linux,initrd-end are not both there with one or two "
         "cells"},
    {"/chosen", "linux,initrd-end", CELLS(0x43ffffff),
     BAD "node /chosen: linux,initrd-end 0x43ffffff is below linux,initrd-start 0x44000000"},
    {"/chosen", "linux,initrd-end", CELLS(0x44000000), GOOD},
    {"/chosen", "linux,initrd-end", CELLS(0, 0x44001000), GOOD},
    {"/chosen", "linux,initrd-end", CELLS(0x48000001),
     BAD "the initrd 0x44000000-0x48000000 does not lie within one bank of memory"},
    /* CPUs */
    {"/cpus/cpu@0", "reg", CELLS(1), BAD "node /cpus/cpu@1: another CPU has reg 0x1, too"},
    {"/cpus/cpu@0", "reg", DELETE,
     BAD "node /cpus/cpu@0: reg does not have the one or two cells that #address-cells of /cpus "
         "says"},
    {"/cpus", "#address-cells", CELLS(2),
     BAD "node /cpus/cpu@0: reg does not have the one or two cells that #address-cells of /cpus "
         "says"},
    {"/cpus/cpu@0", "reg", CELLS(0x01000000),
     BAD "node /cpus/cpu@0: reg 0x1000000 is not an MPIDR affinity"},
    {"/cpus/cpu@0", "enable-method", BYTES("psci"),
     BAD "node /cpus/cpu@0: enable-method is not a string"},
    {"/cpus/cpu@0", "enable-method", BYTES("spin-table\0"),
     BAD "node /cpus/cpu@0: spin-table without a valid cpu-release-addr"},
    {"/cpus/cpu@0", "status", BYTES("fail\0"), LACKS "all CPUs in the device tree are disabled"},
    {"/cpus", "status", BYTES("disabled\0"), LACKS "the device tree has no CPU node"},
    {"/psci", "method", DELETE, BAD "node /psci: method is neither \"smc\" nor \"hvc\""},
    {"/psci", "method", BYTES("hvc"), BAD "node /psci: method is neither \"smc\" nor \"hvc\""},
    /* interrupt controller and timer */
    {"/timer", "compatible", DELETE, LACKS "the device tree has no timer (arm,armv8-timer)"},
    {"/timer", "interrupts", DELETE, BAD "node /timer: the timer has no interrupts"},
    {"/timer", "interrupts", CELLS(1, 13, 4),
     BAD "the timer has neither a physical nor a virtual interrupt"},
    {"/timer", "interrupts", CELLS(0, 13, 4, 0, 14, 4, 0, 11, 4),
     BAD "the timer has neither a physical nor a virtual interrupt"},
    {"/timer", "interrupts", CELLS(1, 13, 4, 1, 16, 4, 7, 11, 4),
     BAD "the timer has neither a physical nor a virtual interrupt"},
    {"/timer", "interrupt-names", BYTES("phys"),
     BAD "node /timer: interrupt-names is not a list of strings"},
    {"/timer", "interrupt-names", BYTES("a\0b\0c\0"),
     BAD "the timer has neither a physical nor a virtual interrupt"},
    {"/timer", "interrupt-parent", CELLS(0x1234),
     BAD "the timer's interrupt-parent (phandle 0x1234) does not exist"},
    {"/intc@8000000", "compatible", BYTES("acme,\033intc\0"),
     LACKS "node /intc@8000000: interrupt controller acme,?intc is not supported"},
    {"/intc@8000000", "status", BYTES("disabled\0"),
     LACKS "node /intc@8000000: the timer's interrupt controller is disabled"},
    {"/intc@8000000", "reg", CELLS(0, 0x8000000, 0, 0x10000),
     BAD "node /intc@8000000: reg has 1 entries, but at least 2 are needed"},
    {"/intc@8000000", "reg", DELETE,
     BAD "node /intc@8000000: reg has 0 entries, but at least 1 are needed"},
    {"/intc@8000000", "reg", CELLS(0, 0x8000000, 0, 0x10000, 0, 0x8010000, 0, 0),
     BAD "node /intc@8000000: entry 1 of reg has size 0"},
    {"/intc@8000000", "reg", CELLS(0, 0x8000000, 0, 0x10000, 0, 0x8010000, 0, 0x10),
     BAD "node /intc@8000000: entry 1 of reg (0x8010000, size 0x10) is no block of GIC registers"},
    {"/intc@8000000", "#interrupt-cells", CELLS(1),
     BAD "node /intc@8000000: #interrupt-cells is 1, not 3"},
    {"/intc@8000000", "phandle", CELLS(0x77),
     BAD "the timer's interrupt-parent (phandle 0x1) does not exist"},
    {"/", "interrupt-parent", DELETE, GOOD}, /* with one controller there is no doubt */
    {"/soc/interrupt-controller@10000000", "#redistributor-regions", CELLS(0), .tree = "gicv3-smc",
     LACKS "node /soc/interrupt-controller@10000000: it has 0 redistributor regions, 1 to 8 are "
           "supported"},
    {"/soc/interrupt-controller@10000000", "#redistributor-regions", CELLS(9), .tree = "gicv3-smc",
     LACKS "node /soc/interrupt-controller@10000000: it has 9 redistributor regions, 1 to 8 are "
           "supported"},
    {"/soc/interrupt-controller@10000000", "#redistributor-regions", CELLS(3), .tree = "gicv3-smc",
     BAD "node /soc/interrupt-controller@10000000: reg has 3 entries, but at least 4 are needed"},
    {"/soc/interrupt-controller@10000000", "redistributor-stride", CELLS(0x20001),
     .tree = "gicv3-smc",
     BAD "node /soc/interrupt-controller@10000000: redistributor-stride is 0x20001"},
    {"/soc/interrupt-controller@10000000", "redistributor-stride", CELLS(0x30000),
     .tree = "gicv3-smc", GOOD},
    {"/timer", "interrupts-extended", CELLS(0x55, 1, 14, 8, 0), .tree = "gicv3-smc",
     BAD "the timer's interrupt-parent (phandle 0x55) does not exist"},
    /* ranges */
    {"/soc", "ranges", DELETE, .tree = "pi4-like",
     BAD "node /soc/interrupt-controller@40041000: the CPU cannot reach it, its bus soc has no "
         "ranges"},
    {"/soc", "ranges", CELLS(0x40000000, 0, 0xff800000), .tree = "pi4-like",
     BAD "node /soc/interrupt-controller@40041000: ranges of its bus soc is 12 bytes, not a "
         "multiple of 16"},
    {"/soc", "ranges", CELLS(0x40000000, 0, 0xff800000, 0x41000), .tree = "pi4-like",
     BAD "node /soc/interrupt-controller@40041000: its address 0x40041000 (0x1000 bytes) is not "
         "within the ranges of its bus soc"},
    {"/soc", "ranges", CELLS(0x40000000, 0, 0xff800000, 0x41800), .tree = "pi4-like",
     BAD "node /soc/interrupt-controller@40041000: its address 0x40041000 (0x1000 bytes) is not "
         "within the ranges of its bus soc"},
    {"/soc", "ranges", CELLS(0x40000000, 0xffffffff, 0xffff0000, 0x800000), .tree = "pi4-like",
     BAD "node /soc/interrupt-controller@40041000: its address 0x40041000 (0x1000 bytes) is not "
         "within the ranges of its bus soc"},
    {"/soc", "ranges", CELLS(0x40000000, 0x1ffff, 0xff800000, 0x800000), .tree = "pi4-like",
     BAD "node /soc/interrupt-controller@40041000: address 0x1ffffff841000, size 0x1000 is beyond "
         "what a CPU can address"},
    {"/soc", "ranges", .count = LONGEST / 16 * 16, .tree = "pi4-like",
     LACKS "node /soc/interrupt-controller@40041000: its bus soc has more than 256 ranges"},
    {"/soc", "ranges", .count = 0, .tree = "pi4-like",
     GOOD}, /* the bus's addresses are the CPU's */
    {"/soc", "#address-cells", CELLS(4), .tree = "pi4-like",
     BAD "node /soc/interrupt-controller@40041000: its bus soc has 4 address cells and 1 size "
         "cells"},
    /* harmless for dt_scan() */
    {"/chosen", "stdout-path", BYTES("/nowhere\0"), GOOD},
    {"/uart@9000000", "reg", DELETE, GOOD},
    {"/aliases", "serial0", BYTES("serial0\0"), GOOD},
};

/* The same for what dt_find_console() says. */
static const struct edit console_edits[] = {
    {"/uart@9000000", "reg", DELETE,
     LACKS "node /uart@9000000: reg has 0 entries, but at least 1 are needed"},
    {"/uart@9000000", "reg", CELLS(0, 0x9000000),
     LACKS "node /uart@9000000: reg is 8 bytes, not a multiple of 16"},
    {"/uart@9000000", "status", BYTES("disabled\0"),
     LACKS "node /uart@9000000: the console is disabled"},
    {"/uart@9000000", "compatible", BYTES("ns16550a\0"),
     LACKS "the console is a ns16550a, which is not supported"},
    {"/uart@9000000", "compatible", DELETE,
     LACKS "the console is a nameless device, which is not supported"},
    {"/chosen", "stdout-path", BYTES("/nowhere\0"), GOOD}, /* serial0 */
    {"/chosen", "stdout-path", BYTES("serial0:bad\0"), GOOD},
    {"/chosen", "stdout-path", BYTES("serial0:99999999999\0"), GOOD},
    {"/chosen", "stdout-path", BYTES("//uart\0"), GOOD},
    {"/chosen", "stdout-path", BYTES("/\0"), GOOD},
    {"/chosen", "stdout-path", BYTES(":\0"), GOOD},
    {"/chosen", "stdout-path", BYTES("unterminated"), GOOD},
    {"/chosen", "stdout-path", .count = LONGEST, GOOD},
    {"/chosen", "status", BYTES("disabled\0"), GOOD},
    {"/memory@40000000", "reg", CELLS(1), GOOD},
    {"/timer", "status", BYTES("okay"), GOOD}, /* damage after the UART */
};

static struct blob edited(const struct edit *e)
{
    struct blob from = e->tree == NULL ? good : blob_load(folder, e->tree);
    struct blob b = {malloc(from.size + 2 * LONGEST), from.size + 2 * LONGEST};
    unsigned char value[LONGEST];
    uint32_t length = e->count;
    int node;

    CHECK_EQ(fdt_open_into(from.data, b.data, (int)b.size), 0);
    if (e->tree != NULL)
        free(from.data);
    node = fdt_path_offset(b.data, e->node);
    CHECK(node >= 0);
    if (e->count == UINT32_MAX) {
        CHECK_EQ(fdt_delprop(b.data, node, e->property), 0);
        return b;
    }
    if (e->cells != NULL) {
        length *= 4;
        for (uint32_t i = 0; i < e->count; i++)
            fdt32_st(value + 4 * i, e->cells[i]);
    } else if (e->bytes != NULL) {
        memcpy(value, e->bytes, length);
    } else if (length > 0) {
        memset(value, 'x', length - 1);
        value[length - 1] = '\0';
    }
    CHECK_EQ(fdt_setprop(b.data, node, e->property, value, (int)length), 0);
    return b;
}

static void test_edits(void)
{
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        char name[300];
        struct dt_error err = {{0}};
        struct blob b;

        snprintf(name, sizeof(name), "%s %s (%zu)", edits[i].node, edits[i].property, i);
        check_case = name;
        b = edited(&edits[i]);
        CHECK_EQ(dt_scan(b.data, b.size, &board, &err), edits[i].result);
        CHECK_TEXT(err.text, edits[i].sentence);
        free(b.data);
    }
}

static void test_console_edits(void)
{
    for (size_t i = 0; i < sizeof(console_edits) / sizeof(console_edits[0]); i++) {
        const struct edit *e = &console_edits[i];
        struct dt_error err = {{0}};
        struct board_console console = {0};
        struct blob b = edited(e);
        kern_return_t result = dt_find_console(b.data, b.size, &console, &err);

        check_case = e->sentence;
        CHECK_EQ(result, e->result);
        if (e->result == KERN_SUCCESS)
            CHECK_EQ(console.regs.base, 0x9000000);
        else
            CHECK_TEXT(err.text, e->sentence);
        free(b.data);
    }
}

/* ---- Made by hand ---- */

/* A small tree, written cell by cell. */
struct maker {
    uint32_t words[1 << 14];
    uint32_t count; /* of words in the structure block so far */
};

static struct maker maker;

static void word(uint32_t w)
{
    maker.words[maker.count++] = cpu_to_fdt32(w);
}

/* A header before the words and strings "\0reg\0" after them. */
static struct blob finish(uint32_t memreserves)
{
    static const char strings[8] = "\0reg";
    uint32_t reserve = 40, structure = reserve + 16 * memreserves, size = maker.count * 4;
    uint32_t header[10] = {
        0xd00dfeed, structure + size + 8, structure, structure + size, reserve, 17, 16, 0, 8, size};
    struct blob b = {calloc(1, structure + size + 8), structure + size + 8};

    for (int i = 0; i < 10; i++)
        fdt32_st((char *)b.data + 4 * i, header[i]);
    memcpy((char *)b.data + structure, maker.words, size);
    memcpy((char *)b.data + structure + size, strings, 8);
    maker.count = 0;
    return b;
}

static void expect(struct blob b, kern_return_t result, const char *sentence)
{
    struct dt_error err = {{0}};
    struct board_console console;

    check_case = sentence;
    CHECK_EQ(dt_scan(b.data, b.size, &board, &err), result);
    CHECK_TEXT(err.text, sentence);
    CHECK(dt_find_console(b.data, b.size, &console, &err) != KERN_SUCCESS);
    free(b.data);
}

static void test_structures(void)
{
    word(9);
    expect(finish(1), KERN_BAD_FORMAT,
           "the device tree is malformed: it ends within a node at offset 0x0 of its structure "
           "block");
    word(FDT_BEGIN_NODE), word(0), word(0xff);
    expect(finish(1), KERN_BAD_FORMAT,
           "the device tree is malformed: an unknown or incomplete element at offset 0x8 of its "
           "structure block");
    word(FDT_END_NODE);
    expect(finish(1), KERN_BAD_FORMAT,
           "the device tree is malformed: a node ends that has not begun at offset 0x0 of its "
           "structure block");
    word(FDT_BEGIN_NODE), word(0), word(FDT_END_NODE), word(FDT_BEGIN_NODE), word(0);
    expect(finish(1), KERN_BAD_FORMAT,
           "the device tree is malformed: a second root at offset 0xc of its structure block");
    word(FDT_BEGIN_NODE), word(0), word(FDT_BEGIN_NODE), word(0x61000000), word(FDT_END_NODE);
    word(FDT_PROP), word(0), word(1), word(FDT_END_NODE), word(FDT_END);
    expect(finish(1), KERN_BAD_FORMAT,
           "the device tree is malformed: a property stands after the node's subnodes at offset "
           "0x14 of its structure block");
    word(FDT_BEGIN_NODE), word(0), word(FDT_PROP), word(0), word(8), word(FDT_END_NODE);
    word(FDT_END);
    expect(finish(1), KERN_BAD_FORMAT,
           "the device tree is malformed: a property has no valid name at offset 0x8 of its "
           "structure block");
    /* Lengths at which the sum wraps: on 0xfffffff4 libfdt alone would stand still for ever. */
    for (uint32_t length = 0xfffffff4; length != 0; length += 4) {
        word(FDT_BEGIN_NODE), word(0), word(FDT_PROP), word(length), word(1), word(FDT_END_NODE);
        word(FDT_END);
        expect(finish(1), KERN_BAD_FORMAT,
               "the device tree is malformed: a property is longer than the tree at offset 0x8 of "
               "its structure block");
    }
    word(FDT_BEGIN_NODE), word(0), word(FDT_END_NODE), word(FDT_END);
    expect(finish(1), KERN_NOT_SUPPORTED, "the device tree has no memory node");
}

static void test_depth(void)
{
    char sentence[DT_ERROR_MAX] = "node ";

    for (int i = 0; i < 40; i++)
        word(FDT_BEGIN_NODE), word(i == 0 ? 0 : 0x61626300);
    for (int i = 0; i < DT_MAX_DEPTH - 1; i++)
        strcat(sentence, "/abc");
    strcat(sentence, ": has subnodes beyond the 24 levels that are understood");
    expect(finish(1), KERN_NOT_SUPPORTED, sentence);
}

/* Too many of something, and names that are too long: all within the sentence's buffer. */
static void test_limits(void)
{
    struct blob b;

    word(FDT_BEGIN_NODE), word(0), word(FDT_END_NODE), word(FDT_END);
    b = finish(DT_MAX_RESERVATIONS + 2);
    for (int i = 0; i < DT_MAX_RESERVATIONS + 1; i++) {
        fdt32_st((char *)b.data + 40 + 16 * i + 4, (uint32_t)i);
        fdt32_st((char *)b.data + 40 + 16 * i + 12, 0x1000);
    }
    expect(b, KERN_NOT_SUPPORTED, "there are more than 64 memory reservations");

    word(FDT_BEGIN_NODE), word(0), word(FDT_END_NODE), word(FDT_END);
    b = finish(1);
    memset((char *)b.data + 40, 0xff, 16);
    expect(b, KERN_BAD_FORMAT,
           "memory reservation 0 (0xffffffffffffffff, size 0xffffffffffffffff) wraps round");

    word(FDT_BEGIN_NODE), word(0);
    for (int level = 0; level < 5; level++) {
        word(FDT_BEGIN_NODE);
        for (int i = 0; i < 40; i++)
            word(0x61616161);
        word(0);
    }
    word(FDT_PROP), word(3), word(4), word(0);
    b = finish(1);
    check_case = "long path";
    {
        struct dt_error err;

        CHECK_EQ(dt_scan(b.data, b.size, &board, &err), KERN_BAD_FORMAT);
        CHECK(strlen(err.text) < DT_ERROR_MAX);
    }
    free(b.data);
}

static void test_header(void)
{
    static const struct {
        int at;
        uint32_t value;
        kern_return_t result;
        const char *sentence;
    } headers[] = {
        {0, 0xedfe0dd0, KERN_BAD_FORMAT,
         "what the boot loader passed is not a device tree (its first word is 0xedfe0dd0)"},
        {20, 16, KERN_NOT_SUPPORTED,
         "the device tree has version 16 (compatible with 16), only 17 is understood"},
        {24, 18, KERN_NOT_SUPPORTED,
         "the device tree has version 17 (compatible with 18), only 17 is understood"},
        {4, 0x200001, KERN_NOT_SUPPORTED,
         "the device tree says it has 2097153 bytes, more than the 2097152 that are accepted"},
        {4, 16, KERN_BAD_FORMAT, "the device tree's header is inconsistent"},
        {8, 0xfffffff0, KERN_BAD_FORMAT, "the device tree's header is inconsistent"},
        {8, 58, KERN_BAD_FORMAT, "the device tree's header is inconsistent"},
        {12, 0xffffffff, KERN_BAD_FORMAT, "the device tree's header is inconsistent"},
        {16, 41, KERN_BAD_FORMAT, "the device tree's header is inconsistent"},
        {16, 0x1000000, KERN_BAD_FORMAT, "the device tree's header is inconsistent"},
        {32, 0xffffffff, KERN_BAD_FORMAT, "the device tree's header is inconsistent"},
        {36, 0xffffffff, KERN_BAD_FORMAT, "the device tree's header is inconsistent"},
    };
    struct dt_error err;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct blob b = blob_copy(good.data, good.size);

        fdt32_st((char *)b.data + headers[i].at, headers[i].value);
        expect(b, headers[i].result, headers[i].sentence);
    }
    check_case = "pointers";
    CHECK_EQ(dt_scan(NULL, 1000, &board, &err), KERN_NOT_SUPPORTED);
    CHECK_TEXT(err.text, "the boot loader passed no device tree");
    CHECK_EQ(dt_scan((char *)good.data + 4, 1000, &board, &err), KERN_BAD_FORMAT);
    CHECK_TEXT(err.text, "the device tree is not 8-byte aligned");
    CHECK_EQ(dt_scan(good.data, 39, &board, &err), KERN_BAD_FORMAT);
    CHECK_TEXT(err.text, "the device tree is cut off within its header");
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    dt_check_begin(argc, argv);
    folder = argv[1];
    good = blob_load(folder, "virt-gicv2");
    test_edits();
    test_console_edits();
    test_structures();
    test_depth();
    test_limits();
    test_header();
    free(good.data);
    return dt_check_end();
}
