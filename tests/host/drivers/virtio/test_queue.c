/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtqueue alone: sizes, layout, and all that a used ring can say.
 */
#include <virtqueue.h>

#include "../../check.h"

static char memory[65536] __attribute__((aligned(4096)));
static struct virtqueue queue;

static void begin(uint32_t most)
{
    struct dma_memory dma = {memory, 0x1000, sizeof(memory)};
    uint16_t chain, size = virtqueue_choose(most, &chain);

    CHECK(size >= 4);
    memset(memory, 0xee, sizeof(memory));
    virtqueue_begin(&queue, &dma, size, chain);
}

static void test_sizes(void)
{
    uint16_t chain;

    CHECK_EQ(virtqueue_choose(0, &chain), 0);
    CHECK_EQ(virtqueue_choose(3, &chain), 0);
    CHECK_EQ(virtqueue_choose(32769, &chain), 0);
    CHECK_EQ(virtqueue_choose(UINT32_MAX, &chain), 0);
    for (uint32_t most = 4; most <= 32768; most++) {
        uint16_t size = virtqueue_choose(most, &chain);

        CHECK(size <= most && (size > most / 2 || size == VIRTQUEUE_SIZE_MAX));
        CHECK((size & (size - 1)) == 0 && (chain & (chain - 1)) == 0);
        CHECK(chain >= 4 && chain <= VIRTQUEUE_CHAIN_MAX && size / chain <= VIRTQUEUE_SLOTS_MAX);
        CHECK(virtqueue_bytes(size) <= 8 * 4096);
    }
}

static void test_layout(void)
{
    for (uint32_t size = 4; size <= 1024; size *= 2) {
        begin(size);
        CHECK_EQ(queue.descriptors_bus, 0x1000);
        CHECK_EQ(queue.available_bus, 0x1000 + 16 * size);
        CHECK_EQ(queue.used_bus % 4096, 0);
        CHECK(queue.used_bus >= queue.available_bus + 4 + 2 * size + 2);
        CHECK((char *)queue.used - memory == (long)(queue.used_bus - 0x1000));
        CHECK_EQ(queue.slots * queue.chain, size);
        CHECK_EQ((uint32_t)__builtin_popcount(queue.all), queue.slots);
        for (unsigned i = 0; i < virtqueue_bytes((uint16_t)size); i++)
            CHECK_EQ(memory[i], 0);
    }
}

/* What a device would write. */
static void use(uint16_t index, uint32_t id, uint32_t written)
{
    volatile struct virtqueue_used *ring = (volatile struct virtqueue_used *)&queue.used[2];

    ring[queue.taken & (queue.size - 1u)].id = id;
    ring[queue.taken & (queue.size - 1u)].written = written;
    queue.used[1] = index;
}

/* Every index, with so many slots out, and every id of a queue. */
static void test_all_answers(void)
{
    unsigned slot;
    uint32_t written;

    for (uint16_t out = 0; out <= 3; out++) {
        for (uint32_t index = 0; index < 65536; index++) {
            kern_return_t kr;

            begin(64);
            queue.taken = queue.offered = 0xfffe;
            for (unsigned i = 0; i < out; i++)
                virtqueue_offer(&queue, i);
            use((uint16_t)index, 0, 7);
            kr = virtqueue_take(&queue, &slot, &written);
            if ((uint16_t)(index - 0xfffe) == 0)
                CHECK_EQ(kr, KERN_NOT_FOUND);
            else if ((uint16_t)(index - 0xfffe) <= out)
                CHECK(kr == KERN_SUCCESS && slot == 0 && written == 7);
            else
                CHECK_EQ(kr, KERN_BAD_FORMAT);
        }
    }
    for (uint64_t id = 0; id < 100000; id++) {
        bool good = id == 8 || id == 24;
        uint32_t any = id < 90000 ? (uint32_t)id : (uint32_t)check_skewed();
        kern_return_t kr;

        begin(64);
        CHECK_EQ(queue.chain, 8);
        virtqueue_offer(&queue, 1);
        virtqueue_offer(&queue, 3);
        use(1, any, 0);
        kr = virtqueue_take(&queue, &slot, &written);
        if (id < 90000)
            CHECK_EQ(kr, good ? KERN_SUCCESS : KERN_BAD_FORMAT);
        CHECK(kr != KERN_SUCCESS || slot == 1 || slot == 3);
    }
}

static void test_twice(void)
{
    unsigned slot;
    uint32_t written;

    begin(64);
    virtqueue_offer(&queue, 2);
    virtqueue_offer(&queue, 5);
    use(1, 16, 1);
    CHECK_EQ(virtqueue_take(&queue, &slot, &written), KERN_SUCCESS);
    CHECK_EQ(slot, 2);
    use(2, 16, 1);
    CHECK_EQ(virtqueue_take(&queue, &slot, &written), KERN_BAD_FORMAT);
    CHECK_EQ(queue.out_count, 1);
    CHECK_EQ(virtqueue_free_slot(&queue, 0xf), 4);
    CHECK_EQ(virtqueue_free_slot(&queue, 0xff), -1);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_sizes();
    test_layout();
    test_all_answers();
    test_twice();
    return check_end();
}
