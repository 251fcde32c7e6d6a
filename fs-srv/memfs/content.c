/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What regular files hold. Content is in extents, ranges of our own memory that memory entries can be made of, or still in the archive,
 * or nowhere: a hole.
 *
 * C1 Extents begin as large as is needed, and as large as the file where it grows at its end: a file has few, and a sparse one takes no
 *    more than what was written, in pages.
 * C2 What somebody may have mapped is never given back before the file goes, so that a mapping and the file are one content. It is
 *    zeroed instead. Then it is limbo.c's.
 */
#include "memfs.h"
#include <libsys/program.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/vm.h>

enum { GROWTH_MAX = 256 /* pages */ };

static uint64_t page_of(uint64_t at)
{
    return at / PAGE;
}

static uint64_t pages_up(uint64_t size)
{
    return size / PAGE + (size % PAGE != 0);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t end_of(const struct extent *extent)
{
    return extent->page + extent->pages;
}

/* Index of the first extent that ends behind `page`, or count. */
static uint32_t find(const struct content *content, uint64_t page)
{
    uint32_t low = 0, high = content->count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (end_of(&content->extents[middle]) <= page)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The extent with `page` in it, or NULL: then *gap pages are in none. */
static struct extent *at_page(const struct content *content, uint64_t page, uint64_t *gap)
{
    const uint32_t i = find(content, page);

    *gap = UINT64_MAX;
    if (i == content->count)
        return NULL;
    if (content->extents[i].page <= page)
        return &content->extents[i];
    *gap = content->extents[i].page - page;
    return NULL;
}

bool content_has(const struct content *content, uint64_t page, uint64_t most, uint64_t *gap)
{
    const bool has = at_page(content, page, gap) != NULL;

    *gap = least(*gap, most);
    return has;
}

/* ---- reading ---- */

/* `size` bytes that are in no extent. */
static void read_base(const struct content *content, uint64_t at, uint8_t *to, uint64_t size)
{
    const uint64_t there = at < content->base_size ? least(size, content->base_size - at) : 0;

    if (there != 0)
        memcpy(to, content->base + at, there);
    memset(to + there, 0, size - there);
}

uint32_t content_read(const struct content *content, uint64_t at, void *to, uint32_t size)
{
    uint8_t *out = to;
    uint64_t left = at < content->size ? least(size, content->size - at) : 0, gap;
    const uint32_t got = (uint32_t)left;

    while (left != 0) {
        const struct extent *extent = at_page(content, page_of(at), &gap);
        uint64_t n = left;
        if (extent) {
            n = least(n, end_of(extent) * PAGE - at);
            memcpy(out, extent->at + (at - extent->page * PAGE), n);
        } else {
            if (gap < pages_up(n) + 1)
                n = least(n, (page_of(at) + gap) * PAGE - at);
            read_base(content, at, out, n);
        }
        out += n;
        at += n;
        left -= n;
    }
    return got;
}

/* ---- extents ---- */

static bool have_room(struct memfs *fs, struct content *content)
{
    const uint32_t room = content->room ? content->room * 2 : 2;
    const uint64_t more = (room - content->room) * sizeof(struct extent);

    if (content->count < content->room)
        return true;
    if (!memfs_charge(fs, more))
        return false;
    struct extent *extents = realloc(content->extents, room * sizeof(*extents));
    if (!extents) {
        memfs_uncharge(fs, more);
        return false;
    }
    content->extents = extents;
    content->room = room;
    return true;
}

static bool allocate(struct memfs *fs, uint64_t pages, uint8_t **out)
{
    uint64_t at;

    if (!memfs_charge(fs, pages * PAGE))
        return false;
    if (vm_allocate(program_start_info->task, 0, pages * PAGE, VM_ANYWHERE, &at) != KERN_SUCCESS) {
        memfs_uncharge(fs, pages * PAGE);
        return false;
    }
    *out = (uint8_t *)(uintptr_t)at;
    return true;
}

void content_give_back(struct memfs *fs, uint8_t *at, uint64_t pages)
{
    memfs_uncharge(fs, pages * PAGE);
    (void)!vm_deallocate(program_start_info->task, (uintptr_t)at, pages * PAGE);
}

/* An extent in a hole: `needed` pages, or more where the file grows. NULL: no room. */
static struct extent *fill_hole(struct memfs *fs, struct content *content, uint64_t page,
                                uint64_t needed)
{
    const uint32_t i = find(content, page);
    uint64_t wanted = i == content->count ? least(content->pages, GROWTH_MAX) : 0;
    uint8_t *at;

    if (wanted < needed)
        wanted = needed;
    if (!have_room(fs, content))
        return NULL;
    if (!allocate(fs, wanted, &at)) {
        wanted = needed;
        if (!allocate(fs, wanted, &at))
            return NULL;
    }
    struct extent *extent = &content->extents[i];
    memmove(extent + 1, extent, (content->count - i) * sizeof(*extent));
    content->count++;
    content->pages += wanted;
    *extent = (struct extent){.page = page, .pages = (uint32_t)wanted, .at = at};
    const uint64_t from = page * PAGE;
    if (from < content->base_size)
        memcpy(at, content->base + from, least(wanted * PAGE, content->base_size - from));
    return extent;
}

/* The extent with a page; made, with up to `pages`. */
static struct extent *have_page(struct memfs *fs, struct content *content, uint64_t page,
                                uint64_t pages)
{
    uint64_t gap;
    struct extent *extent = at_page(content, page, &gap);

    if (extent)
        return extent;
    pages = least(least(pages, gap), GROWTH_MAX);
    extent = fill_hole(fs, content, page, pages);
    return extent || pages == 1 ? extent : fill_hole(fs, content, page, 1);
}

kern_return_t content_extent(struct memfs *fs, struct content *content, uint64_t page,
                             uint64_t pages, struct extent *out)
{
    const struct extent *extent = have_page(fs, content, page, pages);

    if (!extent)
        return unix_error(ENOSPC);
    *out = *extent;
    return KERN_SUCCESS;
}

/* ---- writing ---- */

kern_return_t content_write(struct memfs *fs, struct content *content, uint64_t at,
                            const void *from, uint32_t size, uint32_t *written)
{
    const uint8_t *in = from;
    uint64_t left = size;

    if (size != 0 && at > content->size && content->limbo)
        content_resize(fs, content, at);
    while (left != 0) {
        const struct extent *extent =
            have_page(fs, content, page_of(at), page_of(at + left - 1) - page_of(at) + 1);
        if (!extent)
            break;
        const uint64_t n = least(left, end_of(extent) * PAGE - at);
        memcpy(extent->at + (at - extent->page * PAGE), in, n);
        in += n;
        at += n;
        left -= n;
        if (at > content->size)
            content->size = at;
    }
    *written = size - (uint32_t)left;
    return *written != 0 || size == 0 ? KERN_SUCCESS : unix_error(ENOSPC);
}

/* ---- sizes ---- */

/* What lies in extents in [from, to) is zero from here on. */
static void zero(const struct content *content, uint64_t from, uint64_t to)
{
    for (uint32_t i = find(content, page_of(from)); i < content->count; i++) {
        const struct extent *extent = &content->extents[i];
        const uint64_t start = extent->page * PAGE, end = end_of(extent) * PAGE;
        const uint64_t a = start > from ? start : from, b = least(end, to);
        if (a >= b)
            break;
        memset(extent->at + (a - start), 0, b - a);
    }
}

/* Give back whole pages from `page` on. */
static void cut(struct memfs *fs, struct content *content, uint64_t page)
{
    const uint32_t i = find(content, page);

    for (uint32_t k = i; k < content->count; k++) {
        struct extent *extent = &content->extents[k];
        const uint32_t kept = extent->page < page ? (uint32_t)(page - extent->page) : 0;
        content_give_back(fs, extent->at + (uint64_t)kept * PAGE, extent->pages - kept);
        content->pages -= extent->pages - kept;
        extent->pages = kept;
    }
    content->count = i < content->count && content->extents[i].pages != 0 ? i + 1 : i;
}

void content_resize(struct memfs *fs, struct content *content, uint64_t size)
{
    const uint64_t page = pages_up(size);

    if (size < content->size) {
        content->base_size = least(content->base_size, size);
        if (content->limbo) {
            zero(content, size, UINT64_MAX);
        } else {
            cut(fs, content, page);
            zero(content, size, page * PAGE);
        }
    } else if (content->limbo) { /* who maps the last page may have written behind the end */
        zero(content, content->size, least(size, pages_up(content->size) * PAGE));
    }
    content->size = size;
}

void content_free(struct memfs *fs, struct content *content)
{
    if (content->limbo) {
        limbo_take(fs, content);
    } else {
        cut(fs, content, 0);
        memfs_uncharge(fs, content->room * sizeof(*content->extents));
        free(content->extents);
    }
    *content = (struct content){.size = 0};
}
