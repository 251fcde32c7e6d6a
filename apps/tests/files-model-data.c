/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading and writing through descriptors.
 */
#include "files-model.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Short ones mostly: what fits in registers, in a message, in a page, and what goes out of line. */
static size_t choose_length(struct worker *w)
{
    static const size_t most[] = {0, 40, 100, 600, 4096, 4097, 9000, 20000, 70000};

    return random_below(w, most[random_below(w, sizeof(most) / sizeof(most[0]))] + 1);
}

static uint64_t choose_offset(struct worker *w, int node)
{
    const uint32_t size = w->nodes[node].size;

    if (one_in(w, 6))
        return size + random_below(w, (size_t)3 * PAGE); /* behind the end: a hole */
    if (one_in(w, 4))
        return random_below(w, size / PAGE + 1) * PAGE;
    return random_below(w, (uint64_t)size + 1);
}

uint8_t *fill_buffer(struct worker *w, size_t size)
{
    uint8_t *at = w->buffer + random_below(w, 64);

    for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
        const uint64_t word = random_below(w, UINT64_MAX);

        memcpy(at + i, &word, size - i < sizeof(word) ? size - i : sizeof(word));
    }
    return at;
}

size_t may_write(const struct worker *w, int node, uint64_t offset, size_t size)
{
    const uint64_t left = w->most > w->total ? w->most - w->total : 0;
    uint64_t end = w->nodes[node].size + left;

    if (end > FILE_SIZE_MAX)
        end = FILE_SIZE_MAX;
    return offset >= end ? 0 : size < end - offset ? size : (size_t)(end - offset);
}

static size_t may_read(const struct worker *w, int node, uint64_t offset, size_t size)
{
    const uint64_t there = w->nodes[node].size;

    return offset >= there ? 0 : size < there - offset ? size : (size_t)(there - offset);
}

/* ---- reading ---- */

static void read_once(struct worker *w, struct open_file *open, bool current)
{
    const uint64_t offset = current ? open->offset : choose_offset(w, open->node);
    const size_t size = choose_length(w), there = may_read(w, open->node, offset, size);
    uint8_t *to = w->buffer + random_below(w, 64);

    doing(w, "%s of %lu bytes at %lu of %u", current ? "read" : "pread", (unsigned long)size,
          (unsigned long)offset, w->nodes[open->node].size);
    memset(to, 0xa5, there);
    const ssize_t got =
        current ? read(open->number, to, size) : pread(open->number, to, size, (off_t)offset);

    if (!open->reads) {
        if (size != 0)
            (void)call_is(w, got, EBADF, 0);
        return;
    }
    if (!returned(w, got, (int64_t)there))
        return;
    (void)same_bytes(w, to, w->nodes[open->node].content + offset, there, offset);
    if (current)
        open->offset += there;
}

void do_read(struct worker *w)
{
    struct open_file *open = choose_open(w);

    if (open)
        read_once(w, open, true);
}

void do_read_at(struct worker *w)
{
    struct open_file *open = choose_open(w);

    if (open)
        read_once(w, open, false);
}

/* ---- writing ---- */

static void write_once(struct worker *w, struct open_file *open, bool current, uint64_t offset,
                       size_t size)
{
    if (current)
        offset = open->appends ? w->nodes[open->node].size : open->offset;
    size = may_write(w, open->node, offset, size);
    const uint8_t *from = fill_buffer(w, size);

    doing(w, "%s of %lu bytes at %lu of %u%s", current ? "write" : "pwrite", (unsigned long)size,
          (unsigned long)offset, w->nodes[open->node].size, open->appends ? ", appending" : "");
    const ssize_t done =
        current ? write(open->number, from, size) : pwrite(open->number, from, size, (off_t)offset);

    if (!open->writes) {
        if (size != 0)
            (void)call_is(w, done, EBADF, 0);
        return;
    }
    if (!returned(w, done, (int64_t)size))
        return;
    node_write(w, open->node, offset, from, size);
    if (size != 0)
        node_changed(w, open->node);
    if (current && (size != 0 || !open->appends))
        open->offset = offset + size;
}

void do_write(struct worker *w)
{
    struct open_file *open = choose_open(w);

    if (open)
        write_once(w, open, true, 0, choose_length(w));
}

/* Through an open that appends the offset counts for pwrite all the same. */
void do_write_at(struct worker *w)
{
    struct open_file *open = choose_open(w);

    if (open)
        write_once(w, open, false, choose_offset(w, open->node), choose_length(w));
}

/* Two that append take turns, and one that does not writes meanwhile. */
void do_append(struct worker *w)
{
    struct open_file opens[2];
    struct place place;
    struct found found;

    if (!choose_kind(w, REGULAR, &place, &found))
        return;
    for (unsigned i = 0; i < 2; i++) {
        doing(w, "open %s to append", place.path);
        opens[i] = (struct open_file){.number = openat(place.at, place.path, O_RDWR | O_APPEND),
                                      .node = found.node,
                                      .reads = true,
                                      .writes = true,
                                      .appends = true};
        if (!call_is(w, opens[i].number, 0, 0))
            return;
    }
    for (unsigned i = 0; i < 6 && !w->failed; i++) {
        write_once(w, &opens[i % 2], true, 0, choose_length(w));
        if (!w->failed && i % 3 == 2)
            write_once(w, &opens[i % 2], false, choose_offset(w, found.node), choose_length(w));
    }
    doing(w, "close of two that appended");
    for (unsigned i = 0; i < 2; i++)
        (void)returned(w, close(opens[i].number), 0);
}

/* ---- from one to the other ---- */

/* All of a file to another one, piece by piece, as cp has it. */
enum { PIECES_MAX = 40 };
_Static_assert(FILE_SIZE_MAX / PIECES_MAX + 1 + TRANSFER_MAX / 2 <= TRANSFER_MAX);

void do_copy(struct worker *w)
{
    struct open_file *from = choose_open_for(w, true, false);
    struct open_file *to = choose_open_for(w, false, true);

    if (!from || !to || from->node == to->node)
        return;
    const size_t piece = w->nodes[from->node].size / PIECES_MAX + 1 + choose_length(w) / 2;

    doing(w, "lseek to the beginning, for a copy");
    if (!returned(w, lseek(from->number, 0, SEEK_SET), 0))
        return;
    from->offset = 0;
    while (!w->failed && from->offset < w->nodes[from->node].size) {
        const size_t there = may_read(w, from->node, from->offset, piece);
        const uint64_t at = to->appends ? w->nodes[to->node].size : to->offset;

        if (may_write(w, to->node, at, there) != there)
            return;
        doing(w, "copy of %lu bytes from %lu to %lu", (unsigned long)there,
              (unsigned long)from->offset, (unsigned long)at);
        if (!returned(w, read(from->number, w->buffer, piece), (int64_t)there) ||
            !same_bytes(w, w->buffer, w->nodes[from->node].content + from->offset, there,
                        from->offset) ||
            !returned(w, write(to->number, w->buffer, there), (int64_t)there))
            return;
        from->offset += there;
        node_write(w, to->node, at, w->buffer, there);
        node_changed(w, to->node);
        to->offset = at + there;
    }
}
