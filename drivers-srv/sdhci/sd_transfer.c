/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks in and out, with all that is tried before an error is one (sd.h, S1). */
#include "sd.h"

enum {
    PLAIN_TRIES = 3,
    /* Of a command: the dead driver's successor has to wait for the end of it (S3). */
    BLOCKS_OF_COMMAND = 8192,
};

/* Where a transfer is: blocks done, and how the next piece goes. */
struct piece {
    uint64_t block;
    uint64_t done; /* bytes of the transfer before it */
    struct sdhci_data data;
};

/* ---- Pieces ---- */

/* The piece of memory that `done` bytes lie before, contiguous for the device as far as it goes, and up to where SDMA would have
 * to be told to go on: not all controllers do. A single block may lie across. */
static kern_return_t contiguous(const struct block_transfer *t, uint64_t done, uint64_t most,
                                uint32_t *bus, uint64_t *length)
{
    uint64_t start = 0, run = 0, to_boundary;

    for (unsigned i = 0; i < t->segment_count && run < most; i++) {
        uint64_t at = t->segments[i].bus, size = t->segments[i].length;

        if (done >= size) {
            done -= size;
            continue;
        }
        if (run == 0)
            start = at + done;
        else if (at != start + run)
            break;
        run += size - done;
        done = 0;
    }
    to_boundary = SDHCI_SDMA_BOUNDARY - start % SDHCI_SDMA_BOUNDARY;
    if (to_boundary < CARD_BLOCK)
        to_boundary = CARD_BLOCK;
    if (run > most)
        run = most;
    if (run > to_boundary)
        run = to_boundary;
    run -= run % CARD_BLOCK;
    if (run == 0 || start % 4 != 0 || start >> 32 != 0 || (start + run - 1) >> 32 != 0)
        return KERN_NOT_SUPPORTED;
    *bus = (uint32_t)start;
    *length = run;
    return KERN_SUCCESS;
}

static kern_return_t plan_dma(struct sd *sd, const struct block_transfer *t, struct piece *p,
                              uint64_t most)
{
    struct sdhci *h = &sd->host;
    uint64_t bytes;

    if (t->segment_count == 0)
        return KERN_NOT_SUPPORTED;
    if (h->can_adma) {
        p->data.way = SDHCI_BY_ADMA2;
        if (sdhci_describe(h, t->segments, t->segment_count, p->done, most, &bytes) != KERN_SUCCESS)
            return KERN_NOT_SUPPORTED;
    } else if (h->can_sdma) {
        p->data.way = SDHCI_BY_SDMA;
        if (contiguous(t, p->done, most, &p->data.bus, &bytes) != KERN_SUCCESS)
            return KERN_NOT_SUPPORTED;
    } else {
        return KERN_NOT_SUPPORTED;
    }
    p->data.blocks = (uint16_t)(bytes / CARD_BLOCK);
    return KERN_SUCCESS;
}

/* How the next piece goes: by DMA if it can, else by the CPU if the memory is mapped. */
static kern_return_t plan(struct sd *sd, const struct block_transfer *t, struct piece *p)
{
    uint64_t left = t->count - p->done / CARD_BLOCK;

    if (left > BLOCKS_OF_COMMAND)
        left = BLOCKS_OF_COMMAND;
    p->block = t->block + p->done / CARD_BLOCK;
    p->data = (struct sdhci_data){.write = t->write};
    if (plan_dma(sd, t, p, left * CARD_BLOCK) == KERN_SUCCESS)
        return KERN_SUCCESS;
    if (t->at == NULL)
        return KERN_INVALID_ARGUMENT;
    p->data.way = SDHCI_BY_PIO;
    p->data.at = (uint8_t *)t->at + p->done;
    p->data.blocks = (uint16_t)left;
    return KERN_SUCCESS;
}

/* ---- Tries ---- */

static void slow_down(struct sd *sd)
{
    const struct device_environment *e = sd->host.environment;

    if (sd->limits.high_speed && sd->card.high_speed) {
        sd->limits.high_speed = false;
        device_log(e, "errors at %u Hz: the card is slowed down", sd->host.clock);
    } else if (sd->limits.four_bits && sd->card.four_bits) {
        sd->limits.four_bits = false;
        device_log(e, "errors on four data lines: one has to do");
    }
}

/* No more trying: what the caller is told. */
static kern_return_t verdict(struct sd *sd, kern_return_t kr, uint32_t r1, const struct piece *p)
{
    sd->statistics.errors++;
    if (kr == KERN_MEMORY_ERROR && (r1 & R1_WRITE_PROTECTED) != 0)
        return KERN_PROTECTION_FAILURE;
    if (kr == KERN_MEMORY_FAILURE || kr == KERN_INVALID_ARGUMENT)
        return kr;
    device_log(sd->host.environment, "%s of blocks %llu+%u failed: error %d, R1 %08x, status %08x",
               p->data.write ? "write" : "read", (unsigned long long)p->block, p->data.blocks,
               (int)kr, r1, sd->host.last_status);
    return KERN_MEMORY_ERROR;
}

