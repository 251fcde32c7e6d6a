/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target for virtio's logic: block device and random numbers. An input is a row of bytes that answers every read of a register,
 * and in between says what the driver does and what the device writes into the memory it was given. So that more than the first check
 * is reached, identity and status are mostly as they should be; a byte decides each time.
 *
 * Oracle: the sanitizers; each request is answered once at most, and only if it was asked; nothing takes longer than its bound of
 * virtual time; nothing is answered after KERN_TERMINATED.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <virtio_blk.h>
#include <virtio_rng.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = VIRTIO_RNG_MEMORY, BUS = 0x40000000, STEPS = 300, COOKIES = 64 };

struct fuzz {
    struct simulated_device device; /* first */
    struct device_environment environment;
    uint64_t now;
    const uint8_t *data;
    size_t size, at;
    uint32_t version, id, status;
    bool out[COOKIES];
    _Alignas(4096) char memory[MEMORY];
};

static struct fuzz fuzz;

static void require(bool promise, const char *what)
{
    if (promise)
        return;
    fprintf(stderr, "broken promise: %s\n", what);
    abort();
}

static uint8_t next(void)
{
    return fuzz.at < fuzz.size ? fuzz.data[fuzz.at++] : 0;
}

static uint32_t next_word(void)
{
    uint32_t value = next();

    switch (value & 3) {
    case 0: return value >> 2;
    case 1: return UINT32_C(1) << (value >> 3);
    case 2: return UINT32_MAX - (value >> 2);
    default: return value | (uint32_t)next() << 8 | (uint32_t)next() << 16 | (uint32_t)next() << 24;
    }
}

/* ---- The device ---- */

static uint32_t honest(uint32_t offset)
{
    switch (offset) {
    case 0x000: return 0x74726976;
    case 0x004: return fuzz.version;
    case 0x008: return fuzz.id;
    case 0x010: return 0x31006ed5;
    case 0x034: return 1024;
    case 0x070: return fuzz.status;
    case 0x040: return 0;
    case 0x044: return fuzz.status >> 2 & 1; /* the queue is ready when asked about it again */
    case 0x060: return 1;
    case 0x0fc: return 7;
    case 0x100: return 4096;
    case 0x108: return 65536;
    case 0x10c: return 126;
    case 0x114: return 512;
    default: return 0;
    }
}

static uint32_t fuzz_read(struct simulated_device *device, uint32_t offset, unsigned width)
{
    uint32_t value = honest(offset);

    (void)device;
    fuzz.now += 100;
    if (fuzz.at < fuzz.size && next() % 8 == 0)
        value = next_word();
    return value & UINT32_MAX >> (32 - 8 * width);
}

static void fuzz_write(struct simulated_device *device, uint32_t offset, unsigned width,
                       uint32_t value)
{
    (void)device;
    (void)width;
    fuzz.now += 100;
    if (offset == 0x070)
        fuzz.status = value;
    if (offset == 0x044)
        fuzz.status |= 4; /* see honest() */
}

static uint64_t env_now(void *context)
{
    (void)context;
    return fuzz.now;
}

static void env_sleep_until(void *context, uint64_t moment)
{
    (void)context;
    if (moment > fuzz.now)
        fuzz.now = moment;
}

/* The device may write anything into its memory: mostly an answer, sometimes elsewhere. */
static void scribble(const struct virtqueue *queue)
{
    uint8_t how = next();
    char *used = (char *)queue->used;

    if (queue->used == NULL)
        return;
    if ((how & 1) != 0) {
        uint16_t index = (uint16_t)(queue->taken + ((how & 2) != 0 ? 1 : next_word()));
        uint32_t id = (how & 4) != 0 ? (uint32_t)(next() % 32 * queue->chain) : next_word();
        uint32_t written = (how & 8) != 0 ? 1 + next() % 3 * 512u : next_word();
        size_t entry = 4 + 8 * (size_t)(queue->taken & (queue->size - 1u));

        memcpy(used + entry, &id, 4);
        memcpy(used + entry + 4, &written, 4);
        memcpy(used + 2, &index, 2);
    }
    if ((how & 16) != 0)
        fuzz.memory[next_word() % MEMORY] = (char)next();
    if ((how & 32) != 0) /* statuses */
        for (unsigned slot = 0; slot < VIRTIO_BLK_SLOTS; slot++)
            fuzz.memory[VIRTIO_BLK_MEMORY - 64 * VIRTIO_BLK_SLOTS + 64 * slot + 32] = 0;
}

static struct virtio_rng rng;

static bool env_wait(void *context, unsigned line, uint64_t deadline)
{
    (void)line;
    scribble(&rng.queue);
    env_sleep_until(context, deadline);
    return (next() & 1) != 0;
}

[[gnu::format(printf, 2, 3)]] static void env_log(void *context, const char *format, ...)
{
    (void)context;
    (void)format;
}

