/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device memory that is gone disappears from all page tables (kern/memory_object.h: OBJECT_DEVICE).
 *
 * The object is dead before the walk begins, and whoever enters a page of it into a page table looks at that with the map locked. So what the
 * walk has not found in a map it has locked, nobody puts there later. A task that came to the list when the walk had begun sees that the object is
 * dead, for the list has a lock; before that its page tables are empty, for nothing of it has run. So the walk is over those that were there, and who
 * makes tasks and ends them does not prolong it. A task whose teardown has begun has no thread that could touch anything.
 */
#include "map_impl.h"
#include <kern/device.h>
#include <kern/task.h>

enum { LOOK_AT = 16 /* entries in one piece */ };

static bool is_dead(const struct map_entry *entry)
{
    return entry->object && entry->object->kind == OBJECT_DEVICE &&
           memory_object_is_dead(entry->object);
}

/* One piece; the map is locked. */
static vaddr_t forget_some(struct task *task, vaddr_t at)
{
    if (task->map.closed || !map_has_devices(&task->map))
        return USER_VA_END;
    struct map_entry *entry = map_above(&task->map, at);
    for (unsigned n = 0; entry && n < LOOK_AT; n++, entry = map_next(entry)) {
        at = at > entry->start ? at : entry->start;
        if (is_dead(entry))
            return pmap_remove(task->pmap, at, entry->end);
        at = entry->end;
    }
    return entry ? at : USER_VA_END;
}

bool map_forget_devices(struct task **task, vaddr_t *at)
{
    struct task *now = *task;
    if (!now || *at >= USER_VA_END) {
        *at = 0;
        *task = task_walk(now);
        return *task != NULL;
    }
    spin_lock(&now->map.lock);
    *at = forget_some(now, *at);
    spin_unlock(&now->map.lock);
    return true;
}
