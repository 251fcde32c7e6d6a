/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers, reset, clock and power of an SD host controller (sdhci.h). */
#include "sdhci.h"

#include <string.h>

/* ---- Accesses (H1) ---- */

uint8_t sdhci_read8(const struct sdhci *h, uint32_t offset)
{
    if (!h->kind->words_only)
        return register_read8(&h->registers, offset);
    return (uint8_t)(sdhci_read(h, offset & ~3u) >> (offset & 3) * 8);
}

uint16_t sdhci_read16(const struct sdhci *h, uint32_t offset)
{
    if (!h->kind->words_only)
        return register_read16(&h->registers, offset);
    return (uint16_t)(sdhci_read(h, offset & ~3u) >> (offset & 2) * 8);
}

/* The other bytes of the word are those written last, not those read: they are known, and no misreading spreads. */
static void write_part(struct sdhci *h, uint32_t offset, uint32_t mask, uint32_t value)
{
    unsigned shift = (offset & 3) * 8;
    uint32_t *word = (offset & ~3u) == SDHCI_CONTROL ? &h->control_word : &h->clock_word;

    *word = (*word & ~(mask << shift)) | value << shift;
    sdhci_write(h, offset & ~3u, *word);
    h->clock_word &= 0x00ffffff; /* a reset ends by itself */
}

void sdhci_write8(struct sdhci *h, uint32_t offset, uint8_t value)
{
    if (h->kind->words_only)
        write_part(h, offset, 0xff, value);
    else
        register_write8(&h->registers, offset, value);
}

void sdhci_write16(struct sdhci *h, uint32_t offset, uint16_t value)
{
    if (h->kind->words_only)
        write_part(h, offset, 0xffff, value);
    else
        register_write16(&h->registers, offset, value);
}

/* ---- Reset ---- */

kern_return_t sdhci_reset_part(struct sdhci *h, uint8_t what)
{
    const struct device_environment *e = h->environment;
    uint64_t limit = device_now(e) + SDHCI_RESET_LIMIT;

    sdhci_write8(h, SDHCI_RESET, what);
    if ((what & RESET_ALL) != 0)
        h->control_word = h->clock_word = 0;
    while ((sdhci_read8(h, SDHCI_RESET) & what) != 0) {
        if (device_now(e) >= limit) {
            h->hung = true;
            return KERN_FAILURE;
        }
        device_sleep(e, 10 * DEVICE_MICROSECOND);
    }
    return KERN_SUCCESS;
}

kern_return_t sdhci_reset(struct sdhci *h)
{
    kern_return_t kr;

    h->clock = 0;
    h->write_delay = h->kind->words_only ? 10 * DEVICE_MICROSECOND : 0;
    kr = sdhci_reset_part(h, RESET_ALL);
    if (kr != KERN_SUCCESS)
        return kr;
    h->hung = false;
    sdhci_write(h, SDHCI_SIGNAL, 0);
    sdhci_write(h, SDHCI_ENABLE, STATUS_NOTED);
    sdhci_write8(h, SDHCI_TIMEOUT, TIMEOUT_LONGEST);
    sdhci_set_power(h, true);
    sdhci_set_bus(h, false, false);
    return KERN_SUCCESS;
}

/* ---- What a dead driver left (H5) ---- */

bool sdhci_wait_data0(const struct sdhci *h, uint64_t moment)
{
    const struct device_environment *e = h->environment;
    uint64_t step = 50 * DEVICE_MICROSECOND;

    while ((sdhci_read(h, SDHCI_PRESENT) & PRESENT_DAT0) == 0) {
        if (device_now(e) >= moment)
            return false;
        device_sleep(e, step);
        if (step < 5 * DEVICE_MILLISECOND)
            step *= 2;
    }
    return true;
}

