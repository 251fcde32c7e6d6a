/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tier in memory against a model; begun anew with the memory that there is, again and again; and with memory that holds anything.
 */
#include "check.h"
#include "pages.h"

enum { SIZE = 40 * TIER_PAGE, SLOTS = 200 };

static struct tier tier;
static char *memory, *own;
static uint64_t model[SLOTS]; /* the number of each slot's page; 0: none */

static void begin(size_t size)
{
    memset(own, (int)check_below(256), tier_own_size(size));
    tier_begin(&tier, memory, size, own);
}

static void check_slot(uint32_t slot)
{
    uint64_t page[TIER_PAGE / 8];

    CHECK_EQ(tier_has(&tier, slot), model[slot] != 0);
    CHECK_EQ(tier_get(&tier, slot, page), model[slot] != 0);
    if (model[slot] != 0)
        CHECK(page_is(model[slot], page));
}

static void check_all(void)
{
    uint32_t count = 0;

    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        check_slot(slot);
        count += model[slot] != 0;
    }
    CHECK_EQ(tier.same + tier.compressed, count);
    CHECK_EQ(tier.entries - tier.free_entries, count);
}

static bool is_even(void *context, uint32_t slot)
{
    (void)context;
    return slot % 2 == 0;
}

static void put(uint32_t slot)
{
    uint64_t page[TIER_PAGE / 8];
    const uint64_t number = check_random() | 1;

    page_make(number, page);
    model[slot] = tier_put(&tier, slot, page) ? number : 0;
}

static void step(void)
{
    const uint32_t slot = (uint32_t)check_below(SLOTS), dice = (uint32_t)check_below(1000);

    if (dice < 600) {
        put(slot);
    } else if (dice < 800) {
        tier_remove(&tier, slot);
        model[slot] = 0;
    } else if (dice < 980) {
        check_slot(slot);
    } else if (dice < 985) {
        begin(SIZE);
        check_all();
    } else if (dice < 990) {
        tier_make_newest(&tier, slot);
    } else if (dice < 995) {
        tier_remove_range(&tier, slot, 7);
        for (uint32_t i = slot; i < slot + 7 && i < SLOTS; i++)
            model[i] = 0;
    } else {
        tier_keep_only(&tier, is_even, NULL);
        for (uint32_t i = 1; i < SLOTS; i += 2)
            model[i] = 0;
    }
}

static void test_model(void)
{
    memset(memory, 0, SIZE);
    begin(SIZE);
    for (unsigned i = 0; i < 50000; i++)
        step();
    check_all();
    tier_remove_range(&tier, 0, SLOTS);
    CHECK_EQ(tier.free_blocks, tier.blocks);
    CHECK_EQ(tier.free_entries, tier.entries);
    CHECK_EQ(tier.bytes, 0);
    CHECK_EQ(tier_memory(&tier), 0);
    CHECK_EQ(tier_oldest(&tier), TIER_NONE);
}

/* Those that were put first leave first. */
static void test_ages(void)
{
    uint32_t last = 0;

    memset(memory, 0, SIZE);
    begin(SIZE);
    memset(model, 0, sizeof(model));
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        put(slot);
    while (tier.compressed > 0) {
        const uint32_t slot = tier_oldest(&tier);
        CHECK(slot >= last);
        last = slot;
        tier_remove(&tier, slot);
    }
}

/* No more is promised of it than that it can be used. */
static void use_any(void)
{
    uint64_t page[TIER_PAGE / 8];

    begin(SIZE);
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        (void)tier_get(&tier, slot, page);
    memset(model, 0, sizeof(model));
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        tier_remove(&tier, slot);
    for (unsigned i = 0; i < 50; i++)
        put((uint32_t)check_below(SLOTS));
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        check_slot(slot);
}

/* Words of the tables are changed, as a predecessor that went wild would. */
static void test_damage(void)
{
    for (unsigned round = 0; round < 300; round++) {
        memset(memory, 0, SIZE);
        begin(SIZE);
        for (unsigned i = 0; i < 60; i++)
            put((uint32_t)check_below(SLOTS));
        const size_t tables = (size_t)((char *)tier.block - memory);
        for (unsigned i = (unsigned)check_below(40); i > 0; i--)
            memory[16 + check_below(tables - 16)] = (char)check_skewed();
        use_any();
    }
}

static void test_none(void)
{
    static const size_t sizes[] = {0, 1, TIER_PAGE, 4 * TIER_PAGE - 1};

    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memset(model, 0, sizeof(model));
        begin(sizes[i]);
        put(3);
        check_all();
        tier_remove(&tier, 3);
        tier_make_newest(&tier, 3);
        CHECK_EQ(tier_oldest(&tier), TIER_NONE);
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    memory = malloc(SIZE);
    own = malloc(tier_own_size(SIZE));
    test_model();
    test_ages();
    test_damage();
    test_none();
    free(memory);
    free(own);
    return check_end();
}
