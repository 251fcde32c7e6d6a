/* SPDX-License-Identifier: BSD-2-Clause */
/* The simulated controller: registers, commands, resets, time (sim.h). Data are sim_data.c's. */
#include <stdarg.h>

#include "sim.h"

static uint8_t memory[SIM_MEMORY] __attribute__((aligned(4096)));

enum { ACCESS_TIME = 60 }; /* ns */

const char *sim_fault_name(enum sim_fault fault)
{
    static const char *const names[FAULT_KINDS] = {"none",          "no response", "command CRC",
                                                   "command index", "command end", "no answer",
                                                   "R1 error",      "data CRC",    "data end bit",
                                                   "data time-out", "data hang",   "ADMA",
                                                   "card removed",  "stuck busy"};

    return names[fault];
}

static bool of_block(enum sim_fault fault)
{
    return fault >= FAULT_DATA_CRC;
}

bool sim_faulty(struct sim *sim, bool block)
{
    struct sim_faults *f = &sim->faults;
    uint64_t n = block ? ++sim->data_blocks : ++sim->commands;
    bool hit;

    if (f->at == 0 || of_block(f->fault) != block)
        return false;
    hit = n >= f->at && n - f->at < f->times;
    sim->fault_hits += hit;
    return hit;
}

void sim_status(struct sim *sim, uint32_t bits)
{
    sim->c.status |= bits & sim->c.enable;
    if ((sim->c.status & STATUS_ERRORS) != 0)
        sim->c.status |= STATUS_ERROR;
    else
        sim->c.status &= ~(uint32_t)STATUS_ERROR;
}

uint64_t sim_clock(const struct sim *sim)
{
    uint64_t base = (uint64_t)(sim->c.caps >> 8 & 0xff) * 1000000;
    uint32_t n =
        (sim->c.clock >> 8 & 0xff) | (sim->c.version >= 2 ? (sim->c.clock & 0xc0u) << 2 : 0);

    if ((sim->c.clock & CLOCK_CARD) == 0 || (sim->c.clock & CLOCK_INTERNAL) == 0)
        return 0;
    if (base == 0)
        base = 52000000;
    return n == 0 ? base : base / (2 * (uint64_t)n);
}

/* ---- Commands ---- */

static void command_start(struct sim *sim)
{
    struct sim_controller *c = &sim->c;
    unsigned index = c->command >> 8 & 63;
    uint64_t clock = sim_clock(sim);
    bool fault;

    if (clock == 0 || (c->power & POWER_ON) == 0)
        return; /* nothing happens, nor is anything told */
    sim_status(sim, sim->faults.stale);
    fault = sim_faulty(sim, false);
    c->command_at = sim->now + 150 * DEVICE_SECOND / clock;
    c->command_status = STATUS_COMMAND;
    c->aborts = (c->command >> 6 & 3) == 3;
    memset(c->command_response, 0, sizeof(c->command_response));
    if (fault && sim->faults.fault == FAULT_COMMAND_HANG) {
        c->command_at = SIM_NEVER - 1;
        return;
    }
    if (fault && sim->faults.fault == FAULT_NO_RESPONSE) { /* it did not hear it */
        c->flow = SIM_NO_DATA;
        c->answer = SIM_SILENT;
    } else {
        c->answer = sim_card_command(&sim->card, sim->now, index, c->argument, c->command_response,
                                     &c->flow, &c->flow_size);
    }
    if (fault && sim->faults.fault == FAULT_R1_ERROR && c->answer == SIM_R1)
        c->command_response[0] |= 1 << 19;
    if (c->answer == SIM_SILENT && (c->command & COMMAND_RESPONSE) != 0)
        c->command_status = STATUS_COMMAND | STATUS_COMMAND_TIMEOUT; /* both, as QEMU has it */
    if (fault && c->answer != SIM_SILENT) {
        if (sim->faults.fault == FAULT_COMMAND_CRC)
            c->command_status = STATUS_COMMAND_CRC;
        else if (sim->faults.fault == FAULT_COMMAND_INDEX)
            c->command_status = STATUS_COMMAND_INDEX;
        else if (sim->faults.fault == FAULT_COMMAND_END)
            c->command_status = STATUS_COMMAND_END;
    }
}

