/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An SD host controller: registers, reset, clock, power, commands and their data. What the commands mean is card.h's.
 *
 * H1 A controller takes accesses of every width, or of aligned words only (struct sdhci_kind). Block size and count are one
 *    write, and so are mode and command: right for both.
 * H2 Nothing is waited for without an end: commands COMMAND_LIMIT, data by their size, resets RESET_LIMIT. Every loop reads the
 *    clock.
 * H3 A command that failed leaves the lines reset, so that the next can be tried; if even that fails, only a reset of all helps
 *    (`hung`).
 * H4 Interrupts are signalled only while somebody waits. A status is looked at a few times first: what the controller has done
 *    at once costs no interrupt. One that gets lost costs LOST_INTERRUPT, no more.
 * H5 No DMA runs outside of sdhci_execute(), nor after sdhci_quiesce() has said so; but while `hung` nobody knows.
 *
 * One thread uses a controller; no member has a lock.
 */
#pragma once

#include <libsys/device_logic.h>
#include <user/registers.h>

#include "sdhci_registers.h"

#define SDHCI_COMMAND_LIMIT  (100 * DEVICE_MILLISECOND)
#define SDHCI_RESET_LIMIT    (100 * DEVICE_MILLISECOND)
#define SDHCI_CLOCK_LIMIT    (150 * DEVICE_MILLISECOND)
#define SDHCI_FINISH_LIMIT   (2 * DEVICE_SECOND) /* what a dead driver began */
#define SDHCI_PROGRAM_LIMIT  (3 * DEVICE_SECOND) /* a card that programs */
#define SDHCI_LOST_INTERRUPT (100 * DEVICE_MILLISECOND)
#define SDHCI_IDENTIFY_CLOCK UINT32_C(400000)

/** How a make of controller differs from the specification. */
struct sdhci_kind {
    const char *name;
    /** Accesses of aligned words only, and at identification's clock four of its cycles between writes. */
    bool words_only;
    /** The slowest clock it bears, Hz. */
    uint32_t slowest_clock;
    /** What stands for its capabilities where it says none. */
    uint32_t caps;
    /** The end of a write cannot be relied upon: the card is asked. */
    bool confirm_writes;
    /** Has pins that tell of a card, and of its write protection. */
    bool card_detect;
    bool write_protect;
    /** No DMA of its own, whatever it claims. */
    bool no_dma;
};

extern const struct sdhci_kind sdhci_kind_pci;    /* host_pci.c */
extern const struct sdhci_kind sdhci_kind_emmc2;  /* host_emmc2.c */
extern const struct sdhci_kind sdhci_kind_arasan; /* host_arasan.c */

/** The kind for a `compatible` string of the device tree, or NULL. */
const struct sdhci_kind *sdhci_kind_of(const char *compatible);

struct sdhci {
    struct registers registers;
    const struct device_environment *environment;
    const struct sdhci_kind *kind;
    unsigned line;
    struct dma_memory table; /* of ADMA2's descriptors; size 0: there is none */
    uint32_t base_clock;     /* Hz */
    uint32_t caps;
    /* What stands in the words of SDHCI_CONTROL and SDHCI_CLOCK, where they cannot be written in parts. */
    uint32_t control_word, clock_word;
    uint8_t version;     /* 0: 1.00, 1: 2.00, 2: 3.00 */
    uint8_t found_power; /* SDHCI_POWER, as the driver found it */
    bool found_1_8;      /* it was signalling with 1.8 V then */
    bool can_adma, can_sdma;
    bool hung;            /* only sdhci_reset() helps (H3) */
    uint32_t clock;       /* of the card, Hz; 0: off */
    uint64_t write_delay; /* after each write, ns */
    uint32_t lost_interrupts;
    /* What this driver did last, for reports. */
    uint32_t last_status;
};

enum {
    SDHCI_SDMA_BOUNDARY = 512 * 1024, /* SDMA stops there, and is given the next address */
};

enum sdhci_way {
    SDHCI_BY_PIO,
    SDHCI_BY_SDMA,
    SDHCI_BY_ADMA2,
};

/** The data of a command. */
struct sdhci_data {
    enum sdhci_way way;
    bool write;
    bool stop; /* CMD12 follows by itself; its response is in response[3] */
    uint16_t block_size;
    uint16_t blocks;
    uint8_t *at;  /* PIO: 4-byte aligned */
    uint32_t bus; /* SDMA: where; ADMA2 takes the table */
};

