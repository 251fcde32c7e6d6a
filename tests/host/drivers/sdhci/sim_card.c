/* SPDX-License-Identifier: BSD-2-Clause */
/* The simulated card: states and commands (sim.h). */
#include "sim.h"

static const uint32_t R1_ILLEGAL = 1u << 22, R1_CRC = 1u << 23, R1_ECC = 1u << 21,
                      R1_GENERAL = 1u << 19;

/* One card at a time; to allocate its memory for each of a hundred thousand would take longer than all else. */
static uint8_t flash[SIM_CARD_BLOCKS * CARD_BLOCK], cache[SIM_CARD_BLOCKS * CARD_BLOCK],
    cached[SIM_CARD_BLOCKS];
static struct sim_pending pending[SIM_PENDING];

/* Bits high:low of a register whose lowest 8 bits are not kept. */
static void put(uint32_t r[4], unsigned high, unsigned low, uint32_t value)
{
    for (unsigned bit = low; bit <= high; bit++, value >>= 1) {
        r[(bit - 8) / 32] &= ~(1u << (bit - 8) % 32);
        r[(bit - 8) / 32] |= (value & 1) << (bit - 8) % 32;
    }
}

static void make_registers(struct sim_card *card)
{
    static const uint8_t scr[8] = {0x02, 0x05, 0x80, 0x00};

    card->cid[0] = 0x00123456;
    card->cid[1] = 0x57485246;
    card->cid[2] = 0x53494d31;
    card->cid[3] = 0x00025744;
    memset(card->csd, 0, sizeof(card->csd));
    put(card->csd, 95, 84, 0x5b5); /* classes 0 2 4 5 7 8 10 */
    put(card->csd, 103, 96, 0x32);
    put(card->csd, 46, 46, 1);
    put(card->csd, 45, 39, 0x7f);
    if (card->high_capacity) {
        put(card->csd, 127, 126, 1);
        put(card->csd, 83, 80, 9);
        put(card->csd, 69, 48, (uint32_t)(card->blocks / 1024 - 1));
    } else {
        put(card->csd, 83, 80, 9);
        put(card->csd, 49, 47, 2); /* 16 blocks a unit */
        put(card->csd, 73, 62, (uint32_t)(card->blocks / 16 - 1));
    }
    memcpy(card->scr, scr, sizeof(scr));
}

void sim_card_make(struct sim_card *card, bool high_capacity, uint64_t blocks)
{
    memset(card, 0, sizeof(*card));
    card->present = card->powered = card->version2 = true;
    card->high_capacity = high_capacity;
    card->block_erase = card->can_high_speed = card->can_four_bits = true;
    card->blocks = blocks;
    card->ocr = 0x00ff8000;
    card->program_time = 300 * DEVICE_MICROSECOND;
    card->read_latency = 150 * DEVICE_MICROSECOND;
    card->bad_block = card->bad_store = SIM_NEVER;
    CHECK(blocks <= SIM_CARD_BLOCKS);
    card->flash = flash;
    card->cache = cache;
    card->cached = cached;
    card->pending = pending;
    memset(flash, 0, blocks * CARD_BLOCK);
    memset(cached, 0, blocks);
    make_registers(card);
}

/* ---- M1 ---- */

static void commit(struct sim_card *card, bool whole)
{
    for (unsigned i = 0; i < card->pending_count; i++) {
        const struct sim_pending *p = &card->pending[i];

        if (!whole) {
            memset(card->flash + p->block * CARD_BLOCK, 0xee, CARD_BLOCK);
            card->torn++;
        } else if (card->cache_on) {
            memcpy(card->cache + p->block * CARD_BLOCK, p->data, CARD_BLOCK);
            card->cached[p->block] = 1;
        } else {
            memcpy(card->flash + p->block * CARD_BLOCK, p->data, CARD_BLOCK);
        }
    }
    card->pending_count = 0;
}

bool sim_card_busy(const struct sim_card *card, uint64_t now)
{
    return card->present && now < card->busy_until;
}

void sim_card_tick(struct sim_card *card, uint64_t now)
{
    if (now < card->busy_until)
        return;
    if (card->state != CARD_RECEIVING)
        commit(card, true);
    if (card->state == CARD_PROGRAMMING)
        card->state = CARD_TRANSFER;
}

