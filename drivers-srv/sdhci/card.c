/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands to a card in the transfer state: blocks, status, recovery, erasing (card.h). */
#include "card.h"

enum {
    ERASE = 0,
    DISCARD = 1,
    ERASE_PIECE = 32 * 1024 * 2, /* blocks at a time: 32 MiB */
};
#define PROGRAM_LIMIT (2 * DEVICE_SECOND)  /* the specification allows 0.25 to 0.5 s */
#define ERASE_LIMIT   (10 * DEVICE_SECOND) /* of a piece */

kern_return_t card_command(struct sdhci *h, uint8_t index, uint8_t flags, uint32_t argument,
                           uint32_t *response)
{
    struct sdhci_command c = {.index = index, .flags = flags, .argument = argument};
    kern_return_t kr = sdhci_execute(h, &c);

    if (kr == KERN_SUCCESS && response != NULL)
        *response = c.response[0];
    return kr;
}

kern_return_t card_app_command(struct sdhci *h, const struct sd_card *card, uint8_t index,
                               uint8_t flags, uint32_t argument, uint32_t *response)
{
    uint32_t r1;
    kern_return_t kr = card_command(h, 55, COMMAND_R1, (uint32_t)card->rca << 16, &r1);

    if (kr == KERN_SUCCESS && (r1 & R1_APP) == 0)
        kr = KERN_BAD_FORMAT; /* what follows would be another command */
    if (kr == KERN_SUCCESS)
        kr = card_command(h, index, flags, argument, response);
    return kr;
}

kern_return_t card_read_register(struct sdhci *h, const struct sd_card *card, bool app,
                                 uint8_t index, uint32_t argument, void *at, uint16_t size)
{
    struct sdhci_data data = {.way = SDHCI_BY_PIO, .block_size = size, .blocks = 1, .at = at};
    struct sdhci_command c = {.index = index,
                              .flags = COMMAND_R1,
                              .argument = argument,
                              .data = &data,
                              .errors = R1_ERRORS};
    uint32_t r1;
    kern_return_t kr = KERN_SUCCESS;

    if (app)
        kr = card_command(h, 55, COMMAND_R1, (uint32_t)card->rca << 16, &r1);
    if (kr == KERN_SUCCESS && app && (r1 & R1_APP) == 0)
        kr = KERN_BAD_FORMAT;
    if (kr == KERN_SUCCESS)
        kr = sdhci_execute(h, &c);
    return kr;
}

/* ---- Status ---- */

kern_return_t card_status(struct sdhci *h, const struct sd_card *card, uint32_t *r1)
{
    return card_command(h, 13, COMMAND_R1, (uint32_t)card->rca << 16, r1);
}

kern_return_t card_wait_ready(struct sdhci *h, const struct sd_card *card, uint64_t moment,
                              uint32_t *errors)
{
    const struct device_environment *e = h->environment;
    uint64_t step = 50 * DEVICE_MICROSECOND;

    *errors = 0;
    for (;;) {
        uint32_t r1;
        kern_return_t kr = card_status(h, card, &r1);

        if (kr != KERN_SUCCESS)
            return kr;
        *errors |= r1 & R1_ERRORS;
        if ((r1 & R1_READY) != 0 && (r1 & R1_STATE) >> 9 == CARD_TRANSFER)
            return KERN_SUCCESS;
        if ((r1 & R1_STATE) >> 9 < CARD_TRANSFER)
            return KERN_BAD_FORMAT; /* it has been reset, or is another */
        if (device_now(e) >= moment)
            return KERN_OPERATION_TIMED_OUT;
        device_sleep(e, step);
        if (step < 2 * DEVICE_MILLISECOND)
            step *= 2;
    }
}

kern_return_t card_recover(struct sdhci *h, const struct sd_card *card)
{
    struct sdhci_command stop = {.index = 12,
                                 .flags = COMMAND_R1B | COMMAND_ABORT,
                                 .busy_limit = PROGRAM_LIMIT};
    uint32_t r1, errors;
    kern_return_t kr = card_status(h, card, &r1);

    if (kr == KERN_SUCCESS && (r1 & R1_STATE) >> 9 == CARD_TRANSFER && (r1 & R1_READY) != 0)
        return KERN_SUCCESS;                         /* CMD12 would be illegal */
    (void)(sdhci_execute(h, &stop) == KERN_SUCCESS); /* CMD13 tells whether it helped */
    return card_wait_ready(h, card, device_now(h->environment) + PROGRAM_LIMIT, &errors);
}

/* ---- Blocks ---- */

