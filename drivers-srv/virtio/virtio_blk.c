/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests of a virtio block device (virtio_blk.h): from submission to answer.
 *
 * Each slot has a chain of descriptors and, in the memory behind the queue, a header, a range to discard and a status byte of its
 * own. All that a request is told from is kept in struct virtio_blk_slot: what the device can write is never read back, but for
 * the status.
 */
#include "virtio_blk_impl.h"

struct header {
    uint32_t type;
    uint32_t zero;
    uint64_t sector;
};

struct discard {
    uint64_t sector;
    uint32_t sectors;
    uint32_t flags;
};

/** The part of the memory that belongs to a slot beside its descriptors. */
struct area {
    struct header header;
    struct discard discard;
    uint8_t status;
    uint8_t zero[31];
};
_Static_assert(sizeof(struct area) == 64);

enum status {
    STATUS_OK = 0,
    STATUS_ERROR = 1,
    STATUS_UNSUPPORTED = 2,
    STATUS_NONE = 0xff, /* ours: the device has not written it */
};

static size_t area_offset(const struct virtio_blk *blk, unsigned slot)
{
    return blk->header_area + slot * sizeof(struct area);
}

static volatile struct area *area_of(const struct virtio_blk *blk, unsigned slot)
{
    return (volatile struct area *)((char *)blk->memory.at + area_offset(blk, slot));
}

static uint32_t sectors_of(const struct virtio_blk *blk)
{
    return blk->facts.block_size / VIRTIO_BLK_SECTOR;
}

/* The data's descriptors, from number 1 on. Returns the number of the next; 0: there are too many. */
static unsigned describe_data(struct virtio_blk *blk, unsigned slot)
{
    const struct virtio_blk_slot *s = &blk->slots[slot];
    unsigned at = 1, last = blk->facts.segments_max;
    unsigned flags = VIRTQUEUE_NEXT;

    if (s->operation == VIRTIO_BLK_READ)
        flags |= VIRTQUEUE_DEVICE_WRITES;
    for (unsigned i = 0; i < s->segment_count; i++) {
        uint64_t bus = s->segments[i].bus, left = s->segments[i].length;

        while (left > 0) {
            uint64_t length = left < blk->facts.segment_bytes ? left : blk->facts.segment_bytes;

            if (at > last)
                return 0;
            virtqueue_describe(&blk->queue, slot, at, bus, (uint32_t)length, flags, at + 1);
            at++;
            bus += length;
            left -= length;
        }
    }
    return at;
}

static unsigned describe_discard(struct virtio_blk *blk, unsigned slot)
{
    struct virtio_blk_slot *s = &blk->slots[slot];
    volatile struct area *area = area_of(blk, slot);

    s->part = s->count < blk->facts.discard_blocks ? s->count : blk->facts.discard_blocks;
    area->discard.sector = s->block * sectors_of(blk);
    area->discard.sectors = s->part * sectors_of(blk);
    area->discard.flags = 0;
    virtqueue_describe(&blk->queue, slot, 1,
                       blk->memory.bus + area_offset(blk, slot) + offsetof(struct area, discard),
                       sizeof(struct discard), VIRTQUEUE_NEXT, 2);
    return 2;
}

bool virtio_blk_offer(struct virtio_blk *blk, unsigned slot)
{
    const struct virtio_blk_slot *s = &blk->slots[slot];
    volatile struct area *area = area_of(blk, slot);
    uint64_t bus = blk->memory.bus + area_offset(blk, slot);
    bool has_sector = s->operation == VIRTIO_BLK_READ || s->operation == VIRTIO_BLK_WRITE;
    unsigned at =
        s->operation == VIRTIO_BLK_DISCARD ? describe_discard(blk, slot) : describe_data(blk, slot);

    if (at == 0)
        return false;
    area->header.type = (uint32_t)s->operation;
    area->header.zero = 0;
    area->header.sector = has_sector ? s->block * sectors_of(blk) : 0;
    area->status = STATUS_NONE;
    virtqueue_describe(&blk->queue, slot, 0, bus, sizeof(struct header), VIRTQUEUE_NEXT, 1);
    virtqueue_describe(&blk->queue, slot, at, bus + offsetof(struct area, status), 1,
                       VIRTQUEUE_DEVICE_WRITES, 0);
    virtqueue_offer(&blk->queue, slot);
    blk->unpublished = true;
    return true;
}

void virtio_blk_done(struct virtio_blk *blk, unsigned slot, kern_return_t result)
{
    blk->slots[slot].state = VIRTIO_BLK_DONE;
    blk->slots[slot].result = result;
    blk->done |= UINT32_C(1) << slot;
    if (result != KERN_SUCCESS)
        blk->counts.errors++;
}

/* ---- Asking ---- */