static void forget(struct sim_card *card, uint64_t now)
{
    sim_card_tick(card, now);
    if (card->state == CARD_RECEIVING && card->pending_count > 0 && now >= card->busy_until)
        commit(card, true); /* between two blocks of a transfer nothing is on its way */
    commit(card, false);
    sim_cache_drop(card);
    card->state = CARD_IDLE;
    card->app = card->high_speed = card->four_bits = card->cache_on = false;
    card->rca = 0;
    card->status = 0;
    card->busy_until = 0;
    card->asked = 0;
    card->ready_at = 0;
    card->block_length = CARD_BLOCK;
}

void sim_card_power(struct sim_card *card, uint64_t now, bool on)
{
    if (card->powered && !on) {
        forget(card, now);
        card->lines_at_1_8 = false;
    }
    card->powered = on;
}

/* ---- Commands ---- */

struct asked {
    struct sim_card *card;
    uint64_t now;
    unsigned index;
    uint32_t argument;
    uint32_t *response;
    enum sim_flow *flow;
    uint32_t *size;
};

static enum sim_answer r1(struct asked *a, enum sim_answer kind)
{
    struct sim_card *card = a->card;

    a->response[0] = card->status | (uint32_t)card->state << 9 |
                     (sim_card_busy(card, a->now) ? 0 : R1_READY) | (card->app ? R1_APP : 0);
    card->status = 0;
    return kind;
}

static enum sim_answer illegal(struct asked *a)
{
    a->card->status |= R1_ILLEGAL;
    a->card->illegal++;
    return SIM_SILENT;
}

static enum sim_answer data(struct asked *a, int source, uint32_t size, bool single)
{
    struct sim_card *card = a->card;
    enum sim_answer answer;

    if (card->state != CARD_TRANSFER)
        return illegal(a);
    card->source = source;
    card->single = single;
    card->argument = a->argument;
    *a->flow = SIM_FROM_CARD;
    *a->size = size;
    answer = r1(a, SIM_R1);
    card->state = CARD_SENDING;
    return answer;
}

static enum sim_answer blocks(struct asked *a, bool write, bool single)
{
    struct sim_card *card = a->card;
    uint64_t block = a->argument;
    enum sim_answer answer;

    if (card->state != CARD_TRANSFER)
        return illegal(a);
    if (!card->high_capacity) {
        if (block % CARD_BLOCK != 0 || card->block_length != CARD_BLOCK)
            card->status |= 1u << 30;
        block /= CARD_BLOCK;
    }
    if (block >= card->blocks)
        card->status |= R1_OUT_OF_RANGE;
    if (card->status != 0)
        return r1(a, SIM_R1); /* and no data */
    card->source = SIM_BLOCKS;
    card->position = block;
    card->single = single;
    *a->flow = write ? SIM_TO_CARD : SIM_FROM_CARD;
    *a->size = CARD_BLOCK;
    answer = r1(a, SIM_R1);
    card->state = write ? CARD_RECEIVING : CARD_SENDING;
    return answer;
}

static enum sim_answer stop(struct asked *a)
{
    struct sim_card *card = a->card;
    enum sim_answer answer;

    if (card->state != CARD_SENDING && card->state != CARD_RECEIVING)
        return illegal(a);
    answer = r1(a, SIM_R1B);
    if (card->state == CARD_RECEIVING) {
        card->state = CARD_PROGRAMMING;
        card->busy_until = a->now + card->program_time;
    } else {
        card->state = CARD_TRANSFER;
    }
    return answer;
}

static enum sim_answer condition(struct asked *a)
{
    struct sim_card *card = a->card;
    bool ready;

    if (card->state != CARD_IDLE)
        return illegal(a);
    if (card->asked++ == 0)
        card->ready_at = a->now + 3 * DEVICE_MILLISECOND;
    ready = card->asked > 1 && a->now >= card->ready_at && !card->never_ready &&
            (!card->high_capacity || (a->argument & 1u << 30) != 0);
    a->response[0] = card->ocr | (ready ? 1u << 31 | (card->high_capacity ? 1u << 30 : 0) : 0);
    if (ready)
        card->state = CARD_READY;
    return SIM_R3;
}

static enum sim_answer app_command(struct asked *a)
{
    struct sim_card *card = a->card;

