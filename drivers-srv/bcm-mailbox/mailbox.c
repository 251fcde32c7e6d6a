/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mailbox: one message at a time to the firmware and back.
 *
 * B1 The message belongs to the firmware from the moment its address is written until an answer with that address comes and the message
 *    says that it has been answered. Until then nobody writes into it: after a time-out the next caller waits for the late answer first.
 * B2 An answer with another address or channel is a stranger's (a predecessor's, or the old ones' of other channels), counted and
 *    dropped. So is one with our address while the message is still a request: a predecessor had the same memory.
 * B3 Every wait has an end. A mailbox that is never empty, or never has room, costs PATIENCE, with pauses in between.
 */
#include "message.h"

enum {
    READ = 0x00, /* mailbox 0: from the firmware */
    STATUS = 0x18,
    CONFIG = 0x1c,
    WRITE = 0x20, /* mailbox 1: to the firmware */
    WRITE_STATUS = 0x38,
};
#define STATUS_FULL  (1u << 31)
#define STATUS_EMPTY (1u << 30)
enum {
    CONFIG_INTERRUPT = 1 << 0,
    CHANNEL_MASK = 0xf,
    CHANNEL_PROPERTY = 8,
    TAG_REVISION = 1,
    DEPTH = 8, /* of a mailbox; more in a row than a few times this is no mailbox */
};
#define PATIENCE           DEVICE_SECOND
#define LATE_PATIENCE      (100 * DEVICE_MILLISECOND)
#define ROOM_PATIENCE      (100 * DEVICE_MILLISECOND)
#define PAUSE              DEVICE_MILLISECOND
#define INTERRUPT_PATIENCE (10 * DEVICE_MILLISECOND) /* one may be lost to a predecessor */

static uint32_t read(struct bcm_mailbox *m, uint32_t reg)
{
    return register_read32(&m->registers, reg);
}

static void write(struct bcm_mailbox *m, uint32_t reg, uint32_t value)
{
    register_write32(&m->registers, reg, value);
}

static volatile uint32_t *words(struct bcm_mailbox *m)
{
    return m->memory.at;
}

static uint32_t letter(const struct bcm_mailbox *m)
{
    return (uint32_t)m->memory.bus | CHANNEL_PROPERTY;
}

/* Takes one answer out; true if it is to our message (B2). */
static bool take_answer(struct bcm_mailbox *m)
{
    uint32_t answer = read(m, READ);

    register_observe_memory();
    if (m->lent && answer == letter(m) && message_is_answered(words(m))) {
        m->lent = false;
        return true;
    }
    m->strangers++;
    return false;
}

/* Sleeps until there may be something; true if the interrupt said so. */
static bool wait_letter(struct bcm_mailbox *m, uint64_t deadline)
{
    uint64_t now = device_now(m->environment);
    uint64_t patience = now < deadline ? deadline - now : 0;

    if (patience > INTERRUPT_PATIENCE)
        patience = INTERRUPT_PATIENCE;
    return device_wait_interrupt(m->environment, 0, now + patience);
}

/* Until our message has come back. */
static kern_return_t wait_answer(struct bcm_mailbox *m, uint64_t patience)
{
    uint64_t deadline = device_now(m->environment) + patience;
    unsigned in_vain = 0; /* strangers, and interrupts for nothing */

    while (m->lent) {
        bool vain;

        if (read(m, STATUS) & STATUS_EMPTY)
            vain = wait_letter(m, deadline);
        else if (!take_answer(m))
            vain = true;
        else
            break;
        if (vain && ++in_vain % DEPTH == 0)
            device_sleep(m->environment, PAUSE);
        if (device_now(m->environment) >= deadline)
            break;
    }
    return m->lent ? KERN_OPERATION_TIMED_OUT : KERN_SUCCESS;
}

static bool wait_room(struct bcm_mailbox *m)
{
    uint64_t deadline = device_now(m->environment) + ROOM_PATIENCE;

    while (read(m, WRITE_STATUS) & STATUS_FULL) {
        if (device_now(m->environment) >= deadline)
            return false;
        device_sleep(m->environment, PAUSE);
    }
    return true;
}

static kern_return_t property(struct firmware_device *firmware, uint32_t tag, uint32_t *value,
                              uint32_t count, uint32_t *answered)
{
    struct bcm_mailbox *m = (struct bcm_mailbox *)firmware;

    if (count > FIRMWARE_WORDS_MAX || tag == 0)
        return KERN_INVALID_ARGUMENT;
    if (m->lent && wait_answer(m, LATE_PATIENCE) != KERN_SUCCESS) /* B1 */
        return KERN_OPERATION_TIMED_OUT;
    if (!wait_room(m))
        return KERN_OPERATION_TIMED_OUT;
    message_write(words(m), tag, value, count);
    register_publish_memory();
    m->lent = true;
    write(m, WRITE, letter(m));
    if (wait_answer(m, PATIENCE) != KERN_SUCCESS) {
        device_log(m->environment, "mailbox: no answer to tag %08x", tag);
        return KERN_OPERATION_TIMED_OUT;
    }
    return message_read(words(m), tag, value, count, answered);
}

static const struct firmware_device_ops ops = {.property = property};

kern_return_t bcm_mailbox_init(struct bcm_mailbox *mailbox,
                               const struct device_environment *environment,
                               struct registers registers, const struct dma_memory *memory)
{
    if (memory->size < BCM_MAILBOX_MEMORY || memory->bus & CHANNEL_MASK ||
        (uintptr_t)memory->at % 16 || memory->bus > UINT32_MAX - BCM_MAILBOX_MEMORY)
        return KERN_INVALID_ARGUMENT;
    *mailbox = (struct bcm_mailbox){
        .firmware = {.ops = &ops},
        .environment = environment,
        .registers = registers,
        .memory = *memory,
    };
    return KERN_SUCCESS;
}

kern_return_t bcm_mailbox_start(struct bcm_mailbox *mailbox, uint32_t *revision)
{
    uint32_t value[1] = {0}, answered;
    unsigned count = 0;
    kern_return_t kr;

    while (!(read(mailbox, STATUS) & STATUS_EMPTY)) {
        if (++count > 4 * DEPTH)
            return KERN_FAILURE;
        (void)take_answer(mailbox);
    }
    if (read(mailbox, STATUS) & STATUS_FULL) /* and empty: nothing is there */
        return KERN_FAILURE;
    write(mailbox, CONFIG, CONFIG_INTERRUPT);
    kr = property(&mailbox->firmware, TAG_REVISION, value, 1, &answered);
    if (kr != KERN_SUCCESS)
        return kr;
    *revision = answered ? value[0] : 0;
    return KERN_SUCCESS;
}

void bcm_mailbox_stop(struct bcm_mailbox *mailbox)
{
    write(mailbox, CONFIG, 0);
}
