/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A slot with an SD card, as its server sees it (main.c): start, blocks in and out, flush, discard, which medium is there, stop.
 *
 * S1 Every call ends: a transfer is tried three times, then slower, then with the card started anew, then it is an error of its
 *    own. One fault never makes the next request fail.
 * S2 No block is written to another card than the one that was there when the caller last looked (sd_check_medium()): a card
 *    that answers after it was started anew has to be the same one.
 * S3 Started with a controller and a card in any state: what is under way ends or is ended, what the card was given gets written,
 *    then `quiesced` is called, and only from then on memory is given to the controller.
 * S4 A transfer whose memory the controller reaches is not copied.
 *
 * One thread calls all of it; no member has a lock.
 */
#pragma once

#include "card.h"

/** Supplies outside of the controller. A NULL function: that supply cannot be switched. */
struct sd_supplies {
    void *context;
    /** The card's own supply. */
    kern_return_t (*card_power)(void *context, bool on);
    /** The supply of its lines: 3.3 V, which is all we use. */
    kern_return_t (*lines_3_3)(void *context);
    /** True if the lines have 1.8 V. */
    bool (*lines_are_1_8)(void *context);
};

struct sd_config {
    const struct sdhci_kind *kind; /* sdhci_kind_of() */
    struct registers registers;
    unsigned line;
    /** For descriptors, 8 bytes each, one for each 64 KiB and each piece of a transfer; size 0: no ADMA2. */
    struct dma_memory table;
    uint32_t base_clock; /* Hz; 0: the controller says it */
    bool one_bit;        /* only one data line is connected */
    bool slow;           /* no high speed */
    bool no_dma;         /* memory is out of its reach */
    bool no_write_protect;
    bool non_removable;                 /* a card is there, whatever the pin says */
    bool broken_detect;                 /* the pin says nothing */
    bool use_cache;                     /* turn the card's cache on: sd_flush() then matters */
    const struct sd_supplies *supplies; /* NULL: none; kept */
    /** No DMA can be under way any more (S3). */
    void (*quiesced)(void *context);
    void *context;
};

enum sd_medium {
    SD_MEDIUM_NONE,     /* no card, or none that answers */
    SD_MEDIUM_UNUSABLE, /* a card that cannot be used; why is in facts.error */
    SD_MEDIUM_READY,
};

struct sd_facts {
    enum sd_medium state;
    uint32_t medium; /* goes up when another card is there */
    uint64_t blocks; /* of 512 bytes; 0 without a medium */
    bool read_only;
    bool removable;
    bool volatile_cache;
    bool can_discard;
    kern_return_t error; /* of the last start of the card */
    uint32_t clock;      /* Hz */
    bool four_bits, high_speed;
    enum sdhci_way way; /* of the common transfer */
    char name[48];      /* cid_text() */
};

struct sd_statistics {
    uint32_t retries;
    uint32_t restarts; /* of the card, on errors */
    uint32_t errors;   /* that callers have seen */
    uint32_t lost_interrupts;
};

struct sd {
    struct sdhci host;
    struct sd_card card;
    struct sd_config config;
    struct card_limits limits; /* what the present medium is used with; goes down on errors */
    enum sd_medium state;
    bool changed; /* S2: another card than the caller knows of; nothing moves until he has looked */
    bool seen;    /* there was a card since the start: known_cid */
    bool removed; /* the pin said so since */
    uint32_t medium;
    uint32_t known_cid[4];
    uint64_t known_blocks;
    kern_return_t error;
    uint64_t next_try; /* S1: of an unusable card; grows */
    unsigned tries;
    struct sd_statistics statistics;
};

/** KERN_SUCCESS also without a usable card: sd_facts() says, sd_check_medium() looks again.
 *  KERN_FAILURE: the controller does not answer or cannot be stopped; if `quiesced` was called, it has stopped;
 *  KERN_NOT_SUPPORTED: no clock or voltage for a card. */
kern_return_t sd_start(struct sd *sd, const struct sd_config *config,
                       const struct device_environment *environment);

/** Moves blocks. KERN_INVALID_ARGUMENT: beyond the end, or no memory that can be used; KERN_PROTECTION_FAILURE: it cannot be
 *  written; KERN_MEMORY_FAILURE: no medium, or another one than the caller knows; KERN_MEMORY_ERROR: it failed, after all tries.
 *  What was written of a transfer that failed is not known. */
kern_return_t sd_transfer(struct sd *sd, const struct block_transfer *transfer);

/** All that was written is on the medium. Errors as sd_transfer(). */
kern_return_t sd_flush(struct sd *sd);

/** What the blocks hold is not wanted any more. As sd_transfer(), and KERN_NOT_SUPPORTED. */
kern_return_t sd_discard(struct sd *sd, uint64_t block, uint64_t count);

/** To be called about once a second while nothing else goes on, and after KERN_MEMORY_FAILURE: was the card taken out or put in?
 *  True if facts have changed. */
bool sd_check_medium(struct sd *sd);

void sd_facts(const struct sd *sd, struct sd_facts *facts);

/** What was written is on the medium, the card idle, the controller reset and its power as it was found. False: it hangs, and may go on
 *  touching memory. */
bool sd_stop(struct sd *sd);

/* sd_medium.c, for sd_transfer.c: starts the card anew. KERN_SUCCESS: the same one works again; KERN_MEMORY_FAILURE: it is not
 * there, or another; else what is wrong. */
kern_return_t sd_restart_card(struct sd *sd);
bool sd_card_there(const struct sd *sd);
