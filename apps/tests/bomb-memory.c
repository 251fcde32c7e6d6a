/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes memory until there is none, in pieces that get smaller, gives it back, and gets it again.
 */
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <stddef.h>

struct piece {
    struct piece *next;
    size_t size;
};

enum { LARGEST = 4 << 20, SMALLEST = 4096 };

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

/* Free frames, when they do not become more any more: trees of pages are taken down behind one's back. */
static uint64_t settled(void)
{
    uint64_t last = 0, now = kernel_system_info(SYSTEM_INFO_FREE_FRAMES);

    for (unsigned same = 0; same < 20; same = now == last ? same + 1 : 0) {
        last = now;
        (void)kernel_sleep_until(kernel_clock_now() + 1000000);
        now = kernel_system_info(SYSTEM_INFO_FREE_FRAMES);
    }
    return now;
}

int main(int argc, char **argv)
{
    size_t first, second;

    (void)argc;
    (void)argv;
    give_all(take_all(&first));
    uint64_t free_between = settled();

    give_all(take_all(&second));
    CHECK(first > 0);
    CHECK_EQUAL(second, first);
    CHECK_EQUAL(settled(), free_between);
    print("bomb-memory: %lu KiB, then %lu KiB\n", first >> 10, second >> 10);
    return check_end("bomb-memory");
}
