/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where instructions lead (assembled by hand, Arm ARM C6.2), and breakpoints in a memory of this machine.
 */
#include "check.h"
#include <breakpoints.h>
#include <step.h>

#define BASE UINT64_C(0x400000)

enum { WORDS = 2 * BREAKPOINTS_MAX };
static uint32_t code[WORDS];
static bool writable = true;

static bool read_bytes(void *context, uint64_t address, void *bytes, size_t size)
{
    (void)context;
    if (address < BASE || address - BASE > sizeof(code) || size > sizeof(code) - (address - BASE))
        return false;
    memcpy(bytes, (char *)code + (address - BASE), size);
    return true;
}

static bool write_bytes(void *context, uint64_t address, const void *bytes, size_t size)
{
    (void)context;
    if (!writable || address < BASE || address - BASE > sizeof(code) ||
        size > sizeof(code) - (address - BASE))
        return false;
    memcpy((char *)code + (address - BASE), bytes, size);
    return true;
}

static bool read_instruction(void *context, uint64_t address, uint32_t *instruction)
{
    return read_bytes(context, address, instruction, sizeof(*instruction));
}

/* ---- steps ---- */

static struct step step_at(unsigned index)
{
    struct thread_state_general state = {.pc = BASE + 4 * (uint64_t)index};
    struct step step;
    state.x[3] = UINT64_C(0x12000000400040); /* signed */
    state.x[30] = BASE + 0x60;
    step_places(&state, read_instruction, NULL, &step);
    return step;
}

/* A single instruction at BASE + 16 leads to these offsets from it. */
static void leads(uint32_t instruction, unsigned count, int64_t first, int64_t second)
{
    code[4] = instruction;
    const struct step step = step_at(4);
    CHECK_EQ(step.count, count);
    CHECK_EQ(step.place[0], BASE + 16 + (uint64_t)first);
    if (count == 2)
        CHECK_EQ(step.place[1], BASE + 16 + (uint64_t)second);
}

static void test_branches(void)
{
    leads(0xd503201f, 1, 4, 0);    /* nop */
    leads(0x14000002, 1, 8, 0);    /* b +8 */
    leads(0x17ffffff, 1, -4, 0);   /* b -4 */
    leads(0x94000003, 1, 12, 0);   /* bl +12 */
    leads(0x54000040, 2, 4, 8);    /* b.eq +8 */
    leads(0x54ffffc1, 2, 4, -8);   /* b.ne -8 */
    leads(0xb4000060, 2, 4, 12);   /* cbz x0, +12 */
    leads(0x35ffffe1, 2, 4, -4);   /* cbnz w1, -4 */
    leads(0x36080040, 2, 4, 8);    /* tbz w0, #1, +8 */
    leads(0xb7fffff0, 2, 4, -4);   /* tbnz x16, #63, -4 */
    leads(0x54000020, 1, 4, 0);    /* b.eq +4: one place */
    leads(0xd61f0060, 1, 0x30, 0); /* br x3, without its signature */
    leads(0xd63f0060, 1, 0x30, 0); /* blr x3 */
    leads(0xd65f03c0, 1, 0x50, 0); /* ret */
    leads(0xd65f0bff, 1, 0x50, 0); /* retaa */
    leads(0x58000040, 1, 4, 0);    /* ldr x0, +8: no branch */
    leads(0xd4000001, 1, 4, 0);    /* svc */
    CHECK(step_at(4).traps);
    CHECK_EQ(step_at(WORDS).count, 0); /* not readable */
    CHECK(!step_at(WORDS).traps);
}