/* After a write, what the card has to say: by the response to the CMD12 that ended it, or by CMD13 (K2). */
static kern_return_t check_written(struct sdhci *h, const struct sd_card *card,
                                   const struct sdhci_command *c, uint32_t *r1)
{
    uint32_t errors = 0;
    kern_return_t kr = KERN_SUCCESS;

    if (!c->data->stop || h->kind->confirm_writes)
        kr = card_wait_ready(h, card, device_now(h->environment) + PROGRAM_LIMIT, &errors);
    if (kr != KERN_SUCCESS)
        return kr;
    if (c->data->stop)
        errors |= c->response[3] & R1_ERRORS;
    *r1 = errors;
    return errors != 0 ? KERN_MEMORY_ERROR : KERN_SUCCESS;
}

kern_return_t card_move(struct sdhci *h, const struct sd_card *card, uint64_t block,
                        struct sdhci_data *data, uint32_t *r1)
{
    struct sdhci_command c = {
        .index = (uint8_t)((data->write ? 24 : 17) + (data->blocks > 1 ? 1 : 0)),
        .flags = COMMAND_R1,
        .argument = (uint32_t)(card->block_addresses ? block : block * CARD_BLOCK),
        .data = data,
        .errors = R1_ERRORS,
    };
    kern_return_t kr;

    if (block >= card->csd.blocks || data->blocks > card->csd.blocks - block)
        return KERN_INVALID_ARGUMENT; /* K3 */
    data->block_size = CARD_BLOCK;
    data->stop = data->blocks > 1;
    *r1 = 0;
    kr = sdhci_execute(h, &c);
    if (kr == KERN_MEMORY_ERROR)
        *r1 = c.response[0] & R1_ERRORS;
    if (kr != KERN_SUCCESS)
        return kr;
    if (data->write)
        return check_written(h, card, &c, r1);
    /* A card may look ahead beyond its end; that it says so in the answer to CMD12 means nothing. */
    if (data->stop && (c.response[3] & R1_ERRORS & ~R1_OUT_OF_RANGE) != 0) {
        *r1 = c.response[3] & R1_ERRORS;
        return KERN_MEMORY_ERROR;
    }
    return KERN_SUCCESS;
}

/* ---- Discard ---- */

static kern_return_t erase_piece(struct sdhci *h, const struct sd_card *card, uint64_t first,
                                 uint64_t last)
{
    uint64_t unit = card->block_addresses ? 1 : CARD_BLOCK;
    struct sdhci_command erase = {.index = 38,
                                  .flags = COMMAND_R1B,
                                  .argument = card->can_discard ? DISCARD : ERASE,
                                  .busy_limit = ERASE_LIMIT,
                                  .errors = R1_ERRORS};
    uint32_t r1, errors;
    kern_return_t kr = card_command(h, 32, COMMAND_R1, (uint32_t)(first * unit), &r1);

    if (kr == KERN_SUCCESS && (r1 & R1_ERRORS) == 0)
        kr = card_command(h, 33, COMMAND_R1, (uint32_t)(last * unit), &r1);
    if (kr == KERN_SUCCESS && (r1 & R1_ERRORS) != 0)
        return KERN_MEMORY_ERROR;
    if (kr == KERN_SUCCESS)
        kr = sdhci_execute(h, &erase);
    if (kr == KERN_SUCCESS)
        kr = card_wait_ready(h, card, device_now(h->environment) + ERASE_LIMIT, &errors);
    if (kr == KERN_SUCCESS && errors != 0)
        kr = KERN_MEMORY_ERROR;
    return kr;
}

kern_return_t card_discard(struct sdhci *h, const struct sd_card *card, uint64_t block,
                           uint64_t count)
{
    uint64_t end = block + count, unit = card->csd.erase_single ? 1 : card->csd.erase_blocks;
    uint64_t most = ERASE_PIECE / unit * unit;

    if ((card->csd.classes & 1 << 5) == 0)
        return KERN_NOT_SUPPORTED;
    if (block >= card->csd.blocks || count > card->csd.blocks - block)
        return KERN_INVALID_ARGUMENT;
    /* A card that erases in units would take what lies around: only whole units are given to it. */
    block = (block + unit - 1) / unit * unit;
    end = end / unit * unit;
    while (block < end) {
        uint64_t piece = end - block < most ? end - block : most;
        kern_return_t kr = erase_piece(h, card, block, block + piece - 1);

        if (kr != KERN_SUCCESS)
            return kr;
        block += piece;
    }
    return KERN_SUCCESS;
}
