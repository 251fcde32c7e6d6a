/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clock, log, memory and the driver's loop (world.h).
 */
#include "world.h"

#include <stdarg.h>

#include "../../check.h"

/* ---- What the logic stands on ---- */

static uint64_t env_now(void *context)
{
    return ((struct world *)context)->sim.now;
}

static void env_sleep_until(void *context, uint64_t moment)
{
    struct world *world = context;

    while (world->sim.now < moment) {
        uint64_t next = sim_next(&world->sim);

        world->sim.now = next < moment ? (next > world->sim.now ? next : world->sim.now) : moment;
        sim_run(&world->sim);
    }
}

static bool env_wait(void *context, unsigned line, uint64_t deadline)
{
    struct world *world = context;

    CHECK_EQ(line, 0);
    while (!sim_line(&world->sim)) {
        uint64_t next = sim_next(&world->sim);

        if (next > deadline || next == UINT64_MAX) {
            if (world->sim.now < deadline)
                world->sim.now = deadline;
            return false;
        }
        env_sleep_until(world, next);
    }
    return true;
}

[[gnu::format(printf, 2, 3)]] static void env_log(void *context, const char *format, ...)
{
    struct world *world = context;
    va_list list;

    va_start(list, format);
    vsnprintf(world->last_log, sizeof(world->last_log), format, list);
    va_end(list);
    CHECK(strchr(world->last_log, '\n') == NULL);
    world->logged++;
}

/* ---- Memory: the driver's, and the client's in pages apart ---- */

enum { PAGE = 4096, CLIENT_SIZE = WORLD_BUFFERS * WORLD_BUFFER_PAGES * 2 * PAGE };

static void *allocate(size_t size)
{
    void *memory = aligned_alloc(PAGE, size);

    CHECK(memory != NULL);
    memset(memory, 0x5a, size);
    return memory;
}

/* One for all worlds: what is in it at the beginning does not matter, and it is large. */
static char *client_memory(void)
{
    static char *memory;

    if (memory == NULL)
        memory = allocate(CLIENT_SIZE);
    return memory;
}

void world_make(struct world *world, uint32_t version)
{
    memset(world, 0, sizeof(*world));
    sim_make_disk(&world->sim, version, WORLD_SECTORS);
    world->environment = (struct device_environment){.context = world,
                                                     .now = env_now,
                                                     .sleep_until = env_sleep_until,
                                                     .wait_interrupt = env_wait,
                                                     .log = env_log};
    world->spread = 1;
    world->client = client_memory();
    sim_give(&world->sim, (struct sim_arena){WORLD_CLIENT_BUS, world->client, CLIENT_SIZE});
    world->memory_bus = WORLD_MEMORY_BUS - 16 * PAGE;
}

void world_destroy(struct world *world)
{
    free(world->memory);
    free(world->old_memory);
    sim_destroy(&world->sim);
}

/* The device is at rest: what the driver before this one had is everybody's again. */
static kern_return_t quiesced(void *context)
{
    struct world *world = context;

    CHECK_EQ(world->sim.status, 0);
    CHECK(world->sim.pending_count == 0 && world->sim.queue_ready == 0);
    if (world->in_quarantine) {
        sim_take_away(&world->sim, world->old_memory_bus);
        free(world->old_memory);
        world->old_memory = NULL;
        world->in_quarantine = false;
    }
    return KERN_SUCCESS;
}

kern_return_t world_start(struct world *world)
{
    struct registers registers = {.device = &world->sim.device};
    struct virtio_blk_start start = {.environment = &world->environment,
                                     .registers = &registers,
                                     .quiesced = quiesced,
                                     .context = world};
    kern_return_t kr;

    if (world->memory != NULL && !world->in_quarantine) {
        world->old_memory = world->memory;
        world->old_memory_bus = world->memory_bus;
        world->in_quarantine = true;
    } else if (world->memory != NULL) {
        sim_take_away(&world->sim, world->memory_bus); /* the last one never got that far */
        free(world->memory);
    }
    world->memory_bus += 16 * PAGE;
    world->memory = allocate(VIRTIO_BLK_MEMORY);
    sim_give(&world->sim, (struct sim_arena){world->memory_bus, world->memory, VIRTIO_BLK_MEMORY});
    start.memory = (struct dma_memory){world->memory, world->memory_bus, VIRTIO_BLK_MEMORY};
    world->restarts++;
    kr = virtio_blk_start(&world->blk, &start);
    world->alive = kr == KERN_SUCCESS;
    return kr;
}

/* ---- The loop ---- */

static void take_answers(struct world *world)
{
    struct virtio_blk_answer answers[5];
    unsigned count;

    do {
        count = virtio_blk_collect(&world->blk, answers, 5);
        for (unsigned i = 0; i < count; i++) {
            struct request *request = &world->requests[answers[i].cookie % WORLD_BUFFERS];

            CHECK(answers[i].cookie / WORLD_BUFFERS >= 100);
            CHECK(request->used && request->submitted && !request->answered); /* B1 */
            request->answered = true;
            request->result = answers[i].result;
            world->answered++;
        }
    } while (count == 5);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

bool world_step(struct world *world)
{
    uint64_t deadline, next;

    if (!world->alive)
        return false;
    virtio_blk_kick(&world->blk);
    if (sim_line(&world->sim)) {
        world->events |= virtio_blk_interrupt(&world->blk);
        take_answers(world);
        return true;
    }
    deadline = virtio_blk_deadline(&world->blk);
    next = smaller(sim_next(&world->sim), deadline);
    if (next == UINT64_MAX)
        return false;
    if (next > world->sim.now)
        world->sim.now = next;
    sim_run(&world->sim);
    if (world->sim.now >= deadline) {
        unsigned events;

        if (virtio_blk_check(&world->blk, &events) == KERN_TERMINATED)
            world->alive = false; /* B3 */
        world->events |= events;
        take_answers(world);
    }
    return world->alive;
}
