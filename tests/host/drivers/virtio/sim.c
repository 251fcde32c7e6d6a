/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The transport and the queue of the simulated virtio device (sim.h), after VIRTIO 1.2, 4.2.
 */
#include "sim.h"

#include "../../check.h"

enum { ACCESS_TIME = 100 /* ns */ };

static void reset(struct sim *sim)
{
    sim->page_size = sim->queue_align = 0;
    sim->device_select = sim->driver_select = sim->queue_select = 0;
    sim->status = 0;
    sim->accepted = 0;
    sim->queue_size = sim->queue_ready = 0;
    sim->descriptors = sim->available = sim->used = 0;
    sim->taken = sim->given = 0;
    sim->interrupt = 0;
    sim->pending_count = 0;
    sim->resets++;
}

/* ---- The queue ---- */

static uint16_t get16(struct sim *sim, uint64_t bus)
{
    uint16_t value;

    memcpy(&value, sim_memory(sim, bus, 2), 2);
    return value;
}

/* It goes by DRIVER_OK and a queue that was set up. */
static bool is_running(const struct sim *sim)
{
    return (sim->status & 4) != 0 && sim->queue_ready != 0 && sim->queue_size != 0 &&
           (sim->version == 1 || (sim->status & 8) != 0);
}

static void take_available(struct sim *sim)
{
    uint16_t index = get16(sim, sim->available + 2);

    CHECK((uint16_t)(index - sim->taken) <= sim->queue_size);
    while (sim->taken != index) {
        uint64_t at = sim->available + 4 + 2 * (sim->taken & (sim->queue_size - 1));

        CHECK(sim->pending_count < SIM_PENDING_MAX);
        sim->pending[sim->pending_count++] = (struct sim_pending){
            .head = get16(sim, at),
            .due =
                sim->now + sim->latency / 2 + (sim->latency == 0 ? 0 : check_below(sim->latency)),
        };
        sim->taken++;
    }
}

static void notify(struct sim *sim, uint32_t queue)
{
    CHECK_EQ(queue, 0);
    sim->notifications++;
    if (is_running(sim) && !sim->deaf)
        take_available(sim);
}

static void put_used(struct sim *sim, uint32_t id, uint32_t written)
{
    char *entry = sim_memory(sim, sim->used + 4 + 8 * (sim->given & (sim->queue_size - 1)), 8);

    memcpy(entry, &id, 4);
    memcpy(entry + 4, &written, 4);
    sim->given++;
}

static void publish(struct sim *sim, uint16_t index)
{
    memcpy(sim_memory(sim, sim->used + 2, 2), &index, 2);
}

static void answer(struct sim *sim, uint16_t head)
{
    uint64_t number = ++sim->answers;
    enum sim_fault fault =
        number >= sim->script.from && number <= sim->script.to ? sim->script.fault : SIM_HONEST;
    uint32_t written, id = head;

    if (fault == SIM_SWALLOW)
        return;
    if (fault == SIM_NEEDS_RESET) {
        sim->status |= 0x40;
        sim->interrupt |= 2;
        return;
    }
    written = sim_do_request(sim, head, fault);
    if (fault == SIM_LONG)
        written += 1 + (uint32_t)check_below(UINT32_MAX / 2);
    if (fault == SIM_SHORT)
        written = (uint32_t)check_below(written);
    if (fault == SIM_ODD_ID)
        id++;
    if (fault == SIM_LARGE_ID)
        id = (uint32_t)(sim->queue_size + check_skewed() % (UINT32_MAX - sim->queue_size));
    if (fault == SIM_WRONG_ID)
        id = (uint32_t)check_below(sim->queue_size) & ~3u;
    put_used(sim, id, written);
    if (fault == SIM_TWICE)
        put_used(sim, id, written);
    publish(sim, fault == SIM_JUMP        ? (uint16_t)(sim->given + 1000 + check_below(60000))
                 : fault == SIM_BACKWARDS ? (uint16_t)(sim->given - 2)
                                          : sim->given);
    if (fault != SIM_NO_INTERRUPT)
        sim->interrupt |= 1;
}

