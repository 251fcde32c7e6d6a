/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target for the device-tree reader.
 *
 * An input is a blob. Bytes changed at random mostly break the structure, which is then all that is
 * tested; so most mutations are edits of the tree that keep it well-formed: a property's value is
 * changed by libFuzzer (which knows the dictionary and the comparisons), a property that we read is
 * added, moved or removed, a node is copied, renamed or removed. The rest are plain bytes.
 *
 * Oracle: the sanitizers, and the promises of kern/dt.h that an accepted board must keep.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kern/bootargs.h>

#include "../../../kernel/device/dt_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static void require(bool promise, const char *what)
{
    if (promise)
        return;
    fprintf(stderr, "broken promise: %s\n", what);
    abort();
}

/* ---- The target ---- */

static void use_usable(const struct board *board, const struct boot_options *options)
{
    struct dt_range out[DT_MAX_BANKS + DT_MAX_RESERVATIONS + 2];
    struct dt_range taken[2] = {board->initrd, {board->banks[0].base + 100, 0x12345}};
    struct dt_error err;
    unsigned count;

    if (dt_usable_ranges(board, options->mem_limit, taken, 2, out, array_count(out), &count,
                         &err) != KERN_SUCCESS)
        return;
    for (unsigned i = 0; i < count; i++) {
        require(out[i].size > 0 && out[i].base % PAGE_SIZE == 0 && out[i].size % PAGE_SIZE == 0,
                "usable ranges are pages");
        require(i == 0 || out[i - 1].base + out[i - 1].size < out[i].base,
                "usable ranges ascend and do not touch");
    }
    (void)dt_usable_ranges(board, 0, taken, 2, out, 1, &count, &err);
}

static void use_options(const char *line, size_t length, struct boot_options *options)
{
    struct boot_word list, name;
    struct dt_error err = {{0}};

    memset(options, 0, sizeof(*options));
    if (dt_boot_options(line, length, options, &err) != KERN_SUCCESS) {
        require(err.text[0] != '\0', "bad options have a sentence");
        return;
    }
    list = options->init;
    while (boot_word_next(&list, &name))
        require(name.length > 0, "names are not empty");
}

static void check_board(const struct board *board)
{
    uint64_t ram = 0;

    require(board->bank_count >= 1, "there is memory");
    for (unsigned i = 0; i < board->bank_count; i++) {
        require(i == 0 ||
                    board->banks[i - 1].base + board->banks[i - 1].size < board->banks[i].base,
                "banks ascend and do not touch");
        require(board->banks[i].base + board->banks[i].size <= DT_RAM_LIMIT, "RAM is in reach");
        ram += board->banks[i].size;
    }
    require(ram == board->ram_bytes, "ram_bytes is the sum");
    require(board->cpu_count >= 1, "there is a CPU");
    require(board->gic.kind != BOARD_GIC_NONE && board->gic.gicd.size > 0, "there is a GIC");
    require(board->timer.phys.trigger != BOARD_TRIGGER_NONE ||
                board->timer.virt.trigger != BOARD_TRIGGER_NONE,
            "the timer interrupts");
    require(strlen(board->bootargs) == board->bootargs_length, "bootargs_length is right");
    require(strlen(board->model) < DT_STRING_MAX, "model ends");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct board board;
    struct boot_options options;
    struct board_console console;
    struct dt_error err = {{0}};
    void *blob = malloc(size == 0 ? 1 : size); /* so that it is aligned, and ends where it ends */

    if (blob == NULL)
        return 0;
    memcpy(blob, data, size);
    if (dt_find_console(blob, size, &console, &err) == KERN_SUCCESS)
        require(console.kind == BOARD_UART_PL011 || console.kind == BOARD_UART_BCM2835_AUX,
                "a found console can be driven");
    else
        require(err.text[0] != '\0', "no console has a sentence");
    if (dt_scan(blob, size, &board, &err) == KERN_SUCCESS) {
        check_board(&board);
        use_options(board.bootargs, board.bootargs_length, &options);
        use_usable(&board, &options);
        dt_wipe_seeds(&board, blob);
    } else {
        require(err.text[0] != '\0' && strlen(err.text) < DT_ERROR_MAX, "failures have a sentence");
        use_options((const char *)data, size, &options); /* any bytes will do */
    }
    free(blob);
    return 0;
}

