/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What has been done and is not on the card, in memory that outlives who did it (fs-srv/survivor): the blocks of the cache that are dirty, with their classes, and
 * what waits for its stage. Stages and flushes are what they are without: a successor has the same dirty blocks and goes on with the same stages.
 *
 * U1 The card, with the blocks of the log over it, and what the log says of pending things, are what fat_publish() found. Nothing that is published since would have
 *    to be there before a block is written, or the block goes into the log first as it was (fat_survive_write()).
 * U2 fat_publish() is called when an operation is over, and by fat_commit() before each stage that has changed blocks: what a successor finds fits together as after a
 *    power cut, and fat.note says what the operation that was under way leaves to be tidied up.
 * U3 A block that has become clean goes from the log when it is published next: until then the log has what was published of it. No log that lacks it is published before the
 *    block is on the card; a successor flushes before it writes anything that had to come after.
 */
#include "fat_impl.h"
#include <stdlib.h>

#define FORMAT UINT64_C(0x3276727573746166)

enum { RECORD_BLOCK = 1, RECORD_WAITING, RECORD_SIZE = 24 + BLOCK };

/* Words of the log's state. */
enum { STATE_PROGRESS, STATE_CARD, STATE_FLAGS, STATE_MOVED, STATE_FREE };
enum { FLAG_WAS_DIRTY = 1, FLAG_LEAKED = 2, FLAG_ENDING = 4 };

/* Half of a half for the blocks of a new log, the other for what is added to it, as much as the cache has blocks at least. */
static uint32_t blocks_with_room(const struct fat *fat, size_t memory)
{
    const size_t half = (memory - 4096) / 2, rest = 2 * (fat_waiting_most(fat) + 64);

    return half < rest ? 0 : (uint32_t)((half - rest) / 2 / RECORD_SIZE);
}

int fat_survive_begin(struct fat *fat)
{
    struct fat_options *options = &fat->options;

    if (options->memory_size == 0 || fat->read_only)
        return 0;
    const uint32_t most = blocks_with_room(fat, options->memory_size);
    if (most < 64)
        return EINVAL;
    if (options->cache_blocks > most)
        options->cache_blocks = most;
    fat->waiting = malloc(fat_waiting_most(fat));
    fat->waiting_new = malloc(fat_waiting_most(fat));
    fat->inherited = calloc(fat_waiting_chains(fat), sizeof *fat->inherited);
    return fat->waiting && fat->waiting_new && fat->inherited ? 0 : ENOMEM;
}

void fat_survive_end(struct fat *fat)
{
    free(fat->waiting);
    free(fat->waiting_new);
    free(fat->inherited);
}

void fat_survive_erase(struct fat *fat)
{
    survivor_erase(&fat->survivor);
}

void fat_survive_empty(struct fat *fat)
{
    survivor_restart(&fat->survivor);
    fat->survivor.state[STATE_FLAGS] = 0;
    survivor_publish(&fat->survivor);
}

bool fat_survive_is_there(const struct fat_options *options)
{
    struct survivor log;

    return options->memory_size != 0 &&
           survivor_open(&log, options->memory, options->memory_size, FORMAT) &&
           !survivor_is_empty(&log);
}

/* ---- publishing ---- */

static bool is_kept(const struct fat *fat)
{
    return fat->survivor.memory;
}

static bool add_block(struct fat *fat, const struct fat_block *block)
{
    return survivor_add(&fat->survivor, RECORD_BLOCK, block->number,
                        (uint64_t)block->class | (uint64_t)block->data << 8, block->bytes, BLOCK);
}

/* There stays room for what fat_survive_write() adds. */
static bool has_room(const struct fat *fat, uint32_t blocks)
{
    return fat->survivor.half - fat->survivor.added.end >=
           ((size_t)blocks + fat->cache.count) * RECORD_SIZE + fat_waiting_most(fat) + 64;
}

/* Only what is new. False: there is no room. */
static bool add_changes(struct fat *fat, size_t waiting)
{
    struct fat_cache *cache = &fat->cache;

    if (cache->anew || !has_room(fat, cache->changed_count))
        return false;
    for (uint32_t i = 0; i < cache->changed_count; i++)
        if (cache->changed[i]->class != CLASS_CLEAN)
            (void)add_block(fat, cache->changed[i]);
    if (waiting != fat->waiting_size || memcmp(fat->waiting, fat->waiting_new, waiting) != 0)
        (void)survivor_add(&fat->survivor, RECORD_WAITING, 0, 0, fat->waiting_new,
                           (uint32_t)waiting);
    return true;
}