void sim_run(struct sim *sim)
{
    for (unsigned i = 0; i < sim->pending_count;) {
        struct sim_pending pending = sim->pending[i];

        if (pending.due > sim->now) {
            i++;
            continue;
        }
        sim->pending[i] = sim->pending[--sim->pending_count];
        answer(sim, pending.head);
    }
}

uint64_t sim_next(const struct sim *sim)
{
    uint64_t next = UINT64_MAX;

    for (unsigned i = 0; i < sim->pending_count; i++)
        if (sim->pending[i].due < next)
            next = sim->pending[i].due;
    return next;
}

bool sim_line(const struct sim *sim)
{
    return sim->interrupt != 0;
}

void sim_config_changed(struct sim *sim)
{
    sim->generation++;
    sim->interrupt |= 2;
}

/* ---- Registers ---- */

static uint32_t read_config(struct sim *sim, uint32_t offset, unsigned width)
{
    uint32_t value = 0;

    CHECK(offset % width == 0 && offset + width <= SIM_CONFIG);
    if (sim->restless)
        sim->config[check_below(8)] ^= (uint8_t)check_random();
    memcpy(&value, sim->config + offset, width);
    return value;
}

static uint32_t read_register(struct sim *sim, uint32_t offset, unsigned width)
{
    if (offset >= 0x100)
        return read_config(sim, offset - 0x100, width);
    CHECK_EQ(width, 4);
    switch (offset) {
    case 0x000: return sim->magic;
    case 0x004: return sim->version;
    case 0x008: return sim->id;
    case 0x00c: return 0x554d4551;
    case 0x010: return (uint32_t)(sim->offered >> (sim->device_select == 0 ? 0 : 32));
    case 0x034: return sim->queue_select == 0 ? sim->queue_max : 0;
    case 0x040: return sim->version == 1 ? (uint32_t)(sim->descriptors / 4096) : 0;
    case 0x044: return sim->queue_ready;
    case 0x060: return sim->interrupt;
    case 0x070: return sim->status;
    case 0x0fc:
        if (sim->restless)
            sim->generation++;
        return sim->generation;
    default: CHECK(!"a register that is not to be read"); return 0;
    }
}

static void write_status(struct sim *sim, uint32_t value)
{
    if (value == 0) {
        if (!sim->stuck)
            reset(sim);
        return;
    }
    /* Bits are only added, in their order. */
    CHECK((value & sim->status & 0xf) == (sim->status & 0xf));
    if (sim->version == 2 && ((sim->accepted & ~sim->offered) != 0 || sim->accepted >> 32 == 0))
        value &= ~UINT32_C(8);
    sim->status = value;
}

static void set_half(uint64_t *to, uint32_t offset, uint32_t value)
{
    *to = (offset & 4) == 0 ? (*to & ~UINT64_C(0xffffffff)) | value
                            : (*to & 0xffffffff) | (uint64_t)value << 32;
}

/* Legacy: one number says where all of the queue is. */
static void set_queue_page(struct sim *sim, uint32_t page)
{
    uint64_t used;

    CHECK_EQ(sim->version, 1);
    if (sim->queue_size == 0 || sim->page_size == 0 || sim->queue_align == 0)
        return; /* after power-on, the rest came before */
    CHECK(sim->page_size == 4096 && sim->queue_align == 4096);
    sim->descriptors = (uint64_t)page * 4096;
    sim->available = sim->descriptors + 16 * (uint64_t)sim->queue_size;
    used = sim->available + 4 + 2 * (uint64_t)sim->queue_size + 2;
    sim->used = (used + 4095) & ~UINT64_C(4095);
    sim->queue_ready = 1;
}

static void write_modern(struct sim *sim, uint32_t offset, uint32_t value)
{
    CHECK_EQ(sim->version, 2);
    switch (offset) {
    case 0x044: sim->queue_ready = value; break;
    case 0x080:
    case 0x084: set_half(&sim->descriptors, offset, value); break;
    case 0x090:
    case 0x094: set_half(&sim->available, offset, value); break;
    case 0x0a0:
    case 0x0a4: set_half(&sim->used, offset, value); break;
    default: CHECK(!"a register that is not to be written");
    }
}

