/* SPDX-License-Identifier: BSD-2-Clause */
/* From power-on to the transfer state (card.h). Steps and times are the physical layer specification's, 4.2 and 6.4. */
#include "card.h"

#include <string.h>

enum {
    OCR_READY = 1u << 31,
    OCR_CAPACITY = 1 << 30,
    OCR_WINDOW = 0x00ff8000, /* 2.7 to 3.6 V: what we may ask for */
    OCR_3_3 = 3 << 20,       /* 3.2 to 3.4 V: what it gets */
    CHECK_PATTERN = 0x1aa,   /* CMD8: 2.7 to 3.6 V */
    TRIES = 3,
    RCA_TRIES = 4,
};
#define POWER_UP_LIMIT (1200 * DEVICE_MILLISECOND) /* the card has a second */

/* A card that came back from an error may have been in the middle of anything: CMD0 is understood in every state. */
static void go_idle(struct sdhci *h)
{
    if (card_command(h, 0, COMMAND_NO_RESPONSE, 0, NULL) != KERN_SUCCESS)
        return; /* what follows will fail, and say why */
    device_sleep(h->environment, DEVICE_MILLISECOND);
}

/* CMD8: *version2 if the card knows it. One of version 1 says nothing. */
static kern_return_t check_interface(struct sdhci *h, bool *version2)
{
    kern_return_t kr = KERN_FAILURE;

    *version2 = false;
    for (unsigned n = 0; n < TRIES; n++) {
        uint32_t response;

        go_idle(h);
        kr = card_command(h, 8, COMMAND_R1, CHECK_PATTERN, &response);
        if (kr == KERN_SUCCESS && (response & 0xfff) == CHECK_PATTERN) {
            *version2 = true;
            return KERN_SUCCESS;
        }
        if (kr == KERN_SUCCESS)
            kr = KERN_NOT_SUPPORTED; /* another voltage, or another answer */
        else if (kr == KERN_FAILURE)
            return kr;
    }
    go_idle(h);
    return kr == KERN_OPERATION_TIMED_OUT ? KERN_SUCCESS : kr;
}

static kern_return_t ask_condition(struct sdhci *h, const struct sd_card *card, uint32_t argument,
                                   uint32_t *ocr)
{
    kern_return_t kr = KERN_FAILURE;

    for (unsigned n = 0; n < TRIES; n++) {
        kr = card_app_command(h, card, 41, COMMAND_R3, argument, ocr);
        if (kr == KERN_SUCCESS || kr == KERN_FAILURE)
            break;
        if (kr == KERN_OPERATION_TIMED_OUT)
            kr = KERN_MEMORY_FAILURE; /* nobody there, or no memory card */
    }
    return kr;
}

static kern_return_t power_up(struct sdhci *h, struct sd_card *card, bool version2)
{
    const struct device_environment *e = h->environment;
    uint64_t limit = device_now(e) + POWER_UP_LIMIT, step = DEVICE_MILLISECOND;
    uint32_t argument = OCR_WINDOW | (version2 ? OCR_CAPACITY : 0), ocr;

    card->rca = 0;
    for (;;) {
        kern_return_t kr = ask_condition(h, card, argument, &ocr);

        if (kr != KERN_SUCCESS)
            return kr;
        if ((ocr & OCR_3_3) != OCR_3_3)
            return KERN_NOT_SUPPORTED;
        if ((ocr & OCR_READY) != 0)
            break;
        if (device_now(e) >= limit)
            return KERN_OPERATION_TIMED_OUT;
        device_sleep(e, step);
        if (step < 10 * DEVICE_MILLISECOND)
            step *= 2;
    }
    card->block_addresses = version2 && (ocr & OCR_CAPACITY) != 0;
    return KERN_SUCCESS;
}

static kern_return_t get_address(struct sdhci *h, struct sd_card *card)
{
    for (unsigned n = 0; n < RCA_TRIES; n++) {
        uint32_t response;
        kern_return_t kr = card_command(h, 3, COMMAND_R1, 0, &response);

        if (kr != KERN_SUCCESS)
            return kr;
        card->rca = (uint16_t)(response >> 16);
        if (card->rca != 0) /* 0 would be all cards */
            return KERN_SUCCESS;
    }
    return KERN_BAD_FORMAT;
}

static kern_return_t read_long(struct sdhci *h, uint8_t index, uint32_t argument,
                               uint32_t response[4])
{
    struct sdhci_command c = {.index = index, .flags = COMMAND_R2, .argument = argument};
    kern_return_t kr = sdhci_execute(h, &c);

    if (kr == KERN_SUCCESS)
        memcpy(response, c.response, sizeof(c.response));
    return kr;
}

/* CID and CSD decide where blocks go, and come without a check sum that reaches us: both are read twice. */
static kern_return_t read_identity(struct sdhci *h, struct sd_card *card, uint32_t csd[4])
{
    uint32_t again[4] = {0}, address;
    kern_return_t kr = read_long(h, 2, 0, card->cid);

    if (kr == KERN_SUCCESS)
        kr = get_address(h, card);
    address = (uint32_t)card->rca << 16;
    if (kr == KERN_SUCCESS)
        kr = read_long(h, 9, address, csd);
    if (kr == KERN_SUCCESS)
        kr = read_long(h, 10, address, again);
    if (kr == KERN_SUCCESS && memcmp(again, card->cid, sizeof(again)) != 0)
        kr = KERN_BAD_FORMAT;
    if (kr == KERN_SUCCESS)
        kr = read_long(h, 9, address, again);
    if (kr == KERN_SUCCESS && memcmp(again, csd, sizeof(again)) != 0)
        kr = KERN_BAD_FORMAT;
    return kr;
}

/* Who it is, and into the transfer state. */
static kern_return_t select_card(struct sdhci *h, struct sd_card *card)
{
    uint32_t csd[4], r1 = 0;
    kern_return_t kr = read_identity(h, card, csd);

    if (kr == KERN_SUCCESS)
        kr = csd_parse(csd, &card->csd);
    if (kr == KERN_SUCCESS && card->csd.version2 != card->block_addresses)
        kr = KERN_BAD_FORMAT; /* it contradicts itself about how blocks are numbered */
    if (kr == KERN_SUCCESS)
        kr = card_command(h, 7, COMMAND_R1B, (uint32_t)card->rca << 16, &r1);
    if (kr == KERN_SUCCESS && (r1 & R1_LOCKED) != 0)
        kr = KERN_NO_ACCESS;
    return kr;
}

kern_return_t card_identify(struct sdhci *h, struct sd_card *card, const struct card_limits *limits)
{
    bool version2;
    kern_return_t kr;

    memset(card, 0, sizeof(*card));
    sdhci_set_bus(h, false, false);
    kr = sdhci_set_clock(h, SDHCI_IDENTIFY_CLOCK);
    if (kr != KERN_SUCCESS)
        return kr;
    device_sleep(h->environment, 2 * DEVICE_MILLISECOND); /* a millisecond, and 74 clocks */
    kr = check_interface(h, &version2);
    if (kr == KERN_SUCCESS)
        kr = power_up(h, card, version2);
    if (kr == KERN_SUCCESS)
        kr = select_card(h, card);
    if (kr == KERN_SUCCESS)
        kr = card_configure(h, card, limits);
    return kr;
}
