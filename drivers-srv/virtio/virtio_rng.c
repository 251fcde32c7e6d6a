/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio source of random numbers (virtio_rng.h): one request at a time, in slot 0.
 */
#include "virtio_rng.h"

enum { QUEUE = 0, SLOT = 0, BUFFER = VIRTIO_RNG_MEMORY - 4096 };

#define ANSWER_TIMEOUT (1 * DEVICE_SECOND)
#define LOOK           (10 * DEVICE_MILLISECOND) /* for answers whose interrupt was lost */

static volatile uint8_t *buffer_of(const struct virtio_rng *rng)
{
    return (volatile uint8_t *)rng->memory.at + BUFFER;
}

static void wipe(const struct virtio_rng *rng)
{
    volatile uint8_t *buffer = buffer_of(rng);

    for (unsigned i = 0; i < VIRTIO_RNG_BYTES; i++)
        buffer[i] = 0;
}

/* After a reset. */
static kern_return_t set_up(struct virtio_rng *rng)
{
    struct dma_memory front = rng->memory;
    kern_return_t kr = virtio_mmio_negotiate(&rng->mmio, 0);

    front.size = BUFFER;
    if (kr == KERN_SUCCESS)
        kr = virtio_mmio_queue(&rng->mmio, QUEUE, &front, &rng->queue);
    if (kr != KERN_SUCCESS)
        return kr;
    virtio_mmio_go(&rng->mmio);
    return virtio_mmio_needs_reset(&rng->mmio) ? KERN_FAILURE : KERN_SUCCESS;
}

kern_return_t virtio_rng_start(struct virtio_rng *rng, const struct virtio_rng_start *start)
{
    kern_return_t kr;

    *rng = (struct virtio_rng){.memory = start->memory};
    if (start->memory.size < VIRTIO_RNG_MEMORY)
        return KERN_RESOURCE_SHORTAGE;
    kr = virtio_mmio_probe(&rng->mmio, start->environment, start->registers, VIRTIO_ENTROPY);
    if (kr == KERN_SUCCESS)
        kr = virtio_mmio_reset(&rng->mmio);
    if (kr == KERN_SUCCESS)
        kr = start->quiesced(start->context);
    return kr == KERN_SUCCESS ? set_up(rng) : kr;
}

static void ask(struct virtio_rng *rng, uint32_t wanted)
{
    wipe(rng);
    virtqueue_describe(&rng->queue, SLOT, 0, rng->memory.bus + BUFFER, wanted,
                       VIRTQUEUE_DEVICE_WRITES, 0);
    virtqueue_offer(&rng->queue, SLOT);
    virtqueue_publish(&rng->queue);
    virtio_mmio_notify(&rng->mmio, QUEUE);
}

/* KERN_OPERATION_TIMED_OUT; KERN_BAD_FORMAT: it lies, or is gone. */
static kern_return_t await(struct virtio_rng *rng, uint32_t wanted, uint32_t *written)
{
    const struct device_environment *environment = rng->mmio.environment;
    uint64_t deadline = device_now(environment) + ANSWER_TIMEOUT;
    kern_return_t kr;
    unsigned slot;

    for (;;) {
        kr = virtqueue_take(&rng->queue, &slot, written);
        if (kr == KERN_SUCCESS)
            return *written >= 1 && *written <= wanted ? KERN_SUCCESS : KERN_BAD_FORMAT;
        if (kr != KERN_NOT_FOUND)
            return kr;
        if (device_now(environment) >= deadline)
            return KERN_OPERATION_TIMED_OUT;
        (void)device_wait_interrupt(environment, 0, device_now(environment) + LOOK);
        if ((virtio_mmio_interrupt(&rng->mmio) & VIRTIO_ABSENT) != 0)
            return KERN_BAD_FORMAT;
    }
}

static kern_return_t recover(struct virtio_rng *rng)
{
    rng->resets++;
    if (virtio_mmio_reset(&rng->mmio) == KERN_SUCCESS && set_up(rng) == KERN_SUCCESS)
        return KERN_SUCCESS;
    device_log(rng->mmio.environment, "virtio-rng: it does not come back");
    rng->dead = true;
    return KERN_TERMINATED;
}

/* G2. `bytes` are a copy: the device cannot change them any more. */
static bool is_random(struct virtio_rng *rng, const uint8_t *bytes, uint32_t count)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    uint8_t any = 0;
    bool same;

    for (uint32_t i = 0; i < count; i++) {
        any |= bytes[i];
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    same = sum == rng->last;
    rng->last = sum;
    return count < 16 || (any != 0 && !same);
}

kern_return_t virtio_rng_read(struct virtio_rng *rng, uint8_t *bytes, uint32_t wanted,
                              uint32_t *count)
{
    kern_return_t kr;
    uint32_t written;

    if (wanted == 0 || wanted > VIRTIO_RNG_BYTES)
        return KERN_INVALID_ARGUMENT;
    for (unsigned i = 0; i < VIRTIO_RNG_TRIES && !rng->dead; i++) {
        ask(rng, wanted);
        kr = await(rng, wanted, &written);
        if (kr != KERN_SUCCESS) {
            if (recover(rng) != KERN_SUCCESS)
                return KERN_TERMINATED;
            continue;
        }
        for (uint32_t n = 0; n < written; n++)
            bytes[n] = buffer_of(rng)[n];
        wipe(rng);
        if (!is_random(rng, bytes, written)) {
            device_log(rng->mmio.environment, "virtio-rng: what it gives is not random");
            return KERN_MEMORY_FAILURE;
        }
        *count = written;
        return KERN_SUCCESS;
    }
    return rng->dead ? KERN_TERMINATED : KERN_MEMORY_FAILURE;
}
