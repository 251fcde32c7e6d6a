/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads and writes at any place, on devices of several block sizes, against the same bytes in memory: what is read is what was written, what is beside it stays, no more requests
 * are made than there have to be, and requests that fail are told, with what was done before them.
 */
#include "bytes.h"
#include "check.h"

enum { DEVICE = 96 * 1024, AREA = 16 * 1024, ROUNDS = 20000 };

static uint8_t device[DEVICE], model[DEVICE], buffer[DEVICE], was[DEVICE];
static char area[AREA];
static unsigned requests, fail_after; /* 0: none fails */

/* The disk. A place that cannot be is an error of who asks. */
kern_return_t block_client_do(struct block_client *client, enum block_operation operation,
                              uint64_t block, uint32_t count, size_t offset)
{
    const uint32_t block_size = client->facts.block_size;

    requests++;
    CHECK(count > 0 && block + count <= client->facts.blocks);
    CHECK(offset + (size_t)count * block_size <= client->data_size);
    if (fail_after != 0 && --fail_after == 0)
        return KERN_MEMORY_ERROR;
    if (operation == BLOCK_READ)
        memcpy(client->data + offset, device + block * block_size, (size_t)count * block_size);
    else
        memcpy(device + block * block_size, client->data + offset, (size_t)count * block_size);
    return KERN_SUCCESS;
}

static struct block_client client_of(uint32_t block_size)
{
    return (struct block_client){
        .data = area,
        .data_size = AREA,
        .facts = {.block_size = block_size, .blocks = DEVICE / block_size, .blocks_max = 1},
    };
}

/* Most often short, and across blocks. */
static uint32_t some_size(void)
{
    const uint32_t most[] = {3, 600, 5000, AREA + 1, DEVICE / 2};

    return (uint32_t)check_below(most[check_below(5)]);
}

static uint32_t there(uint64_t position, uint32_t size)
{
    return position >= DEVICE                   ? 0
           : size < DEVICE - (uint32_t)position ? size
                                                : DEVICE - (uint32_t)position;
}

/* Areafuls that the bytes lie in. */
static unsigned areafuls(uint64_t position, uint32_t bytes, uint32_t block_size)
{
    const uint64_t head = position % block_size;

    return bytes == 0 ? 0 : (unsigned)((head + bytes + AREA - 1) / AREA);
}

static void read_some(struct block_client *client, uint64_t position, uint32_t size)
{
    uint32_t got = 1;

    requests = 0;
    CHECK_EQ(bytes_read(client, position, buffer, size, &got), KERN_SUCCESS);
    CHECK_EQ(got, there(position, size));
    CHECK(memcmp(buffer, model + position % DEVICE, got) == 0);
    CHECK_EQ(requests, areafuls(position, got, client->facts.block_size));
}

static void write_some(struct block_client *client, uint64_t position, uint32_t size)
{
    const uint32_t bytes = there(position, size), block_size = client->facts.block_size;
    const unsigned ends =
        (unsigned)(position % block_size != 0) + ((position + bytes) % block_size != 0);
    uint32_t written = 1;

    for (uint32_t i = 0; i < size; i++)
        buffer[i] = (uint8_t)check_random();
    requests = 0;
    const kern_return_t kr = bytes_write(client, position, buffer, size, &written);
    CHECK_EQ(kr, bytes == 0 && size != 0 ? KERN_LIMIT : KERN_SUCCESS);
    CHECK_EQ(written, bytes);
    CHECK(requests <= areafuls(position, bytes, block_size) + ends);
    if (bytes != 0)
        memcpy(model + position, buffer, bytes);
    CHECK(memcmp(device, model, DEVICE) == 0);
}

/* The n-th request fails. What was told as written is; behind the piece that failed nothing has changed. */
static void fail_some(struct block_client *client, uint64_t position, uint32_t size)
{
    uint32_t done = 1;

    fail_after = 1 + (unsigned)check_below(3);
    if (check_below(2)) {
        const kern_return_t kr = bytes_read(client, position, buffer, size, &done);
        CHECK(kr == KERN_SUCCESS || (kr == KERN_MEMORY_ERROR && done == 0));
        CHECK(memcmp(buffer, model + position % DEVICE, done) == 0);
    } else {
        memset(buffer, (int)check_below(256), size);
        memcpy(was, device, DEVICE);
        const kern_return_t kr = bytes_write(client, position, buffer, size, &done);
        CHECK(kr == KERN_SUCCESS || (done == 0 && (kr == KERN_MEMORY_ERROR || kr == KERN_LIMIT)));
        memcpy(was + position % DEVICE, buffer, done);
        CHECK(memcmp(device, was, DEVICE) == 0);
        memcpy(model, device, DEVICE);
    }
    fail_after = 0;
}

static void test_countable(void)
{
    CHECK(bytes_are_countable(&(struct block_facts){.block_size = 512, .blocks = 1}));
    CHECK(!bytes_are_countable(&(struct block_facts){.block_size = 0, .blocks = 1}));
    CHECK(!bytes_are_countable(&(struct block_facts){.block_size = 4096, .blocks = UINT64_MAX}));
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_countable();
    for (uint32_t block_size = 512; block_size <= 4096; block_size *= 2) {
        struct block_client client = client_of(block_size);
        for (unsigned round = 0; round < ROUNDS; round++) {
            const uint64_t position = check_below(DEVICE + 100);
            const uint32_t size = some_size();
            switch (check_below(5)) {
            case 0:
            case 1: read_some(&client, position, size); break;
            case 2: fail_some(&client, position, size); break;
            default: write_some(&client, position, size);
            }
        }
    }
    return check_end();
}