    switch (a->index) {
    case 6:
        if (card->state != CARD_TRANSFER || !card->can_four_bits)
            return illegal(a);
        card->four_bits = a->argument == 2;
        return r1(a, SIM_R1);
    case 13: return data(a, SIM_SD_STATUS, 64, true);
    case 41: return condition(a);
    case 51: return data(a, SIM_SCR, 8, true);
    default: return illegal(a);
    }
}

static bool addressed(const struct asked *a)
{
    return a->card->state >= CARD_STANDBY && a->argument >> 16 == a->card->rca;
}

static enum sim_answer identification(struct asked *a)
{
    struct sim_card *card = a->card;

    switch (a->index) {
    case 2:
        if (card->state != CARD_READY)
            return illegal(a);
        card->state = CARD_IDENTIFY;
        memcpy(a->response, card->cid, sizeof(card->cid));
        return SIM_R2;
    case 3:
        if (card->state != CARD_IDENTIFY && card->state != CARD_STANDBY)
            return illegal(a);
        card->state = CARD_STANDBY;
        card->rca = (uint16_t)(card->rca * 31 + 0x4567);
        if (card->zero_addresses > 0) {
            card->zero_addresses--;
            card->rca = 0;
        }
        a->response[0] = (uint32_t)card->rca << 16 | CARD_STANDBY << 9 | R1_READY;
        return SIM_R6;
    case 7:
        if (!addressed(a)) {
            if (card->state == CARD_TRANSFER)
                card->state = CARD_STANDBY;
            return SIM_SILENT;
        }
        if (card->state != CARD_STANDBY)
            return illegal(a);
        r1(a, SIM_R1B);
        card->state = CARD_TRANSFER;
        return SIM_R1B;
    case 8:
        if (card->state != CARD_IDLE || !card->version2)
            return illegal(a);
        a->response[0] = a->argument & 0xfff;
        return SIM_R7;
    default:
        if (!addressed(a) || card->state != CARD_STANDBY)
            return illegal(a);
        memcpy(a->response, a->index == 10 ? card->cid : card->csd, sizeof(card->csd));
        return SIM_R2;
    }
}

static enum sim_answer erase(struct asked *a)
{
    struct sim_card *card = a->card;
    uint32_t unit = card->high_capacity ? 1 : CARD_BLOCK;
    uint64_t first = card->erase_first / unit, last = card->erase_last / unit;
    enum sim_answer answer = r1(a, SIM_R1B);

    if (card->state != CARD_TRANSFER)
        return illegal(a);
    if (!card->block_erase) { /* whole units of 128 blocks, outward */
        first -= first % 128;
        last |= 127;
    }
    CHECK(first <= last && last < card->blocks);
    memset(card->flash + first * CARD_BLOCK, 0, (last - first + 1) * CARD_BLOCK);
    card->erased += last - first + 1;
    card->busy_until = a->now + 2 * DEVICE_MILLISECOND;
    card->state = CARD_PROGRAMMING;
    return answer;
}

static enum sim_answer extension(struct asked *a)
{
    struct sim_card *card = a->card;
    enum sim_answer answer;

    if (!card->has_cache)
        return illegal(a);
    answer = data(a, SIM_EXTENSION, 512, true);
    if (answer == SIM_R1 && a->index == 49) {
        card->state = CARD_RECEIVING;
        *a->flow = SIM_TO_CARD;
    }
    return answer;
}

static enum sim_answer plain_command(struct asked *a)
{
    struct sim_card *card = a->card;

    switch (a->index) {
    case 2:
    case 3:
    case 7:
    case 8:
    case 9:
    case 10: return identification(a);
    case 6: return (card->scr[0] & 15) >= 1 ? data(a, SIM_SWITCH, 64, true) : illegal(a);
    case 12: return stop(a);
    case 13: return addressed(a) ? r1(a, SIM_R1) : illegal(a);
    case 16:
        card->block_length = a->argument;
        return card->state == CARD_TRANSFER ? r1(a, SIM_R1) : illegal(a);
    case 17: return blocks(a, false, true);
    case 18: return blocks(a, false, false);
    case 24: return blocks(a, true, true);
    case 25: return blocks(a, true, false);
    case 32:
        card->erase_first = a->argument;
        return card->state == CARD_TRANSFER ? r1(a, SIM_R1) : illegal(a);
    case 33:
        card->erase_last = a->argument;
        return card->state == CARD_TRANSFER ? r1(a, SIM_R1) : illegal(a);
    case 38: return erase(a);
    case 48:
    case 49: return extension(a);
    case 55:
        if (card->state >= CARD_STANDBY ? !addressed(a) : a->argument >> 16 != 0)
            return SIM_SILENT;
        card->app = true;
        return r1(a, SIM_R1);
    default: return illegal(a);
    }
}

