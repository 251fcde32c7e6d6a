/* SPDX-License-Identifier: BSD-2-Clause */
/* Start and stop of a slot, facts, flush and discard (sd.h). */
#include "sd.h"

#include <string.h>

kern_return_t sd_start(struct sd *sd, const struct sd_config *config,
                       const struct device_environment *environment)
{
    struct sdhci *h = &sd->host;
    bool in_use;
    kern_return_t kr;

    memset(sd, 0, sizeof(*sd));
    sd->config = *config;
    h->registers = config->registers;
    h->environment = environment;
    h->kind = config->kind;
    h->line = config->line;
    if (!config->no_dma)
        h->table = config->table;
    kr = sdhci_let_finish(h, &in_use);
    if (kr == KERN_SUCCESS && in_use)
        card_cache_rescue(h);
    if (kr == KERN_SUCCESS)
        kr = sdhci_quiesce(h);
    if (kr != KERN_SUCCESS) {
        device_log(environment, "%s: the controller cannot be stopped", h->kind->name);
        return kr;
    }
    if (config->quiesced != NULL)
        config->quiesced(config->context);
    kr = sdhci_capabilities(h, config->base_clock);
    if (kr != KERN_SUCCESS)
        return kr;
    if (config->no_dma)
        h->can_adma = h->can_sdma = false;
    kr = sdhci_reset(h);
    if (kr != KERN_SUCCESS)
        return kr;
    (void)sd_check_medium(sd);
    return KERN_SUCCESS;
}

bool sd_stop(struct sd *sd)
{
    struct sdhci *h = &sd->host;

    if (sd->state == SD_MEDIUM_READY) {
        if (sd_flush(sd) != KERN_SUCCESS)
            device_log(h->environment, "the card could not be flushed");
        if (card_command(h, 0, COMMAND_NO_RESPONSE, 0, NULL) != KERN_SUCCESS)
            device_log(h->environment, "the card could not be made idle");
    }
    sd->state = SD_MEDIUM_NONE;
    const bool at_rest = sdhci_reset_part(h, RESET_ALL) == KERN_SUCCESS;
    if (!at_rest)
        device_log(h->environment, "the controller hangs in reset");
    sdhci_write8(h, SDHCI_POWER, h->found_power);
    registers_settle();
    return at_rest;
}

void sd_facts(const struct sd *sd, struct sd_facts *facts)
{
    const struct sdhci *h = &sd->host;
    const struct sd_card *card = &sd->card;

    *facts = (struct sd_facts){
        .state = sd->state,
        .medium = sd->medium,
        .removable = !sd->config.non_removable,
        .error = sd->error,
        .way = h->can_adma   ? SDHCI_BY_ADMA2
               : h->can_sdma ? SDHCI_BY_SDMA
                             : SDHCI_BY_PIO,
    };
    if (sd->state != SD_MEDIUM_READY)
        return;
    facts->blocks = card->csd.blocks;
    facts->read_only =
        card->csd.write_protected || (!sd->config.no_write_protect && !sdhci_card_writable(h));
    facts->volatile_cache = card->cache;
    facts->can_discard = (card->csd.classes & 1 << 5) != 0 && !facts->read_only;
    facts->clock = h->clock;
    facts->four_bits = card->four_bits;
    facts->high_speed = card->high_speed;
    cid_text(card->cid, facts->name, sizeof(facts->name));
}
