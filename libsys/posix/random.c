/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random, srandom, initstate, setstate: each number is the sum of two earlier ones, how far back depends on how much state there is. With less than
 * 32 bytes it is a congruence. A state begins with one word: which of the kinds it is, and where in it the next number is made.
 */
#include <libsys/sync.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { KINDS = 5, WARM = 10, KIND_BITS = 3 };

static const struct kind {
    size_t bytes; /* of a state, at least */
    unsigned length, apart;
} kinds[KINDS] = {{8, 1, 0}, {32, 7, 3}, {64, 15, 1}, {128, 31, 3}, {256, 63, 1}};

static struct mutex lock; /* of all below, and of the states */
static uint32_t usual[32];
static uint32_t *state; /* NULL: usual, not seeded yet; the words after the first are the numbers */
static unsigned kind = 3, at;

static uint32_t next(void)
{
    const struct kind *k = &kinds[kind];
    uint32_t *number = state + 1;

    if (k->length == 1)
        return number[0] = (number[0] * UINT32_C(1103515245) + 12345) & INT32_MAX;
    const unsigned other = at + k->apart < k->length ? at + k->apart : at + k->apart - k->length;
    const uint32_t sum = number[other] += number[at];

    at = at + 1 < k->length ? at + 1 : 0;
    return sum >> 1;
}

/* Numbers of a congruence that is exact without more than 32 bits, then ten rounds to mix them. */
static void seed(unsigned from)
{
    const unsigned length = kinds[kind].length;
    uint64_t x = from % INT32_MAX;

    if (x == 0) /* it would stay 0 */
        x = 1;

    for (unsigned i = 0; i < length; i++) {
        state[1 + i] = (uint32_t)x;
        x = x * 48271 % INT32_MAX;
    }
    at = 0;
    for (unsigned i = 0; length > 1 && i < WARM * length; i++)
        (void)next();
}

static void begin(void)
{
    if (state != NULL)
        return;
    state = usual;
    seed(1);
}

static char *leave(void)
{
    state[0] = at << KIND_BITS | kind;
    return (char *)state;
}

long random(void)
{
    mutex_lock(&lock);
    begin();
    const long number = (long)next();
    mutex_unlock(&lock);
    return number;
}

void srandom(unsigned from)
{
    mutex_lock(&lock);
    begin();
    seed(from);
    mutex_unlock(&lock);
}

char *initstate(unsigned from, char *memory, size_t size)
{
    unsigned wanted = KINDS;

    while (wanted > 0 && size < kinds[wanted - 1].bytes)
        wanted--;
    if (wanted == 0 || memory == NULL)
        return NULL;
    mutex_lock(&lock);
    begin();
    char *before = leave();

    state = (uint32_t *)(void *)memory;
    kind = wanted - 1;
    seed(from);
    (void)leave();
    mutex_unlock(&lock);
    return before;
}

char *setstate(char *memory)
{
    const uint32_t first = *(const uint32_t *)(const void *)memory;
    const unsigned wanted = first & ((1u << KIND_BITS) - 1), place = first >> KIND_BITS;

    if (wanted >= KINDS || place >= kinds[wanted].length)
        return NULL;
    mutex_lock(&lock);
    begin();
    char *before = leave();

    state = (uint32_t *)(void *)memory;
    kind = wanted;
    at = place;
    mutex_unlock(&lock);
    return before;
}
