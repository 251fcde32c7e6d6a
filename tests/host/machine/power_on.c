/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formats: Devicetree Specification 0.4, chapter 5; cpio "newc" (SVR4 without checksum); ELF-64
 * Object File Format 1.5.
 */
#include "power_on.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

enum { MAGIC = 0xd00dfeed, BEGIN_NODE = 1, END_NODE = 2, PROPERTY = 3, END = 9, HEADER = 40 };

static struct {
    uint8_t structure[8192];
    size_t structure_size;
    char strings[1024];
    size_t strings_size;
    const char *leave_out;
} tree;

/* --- flattened device tree --- */

static void word(uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                              (uint8_t)value};
    memcpy(tree.structure + tree.structure_size, bytes, 4);
    tree.structure_size += 4;
}

static void bytes(const void *data, size_t size)
{
    memcpy(tree.structure + tree.structure_size, data, size);
    tree.structure_size += (size + 3) & ~(size_t)3;
}

static void begin(const char *name)
{
    word(BEGIN_NODE);
    bytes(name, strlen(name) + 1);
}

static void end(void)
{
    word(END_NODE);
}

static void property(const char *name, const void *data, size_t size)
{
    word(PROPERTY);
    word((uint32_t)size);
    word((uint32_t)tree.strings_size);
    memcpy(tree.strings + tree.strings_size, name, strlen(name) + 1);
    tree.strings_size += strlen(name) + 1;
    bytes(data, size);
}

static void text(const char *name, const char *value)
{
    property(name, value, strlen(value) + 1);
}

static void cells(const char *name, const uint32_t *values, unsigned count)
{
    uint8_t big[64];
    for (unsigned i = 0; i < count; i++)
        for (unsigned byte = 0; byte < 4; byte++)
            big[i * 4 + byte] = (uint8_t)(values[i] >> (24 - byte * 8));
    property(name, big, count * 4);
}

static void number(const char *name, uint32_t value)
{
    cells(name, &value, 1);
}

static void reg(uint64_t base, uint64_t size)
{
    const uint32_t values[] = {(uint32_t)(base >> 32), (uint32_t)base, (uint32_t)(size >> 32),
                               (uint32_t)size};
    cells("reg", values, 4);
}

static int wanted(const char *node)
{
    return !tree.leave_out || strcmp(tree.leave_out, node) != 0;
}

static void cpus(unsigned count)
{
    begin("cpus");
    number("#address-cells", 1);
    number("#size-cells", 0);
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof(name), "cpu@%u", i);
        begin(name);
        text("device_type", "cpu");
        text("compatible", "arm,cortex-a72");
        text("enable-method", "psci");
        number("reg", i);
        end();
    }
    end();
}

static void devices(void)
{
    static const uint32_t gic_reg[] = {0, 0x8000000, 0, 0x10000, 0, 0x8010000, 0, 0x10000};
    static const uint32_t timer[] = {1, 13, 0xf04, 1, 14, 0xf04, 1, 11, 0xf04, 1, 10, 0xf04};
    begin("psci");
    text("compatible", "arm,psci-1.0");
    text("method", "hvc");
    end();
    if (wanted("intc")) {
        begin("intc@8000000");
        text("compatible", "arm,cortex-a15-gic");
        cells("reg", gic_reg, 8);
        property("interrupt-controller", "", 0);
        number("#interrupt-cells", 3);
        number("phandle", 1);
        end();
    }
    if (wanted("timer")) {
        begin("timer");
        text("compatible", "arm,armv8-timer");
        cells("interrupts", timer, 12);
        end();
    }
}

static void chosen(const struct loaded_board *board)
{
    const uint32_t start[] = {(uint32_t)(board->initrd_start >> 32), (uint32_t)board->initrd_start};
    const uint32_t stop[] = {(uint32_t)(board->initrd_end >> 32), (uint32_t)board->initrd_end};
    begin("chosen");
    text("bootargs", board->bootargs);
    if (wanted("initrd")) {
        cells("linux,initrd-start", start, 2);
        cells("linux,initrd-end", stop, 2);
    }
    end();
}

static void put_header(uint32_t *out, size_t total, size_t strings_at)
{
    const uint32_t header[10] = {MAGIC,
                                 (uint32_t)total,
                                 HEADER + 16,
                                 (uint32_t)strings_at,
                                 HEADER,
                                 17,
                                 16,
                                 0,
                                 (uint32_t)tree.strings_size,
                                 (uint32_t)tree.structure_size};
    for (unsigned i = 0; i < 10; i++)
        out[i] = __builtin_bswap32(header[i]);
}

size_t make_device_tree(const struct loaded_board *board, void *out)
{
    memset(&tree, 0, sizeof(tree));
    tree.leave_out = board->leave_out;
    begin("");
    number("#address-cells", 2);
    number("#size-cells", 2);
    number("interrupt-parent", 1);
    text("model", "simulated board");
    text("compatible", "wharf,simulated");
    if (wanted("memory")) {
        begin("memory@40000000");
        text("device_type", "memory");
        reg(board->memory_start, board->memory_size);
        end();
    }
    if (wanted("cpus"))
        cpus(board->cpus);
    devices();
    chosen(board);
    end();
    word(END);

    size_t strings_at = HEADER + 16 + tree.structure_size, total = strings_at + tree.strings_size;
    memset(out, 0, HEADER + 16); /* the empty list of reservations, too */
    put_header(out, total, strings_at);
    memcpy((char *)out + HEADER + 16, tree.structure, tree.structure_size);
    memcpy((char *)out + strings_at, tree.strings, tree.strings_size);
    return total;
}

/* --- program and archive --- */

size_t make_program(uint64_t entry, uint64_t data, void *out)
{
    Elf64_Ehdr *h = out;
    Elf64_Phdr *segment = (Elf64_Phdr *)(h + 1);
    memset(out, 0, 8192);
    memcpy(h->e_ident, ELFMAG, SELFMAG);
    h->e_ident[EI_CLASS] = ELFCLASS64;
    h->e_ident[EI_DATA] = ELFDATA2LSB;
    h->e_ident[EI_VERSION] = EV_CURRENT;
    h->e_type = ET_EXEC;
    h->e_machine = EM_AARCH64;
    h->e_version = EV_CURRENT;
    h->e_entry = entry;
    h->e_phoff = sizeof(*h);
    h->e_ehsize = sizeof(*h);
    h->e_phentsize = sizeof(*segment);
    h->e_phnum = 2;
    segment[0] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 4096, entry, entry, 16, 4096, 4096};
    segment[1] = (Elf64_Phdr){PT_LOAD, PF_R | PF_W, 4096, data, data, 16, 8192, 4096};
    strcpy((char *)out + 4096, "text of program");
    return 4096 + 16;
}

static size_t put_entry(char *out, const char *name, const void *file, size_t size)
{
    size_t name_size = strlen(name) + 1, at = (110 + name_size + 3) & ~(size_t)3;
    memset(out, 0, at);
    sprintf(out, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", 1, 0100755, 0, 0,
            1, 0, size, 0, 0, 0, 0, name_size, 0);
    memcpy(out + 110, name, name_size);
    if (size)
        memcpy(out + at, file, size);
    return (at + size + 3) & ~(size_t)3;
}

size_t make_archive(const char *name, const void *file, size_t size, void *out)
{
    size_t first = put_entry(out, name, file, size);
    return first + put_entry((char *)out + first, "TRAILER!!!", NULL, 0);
}