static void add_all(struct fat *fat, size_t waiting)
{
    struct fat_cache *cache = &fat->cache;

    survivor_restart(&fat->survivor);
    for (uint32_t i = 0; i < cache->count; i++)
        if (cache->blocks[i].used && cache->blocks[i].class != CLASS_CLEAN)
            (void)add_block(fat, &cache->blocks[i]);
    (void)survivor_add(&fat->survivor, RECORD_WAITING, 0, 0, fat->waiting_new, (uint32_t)waiting);
}

static void note_published(struct fat *fat, size_t waiting)
{
    struct fat_cache *cache = &fat->cache;
    uint8_t *const old = fat->waiting;

    if (cache->anew)
        for (uint32_t i = 0; i < cache->count; i++)
            cache->blocks[i].changed = false;
    for (uint32_t i = 0; i < cache->changed_count; i++)
        cache->changed[i]->changed = false;
    cache->changed_count = 0;
    cache->anew = false;
    fat->waiting = fat->waiting_new;
    fat->waiting_new = old;
    fat->waiting_size = waiting;
}

void fat_publish(struct fat *fat)
{
    uint64_t *const state = fat->survivor.state;

    if (!is_kept(fat))
        return;
    const size_t waiting = fat_waiting_put(fat, fat->waiting_new);
    if (!add_changes(fat, waiting))
        add_all(fat, waiting);
    state[STATE_PROGRESS] = fat->progress;
    state[STATE_MOVED] = fat->moved;
    state[STATE_FREE] = fat->counted ? (uint64_t)fat->free + 1 : 0;
    state[STATE_FLAGS] = (fat->was_dirty ? FLAG_WAS_DIRTY : 0u) | (fat->leaked ? FLAG_LEAKED : 0u) |
                         (fat->ending ? FLAG_ENDING : 0u);
    survivor_publish(&fat->survivor);
    note_published(fat, waiting);
}

void fat_keep(struct fat *fat)
{
    fat->note = (struct fat_note){0};
    fat_publish(fat);
}

void fat_survive_change(struct fat *fat, struct fat_block *block)
{
    struct fat_cache *cache = &fat->cache;

    if (!is_kept(fat) || block->changed)
        return;
    block->changed = true;
    if (!cache->anew)
        cache->changed[cache->changed_count++] = block;
}

static bool is_in_log(const struct fat *fat, uint64_t number)
{
    struct survivor_record record;

    for (size_t at = 0; survivor_read(&fat->survivor, &at, &record);)
        if (record.kind == RECORD_BLOCK && record.number == number)
            return true;
    return false;
}

int fat_survive_write(struct fat *fat, const struct fat_block *block)
{
    struct fat_block old = {.number = block->number, .class = CLASS_EARLY};

    if (!is_kept(fat) || !block->changed || is_in_log(fat, block->number))
        return 0;
    if (fat->storage->operations->read(fat->storage, block->number * BLOCK, old.bytes, BLOCK))
        return EIO;
    /* Without it clusters may be lost that a killed operation had taken: they are not counted as free. */
    if (!add_block(fat, &old))
        fat->survivor.state[STATE_FREE] = 0;
    survivor_publish(&fat->survivor);
    return 0;
}

void fat_survive_leave(struct fat *fat, uint32_t cluster)
{
    if (is_kept(fat) && fat->inherited_count < fat->options.nodes)
        fat->inherited[fat->inherited_count++] = cluster;
    else
        fat->leaked = true;
}

/* ---- after a kill ---- */

