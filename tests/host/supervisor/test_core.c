/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cores (core.h) of a task that a test made up, and the layout of a dump partition (dump.h). With two arguments it writes them into
 * files for read_core.py, which has others read them.
 */
#include "check.h"
#include "core.h"
#include "dump.h"
#include <libsys/elf.h>
#include <stdlib.h>

enum { PAGE = 4096, BIG = 8 << 20 };

static struct {
    char *bytes;
    uint64_t size, used, fails_at;
    bool open, closed, whole;
} file;

static kern_return_t open_file(void *context, const char *program, uint64_t size)
{
    CHECK(context == &file && strcmp(program, "prog") == 0);
    CHECK(size <= CORE_SIZE_MAX);
    file.bytes = malloc(size);
    file.size = size;
    file.used = 0;
    file.open = true;
    file.closed = false;
    return file.fails_at == 1 ? KERN_RESOURCE_SHORTAGE : KERN_SUCCESS;
}

static kern_return_t append(void *context, const void *bytes, size_t size)
{
    (void)context;
    CHECK(file.open && !file.closed && size <= file.size - file.used);
    memcpy(file.bytes + file.used, bytes, size);
    file.used += size;
    return file.fails_at != 0 && file.used > file.fails_at ? KERN_NO_SPACE : KERN_SUCCESS;
}

static void close_file(void *context, bool whole)
{
    (void)context;
    file.closed = true;
    file.whole = whole;
}

static const struct core_sink sink = {.context = &file,
                                      .open = open_file,
                                      .append = append,
                                      .close = close_file};

/* Each word of memory is its own address; what is in the page of 0x7000 cannot be read. */
static kern_return_t read_memory(void *context, uint64_t address, void *to, uint32_t size)
{
    uint64_t *words = to;
    (void)context;
    CHECK(address % PAGE == 0 && size == PAGE);
    for (unsigned i = 0; i < PAGE / 8; i++)
        words[i] = address + i * 8;
    return address == 0x7000 ? KERN_MEMORY_FAILURE : KERN_SUCCESS;
}

static struct core_image image;

static void make_image(unsigned threads)
{
    memset(&image, 0, sizeof(image));
    image.program = "prog";
    image.arguments = "one two";
    image.task = 77;
    image.signal = 11;
    image.entry = 0x400000;
    image.read = read_memory;
    image.thread_count = threads;
    for (unsigned t = 0; t < threads; t++) {
        image.thread[t].id = 100 + t;
        for (unsigned i = 0; i < 31; i++)
            image.thread[t].general.x[i] = 0x1000 * (t + 1) + i;
        image.thread[t].general.sp = 0x6ff0;
        image.thread[t].general.pc = 0x400100 + 4 * t;
        image.thread[t].general.pstate = 0x60000000;
        image.thread[t].general.tls = 0xabc0 + t;
        image.thread[t].fp.v[3][1] = 0x1234567800000000 + t;
    }
    image.region[0] = (struct core_region){0x6000, 2 * PAGE, ELF_READ | ELF_WRITE, true};
    image.region[1] = (struct core_region){0x400000, 3 * PAGE, ELF_READ | ELF_EXECUTE, false};
    image.region_count = 2;
}

static uint64_t word_at(uint64_t offset, unsigned bytes)
{
    uint64_t value = 0;
    CHECK(offset + bytes <= file.used);
    memcpy(&value, file.bytes + offset, bytes);
    return value;
}

static void test_whole(void)
{
    make_image(2);
    CHECK_EQ(core_write(&image, &sink), KERN_SUCCESS);
    CHECK(file.closed && file.whole);
    CHECK_EQ(file.used, file.size);
    CHECK_EQ(word_at(16, 2), 4);   /* a core */
    CHECK_EQ(word_at(18, 2), 183); /* of AArch64 */
    CHECK_EQ(word_at(56, 2), 3);   /* notes and two regions */
    const uint64_t load = 64 + 56;
    CHECK_EQ(word_at(load, 4), 1);
    CHECK_EQ(word_at(load + 16, 8), 0x6000);
    CHECK_EQ(word_at(load + 32, 8), 2 * PAGE);
    const uint64_t data = word_at(load + 8, 8);
    CHECK_EQ(data % PAGE, 0);
    CHECK_EQ(word_at(data, 8), 0x6000);
    CHECK_EQ(word_at(data + PAGE - 8, 8), 0x6ff8);
    CHECK_EQ(word_at(data + PAGE, 8), 0); /* it could not be read */
    CHECK_EQ(word_at(load + 56 + 32, 8), 0);
    CHECK_EQ(word_at(load + 56 + 40, 8), 3 * PAGE);
    free(file.bytes);
}

