/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated mailbox and firmware (mailbox_model.h).
 */
#include "mailbox_model.h"

struct mailbox_model model;
struct stage stage;
struct bcm_mailbox mailbox;
static _Alignas(16) uint32_t memory[2][BCM_MAILBOX_MEMORY / 4];

#define ANSWER_TIME (50 * DEVICE_MICROSECOND)

static void put(struct mailbox_model *m, uint32_t letter)
{
    if (m->count < MAIL_DEPTH)
        m->box[(m->first + m->count++) % MAIL_DEPTH] = letter;
}

static uint32_t *memory_of(struct mailbox_model *m, uint32_t letter)
{
    for (unsigned i = 0; i < 2; i++)
        if ((letter & ~15u) == m->bus[i])
            return m->memory[i];
    CHECK(!"the letter names memory of the driver");
    return NULL;
}

/* The value's words in place; how many bytes are answered, or UINT32_MAX: no such tag. */
static uint32_t answer_tag(struct mailbox_model *m, uint32_t tag, uint32_t *v)
{
    uint32_t id = v[0] & 31, *pin = m->expander[(v[0] - 128) & 7];
    bool is_pin = v[0] >= 128 && v[0] < 136;

    switch (tag) {
    case 0x1: v[0] = 0x64000000; return 4;
    case 0x10003: v[0] = 0xaabbccdd, v[1] = 0x1122; return 6;
    case 0x30048: return 0;
    case 0x30001: v[1] = m->states[id]; return 8;
    case 0x38001: v[1] = m->states[id] = (m->states[id] & 2) | (v[1] & 1); return 8;
    case 0x30002: v[1] = m->rates[id]; return 8;
    case 0x38002: m->rates[id] = v[1] > 1000000 ? 1000000 : v[1]; return 8;
    case 0x30030: v[1] = m->domains[id]; return 8;
    case 0x38030: m->domains[id] = v[1]; return 8;
    case 0x30041: v[0] = !is_pin, v[1] = pin[4]; return 8;
    case 0x38041: pin[4] = v[1], v[0] = !is_pin; return 8;
    case 0x30043: memcpy(v + 1, pin, 16), v[0] = !is_pin; return 20;
    case 0x38043: memcpy(pin, v + 1, 20), v[0] = !is_pin; return 24;
    default: return UINT32_MAX;
    }
}

static void spoil(struct mailbox_model *m, uint32_t *words, uint32_t length)
{
    switch (m->mischief) {
    case ERROR_CODE: words[1] = 0x80000001; break;
    case NONSENSE_CODE: words[1] = 0x12345678; break;
    case OTHER_SIZE: words[0] += 4; break;
    case OTHER_TAG: words[2]++; break;
    case OTHER_ID: words[5]++; break;
    case OTHER_ROOM: words[3] = 0xffffffff; break;
    case UNKNOWN_TAG: words[4] = 0; break;
    case UNKNOWN_IN_QEMU: words[4] = 0x80000000; break;
    case LONGER: words[4] = 0x80000000 | (length + 400); break;
    case HUGE: words[4] = 0xffffffff; break;
    case NOTHING_BUT: words[4] = 0x80000000 | (length > 4 ? length - 4 : 0); break;
    default: break;
    }
}

/* The firmware does what the message says, into its memory. */
static void do_message(struct mailbox_model *m, uint32_t *words)
{
    uint32_t length;

    CHECK(words[0] % 4 == 0 && words[0] >= 24 && words[0] <= BCM_MAILBOX_MEMORY);
    CHECK_EQ(words[1], 0);
    CHECK_EQ(words[3] + 24, words[0]);
    CHECK_EQ(words[4], 0);
    CHECK_EQ(words[words[0] / 4 - 1], 0);
    length = answer_tag(m, words[2], words + 5);
    words[1] = 0x80000000;
    if (length != UINT32_MAX)
        words[4] = 0x80000000 | length;
    spoil(m, words, length);
}

static void answer(struct mailbox_model *m)
{
    uint32_t letter = m->asked;

    m->asked = 0;
    m->messages++;
    if (m->mischief == OTHER_CHANNEL)
        for (unsigned i = 0; i < MAIL_DEPTH - 1; i++, m->extra++)
            put(m, (letter & ~15u) | 1);
    if (m->mischief != NOT_WRITTEN && m->mischief != OTHER_ADDRESS)
        do_message(m, memory_of(m, letter));
    put(m, m->mischief == OTHER_ADDRESS ? letter + 0x1000 : letter);
}

static void pass(void *context, uint64_t now)
{
    struct mailbox_model *m = context;

    m->now = now;
    if (m->asked && now >= m->answer_at && m->mischief != MUTE)
        answer(m);
}

static uint64_t next(void *context)
{
    struct mailbox_model *m = context;
    return m->asked && m->mischief != MUTE && m->answer_at > m->now ? m->answer_at : UINT64_MAX;
}

static bool is_empty(const struct mailbox_model *m)
{
    return m->count == 0 && m->mischief != FLOOD;
}

static bool line(void *context)
{
    struct mailbox_model *m = context;
    return m->config & 1 && !is_empty(m);
}

static uint32_t model_read(void *context, uint32_t offset, unsigned width)
{
    struct mailbox_model *m = context;

    CHECK_EQ(width, 4);
    switch (offset) {
    case 0x00: {
        uint32_t letter = m->count ? m->box[m->first] : 0xfffffff8;
        if (m->count) {
            m->first = (m->first + 1) % MAIL_DEPTH;
            m->count--;
        }
        return letter;
    }
    case 0x18: return (is_empty(m) ? 1u << 30 : 0) | (m->count == MAIL_DEPTH ? 1u << 31 : 0);
    case 0x38: return m->mischief == NO_ROOM || m->asked ? 1u << 31 : 1u << 30;
    default: CHECK(!"a register that may be read"); return 0;
    }
}

static void model_write(void *context, uint32_t offset, unsigned width, uint32_t value)
{
    struct mailbox_model *m = context;

    CHECK_EQ(width, 4);
    CHECK(offset == 0x20 || offset == 0x1c);
    if (offset == 0x1c) {
        m->config = value;
        return;
    }
    CHECK_EQ(value & 15, 8);
    (void)memory_of(m, value);
    if (m->asked) /* only after a read that was false */
        return;
    m->asked = value;
    m->answer_at = m->now + (m->mischief == LATE ? 3 * DEVICE_SECOND / 2 : ANSWER_TIME);
}

static const struct stage_device device = {model_read, model_write, pass, next, line};

void mailbox_renew(bool other)
{
    struct dma_memory area = {memory[other], model.bus[other], BCM_MAILBOX_MEMORY};

    CHECK_EQ(bcm_mailbox_init(&mailbox, &stage.environment, stage_registers(&stage), &area),
             KERN_SUCCESS);
}

struct stage *mailbox_create(void)
{
    memset(memory, 0xee, sizeof memory);
    model = (struct mailbox_model){
        .memory = {memory[0], memory[1]},
        .bus = {0xc0100000, 0xc0200000},
    };
    for (unsigned i = 0; i < 32; i++) {
        model.rates[i] = 1000 * i;
        model.states[i] = i > 15 ? 2 : 1;
        model.domains[i] = i > 23 ? 3 : i & 1;
    }
    for (unsigned i = 0; i < 8; i++)
        model.expander[i][1] = i & 1;
    stage_init(&stage, &device, &model);
    mailbox_renew(false);
    return &stage;
}
