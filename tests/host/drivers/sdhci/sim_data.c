/* SPDX-License-Identifier: BSD-2-Clause */
/* The simulated controller's data: blocks between card and buffer, buffer and CPU or memory (sim.h). */
#include "sim.h"

static uint64_t block_time(const struct sim *sim)
{
    uint64_t clock = sim_clock(sim), bits = (uint64_t)(sim->c.block_size & 0xfff) * 8 + 40;

    if ((sim->c.control & CONTROL_4BIT) != 0)
        bits /= 4;
    return clock == 0 ? SIM_NEVER / 2 : bits * DEVICE_SECOND / clock;
}

static bool by_dma(const struct sim *sim)
{
    return (sim->c.mode & MODE_DMA) != 0;
}

static bool by_adma(const struct sim *sim)
{
    return by_dma(sim) && (sim->c.control & CONTROL_DMA) == CONTROL_ADMA2;
}

void sim_data_begin(struct sim *sim)
{
    struct sim_controller *c = &sim->c;

    c->data = true;
    c->busy_only = c->waits_cpu = c->waits_boundary = false;
    c->data_write = (c->mode & MODE_READ) == 0;
    c->blocks_left = (c->mode & MODE_COUNT) != 0 ? c->block_count : 1;
    c->filled = 0;
    c->descriptor_left = 0;
    c->descriptor_flags = 0;
    c->data_at = SIM_NEVER;
    /* A card that refused has nothing to send: the controller waits, for good. */
    if (c->flow == SIM_NO_DATA || (c->flow == SIM_TO_CARD) != c->data_write)
        return;
    CHECK_EQ(c->flow_size, c->block_size & 0xfff);
    c->data_at = sim->now + (c->data_write ? 0 : sim->card.read_latency + block_time(sim));
}

static void data_error(struct sim *sim, uint32_t bit)
{
    sim_status(sim, bit);
    sim->c.data_at = SIM_NEVER;
    sim->c.waits_cpu = false;
}

/* ---- Memory ---- */

static bool next_descriptor(struct sim *sim)
{
    struct sim_controller *c = &sim->c;
    struct adma_descriptor d;

    if ((c->descriptor_flags & ADMA_END) != 0)
        return false;
    memcpy(&d, sim_bus(sim, c->adma, sizeof(d)), sizeof(d));
    c->adma += (uint32_t)sizeof(d);
    if ((d.attributes & ADMA_VALID) == 0 || (d.attributes & 0x30) != ADMA_TRANSFER ||
        d.address % 4 != 0)
        return false;
    c->descriptor_flags = d.attributes;
    c->descriptor_at = d.address;
    c->descriptor_left = d.length == 0 ? ADMA_LENGTH_MAX : d.length;
    return true;
}

/* Moves the block between buffer and memory; false: ADMA found no memory. */
static bool move_memory(struct sim *sim)
{
    struct sim_controller *c = &sim->c;
    uint32_t size = c->block_size & 0xfff, done = 0;

    while (done < size) {
        uint32_t piece = size - done, at = c->sdma;
        uint8_t *memory;

        if (by_adma(sim)) {
            if (c->descriptor_left == 0 && !next_descriptor(sim))
                return false;
            if (piece > c->descriptor_left)
                piece = c->descriptor_left;
            at = c->descriptor_at;
            c->descriptor_at += piece;
            c->descriptor_left -= piece;
        } else {
            c->sdma += piece;
        }
        memory = sim_bus(sim, at, piece);
        if (c->data_write)
            memcpy(c->buffer + done, memory, piece);
        else
            memcpy(memory, c->buffer + done, piece);
        done += piece;
    }
    return true;
}

/* ---- Steps ---- */

static void finish(struct sim *sim)
{
    struct sim_controller *c = &sim->c;

    if (by_adma(sim) && (c->descriptor_left != 0 || (c->descriptor_flags & ADMA_END) == 0)) {
        data_error(sim, STATUS_ADMA); /* memory is left over */
        return;
    }
    if ((c->mode & MODE_STOP) != 0) {
        enum sim_flow flow;
        uint32_t size, response[4] = {0};

        if (sim_card_command(&sim->card, sim->now, 12, 0, response, &flow, &size) == SIM_SILENT) {
            data_error(sim, STATUS_STOP);
            return;
        }
        c->response[3] = response[0];
    }
    c->busy_only = true; /* until the card is not busy */
    c->data_at = sim->now > sim->card.busy_until ? sim->now : sim->card.busy_until;
}

