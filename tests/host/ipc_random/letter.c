/* SPDX-License-Identifier: BSD-2-Clause */
#include "letter.h"

#include "../machine/check.h"
#include <stdatomic.h>
#include <string.h>

enum { LETTERS_MAX = 1 << 24, ORDERS_MAX = 1 << 16 };
#define MAGIC UINT32_C(0x1e77e2ed)

enum fate { UNSENT, SENT, FAILED, RECEIVED };

/* Who sent to where last, by sequence number. */
struct order {
    uint64_t place;
    uint32_t sender, seqno, serial;
};

static _Atomic uint8_t *fate; /* enum fate, by serial number */
static struct order *order;   /* a cache: who is thrown out begins anew */
static _Atomic uint32_t last;

void letters_reset(void)
{
    fate = calloc(LETTERS_MAX, 1);
    order = calloc(ORDERS_MAX, sizeof(order[0]));
    CHECK(fate && order);
    atomic_store(&last, 0);
}

void letters_end(void)
{
    free((void *)(uintptr_t)fate);
    free(order);
}

uint32_t letter_new(void)
{
    uint32_t serial = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
    if (serial >= LETTERS_MAX)
        host_machine_fail("more than %d letters", LETTERS_MAX);
    atomic_store_explicit(&fate[serial], SENT, memory_order_relaxed);
    return serial;
}

/* Relaxed, for the test must not order what the kernel does not. */
static void change(uint32_t serial, enum fate to)
{
    uint8_t from = SENT;
    if (serial == 0 || serial >= LETTERS_MAX)
        host_machine_fail("letter %u", serial);
    if (!atomic_compare_exchange_strong_explicit(&fate[serial], &from, (uint8_t)to,
                                                 memory_order_relaxed, memory_order_relaxed))
        host_machine_fail("letter %u: %s, but it had been %s before", serial,
                          to == RECEIVED ? "received" : "said not to have been sent",
                          from == RECEIVED ? "received"
                          : from == FAILED ? "said not to have been sent"
                                           : "never sent");
}

void letter_failed(uint32_t serial)
{
    change(serial, FAILED);
}

void letter_received(uint32_t serial)
{
    change(serial, RECEIVED);
}

void letter_in_order(uint64_t place, uint32_t sender, uint32_t seqno, uint32_t serial)
{
    uint64_t hash = (place * 31 + sender) * UINT64_C(0x9e3779b97f4a7c15);
    struct order *o = &order[hash >> 32 & (ORDERS_MAX - 1)];
    if (o->place == place && o->sender == sender) {
        if ((seqno > o->seqno) != (serial > o->serial))
            host_machine_fail("thread %u sent %u and %u, whose sequence numbers are %u and %u",
                              sender, o->serial, serial, o->seqno, seqno);
        if (seqno < o->seqno)
            return;
    }
    *o = (struct order){place, sender, seqno, serial};
}

/* --- what is written --- */

static uint8_t filler(uint32_t id, size_t at)
{
    return (uint8_t)((id + at * 7) * UINT32_C(0x9e3779b1) >> 24);
}

static uint32_t sum_of(const struct letter *letter, uint32_t id, size_t length)
{
    uint64_t sum = (uint64_t)letter->serial << 32 | letter->sender;
    sum = (sum ^ letter->token) * UINT64_C(0xd6e8feb86659fd93);
    sum = (sum ^ letter->answer_to) * UINT64_C(0xd6e8feb86659fd93);
    sum = (sum ^ id ^ (uint64_t)length << 32) * UINT64_C(0xd6e8feb86659fd93);
    return (uint32_t)(sum >> 32);
}

void letter_write(const struct letter *letter, uint32_t id, void *plain, size_t length)
{
    uint8_t *byte = plain;
    for (size_t i = 0; i < length; i++)
        byte[i] = filler(id, i);
    if (length < LETTER_SIZE)
        return;
    uint32_t head[] = {MAGIC, sum_of(letter, id, length)};
    memcpy(byte, head, sizeof(head));
    memcpy(byte + sizeof(head), letter, sizeof(*letter));
}

bool letter_check(uint32_t id, const void *plain, size_t length, struct letter *out)
{
    const uint8_t *byte = plain;
    uint32_t head[2];
    bool has = length >= LETTER_SIZE;
    size_t from = has ? sizeof(head) + sizeof(*out) : 0;
    for (size_t i = from; i < length; i++)
        if (byte[i] != filler(id, i))
            host_machine_fail("message %x of %zu bytes: byte %zu is %x", id, length, i, byte[i]);
    if (!has)
        return false;
    memcpy(head, byte, sizeof(head));
    memcpy(out, byte + sizeof(head), sizeof(*out));
    if (head[0] != MAGIC || head[1] != sum_of(out, id, length) ||
        id != (LETTER_ID | (out->serial & ((1u << ID_BITS) - 1))))
        host_machine_fail("message %x of %zu bytes is not whole", id, length);
    return true;
}
