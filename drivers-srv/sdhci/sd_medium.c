/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which card is there (sd.h, S2). A card is known by its CID and size. One that was taken out is another when it comes back, even
 * if it is the same: who knows where it has been.
 */
#include "sd.h"

#include <string.h>

enum {
    WAITS = 3, /* doublings of the time between tries of a card that cannot be used */
};

bool sd_card_there(const struct sd *sd)
{
    return sd->config.non_removable || sd->config.broken_detect || sdhci_card_there(&sd->host);
}

/* Its lines may have been left at 1.8 V, which only a loss of power undoes; or nothing else has helped. */
static void cycle_power(struct sd *sd)
{
    const struct sd_supplies *s = sd->config.supplies;
    const struct device_environment *e = sd->host.environment;
    bool ok = true;

    sdhci_set_power(&sd->host, false);
    if (s != NULL && s->card_power != NULL)
        ok = s->card_power(s->context, false) == KERN_SUCCESS;
    if (s != NULL && s->lines_3_3 != NULL)
        ok = s->lines_3_3(s->context) == KERN_SUCCESS && ok;
    device_sleep(e, 20 * DEVICE_MILLISECOND);
    if (s != NULL && s->card_power != NULL)
        ok = s->card_power(s->context, true) == KERN_SUCCESS && ok;
    sdhci_set_power(&sd->host, true);
    device_sleep(e, 20 * DEVICE_MILLISECOND);
    if (!ok)
        device_log(e, "the card's supply cannot be switched");
}

static bool lines_are_1_8(struct sd *sd)
{
    const struct sd_supplies *s = sd->config.supplies;
    bool found = sd->host.found_1_8;

    sd->host.found_1_8 = false;
    return found || (s != NULL && s->lines_are_1_8 != NULL && s->lines_are_1_8(s->context));
}

/* One start of the card, with the present limits. */
static kern_return_t identify(struct sd *sd, bool power)
{
    struct sdhci *h = &sd->host;
    kern_return_t kr = sdhci_reset(h);

    if (kr != KERN_SUCCESS)
        return kr;
    if (power || lines_are_1_8(sd))
        cycle_power(sd);
    kr = card_identify(h, &sd->card, &sd->limits);
    if (kr == KERN_SUCCESS && sd->config.use_cache)
        kr = card_cache_enable(h, &sd->card);
    return kr;
}

/* Down from the fastest until it works: high speed, 25 MHz, one line. */
static kern_return_t identify_somehow(struct sd *sd)
{
    kern_return_t kr = identify(sd, false);

    for (unsigned n = 0; n < 4; n++) {
        if (kr == KERN_SUCCESS || kr == KERN_NOT_SUPPORTED || kr == KERN_NO_ACCESS ||
            sd->host.hung || !sd_card_there(sd))
            return kr;
        if (n == 0) {
            if (sd->tries == 0 || kr != KERN_MEMORY_FAILURE)
                kr = identify(sd, true);
            continue;
        }
        if (kr == KERN_MEMORY_FAILURE)
            return kr; /* nobody answers at the slowest clock */
        if (sd->limits.high_speed)
            sd->limits.high_speed = false;
        else if (sd->limits.four_bits)
            sd->limits.four_bits = false;
        else
            return kr;
        kr = identify(sd, false);
    }
    return kr;
}

static bool is_known(const struct sd *sd)
{
    return sd->seen && !sd->removed && sd->known_blocks == sd->card.csd.blocks &&
           memcmp(sd->known_cid, sd->card.cid, sizeof(sd->known_cid)) == 0;
}

static void full_limits(struct sd *sd)
{
    sd->limits =
        (struct card_limits){.four_bits = !sd->config.one_bit, .high_speed = !sd->config.slow};
}

static void learn(struct sd *sd)
{
    memcpy(sd->known_cid, sd->card.cid, sizeof(sd->known_cid));
    sd->known_blocks = sd->card.csd.blocks;
    sd->seen = true;
    sd->removed = false;
    sd->medium++;
}

/* The card has been started, or not. */
static void settle(struct sd *sd, kern_return_t kr)
{
    const struct device_environment *e = sd->host.environment;
    bool there = kr != KERN_MEMORY_FAILURE && sd_card_there(sd);

    sd->error = kr;
    if (kr == KERN_SUCCESS) {
        sd->state = SD_MEDIUM_READY;
        sd->tries = 0;
        sd->next_try = 0;
        return;
    }
    sd->state = there ? SD_MEDIUM_UNUSABLE : SD_MEDIUM_NONE;
    sd->next_try = device_now(e) + (DEVICE_SECOND << sd->tries) / 2;
    if (sd->tries < WAITS)
        sd->tries++;
    if (there && sd->tries == 1)
        device_log(e, "a card that cannot be used: error %d, status %08x", (int)kr,
                   sd->host.last_status);
}

kern_return_t sd_restart_card(struct sd *sd)
{
    kern_return_t kr;

    sd->statistics.restarts++;
    if (!sd_card_there(sd)) {
        sd->removed = true;
        kr = KERN_MEMORY_FAILURE;
    } else {
        kr = identify_somehow(sd);
    }
    settle(sd, kr);
    if (kr != KERN_SUCCESS) {
        sd->changed = true; /* it was ready: sd_check_medium() has that to tell */
        return kr;
    }
    if (is_known(sd))
        return KERN_SUCCESS;
    learn(sd);
    sd->changed = true;
    return KERN_MEMORY_FAILURE;
}

/* A card is known to be ready: is it still? Without a pin it is asked. */
static bool still_there(struct sd *sd)
{
    uint32_t r1;

    if (!sd_card_there(sd)) {
        sd->removed = true;
        return false;
    }
    if (sd->host.kind->card_detect && !sd->config.broken_detect)
        return true;
    for (unsigned n = 0; n < 3; n++)
        if (card_status(&sd->host, &sd->card, &r1) == KERN_SUCCESS &&
            (r1 & R1_STATE) >> 9 >= CARD_TRANSFER)
            return true;
    return false;
}

/* The next card is tried as soon as it is there. */
static void expect(struct sd *sd)
{
    sd->tries = 0;
    sd->next_try = 0;
}

bool sd_check_medium(struct sd *sd)
{
    const struct device_environment *e = sd->host.environment;
    enum sd_medium before = sd->state;
    uint32_t medium = sd->medium;
    bool changed = sd->changed;
    kern_return_t kr;

    sd->changed = false;
    if (before == SD_MEDIUM_READY) {
        if (still_there(sd))
            return changed;
        settle(sd, KERN_MEMORY_FAILURE);
        expect(sd);
    }
    if (!sd_card_there(sd)) {
        sd->removed = true;
        settle(sd, KERN_MEMORY_FAILURE);
        expect(sd);
        return changed || before != SD_MEDIUM_NONE;
    }
    if (device_now(e) < sd->next_try)
        return changed || before != sd->state;
    full_limits(sd);
    kr = identify_somehow(sd);
    settle(sd, kr);
    if (kr == KERN_SUCCESS && !is_known(sd))
        learn(sd);
    return changed || before != sd->state || medium != sd->medium;
}
