/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame window: where the default pager sees the frames of a request, if it has to touch what is in them (D9). An entry of its
 * map whose page tables were made with it; to show a frame is to write one entry of them, so that nothing is allocated. A page
 * that shows none shows a blank one. Faults find nothing there.
 *
 * N1 a page shows a frame only while its request is SENT (S7): whether it is, is looked at with the MAP lock held, and who ends a
 *    request takes that lock afterwards and clears its pages.
 * N2 what is shown has no reverse mapping; a frame that is to be stored is shown read-only.
 */
#include "map_impl.h"
#include "swap_impl.h"
#include <kern/frame.h>
#include <kern/memory_object.h>
#include <kern/panic.h>
#include <kern/pmap.h>

enum { WINDOW_PAGES_MAX = 8 }; /* so many are shown, or cleared, in one go */

/* The MAP lock of `task`, but `task` itself, which the calls of the default pager and the work item set. */
static struct {
    struct task *task; /* reference held; NULL: there is no window. SWAP lock */
    struct memory_object *object;
    vaddr_t start;
    uint32_t pages;
    const struct swap_request *shown[WINDOW_PAGES_MAX];
} window;
static struct frame *blank; /* constant after swap_window_init() */

kern_return_t swap_window_init(void)
{
    return frame_alloc(&kernel_ledger, LEDGER_FRAMES, 0, FRAME_ZEROED, &blank);
}

/* The window's task, with a reference; NULL: there is none. */
static struct task *window_task(void)
{
    spin_lock(&swap.lock);
    struct task *task = window.task;
    if (task)
        task_ref(task);
    spin_unlock(&swap.lock);
    return task;
}

/* ---- with the MAP lock ---- */

/* Its entry is there, and so are its page tables. */
static bool is_there(struct task *task)
{
    const struct map_entry *entry = task->map.closed ? NULL : map_at(&task->map, window.start);
    return entry && entry->object == window.object && entry->start == window.start &&
           entry_pages(entry) == window.pages;
}

static kern_return_t put(struct task *task, uint32_t page, const struct frame *frame, unsigned prot)
{
    return pmap_enter(task->pmap, window.start + ((vaddr_t)page << PAGE_SHIFT),
                      frame_address(frame), PAGE_SIZE, prot, MEM_NORMAL,
                      PMAP_REPLACE | PMAP_UNMANAGED | PMAP_WIRED);
}

static void clear(struct task *task, const struct swap_request *request)
{
    bool there = is_there(task);
    for (uint32_t page = 0; page < window.pages; page++)
        if (window.shown[page] && (!request || window.shown[page] == request)) {
            kern_return_t kr = there ? put(task, page, blank, PROT_READ) : KERN_SUCCESS;
            assert(kr == KERN_SUCCESS); /* the tables are there */
            window.shown[page] = NULL;
        }
}

/* ---- making it ---- */

static kern_return_t fill(struct task *task)
{
    kern_return_t kr = KERN_SUCCESS;
    spin_lock(&task->map.lock);
    if (!is_there(task))
        kr = KERN_TERMINATED;
    for (uint32_t page = 0; page < window.pages && kr == KERN_SUCCESS; page++)
        kr = put(task, page, blank, PROT_READ);
    spin_unlock(&task->map.lock);
    return kr;
}

static kern_return_t enter(struct task *task, struct memory_object *object, uint32_t pages)
{
    struct map_request request = {.pages = pages,
                                  .object = object,
                                  .prot = PROT_READ | PROT_WRITE,
                                  .max_prot = PROT_READ | PROT_WRITE,
                                  .inherit = VM_INHERIT_NONE,
                                  .shared = true};
    kern_return_t kr = map_enter(task, &request);
    if (kr != KERN_SUCCESS)
        return kr;
    spin_lock(&task->map.lock);
    window.object = object;
    window.start = request.start;
    window.pages = pages;
    spin_unlock(&task->map.lock);
    return fill(task);
}

/* Only the default pager calls this, one thread of it at a time: the one that has just set window.task. */
kern_return_t swap_window_create(struct task *task, uint32_t pages, vaddr_t *address)
{
    struct memory_object *object;
    if (pages == 0 || pages > WINDOW_PAGES_MAX)
        return KERN_INVALID_ARGUMENT;
    kern_return_t kr = memory_object_create_window(&kernel_ledger, pages, &object);
    if (kr != KERN_SUCCESS)
        return kr;
    spin_lock(&swap.lock);
    if (swap.task != task || swap.died) /* nobody would take it away again */
        kr = KERN_NOT_FOUND;
    else if (window.task)
        kr = KERN_BUSY;
    else
        window.task = task;
    spin_unlock(&swap.lock);
    if (kr != KERN_SUCCESS) {
        memory_object_unref(object);
        return kr;
    }
    task_ref(task);
    kr = enter(task, object, pages);
    memory_object_unref(object); /* the entry has its own */
    if (kr == KERN_SUCCESS)
        *address = window.start;
    else
        swap_window_forget();
    return kr;
}

/* ---- using it ---- */

/* What is to be seen of a request; NULL: there is no such page. N1. */
static const struct frame *frame_of(uint32_t number, uint32_t index,
                                    const struct swap_request **request, bool *load)
{
    const struct frame *frame = NULL;
    spin_lock(&swap.lock);
    *request = swap_find_request(number);
    if (*request && index < (*request)->count) {
        frame = (*request)->page[index].frame;
        *load = (*request)->load;
    }
    spin_unlock(&swap.lock);
    return frame;
}

static kern_return_t show(struct task *task, uint32_t number, uint32_t index, uint32_t page)
{
    const struct swap_request *request;
    bool load = false;
    const struct frame *frame = frame_of(number, index, &request, &load);
    if (!frame)
        return KERN_INVALID_ARGUMENT;
    kern_return_t kr = put(task, page, frame, load ? PROT_READ | PROT_WRITE : PROT_READ);
    window.shown[page] = kr == KERN_SUCCESS ? request : NULL;
    return kr;
}

static kern_return_t show_several(struct task *task, uint32_t number, uint32_t index,
                                  uint32_t count, uint32_t page)
{
    kern_return_t kr = KERN_SUCCESS;
    if (!is_there(task))
        return KERN_NOT_FOUND;
    if (count == 0 || page >= window.pages || count > window.pages - page)
        return KERN_INVALID_ARGUMENT;
    for (uint32_t i = 0; i < count && kr == KERN_SUCCESS; i++)
        kr = show(task, number, index + i, page + i);
    return kr;
}

kern_return_t swap_window_show(uint32_t request, uint32_t index, uint32_t count, uint32_t page)
{
    struct task *task = window_task();
    if (!task)
        return KERN_NOT_FOUND;
    spin_lock(&task->map.lock);
    kern_return_t kr = show_several(task, request, index, count, page);
    spin_unlock(&task->map.lock);
    task_unref(task);
    return kr;
}

void swap_window_hide(const struct swap_request *request)
{
    struct task *task = window_task();
    if (!task)
        return;
    spin_lock(&task->map.lock);
    clear(task, request);
    spin_unlock(&task->map.lock);
    task_unref(task);
}

void swap_window_forget(void)
{
    struct task *task = window_task();
    if (!task)
        return;
    spin_lock(&task->map.lock);
    clear(task, NULL);
    window.object = NULL;
    window.pages = 0;
    spin_unlock(&task->map.lock);
    spin_lock(&swap.lock);
    window.task = NULL;
    spin_unlock(&swap.lock);
    task_unref(task); /* the window's */
    task_unref(task);
}
