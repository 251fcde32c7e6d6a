/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache of blocks: a fixed number, the oldest that nobody holds gives way. What is dirty and EARLY may be written to make room (W1); LATE blocks stay until
 * their stage, and fat_begin() sees to it that they never are more than half.
 *
 * A block that the medium does not take once, it gets once more alone. If it does not take that either, the block is dropped if it holds a file's data, and else
 * nothing is written any more: what is on the medium stays as it is, as after a power cut.
 *
 * Blocks of the table are written to all of its copies.
 */
#include "fat_impl.h"
#include <stdlib.h>

static uint32_t hash_of(uint64_t number)
{
    return (uint32_t)(number % CACHE_HASH);
}

/* ---- lists ---- */

static void unlink_age(struct fat_cache *cache, struct fat_block *block)
{
    *(block->older ? &block->older->newer : &cache->oldest) = block->newer;
    *(block->newer ? &block->newer->older : &cache->newest) = block->older;
}

static void make_newest(struct fat_cache *cache, struct fat_block *block)
{
    block->older = cache->newest;
    block->newer = NULL;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = block;
    cache->newest = block;
}

static struct fat_block *find(const struct fat_cache *cache, uint64_t number)
{
    struct fat_block *block = cache->hash[hash_of(number)];

    while (block && block->number != number)
        block = block->chain;
    return block;
}

static void unhash(struct fat_cache *cache, struct fat_block *block)
{
    struct fat_block **at = &cache->hash[hash_of(block->number)];

    if (!block->used)
        return;
    while (*at != block)
        at = &(*at)->chain;
    *at = block->chain;
    block->used = false;
}

static void rehash(struct fat_cache *cache, struct fat_block *block, uint64_t number)
{
    struct fat_block **at = &cache->hash[hash_of(number)];

    unhash(cache, block);
    block->number = number;
    block->used = true;
    block->changed = false;
    block->chain = *at;
    *at = block;
    unlink_age(cache, block);
    make_newest(cache, block);
}

int fat_cache_make(struct fat *fat, uint32_t count)
{
    struct fat_cache *cache = &fat->cache;

    cache->blocks = calloc(count, sizeof *cache->blocks);
    cache->sorted = calloc(count, sizeof(struct fat_block *));
    cache->changed = calloc(count, sizeof(struct fat_block *));
    cache->run = malloc((size_t)CACHE_RUN * BLOCK);
    if (!cache->blocks || !cache->sorted || !cache->changed || !cache->run) {
        fat_cache_free(fat);
        return ENOMEM;
    }
    cache->count = count;
    for (uint32_t i = 0; i < count; i++)
        make_newest(cache, &cache->blocks[i]);
    return 0;
}

void fat_cache_free(struct fat *fat)
{
    free(fat->cache.blocks);
    free(fat->cache.sorted);
    free(fat->cache.changed);
    free(fat->cache.run);
    fat->cache = (struct fat_cache){0};
}

/* ---- the storage ---- */

static int storage_read(struct fat *fat, uint64_t number, uint64_t count, void *to)
{
    return fat->storage->operations->read(fat->storage, number * BLOCK, to, count * BLOCK) ? EIO
                                                                                           : 0;
}

static int storage_write(struct fat *fat, uint64_t number, uint64_t count, const void *from)
{
    if (fat->failed)
        return EIO;
    fat->cache.unflushed = true;
    return fat->storage->operations->write(fat->storage, number * BLOCK, from, count * BLOCK) ? EIO
                                                                                              : 0;
}

int fat_flush(struct fat *fat)
{
    if (fat->failed)
        return EIO;
    if (!fat->cache.unflushed)
        return 0;
    if (fat->storage->operations->flush(fat->storage)) {
        fat->failed = true;
        return EIO;
    }
    fat->cache.unflushed = false;
    return 0;
}

/* ---- writing ---- */