/* ---- The mutator ---- */

static unsigned dice; /* xorshift */

static unsigned roll(unsigned sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 17;
    dice ^= dice << 5;
    return dice % sides;
}

static int random_node(const void *fdt)
{
    int count = 0, node;

    for (node = 0; node >= 0; node = fdt_next_node(fdt, node, NULL))
        count++;
    count = (int)roll((unsigned)count);
    for (node = 0; node >= 0 && count > 0; node = fdt_next_node(fdt, node, NULL))
        count--;
    return node < 0 ? 0 : node;
}

static int random_property(const void *fdt, int node)
{
    int count = 0, property;

    fdt_for_each_property_offset(property, fdt, node) count++;
    if (count == 0)
        return -1;
    count = (int)roll((unsigned)count);
    fdt_for_each_property_offset(property, fdt, node) if (count-- == 0) return property;
    return -1;
}

static void mutate_value(void *fdt)
{
    static uint8_t value[8192];
    char name[128];
    const char *found;
    int node = random_node(fdt), property = random_property(fdt, node), length;
    const void *old = property < 0 ? NULL : fdt_getprop_by_offset(fdt, property, &found, &length);

    if (old == NULL || (size_t)length > sizeof(value) - 64)
        return;
    snprintf(name, sizeof(name), "%s", found);
    memcpy(value, old, (size_t)length);
    switch (roll(4)) {
    case 0: /* a cell becomes something that matters */
        if (length >= 4) {
            static const uint32_t cells[] = {0, 1, 2, 3, 4, 9, 0x1000, 0x40000000, UINT32_MAX};
            uint32_t cell = cpu_to_fdt32(cells[roll(array_count(cells))]);

            memcpy(value + 4 * roll((unsigned)length / 4), &cell, 4);
            break;
        } /* fallthrough */
    case 1: length = (int)roll((unsigned)length + 16); break;
    default: length = (int)LLVMFuzzerMutate(value, (size_t)length, (size_t)length + 32); break;
    }
    fdt_setprop(fdt, node, name, value, length);
}

static const char *const known[] = {
    "reg",
    "compatible",
    "status",
    "interrupts",
    "phandle",
    "clocks",
    "ranges",
    "#address-cells",
    "#size-cells",
    "interrupt-parent",
    "interrupts-extended",
    "interrupt-names",
    "#interrupt-cells",
    "device_type",
    "enable-method",
    "cpu-release-addr",
    "model",
    "method",
    "cpu_on",
    "#redistributor-regions",
    "redistributor-stride",
    "clock-frequency",
    "current-speed",
    "no-map",
    "stdout-path",
    "linux,stdout-path",
    "bootargs",
    "linux,initrd-start",
    "linux,initrd-end",
    "rng-seed",
    "serial0",
};

static const char *const strings[] = {
    "okay",
    "disabled",
    "memory",
    "cpu",
    "psci",
    "spin-table",
    "smc",
    "hvc",
    "arm,psci",
    "arm,psci-0.2",
    "arm,gic-400",
    "arm,gic-v3",
    "arm,armv8-timer",
    "arm,pl011",
    "brcm,bcm2835-aux",
    "brcm,bcm2835-aux-uart",
    "brcm,bcm2835-pm-wdt",
    "fixed-clock",
    "phys",
    "serial0:9600",
    "/soc/serial@7e215040",
    "mem=16M maxcpus=2 seed=1 init=a,b arg=c test=d",
    "log=quiet end=halt mitigations=off mem=1T",
    "mem=x",
    "end=x",
    "log=x",
    "seed=x",
    "init=,",
    "maxcpus=x",
    "mitigations=x",
    "test=",
    "mem=1",
};

