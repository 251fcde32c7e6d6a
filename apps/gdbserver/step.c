/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See step.h.
 */
#include "step.h"

enum { LINK = 30, ZERO = 31, INSTRUCTION = 4 };
#define USER_BITS UINT64_C(0x7fffffffff) /* above them is a signature, if there is anything */

/* A field of `bits` bits from `low` on, as a signed number of instructions, in bytes. */
static uint64_t distance(uint32_t instruction, unsigned low, unsigned bits)
{
    const int64_t field = (int64_t)((uint64_t)instruction << (64 - low - bits)) >> (64 - bits);
    return (uint64_t)field * INSTRUCTION;
}

static bool is_branch(uint32_t i)
{
    return (i & 0x7c000000) == 0x14000000; /* B, BL */
}

static bool is_load_exclusive(uint32_t i)
{
    return (i & 0x3fc00000) == 0x08400000;
}

static bool is_store_exclusive(uint32_t i)
{
    return (i & 0x3fc00000) == 0x08000000;
}

/* Where a conditional branch leads, if it is one. */
static bool branches(uint32_t i, uint64_t pc, uint64_t *to)
{
    if ((i & 0xff000000) == 0x54000000 || (i & 0x7e000000) == 0x34000000) /* B.cond, CBZ, CBNZ */
        *to = pc + distance(i, 5, 19);
    else if ((i & 0x7e000000) == 0x36000000) /* TBZ, TBNZ */
        *to = pc + distance(i, 5, 14);
    else
        return false;
    return true;
}

/* BR, BLR, RET, and those that authenticate. */
static bool branches_to_register(uint32_t i, const struct thread_state_general *state, uint64_t *to)
{
    if ((i & 0xfe000000) != 0xd6000000)
        return false;
    const unsigned n = i >> 5 & 31;
    *to = state->x[n == ZERO ? LINK : n] & USER_BITS; /* RETAA, RETAB name no register */
    return true;
}

static void add(struct step *step, uint64_t place)
{
    for (unsigned i = 0; i < step->count; i++)
        if (step->place[i] == place)
            return;
    if (step->count < STEP_PLACES)
        step->place[step->count++] = place;
}

/* Behind the store of a sequence that begins at pc, and where its branches lead out of it. False: there is no such store. */
static bool sequence(uint64_t pc, step_read_t *read, void *context, struct step *step)
{
    uint64_t out[STEP_PLACES], to;
    unsigned outs = 0;
    uint32_t i;
    for (unsigned n = 1; n < STEP_SEQUENCE; n++) {
        const uint64_t at = pc + (uint64_t)n * INSTRUCTION;
        if (!read(context, at, &i) || is_branch(i))
            return false;
        if (branches(i, at, &to) && outs < STEP_PLACES - 1)
            out[outs++] = to;
        if (!is_store_exclusive(i))
            continue;
        add(step, at + INSTRUCTION);
        for (unsigned k = 0; k < outs; k++)
            if (out[k] < pc || out[k] > at)
                add(step, out[k]);
        return true;
    }
    return false;
}

void step_places(const struct thread_state_general *state, step_read_t *read, void *context,
                 struct step *step)
{
    const uint64_t pc = state->pc;
    uint64_t to;
    uint32_t i;
    *step = (struct step){0};
    if (!read(context, pc, &i))
        return;
    step->traps = (i & 0xffe0001f) == 0xd4000001; /* SVC */
    if (is_load_exclusive(i) && sequence(pc, read, context, step))
        return;
    if (is_branch(i)) {
        add(step, pc + distance(i, 0, 26));
    } else if (branches_to_register(i, state, &to)) {
        add(step, to);
    } else {
        add(step, pc + INSTRUCTION);
        if (branches(i, pc, &to))
            add(step, to);
    }
}
