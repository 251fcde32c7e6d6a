/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A split virtqueue, driver's side: chains of descriptors are offered to the device, which gives them back in any order.
 * Source: Virtual I/O Device (VIRTIO) 1.2, 2.7.
 *
 * The descriptors are dealt out to slots once and for all: slot s owns `chain` of them, from s * chain on. So there is no list of
 * free ones to be led astray, and an id that the device gives back is right only if it is the first of a slot that is out.
 *
 * V1 The device can write all of the memory at any time. Nothing is read from it but the used ring, and each word of that once.
 * V2 What the used ring says is checked against `out` and the count of slots that are out, which are ours, before it is used.
 * V3 After KERN_BAD_FORMAT nothing more is taken from the queue: the device has to be reset.
 */
#pragma once

#include <libsys/device_logic.h>

enum {
    VIRTQUEUE_SLOTS_MAX = 32,
    VIRTQUEUE_CHAIN_MAX = 32,
    VIRTQUEUE_SIZE_MAX = VIRTQUEUE_SLOTS_MAX * VIRTQUEUE_CHAIN_MAX,
    VIRTQUEUE_LARGEST = 32768, /* that there is (2.7) */
    VIRTQUEUE_ALIGN = 4096,    /* of the used ring: what QueueAlign is told */
};

enum virtqueue_flags {
    VIRTQUEUE_NEXT = 1,         /* `next` is valid */
    VIRTQUEUE_DEVICE_WRITES = 2 /* or it reads */
};

struct virtqueue_descriptor {
    uint64_t bus;
    uint32_t length;
    uint16_t flags;
    uint16_t next;
};

struct virtqueue_used {
    uint32_t id;
    uint32_t written; /* bytes, says the device */
};

/** One thread owns it. */
struct virtqueue {
    volatile struct virtqueue_descriptor *descriptors;
    volatile uint16_t *available; /* flags, index, ring[size] */
    volatile uint16_t *used;      /* flags, index, ring[size] of struct virtqueue_used */
    uint64_t descriptors_bus, available_bus, used_bus;
    uint16_t size;  /* descriptors: a power of two */
    uint16_t chain; /* of a slot: a power of two */
    uint16_t slots;
    uint16_t offered;   /* index of the available ring, modulo 2^16 */
    uint16_t taken;     /* of the used ring */
    uint16_t out_count; /* bits of `out` */
    uint32_t all;       /* one bit for each slot there is */
    uint32_t out;       /* slots that the device has */
};

/** How many descriptors to use of a queue that may have `most` (what the device says: any number), and how long that makes a
 *  slot's chain: at least 4; 0: too small, or no number of descriptors. */
uint16_t virtqueue_choose(uint32_t most, uint16_t *chain);

/** Bytes that a queue of `size` needs. */
size_t virtqueue_bytes(uint16_t size);

/** Make an empty queue in whole pages of memory, virtqueue_bytes() at least; the device does not know it. */
void virtqueue_begin(struct virtqueue *queue, const struct dma_memory *memory, uint16_t size,
                     uint16_t chain);

/** A slot that is not out, none of `busy`: -1: there is none. */
static inline int virtqueue_free_slot(const struct virtqueue *queue, uint32_t busy)
{
    uint32_t free = queue->all & ~(queue->out | busy);

    return free == 0 ? -1 : __builtin_ctz(free);
}

/** Write descriptor `at` of a slot that is not out. next: the one after it in the slot, if flags say so. */
static inline void virtqueue_describe(struct virtqueue *queue, unsigned slot, unsigned at,
                                      uint64_t bus, uint32_t length, unsigned flags, unsigned next)
{
    unsigned first = slot * queue->chain;
    volatile struct virtqueue_descriptor *descriptor = &queue->descriptors[first + at];

    descriptor->bus = bus;
    descriptor->length = length;
    descriptor->flags = (uint16_t)flags;
    descriptor->next = (uint16_t)(first + next);
}

/** Put a slot on the available ring; the device sees it after virtqueue_publish(), and has to be notified then. */
void virtqueue_offer(struct virtqueue *queue, unsigned slot);
void virtqueue_publish(struct virtqueue *queue);

/** The device has something for us, or says so. */
static inline bool virtqueue_pending(const struct virtqueue *queue)
{
    return queue->used[1] != queue->taken;
}

/** Take back the next slot. KERN_NOT_FOUND: the device has nothing for us; KERN_BAD_FORMAT: it lies. written: not checked. */
kern_return_t virtqueue_take(struct virtqueue *queue, unsigned *slot, uint32_t *written);
