/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: lines, levels, user text, and the ring through wraps, warm resets and damage. A warm
 * reset is played by a shadow of the ring that gets only what the kernel writes back.
 */
#include "../../../kernel/debug/log_ring.h"
#include "check.h"
#include "stub/stub.h"

#include <kern/log.h>
#include <kern/panic.h>
#include <pthread.h>

static _Alignas(64) char ring[LOG_RING_SIZE], memory[LOG_RING_SIZE];
static char previous[LOG_RING_SIZE], tail[LOG_RING_SIZE];

/* Everything ever logged, to compare with. */
static char *expected;
static size_t expected_length;

/* Whole cache lines reach the memory, as in reality. */
static void clean(const void *va, size_t size)
{
    size_t start = ((size_t)((const char *)va - ring)) & ~(size_t)63;
    size_t end = ((size_t)((const char *)va - ring) + size + 63) & ~(size_t)63;

    CHECK((const char *)va >= ring && end <= sizeof(ring));
    memcpy(memory + start, ring + start, end - start);
}

static void expect(const char *text, size_t length)
{
    expected = realloc(expected, expected_length + length);
    memcpy(expected + expected_length, text, length);
    expected_length += length;
}

static void check_tail(size_t size, size_t capacity)
{
    size_t most = expected_length < capacity ? expected_length : capacity;
    size_t count = log_read_tail(tail, size);

    CHECK_EQ(count, size < most ? size : most);
    CHECK(memcmp(tail, expected + expected_length - count, count) == 0);
}

static void early_lines(void)
{
    char line[300];

    log_info("first %d", 1);
    CHECK_TEXT(stub_console, "[   0.000000] first 1\r\n");
    expect("[   0.000000] first 1\n", 22);
    stub_frequency = 54000000;
    stub_now = 54000000ull * 3 + 54;
    stub_console_clear();
    log_user_text("a\nb", 3);
    log_error("second");
    log_plain("wharf: third");
    log_debug("not on the console");
    CHECK_TEXT(stub_console, "a\r\nb\r\n[   3.000001] second\r\nwharf: third\r\n");
    expect("a\nb\n[   3.000001] second\nwharf: third\n[   3.000001] not on the console\n", 71);
    stub_console_clear();
    memset(line, 'l', sizeof(line));
    line[sizeof(line) - 1] = '\0';
    log_info("%s", line);
    CHECK_EQ(stub_console_length, 15 + 240 + 1);
    expect("[   3.000001] ", 14);
    expect(line, 240);
    expect("\n", 1);
    check_tail(sizeof(tail), 4096 - 64);
    stub_console_clear();
    log_set_console_level(LOG_ERROR);
    log_info("hidden");
    log_user_text("", 0);
    CHECK_EQ(stub_console_length, 0);
    log_set_console_level(LOG_INFO);
    expect("[   3.000001] hidden\n", 21);
}

/* Random lines and texts, past several wraps, the tail looked at on the way. */
static void fill(unsigned rounds)
{
    char text[512];

    for (unsigned i = 0; i < rounds; i++) {
        size_t length = check_below(sizeof(text));

        for (size_t k = 0; k < length; k++)
            text[k] = (char)('a' + check_below(26));
        stub_console_clear();
        if (length > 0)
            text[length - 1] = '\n';
        log_user_text(text, length);
        expect(text, length);
        if (i % 64 == 0)
            check_tail(check_below(sizeof(tail)), LOG_RING_SIZE - 64);
    }
}

static void reset(void)
{
    memcpy(ring, memory, sizeof(ring));
}

static void warm_resets(void)
{
    size_t kept;

    memset(ring, 0xee, sizeof(ring));
    CHECK_EQ(log_use_ring(ring, previous, sizeof(previous)), 0);
    check_tail(sizeof(tail), LOG_RING_SIZE - 64);
    for (unsigned generation = 1; generation < 5; generation++) {
        CHECK_EQ(((struct log_ring *)ring)->generation, generation);
        fill(generation * 500);
        reset();
        CHECK(log_ring_is_valid((struct log_ring *)ring, LOG_RING_SIZE));
        kept = log_read_tail(tail, sizeof(tail));
        /* The running kernel's ring is the same memory, so its text is copied over once more. */
        CHECK_EQ(log_use_ring(ring, previous, sizeof(previous)), kept);
        CHECK(memcmp(previous, tail, kept) == 0);
        expected_length = 0;
    }
    fill(100);
    reset();
    ((struct log_ring *)ring)->text[((struct log_ring *)ring)->size / 2] = '\x7f';
    kept = log_use_ring(ring, previous, 1000);
    CHECK(kept == 1000 && memchr(previous, '\x7f', kept) == NULL);
    expected_length = 0;
}

