/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes memory until there is none, in pieces that get smaller, gives it back, and gets it again.
 */
#include "others.h"
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <stddef.h>

struct piece {
    struct piece *next;
    size_t size;
};

enum { LARGEST = 4 << 20, SMALLEST = 4096, ROUNDS = 3, KEPT = 8 };

/* Each page of a piece can be used, however much there was. */
static void use(struct piece *piece)
{
    for (size_t at = 0; at < piece->size; at += SMALLEST)
        ((volatile char *)piece)[at + 64] = 1;
}

static struct piece *take_all(size_t *total)
{
    struct piece *pieces = NULL;

    *total = 0;
    for (size_t size = LARGEST; size >= SMALLEST;) {
        void *at;
        kern_return_t kr = kernel_vm_allocate(size, &at);

        if (kr != KERN_SUCCESS) {
            CHECK(kr == KERN_LIMIT || kr == KERN_RESOURCE_SHORTAGE || kr == KERN_NO_SPACE);
            size /= 4;
            continue;
        }
        struct piece *piece = at;

        CHECK(piece->size == 0 && piece->next == NULL);
        piece->next = pieces;
        piece->size = size;
        pieces = piece;
        use(piece);
        *total += size;
    }
    return pieces;
}

static void give_all(struct piece *pieces)
{
    while (pieces != NULL) {
        struct piece *next = pieces->next;

        CHECK_EQUAL(kernel_vm_deallocate(pieces, pieces->size), 0);
        pieces = next;
    }
}

/*
 * Each round gets as much as the first, and leaves as many frames. With one CPU these are the same to the frame. Of others,
 * each keeps a few free objects of each kind for itself, and with them the slabs they are in, KEPT at most here; which ones
 * is a matter of where one ran. That no object is left is counted when the program has ended.
 */
int main(int argc, char **argv)
{
    size_t first, again = 0;
    uint64_t slack = (kernel_system_info(SYSTEM_INFO_CPUS_ONLINE) - 1) * KEPT;

    (void)argc;
    (void)argv;
    give_all(take_all(&first));
    uint64_t free_between = settled_info(SYSTEM_INFO_FREE_FRAMES, NULL);

    CHECK(first > 0);
    for (unsigned round = 1; round < ROUNDS; round++) {
        give_all(take_all(&again));
        CHECK_EQUAL(again, first);
        uint64_t now = settled_info(SYSTEM_INFO_FREE_FRAMES, NULL);
        CHECK(now + slack >= free_between && now <= free_between + slack);
    }
    print("bomb-memory: %lu KiB, then %lu KiB\n", first >> 10, again >> 10);
    return check_end("bomb-memory");
}
