/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mapped files. A shared mapping, what is read and what is written are one content; a private one is its owner's.
 *
 * A read into, or a write from, memory that is a mapping of a file of the same server has that server supply a page while it is asked for something else: whoever
 * lets the copy wait for itself never ends.
 */
#include "files-model.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint32_t page_up(uint32_t size)
{
    return (size + PAGE - 1) & ~(uint32_t)(PAGE - 1);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

uint32_t touchable(const struct worker *w, const struct mapping *mapping)
{
    const uint32_t size = w->nodes[mapping->node].size;

    return size <= mapping->offset ? 0 : least(mapping->reach, size - mapping->offset);
}

/* One of which at least a byte may be touched; NULL. */
static struct mapping *choose_mapping(struct worker *w, bool writes)
{
    const unsigned from = (unsigned)random_below(w, MAPPINGS_MAX);

    for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
        struct mapping *m = &w->mappings[(from + i) % MAPPINGS_MAX];

        if (m->at && (m->writes || !writes) && touchable(w, m) != 0)
            return m;
    }
    return NULL;
}

/* A part of what may be touched: from *at on, so many bytes, 1 or more. */
static uint32_t choose_part(struct worker *w, const struct mapping *m, uint32_t *at)
{
    const uint32_t there = touchable(w, m);

    *at = (uint32_t)random_below(w, there);
    return 1 + (uint32_t)random_below(w, least(there - *at, one_in(w, 2) ? 100 : TRANSFER_MAX));
}

static void written_mapped(struct worker *w, int node)
{
    node_changed(w, node);
    w->nodes[node].later = false; /* not yet, perhaps */
    w->nodes[node].written_mapped = true;
}

/* ---- mappings come and go ---- */

static int error_of_map(const struct worker *w, const struct open_file *open, uint32_t offset,
                        bool writes)
{
    if (!open->reads || (writes && !open->writes))
        return EACCES;
    return offset >= page_up(w->nodes[open->node].size) ? ENXIO : 0;
}

static void choose_range(struct worker *w, int node, uint32_t *offset, uint32_t *length)
{
    const uint32_t pages = w->nodes[node].size / PAGE + 1;

    *offset = one_in(w, 2) ? 0 : (uint32_t)random_below(w, pages) * PAGE;
    *length = one_in(w, 2) ? w->nodes[node].size : 1 + (uint32_t)random_below(w, FILE_SIZE_MAX / 4);
    *length += *length == 0;
}

void do_map(struct worker *w)
{
    struct open_file *open = choose_open(w);
    struct mapping *m = w->mappings;

    while (m < w->mappings + MAPPINGS_MAX && m->at)
        m++;
    if (!open)
        return;
    if (m == w->mappings + MAPPINGS_MAX) {
        do_unmap(w);
        return;
    }
    const bool writes = open->writes ? !one_in(w, 4) : one_in(w, 16);
    uint32_t offset, length;

    choose_range(w, open->node, &offset, &length);
    const int error = error_of_map(w, open, offset, writes);

    doing(w, "mmap of %u bytes at %u of %u", length, offset, w->nodes[open->node].size);
    void *at =
        mmap(NULL, length, PROT_READ | (writes ? PROT_WRITE : 0), MAP_SHARED, open->number, offset);

    if (!call_is(w, at == MAP_FAILED ? -1 : 0, error, 0))
        return;
    *m = (struct mapping){.at = at,
                          .node = open->node,
                          .offset = offset,
                          .length = length,
                          .reach =
                              least(page_up(length), page_up(w->nodes[open->node].size) - offset),
                          .writes = writes};
    w->nodes[open->node].mappings++;
}

void unmap(struct worker *w, struct mapping *m)
{
    doing(w, "munmap of %u bytes at %u", m->length, m->offset);
    (void)returned(w, munmap(m->at, m->length), 0);
    m->at = NULL;
    w->nodes[m->node].mappings--;
    node_release(w, m->node);
}

void do_unmap(struct worker *w)
{
    struct mapping *m = &w->mappings[random_below(w, MAPPINGS_MAX)];

    if (m->at)
        unmap(w, m);
}

/* ---- their content ---- */

void do_read_mapped(struct worker *w)
{
    const struct mapping *m = choose_mapping(w, false);
    uint32_t at;

    if (!m)
        return;
    const uint32_t size = choose_part(w, m, &at);

    doing(w, "%u bytes of a mapping, at %u of %u", size, m->offset + at, w->nodes[m->node].size);
    (void)same_bytes(w, m->at + at, w->nodes[m->node].content + m->offset + at, size,
                     m->offset + at);
}

void do_write_mapped(struct worker *w)
{
    const struct mapping *m = choose_mapping(w, true);
    uint32_t at;

    if (!m)
        return;
    const uint32_t size = choose_part(w, m, &at);

    doing(w, "%u bytes to a mapping, at %u of %u", size, m->offset + at, w->nodes[m->node].size);
    const uint8_t *from = fill_buffer(w, size);

    memcpy(m->at + at, from, size);
    node_write(w, m->node, m->offset + at, from, size);
    written_mapped(w, m->node);
}

