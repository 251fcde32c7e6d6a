/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The n-th allocation fails, for every n of a short workload, but for libext2fs' own, which does not live through that. The operation fails as a whole, no later one is harmed by it, and e2fsck finds
 * nothing.
 */
#include "check.h"
#include "workload.h"
#include "world_failures.h"
#include <errno.h>
#include <stdlib.h>

static struct work work;
static struct card *base, *card;
static const unsigned sequence[] = {3, 0, 11, 19, 5, 17, 10, 7};

/* What ext4_fs is compiled with here. */
void *failing_malloc(size_t size);
void *failing_calloc(size_t count, size_t size);
void *failing_realloc(void *old, size_t size);

void *failing_malloc(size_t size)
{
    return world_fails() ? NULL : malloc(size);
}

void *failing_calloc(size_t count, size_t size)
{
    return world_fails() ? NULL : calloc(count, size);
}

void *failing_realloc(void *old, size_t size)
{
    return world_fails() ? NULL : realloc(old, size);
}

/* An operation that fails is no state of the model: it is taken back; but the last takes several, and may have made some. *least: what has to be there if all can be written. */
static void run(struct ext4 *fs, unsigned *synced_state, unsigned *least)
{
    const unsigned count = sizeof(sequence) / sizeof(sequence[0]);

    for (unsigned i = 0; i < count; i++) {
        bool synced;
        const int error = work_step(&work, fs, sequence[i], &synced);

        if (synced)
            *synced_state = work.steps;
        *least = error == 0 ? work.steps : work.steps - 1;
        if (error != 0 && i + 1 < count)
            work.steps--;
    }
}

static bool one(unsigned nth, bool gathers)
{
    struct ext4 *fs;
    unsigned synced = 0, least = 0;
    bool failed;
    int error, state;

    work_restart(&work);
    card_copy(card, base);
    world_fail_at(nth);
    error = ext4_mount(&card->storage, 0, &fs);
    CHECK(error == 0 || world_has_failed());
    if (error == 0) {
        ext4_gather(fs, gathers);
        run(fs, &synced, &least);
        if (ext4_unmount(fs) != 0)
            least = synced;
    }
    failed = world_has_failed();
    world_fail_at(0);
    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    CHECK_TEXT(ext4_problem(fs), "");
    state = work_find(&work, fs, least);
    if (state < 0)
        fprintf(stderr, "allocation %u: least %u, found %d\n", nth, least, work_find(&work, fs, 0));
    CHECK(state >= 0);
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(image_is_clean(card));
    return failed;
}

int main(int argc, char **argv)
{
    unsigned failed = 0;

    check_begin(argc, argv);
    base = work_begin(&work, "-t ext4 -b 1024 -J size=1 -N 64 -m 0 -O ^resize_inode");
    card = card_make(base->storage.size);
    for (unsigned gathers = 0; gathers < 2; gathers++)
        for (unsigned n = 1; one(n, gathers != 0); n++)
            failed++;
    printf("%u allocations failed\n", failed);
    card_free(base);
    card_free(card);
    return check_end();
}