static int by_number(const void *a, const void *b)
{
    const struct fat_block *left = *(struct fat_block *const *)a;
    const struct fat_block *right = *(struct fat_block *const *)b;

    return left->number < right->number ? -1 : left->number > right->number;
}

static bool in_table(const struct fat *fat, uint64_t number)
{
    return number >= fat->shape.table && number - fat->shape.table < fat->shape.table_blocks;
}

/* How many of the sorted blocks from `from` on lie together, and are written by one request. */
static uint32_t run_length(const struct fat *fat, uint32_t from, uint32_t count)
{
    struct fat_block *const *sorted = fat->cache.sorted;
    uint32_t length = 1;

    while (from + length < count && length < CACHE_RUN &&
           sorted[from + length]->number == sorted[from]->number + length &&
           in_table(fat, sorted[from + length]->number) == in_table(fat, sorted[from]->number))
        length++;
    return length;
}

static void make_clean(struct fat_cache *cache, struct fat_block *block)
{
    if (block->class == CLASS_LATE)
        cache->late--;
    block->class = CLASS_CLEAN;
    block->data = false;
    cache->anew = true;
}

static int write_run(struct fat *fat, uint32_t from, uint32_t length)
{
    struct fat_cache *cache = &fat->cache;
    const uint64_t number = cache->sorted[from]->number;
    const uint32_t copies = in_table(fat, number) ? fat->shape.copies : 1;

    for (uint32_t i = 0; i < length; i++) {
        if (fat_survive_write(fat, cache->sorted[from + i]))
            return EIO;
        memcpy(cache->run + (size_t)i * BLOCK, cache->sorted[from + i]->bytes, BLOCK);
    }
    for (uint32_t i = 0; i < copies; i++)
        if (storage_write(fat, number + i * fat->shape.table_blocks, length, cache->run))
            return EIO;
    for (uint32_t i = 0; i < length; i++)
        make_clean(cache, cache->sorted[from + i]);
    return 0;
}

/* A block of data that the medium will not get. */
static void drop(struct fat *fat, struct fat_block *block)
{
    make_clean(&fat->cache, block);
    unhash(&fat->cache, block);
    fat->lost = true;
}

/* A run that could not be written: block by block, once more. What a file loses by one of them is told, and no other suffers; without a table or a folder nothing
 * that comes after can be written. */
static int write_singly(struct fat *fat, uint32_t from, uint32_t length)
{
    for (uint32_t i = from; i < from + length; i++) {
        struct fat_block *block = fat->cache.sorted[i];
        if (write_run(fat, i, 1) == 0)
            continue;
        if (fat->failed || block->class != CLASS_EARLY || !block->data) {
            fat->failed = true;
            return EIO;
        }
        drop(fat, block);
    }
    return 0;
}

int fat_cache_write(struct fat *fat, enum fat_class class)
{
    struct fat_cache *cache = &fat->cache;
    uint32_t count = 0;

    for (uint32_t i = 0; i < cache->count; i++)
        if (cache->blocks[i].used && cache->blocks[i].class == class)
            cache->sorted[count++] = &cache->blocks[i];
    qsort(cache->sorted, count, sizeof(struct fat_block *), by_number);
    for (uint32_t i = 0; i < count;) {
        const uint32_t length = run_length(fat, i, count);
        if (write_run(fat, i, length) != 0 && write_singly(fat, i, length) != 0)
            return EIO;
        i += length;
    }
    return 0;
}

/* ---- blocks ---- */

/* One that can be used for another number. clean: nothing is written for it. */
static struct fat_block *victim(struct fat_cache *cache, bool clean)
{
    struct fat_block *block = cache->oldest;

    while (block && (block->pins != 0 || block->class != CLASS_CLEAN))
        block = clean && block->pins == 0 && block->class == CLASS_EARLY ? NULL : block->newer;
    return block;
}

