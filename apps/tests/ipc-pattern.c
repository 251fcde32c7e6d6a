/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Patterns in registers around the message trap (ipc-pattern.h).
 */
#include "ipc-pattern.h"

#include <libsys/check.h>
#include <string.h>

enum { IN_REGISTERS = MSG_REGISTER_BYTES / 8, REMOTE = 4 };

static unsigned word_register(unsigned i)
{
    return i < 7 ? 9 + i : 18;
}

uint64_t pattern_word(const struct register_file *file, unsigned i)
{
    return file->x[word_register(i)];
}

void pattern_set_word(struct register_file *file, unsigned i, uint64_t word)
{
    file->x[word_register(i)] = word;
}

static uint64_t body_word(uint32_t id, unsigned i)
{
    return (uint64_t)id << 32 | UINT64_C(0xb0d70000) | i;
}

void pattern_fill(struct pattern *p)
{
    uint64_t seed = p->seed += UINT64_C(0x9e3779b97f4a7c15);
    for (unsigned i = 0; i < PATTERN_REGISTERS; i++)
        p->before.x[i] = seed ^ (UINT64_C(0x0101010101010101) * (i + 1));
    for (unsigned i = 0; i < PATTERN_VECTORS; i++) {
        p->before.v[i][0] = seed + i;
        p->before.v[i][1] = ~(seed + i);
    }
    p->before.fpcr = (seed >> 8 & 3) << 22; /* the rounding mode */
    p->before.fpsr = seed >> 16 & 31;       /* cumulative flags */
    p->before.x[0] = MSG_NULL;
    p->before.x[4] = MSG_NULL;
}

void pattern_send(struct pattern *p, uint32_t dest, uint32_t id, uint64_t control, uint32_t local)
{
    uint64_t *x = p->before.x;
    unsigned words = msg_length(control) / 8;
    x[0] = dest;
    x[1] = id;
    x[2] = control;
    x[3] = local;
    for (unsigned i = 0; i < words && words <= IN_REGISTERS; i++)
        pattern_set_word(&p->before, i, body_word(id, i));
    for (unsigned i = 0; i < words && words > IN_REGISTERS; i++)
        p->out[i] = body_word(id, i);
    if (words > IN_REGISTERS)
        x[9] = (uintptr_t)p->out;
}

void pattern_receive(struct pattern *p, uint32_t name, uint64_t deadline)
{
    p->before.x[REMOTE] = name;
    p->before.x[5] = deadline;
    p->before.x[6] = (uintptr_t)p->in;
    p->before.x[7] = sizeof(p->in);
}

void pattern_trap(struct pattern *p)
{
    const struct register_file *before = &p->before, *after = &p->after;
    memset(&p->after, 0x55, sizeof(p->after));
    msg_pattern_trap(before, &p->after);
    for (unsigned i = PATTERN_FIRST_KEPT; i < PATTERN_REGISTERS; i++)
        CHECK_EQUAL(after->x[i], before->x[i]);
    CHECK(memcmp(after->v, before->v, sizeof(after->v)) == 0);
    CHECK_EQUAL(after->fpcr, before->fpcr);
    CHECK_EQUAL(after->fpsr, before->fpsr);
    CHECK_EQUAL(after->tpidrro, 0);
    static const unsigned zeros[] = {6, 7, 8, 16, 17};
    for (unsigned i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++)
        CHECK_EQUAL(after->x[zeros[i]], 0);
}

void expect_error(const struct pattern *p, kern_return_t error)
{
    const uint64_t *x = p->after.x;
    CHECK_EQUAL(x[0], -(int64_t)error);
    for (unsigned i = 1; i < PATTERN_FIRST_KEPT; i++)
        if (i != 2 || error != MACH_RCV_TOO_LARGE)
            CHECK_EQUAL(x[i], 0);
}

static void expect_number(uint64_t got, uint64_t *out)
{
    if (out)
        *out = got;
    else
        CHECK_EQUAL(got, 0);
}

void expect_header(const struct pattern *p, uint32_t id, uint64_t control, uint64_t remote,
                   uint64_t *local, uint64_t *seqno)
{
    const uint64_t *x = p->after.x;
    unsigned words = msg_length(control) / 8;
    CHECK_EQUAL(x[0], 0);
    CHECK_EQUAL(x[1], id);
    CHECK_EQUAL(x[2], control);
    CHECK_EQUAL(x[REMOTE], remote);
    expect_number(x[3], local);
    expect_number(x[5], seqno);
    CHECK(x[5] <= UINT32_MAX);
    for (unsigned i = words <= IN_REGISTERS ? words : 0; i < IN_REGISTERS; i++)
        CHECK_EQUAL(pattern_word(&p->after, i), 0);
}

void expect_message(const struct pattern *p, uint32_t id, uint64_t control, uint64_t remote,
                    uint64_t *local, uint64_t *seqno)
{
    unsigned words = msg_length(control) / 8, wrong = 0;
    expect_header(p, id, control, remote, local, seqno);
    for (unsigned i = 0; i < words; i++) {
        uint64_t word = words <= IN_REGISTERS ? pattern_word(&p->after, i) : p->in[i];
        wrong += word != body_word(id, i);
    }
    CHECK_EQUAL(wrong, 0);
}