kern_return_t virtio_blk_allowed(const struct virtio_blk *blk, enum virtio_blk_operation operation,
                                 uint64_t block, uint64_t count)
{
    const struct virtio_blk_facts *facts = &blk->facts;

    if (operation == VIRTIO_BLK_FLUSH)
        return KERN_SUCCESS;
    if (operation == VIRTIO_BLK_DISCARD && !facts->can_discard)
        return KERN_NOT_SUPPORTED;
    if (operation != VIRTIO_BLK_READ && facts->read_only)
        return KERN_PROTECTION_FAILURE;
    if (count == 0 || block >= facts->blocks || count > facts->blocks - block)
        return KERN_INVALID_ARGUMENT;
    return KERN_SUCCESS;
}

static kern_return_t copy_segments(struct virtio_blk *blk, struct virtio_blk_slot *slot,
                                   const struct block_transfer *transfer)
{
    uint64_t bytes = (uint64_t)transfer->count * blk->facts.block_size, sum = 0;

    if (transfer->segment_count > VIRTIO_BLK_SEGMENTS || bytes > UINT32_MAX / 2)
        return KERN_INVALID_ARGUMENT;
    for (unsigned i = 0; i < transfer->segment_count; i++) {
        if (transfer->segments[i].length == 0 || transfer->segments[i].length > bytes - sum)
            return KERN_INVALID_ARGUMENT;
        slot->segments[i] = transfer->segments[i];
        sum += slot->segments[i].length;
    }
    if (sum != bytes)
        return KERN_INVALID_ARGUMENT;
    slot->segment_count = transfer->segment_count;
    slot->bytes = (uint32_t)bytes;
    return KERN_SUCCESS;
}

/* Give slot, filled in but for this, to the device. */
static kern_return_t begin(struct virtio_blk *blk, unsigned slot, uint64_t cookie)
{
    struct virtio_blk_slot *s = &blk->slots[slot];
    bool first = blk->queue.out_count == 0;

    if (!virtio_blk_offer(blk, slot))
        return KERN_INVALID_ARGUMENT;
    s->state = VIRTIO_BLK_OUT;
    s->cookie = cookie;
    s->tries = 1;
    s->submitted = device_now(blk->mmio.environment);
    blk->busy |= UINT32_C(1) << slot;
    blk->counts.requests++;
    if (first) {
        blk->progress = s->submitted;
        blk->look = s->submitted + VIRTIO_BLK_LOOK;
        blk->late = s->submitted + VIRTIO_BLK_LIMIT;
    }
    return KERN_SUCCESS;
}

/* A free slot for an operation that is allowed. */
static kern_return_t find_slot(struct virtio_blk *blk, enum virtio_blk_operation operation,
                               uint64_t block, uint32_t count, unsigned *slot)
{
    kern_return_t kr = virtio_blk_allowed(blk, operation, block, count);
    int found = virtqueue_free_slot(&blk->queue, blk->busy);

    if (blk->dead)
        return KERN_TERMINATED;
    if (kr != KERN_SUCCESS)
        return kr;
    if (found < 0 || blk->trouble)
        return KERN_BUSY; /* in trouble: after virtio_blk_check() */
    *slot = (unsigned)found;
    blk->slots[found].operation = operation;
    blk->slots[found].block = block;
    blk->slots[found].count = count;
    blk->slots[found].segment_count = 0;
    blk->slots[found].bytes = 0;
    return KERN_SUCCESS;
}

kern_return_t virtio_blk_submit(struct virtio_blk *blk, const struct block_transfer *transfer,
                                uint64_t cookie)
{
    enum virtio_blk_operation operation = transfer->write ? VIRTIO_BLK_WRITE : VIRTIO_BLK_READ;
    unsigned slot;
    kern_return_t kr = find_slot(blk, operation, transfer->block, transfer->count, &slot);

    if (kr != KERN_SUCCESS)
        return kr;
    kr = copy_segments(blk, &blk->slots[slot], transfer);
    if (kr != KERN_SUCCESS)
        return kr;
    return begin(blk, slot, cookie);
}

kern_return_t virtio_blk_flush(struct virtio_blk *blk, uint64_t cookie)
{
    unsigned slot;
    kern_return_t kr = find_slot(blk, VIRTIO_BLK_FLUSH, 0, 0, &slot);

    if (kr != KERN_SUCCESS)
        return kr;
    if (blk->facts.volatile_cache)
        return begin(blk, slot, cookie);
    blk->slots[slot].cookie = cookie; /* what was answered is on the medium */
    blk->busy |= UINT32_C(1) << slot;
    blk->counts.requests++;
    virtio_blk_done(blk, slot, KERN_SUCCESS);
    return KERN_SUCCESS;
}

kern_return_t virtio_blk_discard(struct virtio_blk *blk, uint64_t block, uint32_t count,
                                 uint64_t cookie)
{
    unsigned slot;
    kern_return_t kr = find_slot(blk, VIRTIO_BLK_DISCARD, block, count, &slot);

    return kr == KERN_SUCCESS ? begin(blk, slot, cookie) : kr;
}