static void add_property(void *fdt)
{
    const char *name = known[roll(array_count(known))];
    const char *text = strings[roll(array_count(strings))]; /* the macro below uses it twice */
    int node = random_node(fdt);

    if (roll(2) == 0) {
        fdt_setprop_string(fdt, node, name, text);
    } else {
        uint32_t cells[6] = {0};

        for (int i = 0; i < 6; i++)
            cells[i] = cpu_to_fdt32(roll(3) == 0 ? roll(1u << 30) : roll(8));
        fdt_setprop(fdt, node, name, cells, (int)roll(7) * 4);
    }
}

/* A new child with the properties of another node, so that there are two of something. */
static void copy_node(void *fdt)
{
    static struct {
        char name[128];
        uint8_t value[512];
        int length;
    } kept[12];
    char name[64];
    int property, from = random_node(fdt), to, count = 0;

    fdt_for_each_property_offset(property, fdt, from)
    {
        const char *found;
        const void *value = fdt_getprop_by_offset(fdt, property, &found, &kept[count].length);

        if (value == NULL || kept[count].length > (int)sizeof(kept[count].value))
            continue;
        snprintf(kept[count].name, sizeof(kept[count].name), "%s", found);
        memcpy(kept[count].value, value, (size_t)kept[count].length);
        if (++count == (int)array_count(kept))
            break;
    }
    snprintf(name, sizeof(name), "%s%u", roll(2) ? "cpu@" : "n@", roll(100));
    to = fdt_add_subnode(fdt, random_node(fdt), name);
    for (int i = count - 1; to >= 0 && i >= 0; i--)
        (void)fdt_setprop(fdt, to, kept[i].name, kept[i].value, kept[i].length);
}

static void remove_something(void *fdt)
{
    int node = random_node(fdt), property = random_property(fdt, node);
    const char *name;

    if (roll(4) == 0 && node != 0)
        fdt_del_node(fdt, node);
    else if (property >= 0 && fdt_getprop_by_offset(fdt, property, &name, NULL) != NULL)
        fdt_delprop(fdt, node, name);
}

static void add_reservation(void *fdt)
{
    fdt_add_mem_rsv(fdt, roll(4) == 0 ? UINT64_MAX - roll(9) : roll(1u << 30), roll(1u << 20));
}

/* Only such a tree may be edited: libfdt's writing functions trust what they work on. */
static bool is_well_formed(const void *fdt, size_t size)
{
    struct dt_error err;
    struct dt_walk w;
    enum dt_step step;

    if (dt_check_blob(fdt, size, &err) != KERN_SUCCESS || fdt_num_mem_rsv(fdt) < 0 ||
        fdt_off_mem_rsvmap(fdt) + ((uint32_t)fdt_num_mem_rsv(fdt) + 1) * 16 >
            fdt_off_dt_struct(fdt) ||
        fdt_off_dt_struct(fdt) + fdt_size_dt_struct(fdt) > fdt_off_dt_strings(fdt))
        return false; /* blocks in another order, or over each other */
    dt_walk_start(&w, fdt, &err);
    while ((step = dt_walk_next(&w)) == DT_STEP_NODE)
        ;
    return step == DT_STEP_END;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static _Alignas(8) uint8_t fdt[1 << 16];
    static _Alignas(8) uint8_t copy[1 << 16];
    int total;

    dice = seed | 1;
    if (size > sizeof(fdt) / 2 || roll(8) == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    memcpy(copy, data, size);
    if (!is_well_formed(copy, size) || fdt_open_into(copy, fdt, sizeof(fdt)) != 0)
        return LLVMFuzzerMutate(data, size, max_size);
    for (unsigned n = 1 + roll(3); n > 0; n--) {
        switch (roll(10)) {
        case 0: add_reservation(fdt); break;
        case 1: copy_node(fdt); break;
        case 2: remove_something(fdt); break;
        case 3:
        case 4: add_property(fdt); break;
        default: mutate_value(fdt); break;
        }
    }
    if (fdt_pack(fdt) != 0)
        return LLVMFuzzerMutate(data, size, max_size);
    total = (int)fdt_totalsize(fdt);
    if (total < 0 || (size_t)total > max_size)
        return LLVMFuzzerMutate(data, size, max_size);
    memcpy(data, fdt, (size_t)total);
    return (size_t)total;
}