static void test_exclusive(void)
{
    static const uint32_t loop[] = {
        0x885ffc20, /* ldaxr w0, [x1] */
        0x11000400, /* add w0, w0, #1 */
        0x54000080, /* b.eq +16: out of it */
        0x8802fc20, /* stlxr w2, w0, [x1] */
        0x35ffff82, /* cbnz w2, -16 */
    };
    memcpy(code, loop, sizeof(loop));
    struct step step = step_at(0);
    CHECK_EQ(step.count, 2);
    CHECK_EQ(step.place[0], BASE + 16);
    CHECK_EQ(step.place[1], BASE + 24);
    memset(code + 1, 0, sizeof(code) - 4); /* no store: as any instruction */
    step = step_at(0);
    CHECK_EQ(step.count, 1);
    CHECK_EQ(step.place[0], BASE + 4);
    code[WORDS - 1] = loop[0]; /* at the end of what can be read */
    CHECK_EQ(step_at(WORDS - 1).count, 1);
}

/* Whatever the words are, there are at most so many places, and all of them different. */
static void test_random(void)
{
    for (unsigned i = 0; i < 100000; i++) {
        for (unsigned k = 0; k < WORDS; k++)
            code[k] = (uint32_t)check_below(UINT64_C(1) << 32);
        if (i % 2 == 0)
            code[0] = 0x885ffc20;
        const struct step step = step_at(0);
        CHECK(step.count >= 1 && step.count <= STEP_PLACES);
        for (unsigned k = 1; k < step.count; k++)
            for (unsigned n = 0; n < k; n++)
                CHECK(step.place[k] != step.place[n]);
    }
}

/* ---- breakpoints ---- */

static struct breakpoints table = {.memory = {read_bytes, write_bytes, NULL}};

static void test_breakpoints(void)
{
    uint32_t words[4], other[4] = {10, 11, 12, 13};
    for (unsigned i = 0; i < WORDS; i++)
        code[i] = i;
    CHECK(breakpoint_insert(&table, BASE + 8) && breakpoint_insert(&table, BASE + 8));
    CHECK_EQ(code[2], BREAKPOINT_INSTRUCTION);
    CHECK(!breakpoint_insert(&table, BASE + 2) && !breakpoint_insert(&table, 0));
    CHECK(breakpoint_read(&table, BASE + 4, words, sizeof(words)) && words[1] == 2);
    CHECK(breakpoint_read(&table, BASE + 10, words, 2) && (uint16_t)words[0] == 0);
    CHECK(breakpoint_write(&table, BASE + 4, other, sizeof(other)));
    CHECK(code[1] == 10 && code[2] == BREAKPOINT_INSTRUCTION && code[3] == 12);
    CHECK(breakpoint_write(&table, BASE + 9, "\x77", 1)); /* a part of it */
    CHECK_EQ(code[2], BREAKPOINT_INSTRUCTION);
    CHECK(breakpoint_remove(&table, BASE + 8) && breakpoint_is_at(&table, BASE + 8));
    CHECK(breakpoint_remove(&table, BASE + 8) && !breakpoint_is_at(&table, BASE + 8));
    CHECK_EQ(code[2], 0x770b);
    CHECK(!breakpoint_remove(&table, BASE + 8));
    CHECK(breakpoint_insert(&table, BASE) && breakpoint_insert(&table, BASE + 4));
    breakpoint_remove_all(&table);
    CHECK(code[0] == 0 && code[1] == 10);
    writable = false;
    CHECK(!breakpoint_insert(&table, BASE) && !breakpoint_is_at(&table, BASE));
    writable = true;
}

static uint64_t place(uint64_t index)
{
    return BASE + 4 * index;
}

/* There is an end to them, and what one gives back the next one has. */
static void test_room(void)
{
    for (unsigned i = 0; i < BREAKPOINTS_MAX; i++)
        CHECK(breakpoint_insert(&table, place(i)));
    CHECK(!breakpoint_insert(&table, place(BREAKPOINTS_MAX)));
    CHECK(breakpoint_remove(&table, BASE) && breakpoint_insert(&table, place(BREAKPOINTS_MAX)));
    breakpoint_remove_all(&table);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_branches();
    test_exclusive();
    test_random();
    test_breakpoints();
    test_room();
    return check_end();
}
