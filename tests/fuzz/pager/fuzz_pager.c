/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: what a partition holds, and what a pager left that went wild. The first byte says which: the first page of a swap partition;
 * a name; or the memory of a tier, behind a head that says it is one.
 */
#include "../../host/check.h"
#include <swap_header.h>
#include <swap_name.h>
#include <tier.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TIER_SIZE = 8 * TIER_PAGE, SLOTS = 64 };

/* Whatever is read makes sense, and is what the page says. */
static void fuzz_header(const uint8_t *data, size_t size)
{
    static const uint8_t uuid[SWAP_UUID];
    uint8_t page[SWAP_PAGE];
    struct swap_header header;
    const uint64_t bytes = UINT64_C(1) << (13 + (size > 0 ? data[0] % 30 : 0));

    if (!swap_header_make(page, bytes, uuid, ""))
        return;
    CHECK(swap_header_read(page, bytes, &header));
    memcpy(page, data, size < SWAP_PAGE ? size : SWAP_PAGE);
    if (!swap_header_read(page, bytes, &header))
        return;
    CHECK(header.pages >= SWAP_PAGES_LEAST && header.pages <= SWAP_PAGES_MAX);
    CHECK(((uint64_t)header.pages + 1) * SWAP_PAGE <= bytes);
    CHECK(strlen(header.name) < SWAP_NAME);
}

static void fuzz_name(const uint8_t *data, size_t size)
{
    char text[2][64] = {{0}};
    const char *const words[] = {text[0], text[1]};
    struct swap_name name;

    memcpy(text[0], data, size < 63 ? size : 63);
    if (size > 63)
        memcpy(text[1], data + 63, size - 63 < 63 ? size - 63 : 63);
    if (!swap_name_read(words, size > 63 ? 2 : 1, &name))
        return;
    CHECK(strncmp(name.device, "block.", 6) == 0);
    CHECK(strnlen(name.device, SWAP_DEVICE_MAX) < SWAP_DEVICE_MAX);
    CHECK(name.partition < SWAP_PARTITIONS_MAX);
}

static void fuzz_tier(const uint8_t *data, size_t size)
{
    enum { HEAD = 16 };
    static _Alignas(8) char memory[TIER_SIZE];
    static uint64_t page[TIER_PAGE / 8];
    void *own = malloc(tier_own_size(TIER_SIZE));
    struct tier tier;

    memset(memory, 0, TIER_SIZE);
    tier_begin(&tier, memory, TIER_SIZE, own);
    memcpy(memory + HEAD, data, size < TIER_SIZE - HEAD ? size : TIER_SIZE - HEAD);
    tier_begin(&tier, memory, TIER_SIZE, own);
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        (void)tier_get(&tier, slot, page);
    for (uint32_t entry = 0; entry < SLOTS; entry++) {
        memset(page, (int)entry, 100 + entry * 50);
        if (tier_put(&tier, entry, page))
            CHECK(tier_get(&tier, entry, page));
    }
    tier_remove_range(&tier, 0, UINT32_MAX);
    CHECK_EQ(tier.free_entries, tier.entries);
    CHECK_EQ(tier.free_blocks, tier.blocks);
    free(own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    switch (data[0] % 3) {
    case 0: fuzz_header(data + 1, size - 1); break;
    case 1: fuzz_name(data + 1, size - 1); break;
    default: fuzz_tier(data + 1, size - 1); break;
    }
    return 0;
}
