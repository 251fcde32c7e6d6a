/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A simulated SD host controller with a card, a clock that only the test's accesses and waits move, memory with bus addresses, and
 * faults. Written from the specifications (simplified host controller 3.00, physical layer 3.01 and 6.00), not from the driver:
 * sim_card.c knows no controller, sim_controller.c no driver.
 *
 * M1 What a card has taken is in its flash when its busy time is over. Reset or powered off before, the blocks are rubbish, and
 *    `torn` counts them. What is in its cache is gone then.
 * M2 DMA into memory that nobody has given to the controller ends the test.
 * M3 A register of a words_only controller that is accessed otherwise ends the test. Of two writes to registers within two clocks
 *    of identification, the second is lost, as on hardware.
 */
#pragma once

#include <setjmp.h>

#include "../../check.h"
#include "sd.h"

enum {
    SIM_MEMORY = 4 << 20,
    SIM_BUS = 0x10000000, /* address of the memory's first byte */
    SIM_PENDING = 2100,
    SIM_CARD_BLOCKS = 8192, /* the largest card */
    SIM_NEVER_LINE = 3,
};
#define SIM_NEVER UINT64_MAX

/* ---- The card ---- */

enum sim_answer { SIM_SILENT, SIM_R1, SIM_R1B, SIM_R2, SIM_R3, SIM_R6, SIM_R7 };
enum sim_flow { SIM_NO_DATA, SIM_FROM_CARD, SIM_TO_CARD };

struct sim_card {
    bool present;
    /* What it is: for the test to change before it is put in. */
    bool version2, high_capacity, block_erase;
    bool can_high_speed, can_four_bits, has_cache, can_discard;
    bool never_ready;  /* ACMD41 */
    bool lines_at_1_8; /* answers nothing until its supply was off */
    bool powered;      /* by the external supply */
    uint32_t ocr;      /* without ready and capacity */
    uint32_t cid[4], csd[4];
    uint8_t scr[8];
    bool csd_lies, scr_lies;
    unsigned zero_addresses; /* CMD3 answers 0 so often */
    uint64_t blocks;
    uint8_t *flash;
    uint64_t program_time, read_latency;

    /* What it does. */
    enum card_state state;
    bool app, high_speed, four_bits, cache_on;
    uint16_t rca;
    uint32_t status;     /* error bits to be told of */
    uint64_t busy_until; /* M1 */
    uint64_t ready_at;   /* ACMD41 */
    unsigned asked;      /* ACMD41, how often */
    uint64_t position;   /* next block of a transfer */
    bool single;
    uint32_t erase_first, erase_last;
    uint32_t block_length;
    enum { SIM_BLOCKS, SIM_SCR, SIM_SD_STATUS, SIM_SWITCH, SIM_EXTENSION } source;
    uint32_t argument; /* of the transfer's command */
    struct sim_pending {
        uint64_t block;
        uint8_t data[CARD_BLOCK];
    } * pending;
    unsigned pending_count;
    uint8_t *cached; /* one byte a block: it is in `cache` only */
    uint8_t *cache;
    uint64_t torn, lost; /* M1: blocks */
    uint64_t
        bad_store; /* a block that cannot be written: told of by CMD12 or CMD13 only; SIM_NEVER: none */
    uint64_t bad_block; /* reading it is an error; SIM_NEVER: none */
    uint64_t illegal;   /* commands that it did not understand */
    uint64_t erased;
};

void sim_card_make(struct sim_card *card, bool high_capacity, uint64_t blocks);
void sim_card_power(struct sim_card *card, uint64_t now, bool on);
/** Time has come to `now`: busy times end. */
void sim_card_tick(struct sim_card *card, uint64_t now);
bool sim_card_busy(const struct sim_card *card, uint64_t now);
/** A command. *flow, *size: what data follow. */
enum sim_answer sim_card_command(struct sim_card *card, uint64_t now, unsigned index,
                                 uint32_t argument, uint32_t response[4], enum sim_flow *flow,
                                 uint32_t *size);
/** The next block from it; false: it has none to give. */
bool sim_card_read(struct sim_card *card, uint8_t *data, uint32_t size);
/** The next block to it; damaged: its check sum is wrong. */
void sim_card_write(struct sim_card *card, uint64_t now, const uint8_t *data, uint32_t size,
                    bool damaged);
/* sim_extension.c: registers of functions, the cache. */
void sim_extension_read(struct sim_card *card, uint32_t argument, uint8_t *page);
void sim_extension_write(struct sim_card *card, uint64_t now, uint32_t argument, uint8_t value);
void sim_cache_flush(struct sim_card *card);
void sim_cache_drop(struct sim_card *card);
const uint8_t *sim_card_content(const struct sim_card *card, uint64_t block);

/* ---- Faults ---- */