/* A transfer by DMA ends without its driver; it is let. One that waits for the driver never will: PIO, SDMA at a boundary. */
static bool let_finish(struct sdhci *h)
{
    const uint32_t busy = PRESENT_COMMAND | PRESENT_DATA | PRESENT_ACTIVE;
    const struct device_environment *e = h->environment;
    uint64_t limit = device_now(e) + SDHCI_FINISH_LIMIT, step = 50 * DEVICE_MICROSECOND;

    for (;;) {
        uint32_t present = sdhci_read(h, SDHCI_PRESENT);

        if ((present & busy) == 0)
            return true;
        if ((present & (PRESENT_CAN_READ | PRESENT_CAN_WRITE)) != 0 ||
            (sdhci_read(h, SDHCI_STATUS) & (STATUS_DMA | STATUS_ERRORS)) != 0 ||
            device_now(e) >= limit)
            return false;
        device_sleep(e, step);
        if (step < 5 * DEVICE_MILLISECOND)
            step *= 2;
    }
}

/* The card may still wait for data, or send them: it is told to stop. Whether it understands does not matter. */
static void stop_card(struct sdhci *h)
{
    struct sdhci_command stop = {.index = 12,
                                 .flags = COMMAND_R1B | COMMAND_ABORT,
                                 .busy_limit = SDHCI_PROGRAM_LIMIT};

    if (sdhci_reset_part(h, RESET_COMMAND) != KERN_SUCCESS ||
        sdhci_reset_part(h, RESET_DATA) != KERN_SUCCESS)
        return;
    sdhci_write(h, SDHCI_ENABLE, STATUS_NOTED);
    if (sdhci_execute(h, &stop) != KERN_SUCCESS)
        device_log(h->environment, "a transfer that was under way could not be stopped in order");
}

kern_return_t sdhci_let_finish(struct sdhci *h, bool *in_use)
{
    const struct device_environment *e = h->environment;

    *in_use = false;
    h->write_delay = h->kind->words_only ? 10 * DEVICE_MICROSECOND : 0;
    if (sdhci_read(h, SDHCI_PRESENT) == UINT32_MAX && sdhci_read(h, SDHCI_CAPS) == UINT32_MAX)
        return KERN_FAILURE;
    sdhci_write(h, SDHCI_SIGNAL, 0);
    h->control_word = sdhci_read(h, SDHCI_CONTROL);
    h->clock_word = sdhci_read(h, SDHCI_CLOCK) & 0x00ffffff;
    h->found_power = (uint8_t)(h->control_word >> 8);
    h->found_1_8 = (sdhci_read16(h, SDHCI_CONTROL2) & CONTROL2_1_8) != 0;
    if ((h->clock_word & CLOCK_CARD) == 0 || !sdhci_card_there(h))
        return KERN_SUCCESS;
    if (!let_finish(h))
        stop_card(h);
    if (!sdhci_wait_data0(h, device_now(e) + SDHCI_PROGRAM_LIMIT))
        device_log(e, "the card stays busy; it is reset");
    sdhci_write(h, SDHCI_ENABLE, STATUS_NOTED);
    *in_use = !h->hung;
    return KERN_SUCCESS;
}

kern_return_t sdhci_quiesce(struct sdhci *h)
{
    h->hung = false;
    if (sdhci_reset_part(h, RESET_ALL) != KERN_SUCCESS)
        return KERN_FAILURE;
    if ((sdhci_read(h, SDHCI_PRESENT) & PRESENT_ACTIVE) != 0)
        return KERN_FAILURE;
    registers_settle();
    return KERN_SUCCESS;
}

/* ---- Capabilities, clock, power, bus ---- */

/* All clocks come from these, and they are read once in a driver's life: two readings have to agree. */
static uint32_t read_twice(const struct sdhci *h, uint32_t offset)
{
    uint32_t value = sdhci_read(h, offset), again = sdhci_read(h, offset);

    return value == again ? value : sdhci_read(h, offset);
}

