/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Setting a virtio block device up, and again after trouble (virtio_blk.h).
 *
 *      start:  reset -> quiesced -> negotiate, facts, queue -> go
 *      check:  lost interrupts are found by looking; a device that is silent, late or lies is reset and set up, and what it had is
 *              asked for again, VIRTIO_BLK_TRIES times each at most
 */
#include "virtio_blk_impl.h"

enum feature {
    FEATURE_SEGMENT_BYTES = 1,
    FEATURE_SEGMENTS = 2,
    FEATURE_READ_ONLY = 5,
    FEATURE_BLOCK_SIZE = 6,
    FEATURE_FLUSH = 9,
    FEATURE_TOPOLOGY = 10,
    FEATURE_DISCARD = 13,
};

#define WANTED                                                                  \
    (VIRTIO_FEATURE(FEATURE_SEGMENT_BYTES) | VIRTIO_FEATURE(FEATURE_SEGMENTS) | \
     VIRTIO_FEATURE(FEATURE_READ_ONLY) | VIRTIO_FEATURE(FEATURE_BLOCK_SIZE) |   \
     VIRTIO_FEATURE(FEATURE_FLUSH) | VIRTIO_FEATURE(FEATURE_TOPOLOGY) |         \
     VIRTIO_FEATURE(FEATURE_DISCARD))

enum config { /* offsets */
              CONFIG_CAPACITY = 0,
              CONFIG_SEGMENT_BYTES = 8,
              CONFIG_SEGMENTS = 12,
              CONFIG_BLOCK_SIZE = 20,
              CONFIG_PHYSICAL_EXPONENT = 24,
              CONFIG_DISCARD_SECTORS = 36,
              CONFIG_DISCARD_RANGES = 40,
};

enum {
    PAGE = 4096,
    SEGMENT_BYTES_MAX = 1 << 30,
    DISCARD_LEAST = 1 << 20, /* bytes: a device that does less at once is not asked at all */
};

#define CAPACITY_MAX (UINT64_C(1) << 54) /* sectors: bytes fit 64 bits */

/* ---- Facts ---- */

kern_return_t virtio_blk_read_capacity(struct virtio_blk *blk, uint32_t block_size,
                                       uint64_t *blocks)
{
    uint32_t words[2];
    uint64_t sectors;
    kern_return_t kr = virtio_mmio_config(&blk->mmio, CONFIG_CAPACITY, words, sizeof(words));

    if (kr != KERN_SUCCESS)
        return kr;
    sectors = words[0] | (uint64_t)words[1] << 32;
    if (sectors > CAPACITY_MAX) {
        device_log(blk->mmio.environment, "virtio-blk: it says it has %llx sectors",
                   (unsigned long long)sectors);
        return KERN_BAD_FORMAT;
    }
    *blocks = sectors / (block_size / VIRTIO_BLK_SECTOR);
    return KERN_SUCCESS;
}

static kern_return_t read_word(struct virtio_blk *blk, unsigned feature, unsigned offset,
                               uint32_t *word)
{
    if (!virtio_mmio_has(&blk->mmio, feature))
        return KERN_SUCCESS; /* it keeps its default */
    return virtio_mmio_config(&blk->mmio, offset, word, sizeof(*word));
}

static bool is_block_size(uint32_t size)
{
    return size >= VIRTIO_BLK_SECTOR && size <= PAGE && (size & (size - 1)) == 0;
}

static kern_return_t read_block_size(struct virtio_blk *blk, struct virtio_blk_facts *facts)
{
    uint32_t size = VIRTIO_BLK_SECTOR;
    kern_return_t kr = read_word(blk, FEATURE_BLOCK_SIZE, CONFIG_BLOCK_SIZE, &size);
    unsigned exponent = 0;

    if (kr != KERN_SUCCESS)
        return kr;
    if (!is_block_size(size)) {
        device_log(blk->mmio.environment, "virtio-blk: blocks of %u bytes, taken for 512", size);
        size = VIRTIO_BLK_SECTOR; /* a hint: sectors of 512 always work */
    }
    if (virtio_mmio_has(&blk->mmio, FEATURE_TOPOLOGY))
        exponent = virtio_mmio_config_byte(&blk->mmio, CONFIG_PHYSICAL_EXPONENT);
    facts->block_size = size;
    facts->physical_size = exponent <= 16 ? size << exponent : size;
    return virtio_blk_read_capacity(blk, size, &facts->blocks);
}

/* What fits one request at worst: each page of it elsewhere, and the first and last in part. */
static uint32_t worst_request(const struct virtio_blk_facts *facts)
{
    uint32_t per_page = (PAGE + facts->segment_bytes - 1) / facts->segment_bytes;
    uint32_t pages = facts->segments_max / per_page;
    uint64_t most = (uint64_t)facts->segments_max * facts->segment_bytes;

    if (pages >= 2)
        return (pages - 1) * PAGE / facts->block_size;
    return facts->block_size <= most ? 1 : 0; /* if it does not lie across too many pages */
}