/* The ladder: again; again; with the card started anew, slower; with the card started anew. After a refusal that nothing changes,
 * and for a medium that is bad, no more than the first. */
static kern_return_t move_piece(struct sd *sd, struct piece *p)
{
    struct sdhci *h = &sd->host;
    uint32_t r1;
    kern_return_t kr = card_move(h, &sd->card, p->block, &p->data, &r1);

    for (unsigned n = 1; kr != KERN_SUCCESS; n++) {
        bool back;

        if (kr == KERN_INVALID_ARGUMENT || !sd_card_there(sd))
            break;
        sd->statistics.retries++;
        back = !h->hung && card_recover(h, &sd->card) == KERN_SUCCESS;
        if (kr == KERN_MEMORY_ERROR && back &&
            ((r1 & (R1_WRITE_PROTECTED | R1_OUT_OF_RANGE | R1_ADDRESS)) != 0 ||
             ((r1 & R1_MEDIUM) != 0 && n >= PLAIN_TRIES)))
            return verdict(sd, kr, r1, p);
        if (n >= PLAIN_TRIES + 2)
            return verdict(sd, kr, r1, p);
        if (n >= PLAIN_TRIES || !back) {
            kern_return_t started;

            if (n < PLAIN_TRIES)
                n = PLAIN_TRIES; /* it does not come back: no use in plain tries */
            else
                slow_down(sd);
            started = sd_restart_card(sd);
            if (started != KERN_SUCCESS)
                return verdict(sd, started, r1, p);
        }
        kr = card_move(h, &sd->card, p->block, &p->data, &r1);
    }
    if (kr != KERN_SUCCESS && kr != KERN_INVALID_ARGUMENT)
        kr = verdict(sd, sd_restart_card(sd), r1, p); /* there is none: that is noted */
    return kr;
}

static kern_return_t ready(const struct sd *sd)
{
    return sd->state == SD_MEDIUM_READY && !sd->changed ? KERN_SUCCESS : KERN_MEMORY_FAILURE;
}

static kern_return_t writable(const struct sd *sd)
{
    if (sd->card.csd.write_protected)
        return KERN_PROTECTION_FAILURE;
    return sd->config.no_write_protect || sdhci_card_writable(&sd->host) ? KERN_SUCCESS
                                                                         : KERN_PROTECTION_FAILURE;
}

kern_return_t sd_transfer(struct sd *sd, const struct block_transfer *t)
{
    struct piece p = {0};
    uint64_t bytes = (uint64_t)t->count * CARD_BLOCK;
    kern_return_t kr = ready(sd);

    if (kr == KERN_SUCCESS && t->write)
        kr = writable(sd);
    if (kr != KERN_SUCCESS)
        return kr;
    if (t->count == 0 || t->block >= sd->card.csd.blocks ||
        t->count > sd->card.csd.blocks - t->block)
        return KERN_INVALID_ARGUMENT;
    while (p.done < bytes) {
        kr = plan(sd, t, &p);
        if (kr == KERN_SUCCESS)
            kr = move_piece(sd, &p);
        if (kr != KERN_SUCCESS)
            return kr;
        p.done += (uint64_t)p.data.blocks * CARD_BLOCK;
    }
    sd->statistics.lost_interrupts = sd->host.lost_interrupts;
    return KERN_SUCCESS;
}

/* ---- Flush and discard: tried again as transfers are, without going slower ---- */

enum order {
    ORDER_FLUSH,
    ORDER_DISCARD,
};

static kern_return_t order(struct sd *sd, enum order what, uint64_t block, uint64_t count)
{
    struct sdhci *h = &sd->host;
    kern_return_t kr = KERN_FAILURE;

    for (unsigned n = 0; n < PLAIN_TRIES; n++) {
        kr = what == ORDER_FLUSH ? card_cache_flush(h, &sd->card)
                                 : card_discard(h, &sd->card, block, count);
        if (kr == KERN_SUCCESS || kr == KERN_NOT_SUPPORTED || kr == KERN_INVALID_ARGUMENT)
            return kr;
        sd->statistics.retries++;
        if (h->hung || !sd_card_there(sd) || card_recover(h, &sd->card) != KERN_SUCCESS) {
            /* A cache that could not be flushed is lost with the card's start. */
            kern_return_t started = sd_restart_card(sd);

            if (started == KERN_MEMORY_FAILURE)
                kr = started;
            if (started != KERN_SUCCESS || what == ORDER_FLUSH)
                break;
        }
    }
    sd->statistics.errors++;
    return kr == KERN_MEMORY_FAILURE ? kr : KERN_MEMORY_ERROR;
}

kern_return_t sd_flush(struct sd *sd)
{
    kern_return_t kr = ready(sd);

    return kr == KERN_SUCCESS && sd->card.cache ? order(sd, ORDER_FLUSH, 0, 0) : kr;
}

kern_return_t sd_discard(struct sd *sd, uint64_t block, uint64_t count)
{
    kern_return_t kr = ready(sd);

    if (kr == KERN_SUCCESS)
        kr = writable(sd);
    if (kr == KERN_SUCCESS && count != 0)
        kr = order(sd, ORDER_DISCARD, block, count);
    return kr;
}
