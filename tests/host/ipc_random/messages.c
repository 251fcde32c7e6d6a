/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which message a player sends and what it waits for.
 */
#include "player.h"

#include <kern/clock.h>
#include <string.h>
#include <wharf/trap.h>

struct game game;

/* --- names --- */

static mach_port_name_t look(struct player *p, enum pool pool)
{
    return atomic_load_explicit(&p->home->name[pool][below(p, POOL_SIZE)], memory_order_relaxed);
}

mach_port_name_t player_pick(struct player *p, enum pool pool)
{
    mach_port_name_t name = 0;
    if (below(p, 64) == 0) {
        static const mach_port_name_t odd[] = {MSG_NULL, MSG_DEAD, MSG_REPLY, 1, 0x7fff0001};
        return below(p, 4) ? odd[below(p, array_count(odd))]
                           : (mach_port_name_t)host_random(&p->random) | 0x0f000000;
    }
    if (below(p, 24) == 0)
        pool = (enum pool)below(p, POOLS);
    for (unsigned n = 0; n < 4 && name == 0; n++)
        name = look(p, pool);
    return name;
}

void player_put(struct player *p, enum pool pool, mach_port_name_t name)
{
    if (name == MSG_NULL || name == MSG_DEAD)
        return;
    mach_port_name_t before = atomic_exchange_explicit(&p->home->name[pool][below(p, POOL_SIZE)],
                                                       name, memory_order_relaxed);
    if (before && before != name)
        p->evicted = before;
}

/* --- what is carried --- */

static const struct {
    enum pool pool;
    unsigned disposition;
} gift[] = {
    {POOL_SEND, MSG_COPY_SEND},         {POOL_SEND, MSG_MOVE_SEND},
    {POOL_RECEIVE, MSG_MAKE_SEND},      {POOL_RECEIVE, MSG_MAKE_SEND_ONCE},
    {POOL_ONCE, MSG_MOVE_SEND_ONCE},    {POOL_RECEIVE, MSG_MOVE_RECEIVE},
    {POOL_RECEIVE, MSG_MAKE_SEND_ONCE}, {POOL_SEND, MSG_COPY_SEND},
};

static unsigned choose_gift(struct player *p)
{
    unsigned n = (unsigned)below(p, array_count(gift));
    if (gift[n].disposition != MSG_MOVE_RECEIVE)
        return n;
    if (!game.moves || below(p, 2))
        return 0;
    p->plan.moves_receive = true;
    return n;
}

/* An array of names, all of one disposition, in a part of the page for arrays. */
static bool choose_array(struct player *p, unsigned cpu, unsigned number, struct msg_descriptor *d)
{
    mach_port_name_t name[MSG_OOL_PORTS_MAX];
    unsigned n = choose_gift(p), count = (unsigned)below(p, below(p, 16) ? 4 : 70);
    vaddr_t at = p->buffer + ARRAYS_AT + (number % 16) * 256;
    if (count > MSG_OOL_PORTS_MAX) {
        p->plan.wild = true;
        count = MSG_OOL_PORTS_MAX;
    }
    for (unsigned i = 0; i < count; i++)
        name[i] = player_pick(p, gift[n].pool);
    *d = (struct msg_descriptor){.value = at,
                                 .size = count + (p->plan.wild ? 1000 : 0),
                                 .kind = MSG_OOL_PORTS,
                                 .disposition = (uint8_t)gift[n].disposition};
    return user_write(cpu, at, name, count * sizeof(name[0]));
}

static void spoil(struct player *p, struct msg_descriptor *d)
{
    p->plan.wild = true;
    switch (below(p, 6)) {
    case 0: d->kind = (uint8_t)below(p, 256); break;
    case 1: d->disposition = (uint8_t)below(p, 32); break;
    case 2: d->flags = (uint8_t)below(p, 256); break;
    case 3: d->zero = 1; break;
    case 4: d->size = (uint32_t)host_random(&p->random); break;
    default: d->value = host_random(&p->random); break;
    }
}

