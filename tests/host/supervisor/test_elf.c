/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Program files, good and hostile (<libsys/elf.h>): segments, and the names of functions. Each file lies in memory of its exact size.
 */
#include "check.h"
#include <libsys/elf.h>

#define LOW  UINT64_C(0x1000)
#define HIGH UINT64_C(0x1000000000)

enum { HEADERS = 64, PROGRAM = 56, SECTION = 64, SYMBOL = 24 };

/* A program of two segments, with a table of symbols. */
static struct {
    char bytes[1024];
    size_t size;
} made;

static void put(size_t at, uint64_t value, unsigned bytes)
{
    memcpy(made.bytes + at, &value, bytes);
}

static void put_program(unsigned number, uint32_t type, uint32_t flags, uint64_t offset,
                        uint64_t address, uint64_t file_size, uint64_t memory_size)
{
    const size_t at = HEADERS + number * PROGRAM;
    put(at, type, 4);
    put(at + 4, flags, 4);
    put(at + 8, offset, 8);
    put(at + 16, address, 8);
    put(at + 32, file_size, 8);
    put(at + 40, memory_size, 8);
}

static void put_symbol(size_t table, unsigned number, uint32_t name, uint8_t info, uint64_t value,
                       uint64_t size)
{
    const size_t at = table + number * SYMBOL;
    put(at, name, 4);
    put(at + 4, info, 1);
    put(at + 6, 1, 2);
    put(at + 8, value, 8);
    put(at + 16, size, 8);
}

static void make(void)
{
    static const char names[] = "\0first\0second\0$x\0open";
    const size_t symbols = 256, strings = symbols + 6 * SYMBOL, sections = 512;
    memset(&made, 0, sizeof(made));
    memcpy(made.bytes, "\177ELF\2\1\1", 7);
    put(16, 2, 2);
    put(18, 183, 2);
    put(24, 0x400004, 8);
    put(32, HEADERS, 8);
    put(40, sections, 8);
    put(54, PROGRAM, 2);
    put(56, 2, 2);
    put(58, SECTION, 2);
    put(60, 3, 2);
    put_program(0, 1, 5, 0, 0x400000, 0x100, 0x100);
    put_program(1, 1, 6, 0x100, 0x500100, 0x20, 0x3000);
    put_symbol(symbols, 1, 1, 2, 0x400000, 0x10); /* first */
    put_symbol(symbols, 2, 7, 2, 0x400010, 0x20); /* second */
    put_symbol(symbols, 3, 14, 0, 0x400010, 0);   /* $x */
    put_symbol(symbols, 4, 17, 0, 0x400040, 0);   /* open, without an end */
    put_symbol(symbols, 5, 1, 1, 0x400014, 4);    /* data */
    memcpy(made.bytes + strings, names, sizeof(names));
    put(sections + SECTION + 4, 2, 4);
    put(sections + SECTION + 24, symbols, 8);
    put(sections + SECTION + 32, 6 * SYMBOL, 8);
    put(sections + SECTION + 40, 2, 4);
    put(sections + SECTION + 56, SYMBOL, 8);
    put(sections + 2 * SECTION + 4, 3, 4);
    put(sections + 2 * SECTION + 24, strings, 8);
    put(sections + 2 * SECTION + 32, sizeof(names), 8);
    made.size = sections + 3 * SECTION;
}

static struct elf_program program;

static const char *read_made(size_t size)
{
    char *copy = malloc(size + 1);
    memcpy(copy + 1, made.bytes, size); /* at an odd address */
    const char *why = elf_read(&(struct elf_file){copy + 1, size}, LOW, HIGH, &program);
    for (unsigned i = 0; why == NULL && i < program.count; i++) {
        const struct elf_segment *s = &program.segment[i];
        CHECK(s->offset <= size && s->file_size <= size - s->offset);
        CHECK(s->file_size <= s->memory_size && s->memory_size != 0);
        CHECK(s->address >= LOW && s->address < HIGH && s->memory_size <= HIGH - s->address);
        CHECK((s->flags & (ELF_WRITE | ELF_EXECUTE)) != (ELF_WRITE | ELF_EXECUTE));
    }
    free(copy);
    return why;
}

