/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dt-survey DIRECTORY|FILE...: what would Wharf make of these device trees?
 *
 * Runs the kernel's own reader over every .dtb (folders are searched through) and prints a line for
 * each: memory, CPUs, interrupt controller, timer, console, or exactly what is not supported.
 *
 * A tree as a distribution ships it usually has no memory yet: the boot loader fills that in. So a
 * tree that lacks nothing else is read a second time with 1 GiB put in its place ("memory by the
 * loader"). Exit status 0 if every tree could be read, whatever came out; 1 if a tree was malformed
 * or a file unreadable.
 */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kern/dt.h>

#include "../../kernel/device/fdt/libfdt_env.h"

#include <libfdt.h>

struct summary {
    unsigned files, boots, loader_memory, unsupported, malformed, unreadable;
    unsigned no_console, gicv2, gicv3, psci, spin_table;
};

static struct summary total;
static char **names;
static size_t name_count;

enum { ROOM = 4096 }; /* for a memory node */

static const char *enable_name(enum board_enable method)
{
    switch (method) {
    case BOARD_ENABLE_PSCI: return "psci";
    case BOARD_ENABLE_SPIN_TABLE: return "spin-table";
    case BOARD_ENABLE_UNKNOWN: return "unknown method";
    default: return "no method";
    }
}

static void print_memory(const struct board *b, bool by_loader)
{
    if (by_loader)
        printf("memory by the loader");
    else
        printf("%" PRIu64 " MiB in %u bank%s", b->ram_bytes >> 20, b->bank_count,
               b->bank_count == 1 ? "" : "s");
    if (b->reservation_count + b->dynamic_reservations > 0)
        printf(" (%u reserved, %u dynamic)", b->reservation_count, b->dynamic_reservations);
}

static void print_cpus(const struct board *b)
{
    unsigned i = b->cpu_count - 1; /* the last: the first may need no method */

    printf("; %u CPU%s, %s", b->cpu_count, b->cpu_count == 1 ? "" : "s",
           enable_name(b->cpus[i].method));
    if (b->cpus[i].method == BOARD_ENABLE_PSCI && b->psci.conduit == BOARD_PSCI_NONE)
        printf(" without a psci node");
    if (b->cpus[i].method == BOARD_ENABLE_UNKNOWN)
        printf(" %s", b->cpus[i].method_name);
    if (b->psci.conduit != BOARD_PSCI_NONE)
        printf(" (PSCI by %s)", b->psci.conduit == BOARD_PSCI_SMC ? "smc" : "hvc");
}

static void print_gic_and_timer(const struct board *b)
{
    printf("; GICv%d %#" PRIx64, b->gic.kind == BOARD_GIC_V2 ? 2 : 3, b->gic.gicd.base);
    if (b->gic.kind == BOARD_GIC_V3)
        printf(" (%u redistributor region%s)", b->gic.gicr_count,
               b->gic.gicr_count == 1 ? "" : "s");
    else if (!b->gic.gicc_has_dir)
        printf(" (no split EOI: GICC is %#" PRIx64 " bytes)", b->gic.gicc.size);
    printf("; timer phys %u virt %u", b->timer.phys.intid, b->timer.virt.intid);
    if (b->timer.frequency != 0)
        printf(" %u Hz", b->timer.frequency);
}

static void print_console(const struct board *b)
{
    const struct board_console *c = &b->console;

    switch (c->kind) {
    case BOARD_UART_NONE: printf("; no console"); break;
    case BOARD_UART_UNSUPPORTED:
        printf("; console unsupported: %s", c->compatible != NULL ? c->compatible : "(nameless)");
        break;
    default:
        printf("; console %s %#" PRIx64 " irq %u%s",
               c->kind == BOARD_UART_PL011 ? "PL011" : "mini-UART", c->regs.base, c->irq.intid,
               c->chosen ? "" : " (guessed)");
        break;
    }
}

static void count_board(const struct board *b)
{
    total.boots++;
    total.no_console +=
        b->console.kind == BOARD_UART_NONE || b->console.kind == BOARD_UART_UNSUPPORTED;
    total.gicv2 += b->gic.kind == BOARD_GIC_V2;
    total.gicv3 += b->gic.kind == BOARD_GIC_V3;
    total.psci += b->psci.conduit != BOARD_PSCI_NONE;
    total.spin_table += b->cpus[b->cpu_count - 1].method == BOARD_ENABLE_SPIN_TABLE;
}

/* Scan a copy of the tree that has 1 GiB of memory, as a boot loader would put in. */
static kern_return_t scan_with_memory(const void *blob, size_t size, struct board *board,
                                      struct dt_error *err)
{
    static void *copy;
    int cells = fdt_address_cells(blob, 0) + fdt_size_cells(blob, 0);
    uint32_t reg[8] = {0};
    int node;

    free(copy); /* of the last call: *board points into it */
    copy = malloc(size + ROOM);
    if (copy == NULL || cells < 2 || cells > 8 ||
        fdt_open_into(blob, copy, (int)(size + ROOM)) != 0)
        return KERN_FAILURE;
    reg[cells - 1] = cpu_to_fdt32(UINT32_C(1) << 30);
    node = fdt_add_subnode(copy, 0, "memory@survey");
    if (node < 0 || fdt_setprop_string(copy, node, "device_type", "memory") != 0 ||
        fdt_setprop(copy, node, "reg", reg, cells * 4) != 0)
        return KERN_FAILURE;
    return dt_scan(copy, size + ROOM, board, err);
}

static void report(const char *name, const void *blob, size_t size)
{
    static struct board board;
    struct dt_error err = {{0}};
    kern_return_t result = dt_scan(blob, size, &board, &err);
    bool by_loader =
        result == KERN_NOT_SUPPORTED && board.bank_count == 0 &&
        (strcmp(err.text, "the device tree has no memory node") == 0 ||
         strcmp(err.text, "the memory nodes of the device tree contain no memory") == 0);

    if (by_loader) {
        total.loader_memory++;
        result = scan_with_memory(blob, size, &board, &err);
    }
    printf("%s: ", name);
    if (result != KERN_SUCCESS) {
        printf("%s: %s\n", result == KERN_NOT_SUPPORTED ? "unsupported" : "MALFORMED", err.text);
        total.unsupported += result == KERN_NOT_SUPPORTED;
        total.malformed += result != KERN_NOT_SUPPORTED;
        return;
    }
    count_board(&board);
    print_memory(&board, by_loader);
    print_cpus(&board);
    print_gic_and_timer(&board);
    print_console(&board);
    if (board.watchdog.kind != BOARD_WATCHDOG_NONE)
        printf("; watchdog %#" PRIx64, board.watchdog.regs.base);
    printf("\n");
}

/* ---- Files ---- */

static void read_file(const char *name)
{
    FILE *f = fopen(name, "rb");
    char *blob = aligned_alloc(8, DT_MAX_BLOB + 8);
    size_t size;

    if (f == NULL || blob == NULL) {
        printf("%s: unreadable: %s\n", name, strerror(errno));
        total.unreadable++;
    } else {
        size = fread(blob, 1, DT_MAX_BLOB + 1, f);
        total.files++;
        report(name, blob, size);
    }
    if (f != NULL)
        fclose(f);
    free(blob);
}

static int remember(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    size_t length = strlen(path);
    char **more;

    (void)st;
    if (type != FTW_F || (ftw->level > 0 && (length < 4 || strcmp(path + length - 4, ".dtb") != 0)))
        return 0;
    more = realloc(names, (name_count + 1) * sizeof(*names));
    if (more == NULL)
        return ENOMEM;
    names = more;
    names[name_count] = strdup(path);
    return names[name_count++] == NULL ? ENOMEM : 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_summary(void)
{
    printf("\n%u trees: %u usable (%u of them get their memory from the loader), %u unsupported, "
           "%u malformed, %u unreadable\n",
           total.files, total.boots, total.loader_memory, total.unsupported, total.malformed,
           total.unreadable);
    printf("of the usable: GICv2 %u, GICv3 %u; PSCI %u, spin-table %u; console supported %u\n",
           total.gicv2, total.gicv3, total.psci, total.spin_table, total.boots - total.no_console);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: dt-survey DIRECTORY|FILE...\n");
        return 2;
    }
    for (int i = 1; i < argc; i++)
        if (nftw(argv[i], remember, 16, FTW_PHYS) != 0) {
            fprintf(stderr, "dt-survey: %s: %s\n", argv[i], strerror(errno));
            return 2;
        }
    qsort(names, name_count, sizeof(*names), compare);
    for (size_t i = 0; i < name_count; i++) {
        read_file(names[i]);
        free(names[i]);
    }
    free(names);
    print_summary();
    return total.malformed + total.unreadable > 0;
}
