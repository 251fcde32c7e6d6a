/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An SD memory card behind a host controller (sdhci.h), by the SD Association's simplified specification of the physical layer,
 * versions 3.01 and 6.00. At 3.3 V always: up to 25 MB/s.
 *
 * K1 Every register of a card is a stranger's words: the parsers (card_registers.c) say KERN_BAD_FORMAT, or leave out the feature.
 * K2 A card's answer to a command is looked at before its data are waited for, and again after a write: what could not be stored
 *    is never taken for stored.
 * K3 No command is given for blocks beyond the card's end.
 */
#pragma once

#include "sdhci.h"

enum {
    CARD_BLOCK = 512,
};

/** Bits of R1, the card status. */
enum {
    R1_STATE = 15 << 9,
    R1_READY = 1 << 8,
    R1_LOCKED = 1 << 25,
    R1_WRITE_PROTECTED = 1 << 26,
    R1_APP = 1 << 5,
};
#define R1_OUT_OF_RANGE (UINT32_C(1) << 31)
#define R1_ADDRESS      (UINT32_C(1) << 30) /* QEMU's word for out of range */
#define R1_ERRORS       UINT32_C(0xfdf9a008)
/** Of those the ones that say that the medium is bad, not the way to it: ECC, controller, general error. */
#define R1_MEDIUM       UINT32_C(0x00380000)

enum card_state {
    CARD_IDLE,
    CARD_READY,
    CARD_IDENTIFY,
    CARD_STANDBY,
    CARD_TRANSFER,
    CARD_SENDING,
    CARD_RECEIVING,
    CARD_PROGRAMMING,
    CARD_DISCONNECTED,
};

struct csd {
    uint64_t blocks;  /* of CARD_BLOCK bytes */
    uint16_t classes; /* bit n: command class n */
    bool version2;
    bool write_protected;
    bool erase_single;     /* blocks can be erased one by one */
    uint32_t erase_blocks; /* else so many at once */
};

struct scr {
    uint8_t version; /* SD_SPEC: 0: 1.0, 1: 1.10, 2: 2.00 or later */
    bool four_bits;
    bool extensions; /* CMD48 and CMD49 */
};

/** What CMD6 answers. */
struct switch_status {
    bool can_high_speed;
    uint8_t selected; /* function of group 1 */
};

/* Responses as the controller holds them: bit n of the register at bit n - 8. */
kern_return_t csd_parse(const uint32_t response[4], struct csd *csd);
kern_return_t scr_parse(const uint8_t bytes[8], struct scr *scr);
void switch_parse(const uint8_t bytes[64], struct switch_status *status);
/** Maker, product, revision, number and date of a card, for people; what is not printable becomes '.'. */
void cid_text(const uint32_t cid[4], char *text, size_t size);

/** What a card is used with at most. */
struct card_limits {
    bool four_bits;
    bool high_speed;
};

struct sd_card {
    uint32_t cid[4];
    struct csd csd;
    struct scr scr;
    uint16_t rca;
    bool block_addresses; /* SDHC, SDXC */
    bool four_bits, high_speed;
    bool can_discard; /* SD 5.1: CMD38 with "discard" */
    bool locked;      /* by a password */
    bool cache;       /* on, and here are its registers (card_cache.c) */
    uint8_t cache_function;
    uint32_t cache_address;
};

/** From power-on to the transfer state. The controller has been reset. limits: what to use if the card has it.
 *  KERN_MEMORY_FAILURE: nothing answers; KERN_OPERATION_TIMED_OUT, KERN_BAD_FORMAT: it does not go on answering, or in damaged
 *  words; KERN_NOT_SUPPORTED: no card for us (its voltage, its kind); KERN_NO_ACCESS: locked by a password. */
kern_return_t card_identify(struct sdhci *h, struct sd_card *card,
                            const struct card_limits *limits);
/** The part after the card has been selected: registers, width, speed. */
kern_return_t card_configure(struct sdhci *h, struct sd_card *card,
                             const struct card_limits *limits);

/** A command without data; errors are those of sdhci_execute(), and KERN_MEMORY_ERROR for one that R1 tells of. */
kern_return_t card_command(struct sdhci *h, uint8_t index, uint8_t flags, uint32_t argument,
                           uint32_t *response);
/** CMD55 and the application command. */
kern_return_t card_app_command(struct sdhci *h, const struct sd_card *card, uint8_t index,
                               uint8_t flags, uint32_t argument, uint32_t *response);
/** A register of `size` bytes that comes as data. app: an application command. */
kern_return_t card_read_register(struct sdhci *h, const struct sd_card *card, bool app,
                                 uint8_t index, uint32_t argument, void *at, uint16_t size);

/** CMD13. */
kern_return_t card_status(struct sdhci *h, const struct sd_card *card, uint32_t *r1);
/** Until the card is in the transfer state and ready, or the moment. *errors: what R1 told of on the way. */
kern_return_t card_wait_ready(struct sdhci *h, const struct sd_card *card, uint64_t moment,
                              uint32_t *errors);
/** After an error: back to the transfer state. */
kern_return_t card_recover(struct sdhci *h, const struct sd_card *card);

/** Moves blocks. Errors as sdhci_execute(); *r1: the card's word about it, if KERN_MEMORY_ERROR. */
kern_return_t card_move(struct sdhci *h, const struct sd_card *card, uint64_t block,
                        struct sdhci_data *data, uint32_t *r1);

/** Blocks whose content is not wanted any more. KERN_NOT_SUPPORTED: the card cannot erase. */
kern_return_t card_discard(struct sdhci *h, const struct sd_card *card, uint64_t block,
                           uint64_t count);

/* card_cache.c */
/** Looks for a cache and turns it on. A card without one is no error; other errors as sdhci_execute(), and the card has been
 *  brought back to the transfer state, or not (KERN_BAD_FORMAT). */
kern_return_t card_cache_enable(struct sdhci *h, struct sd_card *card);
/** What is in the cache is on the medium. Without a cache there is nothing to do. */
kern_return_t card_cache_flush(struct sdhci *h, const struct sd_card *card);
/** Flushes the cache of a card that another driver has left selected, before it is reset: to have said "written" binds beyond
 *  one's death. */
void card_cache_rescue(struct sdhci *h);