static void block_done(struct sim *sim)
{
    struct sim_controller *c = &sim->c;
    uint64_t from = sim->now;

    if ((c->mode & MODE_COUNT) != 0)
        c->block_count--;
    c->filled = 0;
    if (--c->blocks_left == 0) {
        finish(sim);
        return;
    }
    if (c->data_write && sim->card.busy_until > from)
        from = sim->card.busy_until;
    c->data_at = from + (c->data_write && !by_dma(sim) ? 0 : block_time(sim));
    if (by_dma(sim) && !by_adma(sim) && c->sdma % (4096u << (c->block_size >> 12 & 7)) == 0) {
        sim_status(sim, STATUS_DMA);
        c->waits_boundary = true;
        c->data_at = SIM_NEVER;
    }
}

static bool block_fault(struct sim *sim)
{
    switch (sim->faults.fault) {
    case FAULT_DATA_CRC: data_error(sim, STATUS_DATA_CRC); return true;
    case FAULT_DATA_END: data_error(sim, STATUS_DATA_END); return true;
    case FAULT_DATA_TIMEOUT: data_error(sim, STATUS_DATA_TIMEOUT); return true;
    case FAULT_DATA_HANG: sim->c.data_at = SIM_NEVER; return true;
    case FAULT_ADMA:
        if (!by_adma(sim))
            return false;
        sim->c.adma_error = 5;
        data_error(sim, STATUS_ADMA);
        return true;
    case FAULT_REMOVE:
        sim_card_power(&sim->card, sim->now, false);
        sim->card.present = false;
        data_error(sim, STATUS_DATA_TIMEOUT);
        return true;
    case FAULT_STUCK_BUSY:
        if (!sim->c.data_write)
            return false;
        sim->card.busy_until = sim->now + 10 * DEVICE_SECOND;
        sim->c.data_at = sim->card.busy_until;
        return true;
    default: return false;
    }
}

static bool too_fast(const struct sim *sim)
{
    return sim->faults.speed_limit != 0 && sim_clock(sim) > sim->faults.speed_limit &&
           (!sim->faults.speed_spares_registers || sim->card.source == SIM_BLOCKS);
}

static void read_step(struct sim *sim)
{
    struct sim_controller *c = &sim->c;

    if (!sim_card_read(&sim->card, c->buffer, c->block_size & 0xfff)) {
        data_error(sim, STATUS_DATA_TIMEOUT);
        return;
    }
    if (too_fast(sim)) {
        data_error(sim, STATUS_DATA_CRC);
        return;
    }
    if (!by_dma(sim)) {
        c->waits_cpu = true;
        c->data_at = SIM_NEVER;
        sim_status(sim, STATUS_READ);
    } else if (move_memory(sim)) {
        block_done(sim);
    } else {
        data_error(sim, STATUS_ADMA);
    }
}

static void write_step(struct sim *sim)
{
    struct sim_controller *c = &sim->c;
    uint32_t size = c->block_size & 0xfff;

    if (!by_dma(sim) && c->filled < size) {
        c->waits_cpu = true;
        c->data_at = SIM_NEVER;
        sim_status(sim, STATUS_WRITE);
        return;
    }
    if (by_dma(sim) && !move_memory(sim)) {
        data_error(sim, STATUS_ADMA);
        return;
    }
    sim_card_write(&sim->card, sim->now, c->buffer, size, too_fast(sim));
    if (too_fast(sim))
        data_error(sim, STATUS_DATA_CRC);
    else
        block_done(sim);
}

void sim_data_step(struct sim *sim)
{
    struct sim_controller *c = &sim->c;

    sim_card_tick(&sim->card, sim->now);
    c->data_at = SIM_NEVER;
    if (c->busy_only) {
        c->data = c->busy_only = false;
        if (!(sim->faults.silent_writes && (c->command & COMMAND_DATA) != 0 && c->data_write))
            sim_status(sim, STATUS_TRANSFER);
        return;
    }
    if ((!c->data_write || by_dma(sim) || c->filled == 0) && sim_faulty(sim, true) &&
        block_fault(sim))
        return;
    if (c->data_write)
        write_step(sim);
    else
        read_step(sim);
}

/* ---- The data port ---- */

static void port_used(struct sim *sim)
{
    struct sim_controller *c = &sim->c;

    c->filled += 4;
    if (c->filled < (c->block_size & 0xfffu))
        return;
    c->waits_cpu = false;
    if (c->data_write)
        c->data_at = sim->now + block_time(sim);
    else
        block_done(sim);
}

uint32_t sim_data_port_read(struct sim *sim)
{
    struct sim_controller *c = &sim->c;
    uint32_t word;

    if (!c->data || c->data_write || !c->waits_cpu)
        return 0;
    memcpy(&word, c->buffer + c->filled, 4);
    port_used(sim);
    return word;
}

void sim_data_port_write(struct sim *sim, uint32_t word)
{
    struct sim_controller *c = &sim->c;

    if (!c->data || !c->data_write || !c->waits_cpu)
        return;
    memcpy(c->buffer + c->filled, &word, 4);
    port_used(sim);
}
