/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paged objects that nobody maps, and that stay for a while (kern/paged_object.h: Q8). They exist while they are on the list; what
 * becomes of them is left to their work items.
 */
#include <kern/paged_object.h>

/* The oldest first. */
static struct {
    struct spinlock lock;
    struct list objects;
    uint32_t count;
} cached = {.lock = SPINLOCK_INIT(LOCK_VOLUME), .objects = LIST_INIT(cached.objects)};

static void evict_locked(struct paged_object *object)
{
    list_remove(&object->cached_link);
    cached.count--;
    relaxed_store(object->evicted, true);
    work_start(&object->work);
}

/* The oldest of this space, if there are too many of it; NULL: there are not. */
static struct paged_object *find_surplus(const struct space *space)
{
    struct paged_object *object, *oldest = NULL;
    unsigned count = 0;
    list_for_each(object, &cached.objects, cached_link) {
        if (object->cached_for != space)
            continue;
        if (!oldest)
            oldest = object;
        count++;
    }
    return count > PAGED_CACHED_EACH ? oldest : NULL;
}

static struct paged_object *oldest_cached(void)
{
    return list_is_empty(&cached.objects)
               ? NULL
               : list_entry(cached.objects.next, struct paged_object, cached_link);
}

void paged_cache_add(struct paged_object *object)
{
    spin_lock(&cached.lock);
    list_push_back(&cached.objects, &object->cached_link);
    cached.count++;
    relaxed_store(object->evicted, false);
    object->cached_for = object->space;
    struct paged_object *surplus = find_surplus(object->space);
    if (!surplus && cached.count > PAGED_CACHED_MAX)
        surplus = oldest_cached();
    if (surplus)
        evict_locked(surplus);
    spin_unlock(&cached.lock);
}

void paged_cache_remove(struct paged_object *object)
{
    spin_lock(&cached.lock);
    if (list_is_linked(&object->cached_link)) {
        list_remove(&object->cached_link);
        cached.count--;
    }
    spin_unlock(&cached.lock);
}

bool paged_object_trim(void)
{
    spin_lock(&cached.lock);
    struct paged_object *object = oldest_cached();
    if (object)
        evict_locked(object);
    spin_unlock(&cached.lock);
    return object;
}
