/* SPDX-License-Identifier: BSD-2-Clause */
/* What is done with the controller, for the fuzzer and for the one who writes its seeds: both have to ask for the same. */
#pragma once

#include "sd.h"

enum {
    SCRIPT_STEPS = 9,
    SCRIPT_BUS = 0x20000000,
};

struct script_memory {
    struct adma_descriptor table[64] __attribute__((aligned(4096)));
    uint8_t data[64 * CARD_BLOCK] __attribute__((aligned(4096)));
};

static inline void script_config(struct sd_config *config, uint8_t selector,
                                 struct script_memory *memory)
{
    static const struct sdhci_kind *const kinds[] = {&sdhci_kind_pci, &sdhci_kind_emmc2,
                                                     &sdhci_kind_arasan};

    *config = (struct sd_config){
        .kind = kinds[(selector & 3) % 3],
        .base_clock = (selector & 3) != 0 ? 100000000 : 0,
        .table = {memory->table, SCRIPT_BUS, sizeof(memory->table)},
        .no_dma = (selector & 4) != 0,
        .use_cache = (selector & 8) != 0,
        .broken_detect = (selector & 16) != 0,
        .one_bit = (selector & 32) != 0,
    };
}

static inline kern_return_t script_move(struct sd *sd, bool write, uint64_t block, uint32_t count,
                                        struct script_memory *memory)
{
    uint64_t bytes = (uint64_t)count * CARD_BLOCK;
    struct dma_segment segments[2] = {{SCRIPT_BUS + 4096 + bytes / 2, bytes - bytes / 2},
                                      {SCRIPT_BUS + 4096, bytes / 2}};
    struct block_transfer t = {.write = write,
                               .block = block,
                               .count = count,
                               .at = memory->data,
                               .segments = segments,
                               .segment_count = 2};

    return sd_transfer(sd, &t);
}

static inline kern_return_t script_step(struct sd *sd, unsigned step, struct script_memory *memory)
{
    struct sd_facts facts;

    switch (step) {
    case 0: return script_move(sd, false, 0, 1, memory);
    case 1: return script_move(sd, true, 8, 6, memory);
    case 2: return script_move(sd, false, 8, 6, memory);
    case 3: return script_move(sd, true, 3, 1, memory);
    case 4: return sd_flush(sd);
    case 5: return sd_discard(sd, 5, 10);
    case 6: (void)sd_check_medium(sd); return KERN_SUCCESS;
    case 7: sd_facts(sd, &facts); return script_move(sd, false, facts.blocks - 1, 1, memory);
    default: return script_move(sd, true, 16, 2, memory);
    }
}