void virtio_blk_kick(struct virtio_blk *blk)
{
    if (!blk->unpublished)
        return;
    blk->unpublished = false;
    blk->counts.kicks++;
    virtqueue_publish(&blk->queue);
    virtio_mmio_notify(&blk->mmio, VIRTIO_BLK_QUEUE);
}

/* ---- Answers ---- */

unsigned virtio_blk_interrupt(struct virtio_blk *blk)
{
    unsigned causes = virtio_mmio_interrupt(&blk->mmio);
    unsigned events = (causes & VIRTIO_USED) != 0 ? VIRTIO_BLK_ANSWERS : 0;
    uint64_t blocks;

    if ((causes & VIRTIO_ABSENT) != 0)
        blk->trouble = true;
    if ((causes & VIRTIO_CONFIG) == 0 || blk->trouble)
        return events;
    if (virtio_mmio_needs_reset(&blk->mmio))
        blk->trouble = true;
    else if (virtio_blk_read_capacity(blk, blk->facts.block_size, &blocks) == KERN_SUCCESS &&
             blocks != blk->facts.blocks) {
        blk->facts.blocks = blocks;
        events |= VIRTIO_BLK_RESIZED;
    }
    return events;
}

/* What the device says a slot's request came to. Modern devices say how much they wrote, too, and that has to fit; those with the
 * legacy interface often say nonsense (VIRTIO 1.2, 2.7.8.1). */
static kern_return_t judge(struct virtio_blk *blk, unsigned slot, uint32_t written)
{
    const struct virtio_blk_slot *s = &blk->slots[slot];
    uint32_t most = (s->operation == VIRTIO_BLK_READ ? s->bytes : 0) + 1;
    uint8_t status = area_of(blk, slot)->status;

    if (blk->mmio.version == 2 && written > most) {
        blk->counts.lies++;
        blk->trouble = true;
        return KERN_MEMORY_ERROR;
    }
    if (status == STATUS_UNSUPPORTED)
        return KERN_NOT_SUPPORTED;
    if (status == STATUS_ERROR)
        return KERN_MEMORY_ERROR;
    if (status == STATUS_OK &&
        (blk->mmio.version == 1 || s->operation != VIRTIO_BLK_READ || written == most))
        return KERN_SUCCESS;
    blk->counts.lies++; /* no such status, or not all of the data */
    return KERN_MEMORY_ERROR;
}

/* Errors may pass: what moves data is asked for again. Not so a flush: that the second succeeds does not say that what the first
 * failed to write is on the medium. */
static bool is_worth_a_retry(const struct virtio_blk_slot *slot, kern_return_t kr)
{
    return kr == KERN_MEMORY_ERROR && slot->operation != VIRTIO_BLK_FLUSH &&
           slot->tries < VIRTIO_BLK_TRIES;
}

/* The device has given a slot back: it has its result, or is asked for again; in trouble, after the reset. */
static void answer(struct virtio_blk *blk, unsigned slot, uint32_t written)
{
    struct virtio_blk_slot *s = &blk->slots[slot];
    kern_return_t kr = judge(blk, slot, written);

    if (kr == KERN_SUCCESS && s->operation == VIRTIO_BLK_DISCARD && s->part < s->count) {
        s->block += s->part;
        s->count -= s->part;
        s->tries = 0;
    } else if (!is_worth_a_retry(s, kr)) {
        virtio_blk_done(blk, slot, kr);
        return;
    }
    if (blk->trouble)
        return;
    s->tries++;
    s->submitted = device_now(blk->mmio.environment);
    if (!virtio_blk_offer(blk, slot))
        virtio_blk_done(blk, slot, KERN_MEMORY_ERROR);
}

static void take_answers(struct virtio_blk *blk)
{
    kern_return_t kr = KERN_SUCCESS;
    uint32_t written;
    unsigned slot;
    bool any = false;

    while (!blk->trouble && (kr = virtqueue_take(&blk->queue, &slot, &written)) == KERN_SUCCESS) {
        answer(blk, slot, written);
        any = true;
    }
    if (kr == KERN_BAD_FORMAT) {
        blk->counts.lies++;
        blk->trouble = true;
    }
    if (any) {
        blk->progress = device_now(blk->mmio.environment);
        blk->look = blk->progress + VIRTIO_BLK_LOOK;
    }
}

unsigned virtio_blk_collect(struct virtio_blk *blk, struct virtio_blk_answer *answers,
                            unsigned most)
{
    unsigned count = 0;

    if (!blk->dead)
        take_answers(blk);
    while (count < most && blk->done != 0 && !blk->dead) {
        unsigned slot = (unsigned)__builtin_ctz(blk->done);
        struct virtio_blk_slot *s = &blk->slots[slot];

        answers[count++] = (struct virtio_blk_answer){.cookie = s->cookie, .result = s->result};
        s->state = VIRTIO_BLK_FREE;
        blk->done &= ~(UINT32_C(1) << slot);
        blk->busy &= ~(UINT32_C(1) << slot);
    }
    if (!blk->trouble)
        virtio_blk_kick(blk); /* what is asked for again */
    return count;
}