static void command_end(struct sim *sim)
{
    struct sim_controller *c = &sim->c;
    bool ok = (c->command_status & STATUS_ERRORS) == 0;

    c->command_at = SIM_NEVER;
    if (ok || (c->command_status & STATUS_COMMAND_TIMEOUT) == 0)
        memcpy(c->response, c->command_response,
               c->answer == SIM_R2 ? sizeof(c->response) : sizeof(c->response[0]));
    sim_status(sim, c->command_status);
    if (!ok)
        return;
    if (c->aborts)
        c->data = false; /* a transfer that was stopped is over for the controller too */
    if ((c->command & COMMAND_DATA) != 0) {
        sim_data_begin(sim);
    } else if ((c->command & COMMAND_RESPONSE) == COMMAND_BUSY) {
        c->data = c->busy_only = true;
        c->data_at = sim->now > sim->card.busy_until ? sim->now : sim->card.busy_until;
    }
}

/* ---- Time ---- */

uint64_t sim_next_event(const struct sim *sim)
{
    uint64_t next = sim->c.command_at;

    if (sim->c.data && sim->c.data_at < next)
        next = sim->c.data_at;
    return next;
}

void sim_run(struct sim *sim, uint64_t moment)
{
    for (;;) {
        uint64_t next = sim_next_event(sim);

        if (next > moment)
            break;
        if (next > sim->now)
            sim->now = next;
        if (sim->c.command_at == next)
            command_end(sim);
        else
            sim_data_step(sim);
    }
    if (moment > sim->now)
        sim->now = moment;
}

/* ---- Registers ---- */

static void reset(struct sim *sim, uint8_t what)
{
    struct sim_controller *c = &sim->c;

    c->reset = what & sim->faults.reset_hangs;
    what &= (uint8_t)~sim->faults.reset_hangs;
    if ((what & (RESET_COMMAND | RESET_ALL)) != 0) {
        c->command_at = SIM_NEVER;
        c->status &= ~(uint32_t)STATUS_COMMAND;
    }
    if ((what & (RESET_DATA | RESET_ALL)) != 0) {
        c->data = c->busy_only = c->waits_cpu = c->waits_boundary = false;
        c->data_at = SIM_NEVER;
        c->status &= ~(uint32_t)(STATUS_TRANSFER | STATUS_DMA | STATUS_READ | STATUS_WRITE);
    }
    if ((what & RESET_ALL) != 0) {
        c->sdma = c->argument = c->status = c->enable = c->signal = c->adma = 0;
        c->block_size = c->block_count = c->mode = c->command = c->clock = c->control2 = 0;
        c->control = c->power = c->timeout = c->adma_error = 0;
        memset(c->response, 0, sizeof(c->response));
    }
}

static uint32_t present(const struct sim *sim)
{
    const struct sim_controller *c = &sim->c;
    uint32_t value = 0x01e00000;
    bool card = sim->card.present;

    if (c->command_at != SIM_NEVER)
        value |= PRESENT_COMMAND;
    if (c->data)
        value |= PRESENT_DATA | (c->busy_only ? 0 : PRESENT_ACTIVE);
    if (c->data && c->waits_cpu)
        value |= c->data_write ? PRESENT_CAN_WRITE : PRESENT_CAN_READ;
    if (card && c->pins_tell)
        value |= PRESENT_CARD;
    if (!c->write_protected)
        value |= PRESENT_WRITABLE;
    if (!sim_card_busy(&sim->card, sim->now))
        value |= PRESENT_DAT0;
    return value | PRESENT_STABLE;
}