/* Behind the file's end, in its last page: nobody is to see it when the file grows. */
void do_write_behind(struct worker *w)
{
    const struct mapping *m = choose_mapping(w, true);
    const uint32_t end = m ? w->nodes[m->node].size : 0;

    if (!m || end % PAGE == 0 || page_up(end) > m->offset + m->reach)
        return;
    doing(w, "bytes to a mapping behind the end at %u", end);
    memset(m->at + (end - m->offset), 0xee, page_up(end) - end);
    written_mapped(w, m->node);
}

void do_sync_mapped(struct worker *w)
{
    const struct mapping *m = choose_mapping(w, false);
    const int how = (int[]){MS_SYNC, MS_ASYNC, MS_SYNC | MS_INVALIDATE}[random_below(w, 3)];

    if (!m)
        return;
    doing(w, "msync of a mapping, flags %x", (unsigned)how);
    (void)returned(w, msync(m->at, touchable(w, m), how), 0);
}

/* ---- private ones ---- */

/* It begins as the file; what is written to it stays in it. */
void do_map_private(struct worker *w)
{
    const struct open_file *open = choose_open_for(w, true, false);

    if (!open || w->nodes[open->node].size == 0)
        return;
    const struct node *node = &w->nodes[open->node];
    const uint32_t size = least(node->size, TRANSFER_MAX);
    const uint32_t at = (uint32_t)random_below(w, size);
    const uint32_t part = 1 + (uint32_t)random_below(w, least(size - at, 5000));

    doing(w, "private mapping of %u bytes", size);
    uint8_t *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, open->number, 0);

    if (!call_is(w, map == MAP_FAILED ? -1 : 0, 0, 0))
        return;
    (void)same_bytes(w, map, node->content, size, 0);
    memset(map + at, 0x5a, part);
    doing(w, "pread of what a private mapping changed, %u bytes at %u", part, at);
    if (returned(w, pread(open->number, w->buffer, part, at), part))
        (void)same_bytes(w, w->buffer, node->content + at, part, at);
    memset(w->buffer, 0x5a, part);
    doing(w, "private mapping, after it was written to");
    (void)same_bytes(w, map + at, w->buffer, part, at);
    (void)same_bytes(w, map, node->content, at, 0);
    (void)returned(w, munmap(map, size), 0);
}

/* ---- buffers that are mappings ---- */

/* Its pages are to be supplied when they are touched: they are taken away first, where that can be asked for. */
static bool take_pages_away(struct worker *w, const struct mapping *m)
{
    doing(w, "msync, so that pages are to be supplied again");
    return returned(w, msync(m->at, touchable(w, m), MS_SYNC | MS_INVALIDATE), 0);
}

/* Bytes of a file that lie neither in a part of the mapping's file, nor beside it in a page. */
static bool is_apart(const struct mapping *m, uint32_t at, int node, uint64_t offset, size_t size)
{
    const uint64_t begin = m->offset + at;

    return node != m->node || offset + size + PAGE <= begin || begin + size + PAGE <= offset;
}

void do_read_into_mapped(struct worker *w)
{
    const struct mapping *m = choose_mapping(w, true);
    struct open_file *open = choose_open_for(w, true, false);
    uint32_t at;

    if (!m || !open || w->nodes[open->node].size == 0)
        return;
    uint32_t size = choose_part(w, m, &at);
    const uint64_t offset = random_below(w, w->nodes[open->node].size);

    size = least(size, (uint32_t)(w->nodes[open->node].size - offset));
    if (!is_apart(m, at, open->node, offset, size) || !take_pages_away(w, m))
        return;
    doing(w, "pread of %u bytes at %lu into a mapping at %u%s", size, (unsigned long)offset,
          m->offset + at, open->node == m->node ? " of the same file" : "");
    if (!returned(w, pread(open->number, m->at + at, size, (off_t)offset), size) ||
        !same_bytes(w, m->at + at, w->nodes[open->node].content + offset, size, offset))
        return;
    node_write(w, m->node, m->offset + at, m->at + at, size);
    written_mapped(w, m->node);
}

void do_write_from_mapped(struct worker *w)
{
    const struct mapping *m = choose_mapping(w, false);
    struct open_file *open = choose_open_for(w, false, true);
    uint32_t at;

    if (!m || !open)
        return;
    uint32_t size = choose_part(w, m, &at);
    const uint64_t offset = random_below(w, (uint64_t)w->nodes[open->node].size + 1);

    size = (uint32_t)may_write(w, open->node, offset, size);
    if (size == 0 || !is_apart(m, at, open->node, offset, size) || !take_pages_away(w, m))
        return;
    doing(w, "pwrite of %u bytes at %lu out of a mapping at %u%s", size, (unsigned long)offset,
          m->offset + at, open->node == m->node ? " of the same file" : "");
    if (!returned(w, pwrite(open->number, m->at + at, size, (off_t)offset), size))
        return;
    memcpy(w->buffer, w->nodes[m->node].content + m->offset + at, size);
    node_write(w, open->node, offset, w->buffer, size);
    node_changed(w, open->node);
}