static kern_return_t read_segments(struct virtio_blk *blk, struct virtio_blk_facts *facts,
                                   unsigned chain)
{
    uint32_t bytes = SEGMENT_BYTES_MAX, segments = VIRTIO_BLK_SEGMENTS;
    kern_return_t kr = read_word(blk, FEATURE_SEGMENT_BYTES, CONFIG_SEGMENT_BYTES, &bytes);

    if (kr == KERN_SUCCESS)
        kr = read_word(blk, FEATURE_SEGMENTS, CONFIG_SEGMENTS, &segments);
    if (kr != KERN_SUCCESS)
        return kr;
    if (bytes > SEGMENT_BYTES_MAX)
        bytes = SEGMENT_BYTES_MAX;
    if (segments == 0)
        segments = 1; /* seen of old devices: the least there can be */
    facts->segment_bytes = bytes / VIRTIO_BLK_SECTOR * VIRTIO_BLK_SECTOR;
    facts->segments_max = segments < chain - 2 ? segments : chain - 2;
    if (facts->segment_bytes == 0) {
        device_log(blk->mmio.environment, "virtio-blk: segments of at most %u bytes", bytes);
        return KERN_BAD_FORMAT;
    }
    facts->blocks_max = worst_request(facts);
    return facts->blocks_max == 0 ? KERN_BAD_FORMAT : KERN_SUCCESS;
}

static kern_return_t read_discard(struct virtio_blk *blk, struct virtio_blk_facts *facts)
{
    uint32_t sectors = 0, ranges = 0;
    kern_return_t kr = read_word(blk, FEATURE_DISCARD, CONFIG_DISCARD_SECTORS, &sectors);

    if (kr == KERN_SUCCESS)
        kr = read_word(blk, FEATURE_DISCARD, CONFIG_DISCARD_RANGES, &ranges);
    if (kr != KERN_SUCCESS)
        return kr;
    facts->can_discard = ranges > 0 && sectors >= DISCARD_LEAST / VIRTIO_BLK_SECTOR;
    facts->discard_blocks = sectors / (facts->block_size / VIRTIO_BLK_SECTOR);
    return KERN_SUCCESS;
}

/* After a reset. On an error the device has been told of nothing, or is at rest. */
static kern_return_t set_up(struct virtio_blk *blk, struct virtio_blk_facts *facts)
{
    kern_return_t kr = virtio_mmio_negotiate(&blk->mmio, WANTED);

    *facts = (struct virtio_blk_facts){0};
    if (kr == KERN_SUCCESS)
        kr = read_block_size(blk, facts);
    if (kr == KERN_SUCCESS)
        kr = virtio_mmio_queue(&blk->mmio, VIRTIO_BLK_QUEUE, &blk->memory, &blk->queue);
    if (kr == KERN_SUCCESS)
        kr = read_segments(blk, facts, blk->queue.chain);
    if (kr == KERN_SUCCESS)
        kr = read_discard(blk, facts);
    if (kr != KERN_SUCCESS)
        return kr;
    facts->read_only = virtio_mmio_has(&blk->mmio, FEATURE_READ_ONLY);
    facts->volatile_cache = virtio_mmio_has(&blk->mmio, FEATURE_FLUSH);
    virtio_mmio_go(&blk->mmio);
    return KERN_SUCCESS;
}

/* The slots' headers lie in the last part of the memory: a queue of any size leaves it free. */
enum { HEADER_AREA = VIRTIO_BLK_SLOTS * 64 };

kern_return_t virtio_blk_start(struct virtio_blk *blk, const struct virtio_blk_start *start)
{
    kern_return_t kr;

    *blk = (struct virtio_blk){.memory = start->memory};
    if (start->memory.size < VIRTIO_BLK_MEMORY)
        return KERN_RESOURCE_SHORTAGE;
    blk->header_area = VIRTIO_BLK_MEMORY - HEADER_AREA;
    kr = virtio_mmio_probe(&blk->mmio, start->environment, start->registers, VIRTIO_BLOCK);
    if (kr == KERN_SUCCESS)
        kr = virtio_mmio_reset(&blk->mmio);
    if (kr == KERN_SUCCESS)
        kr = start->quiesced(start->context);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = set_up(blk, &blk->facts);
    if (kr != KERN_SUCCESS)
        return kr;
    return virtio_mmio_needs_reset(&blk->mmio) ? KERN_FAILURE : KERN_SUCCESS;
}

kern_return_t virtio_blk_stop(struct virtio_blk *blk)
{
    blk->dead = true;
    return virtio_mmio_reset(&blk->mmio);
}