enum sim_fault {
    FAULT_NONE,
    FAULT_NO_RESPONSE,
    FAULT_COMMAND_CRC,
    FAULT_COMMAND_INDEX,
    FAULT_COMMAND_END,
    FAULT_COMMAND_HANG, /* neither answer nor error */
    FAULT_R1_ERROR,     /* general error in the answer */
    FAULT_DATA_CRC,
    FAULT_DATA_END,
    FAULT_DATA_TIMEOUT,
    FAULT_DATA_HANG,
    FAULT_ADMA,
    FAULT_REMOVE,
    FAULT_STUCK_BUSY, /* for ten seconds */
    FAULT_KINDS,
};
const char *sim_fault_name(enum sim_fault fault);

struct sim_faults {
    /* The n-th command, the n-th block, counted from 1, and how many after it; 0: none. */
    enum sim_fault fault;
    uint64_t at, times;
    /* Register reads, but of the data port: the n-th is `read_value`; times. */
    uint64_t read_at, read_times;
    uint32_t read_value;
    /* Resets that hang: bits of SDHCI_RESET. */
    uint8_t reset_hangs;
    bool lose_interrupts, storm;
    uint32_t stale;              /* status bits that are set at each command's start */
    bool boundary_sticks;        /* SDMA does not go on there */
    bool silent_writes;          /* the end of a write is not told of */
    uint64_t speed_limit;        /* Hz: above, data are damaged */
    bool speed_spares_registers; /* but blocks only */
    /* The driver dies at the n-th access. */
    uint64_t kill_at;
    jmp_buf *killed;
};

/* ---- The controller ---- */

struct sim_controller {
    uint32_t caps, version;
    bool pins_tell; /* of a card */
    bool write_protected;
    uint32_t sdma, argument, response[4], status, enable, signal, adma;
    uint16_t block_size, block_count, mode, command, clock, control2;
    uint8_t control, power, timeout, adma_error, reset;

    uint64_t command_at; /* its end; SIM_NEVER: none under way */
    uint32_t command_status;
    uint32_t command_response[4];
    enum sim_answer answer;
    bool aborts;

    bool data, data_write, waits_cpu, waits_boundary, busy_only;
    enum sim_flow flow;
    uint32_t flow_size;
    uint64_t data_at; /* next step; SIM_NEVER: none */
    uint32_t blocks_left;
    uint8_t buffer[4096];
    uint32_t filled;
    uint32_t descriptor_left, descriptor_at, descriptor_flags;
};

struct sim {
    struct simulated_device device; /* first */
    struct device_environment environment;
    struct sim_controller c;
    struct sim_card card;
    struct sim_faults faults;
    const struct sdhci_kind *kind;
    uint64_t now;
    uint64_t last_write; /* moment (M3) */
    uint8_t *memory;
    uint64_t memory_bus;               /* its address */
    uint64_t granted_from, granted_to; /* bus addresses (M2) */
    uint64_t accesses, reads, commands, data_blocks, waits, interrupts, fault_hits;
    bool quiesced;
    uint64_t power_cycles;
    bool says;
};

void sim_make(struct sim *sim, const struct sdhci_kind *kind);
/** Events up to `moment` happen, in order. */
void sim_run(struct sim *sim, uint64_t moment);
uint64_t sim_next_event(const struct sim *sim);
/** True if this command or block has to fail. */
bool sim_faulty(struct sim *sim, bool block);
void *sim_bus(struct sim *sim, uint64_t bus, uint64_t size);
uint64_t sim_clock(const struct sim *sim);

/* sim_data.c: the controller's side of data. */
void sim_data_begin(struct sim *sim);
void sim_data_step(struct sim *sim);
uint32_t sim_data_port_read(struct sim *sim);
void sim_data_port_write(struct sim *sim, uint32_t word);
void sim_status(struct sim *sim, uint32_t bits);

/* world.c: a driver on it. */
struct world {
    struct sim sim;
    struct sd sd;
    struct sd_config config;
    uint32_t half; /* which half of the memory the driver has */
};
/** There is one at a time: the next takes the memory of the last. */
void world_make(struct world *world, const struct sdhci_kind *kind, bool high_capacity,
                uint64_t blocks);
kern_return_t world_start(struct world *world);
/** A transfer from or to the memory at `offset`; segments of `piece` bytes, out of order if `scattered`. */
kern_return_t world_move(struct world *world, bool write, uint64_t block, uint32_t count,
                         uint32_t piece, bool scattered);
uint8_t *world_memory(struct world *world);
/** What a failed check says it was about. */
void world_case(const char *format, ...);
/** As check_end(), and there is no case any more. */
int world_end(void);
/** Self-describing blocks: number, generation, check sum. */
void block_fill(uint8_t *at, uint64_t block, uint64_t generation);
bool block_is(const uint8_t *at, uint64_t block, uint64_t generation);
/** Write `count` blocks of this generation, expecting success; or read and check them. */
void world_write(struct world *world, uint64_t block, uint32_t count, uint64_t generation);
void world_check(struct world *world, uint64_t block, uint32_t count, uint64_t generation);
