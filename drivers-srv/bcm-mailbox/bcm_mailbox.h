/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mailbox of the BCM2835 and its successors, its property channel, and what the firmware has in hand behind that: clocks, the
 * pins of the GPIO expander, power domains. Properties: mailbox.c, message.c; the others go through any firmware_device.
 */
#pragma once

#include <libsys/driver/clocks_device.h>
#include <libsys/driver/firmware_device.h>
#include <libsys/driver/gpio_device.h>

struct bcm_mailbox {
    struct firmware_device firmware; /* first: the ops get this */
    const struct device_environment *environment;
    struct registers registers;
    struct dma_memory memory; /* the one message */
    bool lent;                /* the firmware has the message, and has not answered yet */
    uint64_t strangers;       /* answers that were not ours, so far */
};

/** The message's memory: at a multiple of 16, and within what 32 bits of bus address name. */
enum { BCM_MAILBOX_MEMORY = 512 };

/** KERN_INVALID_ARGUMENT: memory is too small, or not where it has to be. No register is touched before bcm_mailbox_start(). */
kern_return_t bcm_mailbox_init(struct bcm_mailbox *mailbox,
                               const struct device_environment *environment,
                               struct registers registers, const struct dma_memory *memory);

/**
 * Drops what a predecessor did not fetch, and asks the firmware for its revision: it answers in order, so after this nothing
 * of the predecessor's is with it any more (device.quiesced may be said). KERN_FAILURE: there is no such device behind the registers.
 * KERN_OPERATION_TIMED_OUT: the firmware does not answer.
 */
kern_return_t bcm_mailbox_start(struct bcm_mailbox *mailbox, uint32_t *revision);

/** Interrupts off. */
void bcm_mailbox_stop(struct bcm_mailbox *mailbox);

/** Clocks, numbered as in the mailbox and the device tree (raspberrypi,firmware-clocks). */
struct bcm_clocks {
    struct clocks_device clocks; /* first: the ops get this */
    struct firmware_device *firmware;
};

void bcm_clocks_init(struct bcm_clocks *clocks, struct firmware_device *firmware);

/** Eight pins on the I2C bus of the firmware (raspberrypi,firmware-gpio). They have no interrupt. */
enum { BCM_EXPANDER_PINS = 8 };

struct bcm_expander {
    struct gpio_device gpio; /* first: the ops get this */
    struct firmware_device *firmware;
};

void bcm_expander_init(struct bcm_expander *expander, struct firmware_device *firmware);

/** A power domain (raspberrypi,bcm2835-power), numbered as in the device tree. Errors as firmware_device's, and KERN_NOT_FOUND. */
kern_return_t bcm_domain_get(struct firmware_device *firmware, uint32_t domain, bool *on);
kern_return_t bcm_domain_set(struct firmware_device *firmware, uint32_t domain, bool on);
