/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The C library with several threads: malloc, errno, thread-local data, streams.
 */
#include "clib.h"
#include <errno.h>
#include <libsys/check.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, SLOTS = 48, OPERATIONS = 3000, SMALL = 400, LARGE = 40000, GENERATIONS = 20 };

struct block {
    unsigned char *bytes;
    size_t size;
    unsigned char fill;
};

struct worker {
    struct thread thread;
    int number;
    uint64_t random;
    struct block blocks[SLOTS];
};

static struct barrier meeting = {.count = THREADS};
static struct worker workers[THREADS];

static _Thread_local int initialised = 5;
static _Thread_local uint64_t zero;
static _Thread_local const char *pointer = "one of all";
static _Thread_local _Alignas(64) char aligned[3] = "ab";

static uint64_t next_random(struct worker *self)
{
    self->random = self->random * 6364136223846793005 + 1442695040888963407;
    return self->random >> 33;
}

static bool is_intact(const struct block *block)
{
    for (size_t i = 0; i < block->size; i++) {
        if (block->bytes[i] != block->fill)
            return false;
    }
    return true;
}

/** Another block, or another size of this one, or nothing any more. */
static void change(struct worker *self, struct block *block)
{
    size_t size = next_random(self) % (next_random(self) % 16 == 0 ? LARGE : SMALL) + 1;
    size_t kept = block->size < size ? block->size : size;

    CHECK(is_intact(block));
    if (next_random(self) % 3 == 0) {
        free(block->bytes);
        *block = (struct block){NULL, 0, 0};
        return;
    }
    unsigned char *bytes = realloc(block->bytes, size);

    if (bytes == NULL) {
        CHECK(false);
        return;
    }
    CHECK_EQUAL((uintptr_t)bytes % 16, 0);
    block->bytes = bytes;
    block->size = kept;
    CHECK(is_intact(block));
    block->size = size;
    block->fill = (unsigned char)next_random(self);
    memset(bytes, block->fill, size);
}

static void check_own_data(struct worker *self)
{
    CHECK_EQUAL(initialised, 5);
    CHECK_EQUAL(zero, 0);
    CHECK(strcmp(pointer, "one of all") == 0);
    CHECK(strcmp(aligned, "ab") == 0 && (uintptr_t)aligned % 64 == 0);
    CHECK(thread_current() == &self->thread);
    initialised = self->number;
    zero = (uint64_t)self->number;
    aligned[0] = (char)('0' + self->number);
    errno = 1000 + self->number;
    barrier_wait(&meeting);
    CHECK_EQUAL(errno, 1000 + self->number);
    CHECK_EQUAL(initialised, self->number);
    CHECK_EQUAL(zero, self->number);
    CHECK_EQUAL(aligned[0], '0' + self->number);
}

static void work(void *argument)
{
    struct worker *self = argument;

    check_own_data(self);
    for (unsigned i = 0; i < OPERATIONS; i++)
        change(self, &self->blocks[next_random(self) % SLOTS]);
    for (unsigned i = 0; i < SLOTS; i++) {
        CHECK(is_intact(&self->blocks[i]));
        free(self->blocks[i].bytes);
    }
    CHECK(printf("clib: thread %d, %.3f\n", self->number, self->number / 8.0) > 0);
}

void check_threads(void)
{
    volatile size_t absurd = SIZE_MAX / 4;

    initialised = 6; /* of the first thread only */
    for (int i = 0; i < THREADS; i++) {
        workers[i].number = i + 1;
        workers[i].random = (uint64_t)i;
        CHECK_EQUAL(thread_start(&workers[i].thread, work, &workers[i], THREAD_PRIORITY_DEFAULT),
                    0);
    }
    for (int i = 0; i < THREADS; i++)
        thread_join(&workers[i].thread);
    CHECK_EQUAL(initialised, 6);
    void *volatile nothing = malloc(absurd); /* or compilers know better than the library */

    CHECK(nothing == NULL);
    CHECK_EQUAL(errno, ENOMEM);
}

static void format_a_number(void *argument)
{
    char text[400];

    (void)argument;
    CHECK(snprintf(text, sizeof(text), "%.60f", 1e-5 / 3) > 60);
    CHECK(strtod("1.7976931348623157e308", NULL) > 1e308);
}

/** What the library allocates for a thread does not outlive it. */
void check_reclaim(void)
{
    static struct thread thread;
    size_t before = 0;

    for (unsigned i = 0; i < GENERATIONS; i++) {
        CHECK_EQUAL(thread_start(&thread, format_a_number, NULL, THREAD_PRIORITY_DEFAULT), 0);
        thread_join(&thread);
        if (i == 0)
            before = mallinfo().uordblks;
    }
    CHECK_EQUAL(mallinfo().uordblks, before);
}
