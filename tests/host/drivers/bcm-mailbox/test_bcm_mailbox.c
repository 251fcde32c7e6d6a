/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mailbox: a message comes back as the firmware answered it, or with a precise error, within bounded time; the memory of a message is not
 * touched while the firmware has it; a predecessor's answers are nobody's.
 */
#include "mailbox_model.h"

static kern_return_t start(void)
{
    uint32_t revision = 0;
    kern_return_t kr = bcm_mailbox_start(&mailbox, &revision);

    if (kr == KERN_SUCCESS && stage.fault == FAULT_NONE && model.mischief == HONEST)
        CHECK_EQ(revision, 0x64000000);
    return kr;
}

static kern_return_t ask(uint32_t tag, uint32_t *value, uint32_t count, uint32_t *answered)
{
    uint64_t before = stage.now;
    kern_return_t kr =
        mailbox.firmware.ops->property(&mailbox.firmware, tag, value, count, answered);

    CHECK(stage.now - before <= 2 * DEVICE_SECOND);
    return kr;
}

static void test_honest(void)
{
    uint32_t value[64] = {0}, answered;

    mailbox_create();
    CHECK_EQ(start(), KERN_SUCCESS);
    for (unsigned i = 0; i < 100; i++) {
        value[0] = i % 16;
        value[1] = 0;
        CHECK_EQ(ask(0x30002, value, 2 + i % 63, &answered), KERN_SUCCESS);
        CHECK_EQ(answered, 2);
        CHECK_EQ(value[1], 1000 * (i % 16));
    }
    CHECK_EQ(ask(0x10003, value, 2, &answered), KERN_SUCCESS); /* six bytes */
    CHECK_EQ(answered, 2);
    CHECK_EQ(ask(0x30048, value, 0, &answered), KERN_SUCCESS); /* none at all */
    CHECK_EQ(answered, 0);
    CHECK_EQ(ask(0x7777, value, 2, &answered), KERN_NOT_SUPPORTED);
    CHECK_EQ(ask(0, value, 2, &answered), KERN_INVALID_ARGUMENT);
    CHECK_EQ(ask(0x30002, value, 65, &answered), KERN_INVALID_ARGUMENT);
    CHECK_EQ(ask(0x30002, value, UINT32_MAX, &answered), KERN_INVALID_ARGUMENT);
    CHECK_EQ(mailbox.strangers, 0);
    bcm_mailbox_stop(&mailbox);
    CHECK_EQ(model.config, 0);
}

static void test_memory(void)
{
    static _Alignas(16) uint8_t area[BCM_MAILBOX_MEMORY + 16];
    const struct dma_memory bad[] = {
        {area, 0xc0000000, BCM_MAILBOX_MEMORY - 1},    {area, 0xc0000008, BCM_MAILBOX_MEMORY},
        {area + 4, 0xc0000000, BCM_MAILBOX_MEMORY},    {area, 0xfffffff0, BCM_MAILBOX_MEMORY},
        {area, UINT64_C(1) << 32, BCM_MAILBOX_MEMORY}, {area, UINT64_MAX - 15, BCM_MAILBOX_MEMORY},
    };

    mailbox_create();
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_EQ(bcm_mailbox_init(&mailbox, &stage.environment, stage_registers(&stage), &bad[i]),
                 KERN_INVALID_ARGUMENT);
}

static kern_return_t expected(enum mischief mischief)
{
    switch (mischief) {
    case HONEST:
    case OTHER_CHANNEL:
    case FLOOD: /* the answer is in it */
    case LONGER:
    case HUGE:
    case NOTHING_BUT: return KERN_SUCCESS;
    case UNKNOWN_TAG:
    case UNKNOWN_IN_QEMU: return KERN_NOT_SUPPORTED;
    case MUTE:
    case LATE:
    case OTHER_ADDRESS:
    case NOT_WRITTEN:
    case NO_ROOM: return KERN_OPERATION_TIMED_OUT;
    default: return KERN_FAILURE;
    }
}