static bool choose_descriptor(struct player *p, unsigned cpu, unsigned number,
                              struct msg_descriptor *d)
{
    unsigned n = choose_gift(p);
    p->plan.has_descriptors = true;
    *d = (struct msg_descriptor){.kind = MSG_PORT, .disposition = (uint8_t)gift[n].disposition};
    d->value = player_pick(p, gift[n].pool);
    bool ok = true;
    if (below(p, 8) == 0)
        ok = choose_array(p, cpu, number, d);
    if (game.wild && below(p, 100) == 0)
        spoil(p, d);
    if (below(p, 60) == 0) {
        *d = (struct msg_descriptor){.value = p->buffer + below(p, 2 * PAGE_SIZE),
                                     .size = (uint32_t)below(p, PAGE_SIZE),
                                     .kind = MSG_OOL_MEMORY};
        p->plan.has_memory = true;
    }
    return ok;
}

/* --- header --- */

static void choose_destination(struct player *p, unsigned *disposition)
{
    uint64_t *x = p->plan.x;
    uint64_t n = below(p, 32);
    if (p->held && n < 20) {
        x[0] = MSG_REPLY;
        *disposition = MSG_MOVE_SEND_ONCE;
    } else if (n < 26) {
        x[0] = player_pick(p, POOL_SEND);
        *disposition = below(p, 16) ? MSG_COPY_SEND : MSG_MOVE_SEND;
    } else if (n < 29) {
        x[0] = player_pick(p, POOL_ONCE);
        *disposition = MSG_MOVE_SEND_ONCE;
    } else if (n < 31) {
        x[0] = player_pick(p, POOL_RECEIVE);
        *disposition = below(p, 2) ? MSG_MAKE_SEND : MSG_MAKE_SEND_ONCE;
    } else {
        x[0] = MSG_REPLY;
        *disposition = MSG_MOVE_SEND_ONCE;
    }
    if (game.wild && below(p, 200) == 0)
        *disposition = (unsigned)below(p, 32);
}

static unsigned choose_local(struct player *p)
{
    uint64_t *x = p->plan.x;
    unsigned n = (unsigned)below(p, 16);
    x[3] = 0;
    if (n < 5)
        return MSG_MAKE_REPLY;
    if (n < 8 && p->own) {
        x[3] = p->own;
        return MSG_MAKE_SEND_ONCE;
    }
    if (n == 8 && p->held && x[0] != MSG_REPLY) {
        x[3] = MSG_REPLY; /* handed on */
        return MSG_MOVE_SEND_ONCE;
    }
    if (n == 9) {
        unsigned g = (unsigned)below(p, array_count(gift));
        if (gift[g].disposition == MSG_MOVE_RECEIVE)
            g = 0;
        x[3] = player_pick(p, gift[g].pool);
        return gift[g].disposition;
    }
    return 0;
}

static void choose_receive(struct player *p, unsigned local)
{
    uint64_t *x = p->plan.x;
    uint64_t n = below(p, 16);
    x[13] = 0;
    if (local == MSG_MAKE_REPLY ? n < 14 : (p->open != OPEN_NO && n < 4))
        x[13] = MSG_REPLY;
    else if (n < 9)
        x[13] = player_pick(p, below(p, 2) ? POOL_SET : POOL_RECEIVE);
    else if (n < 11 && p->own_got != p->own_made)
        x[13] = p->own;
    else if (n == 11)
        x[13] = MSG_REPLY;
    x[15] = p->buffer + RECEIVE_AT;
    x[16] = below(p, 12) ? MSG_BODY_MAX : below(p, 600);
    if (game.wild && below(p, 100) == 0) {
        x[15] = host_random(&p->random) >> below(p, 64);
        p->plan.bad_buffer = true;
    }
}

/* Mostly for ever, so that the fast way is taken; but not so often that all wait for each other. */
static uint64_t choose_deadline(struct player *p)
{
    switch (below(p, 8)) {
    case 0: return below(p, 4) ? 0 : clock_now();
    case 1: return clock_now() + below(p, 2000000);
    case 2:
    case 3: return clock_now() + below(p, 60000);
    default: return NANOS_NEVER;
    }
}

static uint32_t choose_length(struct player *p, uint32_t head)
{
    switch (below(p, 8)) {
    case 0: return (uint32_t)below(p, LETTER_SIZE);
    case 1: return LETTER_SIZE + (uint32_t)below(p, 500);
    case 2:
        return below(p, 2) ? (uint32_t)below(p, MSG_BODY_MAX + 1 - head)
                           : (uint32_t)(MSG_BODY_MAX - head);
    default: return LETTER_SIZE + 8 * (uint32_t)below(p, 4);
    }
}

