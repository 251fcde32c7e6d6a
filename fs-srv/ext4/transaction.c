/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The running transaction: the dirty blocks of the cache, and what changes.c notes. Operations are made one after the other; one that fails is undone from copies
 * that were made of every block before it first changed it. Undoing needs no memory.
 */
#include "ext4_impl.h"

bool ranges_add(struct ranges *ranges, uint32_t from, uint64_t first, uint64_t count)
{
    if (ranges->count > from) {
        struct range *last = &ranges->list[ranges->count - 1];

        if (last->first + last->count == first) {
            last->count += count;
            return true;
        }
    }
    if (ranges->count == ranges->room) {
        const uint32_t room = ranges->room == 0 ? 16 : 2 * ranges->room;
        struct range *list = realloc(ranges->list, room * sizeof(*list));

        if (list == NULL)
            return false;
        ranges->list = list;
        ranges->room = room;
    }
    ranges->list[ranges->count++] = (struct range){first, count};
    return true;
}

void ranges_empty(struct ranges *ranges)
{
    free(ranges->list);
    *ranges = (struct ranges){0};
}

int transaction_open(struct ext4 *fs)
{
    struct transaction *t = &fs->transaction;
    const size_t size = (size_t)fs->lib->desc_blocks * fs->block_size;

    t->group_count = fs->lib->group_desc_count;
    t->groups = calloc(t->group_count, 1);
    t->descriptors = malloc(size);
    if (t->groups == NULL || t->descriptors == NULL)
        return ENOMEM;
    memcpy(t->descriptors, fs->lib->group_desc, size);
    changes_watch(fs);
    return 0;
}

static void forget_saved(struct transaction *t)
{
    while (t->saved != NULL) {
        struct saved_block *next = t->saved->next;

        free(t->saved);
        t->saved = next;
    }
}

void transaction_close(struct ext4 *fs)
{
    struct transaction *t = &fs->transaction;

    forget_saved(t);
    ranges_empty(&t->freed);
    ranges_empty(&t->allocated);
    free(t->groups);
    free(t->descriptors);
    *t = (struct transaction){0};
}

/* Blocks that a commit of what there is would write; a bitmap may bring a block of descriptors. */
static uint32_t size_of(const struct ext4 *fs)
{
    return fs->cache.dirty + 2 * fs->transaction.group_changes + 2;
}

/* Together with what comes before a checkpoint, which is no more than half of the log, and the administration of both it is less than the log has. */
static uint32_t most_of(const struct ext4 *fs)
{
    return journal_limit(fs) + journal_limit(fs) / 2;
}

/* What an operation may have leaves room for what the commit adds: it is the operation that fails. */
bool transaction_is_full(const struct ext4 *fs)
{
    return (fs->transaction.depth == 0 ? fs->cache.dirty : size_of(fs)) >= most_of(fs);
}

bool transaction_has_room(const struct ext4 *fs, uint32_t blocks)
{
    return size_of(fs) + blocks <= journal_limit(fs);
}

bool transaction_is_empty(const struct ext4 *fs)
{
    return fs->cache.dirty == 0 && fs->cache.gathered == 0 && !fs->transaction.super_changed;
}

/* ---- operations ---- */

int transaction_begin_operation(struct ext4 *fs)
{
    struct transaction *t = &fs->transaction;

    if (fs->read_only)
        return EROFS;
    if (!transaction_has_room(fs, OPERATION_BLOCKS) ||
        !gather_has_room(fs, GATHERED_RUN / fs->block_size)) {
        const int error = transaction_commit(fs);

        if (error != 0)
            return error;
    }
    t->operation++;
    t->depth = 1;
    t->failure = 0;
    t->overflowed = false;
    t->freed_before = t->freed.count;
    t->allocated.count = 0;
    t->inode_count = 0;
    memcpy(t->super, fs->lib->super, sizeof(t->super));
    return 0;
}

/* The saved copies are of the newest change first; each block is there once. */
static void undo_blocks(struct ext4 *fs)
{
    for (struct saved_block *saved = fs->transaction.saved; saved != NULL; saved = saved->next) {
        struct block *block = cache_find(fs, saved->number);

        if (!saved->dirty && !saved->logged) {
            cache_forget(fs, block);
            continue;
        }
        memcpy(block->data, saved->data, fs->block_size);
        if (saved->gathered)
            cache_set_gathered(fs, block, saved->ino);
        else
            cache_set_state(fs, block, saved->dirty, saved->logged);
    }
}

