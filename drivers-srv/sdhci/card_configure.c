/* SPDX-License-Identifier: BSD-2-Clause */
/* A selected card: what it can, width of its bus, speed (card.h). Features that a card has not, or lies about, are left out. */
#include "card.h"

#include <string.h>

enum {
    CLASS_ERASE = 1 << 5,
    CLASS_SWITCH = 1 << 10,
    SWITCH_LOOK = 0x00fffff1, /* CMD6: group 1 to function 1, all else as it is */
    SWITCH_SET = 0x80fffff1,
    SELECTED_HIGH_SPEED = 1,
    STATUS_BYTES = 64,
    STATUS_DISCARD_BYTE = 24, /* of the SD status: bit 313 */
    STATUS_DISCARD = 1 << 1,
    CLOCK_DEFAULT = 25000000,
    CLOCK_HIGH_SPEED = 50000000,
    TRIES = 2,
};

static kern_return_t read_scr(struct sdhci *h, struct sd_card *card)
{
    uint8_t bytes[8] __attribute__((aligned(4)));
    kern_return_t kr = KERN_FAILURE;

    for (unsigned n = 0; n < TRIES && kr != KERN_SUCCESS; n++) {
        kr = card_read_register(h, card, true, 51, 0, bytes, sizeof(bytes));
        if (kr == KERN_SUCCESS)
            kr = scr_parse(bytes, &card->scr);
    }
    return kr;
}

/* The SD status says little that we want; that it comes undamaged tells that lines and clock are good. */
static kern_return_t try_lines(struct sdhci *h, struct sd_card *card)
{
    uint8_t bytes[STATUS_BYTES] __attribute__((aligned(4)));
    kern_return_t kr = card_read_register(h, card, true, 13, 0, bytes, sizeof(bytes));

    if (kr == KERN_SUCCESS)
        card->can_discard = (card->csd.classes & CLASS_ERASE) != 0 &&
                            (bytes[STATUS_DISCARD_BYTE] & STATUS_DISCARD) != 0;
    return kr;
}

static kern_return_t widen(struct sdhci *h, struct sd_card *card)
{
    kern_return_t kr = card_app_command(h, card, 6, COMMAND_R1, 2, NULL);

    if (kr != KERN_SUCCESS)
        return kr;
    card->four_bits = true;
    sdhci_set_bus(h, true, card->high_speed);
    return try_lines(h, card);
}

static kern_return_t speed_up(struct sdhci *h, struct sd_card *card)
{
    uint8_t bytes[64] __attribute__((aligned(4)));
    struct switch_status status;
    kern_return_t kr = card_read_register(h, card, false, 6, SWITCH_LOOK, bytes, sizeof(bytes));

    if (kr != KERN_SUCCESS)
        return kr;
    switch_parse(bytes, &status);
    if (!status.can_high_speed || status.selected != SELECTED_HIGH_SPEED)
        return KERN_SUCCESS;
    kr = card_read_register(h, card, false, 6, SWITCH_SET, bytes, sizeof(bytes));
    if (kr != KERN_SUCCESS)
        return kr;
    switch_parse(bytes, &status);
    if (status.selected != SELECTED_HIGH_SPEED)
        return KERN_SUCCESS; /* it changed its mind */
    device_sleep(h->environment, 10 * DEVICE_MICROSECOND);
    sdhci_set_bus(h, card->four_bits, true);
    kr = sdhci_set_clock(h, CLOCK_HIGH_SPEED);
    if (kr != KERN_SUCCESS)
        return kr;
    card->high_speed = true;
    return try_lines(h, card);
}

kern_return_t card_configure(struct sdhci *h, struct sd_card *card,
                             const struct card_limits *limits)
{
    kern_return_t kr = sdhci_set_clock(h, CLOCK_DEFAULT);

    if (kr == KERN_SUCCESS && !card->block_addresses)
        kr = card_command(h, 16, COMMAND_R1, CARD_BLOCK, NULL);
    if (kr != KERN_SUCCESS)
        return kr;
    if (read_scr(h, card) != KERN_SUCCESS) {
        /* Old and plain it is then. Whether anything can be read the first block will tell. */
        memset(&card->scr, 0, sizeof(card->scr));
        device_log(h->environment, "the card's SCR makes no sense: one data line, 25 MHz");
        return card_recover(h, card);
    }
    if (limits->four_bits && card->scr.four_bits)
        kr = widen(h, card);
    else if (try_lines(h, card) != KERN_SUCCESS)
        kr = card_recover(h, card);
    if (kr == KERN_SUCCESS && limits->high_speed && card->scr.version >= 1 &&
        (card->csd.classes & CLASS_SWITCH) != 0 && (h->caps & CAPS_HIGH_SPEED) != 0)
        kr = speed_up(h, card);
    return kr;
}
