/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The n-th request to the card fails, for every n of a short workload: reads, writes, flushes, once and from there on. No call does harm; what was synced is there
 * at the next mount, in the state after one of the operations; e2fsck finds nothing. Where small writes are gathered, what a write that failed has lost is told of
 * its file, and nothing else is lost.
 */
#include "check.h"
#include "workload.h"
#include <errno.h>

static struct work work;
static struct card *base, *card;
static unsigned long lost_some;
static const unsigned sequence[] = {3, 0, 11, 19, 5, 17, 10};

/* Operations that failed are no state of the model: it is taken back. */
static void run(struct ext4 *fs, unsigned *least)
{
    bool synced;

    for (unsigned i = 0; i < sizeof(sequence) / sizeof(sequence[0]); i++) {
        const int error = work_step(&work, fs, sequence[i], &synced);

        if (synced)
            *least = work.steps;
        if (error == EIO || error == EROFS)
            work.steps--;
    }
}

/* Whether data of a file was lost: no state of the model has that. */
static bool has_lost(struct ext4 *fs)
{
    ext4_ino ino;
    int error, told = 0;

    while (ext4_take_lost(fs, &ino, &error)) {
        CHECK_EQ(error, EIO);
        CHECK(ino != 0);
        told++;
    }
    return told > 0;
}

static bool one(unsigned kinds, uint64_t nth, bool sticky, bool gathers)
{
    struct ext4 *fs;
    unsigned least = 0;
    bool lost = false;
    int error, state;

    work_restart(&work);
    card_copy(card, base);
    card_fail(card, kinds, nth, sticky);
    error = ext4_mount(&card->storage, 0, &fs);
    if (error == 0) {
        ext4_gather(fs, gathers);
        run(fs, &least);
        if (gathers)
            error = ext4_sync(fs);
        lost = has_lost(fs);
        if (ext4_unmount(fs) == 0)
            least = work.steps;
    }
    if (card->failures == 0)
        return false;
    card_fail(card, 0, 0, false);
    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    CHECK_TEXT(ext4_problem(fs), "");
    state = work_find(&work, fs, least);
    if (state < 0 && !lost)
        fprintf(stderr, "kinds %u, request %llu: least %u, found %d\n", kinds,
                (unsigned long long)nth, least, work_find(&work, fs, 0));
    CHECK(state >= 0 || lost);
    lost_some += lost;
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(image_is_clean(card));
    return true;
}

int main(int argc, char **argv)
{
    static const unsigned kinds[] = {CARD_READ, CARD_WRITE, CARD_FLUSH,
                                     CARD_READ | CARD_WRITE | CARD_FLUSH};
    unsigned long failures = 0;

    check_begin(argc, argv);
    base = work_begin(&work, "-t ext4 -b 1024 -J size=1 -N 64 -m 0 -O ^resize_inode");
    card = card_make(base->storage.size);
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        for (unsigned how = 0; how < 4; how++)
            for (uint64_t nth = 1; one(kinds[i], nth, how & 1, how & 2); nth++)
                failures++;
    printf("%lu requests failed; %lu lost data that had been gathered\n", failures, lost_some);
    CHECK(lost_some > 0);
    card_free(base);
    card_free(card);
    return check_end();
}
