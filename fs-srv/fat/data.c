/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is in files. Whole blocks go between the storage and the caller's memory, as many at once as lie together; parts of blocks go through the cache.
 *
 * S1 The chain is as long as the size says, or longer where others wrote it; an operation that fails cuts off what it had added.
 * S2 Bytes behind the size are read by nobody: who makes a file longer writes all of what it is longer by.
 */
#include "fat_impl.h"

enum { PIECE = 1 << 20 /* bytes written between two looks at the cache */ };

#define SIZE_MAX_OF_FILE UINT32_MAX

/* Where a place of the file is, and how much of `most` lies there together. */
static int find_run(struct fat_node *node, uint64_t position, size_t most, uint64_t *byte,
                    size_t *length)
{
    struct fat *fat = node->fat;
    const uint32_t size = fat_cluster_size(fat), inside = (uint32_t)(position % size);
    uint32_t index = (uint32_t)(position / size), cluster, next;
    int error = fat_chain_at(node, index, &cluster);

    if (error)
        return error == ENOENT ? fat_damaged(fat) : error;
    *byte = fat_cluster_block(fat, cluster) * BLOCK + inside;
    *length = size - inside;
    for (; *length < most; *length += size, cluster = next) {
        if (fat_chain_at(node, ++index, &next) != 0 || next != cluster + 1)
            break;
    }
    if (*length > most)
        *length = most;
    return 0;
}

/* ---- reading ---- */

static int read_part(struct fat *fat, uint64_t byte, uint8_t *to, size_t size)
{
    struct fat_block *block;
    const int error = fat_get(fat, byte / BLOCK, GET_AHEAD, &block);

    if (error)
        return error;
    memcpy(to, block->bytes + byte % BLOCK, size);
    fat_put(block);
    return 0;
}

static int read_run(struct fat *fat, uint64_t byte, uint8_t *to, size_t size)
{
    while (size > 0) {
        const size_t inside = (size_t)(byte % BLOCK);
        size_t length = inside == 0 && size >= BLOCK ? size - size % BLOCK : BLOCK - inside;
        length = length < size ? length : size;
        const int error = length >= BLOCK
                              ? fat_read_blocks(fat, byte / BLOCK, (uint32_t)(length / BLOCK), to)
                              : read_part(fat, byte, to, length);
        if (error)
            return error;
        byte += length;
        to += length;
        size -= length;
    }
    return 0;
}

int fat_read(struct fat_node *node, uint64_t position, void *to, size_t size, size_t *got)
{
    size_t done = 0;

    if (node->folder)
        return EISDIR;
    if (position >= node->size)
        size = 0;
    else if (size > node->size - position)
        size = (size_t)(node->size - position);
    while (done < size) {
        uint64_t byte = 0;
        size_t length = 0;
        int error = find_run(node, position + done, size - done, &byte, &length);
        if (!error)
            error = read_run(node->fat, byte, (uint8_t *)to + done, length);
        if (error)
            return error;
        done += length;
    }
    *got = done;
    return 0;
}

/* ---- writing ---- */

/* Of a block, a part; the rest stays, unless nobody has written there yet (fresh). from NULL: zeroes. */
static int write_part(struct fat *fat, uint64_t byte, const uint8_t *from, size_t size, bool fresh)
{
    struct fat_block *block;
    const int error = fat_get(fat, byte / BLOCK, fresh ? GET_ZEROED : GET_READ, &block);

    if (error)
        return error;
    if (from)
        memcpy(block->bytes + byte % BLOCK, from, size);
    else
        memset(block->bytes + byte % BLOCK, 0, size);
    fat_dirty(fat, block, CLASS_EARLY);
    block->data = true;
    fat_put(block);
    return 0;
}

static int write_whole(struct fat *fat, uint64_t number, const uint8_t *from, uint32_t count)
{
    if (from)
        return fat_write_blocks(fat, number, count, from);
    while (count > 0) {
        const uint32_t length = count < CACHE_RUN ? count : CACHE_RUN;
        memset(fat->cache.run, 0, (size_t)length * BLOCK);
        const int error = fat_write_blocks(fat, number, length, fat->cache.run);
        if (error)
            return error;
        number += length;
        count -= length;
    }
    return 0;
}

