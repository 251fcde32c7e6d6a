/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of its objects a pager has not been given back (kern/pager_volume.h). What is to be done about other objects of the
 * pager than the one at hand, whose lock is held, is left to their work items: they exist while they are on a list.
 */
#include <kern/paged_object.h>
#include <kern/panic.h>
#include <kern/space.h>
#include <kern/vm_count.h>

static uint64_t limit = UINT64_MAX; /* set by the boot */

void paged_volume_set_limit(uint64_t pages)
{
    limit = pages < 2 ? 2 : pages;
}

static struct pager_volume *volume_of(const struct paged_object *object)
{
    return object->space ? &object->space->volume : NULL;
}

static uint64_t room(const struct pager_volume *volume)
{
    uint64_t dirty = relaxed_load(volume->dirty);
    return dirty < limit ? limit - dirty : 0;
}

/* ---- the volume's lock is held ---- */

/* L2 */
static void begin_cleaning(struct pager_volume *volume)
{
    if (volume->cleaner || volume->loose < limit / 2 || list_is_empty(&volume->written))
        return;
    struct paged_object *object =
        list_entry(volume->written.next, struct paged_object, written_link);
    volume->cleaner = object;
    work_start(&object->work);
}

/* L3: one writer, in the object whose turn it is. */
static void admit(struct pager_volume *volume, unsigned writers)
{
    if (list_is_empty(&volume->throttled))
        return;
    struct list *link = list_pop_front(&volume->throttled);
    struct paged_object *object = list_entry(link, struct paged_object, throttled_link);
    list_push_back(&volume->throttled, link);
    object->admitted += writers;
    work_start(&object->work);
}

static void change_dirty(struct pager_volume *volume, int64_t by)
{
    relaxed_store(volume->dirty, relaxed_load(volume->dirty) + (uint64_t)by);
}

static void count_loose(struct pager_volume *volume, struct paged_object *object, int64_t loose)
{
    bool before = object->loose > 0;
    object->loose += (uint64_t)loose;
    volume->loose += (uint64_t)loose;
    bool after = object->loose > 0;
    if (after && !before)
        list_push_back(&volume->written, &object->written_link);
    else if (before && !after)
        list_remove(&object->written_link);
}

static void stop_waiting(struct pager_volume *volume, struct paged_object *object)
{
    if (object->throttled)
        list_remove(&object->throttled_link);
    object->throttled = false;
    object->admitted = 0;
    if (room(volume) > 0)
        admit(volume, 1);
}

/* ---- counting ---- */

void paged_volume_count(struct paged_object *object, int64_t dirty, int64_t loose)
{
    struct pager_volume *volume = volume_of(object);
    object->dirty += (uint64_t)dirty;
    vm_count_many(VM_COUNT_WRITTEN, (uint64_t)dirty);
    if (!volume) {
        object->loose += (uint64_t)loose;
        object->wake_writers |= dirty < 0;
        return;
    }
    spin_lock(&volume->lock);
    change_dirty(volume, dirty);
    count_loose(volume, object, loose);
    if (loose > 0)
        begin_cleaning(volume);
    if (dirty < 0)
        admit(volume, 1);
    spin_unlock(&volume->lock);
}

bool paged_volume_is_full(const struct paged_object *object)
{
    const struct pager_volume *volume = volume_of(object);
    return object->state == PAGED_READY && (volume ? room(volume) == 0 : object->dirty >= limit);
}

/* ---- who waits ---- */

bool paged_volume_wait(struct paged_object *object)
{
    struct pager_volume *volume = volume_of(object);
    if (!volume)
        return object->dirty >= limit;
    spin_lock(&volume->lock);
    bool full = room(volume) == 0;
    if (full && !object->throttled) {
        list_push_back(&volume->throttled, &object->throttled_link);
        object->throttled = true;
    }
    spin_unlock(&volume->lock);
    return full;
}

unsigned paged_volume_admitted(struct paged_object *object, unsigned most)
{
    struct pager_volume *volume = volume_of(object);
    if (!volume)
        return object->dirty < limit ? most : 0;
    spin_lock(&volume->lock);
    uint64_t count = room(volume) > object->admitted ? room(volume) : object->admitted;
    unsigned admitted = count < most ? (unsigned)count : most;
    object->admitted -= admitted < object->admitted ? admitted : object->admitted;
    spin_unlock(&volume->lock);
    return admitted;
}

bool paged_volume_let_through(struct paged_object *object, unsigned left)
{
    struct pager_volume *volume = volume_of(object);
    bool more = false;
    if (!volume)
        return false;
    spin_lock(&volume->lock);
    if (list_is_empty(&object->writers)) {
        unsigned others = object->admitted + left;
        stop_waiting(volume, object);
        if (others > 0)
            admit(volume, others);
    } else {
        more = object->admitted > 0 || room(volume) > 0;
    }
    spin_unlock(&volume->lock);
    return more;
}

/* ---- who is cleaned ---- */

bool paged_volume_is_cleaner(const struct paged_object *object)
{
    struct pager_volume *volume = volume_of(object);
    if (!volume)
        return false;
    spin_lock(&volume->lock);
    bool is = volume->cleaner == object;
    spin_unlock(&volume->lock);
    return is;
}

void paged_volume_cleaned(struct paged_object *object)
{
    struct pager_volume *volume = volume_of(object);
    object->clean_page = 0;
    spin_lock(&volume->lock);
    volume->cleaner = NULL;
    if (object->loose > 0) { /* written to meanwhile: others come first */
        list_remove(&object->written_link);
        list_push_back(&volume->written, &object->written_link);
    }
    begin_cleaning(volume);
    spin_unlock(&volume->lock);
}

/* ---- the right moves ---- */

static void leave(struct pager_volume *volume, struct paged_object *object)
{
    spin_lock(&volume->lock);
    change_dirty(volume, -(int64_t)object->dirty);
    count_loose(volume, object, -(int64_t)object->loose);
    if (volume->cleaner == object)
        volume->cleaner = NULL;
    stop_waiting(volume, object);
    begin_cleaning(volume);
    spin_unlock(&volume->lock);
}

static void enter(struct pager_volume *volume, struct paged_object *object, uint64_t loose)
{
    spin_lock(&volume->lock);
    change_dirty(volume, (int64_t)object->dirty);
    count_loose(volume, object, (int64_t)loose);
    begin_cleaning(volume);
    spin_unlock(&volume->lock);
}

struct space *paged_volume_move(struct paged_object *object, struct space *space)
{
    struct space *before = object->space;
    uint64_t loose = object->loose;
    if (before)
        leave(&before->volume, object);
    object->loose = 0;
    object->clean_page = 0;
    object->space = space;
    if (space) {
        space_ref(space);
        enter(&space->volume, object, loose);
    } else {
        object->loose = loose;
    }
    object->wake_writers = true; /* they look again */
    return before;
}