/* It is cut off, and says so. */
static void test_large(void)
{
    make_image(CORE_THREADS_MAX);
    image.region_count = CORE_REGIONS_MAX;
    for (unsigned i = 0; i < CORE_REGIONS_MAX; i++) /* small ones at both ends */
        image.region[i] =
            (struct core_region){0x10000000 + (uint64_t)i * BIG,
                                 i == 0 || i == CORE_REGIONS_MAX - 1 ? PAGE : BIG, ELF_READ, true};
    CHECK_EQ(core_write(&image, &sink), KERN_SUCCESS);
    CHECK_EQ(file.used, CORE_SIZE_MAX);
    const uint64_t second = 64 + 2 * 56, last = 64 + CORE_REGIONS_MAX * 56;
    CHECK(word_at(second + 32, 8) < BIG && word_at(second + 32, 8) > 0);
    CHECK_EQ(word_at(second + 40, 8), BIG);
    CHECK_EQ(word_at(second + 56 + 32, 8), 0);
    CHECK_EQ(word_at(last + 32, 8), PAGE);
    CHECK_EQ(word_at(word_at(last + 8, 8), 8), word_at(last + 16, 8)); /* what is there */
    free(file.bytes);
}

static void test_errors(void)
{
    make_image(1);
    for (file.fails_at = 1; file.fails_at < 30000; file.fails_at = file.fails_at * 2 + 7) {
        const kern_return_t kr = core_write(&image, &sink);
        CHECK(kr == (file.fails_at == 1           ? KERN_RESOURCE_SHORTAGE
                     : file.fails_at >= file.size ? KERN_SUCCESS
                                                  : KERN_NO_SPACE));
        CHECK_EQ(file.closed, file.fails_at != 1);
        CHECK(!file.closed || file.whole == (kr == KERN_SUCCESS));
        free(file.bytes);
    }
    file.fails_at = 0;
}

static void test_dump(void)
{
    CHECK_EQ(dump_sum(0, "123456789", 9), 0xcbf43926); /* the polynomial's check value */
    CHECK_EQ(dump_sum(dump_sum(0, "1234", 4), "56789", 5), 0xcbf43926);
    char name[100];
    memset(name, 'n', sizeof(name));
    name[99] = '\0';
    struct dump_header header = dump_header_of(5, 6, 7, name);
    CHECK_EQ(strlen(header.program), 63);
    const uint32_t sum = header.header_sum;
    header.header_sum = 0;
    CHECK_EQ(dump_sum(0, &header, sizeof(header)), sum);
}

static void write_file(const char *name, const void *head, size_t head_size)
{
    FILE *out = fopen(name, "wb");
    CHECK(out != NULL);
    CHECK_EQ(fwrite(head, 1, head_size, out), head_size);
    CHECK_EQ(fwrite(file.bytes, 1, file.used, out), file.used);
    CHECK_EQ(fclose(out), 0);
}

static void write_files(const char *core, const char *partition)
{
    char block[DUMP_DATA] = {0};
    make_image(3);
    CHECK_EQ(core_write(&image, &sink), KERN_SUCCESS);
    const struct dump_header header =
        dump_header_of(file.used, dump_sum(0, file.bytes, file.used), 123456789, "prog");
    memcpy(block, &header, sizeof(header));
    write_file(core, "", 0);
    write_file(partition, block, sizeof(block));
    free(file.bytes);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strncmp(argv[1], "seed=", 5) != 0) {
        write_files(argv[1], argv[2]);
        return 0;
    }
    check_begin(argc, argv);
    test_whole();
    test_large();
    test_errors();
    test_dump();
    return check_end();
}
