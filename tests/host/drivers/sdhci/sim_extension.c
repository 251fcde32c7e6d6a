/* SPDX-License-Identifier: BSD-2-Clause */
/* The simulated card's extension registers and its cache (sim.h, M1). */
#include "sim.h"

enum {
    FUNCTION = 3,
    ADDRESS = 0x400, /* of its page */
};

void sim_extension_read(struct sim_card *card, uint32_t argument, uint8_t *page)
{
    uint32_t function = argument >> 27 & 15, address = argument >> 9 & 0x1ffff;

    if (function == 0 && address == 0) {
        page[4] = 2;        /* two functions: power management, and at 64 ours */
        page[16] = 1;       /* code */
        page[16 + 40] = 80; /* next */
        page[16 + 42] = 1;
        page[80] = 2;
        page[80 + 42] = 1;
        page[80 + 44] = ADDRESS & 0xff;
        page[80 + 45] = ADDRESS >> 8;
        page[80 + 46] = FUNCTION << 2;
    } else if (function == FUNCTION && address == ADDRESS) {
        page[4] = 1;
        page[260] = card->cache_on;
    }
}

void sim_cache_flush(struct sim_card *card)
{
    for (uint64_t i = 0; i < card->blocks; i++)
        if (card->cached[i] != 0) {
            memcpy(card->flash + i * CARD_BLOCK, card->cache + i * CARD_BLOCK, CARD_BLOCK);
            card->cached[i] = 0;
        }
}

void sim_cache_drop(struct sim_card *card)
{
    for (uint64_t i = 0; i < card->blocks; i++)
        if (card->cached[i] != 0) {
            card->cached[i] = 0;
            card->lost++;
        }
}

void sim_extension_write(struct sim_card *card, uint64_t now, uint32_t argument, uint8_t value)
{
    uint32_t function = argument >> 27 & 15, address = argument >> 9 & 0x1ffff;

    (void)now;
    if (function != FUNCTION)
        return;
    if (address == ADDRESS + 260)
        card->cache_on = value & 1;
    else if (address == ADDRESS + 261 && (value & 1) != 0)
        sim_cache_flush(card);
}