int transaction_end_operation(struct ext4 *fs, int error)
{
    struct transaction *t = &fs->transaction;
    bool kept = true;

    if (error == 0)
        error = t->failure;
    if (error == 0 && size_of(fs) > most_of(fs)) { /* with the groups that it has changed */
        t->overflowed = true;
        error = ENOSPC;
    }
    t->depth = 0;
    if (error != 0) {
        undo_blocks(fs);
        changes_undo(fs);
        folder_index_undo(fs);
        ext2fs_flush_icache(fs->lib);
    } else {
        t->super_changes = memcmp(t->super, fs->lib->super, sizeof(t->super)) != 0;
        t->super_changed |= t->super_changes;
        kept = survive_operation(fs, fs->progress + t->counted);
        fs->progress += t->counted;
    }
    for (uint32_t g = 0; g < t->group_count; g++) {
        const size_t size = EXT2_DESC_SIZE(fs->lib->super);

        if ((t->groups[g] & GROUP_OPERATION) == 0)
            continue;
        t->groups[g] &= (uint8_t)~GROUP_OPERATION;
        memcpy(t->descriptors + g * size, ext2fs_group_desc(fs->lib, fs->lib->group_desc, g), size);
    }
    forget_saved(t);
    return kept ? error : transaction_commit(fs);
}

bool transaction_may_retry(struct ext4 *fs, int error)
{
    const struct transaction *t = &fs->transaction;
    const bool more_room = t->freed.count > 0 || (t->overflowed && !transaction_is_empty(fs));

    return error == ENOSPC && more_room && transaction_commit(fs) == 0;
}

/* The block as it is goes among the operation's copies. */
static int save(struct ext4 *fs, struct block *block)
{
    struct transaction *t = &fs->transaction;
    const bool clean = !block->dirty && !block->logged;
    struct saved_block *saved;

    if (t->depth == 0 || block->operation == t->operation)
        return 0;
    saved = malloc(sizeof(*saved) + (clean ? 0 : fs->block_size));
    if (saved == NULL)
        return ENOMEM;
    saved->next = t->saved;
    saved->number = block->number;
    saved->dirty = block->dirty;
    saved->logged = block->logged;
    saved->gathered = block->gathered;
    saved->ino = block->ino;
    if (!clean)
        memcpy(saved->data, block->data, fs->block_size);
    t->saved = saved;
    block->operation = t->operation;
    return 0;
}

/* It has the data, and a copy of what it was is kept. */
static int write_to(struct ext4 *fs, uint64_t number, const void *data, struct block **block)
{
    int error = cache_get(fs, number, true, block);

    if (error != 0)
        return error;
    error = save(fs, *block);
    if (error != 0) {
        if (!(*block)->dirty && !(*block)->logged)
            cache_forget(fs, *block); /* it may be zeros that were never read */
        return error;
    }
    memcpy((*block)->data, data, fs->block_size);
    return 0;
}

int transaction_write(struct ext4 *fs, uint64_t number, const void *data)
{
    struct block *block;
    int error;

    if (number >= fs->blocks || journal_holds(&fs->journal, number))
        return problem_set(fs, EBADMSG, "write", "a block of metadata where none can be");
    block = cache_find(fs, number);
    if ((block == NULL || !block->dirty || block->gathered) && transaction_is_full(fs)) {
        fs->transaction.overflowed = true;
        return ENOSPC;
    }
    error = write_to(fs, number, data, &block);
    if (error == 0)
        cache_set_state(fs, block, true, block->logged);
    return error;
}

int transaction_gather(struct ext4 *fs, uint64_t number, ext4_ino ino, const void *data)
{
    struct block *block;
    const int error = write_to(fs, number, data, &block);

    if (error == 0)
        cache_set_gathered(fs, block, ino);
    return error;
}

/* ---- commit ---- */

/* Freed metadata: what older transactions say of it is not to be replayed, and it does not go to its place any more. */
static bool drop_freed(struct ext4 *fs, struct ranges *revoked)
{
    const struct ranges *freed = &fs->transaction.freed;

    for (uint32_t i = 0; i < freed->count; i++)
        for (uint64_t b = freed->list[i].first; b < freed->list[i].first + freed->list[i].count;
             b++) {
            struct block *block = cache_find(fs, b);

            if (block == NULL)
                continue;
            if (block->logged && !ranges_add(revoked, 0, b, 1))
                return false;
            cache_forget(fs, block);
        }
    return true;
}

static int abort_journal(struct ext4 *fs, int error)
{
    fs->aborted = true;
    return problem_set(fs, error, "journal", "it could not be written");
}

int transaction_commit(struct ext4 *fs)
{
    struct ranges revoked = {0};
    int error;

    if (fs->aborted)
        return fs->error;
    if (transaction_is_empty(fs)) {
        changes_release(fs); /* of operations that were undone */
        return fs->unflushed ? device_flush(fs) : 0;
    }
    error = changes_collect(fs);
    if (error == 0 && !drop_freed(fs, &revoked))
        error = ENOMEM;
    if (error == 0)
        error = gather_write(fs);
    if (error == 0)
        error = journal_commit(fs, &revoked);
    ranges_empty(&revoked);
    if (error != 0)
        return abort_journal(fs, error);
    survive_commit(fs);
    changes_release(fs);
    if (checkpoint_is_due(fs)) {
        error = checkpoint(fs);
        if (error != 0)
            return abort_journal(fs, error);
    }
    return 0;
}