/* Of the boot sector, but whether it is dirty. */
static uint64_t card_of(const struct fat *fat, const uint8_t boot[BLOCK])
{
    uint64_t sum = fat->storage->size;

    for (unsigned i = 0; i < BLOCK; i++)
        if (i != fat->shape.state_at)
            sum = (sum ^ boot[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static int take_block(struct fat *fat, const struct survivor_record *record)
{
    const unsigned class = record->extra & 0xff;
    struct fat_block *block;

    if (record->size != BLOCK || record->number >= fat->storage->size / BLOCK ||
        (class != CLASS_EARLY && class != CLASS_LATE) || fat->cache.late > fat->cache.count / 2)
        return ESTALE;
    const int error = fat_get(fat, record->number, GET_ZEROED, &block);
    if (error)
        return error;
    memcpy(block->bytes, record->data, BLOCK);
    if (block->class == CLASS_LATE)
        fat->cache.late--;
    block->class = CLASS_CLEAN;
    fat_dirty(fat, block, (enum fat_class) class);
    block->data = record->extra >> 8 & 1;
    fat_put(block);
    return 0;
}

static int take_records(struct fat *fat, const struct survivor *log)
{
    struct survivor_record record;
    int error = 0;

    for (size_t at = 0; !error && survivor_read(log, &at, &record);) {
        if (record.kind == RECORD_BLOCK)
            error = take_block(fat, &record);
        else if (record.kind != RECORD_WAITING || !fat_waiting_take(fat, record.data, record.size))
            error = ESTALE;
    }
    return error;
}

/* As the table says that is published; no need to read all of it. */
static void take_free(struct fat *fat, uint64_t free)
{
    if (free == 0 || free > (uint64_t)fat->shape.end - FIRST_CLUSTER + 1)
        return;
    fat->free = (uint32_t)(free - 1);
    fat->counted = fat->info_old = true;
}

int fat_survive_resume(struct fat *fat, const uint8_t boot[BLOCK])
{
    const uint64_t card = card_of(fat, boot);
    struct survivor log;
    int error = 0;

    if (fat->options.memory_size == 0)
        return 0;
    const bool found = survivor_open(&log, fat->options.memory, fat->options.memory_size, FORMAT) &&
                       log.state[STATE_CARD] == card;
    if (found) {
        fat->progress = log.state[STATE_PROGRESS];
        fat->moved = log.state[STATE_MOVED];
    }
    if (!fat->waiting) /* it is only read */
        return 0;
    const uint64_t flags = found ? log.state[STATE_FLAGS] : 0;
    /* Who has used it elsewhere meanwhile has unmounted it. Before a change the card is marked; when the mark goes all else is on the card. */
    if (found && !survivor_is_empty(&log) &&
        (boot[fat->shape.state_at] & 1 || flags & FLAG_ENDING)) {
        fat->ending = flags & FLAG_ENDING;
        if (!fat->ending)
            error = take_records(fat, &log);
        if (!error)
            take_free(fat, log.state[STATE_FREE]);
        fat->marked = true;
        fat->was_dirty = flags & FLAG_WAS_DIRTY;
        fat->leaked = flags & FLAG_LEAKED;
    }
    if (error == ESTALE)
        survivor_erase(&log);
    log.state[STATE_CARD] = card;
    fat->survivor = log;
    fat->cache.unflushed = true; /* what was written before may be */
    fat->cache.anew = true;
    return error;
}

static int delete_entries(struct fat *fat, uint64_t position, uint32_t count)
{
    struct fat_block *block;
    const int error = fat_get(fat, position / BLOCK, GET_READ, &block);

    if (error)
        return error;
    for (uint32_t i = 0; i < count; i++)
        *fat_entry_at(block->bytes + position % BLOCK, i) = ENTRY_DELETED;
    fat_dirty(fat, block, CLASS_LATE);
    fat_put(block);
    return 0;
}

int fat_survive_free_left(struct fat *fat)
{
    /* Each once: a commit that fat_begin() makes puts those behind the last that it cannot free. Until a chain is pending it stays in the list, for a successor. */
    for (uint32_t i = fat->inherited_count; i-- > 0;) {
        const int error = fat_begin(fat);
        if (error)
            return error;
        fat_add_free(fat, 0, fat->inherited[i]);
        fat->inherited[i] = fat->inherited[--fat->inherited_count];
    }
    return 0;
}

/* What a chain takes that nothing leads to is free by the next commit. */
static int free_noted(struct fat *fat)
{
    const int error = fat_begin(fat);

    if (!error) {
        fat_add_free(fat, 0, fat->note.cluster);
        fat->note.cluster = 0;
    }
    return error;
}

int fat_survive_finish(struct fat *fat)
{
    struct fat_note *note = &fat->note;
    int error = 0;

    if (!is_kept(fat))
        return 0;
    if (fat->ending)
        error = fat_mark(fat, true);
    for (uint32_t i = 0; i < note->entry_count && !error; i++)
        error = delete_entries(fat, note->entries[i].position, note->entries[i].count);
    note->entry_count = 0;
    if (!error && note->cluster != 0)
        error = free_noted(fat);
    if (!error)
        error = fat_survive_free_left(fat);
    if (fat->inherited_count > fat->options.nodes) { /* those of nodes need room, too */
        fat->inherited_count = fat->options.nodes;
        fat->leaked = true;
    }
    if (!error)
        fat_keep(fat);
    return error;
}
