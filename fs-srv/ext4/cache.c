/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache of metadata blocks, and of file data that is gathered. Dirty and logged ones stay (I2), of clean ones those that were used last.
 */
#include "ext4_impl.h"

static struct block **bucket_of(struct ext4 *fs, uint64_t number)
{
    return &fs->cache.buckets[(number ^ number >> 10 ^ number >> 20) % CACHE_BUCKETS];
}

static bool is_clean(const struct block *block)
{
    return !block->dirty && !block->logged;
}

static void list_clean(struct cache *cache, struct block *block)
{
    block->older = cache->newest;
    block->newer = NULL;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = block;
    cache->newest = block;
    cache->clean++;
}

static void unlist_clean(struct cache *cache, struct block *block)
{
    *(block->older ? &block->older->newer : &cache->oldest) = block->newer;
    *(block->newer ? &block->newer->older : &cache->newest) = block->older;
    cache->clean--;
}

struct block *cache_find(struct ext4 *fs, uint64_t number)
{
    struct block *block = *bucket_of(fs, number);

    while (block != NULL && block->number != number)
        block = block->next;
    return block;
}

static void count(struct cache *cache, const struct block *block, uint32_t by)
{
    if (block->gathered)
        cache->gathered += by;
    else if (block->dirty)
        cache->dirty += by;
    if (block->logged)
        cache->logged += by;
}

static void set_state(struct cache *cache, struct block *block, bool dirty, bool logged,
                      bool gathered)
{
    if (is_clean(block))
        unlist_clean(cache, block);
    count(cache, block, (uint32_t)-1);
    block->dirty = dirty;
    block->logged = logged;
    block->gathered = gathered;
    count(cache, block, 1);
    if (is_clean(block))
        list_clean(cache, block);
}

void cache_set_state(struct ext4 *fs, struct block *block, bool dirty, bool logged)
{
    set_state(&fs->cache, block, dirty, logged, false);
}

void cache_set_gathered(struct ext4 *fs, struct block *block, ext4_ino ino)
{
    block->ino = ino;
    set_state(&fs->cache, block, true, false, true);
}

void cache_forget(struct ext4 *fs, struct block *block)
{
    struct block **link = bucket_of(fs, block->number);

    cache_set_state(fs, block, false, false);
    unlist_clean(&fs->cache, block);
    while (*link != block)
        link = &(*link)->next;
    *link = block->next;
    free(block);
}

/* Of zeros, and listed nowhere. */
static struct block *make(const struct ext4 *fs, uint64_t number)
{
    struct block *block = calloc(1, sizeof(*block) + fs->block_size);

    if (block != NULL)
        block->number = number;
    return block;
}

static void insert(struct ext4 *fs, struct block *block)
{
    struct block **bucket = bucket_of(fs, block->number);

    while (fs->cache.clean >= CACHE_CLEAN)
        cache_forget(fs, fs->cache.oldest);
    block->next = *bucket;
    *bucket = block;
    list_clean(&fs->cache, block);
}

int cache_get(struct ext4 *fs, uint64_t number, bool fresh, struct block **found)
{
    struct block *block = cache_find(fs, number);
    int error;

    if (block != NULL) {
        if (is_clean(block)) {
            unlist_clean(&fs->cache, block);
            list_clean(&fs->cache, block);
        }
        *found = block;
        return 0;
    }
    block = make(fs, number);
    if (block == NULL)
        return ENOMEM;
    error = fresh ? 0 : device_read(fs, number, 1, block->data);
    if (error != 0) {
        free(block);
        return error;
    }
    insert(fs, block);
    *found = block;
    return 0;
}

void cache_read_ahead(struct ext4 *fs, uint64_t first, uint32_t count)
{
    uint8_t *bytes = malloc((size_t)count * fs->block_size);
    const bool good = bytes != NULL && device_read(fs, first, count, bytes) == 0;

    for (uint32_t i = 0; i < count && good; i++) {
        struct block *block = cache_find(fs, first + i) == NULL ? make(fs, first + i) : NULL;

        if (block == NULL)
            continue;
        memcpy(block->data, bytes + (size_t)i * fs->block_size, fs->block_size);
        insert(fs, block);
    }
    free(bytes);
}

void cache_clear(struct ext4 *fs)
{
    struct block *next;

    for (unsigned i = 0; i < CACHE_BUCKETS; i++)
        for (struct block *b = fs->cache.buckets[i]; b != NULL; b = next) {
            next = b->next;
            cache_forget(fs, b);
        }
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = (*(struct block *const *)a)->number;
    const uint64_t y = (*(struct block *const *)b)->number;

    return (x > y) - (x < y);
}

static bool is_of(const struct block *block, enum block_list which)
{
    switch (which) {
    case BLOCKS_DIRTY: return block->dirty && !block->gathered;
    case BLOCKS_LOGGED: return block->logged;
    default: return block->gathered;
    }
}

bool cache_list(struct ext4 *fs, enum block_list which, struct block ***list, uint32_t *count)
{
    const uint32_t totals[] = {[BLOCKS_DIRTY] = fs->cache.dirty,
                               [BLOCKS_LOGGED] = fs->cache.logged,
                               [BLOCKS_GATHERED] = fs->cache.gathered};
    uint32_t n = 0;

    *list = NULL;
    *count = 0;
    if (totals[which] == 0)
        return true;
    *list = malloc(totals[which] * sizeof(struct block *));
    if (*list == NULL)
        return false;
    for (unsigned i = 0; i < CACHE_BUCKETS; i++)
        for (struct block *b = fs->cache.buckets[i]; b != NULL; b = b->next)
            if (is_of(b, which))
                (*list)[n++] = b;
    qsort(*list, n, sizeof(struct block *), compare);
    *count = n;
    return true;
}

int cache_write_run(struct ext4 *fs, struct block **list, uint32_t count, uint8_t *staging,
                    uint32_t *done)
{
    const uint32_t most = STAGING / fs->block_size;
    uint32_t n = 0;

    while (n < most && n < count && list[n]->number == list[0]->number + n) {
        memcpy(staging + (size_t)n * fs->block_size, list[n]->data, fs->block_size);
        n++;
    }
    *done = n;
    return device_write(fs, list[0]->number, n, staging);
}