static kern_return_t quiesced(void *context)
{
    (void)context;
    return KERN_SUCCESS;
}

/* ---- The driver ---- */

static void submit(struct virtio_blk *blk)
{
    struct dma_segment segments[VIRTIO_BLK_SEGMENTS + 2];
    struct block_transfer transfer = {.segments = segments};
    uint64_t cookie = next() % COOKIES;
    uint8_t how = next();
    kern_return_t kr;

    if (fuzz.out[cookie])
        return;
    transfer.write = (how & 1) != 0;
    transfer.block = next_word();
    transfer.count = 1 + next() % 64;
    transfer.segment_count = 1;
    segments[0] = (struct dma_segment){BUS + 0x100000, transfer.count * (uint64_t)512};
    if ((how & 2) != 0) {
        transfer.segment_count = next() % (VIRTIO_BLK_SEGMENTS + 2);
        for (unsigned i = 0; i < transfer.segment_count; i++)
            segments[i] = (struct dma_segment){BUS + 0x100000 + 4096 * i, next_word()};
    }
    if ((how & 0x30) == 0x10)
        kr = virtio_blk_flush(blk, cookie);
    else if ((how & 0x30) == 0x20)
        kr = virtio_blk_discard(blk, transfer.block, next_word(), cookie);
    else
        kr = virtio_blk_submit(blk, &transfer, cookie);
    if (kr == KERN_SUCCESS)
        fuzz.out[cookie] = true;
}

static void collect(struct virtio_blk *blk)
{
    struct virtio_blk_answer answers[7];
    unsigned most = next() % 8, count = virtio_blk_collect(blk, answers, most);

    require(count <= most, "as many answers as asked for");
    for (unsigned i = 0; i < count; i++) {
        require(answers[i].cookie < COOKIES && fuzz.out[answers[i].cookie],
                "asked and not answered");
        fuzz.out[answers[i].cookie] = false;
    }
}

static void drive_blk(struct virtio_blk *blk)
{
    for (unsigned step = 0; step < STEPS && fuzz.at < fuzz.size; step++) {
        uint64_t before = fuzz.now;
        unsigned events;

        switch (next() % 6) {
        case 0:
        case 1: submit(blk); break;
        case 2: virtio_blk_kick(blk); break;
        case 3: (void)virtio_blk_interrupt(blk); break;
        case 4: collect(blk); break;
        default:
            if (virtio_blk_deadline(blk) != UINT64_MAX)
                env_sleep_until(NULL, virtio_blk_deadline(blk));
            before = fuzz.now;
            if (virtio_blk_check(blk, &events) == KERN_TERMINATED) {
                require(virtio_blk_collect(blk, (struct virtio_blk_answer[1]){}, 1) == 0,
                        "nothing is answered any more");
                return;
            }
        }
        require(fuzz.now - before < 5 * DEVICE_SECOND, "bounded");
        scribble(&blk->queue);
    }
}

static void drive_rng(void)
{
    uint8_t bytes[VIRTIO_RNG_BYTES];
    uint32_t count;

    for (unsigned step = 0; step < STEPS && fuzz.at < fuzz.size; step++) {
        uint64_t before = fuzz.now;
        uint32_t wanted = next();
        kern_return_t kr = virtio_rng_read(&rng, bytes, wanted, &count);

        require(kr != KERN_SUCCESS || (count >= 1 && count <= wanted), "as many as wanted");
        require(fuzz.now - before < 10 * DEVICE_SECOND, "bounded");
        if (kr == KERN_TERMINATED)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct virtio_blk blk;
    struct registers registers = {.device = &fuzz.device};
    struct dma_memory memory = {fuzz.memory, BUS, MEMORY};

    if (size < 1)
        return 0;
    memset(&fuzz, 0, sizeof(fuzz));
    fuzz.device = (struct simulated_device){fuzz_read, fuzz_write};
    fuzz.environment =
        (struct device_environment){&fuzz, env_now, env_sleep_until, env_wait, env_log};
    fuzz.data = data;
    fuzz.size = size;
    fuzz.version = 1 + (data[0] & 1);
    fuzz.id = (data[0] & 2) != 0 ? 4 : 2;
    fuzz.at = 1;
    if (fuzz.id == 2) {
        struct virtio_blk_start start = {&fuzz.environment, &registers, memory, quiesced, NULL};

        memset(&rng, 0, sizeof(rng));
        if (virtio_blk_start(&blk, &start) == KERN_SUCCESS)
            drive_blk(&blk);
    } else {
        struct virtio_rng_start start = {&fuzz.environment, &registers, memory, quiesced, NULL};

        if (virtio_rng_start(&rng, &start) == KERN_SUCCESS)
            drive_rng();
    }
    require(fuzz.now < 1000000 * DEVICE_SECOND, "bounded");
    return 0;
}