kern_return_t sdhci_capabilities(struct sdhci *h, uint32_t base_clock)
{
    uint32_t caps = read_twice(h, SDHCI_CAPS);
    uint32_t version = read_twice(h, SDHCI_VERSION & ~3u);
    uint32_t megahertz;

    if (caps == UINT32_MAX || version == UINT32_MAX)
        return KERN_FAILURE;
    h->version = (uint8_t)(version >> (SDHCI_VERSION & 3) * 8);
    if (caps == 0)
        caps = h->kind->caps;
    megahertz = caps >> 8 & (h->version >= 2 ? 0xff : 0x3f);
    h->caps = caps;
    h->base_clock = base_clock != 0 ? base_clock : megahertz * 1000000;
    h->can_adma = !h->kind->no_dma && (caps & CAPS_ADMA2) != 0 &&
                  h->table.size >= 16 * sizeof(struct adma_descriptor) && h->table.bus % 8 == 0 &&
                  h->table.bus + h->table.size <= UINT64_C(1) << 32;
    h->can_sdma = !h->kind->no_dma && (caps & CAPS_SDMA) != 0;
    if (h->base_clock < SDHCI_IDENTIFY_CLOCK) {
        device_log(h->environment, "nobody knows the controller's base clock");
        return KERN_NOT_SUPPORTED;
    }
    if ((caps & (CAPS_3_3 | CAPS_3_0)) == 0) {
        device_log(h->environment, "the controller has no supply of 3.3 V (capabilities %08x)",
                   caps);
        return KERN_NOT_SUPPORTED;
    }
    return KERN_SUCCESS;
}

/* The divider for at most `hertz`, as it stands in the register. Version 3 divides by 2N, N of 10 bits; versions before by
 * powers of two up to 256. */
static uint16_t divider(const struct sdhci *h, uint32_t hertz, uint32_t *result)
{
    uint32_t n = 0;

    if (h->base_clock > hertz)
        n = (uint32_t)(((uint64_t)h->base_clock + 2 * (uint64_t)hertz - 1) / (2 * (uint64_t)hertz));
    if (h->version >= 2) {
        if (n > 1023)
            n = 1023;
    } else {
        uint32_t power = n == 0 ? 0 : 1;

        while (power < n && power < 128)
            power *= 2;
        n = power;
    }
    *result = n == 0 ? h->base_clock : h->base_clock / (2 * n);
    return (uint16_t)((n & 0xff) << 8 | (n >> 8 & 3) << 6);
}

kern_return_t sdhci_set_clock(struct sdhci *h, uint32_t hertz)
{
    const struct device_environment *e = h->environment;
    uint64_t limit;
    uint32_t result;
    uint16_t value = divider(h, hertz, &result);

    if (result < h->kind->slowest_clock)
        value = divider(h, h->kind->slowest_clock * 2 - 1, &result);
    sdhci_write16(h, SDHCI_CLOCK, 0);
    h->clock = 0;
    sdhci_write16(h, SDHCI_CLOCK, value | CLOCK_INTERNAL);
    limit = device_now(e) + SDHCI_CLOCK_LIMIT;
    while ((sdhci_read16(h, SDHCI_CLOCK) & CLOCK_STABLE) == 0) {
        if (device_now(e) >= limit)
            return KERN_FAILURE;
        device_sleep(e, 10 * DEVICE_MICROSECOND);
    }
    sdhci_write16(h, SDHCI_CLOCK, value | CLOCK_INTERNAL | CLOCK_CARD);
    h->clock = result;
    h->write_delay = 0;
    if (h->kind->words_only && result <= SDHCI_IDENTIFY_CLOCK)
        h->write_delay = (4 * DEVICE_SECOND + result - 1) / (result != 0 ? result : 1);
    device_sleep(e, 10 * DEVICE_MICROSECOND);
    return KERN_SUCCESS;
}

void sdhci_set_power(struct sdhci *h, bool on)
{
    uint8_t voltage = (h->caps & CAPS_3_3) != 0 ? POWER_3_3 : POWER_3_0;

    sdhci_write8(h, SDHCI_POWER, on ? voltage | POWER_ON : 0);
}

void sdhci_set_bus(struct sdhci *h, bool four_bits, bool high_speed)
{
    sdhci_write8(h, SDHCI_CONTROL,
                 (four_bits ? CONTROL_4BIT : 0) | (high_speed ? CONTROL_HIGH_SPEED : 0) |
                     (h->can_adma ? CONTROL_ADMA2 : 0));
}

bool sdhci_card_there(const struct sdhci *h)
{
    return !h->kind->card_detect || (sdhci_read(h, SDHCI_PRESENT) & PRESENT_CARD) != 0;
}

bool sdhci_card_writable(const struct sdhci *h)
{
    return !h->kind->write_protect || (sdhci_read(h, SDHCI_PRESENT) & PRESENT_WRITABLE) != 0;
}