static void write_register(struct sim *sim, uint32_t offset, unsigned width, uint32_t value)
{
    CHECK_EQ(width, 4);
    switch (offset) {
    case 0x014: sim->device_select = value; break;
    case 0x020:
        CHECK((sim->status & 8) == 0);
        set_half(&sim->accepted, sim->driver_select == 0 ? 0 : 4, value);
        break;
    case 0x024: sim->driver_select = value; break;
    case 0x028: sim->page_size = value; break;
    case 0x030: sim->queue_select = value; break;
    case 0x038:
        CHECK(value > 0 && value <= sim->queue_max && (value & (value - 1)) == 0);
        sim->queue_size = value;
        break;
    case 0x03c: sim->queue_align = value; break;
    case 0x040: set_queue_page(sim, value); break;
    case 0x050: notify(sim, value); break;
    case 0x064: sim->interrupt &= ~value; break;
    case 0x070: write_status(sim, value); break;
    default: write_modern(sim, offset, value);
    }
}

/* ---- Accesses ---- */

/* Begin an access. False: nobody is there. */
static bool begin_access(struct sim *sim)
{
    sim->now += ACCESS_TIME;
    sim->accesses++;
    if (sim->accesses == sim->kill_at)
        longjmp(sim->killed, 1);
    if (sim->accesses == sim->gone_from || sim->accesses == sim->gone_to)
        reset(sim); /* power went, came back */
    if (sim->gone_from != SIM_NEVER && sim->accesses >= sim->gone_from &&
        sim->accesses < sim->gone_to)
        return false;
    sim_run(sim);
    return true;
}

static uint32_t device_read(struct simulated_device *device, uint32_t offset, unsigned width)
{
    struct sim *sim = (struct sim *)device;
    uint32_t ones = UINT32_MAX >> (32 - 8 * width);

    if (!begin_access(sim))
        return ones;
    return sim->accesses == sim->glitch_at ? ones : read_register(sim, offset, width);
}

static void device_write(struct simulated_device *device, uint32_t offset, unsigned width,
                         uint32_t value)
{
    struct sim *sim = (struct sim *)device;

    if (begin_access(sim))
        write_register(sim, offset, width, value);
}

/* ---- Life ---- */

static void make(struct sim *sim, uint32_t version, uint32_t id)
{
    *sim = (struct sim){
        .device = {.read = device_read, .write = device_write},
        .now = 1000000,
        .magic = 0x74726976,
        .version = version,
        .id = id,
        .queue_max = 1024,
        .offered = version == 2 ? UINT64_C(1) << 32 : 0,
        .latency = 50000,
    };
}

void sim_set_config32(struct sim *sim, unsigned offset, uint32_t value)
{
    memcpy(sim->config + offset, &value, 4);
}

void sim_set_capacity(struct sim *sim, uint64_t sectors)
{
    memcpy(sim->config, &sectors, 8);
}

void sim_make_disk(struct sim *sim, uint32_t version, uint64_t sectors)
{
    make(sim, version, 2);
    sim->medium = calloc(sectors, 512);
    CHECK(sim->medium != NULL);
    sim->medium_sectors = sectors;
    sim->offered |= 1 << 2 | 1 << 6 | 1 << 9 | 1 << 10 | 1 << 13;
    sim_set_capacity(sim, sectors);
    sim_set_config32(sim, 12, 254);  /* segments */
    sim_set_config32(sim, 20, 512);  /* block size */
    sim_set_config32(sim, 24, 3);    /* physical: 4096 */
    sim_set_config32(sim, 36, 4096); /* discard: sectors, ranges */
    sim_set_config32(sim, 40, 1);
}

void sim_make_rng(struct sim *sim, uint32_t version)
{
    make(sim, version, 4);
}

void sim_destroy(struct sim *sim)
{
    free(sim->medium);
}

void sim_give(struct sim *sim, struct sim_arena arena)
{
    CHECK(sim->arena_count < SIM_ARENAS_MAX);
    sim->arenas[sim->arena_count++] = arena;
}

void sim_take_away(struct sim *sim, uint64_t bus)
{
    for (unsigned i = 0; i < sim->arena_count; i++)
        if (sim->arenas[i].bus == bus)
            sim->arenas[i--] = sim->arenas[--sim->arena_count];
}