enum sim_answer sim_card_command(struct sim_card *card, uint64_t now, unsigned index,
                                 uint32_t argument, uint32_t response[4], enum sim_flow *flow,
                                 uint32_t *size)
{
    struct asked a = {card, now, index, argument, response, flow, size};
    bool app = card->app;
    enum sim_answer answer;

    *flow = SIM_NO_DATA;
    *size = 0;
    if (!card->present || !card->powered || card->lines_at_1_8)
        return SIM_SILENT;
    sim_card_tick(card, now);
    if (index == 0) {
        forget(card, now);
        return SIM_SILENT;
    }
    answer = app ? app_command(&a) : plain_command(&a);
    if (app)
        card->app = false;
    return answer;
}

/* ---- Data ---- */

static void switch_answer(struct sim_card *card, uint8_t *at)
{
    bool high = card->can_high_speed && (card->argument & 15) == 1;

    at[1] = 100;
    at[13] = card->can_high_speed ? 3 : 1;
    at[16] = high ? 1 : (card->argument & 15) == 15 || (card->argument & 15) == 0 ? 0 : 15;
    if ((card->argument & 1u << 31) != 0 && high)
        card->high_speed = true;
}

const uint8_t *sim_card_content(const struct sim_card *card, uint64_t block)
{
    return (card->cached[block] != 0 ? card->cache : card->flash) + block * CARD_BLOCK;
}

bool sim_card_read(struct sim_card *card, uint8_t *at, uint32_t size)
{
    if (!card->present || card->state != CARD_SENDING)
        return false;
    memset(at, 0, size);
    switch (card->source) {
    case SIM_SCR: memcpy(at, card->scr, 8); break;
    case SIM_SD_STATUS: at[24] = card->can_discard ? 3 : 0; break;
    case SIM_SWITCH: switch_answer(card, at); break;
    case SIM_EXTENSION: sim_extension_read(card, card->argument, at); break;
    default:
        if (card->position >= card->blocks) {
            card->status |= R1_OUT_OF_RANGE;
            return false;
        }
        if (card->position == card->bad_block) {
            card->status |= R1_ECC;
            return false;
        }
        memcpy(at, sim_card_content(card, card->position++), CARD_BLOCK);
        break;
    }
    if (card->single)
        card->state = CARD_TRANSFER;
    return true;
}

void sim_card_write(struct sim_card *card, uint64_t now, const uint8_t *at, uint32_t size,
                    bool damaged)
{
    CHECK(size == CARD_BLOCK);
    sim_card_tick(card, now);
    if (!card->present || card->state != CARD_RECEIVING)
        return;
    if (damaged) {
        card->status |= R1_CRC;
        if (card->single)
            card->state = CARD_TRANSFER;
        return;
    }
    if (card->source == SIM_EXTENSION) {
        card->state = CARD_PROGRAMMING;
        card->busy_until = now + card->program_time;
        sim_extension_write(card, now, card->argument, at[0]);
        return;
    }
    if (card->position >= card->blocks) {
        card->status |= R1_OUT_OF_RANGE;
        return;
    }
    if (now >= card->busy_until && card->pending_count > 0)
        commit(card, true);
    if (card->position == card->bad_store) {
        card->status |= R1_GENERAL;
        card->position++;
        card->state = card->single ? CARD_PROGRAMMING : CARD_RECEIVING;
        card->busy_until = now + card->program_time;
        return;
    }
    CHECK(card->pending_count < SIM_PENDING);
    card->pending[card->pending_count].block = card->position++;
    memcpy(card->pending[card->pending_count++].data, at, CARD_BLOCK);
    card->busy_until = now + (card->single ? card->program_time : 20 * DEVICE_MICROSECOND);
    if (card->single)
        card->state = CARD_PROGRAMMING;
}