static int write_run(struct fat_node *node, uint64_t position, uint64_t byte, const uint8_t *from,
                     size_t size)
{
    while (size > 0) {
        const size_t inside = (size_t)(byte % BLOCK);
        size_t length = inside == 0 && size >= BLOCK ? size - size % BLOCK : BLOCK - inside;
        length = length < size ? length : size;
        const int error =
            length >= BLOCK
                ? write_whole(node->fat, byte / BLOCK, from, (uint32_t)(length / BLOCK))
                : write_part(node->fat, byte, from, length, position - inside >= node->size);
        if (error)
            return error;
        byte += length;
        position += length;
        size -= length;
        if (from)
            from += length;
    }
    return 0;
}

static uint32_t clusters_of(const struct fat_node *node, uint64_t size)
{
    const uint32_t cluster = fat_cluster_size(node->fat);

    return (uint32_t)((size + cluster - 1) / cluster);
}

/* The table will say that a chain ends here, and does not yet. */
static bool is_cut(const struct fat *fat, uint32_t cluster)
{
    for (uint32_t i = 0; i < fat->pending.free_count; i++)
        if (fat->pending.frees[i].cut == cluster)
            return true;
    return false;
}

/* What the chain has behind the size. first 0: nothing. */
static int find_rest(struct fat_node *node, uint64_t size, uint32_t *cut, uint32_t *first)
{
    const uint32_t keep = clusters_of(node, size);
    uint32_t next;
    int error;

    *cut = 0;
    *first = node->cluster;
    if (keep == 0)
        return 0;
    if ((error = fat_chain_at(node, keep - 1, cut)) != 0)
        return error == ENOENT ? fat_damaged(node->fat) : error;
    if ((error = fat_table_get(node->fat, *cut, &next)) != 0)
        return error;
    if (next != TABLE_END && !fat_is_cluster(node->fat, next))
        return fat_damaged(node->fat);
    *first = next == TABLE_END || is_cut(node->fat, *cut) ? 0 : next;
    return 0;
}

static void cut_off(struct fat_node *node, uint32_t cut, uint32_t first)
{
    node->seen_cluster = 0;
    if (first == 0)
        return;
    fat_add_free(node->fat, cut, first);
}

/* S1. The first cluster of an empty file stays where its entry has it: only others wrote such a one. */
static void cut_to_size(struct fat_node *node)
{
    uint32_t cut, first;

    if (node->size == 0 && !node->gone && fat_entry_cluster(node->fat, node->entry) != 0)
        return;
    if (find_rest(node, node->size, &cut, &first) != 0)
        return;
    if (node->size == 0)
        node->cluster = 0;
    cut_off(node, cut, first);
}

/* One more cluster at the end. That the chain ends before the size is damage, and nothing is added to it. */
static int grow(struct fat_node *node, uint32_t index, uint32_t *cluster)
{
    if (index < clusters_of(node, node->size))
        return fat_damaged(node->fat);
    return fat_chain_grow(node, index, false, cluster);
}

/* Clusters for bytes from position on, at least one of them; *size: how many of them there is room for. The node's place in the chain is the first of them
 * afterwards, where writing begins. */
static int reserve(struct fat_node *node, uint64_t position, size_t *size)
{
    const uint32_t cluster_size = fat_cluster_size(node->fat);
    const uint32_t first = (uint32_t)(position / cluster_size);
    const uint32_t end = clusters_of(node, position + *size);
    uint32_t index, cluster, begin = 0;

    for (index = first; index < end; index++) {
        int error = fat_chain_at(node, index, &cluster);
        if (error == ENOENT)
            error = grow(node, index, &cluster);
        if (error && index == first)
            return error;
        if (error)
            break;
        if (index == first)
            begin = cluster;
    }
    node->seen_index = first;
    node->seen_cluster = begin;
    const uint64_t room = (uint64_t)index * cluster_size - position;
    *size = room < *size ? (size_t)room : *size;
    return 0;
}

/* The end of the chain has been cut, but not in the table yet: that has to be before something is added to it, for a file of `size` bytes. */
static int finish_cut(struct fat_node *node, uint64_t size)
{
    const uint32_t keep = clusters_of(node, node->size);
    uint32_t last;

    if (node->fat->pending.free_count == 0 || keep == 0 || clusters_of(node, size) <= keep)
        return 0;
    const int error = fat_chain_at(node, keep - 1, &last);
    if (error)
        return error == ENOENT ? 0 : error; /* reserve() sees to that */
    return is_cut(node->fat, last) ? fat_commit(node->fat) : 0;
}