struct sdhci_command {
    uint8_t index;
    uint8_t flags; /* COMMAND_... */
    uint32_t argument;
    struct sdhci_data *data;
    uint64_t busy_limit; /* how long the card may be busy after it, ns; 0: SDHCI_COMMAND_LIMIT */
    uint32_t errors;     /* bits of response[0] that make waiting for data pointless */
    uint32_t response[4];
};

uint8_t sdhci_read8(const struct sdhci *h, uint32_t offset);
uint16_t sdhci_read16(const struct sdhci *h, uint32_t offset);
void sdhci_write8(struct sdhci *h, uint32_t offset, uint8_t value);
void sdhci_write16(struct sdhci *h, uint32_t offset, uint16_t value);

static inline uint32_t sdhci_read(const struct sdhci *h, uint32_t offset)
{
    return register_read32(&h->registers, offset);
}

static inline void sdhci_write(struct sdhci *h, uint32_t offset, uint32_t value)
{
    register_write32(&h->registers, offset, value);
    if (h->write_delay != 0)
        device_sleep(h->environment, h->write_delay);
}

/** Whoever used the controller before, and wherever he was when he died: what the card was given gets written. Transfers get
 *  SDHCI_FINISH_LIMIT to end by themselves; a card that programs gets SDHCI_PROGRAM_LIMIT. *in_use: a card has a clock, and may
 *  be in the transfer state. KERN_FAILURE: the controller does not answer. */
kern_return_t sdhci_let_finish(struct sdhci *h, bool *in_use);
/** After this nothing moves any more. KERN_FAILURE: it cannot be reset; memory it was given is not safe. */
kern_return_t sdhci_quiesce(struct sdhci *h);

/** Reads what it can do. base_clock: Hz, where the controller cannot know; 0: it says so itself. KERN_NOT_SUPPORTED: no voltage or
 *  clock that is of use; KERN_FAILURE: it does not answer. */
kern_return_t sdhci_capabilities(struct sdhci *h, uint32_t base_clock);

/** Reset of all, then power at 3.3 V, no clock, one data line. KERN_FAILURE: it hangs. */
kern_return_t sdhci_reset(struct sdhci *h);
kern_return_t sdhci_reset_part(struct sdhci *h, uint8_t what);

/** As much clock as possible, at most `hertz`. KERN_FAILURE: it does not become stable. */
kern_return_t sdhci_set_clock(struct sdhci *h, uint32_t hertz);
void sdhci_set_power(struct sdhci *h, bool on);
void sdhci_set_bus(struct sdhci *h, bool four_bits, bool high_speed);

bool sdhci_card_there(const struct sdhci *h);
bool sdhci_card_writable(const struct sdhci *h);

/** Waits until DAT0 is high, or `moment`. */
bool sdhci_wait_data0(const struct sdhci *h, uint64_t moment);

/** Executes a command with its data.
 *  KERN_OPERATION_TIMED_OUT: no answer, or it did not end; KERN_BAD_FORMAT: an answer or data that came damaged;
 *  KERN_MEMORY_ERROR: response[0] has one of `errors`, data were not waited for; KERN_INVALID_ADDRESS: DMA failed;
 *  KERN_FAILURE: the controller is in no state to do it. */
kern_return_t sdhci_execute(struct sdhci *h, struct sdhci_command *command);

/* sdhci_wait.c: waits for any of `wanted` or an error. 0: the moment passed. */
uint32_t sdhci_wait_status(struct sdhci *h, uint32_t wanted, uint64_t moment);

/* sdhci_data.c */
void sdhci_data_prepare(struct sdhci *h, const struct sdhci_data *data);
kern_return_t sdhci_data_finish(struct sdhci *h, struct sdhci_command *command, uint64_t moment);
kern_return_t sdhci_status_error(uint32_t status);

/** Describes memory of at most `bytes` from segments, beginning `offset` into the first, for ADMA2: *described becomes how much
 *  the table holds, a multiple of 512. KERN_NOT_SUPPORTED: not for this controller. */
kern_return_t sdhci_describe(struct sdhci *h, const struct dma_segment *segments, unsigned count,
                             uint64_t offset, uint64_t bytes, uint64_t *described);