/* "name+offset", or "?". */
static const char *symbol_of(uint64_t address, size_t size)
{
    static char text[400];
    const char *name;
    size_t length;
    uint64_t offset;
    char *copy = malloc(size ? size : 1);
    memcpy(copy, made.bytes, size);
    strcpy(text, "?");
    if (elf_symbol(&(struct elf_file){copy, size}, address, &name, &length, &offset)) {
        CHECK(name >= copy && length <= size && (size_t)(name - copy) <= size - length);
        snprintf(text, sizeof(text), "%.*s+%lu", (int)length, name, (unsigned long)offset);
    }
    free(copy);
    return text;
}

static void test_good(void)
{
    make();
    CHECK(read_made(made.size) == NULL);
    CHECK_EQ(program.entry, 0x400004);
    CHECK_EQ(program.count, 2);
    CHECK_EQ(program.segment[1].memory_size, 0x3000);
    CHECK_TEXT(symbol_of(0x400000, made.size), "first+0");
    CHECK_TEXT(symbol_of(0x40000f, made.size), "first+15");
    CHECK_TEXT(symbol_of(0x400014, made.size), "second+4");
    CHECK_TEXT(symbol_of(0x400030, made.size), "?");
    CHECK_TEXT(symbol_of(0x400050, made.size), "open+16");
    CHECK_TEXT(symbol_of(0x3fffff, made.size), "?");
    CHECK_TEXT(symbol_of(0x400100, made.size), "?"); /* no code any more */
    CHECK_TEXT(symbol_of(UINT64_MAX, made.size), "?");
}

static void refused(size_t at, uint64_t value, unsigned bytes, const char *why)
{
    make();
    put(at, value, bytes);
    const char *got = read_made(made.size);
    CHECK(got != NULL);
    CHECK_TEXT(got, why);
}

static void test_refused(void)
{
    static const char inside[] = "the program headers are not inside the file";
    static const char segment[] = "a segment is not inside the file";
    static const char outside[] = "a segment lies outside the addresses of programs";
    refused(0, 0, 1, "not an ELF file");
    refused(4, 1, 1, "not a 64-bit little-endian AArch64 program");
    refused(18, 62, 2, "not a 64-bit little-endian AArch64 program");
    refused(16, 3, 2, "not a static program");
    refused(24, 0x400002, 8, "the entry point is not an address of code");
    refused(24, HIGH, 8, "the entry point is not an address of code");
    refused(32, UINT64_MAX, 8, inside);
    refused(32, UINT64_MAX - 60, 8, inside);
    refused(54, 32, 2, inside);
    refused(56, 0, 2, inside);
    refused(56, ELF_SEGMENTS_MAX + 1, 2, inside);
    refused(HEADERS + 8, 1 << 20, 8, segment);
    refused(HEADERS + 8, UINT64_MAX, 8, segment);
    refused(HEADERS + 32, UINT64_MAX, 8, segment);
    refused(HEADERS + 32, 0x101, 8, segment);
    refused(HEADERS + 16, 0, 8, outside);
    refused(HEADERS + 16, UINT64_MAX - 0xff, 8, outside);
    refused(HEADERS + 40, UINT64_MAX, 8, outside);
    refused(HEADERS + 4, 7, 4, "a segment is writable and executable");
    make();
    put(HEADERS, 0, 4);
    put(HEADERS + PROGRAM, 0, 4);
    CHECK_TEXT(read_made(made.size), "it has nothing to load");
}

static void test_damaged(void)
{
    for (size_t size = 0; size < sizeof(made.bytes) && size < 704; size++) {
        make();
        (void)read_made(size);
        (void)symbol_of(0x400014, size);
    }
    for (unsigned i = 0; i < 30000; i++) {
        make();
        for (uint64_t n = 1 + check_below(3); n-- > 0;)
            put(check_below(made.size - 8), check_below(2) ? check_below(256) : UINT64_MAX,
                1u << check_below(4));
        (void)read_made(made.size);
        (void)symbol_of(0x400000 + check_below(0x60), made.size);
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_good();
    test_refused();
    test_damaged();
    return check_end();
}