/* ---- After trouble ---- */

/* What has become of a request in the reset. */
static kern_return_t ask_again(struct virtio_blk *blk, unsigned slot)
{
    struct virtio_blk_slot *s = &blk->slots[slot];
    kern_return_t kr;

    if (s->tries >= VIRTIO_BLK_TRIES || slot >= blk->queue.slots)
        return KERN_MEMORY_ERROR;
    kr = virtio_blk_allowed(blk, s->operation, s->block, s->count);
    if (kr != KERN_SUCCESS)
        return kr; /* it is smaller now, or read-only */
    s->tries++;
    s->submitted = blk->progress;
    return virtio_blk_offer(blk, slot) ? KERN_SUCCESS : KERN_MEMORY_ERROR;
}

static kern_return_t reset_and_set_up(struct virtio_blk *blk, struct virtio_blk_facts *facts)
{
    kern_return_t kr = virtio_mmio_reset(&blk->mmio);

    if (kr == KERN_SUCCESS)
        kr = set_up(blk, facts);
    if (kr == KERN_SUCCESS && virtio_mmio_needs_reset(&blk->mmio))
        kr = KERN_FAILURE;
    return kr;
}

static kern_return_t recover(struct virtio_blk *blk, unsigned *events)
{
    struct virtio_blk_facts before = blk->facts;
    bool same;

    blk->counts.resets++;
    if (reset_and_set_up(blk, &blk->facts) != KERN_SUCCESS) {
        device_log(blk->mmio.environment, "virtio-blk: it does not come back");
        blk->dead = true;
        return KERN_TERMINATED;
    }
    blk->trouble = false;
    blk->unpublished = false;
    blk->progress = device_now(blk->mmio.environment);
    blk->look = blk->progress + VIRTIO_BLK_LOOK;
    blk->late = blk->progress + VIRTIO_BLK_LIMIT;
    same = blk->facts.block_size == before.block_size;
    for (unsigned slot = 0; slot < VIRTIO_BLK_SLOTS; slot++) {
        kern_return_t kr;

        if (blk->slots[slot].state != VIRTIO_BLK_OUT)
            continue;
        kr = same ? ask_again(blk, slot) : KERN_MEMORY_FAILURE;
        if (kr != KERN_SUCCESS)
            virtio_blk_done(blk, slot, kr);
    }
    virtio_blk_kick(blk);
    *events |= VIRTIO_BLK_ANSWERS;
    if (!same)
        *events |= VIRTIO_BLK_CHANGED;
    else if (blk->facts.blocks != before.blocks)
        *events |= VIRTIO_BLK_RESIZED;
    return KERN_SUCCESS;
}

uint64_t virtio_blk_deadline(const struct virtio_blk *blk)
{
    if (blk->trouble || blk->dead || blk->done != 0)
        return 0; /* at once */
    if (blk->queue.out_count == 0)
        return UINT64_MAX;
    return blk->look < blk->late ? blk->look : blk->late;
}

/* Whether one is late; if not, blk->late is put to where the first can be. */
static bool has_late_request(struct virtio_blk *blk, uint64_t now)
{
    uint64_t oldest = now;

    if (now < blk->late)
        return false;
    for (unsigned slot = 0; slot < VIRTIO_BLK_SLOTS; slot++) {
        const struct virtio_blk_slot *s = &blk->slots[slot];

        if (s->state == VIRTIO_BLK_OUT && s->submitted < oldest)
            oldest = s->submitted;
    }
    blk->late = oldest + VIRTIO_BLK_LIMIT;
    return now >= blk->late;
}

kern_return_t virtio_blk_check(struct virtio_blk *blk, unsigned *events)
{
    uint64_t now = device_now(blk->mmio.environment);

    *events = 0;
    if (blk->dead)
        return KERN_TERMINATED;
    if (!blk->trouble) {
        *events = blk->done != 0 ? VIRTIO_BLK_ANSWERS : 0;
        if (blk->queue.out_count == 0 || (now < blk->look && now < blk->late))
            return KERN_SUCCESS;
        blk->look = now + VIRTIO_BLK_LOOK;
        if (virtqueue_pending(&blk->queue)) {
            blk->counts.lost_interrupts++;
            *events |= VIRTIO_BLK_ANSWERS;
            return KERN_SUCCESS;
        }
        if (now - blk->progress < VIRTIO_BLK_SILENCE && !has_late_request(blk, now) &&
            !virtio_mmio_needs_reset(&blk->mmio))
            return KERN_SUCCESS;
        blk->counts.late++;
    }
    device_log(blk->mmio.environment, "virtio-blk: it lies or hangs (%u requests out): reset",
               blk->queue.out_count);
    return recover(blk, events);
}