static uint32_t read_word(struct sim *sim, uint32_t offset)
{
    struct sim_controller *c = &sim->c;

    switch (offset) {
    case SDHCI_SDMA: return c->sdma;
    case SDHCI_BLOCK: return c->block_size | (uint32_t)c->block_count << 16;
    case SDHCI_ARGUMENT: return c->argument;
    case SDHCI_COMMAND: return c->mode | (uint32_t)c->command << 16;
    case SDHCI_RESPONSE:
    case SDHCI_RESPONSE + 4:
    case SDHCI_RESPONSE + 8:
    case SDHCI_RESPONSE + 12: return c->response[(offset - SDHCI_RESPONSE) / 4];
    case SDHCI_DATA: return sim_data_port_read(sim);
    case SDHCI_PRESENT: return present(sim);
    case SDHCI_CONTROL: return c->control | (uint32_t)c->power << 8;
    case SDHCI_CLOCK:
        return c->clock | ((c->clock & CLOCK_INTERNAL) != 0 ? CLOCK_STABLE : 0) |
               (uint32_t)c->timeout << 16 | (uint32_t)c->reset << 24;
    case SDHCI_STATUS: return c->status;
    case SDHCI_ENABLE: return c->enable;
    case SDHCI_SIGNAL: return c->signal;
    case 0x3c: return (uint32_t)c->control2 << 16;
    case SDHCI_CAPS: return c->caps;
    case SDHCI_ADMA_ERROR: return c->adma_error;
    case SDHCI_ADMA: return c->adma;
    case 0xfc: return c->version << 16;
    default: return 0;
    }
}

static void write_clear(struct sim_controller *c, uint32_t value)
{
    c->status &= ~value;
    if ((c->status & STATUS_ERRORS) == 0)
        c->status &= ~(uint32_t)STATUS_ERROR;
    else
        c->status |= STATUS_ERROR;
}

/* A word is written; `touched`: of its bytes. */
static void write_word(struct sim *sim, uint32_t offset, uint32_t touched, uint32_t value)
{
    struct sim_controller *c = &sim->c;

    switch (offset) {
    case SDHCI_SDMA:
        c->sdma = value;
        if (c->waits_boundary && !sim->faults.boundary_sticks) {
            c->waits_boundary = false;
            c->data_at = sim->now + DEVICE_MICROSECOND;
        }
        break;
    case SDHCI_BLOCK:
        c->block_size = (uint16_t)value;
        c->block_count = (uint16_t)(value >> 16);
        break;
    case SDHCI_ARGUMENT: c->argument = value; break;
    case SDHCI_COMMAND:
        c->mode = (uint16_t)value;
        c->command = (uint16_t)(value >> 16);
        if ((touched & 8) != 0 && c->command_at == SIM_NEVER)
            command_start(sim);
        break;
    case SDHCI_DATA: sim_data_port_write(sim, value); break;
    case SDHCI_CONTROL:
        c->control = (uint8_t)value;
        c->power = (uint8_t)(value >> 8);
        break;
    case SDHCI_CLOCK:
        c->clock = (uint16_t)value & ~CLOCK_STABLE;
        c->timeout = (uint8_t)(value >> 16);
        if ((touched & 8) != 0 && value >> 24 != 0)
            reset(sim, (uint8_t)(value >> 24));
        break;
    case SDHCI_STATUS: write_clear(c, value); break;
    case SDHCI_ENABLE: c->enable = value; break;
    case SDHCI_SIGNAL: c->signal = value; break;
    case 0x3c: c->control2 = (uint16_t)(value >> 16); break;
    case SDHCI_ADMA: c->adma = value; break;
    default: break;
    }
}

/* ---- Accesses ---- */

static void access_made(struct sim *sim, uint32_t offset, unsigned width)
{
    CHECK(offset + width <= 0x100 && offset % width == 0);
    if (sim->kind->words_only)
        CHECK_EQ(width, 4);
    sim->accesses++;
    if (sim->faults.kill_at != 0 && sim->accesses == sim->faults.kill_at) {
        sim->faults.kill_at = 0;
        longjmp(*sim->faults.killed, 1);
    }
    sim_run(sim, sim->now + ACCESS_TIME);
    sim_card_tick(&sim->card, sim->now);
}

