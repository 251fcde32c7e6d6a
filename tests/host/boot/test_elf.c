/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elf_check() with hostile files: each with the sentence it must be answered by. Files lie in
 * memory of their exact size, so that AddressSanitizer sees a read beyond the end.
 */
#include "check.h"
#include "elf.h"
#include <kern/map.h>

enum { SEGMENTS = 3, FILE_BYTES = 0x400 };

struct file {
    struct elf_header header;
    struct elf_segment segment[SEGMENTS];
    char rest[FILE_BYTES - 64 - SEGMENTS * 56];
};
static_assert(sizeof(struct file) == FILE_BYTES);

static void make_good(struct file *f)
{
    *f = (struct file){
        .header = {.ident = {0x7f, 'E', 'L', 'F', ELF_CLASS_64, ELF_DATA_LITTLE, 1},
                   .type = ELF_EXECUTABLE,
                   .machine = ELF_AARCH64,
                   .version = 1,
                   .entry = 0x400000,
                   .program_offset = 64,
                   .header_size = 64,
                   .program_entry_size = 56,
                   .program_count = SEGMENTS},
        .segment = {{.type = ELF_LOAD,
                     .flags = ELF_READ | ELF_EXECUTE,
                     .address = 0x400000,
                     .file_size = 0x200,
                     .memory_size = 0x200},
                    {.type = 0x6474e551 /* the stack's permissions: not loaded */,
                     .flags = 7,
                     .file_size = ~UINT64_C(0)},
                    {.type = ELF_LOAD,
                     .flags = ELF_READ | ELF_WRITE,
                     .offset = 0x200,
                     .address = 0x500200,
                     .file_size = 0x200,
                     .memory_size = 0x5000}},
    };
}

static const char *answer(const struct file *f, size_t size)
{
    char *copy = malloc(size ? size : 1);
    memcpy(copy, f, size);
    const char *why = elf_check(copy, size);
    free(copy);
    return why ? why : "good";
}

static const char *const NOT_ELF = "not an ELF file";
static const char *const NOT_OURS = "not a 64-bit little-endian AArch64 program";
static const char *const NOT_STATIC = "not a static program";
static const char *const BAD_HEADERS = "the program headers are not inside the file";
static const char *const BAD_ENTRY = "the entry point is not an address of code";
static const char *const NOT_INSIDE = "a segment is not inside the file";
static const char *const BAD_ADDRESS = "a segment lies outside the addresses of programs";
static const char *const BAD_RIGHTS = "a segment is writable and executable";

#define HEADER(field, new_value, text)                                          \
    {                                                                           \
        "header." #field " = " #new_value, offsetof(struct file, header.field), \
            sizeof(((struct file *)NULL)->header.field), (new_value), (text)    \
    }
#define SEGMENT(n, field, new_value, text)                                                   \
    {                                                                                        \
        "segment[" #n "]." #field " = " #new_value, offsetof(struct file, segment[n].field), \
            sizeof(((struct file *)NULL)->segment[n].field), (new_value), (text)             \
    }

