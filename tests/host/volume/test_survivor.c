/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log that outlives who writes it: what is published is found, what is not is not, and what is damaged is nothing.
 */
#include "check.h"
#include <survivor.h>

enum { SIZE = SURVIVOR_LEAST, FORMAT = 7, RECORDS = 30 };

static uint8_t memory[SIZE] __attribute__((aligned(4096)));
static uint8_t bytes[1000];

static void add(struct survivor *log, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        CHECK(survivor_add(log, (uint16_t)(i % 3 + 1), i, i * 2, bytes + i, i * 7));
}

/* Records 0 to count are there. */
static void expect(uint32_t count, uint64_t state)
{
    struct survivor log;
    struct survivor_record record;
    size_t at = 0;

    CHECK(survivor_open(&log, memory, SIZE, FORMAT));
    CHECK_EQ(log.state[2], state);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(survivor_read(&log, &at, &record));
        CHECK(record.kind == i % 3 + 1 && record.number == i && record.extra == i * 2);
        CHECK(record.size == i * 7 && memcmp(record.data, bytes + i, record.size) == 0);
    }
    CHECK(!survivor_read(&log, &at, &record));
    CHECK_EQ(survivor_is_empty(&log), count == 0);
}

static void test_publishing(void)
{
    struct survivor log;

    memset(memory, 0, SIZE);
    CHECK(!survivor_open(&log, memory, SIZE, FORMAT));
    add(&log, 0, 5);
    CHECK(!survivor_open(&log, memory, SIZE, FORMAT));
    add(&log, 0, 5);
    log.state[2] = 11;
    survivor_publish(&log);
    expect(5, 11);
    add(&log, 5, 9);
    log.state[2] = 12;
    expect(5, 11);
    survivor_forget(&log);
    add(&log, 5, 20);
    survivor_publish(&log);
    expect(20, 12);
    survivor_restart(&log);
    add(&log, 0, 3);
    expect(20, 12);
    survivor_publish(&log);
    expect(3, 12);
    survivor_restart(&log);
    survivor_publish(&log);
    expect(0, 12);
    survivor_erase(&log);
    CHECK(!survivor_open(&log, memory, SIZE, FORMAT));
}

static void test_room(void)
{
    struct survivor log;
    uint32_t count = 0;

    memset(memory, 0, SIZE);
    (void)survivor_open(&log, memory, SIZE, FORMAT);
    while (survivor_add(&log, 1, count, 0, bytes, 1000))
        count++;
    CHECK(count > 20 && count < SIZE / 2 / 1000);
    survivor_publish(&log);
    CHECK(survivor_open(&log, memory, SIZE, FORMAT));
    CHECK(!survivor_open(&log, memory, SIZE, FORMAT + 1));
}

/* Each bit of what is published counts. */
static void test_damage(void)
{
    static uint8_t good[SIZE];
    struct survivor log;
    unsigned found = 0;

    memset(memory, 0, SIZE);
    (void)survivor_open(&log, memory, SIZE, FORMAT);
    add(&log, 0, RECORDS);
    survivor_publish(&log);
    memcpy(good, memory, SIZE);
    for (unsigned i = 0; i < 20000; i++) {
        const uint64_t at = i < 2000 ? i / 8 : check_below(4096 + log.published.end);
        struct survivor other;

        memory[at] ^= (uint8_t)(1u << check_below(8));
        found += survivor_open(&other, memory, SIZE, FORMAT);
        memory[at] = good[at];
    }
    CHECK(found > 0 && found < 19000); /* the other description, and what is free of the page */
    for (unsigned i = 0; i < 2000; i++) {
        const uint64_t at = 4096 + check_below(log.published.end);
        struct survivor other;

        memory[at] ^= (uint8_t)(1u << check_below(8));
        CHECK(!survivor_open(&other, memory, SIZE, FORMAT));
        memory[at] = good[at];
    }
    expect(RECORDS, 0);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)check_random();
    test_publishing();
    test_room();
    test_damage();
    return check_end();
}