/* Whatever the firmware did, afterwards all is well again. */
static void test_mischief(void)
{
    for (enum mischief mischief = HONEST; mischief < OTHER_ID;
         mischief++) { /* the last is none to a property */
        uint32_t value[2] = {4, 0}, answered = 77;

        mailbox_create();
        CHECK_EQ(start(), KERN_SUCCESS);
        model.mischief = mischief;
        CHECK_EQ(ask(0x30002, value, 2, &answered), expected(mischief));
        if (expected(mischief) == KERN_SUCCESS) {
            CHECK_EQ(answered, mischief == NOTHING_BUT ? 1 : 2);
            CHECK(mischief == FLOOD || mailbox.strangers == model.extra);
            CHECK_EQ(value[0], 4);
            CHECK_EQ(value[1], mischief == NOTHING_BUT ? 0 : 4000);
        } else {
            CHECK_EQ(answered, 77);
            CHECK(value[0] == 4 && value[1] == 0);
        }
        if (mischief == MUTE) { /* the message is still the firmware's */
            uint32_t before[BCM_MAILBOX_MEMORY / 4];
            memcpy(before, model.memory[0], sizeof before);
            CHECK_EQ(ask(0x30002, value, 2, &answered), KERN_OPERATION_TIMED_OUT);
            CHECK_EQ(memcmp(before, model.memory[0], sizeof before), 0);
        }
        model.mischief = HONEST;
        if (mischief == OTHER_ADDRESS || mischief == NOT_WRITTEN) {
            /* It never will be answered; who starts anew gets other memory. */
            CHECK_EQ(ask(0x30002, value, 2, &answered), KERN_OPERATION_TIMED_OUT);
            mailbox_renew(true);
            CHECK_EQ(start(), KERN_SUCCESS);
        }
        stage_pass(&stage, stage.now + DEVICE_SECOND, false);
        value[0] = 5;
        CHECK_EQ(ask(0x30002, value, 2, &answered), KERN_SUCCESS);
        CHECK_EQ(value[1], 5000);
        CHECK_EQ(answered, 2);
    }
}

static void test_absent(void)
{
    for (unsigned fault = FAULT_ONES; fault <= FAULT_ZEROS; fault++) {
        mailbox_create();
        stage.fault = fault;
        stage.fault_for = UINT64_MAX;
        stage.most_accesses = 1000;
        CHECK_EQ(start(), KERN_FAILURE);
    }
}

/* Full of other things at the start: they are dropped; never empty: it is none. */
static void test_drain(void)
{
    mailbox_create();
    for (model.count = 0; model.count < MAIL_DEPTH; model.count++)
        model.box[model.count] = model.count % 2 ? 0x1231 : model.bus[0] | 8;
    CHECK_EQ(start(), KERN_SUCCESS);
    CHECK_EQ(mailbox.strangers, MAIL_DEPTH);
    mailbox_create();
    model.mischief = FLOOD;
    CHECK_EQ(start(), KERN_FAILURE);
}

static void work(struct stage *s)
{
    uint32_t value[4] = {0}, answered;

    (void)s;
    if (start() != KERN_SUCCESS)
        return;
    for (unsigned i = 0; i < 4; i++) {
        value[0] = i;
        if (ask(0x30002, value, 4, &answered) == KERN_SUCCESS)
            CHECK(answered <= 4);
    }
}

static void start_and_ask(void *other)
{
    uint32_t value[2] = {7, 0}, answered;

    mailbox_renew(other != NULL);
    CHECK_EQ(start(), KERN_SUCCESS);
    for (unsigned i = 0; i < 3; i++) {
        value[0] = 7 + i;
        CHECK_EQ(ask(0x30002, value, 2, &answered), KERN_SUCCESS);
        CHECK_EQ(value[1], 7000 + 1000 * i);
        CHECK_EQ(answered, 2);
    }
}

/* Whoever comes next, with the same memory or with other. */
static void test_kills(void)
{
    struct fault_plan plan = {mailbox_create, work, 60, 60 * DEVICE_SECOND, 200000};
    static int other;
    bool killed = true;

    run_with_faults(&plan);
    for (uint64_t n = 1; killed; n++)
        for (unsigned variant = 0; variant < 4; variant++) {
            mailbox_create();
            stage.kill_at = n;
            stage.kill_after = variant & 1;
            killed = !stage_run(&stage, start_and_ask, NULL);
            if (killed)
                CHECK(stage_run(&stage, start_and_ask, variant & 2 ? &other : NULL));
        }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_honest();
    test_memory();
    test_mischief();
    test_absent();
    test_drain();
    test_kills();
    test_properties();
    return check_end();
}