/* --- the body --- */

static void set_register_body(struct player *p, const void *body)
{
    uint64_t word[8];
    memcpy(word, body, sizeof(word));
    for (unsigned i = 0; i < 4; i++) {
        p->plan.x[4 + i] = word[i];
        p->plan.x[9 + i] = word[4 + i];
    }
}

static bool place_body(struct player *p, unsigned cpu, const uint8_t *body, uint32_t length)
{
    if (length <= MSG_REGISTER_BYTES) {
        set_register_body(p, body);
        return true;
    }
    p->plan.x[4] = p->buffer + SEND_AT;
    if (game.wild && below(p, 100) == 0) {
        p->plan.x[4] = host_random(&p->random) >> below(p, 64);
        p->plan.bad_body = true;
        return true;
    }
    return user_write(cpu, p->buffer + SEND_AT, body, length);
}

static uint32_t write_letter(struct player *p, uint8_t *plain, uint32_t length, unsigned local)
{
    struct letter letter = {.sender = p->number};
    if (length < LETTER_SIZE) {
        uint32_t id = SHORT_ID | (uint32_t)below(p, 1u << ID_BITS);
        letter_write(&letter, id, plain, length);
        return id;
    }
    letter.serial = p->plan.serial = letter_new();
    if (local == MSG_MAKE_REPLY)
        letter.token = letter.serial;
    else if (local == MSG_MOVE_SEND_ONCE && p->plan.x[3] == MSG_REPLY)
        letter.token = p->held_token;
    if (p->plan.x[0] == MSG_REPLY)
        letter.answer_to = p->held_token;
    uint32_t id = LETTER_ID | (letter.serial & ((1u << ID_BITS) - 1));
    letter_write(&letter, id, plain, length);
    return id;
}

static unsigned choose_descriptor_count(struct player *p)
{
    uint64_t n = below(p, 32);
    return n < 24   ? 0
           : n < 31 ? 1 + (unsigned)below(p, 3)
                    : (unsigned)below(p, MSG_DESCRIPTORS_MAX + 1);
}

static bool choose_send(struct player *p, unsigned cpu)
{
    uint64_t body[MSG_BODY_MAX / 8] = {0};
    unsigned disposition, count = choose_descriptor_count(p);
    uint32_t head = count * MSG_DESCRIPTOR_SIZE, plain = choose_length(p, head);
    choose_destination(p, &disposition);
    unsigned local = choose_local(p);
    for (unsigned i = 0; i < count; i++)
        if (!choose_descriptor(p, cpu, i, (struct msg_descriptor *)(void *)body + i))
            return false;
    p->plan.x[1] = write_letter(p, (uint8_t *)body + head, plain, local);
    p->plan.x[2] = MSG_CONTROL(disposition, local, head + plain, count);
    if (!place_body(p, cpu, (const uint8_t *)body, head + plain)) {
        if (p->plan.serial)
            letter_failed(p->plan.serial);
        return false;
    }
    return true;
}

/* A wrong bit somewhere in the header, but where the letter would no longer be whole. */
static void spoil_header(struct player *p)
{
    static const uint8_t reg[] = {0, 3, 13};
    p->plan.wild = true;
    if (below(p, 3))
        p->plan.x[2] ^= UINT64_C(1) << (below(p, 2) ? below(p, 16) : 40 + below(p, 24));
    else
        p->plan.x[reg[below(p, array_count(reg))]] ^= UINT64_C(1) << below(p, 64);
}

bool message_choose(struct player *p, unsigned cpu, struct host_action *next)
{
    memset(&p->plan, 0, sizeof(p->plan));
    bool sends = below(p, 4) != 0;
    if (sends && !choose_send(p, cpu))
        return false;
    choose_receive(p, sends ? msg_local(p->plan.x[2]) : 0);
    p->plan.x[14] = choose_deadline(p);
    if (game.wild && below(p, 60) == 0)
        spoil_header(p);
    *next = (struct host_action){.kind = HOST_TRAP, .number = TRAP_MSG};
    memcpy(next->args, p->plan.x, sizeof(p->plan.x));
    return true;
}