/* Of what is said while another takes the console over, each line is either printed or behind the place that he is told, and none is both. */
static void *say_lines(void *argument)
{
    stub_become(1, true);
    for (unsigned i = 0; i < 100; i++)
        log_plain("line %u of %u", i, *(unsigned *)argument);
    return NULL;
}

static void taken_over(void)
{
    static char both[1 << 14];

    for (unsigned round = 0; round < 300; round++) {
        uint64_t begin, next, end;
        pthread_t speaker;

        stub_console_clear();
        CHECK(log_set_printing(true, &begin));
        CHECK(pthread_create(&speaker, NULL, say_lines, &round) == 0);
        for (volatile size_t pause = check_below(100000); pause > 0; pause--)
            ;
        CHECK(log_set_printing(false, &next));
        pthread_join(speaker, NULL);
        end = begin;
        const size_t all = log_read(&end, both, sizeof(both)), shown = (size_t)(next - begin);
        CHECK(shown <= all);
        size_t n = 0;
        for (size_t i = 0; i < stub_console_length; i++)
            if (stub_console[i] != '\r')
                stub_console[n++] = stub_console[i];
        CHECK_EQ(n, shown);
        CHECK(memcmp(stub_console, both, shown) == 0);
        CHECK(!log_set_printing(true, &next));
        CHECK_EQ(next, end);
    }
    stub_console_clear();
    expected_length = 0;
}

/* A reset between any two write-backs of one append finds the old or the new text. */
static size_t cleans_left;
static void clean_some(const void *va, size_t size)
{
    if (cleans_left > 0) {
        cleans_left--;
        clean(va, size);
    }
}

static void reset_anywhere(void)
{
    struct log_ring *r = (struct log_ring *)ring;

    for (size_t cleans = 0; cleans < 5; cleans++) {
        size_t before, after;

        stub_on_clean = clean;
        log_ring_init(r, LOG_RING_SIZE, 7, true);
        for (unsigned i = 0; i < 3; i++)
            log_ring_append(r, "a line of before\n", 17, true);
        before = 3 * 17;
        cleans_left = cleans;
        stub_on_clean = clean_some;
        log_ring_append(r, "new\n", 4, true);
        reset();
        CHECK(log_ring_is_valid(r, LOG_RING_SIZE));
        after = log_ring_tail(r, tail, sizeof(tail));
        CHECK_EQ(after, before + (cleans >= 2 ? 4 : 0));
        CHECK(memcmp(tail + before, "new\n", after - before) == 0);
    }
    stub_on_clean = clean;
}

static void damaged_headers(void)
{
    struct log_ring *r = (struct log_ring *)ring;

    for (unsigned bit = 0; bit < 40 * 8; bit++) {
        log_ring_init(r, LOG_RING_SIZE, 3, true);
        log_ring_append(r, "text\n", 5, true);
        CHECK(log_ring_is_valid(r, LOG_RING_SIZE));
        ring[bit / 8] ^= (char)(1 << bit % 8);
        CHECK(!log_ring_is_valid(r, LOG_RING_SIZE));
    }
    for (unsigned i = 0; i < 10000; i++) {
        log_ring_init(r, LOG_RING_SIZE, 3, true);
        for (unsigned k = 0; k < 40; k++)
            if (check_below(4) == 0)
                ring[k] = (char)check_random();
        if (log_ring_is_valid(r, LOG_RING_SIZE)) /* only if nothing was changed, or by great luck */
            CHECK(log_ring_tail(r, tail, sizeof(tail)) <= LOG_RING_SIZE - 64);
    }
    CHECK(!log_ring_is_valid(r, LOG_RING_SIZE / 2));
    log_ring_init(r, LOG_RING_SIZE, 3, true); /* it is the running log's */
}

static void panic_needs_no_locks(void)
{
    /* As if the panic came while this CPU held the locks: taking them would hang or be reported. */
    log_panic_mode();
    stub_console_clear();
    log_debug("shown in a panic");
    CHECK(strstr(stub_console, "shown in a panic") != NULL);
    CHECK_EQ(stub_self->lock_check.depth, 0);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    early_lines();
    stub_on_clean = clean;
    warm_resets();
    taken_over();
    reset_anywhere();
    damaged_headers();
    panic_needs_no_locks();
    free(expected);
    return check_end();
}
