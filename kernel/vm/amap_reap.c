/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trees that nobody sees any more (M5). A node without references goes onto a list and a work item
 * empties it, a few slots a step; nodes below that were its alone come onto the list in their turn,
 * so there is no recursion, and no memory is needed.
 */
#include "amap_impl.h"
#include <kern/swap.h>
#include <kern/work.h>

/* The last reference of an anon costs 250 to 450 instructions. */
enum {
    SMALL_TREE = 3, /* pages of a leaf that are freed at once */
    STEP_ANONS = 6, /* dropped in one step */
    TRIES = 4096,   /* for slots, before they are waited for */
};
static_assert(STEP_ANONS <= (unsigned)ANONS_GONE_MOST);

static struct amap_node *_Atomic dying;     /* put there by anybody, all taken by the work item */
static _Atomic uint64_t dying_count;        /* nodes handed in and not yet freed */
static struct amap_node *waiting, *current; /* taken, linked by `next`; being emptied. Work item */
static unsigned position;             /* first slot of `current` that may be in use. Work item */
static struct anon *away[STEP_ANONS]; /* without references, and not HERE. Work item */
static unsigned away_count;           /* of those, which were in `current`. Work item */
static unsigned tries;                /* to leave their slots. Work item */
static work_step_t reap_step;
static struct work reaper;

void amap_reaper_init(void)
{
    work_init(&reaper, reap_step, PRIORITY_REAP);
}

bool amap_reaper_is_idle(void)
{
    return atomic_load(&dying_count) == 0;
}

static bool drop(void *content)
{
    uint32_t old = atomic_fetch_sub_explicit(amap_references(content), 1, memory_order_acq_rel);

    assert(old > 0);
    return old == 1;
}

static void hand_in(struct amap_node *node)
{
    struct amap_node *head = atomic_load_explicit(&dying, memory_order_relaxed);

    atomic_fetch_add(&dying_count, 1);
    do
        node->next = head;
    while (!atomic_compare_exchange_weak_explicit(&dying, &head, node, memory_order_release,
                                                  memory_order_relaxed));
    work_start(&reaper);
}

static void free_leaf(struct amap_node *leaf)
{
    for (unsigned i = 0; leaf->used > 0; i++) {
        if (leaf->slot[i] == NULL)
            continue;
        anon_unref(leaf->slot[i]);
        leaf->used--;
    }
    amap_node_free(leaf);
}

void amap_tree_unref(struct amap_node *node)
{
    if (!drop(node))
        return;
    if (node->height == 0 && node->used <= SMALL_TREE)
        free_leaf(node);
    else
        hand_in(node);
}

void amap_tree_leave(struct amap_node *node)
{
    if (drop(node))
        hand_in(node);
}

/* The next node to be emptied, if there is any. */
static bool find_current(void)
{
    if (current != NULL)
        return true;
    if (waiting == NULL)
        waiting = atomic_exchange_explicit(&dying, NULL, memory_order_acquire);
    if (waiting == NULL)
        return false;
    current = waiting;
    waiting = current->next;
    position = 0;
    return true;
}

/* What is in the next slot in use. */
static void *take_content(void)
{
    while (current->slot[position] == NULL)
        position++;
    current->used--;
    return current->slot[position++];
}

static void drop_anons(void)
{
    for (unsigned n = 0; current->used > 0 && n < STEP_ANONS; n++) {
        struct anon *anon = take_content();
        if (!anon_unref_here(anon))
            away[away_count++] = anon;
    }
}

/* Who stands in line for a lock keeps his CPU from everybody meanwhile; and where CPUs are not always there, as threads of a host, those behind him wait until
 * his is. Nobody waits for us, so we look again later, TRIES times. */
static void leave_slots(void)
{
    if (tries++ < TRIES && !swap_try_anons_gone(away, &away_count))
        return;
    tries = 0;
    while (away_count > 0)
        anon_destroy(away[--away_count]);
}

static void drop_nodes(void)
{
    while (current->used > 0) {
        struct amap_node *below = take_content();
        if (!drop(below))
            continue;
        atomic_fetch_add(&dying_count, 1);
        below->next = waiting;
        waiting = below;
    }
}

static bool reap_step(struct work *work)
{
    if (away_count > 0) {
        leave_slots();
        return true;
    }
    if (!find_current())
        return !work_done(work);
    if (current->height == 0)
        drop_anons();
    else
        drop_nodes();
    /* As long as anything of it is left it counts (amap_reaper_is_idle()). */
    if (current->used == 0 && away_count == 0) {
        amap_node_free(current);
        current = NULL;
        atomic_fetch_sub(&dying_count, 1);
    }
    return true;
}
