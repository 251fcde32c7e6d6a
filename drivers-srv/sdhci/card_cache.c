/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache that cards have since SD 6.0, in the registers of the function "performance enhancement". They are reached by CMD48
 * and CMD49, which the selected card understands without being addressed: so a driver can save what its dead predecessor wrote.
 * Source: physical layer specification 6.00, 5.7 and 5.8.2.
 */
#include "card.h"

#include <string.h>

enum {
    PAGE = 512,
    GENERAL_COUNT = 4,  /* of the general information: how many functions */
    GENERAL_FIRST = 16, /* the first one's description */
    FUNCTION_CODE = 0,  /* of a description */
    FUNCTION_NEXT = 40,
    FUNCTION_SETS = 42,
    FUNCTION_ADDRESS = 44,
    FUNCTION_SIZE = 48,
    FUNCTION_PERFORMANCE = 2,
    FUNCTIONS_MAX = 8,
    PERFORMANCE_CACHE = 4,    /* bit 0: it has one */
    PERFORMANCE_ENABLE = 260, /* bit 0 */
    PERFORMANCE_FLUSH = 261,  /* bit 0: until it is done */
};
#define FLUSH_LIMIT (2 * DEVICE_SECOND) /* the specification: 1 s */

struct cache_place {
    uint8_t function;
    uint32_t address;
};

static kern_return_t read_page(struct sdhci *h, uint8_t function, uint32_t address, uint8_t *page)
{
    struct sdhci_data data = {.way = SDHCI_BY_PIO, .block_size = PAGE, .blocks = 1, .at = page};
    struct sdhci_command c = {.index = 48,
                              .flags = COMMAND_R1,
                              .argument =
                                  (uint32_t)function << 27 | (address & 0x1ffff) << 9 | (PAGE - 1),
                              .data = &data,
                              .errors = R1_ERRORS};

    return sdhci_execute(h, &c);
}

static kern_return_t write_byte(struct sdhci *h, uint8_t function, uint32_t address, uint8_t value)
{
    uint8_t page[PAGE] __attribute__((aligned(4))) = {value};
    struct sdhci_data data = {
        .way = SDHCI_BY_PIO, .write = true, .block_size = PAGE, .blocks = 1, .at = page};
    struct sdhci_command c = {.index = 49,
                              .flags = COMMAND_R1,
                              .argument = (uint32_t)function << 27 | (address & 0x1ffff) << 9,
                              .data = &data,
                              .errors = R1_ERRORS};
    kern_return_t kr = sdhci_execute(h, &c);

    if (kr == KERN_SUCCESS && !sdhci_wait_data0(h, device_now(h->environment) + FLUSH_LIMIT))
        kr = KERN_OPERATION_TIMED_OUT;
    return kr;
}

static uint32_t little(const uint8_t *at, unsigned size)
{
    uint32_t value = 0;

    while (size-- > 0)
        value = value << 8 | at[size];
    return value;
}

/* The description of the function in the general information, whose offsets are the card's: each is checked. */
static kern_return_t find_place(const uint8_t general[PAGE], struct cache_place *place)
{
    uint32_t at = GENERAL_FIRST;

    for (unsigned n = 0; n < general[GENERAL_COUNT] && n < FUNCTIONS_MAX; n++) {
        if (at < GENERAL_FIRST || at > PAGE - FUNCTION_SIZE)
            return KERN_BAD_FORMAT;
        if (little(general + at + FUNCTION_CODE, 2) == FUNCTION_PERFORMANCE &&
            general[at + FUNCTION_SETS] == 1) {
            uint32_t set = little(general + at + FUNCTION_ADDRESS, 4);

            place->function = (uint8_t)(set >> 18 & 15);
            place->address = set & 0x1ffff;
            return place->address % PAGE == 0 ? KERN_SUCCESS : KERN_BAD_FORMAT;
        }
        at = little(general + at + FUNCTION_NEXT, 2);
    }
    return KERN_NOT_FOUND;
}

static kern_return_t find_cache(struct sdhci *h, struct cache_place *place, bool *on)
{
    uint8_t page[PAGE] __attribute__((aligned(4)));
    kern_return_t kr = read_page(h, 0, 0, page);

    if (kr == KERN_SUCCESS)
        kr = find_place(page, place);
    if (kr == KERN_SUCCESS)
        kr = read_page(h, place->function, place->address, page);
    if (kr == KERN_SUCCESS && (page[PERFORMANCE_CACHE] & 1) == 0)
        kr = KERN_NOT_FOUND;
    if (kr == KERN_SUCCESS)
        *on = (page[PERFORMANCE_ENABLE] & 1) != 0;
    return kr;
}

static kern_return_t flush(struct sdhci *h, const struct cache_place *place)
{
    const struct device_environment *e = h->environment;
    uint64_t limit = device_now(e) + FLUSH_LIMIT;
    uint8_t page[PAGE] __attribute__((aligned(4)));
    kern_return_t kr = write_byte(h, place->function, place->address + PERFORMANCE_FLUSH, 1);

    while (kr == KERN_SUCCESS) {
        kr = read_page(h, place->function, place->address, page);
        if (kr != KERN_SUCCESS || (page[PERFORMANCE_FLUSH] & 1) == 0)
            break;
        if (device_now(e) >= limit)
            return KERN_OPERATION_TIMED_OUT;
        device_sleep(e, DEVICE_MILLISECOND);
    }
    return kr;
}

kern_return_t card_cache_enable(struct sdhci *h, struct sd_card *card)
{
    struct cache_place place;
    uint8_t page[PAGE] __attribute__((aligned(4)));
    bool on;
    kern_return_t kr;

    card->cache = false;
    if (!card->scr.extensions)
        return KERN_SUCCESS;
    kr = find_cache(h, &place, &on);
    if (kr == KERN_NOT_FOUND)
        return KERN_SUCCESS;
    if (kr == KERN_SUCCESS && !on)
        kr = write_byte(h, place.function, place.address + PERFORMANCE_ENABLE, 1);
    if (kr == KERN_SUCCESS)
        kr = read_page(h, place.function, place.address, page);
    if (kr != KERN_SUCCESS)
        return card_recover(h, card);
    card->cache = (page[PERFORMANCE_ENABLE] & 1) != 0;
    card->cache_function = place.function;
    card->cache_address = place.address;
    return KERN_SUCCESS;
}

kern_return_t card_cache_flush(struct sdhci *h, const struct sd_card *card)
{
    struct cache_place place = {card->cache_function, card->cache_address};

    return card->cache ? flush(h, &place) : KERN_SUCCESS;
}

void card_cache_rescue(struct sdhci *h)
{
    struct cache_place place;
    bool on = false;
    kern_return_t kr = find_cache(h, &place, &on);

    /* It may still be in a transfer that its driver has given up, or take the next command for an application's. */
    if (kr != KERN_SUCCESS && kr != KERN_NOT_FOUND) {
        struct sdhci_command stop = {.index = 12,
                                     .flags = COMMAND_R1B | COMMAND_ABORT,
                                     .busy_limit = SDHCI_PROGRAM_LIMIT};

        (void)(sdhci_execute(h, &stop) == KERN_SUCCESS);
        kr = find_cache(h, &place, &on);
    }
    if (kr == KERN_SUCCESS && on && flush(h, &place) != KERN_SUCCESS)
        device_log(h->environment, "the card's cache could not be flushed");
}
