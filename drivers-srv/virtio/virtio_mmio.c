/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MMIO transport of virtio (virtio_mmio.h).
 */
#include "virtio_mmio.h"

enum {
    MAGIC = 0x000,
    VERSION = 0x004,
    DEVICE_ID = 0x008,
    DEVICE_FEATURES = 0x010,
    DEVICE_FEATURES_SELECT = 0x014,
    DRIVER_FEATURES = 0x020,
    DRIVER_FEATURES_SELECT = 0x024,
    GUEST_PAGE_SIZE = 0x028, /* legacy */
    QUEUE_SELECT = 0x030,
    QUEUE_SIZE_MAX = 0x034,
    QUEUE_SIZE = 0x038,
    QUEUE_ALIGN = 0x03c, /* legacy */
    QUEUE_PAGE = 0x040,  /* legacy */
    QUEUE_READY = 0x044,
    QUEUE_NOTIFY = 0x050,
    INTERRUPT_STATUS = 0x060,
    INTERRUPT_ACKNOWLEDGE = 0x064,
    STATUS = 0x070,
    QUEUE_DESCRIPTORS = 0x080, /* low; high half 4 further */
    QUEUE_AVAILABLE = 0x090,
    QUEUE_USED = 0x0a0,
    CONFIG_GENERATION = 0x0fc,
    CONFIG = 0x100,
};

enum { MAGIC_VALUE = 0x74726976, PAGE = 4096 };

enum {
    STATUS_ACKNOWLEDGE = 1,
    STATUS_DRIVER = 2,
    STATUS_DRIVER_OK = 4,
    STATUS_FEATURES_OK = 8,
    STATUS_NEEDS_RESET = 0x40,
    STATUS_KNOWN = 0xcf,
};

enum { CONFIG_ATTEMPTS = 16 };

#define RESET_TIMEOUT (1 * DEVICE_SECOND)

static uint32_t get(const struct virtio_mmio *mmio, uint32_t offset)
{
    return register_read32(&mmio->registers, offset);
}

static void set(const struct virtio_mmio *mmio, uint32_t offset, uint32_t value)
{
    register_write32(&mmio->registers, offset, value);
}

kern_return_t virtio_mmio_probe(struct virtio_mmio *mmio,
                                const struct device_environment *environment,
                                const struct registers *registers, uint32_t wanted)
{
    uint32_t magic, version, id;

    *mmio = (struct virtio_mmio){.environment = environment, .registers = *registers};
    magic = get(mmio, MAGIC);
    version = get(mmio, VERSION);
    if (magic != MAGIC_VALUE || version < 1 || version > 2) {
        device_log(environment, "virtio: magic %x, version %u: not virtio-mmio 1 or 2", magic,
                   version);
        return KERN_NOT_SUPPORTED;
    }
    mmio->version = version;
    id = get(mmio, DEVICE_ID);
    if (id == VIRTIO_NONE)
        return KERN_NOT_FOUND;
    return id == wanted ? KERN_SUCCESS : KERN_INVALID_VALUE;
}

kern_return_t virtio_mmio_reset(struct virtio_mmio *mmio)
{
    const struct device_environment *environment = mmio->environment;
    uint64_t deadline = device_now(environment) + RESET_TIMEOUT;
    uint64_t pause = 10 * DEVICE_MICROSECOND;
    uint32_t status;

    mmio->features = 0;
    set(mmio, STATUS, 0);
    while ((status = get(mmio, STATUS)) != 0) {
        if (device_now(environment) >= deadline) {
            device_log(environment, "virtio: not reset after a second, status %x", status);
            return KERN_OPERATION_TIMED_OUT;
        }
        device_sleep(environment, pause);
        pause = pause < 10 * DEVICE_MILLISECOND ? pause * 2 : pause;
    }
    return KERN_SUCCESS;
}

static uint64_t offered_features(const struct virtio_mmio *mmio)
{
    uint64_t features;

    set(mmio, DEVICE_FEATURES_SELECT, 0);
    features = get(mmio, DEVICE_FEATURES);
    if (mmio->version == 1)
        return features;
    set(mmio, DEVICE_FEATURES_SELECT, 1);
    return features | (uint64_t)get(mmio, DEVICE_FEATURES) << 32;
}

kern_return_t virtio_mmio_negotiate(struct virtio_mmio *mmio, uint64_t wanted)
{
    uint32_t status = STATUS_ACKNOWLEDGE;

    set(mmio, STATUS, status);
    set(mmio, STATUS, status |= STATUS_DRIVER);
    if (mmio->version == 2)
        wanted |= VIRTIO_FEATURE(VIRTIO_VERSION_1) | VIRTIO_FEATURE(VIRTIO_ACCESS_PLATFORM) |
                  VIRTIO_FEATURE(VIRTIO_ORDER_PLATFORM);
    mmio->features = offered_features(mmio) & wanted;
    set(mmio, DRIVER_FEATURES_SELECT, 0);
    set(mmio, DRIVER_FEATURES, (uint32_t)mmio->features);
    if (mmio->version == 1) {
        set(mmio, GUEST_PAGE_SIZE, PAGE);
        return KERN_SUCCESS;
    }
    set(mmio, DRIVER_FEATURES_SELECT, 1);
    set(mmio, DRIVER_FEATURES, (uint32_t)(mmio->features >> 32));
    set(mmio, STATUS, status |= STATUS_FEATURES_OK);
    if (!virtio_mmio_has(mmio, VIRTIO_VERSION_1) || get(mmio, STATUS) != status) {
        device_log(mmio->environment, "virtio: it refuses features %llx",
                   (unsigned long long)mmio->features);
        return KERN_NOT_SUPPORTED;
    }
    return KERN_SUCCESS;
}

