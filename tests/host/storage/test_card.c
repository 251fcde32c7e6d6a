/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated card itself: what was flushed stays, what was not may come in all the ways that a card has, and errors come when they are ordered.
 */
#include "card.h"
#include "check.h"
#include <errno.h>

enum { SIZE = 16 * STORAGE_SECTOR };

static void put(struct card *card, unsigned sector, unsigned sectors, uint8_t byte)
{
    uint8_t data[4 * STORAGE_SECTOR];

    memset(data, byte, sizeof(data));
    CHECK_EQ(card->storage.operations->write(&card->storage, (uint64_t)sector * STORAGE_SECTOR,
                                             data, (size_t)sectors * STORAGE_SECTOR),
             0);
}

static void flush(struct card *card)
{
    CHECK_EQ(card->storage.operations->flush(&card->storage), 0);
}

static uint8_t at(const struct card *card, unsigned sector)
{
    return card->bytes[sector * STORAGE_SECTOR];
}

/* Two flushed writes, then three that are not: 1 and 2 stay; 3, 4 (two sectors) and 5 (over 3) come as they like. */
static void test_cuts(void)
{
    struct card *card = card_make(SIZE), *image = card_make(SIZE);
    unsigned seen_torn = 0, seen_reordered = 0, seen_old = 0, seen_all = 0;
    uint64_t random = check_random();

    put(card, 0, 1, 9);
    card_record(card);
    put(card, 1, 1, 1);
    put(card, 2, 1, 2);
    flush(card);
    put(card, 3, 1, 3);
    put(card, 4, 2, 4);
    put(card, 3, 1, 5);
    CHECK_EQ(card_events(card), 6);
    card_cut(card, 2, CARD_LOSE_ALL, &random, image);
    CHECK(at(image, 0) == 9 && at(image, 1) == 0 && at(image, 2) == 0);
    for (unsigned i = 0; i < 600; i++) {
        const enum card_loss loss = i % CARD_LOSSES;

        card_cut(card, 6, loss, &random, image);
        CHECK(at(image, 0) == 9 && at(image, 1) == 1 && at(image, 2) == 2);
        CHECK(at(image, 3) == 0 || at(image, 3) == 3 || at(image, 3) == 5);
        seen_torn += at(image, 4) != at(image, 5);
        seen_reordered += at(image, 3) == 3;
        seen_old += at(image, 3) == 0 && at(image, 4) == 0 && at(image, 5) == 0;
        seen_all += at(image, 3) == 5 && at(image, 4) == 4 && at(image, 5) == 4;
        CHECK(loss == CARD_LOSE_SECTORS || at(image, 4) == at(image, 5));
    }
    CHECK(seen_torn > 10 && seen_reordered > 10 && seen_old > 10 && seen_all > 10);
    card_free(card);
    card_free(image);
}

static void test_errors(void)
{
    struct card *card = card_make(SIZE);
    uint8_t data[STORAGE_SECTOR];
    const struct storage_operations *operations = card->storage.operations;

    CHECK_EQ(operations->read(&card->storage, SIZE, data, sizeof(data)), ENXIO);
    CHECK_EQ(operations->write(&card->storage, SIZE - STORAGE_SECTOR, data, sizeof(data) * 2),
             ENXIO);
    card_fail(card, CARD_WRITE | CARD_FLUSH, 2, false);
    put(card, 0, 1, 1);
    CHECK_EQ(operations->read(&card->storage, 0, data, sizeof(data)), 0);
    CHECK_EQ(operations->flush(&card->storage), EIO);
    put(card, 0, 1, 1);
    CHECK_EQ(card->failures, 1);
    card_fail(card, CARD_READ, 1, true);
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(operations->read(&card->storage, 0, data, sizeof(data)), EIO);
    card->storage.read_only = true;
    CHECK_EQ(operations->write(&card->storage, 0, data, sizeof(data)), EROFS);
    card_free(card);
}

/* What is discarded is rubbish, and may be so before the flush. */
static void test_discard(void)
{
    struct card *card = card_make(SIZE), *image = card_make(SIZE);
    uint64_t random = 1;

    put(card, 1, 1, 7);
    card_record(card);
    card->storage.operations->discard(&card->storage, STORAGE_SECTOR, STORAGE_SECTOR);
    CHECK(at(card, 1) != 7 && at(card, 1) != 0);
    card_cut(card, 1, CARD_LOSE_ALL, &random, image);
    CHECK_EQ(at(image, 1), 7);
    card_cut(card, 1, CARD_LOSE_NOTHING, &random, image);
    CHECK_EQ(at(image, 1), at(card, 1));
    card_free(card);
    card_free(image);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_cuts();
    test_errors();
    test_discard();
    return check_end();
}