/* Where nothing can be written any more, there is room for what is read nevertheless. */
static void drop_data(struct fat *fat)
{
    for (uint32_t i = 0; i < fat->cache.count; i++) {
        struct fat_block *block = &fat->cache.blocks[i];
        if (block->used && block->pins == 0 && block->class == CLASS_EARLY && block->data)
            drop(fat, block);
    }
}

static int make_room(struct fat *fat, struct fat_block **out)
{
    struct fat_block *block = victim(&fat->cache, false);

    if (!block) {
        const int error = fat_cache_write(fat, CLASS_EARLY);
        if (fat->failed)
            drop_data(fat);
        block = victim(&fat->cache, false);
        if (!block)
            return error ? error : EIO;
    }
    *out = block;
    return 0;
}

/* Read a block with those around it; neighbours go where nothing has to be written for them. */
static int read_ahead(struct fat *fat, uint64_t number, struct fat_block *block)
{
    struct fat_cache *cache = &fat->cache;
    const uint64_t first = number - number % CACHE_AHEAD, end = fat->storage->size / BLOCK;
    const uint32_t count = end - first < CACHE_AHEAD ? (uint32_t)(end - first) : CACHE_AHEAD;

    if (storage_read(fat, first, count, cache->run))
        return storage_read(fat, number, 1, block->bytes);
    memcpy(block->bytes, cache->run + (number - first) * BLOCK, BLOCK);
    block->pins++;
    for (uint32_t i = 0; i < count; i++) {
        struct fat_block *other;
        if (first + i == number || find(cache, first + i) || !(other = victim(cache, true)))
            continue;
        memcpy(other->bytes, cache->run + (size_t)i * BLOCK, BLOCK);
        rehash(cache, other, first + i);
    }
    block->pins--;
    return 0;
}

int fat_get(struct fat *fat, uint64_t number, enum fat_get how, struct fat_block **out)
{
    struct fat_cache *cache = &fat->cache;
    struct fat_block *block = find(cache, number);
    int error;

    if (block) {
        unlink_age(cache, block);
        make_newest(cache, block);
    } else {
        if ((error = make_room(fat, &block)) != 0)
            return error;
        unhash(cache, block);
        error = how == GET_AHEAD  ? read_ahead(fat, number, block)
                : how == GET_READ ? storage_read(fat, number, 1, block->bytes)
                                  : 0;
        if (error)
            return error;
        rehash(cache, block, number);
    }
    if (how == GET_ZEROED) {
        memset(block->bytes, 0, BLOCK);
        block->data = false;
    }
    block->pins++;
    *out = block;
    return 0;
}

void fat_put(struct fat_block *block)
{
    block->pins--;
}

void fat_dirty(struct fat *fat, struct fat_block *block, enum fat_class class)
{
    fat_survive_change(fat, block);
    if (block->class != CLASS_CLEAN)
        return;
    block->class = class;
    if (class == CLASS_LATE)
        fat->cache.late++;
}

/* ---- past the cache ---- */

int fat_read_blocks(struct fat *fat, uint64_t number, uint32_t count, uint8_t *to)
{
    if (storage_read(fat, number, count, to))
        return EIO;
    for (uint32_t i = 0; i < count; i++) {
        const struct fat_block *block = find(&fat->cache, number + i);
        if (block && block->class != CLASS_CLEAN)
            memcpy(to + (size_t)i * BLOCK, block->bytes, BLOCK);
    }
    return 0;
}

int fat_write_blocks(struct fat *fat, uint64_t number, uint32_t count, const uint8_t *from)
{
    const int error = storage_write(fat, number, count, from);

    for (uint32_t i = 0; i < count; i++) {
        struct fat_block *block = find(&fat->cache, number + i);
        if (!block)
            continue;
        memcpy(block->bytes, from + (size_t)i * BLOCK, BLOCK);
        if (block->class != CLASS_CLEAN)
            fat_survive_change(fat, block);
        if (error) { /* what is read is what will be there */
            fat_dirty(fat, block, CLASS_EARLY);
            block->data = true;
        }
    }
    return error;
}
