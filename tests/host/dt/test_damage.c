/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Damaged trees: whatever happens to a blob, both readers come back, touch nothing outside of it
 * (the sanitizers watch) and have a sentence for every failure; a board that they do accept keeps
 * its promises. argv[1]: folder of the compiled trees.
 */
#include "dt_check.h"

enum { MUTATIONS = 4000 };

static struct board board;

/* What kern/dt.h promises of an accepted board. */
static void check_promises(struct blob b)
{
    const char *start = b.data, *end = start + b.size;
    uint64_t ram = 0;

    CHECK(board.bank_count >= 1 && board.bank_count <= DT_MAX_BANKS);
    for (unsigned i = 0; i < board.bank_count; i++) {
        CHECK(board.banks[i].size > 0);
        CHECK(board.banks[i].base % PAGE_SIZE == 0 && board.banks[i].size % PAGE_SIZE == 0);
        CHECK(i == 0 || board.banks[i - 1].base + board.banks[i - 1].size < board.banks[i].base);
        ram += board.banks[i].size;
    }
    CHECK_EQ(board.ram_bytes, ram);
    CHECK(board.reservation_count <= DT_MAX_RESERVATIONS);
    CHECK(board.cpu_count >= 1 && board.cpu_count <= DT_MAX_CPUS);
    CHECK(board.gic.kind == BOARD_GIC_V2 || board.gic.kind == BOARD_GIC_V3);
    CHECK(board.gic.gicd.size > 0 && board.gic.gicd.base < DT_PADDR_LIMIT);
    CHECK(board.bootargs_length < DT_STRING_MAX);
    CHECK(board.bootargs[board.bootargs_length] == '\0');
    CHECK(board.bootargs[0] == '\0' || (board.bootargs >= start && board.bootargs < end));
    CHECK(strlen(board.model) < DT_STRING_MAX && strlen(board.compatible) < DT_STRING_MAX);
    for (int i = 0; i < 2; i++)
        CHECK((size_t)board.seeds[i].offset + board.seeds[i].length <= b.size);
}

static void read_it(struct blob b)
{
    struct board_console console;
    struct dt_error err = {{0}};
    kern_return_t result = dt_scan(b.data, b.size, &board, &err);

    if (result == KERN_SUCCESS) {
        check_promises(b);
    } else {
        CHECK(result == KERN_BAD_FORMAT || result == KERN_NOT_SUPPORTED);
        CHECK(err.text[0] != '\0' && strlen(err.text) < DT_ERROR_MAX);
    }
    err.text[0] = '\0';
    if (dt_find_console(b.data, b.size, &console, &err) == KERN_SUCCESS)
        CHECK(console.regs.size > 0 && console.regs.base < DT_PADDR_LIMIT);
    else
        CHECK(err.text[0] != '\0' && strlen(err.text) < DT_ERROR_MAX);
}

static uint32_t word_at(struct blob b, size_t at)
{
    const uint8_t *p = (const uint8_t *)b.data + at;

    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void set_word(struct blob b, size_t at, uint32_t value)
{
    uint8_t *p = (uint8_t *)b.data + at;

    p[0] = (uint8_t)(value >> 24);
    p[1] = (uint8_t)(value >> 16);
    p[2] = (uint8_t)(value >> 8);
    p[3] = (uint8_t)value;
}

/* Cut off after every 4th byte, with the header telling the truth about it and not. */
static void test_truncated(struct blob good)
{
    for (size_t size = 0; size < good.size; size += 4) {
        struct blob b = blob_copy(good.data, size);
        struct dt_error err;

        CHECK(dt_scan(b.data, b.size, &board, &err) == KERN_BAD_FORMAT);
        if (size >= 40) {
            set_word(b, 4, (uint32_t)size);
            CHECK(dt_scan(b.data, b.size, &board, &err) == KERN_BAD_FORMAT);
            read_it(b);
        }
        free(b.data);
    }
    /* Only the structure block cut off: the rest of the header stays right. */
    for (uint32_t size = 0; size < word_at(good, 36); size += 4) {
        struct blob b = blob_copy(good.data, good.size);
        struct dt_error err;

        set_word(b, 36, size);
        CHECK(dt_scan(b.data, b.size, &board, &err) == KERN_BAD_FORMAT);
        read_it(b);
        free(b.data);
    }
}

/* Every word of the blob in turn inverted, zeroed, all ones, and off by one. */
static void test_flipped(struct blob good)
{
    for (size_t at = 0; at + 4 <= good.size; at += 4) {
        uint32_t old = word_at(good, at);
        const uint32_t values[] = {~old,    0,          UINT32_MAX, old + 1,
                                   old - 1, old ^ 0x80, 0x7ffffff0, 0xffffff00};

        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            struct blob b = blob_copy(good.data, good.size);

            set_word(b, at, values[i]);
            read_it(b);
            free(b.data);
        }
    }
}

static void mutate(struct blob b)
{
    static const uint32_t interesting[] = {0,  1,  2,          3,          4,          8,         9,
                                           24, 64, 0x7fffffff, 0x80000000, 0xfffffff4, UINT32_MAX};
    size_t at = check_below(b.size / 4) * 4;

    switch (check_below(4)) {
    case 0: ((uint8_t *)b.data)[check_below(b.size)] ^= 1 << check_below(8); break;
    case 1: set_word(b, at, interesting[check_below(sizeof(interesting) / 4)]); break;
    case 2: set_word(b, at, word_at(b, check_below(b.size / 4) * 4)); break;
    case 3: {
        size_t length = check_below(64), from = check_below(b.size);
        size_t to = check_below(b.size), most = from > to ? from : to;

        if (length > b.size - most)
            length = b.size - most;
        memmove((char *)b.data + to, (char *)b.data + from, length);
        break;
    }
    }
}

static void test_random(struct blob good)
{
    for (int i = 0; i < MUTATIONS; i++) {
        struct blob b = blob_copy(good.data, good.size);

        for (uint64_t n = 1 + check_below(6); n > 0; n--)
            mutate(b);
        read_it(b);
        free(b.data);
    }
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"virt-gicv2", "gicv3-smc", "pi4-like", "pci-uart",
                                        "foreign-console"};
    if (argc < 2)
        return 2;
    dt_check_begin(argc, argv);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct blob good = blob_load(argv[1], names[i]);

        check_case = names[i];
        test_truncated(good);
        test_flipped(good);
        test_random(good);
        free(good.data);
    }
    return dt_check_end();
}
