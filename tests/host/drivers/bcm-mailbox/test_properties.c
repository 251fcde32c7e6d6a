/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clocks, expander pins and power domains behind the property channel, and what becomes of answers that are wrong.
 */
#include "mailbox_model.h"

static struct bcm_clocks clocks;
static struct bcm_expander expander;
#define C (&clocks.clocks)
#define X (&expander.gpio)

static void begin(void)
{
    uint32_t revision;

    mailbox_create();
    CHECK_EQ(bcm_mailbox_start(&mailbox, &revision), KERN_SUCCESS);
    bcm_clocks_init(&clocks, &mailbox.firmware);
    bcm_expander_init(&expander, &mailbox.firmware);
}

static void test_clocks(void)
{
    uint64_t hertz = 1;

    begin();
    for (uint32_t id = 1; id < 16; id++) {
        CHECK_EQ(C->ops->get_rate(C, id, &hertz), KERN_SUCCESS);
        CHECK_EQ(hertz, 1000 * id);
        CHECK_EQ(C->ops->set_rate(C, id, 123456, &hertz), KERN_SUCCESS);
        CHECK_EQ(hertz, 123456);
        CHECK_EQ(C->ops->set_rate(C, id, UINT64_MAX, &hertz), KERN_SUCCESS);
        CHECK_EQ(hertz, 1000000); /* what it can */
        CHECK_EQ(C->ops->enable(C, id, false), KERN_SUCCESS);
        CHECK_EQ(model.states[id], 0);
        CHECK_EQ(C->ops->enable(C, id, true), KERN_SUCCESS);
        CHECK_EQ(model.states[id], 1);
    }
    const uint32_t absent[] = {0, 16, 31, 32, 255, UINT32_MAX};
    unsigned messages = model.messages;
    for (unsigned i = 0; i < 6; i++) {
        hertz = 1;
        CHECK_EQ(C->ops->get_rate(C, absent[i], &hertz), KERN_NOT_FOUND);
        CHECK_EQ(C->ops->set_rate(C, absent[i], 5, &hertz), KERN_NOT_FOUND);
        CHECK_EQ(C->ops->enable(C, absent[i], true), KERN_NOT_FOUND);
        CHECK_EQ(hertz, 1);
    }
    CHECK_EQ(model.messages - messages, 2 * 3); /* 16 and 31 were asked for, the rest not */
}

static void test_expander(void)
{
    bool level;

    begin();
    CHECK_EQ(X->ops->start(X), KERN_SUCCESS);
    for (uint32_t pin = 0; pin < 8; pin++) {
        CHECK_EQ(X->ops->set(X, pin, true), KERN_NOT_SUPPORTED); /* an input yet */
        model.expander[pin][4] = pin & 1;
        CHECK_EQ(X->ops->get(X, pin, &level), KERN_SUCCESS);
        CHECK_EQ(level, pin & 1);
        CHECK_EQ(X->ops->set_mode(X, pin, GPIO_MODE_OUTPUT, 0, GPIO_PULL_NONE), KERN_SUCCESS);
        CHECK_EQ(model.expander[pin][0], 1);
        CHECK_EQ(model.expander[pin][1], pin & 1); /* the board's */
        CHECK_EQ(model.expander[pin][4], pin & 1); /* no edge */
        CHECK_EQ(X->ops->set(X, pin, !(pin & 1)), KERN_SUCCESS);
        CHECK_EQ(model.expander[pin][4], !(pin & 1));
        CHECK_EQ(X->ops->set_mode(X, pin, GPIO_MODE_INPUT, 0, GPIO_PULL_UP), KERN_SUCCESS);
        CHECK_EQ(model.expander[pin][0], 0);
        CHECK_EQ(model.expander[pin][2] & model.expander[pin][3], 1);
        CHECK_EQ(X->ops->set_trigger(X, pin, GPIO_TRIGGER_OFF), KERN_SUCCESS);
        CHECK_EQ(X->ops->set_trigger(X, pin, GPIO_TRIGGER_HIGH), KERN_NOT_SUPPORTED);
    }
    CHECK_EQ(X->ops->get(X, 8, &level), KERN_INVALID_ARGUMENT);
    CHECK_EQ(X->ops->set(X, UINT32_MAX, true), KERN_INVALID_ARGUMENT);
    CHECK_EQ(X->ops->set_mode(X, 8, 0, 0, 0), KERN_INVALID_ARGUMENT);
    CHECK_EQ(X->ops->set_mode(X, 0, 3, 0, 0), KERN_INVALID_VALUE);
    CHECK_EQ(X->ops->set_mode(X, 0, GPIO_MODE_ALTERNATE, 0, 0), KERN_NOT_SUPPORTED);
    CHECK_EQ(X->ops->set_mode(X, 0, 0, 0, GPIO_PULL_DOWN), KERN_NOT_SUPPORTED);
    CHECK_EQ(X->ops->set_trigger(X, 0, 6), KERN_INVALID_VALUE);
}

static void test_domains(void)
{
    bool on;

    begin();
    for (uint32_t domain = 0; domain < 23; domain++) { /* to the firmware they are 1 to 23 */
        CHECK_EQ(bcm_domain_get(&mailbox.firmware, domain, &on), KERN_SUCCESS);
        CHECK_EQ(on, (domain + 1) & 1);
        CHECK_EQ(bcm_domain_set(&mailbox.firmware, domain, !on), KERN_SUCCESS);
        CHECK_EQ(model.domains[domain + 1], !on);
    }
    CHECK_EQ(bcm_domain_get(&mailbox.firmware, 24, &on), KERN_NOT_FOUND);
    CHECK_EQ(bcm_domain_get(&mailbox.firmware, 32, &on), KERN_NOT_FOUND);
    CHECK_EQ(bcm_domain_set(&mailbox.firmware, UINT32_MAX, true), KERN_NOT_FOUND);
}

/* Every way to answer wrongly, and to each question: an error, and never a value that nobody gave. */
static void test_wrong_answers(void)
{
    for (enum mischief mischief = MUTE; mischief < MISCHIEFS; mischief++) {
        uint64_t hertz;
        bool level = false;
        bool harmless = mischief == OTHER_CHANNEL || mischief == FLOOD || mischief == LONGER ||
                        mischief == HUGE;

        begin();
        model.mischief = mischief;
        CHECK_EQ(C->ops->get_rate(C, 4, &hertz) == KERN_SUCCESS, harmless);
        begin();
        model.mischief = mischief;
        CHECK_EQ(C->ops->set_rate(C, 4, 1000, &hertz) == KERN_SUCCESS, harmless);
        begin();
        model.mischief = mischief;
        CHECK_EQ(C->ops->enable(C, 4, true) == KERN_SUCCESS, harmless);
        begin();
        model.mischief = mischief;
        CHECK_EQ(X->ops->get(X, 4, &level) == KERN_SUCCESS, harmless);
        begin();
        model.mischief = mischief;
        CHECK_EQ(X->ops->set_mode(X, 4, 0, 0, 0) == KERN_SUCCESS, harmless);
        begin();
        model.mischief = mischief;
        CHECK_EQ(bcm_domain_get(&mailbox.firmware, 4, &level) == KERN_SUCCESS, harmless);
        begin();
        model.mischief = mischief;
        CHECK_EQ(bcm_domain_set(&mailbox.firmware, 4, true) == KERN_SUCCESS, harmless);
    }
    begin();
    model.mischief = UNKNOWN_IN_QEMU;
    CHECK_EQ(X->ops->start(X), KERN_FAILURE);
}

void test_properties(void)
{
    test_clocks();
    test_expander();
    test_domains();
    test_wrong_answers();
}
