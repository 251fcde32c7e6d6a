/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every reference that amaps have on nodes and anons, counted from outside.
 */
#include "amap_test.h"

enum { PLACES = 1 << 16 };

static struct {
    void *thing;
    uint32_t references;
} place[PLACES];

/* One more reference on it. True: it is the first. */
static bool note(void *thing)
{
    size_t at = ((uintptr_t)thing >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 48;

    while (place[at].thing != NULL && place[at].thing != thing)
        at = (at + 1) % PLACES;
    place[at].thing = thing;
    return ++place[at].references == 1;
}

static void note_node(struct amap_node *node)
{
    if (!note(node))
        return;
    for (unsigned i = 0; i < AMAP_SLOTS; i++) {
        if (node->slot[i] == NULL)
            continue;
        if (node->height > 0)
            note_node(node->slot[i]);
        else
            (void)note(node->slot[i]);
    }
}

void census(struct amap *const *amaps, unsigned count)
{
    memset(place, 0, sizeof(place));
    for (unsigned i = 0; i < count; i++)
        if (amaps[i] != NULL && amaps[i]->root != NULL)
            note_node(amaps[i]->root);
    for (unsigned i = 0; i < PLACES; i++)
        if (place[i].thing != NULL)
            CHECK_EQ(atomic_load((_Atomic uint32_t *)place[i].thing), place[i].references);
}
