/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A split virtqueue (virtqueue.h). Numbers in it are little-endian, as both sides are here; the legacy interface has those of the
 * guest.
 */
#include "virtqueue.h"

#include <user/registers.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
_Static_assert(sizeof(struct virtqueue_descriptor) == 16);
_Static_assert(sizeof(struct virtqueue_used) == 8);

enum {
    INDEX = 1, /* words of the rings */
    RING = 2,
};

uint16_t virtqueue_choose(uint32_t most, uint16_t *chain)
{
    uint32_t size = VIRTQUEUE_SIZE_MAX;

    while (size > most)
        size /= 2;
    if (size < 4 || most > VIRTQUEUE_LARGEST)
        return 0;
    *chain = size >= 1024 ? 32 : size >= 256 ? 16 : size >= 64 ? 8 : 4;
    return (uint16_t)size;
}

static size_t used_offset(uint16_t size)
{
    size_t front =
        size * sizeof(struct virtqueue_descriptor) + (RING + size + 1u) * sizeof(uint16_t);

    return (front + VIRTQUEUE_ALIGN - 1) / VIRTQUEUE_ALIGN * VIRTQUEUE_ALIGN;
}

size_t virtqueue_bytes(uint16_t size)
{
    return used_offset(size) + (RING + 1) * sizeof(uint16_t) + size * sizeof(struct virtqueue_used);
}

void virtqueue_begin(struct virtqueue *queue, const struct dma_memory *memory, uint16_t size,
                     uint16_t chain)
{
    char *at = memory->at;
    size_t available = size * sizeof(struct virtqueue_descriptor), used = used_offset(size);

    for (size_t i = 0; i < virtqueue_bytes(size); i += sizeof(uint64_t))
        *(volatile uint64_t *)(at + i) = 0;
    *queue = (struct virtqueue){
        .descriptors = (volatile struct virtqueue_descriptor *)at,
        .available = (volatile uint16_t *)(at + available),
        .used = (volatile uint16_t *)(at + used),
        .descriptors_bus = memory->bus,
        .available_bus = memory->bus + available,
        .used_bus = memory->bus + used,
        .size = size,
        .chain = chain,
        .slots = (uint16_t)(size / chain),
    };
    queue->all = queue->slots == 32 ? UINT32_MAX : (UINT32_C(1) << queue->slots) - 1;
}

void virtqueue_offer(struct virtqueue *queue, unsigned slot)
{
    queue->available[RING + (queue->offered & (queue->size - 1u))] =
        (uint16_t)(slot * queue->chain);
    queue->offered++;
    queue->out |= UINT32_C(1) << slot;
    queue->out_count++;
}

void virtqueue_publish(struct virtqueue *queue)
{
    register_publish_memory();
    queue->available[INDEX] = queue->offered;
    register_publish_memory(); /* the notification is not to overtake the index */
}

kern_return_t virtqueue_take(struct virtqueue *queue, unsigned *slot, uint32_t *written)
{
    uint16_t ahead = (uint16_t)(queue->used[INDEX] - queue->taken);
    volatile struct virtqueue_used *ring = (volatile struct virtqueue_used *)&queue->used[RING];
    volatile struct virtqueue_used *entry = &ring[queue->taken & (queue->size - 1u)];
    uint32_t id;

    if (ahead == 0)
        return KERN_NOT_FOUND;
    if (ahead > queue->out_count)
        return KERN_BAD_FORMAT; /* more than it was given */
    register_observe_memory();
    id = entry->id;
    *written = entry->written;
    if (id >= queue->size || (id & (queue->chain - 1u)) != 0)
        return KERN_BAD_FORMAT; /* no slot begins there */
    *slot = id / queue->chain;
    if ((queue->out & UINT32_C(1) << *slot) == 0)
        return KERN_BAD_FORMAT; /* it does not have that one, or not any more */
    queue->out &= ~(UINT32_C(1) << *slot);
    queue->out_count--;
    queue->taken++;
    return KERN_SUCCESS;
}
