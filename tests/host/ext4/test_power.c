/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power cuts: sequences of operations, cut at every write with what a card may do to the writes since the last flush; some recoveries are cut again. After each
 * the file system mounts, has the state after one of the operations, at least the last that was synced, and is clean for e2fsck, which replays some journals itself.
 *
 *      test_power [length=N] [sequences=N] [samples=N] [checks=N] [gathers=1]
 *
 * gathers: small writes are gathered; length: operations of a sequence, 1 to 3; 0: some that have brought errors to light; sequences: 0 all, else so many random ones; samples: cuts of each kind at each place; checks: one of so many is checked
 * by e2fsck.
 */
#include "check.h"
#include "workload.h"

static struct work work;
static struct card *base, *card, *image, *again;
static unsigned samples = 1, every = 100;
static bool gathers;
static unsigned long cuts, second_cuts, checkers, states[WORK_STEPS + 2];

struct promise {
    size_t begin, events; /* of the sync */
    unsigned state;
};

static struct promise promises[2 * WORK_STEPS];
static unsigned promise_count;
static size_t spans[WORK_STEPS + 1][2]; /* of each operation: events before, and behind it */

static void promise(size_t begin)
{
    promises[promise_count++] = (struct promise){begin, card_events(card), work.steps};
}

/* The state that has to be there when power failed after so many events. */
static unsigned least_at(size_t events)
{
    unsigned least = 0;

    for (unsigned i = 0; i < promise_count; i++)
        if (promises[i].events <= events)
            least = promises[i].state;
    return least;
}

static void count(struct ext4 *fs, unsigned least, size_t events)
{
    bool found[WORK_STEPS + 1];

    work_match(&work, fs, least, found);
    for (unsigned step = 1; step <= work.steps; step++) {
        const char *kind = work_kind(&work, step);
        size_t sync[2] = {SIZE_MAX, SIZE_MAX};
        enum guarantee_point point;

        for (unsigned i = promise_count; i-- > 0;)
            if (promises[i].state >= step) {
                sync[0] = promises[i].begin;
                sync[1] = promises[i].events;
            }
        if (kind && guarantee_point_of(events, spans[step], sync, &point))
            guarantee_count(kind, point, work_outcome(&work, fs, found, step));
    }
}

static void tell(const unsigned *sequence, unsigned length, size_t events, unsigned loss)
{
    fprintf(stderr, "cut after event %zu of %zu, loss %u:", events, card_events(card), loss);
    for (unsigned i = 0; i < length; i++)
        fprintf(stderr, " %s;", work_name(sequence[i]));
    fprintf(stderr, "\n");
}

/* Mounts what a cut has left. */
static bool recovers(struct card *from, unsigned least, size_t cut, bool check)
{
    struct ext4 *fs;
    const int error = ext4_mount(&from->storage, 0, &fs);
    int state;

    if (error != 0) {
        fprintf(stderr, "mount: %d\n", error);
        return false;
    }
    state = work_find(&work, fs, least);
    if (state < 0) {
        fprintf(stderr, "state before %u: %d; %s\n", least, work_find(&work, fs, 0),
                ext4_problem(fs));
    } else {
        states[state]++;
        count(fs, least, cut);
    }
    if (ext4_unmount(fs) != 0 || state < 0)
        return false;
    checkers += check;
    return !check || image_is_clean(from);
}

static bool recovers_twice(unsigned least, size_t cut, uint64_t *random)
{
    struct ext4 *fs;
    size_t events;

    card_record(image);
    if (ext4_mount(&image->storage, 0, &fs) != 0)
        return false;
    ext4_abandon(fs);
    events = (size_t)check_below(card_events(image) + 1);
    card_cut(image, events, (enum card_loss)check_below(CARD_LOSSES), random, again);
    second_cuts++;
    return recovers(again, least, cut, check_below(every) == 0);
}