static void set64(const struct virtio_mmio *mmio, uint32_t offset, uint64_t value)
{
    set(mmio, offset, (uint32_t)value);
    set(mmio, offset + 4, (uint32_t)(value >> 32));
}

/* Tell the device where the selected queue is. */
static kern_return_t tell_queue(struct virtio_mmio *mmio, const struct virtqueue *queue)
{
    set(mmio, QUEUE_SIZE, queue->size);
    if (mmio->version == 1) {
        set(mmio, QUEUE_ALIGN, VIRTQUEUE_ALIGN);
        set(mmio, QUEUE_PAGE, (uint32_t)(queue->descriptors_bus / PAGE));
        return KERN_SUCCESS;
    }
    set64(mmio, QUEUE_DESCRIPTORS, queue->descriptors_bus);
    set64(mmio, QUEUE_AVAILABLE, queue->available_bus);
    set64(mmio, QUEUE_USED, queue->used_bus);
    set(mmio, QUEUE_READY, 1);
    return get(mmio, QUEUE_READY) == 1 ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
}

kern_return_t virtio_mmio_queue(struct virtio_mmio *mmio, unsigned index,
                                const struct dma_memory *memory, struct virtqueue *queue)
{
    uint16_t size, chain;
    uint32_t most;

    if (memory->bus % PAGE != 0 || (mmio->version == 1 && memory->bus / PAGE > UINT32_MAX))
        return KERN_RESOURCE_SHORTAGE;
    set(mmio, QUEUE_SELECT, index);
    if (get(mmio, mmio->version == 1 ? QUEUE_PAGE : QUEUE_READY) != 0)
        return KERN_BUSY;
    most = get(mmio, QUEUE_SIZE_MAX);
    size = virtqueue_choose(most, &chain);
    if (size == 0) {
        device_log(mmio->environment, "virtio: queue %u has %u descriptors", index, most);
        return KERN_NOT_FOUND;
    }
    if (virtqueue_bytes(size) > memory->size)
        return KERN_RESOURCE_SHORTAGE;
    virtqueue_begin(queue, memory, size, chain);
    register_publish_memory();
    return tell_queue(mmio, queue);
}

void virtio_mmio_go(struct virtio_mmio *mmio)
{
    uint32_t features_ok = mmio->version == 1 ? 0 : STATUS_FEATURES_OK;

    set(mmio, STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | features_ok | STATUS_DRIVER_OK);
}

void virtio_mmio_notify(struct virtio_mmio *mmio, unsigned index)
{
    set(mmio, QUEUE_NOTIFY, index);
}

unsigned virtio_mmio_interrupt(struct virtio_mmio *mmio)
{
    uint32_t status = get(mmio, INTERRUPT_STATUS);

    if (status > (VIRTIO_USED | VIRTIO_CONFIG))
        return VIRTIO_ABSENT;
    if (status != 0)
        set(mmio, INTERRUPT_ACKNOWLEDGE, status);
    return status;
}

bool virtio_mmio_needs_reset(struct virtio_mmio *mmio)
{
    uint32_t status = get(mmio, STATUS);

    return (status & STATUS_NEEDS_RESET) != 0 || (status & ~(uint32_t)STATUS_KNOWN) != 0 ||
           (status & STATUS_DRIVER_OK) == 0;
}

static void read_config(const struct virtio_mmio *mmio, unsigned offset, uint32_t *to, size_t size)
{
    for (size_t i = 0; i < size / 4; i++)
        to[i] = get(mmio, CONFIG + offset + (uint32_t)i * 4);
}

/* The legacy interface counts no generations: what was read twice the same is of one moment. */
static bool read_again(const struct virtio_mmio *mmio, unsigned offset, const uint32_t *before,
                       size_t size)
{
    for (size_t i = 0; i < size / 4; i++)
        if (get(mmio, CONFIG + offset + (uint32_t)i * 4) != before[i])
            return false;
    return true;
}

kern_return_t virtio_mmio_config(struct virtio_mmio *mmio, unsigned offset, uint32_t *to,
                                 size_t size)
{
    for (unsigned attempt = 0; attempt < CONFIG_ATTEMPTS; attempt++) {
        uint32_t generation = mmio->version == 1 ? 0 : get(mmio, CONFIG_GENERATION);

        read_config(mmio, offset, to, size);
        if (mmio->version == 1 ? read_again(mmio, offset, to, size)
                               : get(mmio, CONFIG_GENERATION) == generation)
            return KERN_SUCCESS;
    }
    device_log(mmio->environment, "virtio: its configuration never stands still");
    return KERN_RETRY;
}

uint8_t virtio_mmio_config_byte(struct virtio_mmio *mmio, unsigned offset)
{
    return register_read8(&mmio->registers, CONFIG + offset);
}
