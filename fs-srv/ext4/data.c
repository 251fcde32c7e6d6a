/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contents of files. Data goes to its place at once, before the transaction that makes it part of the file is committed (I4); small writes may be gathered first (I6).
 */
#include "ext4_impl.h"

enum { OPERATION_BYTES = 1024 * 1024, FILL_ROOM = 16 };

static uint64_t minimum(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- parts of blocks ---- */

/* Part of one block; `fresh`: the rest of it is zeros. */
static int write_part(struct ext4 *fs, ext4_ino ino, uint64_t block, uint32_t at, uint32_t size,
                      bool fresh, const uint8_t *from)
{
    uint8_t *whole = calloc(1, fs->block_size);
    int error = whole == NULL ? ENOMEM : fresh ? 0 : data_read_blocks(fs, block, 1, whole);

    if (error == 0) {
        memcpy(whole + at, from, size);
        error = data_write_blocks(fs, ino, block, 1, whole);
    }
    free(whole);
    return error;
}

/* The first and last block of what is written, and whether nothing has been there. */
struct edges {
    uint64_t first, last;
    bool first_fresh, last_fresh;
};

/* From `offset` on, which lies in the run's first block; *done bytes, at most `size`. */
static int write_run(struct ext4 *fs, ext4_ino ino, const struct run *run,
                     const struct edges *edges, uint64_t offset, const uint8_t *from, size_t size,
                     size_t *done)
{
    const uint32_t bytes = fs->block_size;
    uint64_t block = run->physical, left = run->count;

    *done = 0;
    while (*done < size && left > 0) {
        const uint32_t at = (uint32_t)((offset + *done) % bytes);
        const size_t rest = size - *done;
        uint64_t n = 1, part = minimum(rest, bytes - at);
        int error;

        if (at == 0 && rest >= bytes) {
            n = minimum(left, rest / bytes);
            part = n * bytes;
            error = data_write_blocks(fs, ino, block, (uint32_t)n, from + *done);
        } else {
            const bool is_first = (offset + *done) / bytes == edges->first;

            error = write_part(fs, ino, block, at, (uint32_t)part,
                               is_first ? edges->first_fresh : edges->last_fresh, from + *done);
        }
        if (error != 0)
            return error;
        *done += part;
        block += n;
        left -= n;
    }
    return 0;
}

static int read_run(struct ext4 *fs, const struct run *run, uint64_t offset, uint8_t *to,
                    size_t size)
{
    const uint32_t bytes = fs->block_size;
    uint64_t block = run->physical;
    uint8_t *whole = NULL;
    int error = 0;

    if (run->physical == 0 || run->unwritten) {
        memset(to, 0, size);
        return 0;
    }
    while (size > 0 && error == 0) {
        const uint32_t at = (uint32_t)(offset % bytes);
        uint64_t n = 1, part = minimum(size, bytes - at);

        if (at == 0 && size >= bytes) {
            n = size / bytes;
            part = n * bytes;
            error = data_read_blocks(fs, block, (uint32_t)n, to);
        } else {
            whole = whole ? whole : malloc(bytes);
            error = whole ? data_read_blocks(fs, block, 1, whole) : ENOMEM;
            if (error == 0)
                memcpy(to, whole + at, part);
        }
        offset += part;
        to += part;
        size -= part;
        block += n;
    }
    free(whole);
    return error;
}

/* ---- reading ---- */

static int read_inline(struct ext4 *fs, ext4_ino ino, struct inode *inode, uint64_t offset,
                       uint8_t *to, size_t size)
{
    uint8_t *all = calloc(1, fs->block_size);
    size_t length = 0;
    errcode_t result;

    if (all == NULL)
        return ENOMEM;
    result = ext2fs_inline_data_size(fs->lib, ino, &length);
    if (result == 0 && length <= fs->block_size)
        result = ext2fs_inline_data_get(fs->lib, ino, inode_small(inode), all, &length);
    if (result == 0 && offset + size <= fs->block_size)
        memcpy(to, all + offset, size);
    else if (result == 0)
        result = EXT2_ET_INLINE_DATA_NO_SPACE;
    free(all);
    return problem_of(fs, result, "file");
}

int ext4_read(struct ext4 *fs, ext4_ino ino, uint64_t offset, void *to, size_t size, size_t *got)
{
    struct inode inode;
    int error = inode_read_file(fs, ino, &inode);

    *got = 0;
    if (error != 0)
        return error;
    if (offset >= EXT2_I_SIZE(&inode.large))
        return 0;
    size = minimum(size, EXT2_I_SIZE(&inode.large) - offset);
    if (inode.large.i_flags & EXT4_INLINE_DATA_FL) {
        error = read_inline(fs, ino, &inode, offset, to, size);
        *got = error == 0 ? size : 0;
        return error;
    }
    while (*got < size) {
        const uint64_t from = offset + *got, first = from / fs->block_size;
        const uint64_t last = (offset + size - 1) / fs->block_size;
        struct run run;
        size_t part;

        error = map_find(fs, ino, &inode, first, last - first + 1, &run);
        if (error != 0)
            return error;
        part = (size_t)minimum(size - *got, run.count * fs->block_size - from % fs->block_size);
        error = read_run(fs, &run, from, (uint8_t *)to + *got, part);
        if (error != 0)
            return error;
        *got += part;
    }
    return 0;
}

/* ---- writing ---- */

uint64_t data_size_limit(const struct ext4 *fs, const struct inode *inode)
{
    const uint64_t n = fs->block_size / 4;
    const uint64_t listed = 12 + n + n * n + n * n * n;
    const uint64_t most = UINT32_MAX;
    const uint64_t blocks = inode->large.i_flags & EXT4_EXTENTS_FL ? most : minimum(listed, most);

    return blocks * fs->block_size;
}

uint64_t ext4_size_limit(struct ext4 *fs, ext4_ino ino)
{
    struct inode inode;

    return inode_read(fs, ino, &inode) == 0 ? data_size_limit(fs, &inode) : 0;
}

static int grow_to(struct ext4 *fs, struct inode *inode, uint64_t size)
{
    if (size <= EXT2_I_SIZE(&inode->large))
        return 0;
    return problem_of(fs, ext2fs_inode_size_set(fs->lib, inode_small(inode), (ext2_off64_t)size),
                      "inode");
}

/* How much of the run comes before there are more than FILL_ROOM blocks that lie in the journal and become part of the transaction when they are written. */
static uint64_t part_with_room(struct ext4 *fs, const struct run *run, uint32_t *journalled)
{
    for (uint64_t i = 0; i < run->count; i++) {
        const struct block *cached = cache_find(fs, run->physical + i);

        if (cached == NULL || cached->dirty || !cached->logged)
            continue;
        if (*journalled == FILL_ROOM)
            return i;
        ++*journalled;
    }
    return run->count;
}

/* Blocks for as much as one operation may have, from `edges->first` on; edges->last becomes the last of them. */
static int fill_blocks(struct ext4 *fs, ext4_ino ino, struct inode *inode, struct edges *edges)
{
    uint64_t next = edges->first;
    uint32_t journalled = 0;
    int error = 0;

    while (error == 0 && next <= edges->last &&
           (next == edges->first || transaction_has_room(fs, FILL_ROOM + journalled))) {
        struct run run;
        uint64_t part;
        bool fresh;

        error = map_find(fs, ino, inode, next, edges->last - next + 1, &run);
        if (error != 0)
            break;
        fresh = run.physical == 0 || run.unwritten;
        if (fresh)
            error = map_fill(fs, ino, inode, &run);
        if (error != 0)
            break;
        part = part_with_room(fs, &run, &journalled);
        if (part == 0)
            break;
        if (next == edges->first)
            edges->first_fresh = fresh;
        edges->last_fresh = fresh;
        next += part;
        if (part < run.count)
            break;
    }
    edges->last = next - 1;
    return error;
}

static int write_filled(struct ext4 *fs, ext4_ino ino, struct inode *inode,
                        const struct edges *edges, uint64_t offset, const uint8_t *from,
                        size_t size)
{
    size_t done = 0;

    while (done < size) {
        const uint64_t first = (offset + done) / fs->block_size;
        struct run run;
        size_t part;
        int error = map_find(fs, ino, inode, first, edges->last - first + 1, &run);

        if (error == 0 && run.physical == 0)
            error = problem_set(fs, EBADMSG, "file", "a block that was there is gone");
        if (error == 0)
            error = write_run(fs, ino, &run, edges, offset + done, from + done, size - done, &part);
        if (error != 0)
            return error;
        done += part;
    }
    return 0;
}

/*
 * As much as one operation may. All blocks are there before any is written: an operation that finds no room has overwritten nothing. *done says how much it was, and
 * with ENOSPC for how much there was room.
 */
static int write_some(struct ext4 *fs, ext4_ino ino, const struct ext4_time *modified,
                      uint64_t offset, const uint8_t *from, size_t size, size_t *done)
{
    struct inode inode;
    struct edges edges;
    uint64_t end;
    int error = inode_read_file(fs, ino, &inode);

    *done = 0;
    if (error == 0 &&
        (offset > data_size_limit(fs, &inode) || size > data_size_limit(fs, &inode) - offset))
        error = EFBIG;
    if (error == 0 && offset > EXT2_I_SIZE(&inode.large))
        error = data_clear_tail(fs, ino, &inode, EXT2_I_SIZE(&inode.large));
    if (error != 0)
        return error;
    edges = (struct edges){.first = offset / fs->block_size,
                           .last = (offset + size - 1) / fs->block_size};
    error = fill_blocks(fs, ino, &inode, &edges);
    end = (edges.last + 1) * fs->block_size;
    *done = end > offset ? (size_t)minimum(size, end - offset) : 0;
    if (error == 0)
        error = write_filled(fs, ino, &inode, &edges, offset, from, *done);
    if (error == 0)
        error = grow_to(fs, &inode, offset + *done);
    if (error != 0)
        return error;
    if (modified)
        inode_touch_at(fs, &inode, *modified);
    else
        inode_touch(fs, &inode, true);
    return inode_write(fs, ino, &inode);
}

static int write_operation(struct ext4 *fs, ext4_ino ino, const struct ext4_time *modified,
                           uint64_t offset, const uint8_t *from, size_t size, size_t *done)
{
    AS_OPERATION(fs, write_some(fs, ino, modified, offset, from, size, done));
}

/* When there is no room for all, what there was room for. */
static int write_what_fits(struct ext4 *fs, ext4_ino ino, const struct ext4_time *modified,
                           uint64_t offset, const uint8_t *from, size_t size, size_t *done)
{
    *done = 0;
    for (;;) {
        const int error = write_operation(fs, ino, modified, offset, from, size, done);

        if (error != ENOSPC || *done == 0 || size == 1)
            return error;
        size = *done < size ? *done : size / 2;
    }
}

static int write_all(struct ext4 *fs, ext4_ino ino, const struct ext4_time *modified,
                     uint64_t offset, const uint8_t *from, size_t size, size_t *written)
{
    *written = 0;
    if (size > 0) {
        const int error = truncate_before_growth(fs, ino, offset + size);

        if (error != 0)
            return error;
    }
    while (*written < size) {
        const size_t part = (size_t)minimum(size - *written, OPERATION_BYTES);
        size_t done = 0;
        const int error =
            write_what_fits(fs, ino, modified, offset + *written, from + *written, part, &done);

        if (error != 0)
            return error;
        *written += done;
    }
    return 0;
}

int ext4_write(struct ext4 *fs, ext4_ino ino, uint64_t offset, const void *from, size_t size,
               size_t *written)
{
    return write_all(fs, ino, NULL, offset, from, size, written);
}

int ext4_write_of(struct ext4 *fs, ext4_ino ino, struct ext4_time modified, uint64_t offset,
                  const void *from, size_t size, size_t *written)
{
    return write_all(fs, ino, &modified, offset, from, size, written);
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

int data_clear_tail(struct ext4 *fs, ext4_ino ino, struct inode *inode, uint64_t offset)
{
    const uint32_t at = (uint32_t)(offset % fs->block_size);
    struct run run;
    uint8_t *block;
    int error;

    if (at == 0)
        return 0;
    error = map_find(fs, ino, inode, offset / fs->block_size, 1, &run);
    if (error != 0 || run.physical == 0 || run.unwritten)
        return error;
    block = malloc(fs->block_size);
    error = block ? data_read_blocks(fs, run.physical, 1, block) : ENOMEM;
    if (error == 0 && !is_zero(block + at, fs->block_size - at)) {
        memset(block + at, 0, fs->block_size - at);
        error = transaction_write(fs, run.physical, block);
    }
    free(block);
    return error;
}

/* ---- symbolic links ---- */

int ext4_readlink(struct ext4 *fs, ext4_ino ino, char *to, size_t size, size_t *got)
{
    struct inode inode;
    struct run run = {0};
    struct block *block;
    uint64_t length;
    int error = inode_read(fs, ino, &inode);

    if (error != 0)
        return error;
    if (!inode_is(&inode, LINUX_S_IFLNK))
        return EINVAL;
    length = EXT2_I_SIZE(&inode.large);
    *got = (size_t)minimum(length, size);
    if (inode.large.i_flags & EXT4_INLINE_DATA_FL)
        return read_inline(fs, ino, &inode, 0, (uint8_t *)to, *got);
    if (ext2fs_is_fast_symlink(inode_small(&inode))) {
        *got = (size_t)minimum(*got, sizeof(inode.large.i_block));
        memcpy(to, inode.large.i_block, *got);
        return 0;
    }
    if (length >= fs->block_size)
        return problem_set(fs, EBADMSG, "symbolic link", "it is too long");
    error = map_find(fs, ino, &inode, 0, 1, &run);
    if (error == 0 && (run.physical == 0 || run.unwritten))
        error = problem_set(fs, EBADMSG, "symbolic link", "it has no block");
    if (error == 0)
        error = cache_get(fs, run.physical, false, &block);
    if (error == 0)
        memcpy(to, block->data, *got);
    return error;
}
