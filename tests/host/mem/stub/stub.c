/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine under the memory tests (stub.h).
 */
#define _GNU_SOURCE
#include "stub.h"
#include <arch/cache.h>
#include <kern/log.h>
#include <kern/panic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_BANKS = 16, MAX_TABLES = 256, PANIC_STATUS = 42 };

/* Frame numbers up to 1 TiB of addresses. */
static const size_t frame_table_size = (UINT64_C(1) << 28) * sizeof(struct frame);

static struct bank {
    paddr_t start, end;
    char *memory;
    off_t offset; /* in the memory file */
} banks[MAX_BANKS];
static unsigned bank_count;
static int memory_file = -1;
static off_t memory_size;

_Thread_local struct cpu *stub_self;
struct cpu cpu_record[MAX_CPUS];
unsigned cpu_count = MAX_CPUS;
char *stub_frame_table;
_Atomic uint32_t trace_mask;

/* --- memory --- */

static void stub_init(void)
{
    memory_file = memfd_create("physical memory", 0);
    stub_frame_table =
        mmap(NULL, frame_table_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(memory_file >= 0 && stub_frame_table != MAP_FAILED);
    for (unsigned i = 0; i < MAX_CPUS; i++)
        cpu_record[i].number = i;
    stub_become_cpu(0);
}

void stub_become_cpu(unsigned number)
{
    stub_self = &cpu_record[number];
}

void stub_add_bank(paddr_t start, paddr_t end, bool sparse)
{
    if (memory_file < 0)
        stub_init();
    struct bank *bank = &banks[bank_count++];
    CHECK(bank_count <= MAX_BANKS);
    *bank = (struct bank){start, end, NULL, memory_size};
    memory_size += (off_t)(end - start);
    CHECK(ftruncate(memory_file, memory_size) == 0);
    bank->memory = mmap(NULL, end - start, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                        memory_file, bank->offset);
    CHECK(bank->memory != MAP_FAILED);
    if (!sparse)
        memset(bank->memory, 0xa5, end - start);
}

static struct bank *bank_at(paddr_t pa)
{
    for (unsigned i = 0; i < bank_count; i++) {
        if (pa >= banks[i].start && pa < banks[i].end)
            return &banks[i];
    }
    fprintf(stderr, "no memory at %llx\n", (unsigned long long)pa);
    abort();
}

void *stub_phys_to_virt(paddr_t pa)
{
    struct bank *bank = bank_at(pa);

    return bank->memory + (pa - bank->start);
}

paddr_t stub_virt_to_phys(const void *va)
{
    const char *p = va;

    for (unsigned i = 0; i < bank_count; i++) {
        if (p >= banks[i].memory && p < banks[i].memory + (banks[i].end - banks[i].start))
            return banks[i].start + (paddr_t)(p - banks[i].memory);
    }
    fprintf(stderr, "not a direct map address: %p\n", va);
    abort();
}

void arch_zero_pages(void *pages, size_t count)
{
    memset(pages, 0, count * PAGE_SIZE);
}

void arch_zero_lines(void *at, size_t size)
{
    memset(at, 0, size);
}

void arch_zero_page(void *page)
{
    memset(page, 0, PAGE_SIZE);
}

/* --- the frame table; "tables" of three levels are made where the first record page needs them */

static struct table {
    unsigned height;
    uint64_t index;
    paddr_t page;
} tables[MAX_TABLES];
static unsigned table_count;

static bool need_table(unsigned height, uint64_t offset, paddr_t (*take_page)(void))
{
    uint64_t index = offset >> (PAGE_SHIFT + 9 * height);

    for (unsigned i = 0; i < table_count; i++) {
        if (tables[i].height == height && tables[i].index == index)
            return true;
    }
    CHECK(table_count < MAX_TABLES);
    paddr_t page = take_page();
    if (page == 0)
        return false;
    unsigned char *bytes = stub_phys_to_virt(page);
    for (unsigned i = 0; i < PAGE_SIZE; i++)
        CHECK(bytes[i] == 0);
    memset(bytes, 0x77, PAGE_SIZE);
    tables[table_count++] = (struct table){height, index, page};
    return true;
}

bool arch_map_frame_record_page(void *va, paddr_t pa, paddr_t (*take_page)(void))
{
    uint64_t offset = (uint64_t)((char *)va - stub_frame_table);
    struct bank *bank = bank_at(pa);

    CHECK(offset % PAGE_SIZE == 0 && pa % PAGE_SIZE == 0 && offset < frame_table_size);
    for (unsigned height = 3; height > 0; height--) {
        if (!need_table(height, offset, take_page))
            return false;
    }
    void *mapped = mmap(va, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory_file,
                        bank->offset + (off_t)(pa - bank->start));
    CHECK(mapped == va);
    return true;
}

unsigned stub_table_pages_check(void)
{
    for (unsigned i = 0; i < table_count; i++) {
        const unsigned char *bytes = stub_phys_to_virt(tables[i].page);

        for (unsigned j = 0; j < PAGE_SIZE; j++)
            CHECK(bytes[j] == 0x77);
    }
    return table_count;
}

/* --- locks: ranks only rise, and what is released is held --- */

void spin_wait(struct spinlock *lock, uint16_t ticket)
{
    while (atomic_load_explicit(&lock->serving, memory_order_acquire) != ticket)
        arch_cpu_relax();
}

void lock_check_before_slow(const struct spinlock *lock)
{
    const struct lock_check *check = &arch_cpu_self()->lock_check;

    CHECK(check->depth == 0 || check->held[check->depth - 1].lock->rank < lock->rank);
}

void lock_check_taken_slow(const struct spinlock *lock)
{
    struct lock_check *check = &arch_cpu_self()->lock_check;

    CHECK(check->depth < LOCK_CHECK_DEPTH);
    check->held[check->depth++].lock = lock;
}

void lock_check_release_slow(const struct spinlock *lock)
{
    struct lock_check *check = &arch_cpu_self()->lock_check;

    CHECK(check->depth > 0 && check->held[check->depth - 1].lock == lock);
    check->depth--;
}

/* --- panics and reports --- */

static bool panic_expected;
static char panic_text[256];
static int panic_pipe[2];

void panic(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(panic_text, sizeof(panic_text), format, args);
    va_end(args);
    if (panic_expected) {
        ssize_t n = write(panic_pipe[1], panic_text, strlen(panic_text));
        _exit(n > 0 ? PANIC_STATUS : 1);
    }
    fprintf(stderr, "PANIC: %s\n", panic_text);
    abort();
}

void expect_panic(void (*function)(void), const char *text)
{
    char got[sizeof(panic_text)] = "";
    int status;

    CHECK(pipe(panic_pipe) == 0);
    pid_t child = fork();
    if (child == 0) {
        panic_expected = true;
        function();
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    close(panic_pipe[1]);
    CHECK(read(panic_pipe[0], got, sizeof(got) - 1) >= 0);
    close(panic_pipe[0]);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != PANIC_STATUS || strstr(got, text) == NULL) {
        fprintf(stderr, "expected a panic with \"%s\", got status %x \"%s\"\n", text, status, got);
        exit(1);
    }
}

void log_line(enum log_level level, const char *format, ...)
{
    va_list args;

    (void)level;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void check_failed(const char *text, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not true: %s (seed %s)\n", file, line, text,
            getenv("WHARF_SEED") ? getenv("WHARF_SEED") : "1");
    fflush(NULL);
    abort();
}

/* --- random numbers: xorshift64* --- */

static _Thread_local uint64_t random_state = 1;

void random_seed(uint64_t number)
{
    const char *seed = getenv("WHARF_SEED");

    random_state =
        (number + 1) * UINT64_C(0x9e3779b97f4a7c15) + (seed ? strtoull(seed, NULL, 0) : 1);
    random_state |= random_state == 0;
}

uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)((random_state * UINT64_C(0x2545f4914f6cdd1d)) >> 32) % limit;
}
