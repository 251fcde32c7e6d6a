/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a simulated virtio device does with a chain of descriptors (sim.h): disk and random numbers. Every chain is checked.
 */
#include "../../check.h"
#include "sim.h"

enum { FLAG_NEXT = 1, FLAG_WRITE = 2, CHAIN_MAX = 40 };

struct descriptor {
    uint64_t bus;
    uint32_t length;
    uint16_t flags, next;
};

struct chain {
    unsigned count;
    struct descriptor d[CHAIN_MAX];
};

void *sim_memory(struct sim *sim, uint64_t bus, size_t size)
{
    for (unsigned i = 0; i < sim->arena_count; i++) {
        const struct sim_arena *arena = &sim->arenas[i];

        if (bus >= arena->bus && bus - arena->bus < arena->size &&
            size <= arena->size - (bus - arena->bus))
            return arena->at + (bus - arena->bus);
    }
    CHECK(!"the device touches memory that is not its own");
    return NULL;
}

static void read_chain(struct sim *sim, uint16_t head, struct chain *chain)
{
    uint16_t at = head;
    bool writes = false;

    chain->count = 0;
    for (;;) {
        struct descriptor *d = &chain->d[chain->count++];

        CHECK(at < sim->queue_size);
        memcpy(d, sim_memory(sim, sim->descriptors + 16 * (uint64_t)at, 16), 16);
        CHECK((d->flags & ~(FLAG_NEXT | FLAG_WRITE)) == 0 && d->length > 0);
        CHECK(!writes || (d->flags & FLAG_WRITE) != 0); /* what is written comes last */
        writes = (d->flags & FLAG_WRITE) != 0;
        sim_memory(sim, d->bus, d->length);
        if ((d->flags & FLAG_NEXT) == 0)
            return;
        CHECK(chain->count < CHAIN_MAX);
        at = d->next;
    }
}

static uint32_t config32(const struct sim *sim, unsigned offset)
{
    uint32_t value;

    memcpy(&value, sim->config + offset, 4);
    return value;
}

static bool has(const struct sim *sim, unsigned feature)
{
    return (sim->accepted >> feature & 1) != 0;
}

/* Only what was agreed on is asked for; but power may have gone in the middle of the agreement. */
static bool may(const struct sim *sim, unsigned feature)
{
    CHECK(has(sim, feature) || sim->gone_from != SIM_NEVER);
    return has(sim, feature);
}

/* ---- The disk ---- */

static uint32_t move_data(struct sim *sim, const struct chain *chain, uint64_t sector, bool write)
{
    uint64_t at = sector * 512, moved = 0;

    for (unsigned i = 1; i + 1 < chain->count; i++) {
        const struct descriptor *d = &chain->d[i];
        void *memory = sim_memory(sim, d->bus, d->length);

        CHECK_EQ((d->flags & FLAG_WRITE) != 0, !write);
        CHECK(!has(sim, 1) || d->length <= config32(sim, 8));
        CHECK(at + d->length <= sim->medium_sectors * 512);
        if (write)
            memcpy(sim->medium + at, memory, d->length);
        else
            memcpy(memory, sim->medium + at, d->length);
        at += d->length;
        moved += d->length;
    }
    CHECK(moved > 0 && moved % 512 == 0);
    CHECK(!has(sim, 2) || config32(sim, 12) == 0 || chain->count - 2 <= config32(sim, 12));
    return write ? 0 : (uint32_t)moved;
}

static uint64_t bytes_of(const struct chain *chain)
{
    uint64_t sum = 0;

    for (unsigned i = 1; i + 1 < chain->count; i++)
        sum += chain->d[i].length;
    return sum;
}

/* Discarded blocks read as the letter d, so that a test sees them. */
static void discard(struct sim *sim, const struct chain *chain)
{
    uint64_t sector;
    uint32_t sectors, flags;
    const char *range = sim_memory(sim, chain->d[1].bus, 16);

    CHECK(chain->count == 3 && chain->d[1].length == 16);
    memcpy(&sector, range, 8);
    memcpy(&sectors, range + 8, 4);
    memcpy(&flags, range + 12, 4);
    CHECK(flags == 0 && sectors > 0 && sectors <= config32(sim, 36));
    CHECK(sector <= sim->medium_sectors && sectors <= sim->medium_sectors - sector);
    memset(sim->medium + sector * 512, 'd', (size_t)sectors * 512);
}

static uint32_t do_disk(struct sim *sim, const struct chain *chain, enum sim_fault fault)
{
    const struct descriptor *first = &chain->d[0], *last = &chain->d[chain->count - 1];
    uint32_t type, written = 0;
    uint64_t sector, capacity;
    uint8_t status = 0;

    CHECK(chain->count >= 2 && first->length == 16 && (first->flags & FLAG_WRITE) == 0);
    CHECK(last->length == 1 && (last->flags & FLAG_WRITE) != 0);
    memcpy(&type, sim_memory(sim, first->bus, 16), 4);
    memcpy(&sector, (char *)sim_memory(sim, first->bus, 16) + 8, 8);
    memcpy(&capacity, sim->config, 8);
    if (fault == SIM_ERROR || fault == SIM_UNSUPPORTED)
        status = fault == SIM_ERROR ? 1 : 2;
    else if (type > 1)
        status = 0;
    else if (sector > capacity || bytes_of(chain) / 512 > capacity - sector)
        status = 1; /* it has shrunk */
    switch (type) {
    case 0:
    case 1:
        if (status == 0)
            written = move_data(sim, chain, sector, type == 1);
        break;
    case 4:
        CHECK(sector == 0 && chain->count == 2);
        status = may(sim, 9) ? status : 2;
        break;
    case 11:
        status = may(sim, 13) ? status : 2;
        if (status == 0)
            discard(sim, chain);
        break;
    default: CHECK(!"a request of no kind");
    }
    if (fault == SIM_ODD_STATUS)
        status = (uint8_t)(3 + check_below(253));
    if (fault != SIM_NO_STATUS)
        *(uint8_t *)sim_memory(sim, last->bus, 1) = status;
    return written + 1;
}

/* ---- Random numbers ---- */

static uint32_t do_rng(struct sim *sim, const struct chain *chain, enum sim_fault fault)
{
    uint8_t *to = sim_memory(sim, chain->d[0].bus, chain->d[0].length);
    uint32_t length = 1 + (uint32_t)check_below(chain->d[0].length);

    CHECK(chain->count == 1 && (chain->d[0].flags & FLAG_WRITE) != 0);
    for (uint32_t i = 0; i < length; i++)
        to[i] = (uint8_t)check_random();
    if (fault == SIM_ERROR)
        memset(to, 0, length);
    if (fault == SIM_UNSUPPORTED)
        memset(to, 0xff, length);
    return fault == SIM_NO_STATUS ? 0 : length;
}

uint32_t sim_do_request(struct sim *sim, uint16_t head, enum sim_fault fault)
{
    struct chain chain;

    read_chain(sim, head, &chain);
    return sim->id == 2 ? do_disk(sim, &chain, fault) : do_rng(sim, &chain, fault);
}
