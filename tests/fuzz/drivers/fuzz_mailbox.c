/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: a mailbox whose registers say anything, and a firmware that writes anything into the message, at any time. Promises:
 * nothing loops, nothing beyond the message is touched, no more words are answered than there is room for.
 */
#include <bcm_mailbox.h>
#include <string.h>

#include "device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BUS 0xc0001000u
static _Alignas(16) uint32_t message[BCM_MAILBOX_MEMORY / 4];
static struct bcm_mailbox mailbox;

/* Mostly what an honest one would do, for else no answer is ever looked at. */
static void scribble(struct fuzz_device *device)
{
    uint32_t what = fuzz_number(device, 1);

    if (what & 1) {
        message[1] = 0x80000000;
        message[4] = 0x80000000 | (what & 0x7c);
    }
    if ((what & 3) == 2)
        message[what >> 2] = fuzz_number(device, 4);
}

static void act(struct fuzz_device *device)
{
    struct firmware_device *firmware = &mailbox.firmware;
    struct bcm_clocks clocks;
    struct bcm_expander expander;
    uint32_t value[FIRMWARE_WORDS_MAX + 2], number = fuzz_number(device, 1), answered = 0;
    uint32_t count = number % (FIRMWARE_WORDS_MAX + 2);
    uint64_t hertz;
    bool level;

    bcm_clocks_init(&clocks, firmware);
    bcm_expander_init(&expander, firmware);
    memset(value, 0x5a, sizeof value);
    switch (fuzz_number(device, 1) % 8) {
    case 0:
        if (firmware->ops->property(firmware, number, value, count, &answered) == KERN_SUCCESS)
            fuzz_require(answered <= count, "what is answered fits");
        fuzz_require(value[FIRMWARE_WORDS_MAX + 1] == 0x5a5a5a5a, "nothing beyond is written");
        break;
    case 1: (void)clocks.clocks.ops->get_rate(&clocks.clocks, number, &hertz); break;
    case 2: (void)clocks.clocks.ops->set_rate(&clocks.clocks, number, number, &hertz); break;
    case 3: (void)clocks.clocks.ops->enable(&clocks.clocks, number, number & 1); break;
    case 4: (void)expander.gpio.ops->get(&expander.gpio, number % 10, &level); break;
    case 5: (void)expander.gpio.ops->set_mode(&expander.gpio, number % 10, 1, 0, 0); break;
    case 6: (void)bcm_domain_get(firmware, number, &level); break;
    default: (void)bcm_domain_set(firmware, number, number & 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct dma_memory memory = {message, BUS, sizeof message};
    struct fuzz_device device;
    uint32_t revision;

    fuzz_device_init(&device, data, size);
    device.does = scribble;
    if (bcm_mailbox_init(&mailbox, &device.environment, fuzz_registers(&device), &memory) !=
        KERN_SUCCESS)
        abort();
    if (bcm_mailbox_start(&mailbox, &revision) == KERN_FAILURE)
        return 0;
    for (unsigned n = 0; n < 16 && device.at < size; n++)
        act(&device);
    return 0;
}