/* One field changed in a good file. */
static void test_fields(void)
{
    const uint64_t end = MAP_ALLOCATE_BASE;
    const struct {
        const char *what;
        size_t at, size;
        uint64_t value;
        const char *expected;
    } table[] = {
        HEADER(ident[0], 0, NOT_ELF),
        HEADER(ident[3], 'f', NOT_ELF),
        HEADER(ident[4], 1, NOT_OURS),
        HEADER(ident[5], 2, NOT_OURS),
        HEADER(machine, 62, NOT_OURS),
        HEADER(type, 1, NOT_STATIC),
        HEADER(type, 3, NOT_STATIC),
        HEADER(program_entry_size, 0, BAD_HEADERS),
        HEADER(program_entry_size, 55, BAD_HEADERS),
        HEADER(program_entry_size, 0xffff, BAD_HEADERS),
        HEADER(program_count, 0, BAD_HEADERS),
        HEADER(program_count, 2, "good"),
        HEADER(program_count, 17, BAD_HEADERS),
        HEADER(program_count, 0xffff, BAD_HEADERS),
        HEADER(program_offset, 65, BAD_HEADERS),
        HEADER(program_offset, 68, BAD_HEADERS),
        HEADER(program_offset, FILE_BYTES - 3 * 56 + 8, BAD_HEADERS),
        HEADER(program_offset, FILE_BYTES - 3 * 56, "good"),
        HEADER(program_offset, FILE_BYTES, BAD_HEADERS),
        HEADER(program_offset, UINT64_MAX - 7, BAD_HEADERS),
        HEADER(entry, 0x400002, BAD_ENTRY),
        HEADER(entry, UINT64_C(0xffffffff80000000), BAD_ENTRY),
        HEADER(entry, UINT64_MAX - 3, BAD_ENTRY),
        SEGMENT(0, flags, 7, BAD_RIGHTS),
        SEGMENT(0, flags, 3, BAD_RIGHTS),
        SEGMENT(0, flags, ~UINT32_C(0), BAD_RIGHTS),
        SEGMENT(0, flags, ~UINT32_C(2), "good"),
        SEGMENT(2, offset, 0x201, NOT_INSIDE),
        SEGMENT(2, offset, FILE_BYTES + 1, NOT_INSIDE),
        SEGMENT(2, offset, UINT64_MAX, NOT_INSIDE),
        SEGMENT(2, offset, UINT64_MAX - 0x1ff, NOT_INSIDE),
        SEGMENT(2, file_size, 0x201, NOT_INSIDE),
        SEGMENT(2, file_size, UINT64_MAX, NOT_INSIDE),
        SEGMENT(2, memory_size, 0x1ff, NOT_INSIDE),
        SEGMENT(2, memory_size, UINT64_MAX, BAD_ADDRESS),
        SEGMENT(2, memory_size, end - 0x500200 + 1, BAD_ADDRESS),
        SEGMENT(2, memory_size, end - 0x500200, "good"),
        SEGMENT(2, address, 0, BAD_ADDRESS),
        SEGMENT(2, address, PAGE_SIZE - 1, BAD_ADDRESS),
        SEGMENT(2, address, PAGE_SIZE, "good"),
        SEGMENT(2, address, end - 0x4fff, BAD_ADDRESS),
        SEGMENT(2, address, end - 0x5000, "good"),
        SEGMENT(2, address, end, BAD_ADDRESS),
        SEGMENT(2, address, UINT64_MAX, BAD_ADDRESS),
        SEGMENT(1, type, ELF_LOAD, NOT_INSIDE),
    };
    for (size_t i = 0; i < array_count(table); i++) {
        struct file f;
        make_good(&f);
        memcpy((char *)&f + table[i].at, &table[i].value, table[i].size);
        const char *got = answer(&f, sizeof(f));
        if (strcmp(got, table[i].expected) != 0)
            fprintf(stderr, "%s:\n", table[i].what);
        CHECK_TEXT(got, table[i].expected);
    }
}

/* A segment with nothing in it. */
static void test_empty_segment(void)
{
    struct file f;
    make_good(&f);
    f.segment[2].file_size = f.segment[2].memory_size = 0;
    CHECK_TEXT(answer(&f, sizeof(f)), BAD_ADDRESS);
}

static void test_every_cut(void)
{
    struct file f;
    make_good(&f);
    for (size_t size = 0; size <= sizeof(f); size++)
        CHECK_TEXT(answer(&f, size), size < 64                   ? NOT_ELF
                                     : size < 64 + SEGMENTS * 56 ? BAD_HEADERS
                                     : size < FILE_BYTES         ? NOT_INSIDE
                                                                 : "good");
}

/* Files of an archive are aligned to four bytes; others are refused before they are read. */
static void test_alignment(void)
{
    struct file f;
    make_good(&f);
    _Alignas(8) char buffer[sizeof(f) + 8];
    for (unsigned by = 0; by < 8; by++) {
        memcpy(buffer + by, &f, sizeof(f));
        const char *why = elf_check(buffer + by, sizeof(f));
        CHECK_TEXT(why ? why : "good", by % 4 ? "the file is not aligned in the initrd" : "good");
    }
}

/* Fields at random, also several at once: what passes keeps the loader's rules. */
static void test_random(void)
{
    unsigned passed = 0;
    for (unsigned round = 0; round < 200000; round++) {
        struct file f;
        make_good(&f);
        for (unsigned n = 1 + (unsigned)check_below(3); n > 0; n--) {
            uint64_t value = check_skewed();
            size_t bytes = (size_t)1 << check_below(4);
            memcpy((char *)&f + check_below((64 + SEGMENTS * 56) / bytes) * bytes, &value, bytes);
        }
        if (strcmp(answer(&f, sizeof(f)), "good") != 0)
            continue;
        passed++;
        CHECK(f.header.program_offset + f.header.program_count * 56 <= FILE_BYTES);
        if (f.header.program_offset != 64)
            continue;
        for (unsigned i = 0; i < f.header.program_count && i < SEGMENTS; i++) {
            const struct elf_segment *s = &f.segment[i];
            if (s->type != ELF_LOAD)
                continue;
            CHECK(s->offset <= FILE_BYTES && s->file_size <= FILE_BYTES - s->offset &&
                  s->file_size <= s->memory_size);
            CHECK(s->address >= PAGE_SIZE && s->address < MAP_ALLOCATE_BASE && s->memory_size > 0 &&
                  s->memory_size <= MAP_ALLOCATE_BASE - s->address);
            CHECK((s->flags & 3) != 3);
        }
    }
    CHECK(passed > 1000); /* the test reaches what it is about */
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_fields();
    test_empty_segment();
    test_every_cut();
    test_alignment();
    test_random();
    return check_end();
}