static uint32_t device_read(struct simulated_device *device, uint32_t offset, unsigned width)
{
    struct sim *sim = (struct sim *)device;
    const struct sim_faults *f = &sim->faults;
    uint32_t value;

    access_made(sim, offset, width);
    value = read_word(sim, offset & ~3u) >> (offset & 3) * 8;
    if (offset != SDHCI_DATA && f->read_at != 0) {
        sim->reads++;
        if (sim->reads >= f->read_at && sim->reads - f->read_at < f->read_times) {
            sim->fault_hits++;
            value = f->read_value;
        }
    }
    return width == 4 ? value : value & (width == 2 ? 0xffff : 0xff);
}

static void device_write(struct simulated_device *device, uint32_t offset, unsigned width,
                         uint32_t value)
{
    struct sim *sim = (struct sim *)device;
    uint32_t word = offset & ~3u, shift = (offset & 3) * 8, old;
    uint32_t mask = width == 4 ? UINT32_MAX : ((1u << width * 8) - 1) << shift;
    uint64_t clock = sim_clock(sim), last = sim->last_write;

    access_made(sim, offset, width);
    sim->last_write = sim->now;
    if (sim->kind->words_only && word != SDHCI_DATA && clock != 0 && clock <= 400000 && last != 0 &&
        sim->now - last < 2 * DEVICE_SECOND / clock)
        return; /* M3: it has not crossed to the card's clock yet */
    old =
        word == SDHCI_STATUS || word == SDHCI_DATA || word == SDHCI_SDMA ? 0 : read_word(sim, word);
    if (word == SDHCI_CLOCK)
        old &= 0x00ffffff;
    write_word(sim, word, ((1u << width) - 1) << (offset & 3),
               (old & ~mask) | (value << shift & mask));
}

/* ---- The world around it ---- */

static uint64_t clock_now(void *context)
{
    struct sim *sim = context;

    sim_run(sim, sim->now + 20);
    return sim->now;
}

static void sleep_until(void *context, uint64_t moment)
{
    struct sim *sim = context;

    sim_run(sim, moment);
    sim_card_tick(&sim->card, sim->now);
}

static bool line_is_up(const struct sim *sim)
{
    return (sim->c.status & sim->c.signal) != 0;
}

static bool wait_interrupt(void *context, unsigned line, uint64_t deadline)
{
    struct sim *sim = context;

    CHECK_EQ(line, SIM_NEVER_LINE);
    sim->waits++;
    if (sim->faults.storm) {
        sim_run(sim, sim->now + 2 * DEVICE_MICROSECOND);
        return true;
    }
    while (!line_is_up(sim) || sim->faults.lose_interrupts) {
        uint64_t next = sim_next_event(sim);

        if (next > deadline) {
            sim_run(sim, deadline);
            return false;
        }
        sim_run(sim, next);
    }
    sim->interrupts++;
    sim_run(sim, sim->now + 2 * DEVICE_MICROSECOND);
    return true;
}

static void log_line(void *context, const char *format, ...)
{
    struct sim *sim = context;
    va_list arguments;

    if (!sim->says)
        return;
    printf("[%llu us] ", (unsigned long long)(sim->now / 1000));
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

void *sim_bus(struct sim *sim, uint64_t bus, uint64_t size)
{
    CHECK(size <= SIM_MEMORY && bus >= sim->granted_from && bus + size <= sim->granted_to);
    return sim->memory + (bus - sim->memory_bus);
}

void sim_make(struct sim *sim, const struct sdhci_kind *kind)
{
    memset(sim, 0, sizeof(*sim));
    sim->device = (struct simulated_device){device_read, device_write};
    sim->environment = (struct device_environment){.context = sim,
                                                   .now = clock_now,
                                                   .sleep_until = sleep_until,
                                                   .wait_interrupt = wait_interrupt,
                                                   .log = log_line};
    sim->kind = kind;
    sim->now = DEVICE_SECOND;
    sim->c.caps = 0x057834b4;
    sim->c.version = 1;
    sim->c.pins_tell = true;
    sim->c.command_at = sim->c.data_at = SIM_NEVER;
    sim->memory = memory;
    sim->memory_bus = SIM_BUS;
    sim->granted_from = SIM_BUS;
    sim->granted_to = SIM_BUS + SIM_MEMORY;
    sim->says = getenv("WHARF_TELL") != NULL;
}