static void cut_at(const unsigned *sequence, unsigned length, size_t events)
{
    uint64_t random = check_random();

    for (unsigned loss = 0; loss < CARD_LOSSES; loss++)
        for (unsigned i = 0; i < samples; i++) {
            const unsigned least = least_at(events);
            bool good = true;

            if (loss <= CARD_LOSE_ALL && i > 0)
                continue;
            card_cut(card, events, (enum card_loss)loss, &random, image);
            cuts++;
            if (loss != CARD_LOSE_SECTORS && check_below(every) == 0) {
                checkers++;
                good = image_is_clean_for_linux(image);
            }
            if (good && check_below(4) == 0)
                good = recovers_twice(least, events, &random);
            else if (good)
                good = recovers(image, least, events, check_below(every) == 0);
            if (!good)
                tell(sequence, length, events, loss);
            CHECK(good);
        }
}

static void run(const unsigned *sequence, unsigned length)
{
    struct ext4 *fs;
    bool synced;

    work_restart(&work);
    promise_count = 0;
    card_copy(card, base);
    card_record(card);
    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    ext4_gather(fs, gathers);
    for (unsigned i = 0; i < length; i++) {
        spans[i + 1][0] = card_events(card);
        (void)work_step(&work, fs, sequence[i], &synced);
        spans[i + 1][1] = card_events(card);
        if (synced)
            promise(spans[i + 1][0]);
    }
    const size_t begin = card_events(card);
    CHECK_EQ(ext4_sync(fs), 0);
    promise(begin);
    CHECK_EQ(ext4_unmount(fs), 0);
    for (size_t events = 0; events <= card_events(card); events++)
        cut_at(sequence, length, events);
}

static unsigned argument(int argc, char **argv, const char *name, unsigned otherwise)
{
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], name, strlen(name)) == 0 && argv[i][strlen(name)] == '=')
            return (unsigned)strtoul(argv[i] + strlen(name) + 1, NULL, 0);
    return otherwise;
}

static void run_all(unsigned length)
{
    unsigned sequence[3], total = 1;

    for (unsigned i = 0; i < length; i++)
        total *= WORK_OPERATIONS;
    for (unsigned n = 0; n < total; n++) {
        for (unsigned i = 0, rest = n; i < length; i++, rest /= WORK_OPERATIONS)
            sequence[i] = rest % WORK_OPERATIONS;
        run(sequence, length);
    }
}

/* Metadata becomes data while the journal has it; a block is in the journal and written again; freed blocks are wanted at once. */
static void run_chosen(void)
{
    static const unsigned chosen[][6] = {
        {17, 19, 20, 19, 3, 19}, {17, 20, 3, 19, 3, 19}, {17, 19, 20, 3, 5, 19},
        {7, 19, 3, 19, 3, 19},   {7, 3, 19, 2, 7, 5},    {9, 3, 19, 9, 3, 19},
        {15, 0, 4, 19, 6, 4},    {17, 18, 19, 0, 4, 20}, {11, 0, 4, 19, 10, 2},
    };

    for (unsigned i = 0; i < sizeof(chosen) / sizeof(chosen[0]); i++)
        run(chosen[i], 6);
}

int main(int argc, char **argv)
{
    const unsigned length = argument(argc, argv, "length", 1);
    const unsigned sequences = argument(argc, argv, "sequences", 0);

    check_begin(argc, argv);
    samples = argument(argc, argv, "samples", 1);
    every = argument(argc, argv, "checks", 100);
    gathers = argument(argc, argv, "gathers", 0) != 0;
    base = work_begin(&work, "-t ext4 -b 1024 -J size=1 -N 64 -m 0 -O ^resize_inode");
    CHECK(length <= 3);
    card = card_make(base->storage.size);
    image = card_make(base->storage.size);
    again = card_make(base->storage.size);
    if (length == 0)
        run_chosen();
    else if (sequences == 0)
        run_all(length);
    for (unsigned n = 0; n < sequences && length > 0; n++) {
        unsigned sequence[3];

        for (unsigned i = 0; i < length; i++)
            sequence[i] = (unsigned)check_below(WORK_OPERATIONS);
        run(sequence, length);
    }
    printf("%lu cuts, %lu of them twice, %lu checked by e2fsck\n", cuts, second_cuts, checkers);
    for (unsigned s = 0; s <= (length ? length : 6); s++)
        printf("state after %u operations: %lu\n", s, states[s]);
    guarantee_print("ext4");
    card_free(base);
    card_free(card);
    card_free(image);
    card_free(again);
    return check_end();
}