static int write_piece(struct fat_node *node, uint64_t position, const uint8_t *from, size_t *size)
{
    struct fat *fat = node->fat;
    const uint32_t old = node->size;
    size_t done = 0;
    int error = fat_begin(fat);

    if (!error)
        error = finish_cut(node, position + *size);
    if (error)
        return error;
    if ((error = reserve(node, position, size)) != 0) {
        cut_to_size(node);
        return error;
    }
    while (!error && done < *size) {
        uint64_t byte = 0;
        size_t length = 0;
        error = find_run(node, position + done, *size - done, &byte, &length);
        if (!error)
            error = write_run(node, position + done, byte, from ? from + done : NULL, length);
        done += length;
    }
    if (!error) {
        node->size = position + *size > old ? (uint32_t)(position + *size) : old;
        error = fat_node_update(node, true);
    }
    if (error) {
        node->size = old;
        cut_to_size(node);
    }
    return error;
}

/* As much of it as there is room for; clusters that wait to be free are room, too. */
static int write_all(struct fat_node *node, uint64_t position, const uint8_t *from, uint64_t size,
                     uint64_t *written)
{
    uint64_t done = 0;
    int error = 0;

    while (done < size && !error) {
        size_t piece = size - done < PIECE ? (size_t)(size - done) : PIECE;
        error = write_piece(node, position + done, from ? from + done : NULL, &piece);
        if (!error)
            done += piece;
        else if (error == ENOSPC && node->fat->pending.free_count != 0)
            error = fat_commit(node->fat);
    }
    *written = done;
    return done != 0 ? 0 : error;
}

/* ---- sizes ---- */

/* node is longer than it is to be: nothing but its size and chain change. */
static int shorten(struct fat_node *node, uint32_t size)
{
    const uint32_t old_size = node->size, old_cluster = node->cluster;
    uint32_t cut, first;
    int error = fat_begin(node->fat);

    if (error || (error = find_rest(node, size, &cut, &first)) != 0)
        return error;
    node->size = size;
    if (size == 0)
        node->cluster = 0;
    if ((error = fat_node_update(node, true)) != 0) {
        node->size = old_size;
        node->cluster = old_cluster;
        return error;
    }
    cut_off(node, cut, first);
    return 0;
}

static int lengthen(struct fat_node *node, uint64_t size)
{
    const uint32_t old = node->size;
    const uint64_t more = clusters_of(node, size) - clusters_of(node, old);
    uint64_t written;
    int error = 0;

    if (more != 0)
        error = fat_table_count(node->fat);
    if (!error && more > node->fat->free && node->fat->pending.free_count != 0)
        error = fat_commit(node->fat);
    if (!error && more > node->fat->free && more != 0)
        error = ENOSPC;
    if (error)
        return error;
    error = write_all(node, old, NULL, size - old, &written);
    if (!error && written < size - old)
        error = ENOSPC;
    if (error && node->size != old && shorten(node, old) != 0)
        return EIO;
    return error;
}

int fat_resize(struct fat_node *node, uint64_t size)
{
    if (node->folder)
        return EISDIR;
    if (size > SIZE_MAX_OF_FILE)
        return EFBIG;
    const int error = fat_begin(node->fat);
    if (error)
        return error;
    if (size < node->size)
        return shorten(node, (uint32_t)size);
    return size > node->size ? lengthen(node, size) : fat_node_update(node, true);
}

int fat_write(struct fat_node *node, uint64_t position, const void *from, size_t size,
              size_t *written)
{
    const uint32_t old = node->size;
    uint64_t done = 0;
    int error;

    if (node->folder)
        return EISDIR;
    if ((error = fat_begin(node->fat)) != 0)
        return error;
    if (size != 0 && position >= SIZE_MAX_OF_FILE)
        return EFBIG;
    if (size != 0 && size > SIZE_MAX_OF_FILE - position)
        size = (size_t)(SIZE_MAX_OF_FILE - position);
    if (size != 0 && position > node->size)
        error = lengthen(node, position);
    if (!error && size != 0)
        error = write_all(node, position, from, size, &done);
    if (error && node->size > old)
        (void)shorten(node, old); /* else it ends in zeroes */
    if (error)
        return error;
    *written = (size_t)done;
    return 0;
}
