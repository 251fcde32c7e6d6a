/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mounting, and what is asked of a file system as a whole.
 */
#include "fat_impl.h"
#include <stdlib.h>

enum { CACHE_LEAST = 64, CACHE_USUAL = 512, NODES_USUAL = 1024 };

/* The number of free clusters that the medium tells is not believed: it is counted when somebody asks. Where to look first is a hint. */
static void read_info(struct fat *fat)
{
    struct fat_block *block;

    if (fat->shape.info == 0)
        return;
    if (fat_get(fat, fat->shape.info, GET_READ, &block) != 0) {
        fat->shape.info = 0;
        return;
    }
    if (read32(block->bytes) != 0x41615252 || read32(block->bytes + 484) != 0x61417272 ||
        read32(block->bytes + 508) != 0xaa550000)
        fat->shape.info = 0;
    else
        fat->next = read32(block->bytes + 492);
    fat_put(block);
}

/* Whether it was unmounted, by the boot sector and by the table. */
static int read_state(struct fat *fat, const uint8_t boot[BLOCK])
{
    struct fat_block *block;

    if (fat->marked) /* by who was killed, and said what it was */
        return 0;
    fat->was_dirty = boot[fat->shape.state_at] & 1;
    if (fat->shape.type == 12)
        return 0;
    const int error = fat_get(fat, fat->shape.table, GET_AHEAD, &block);
    if (error)
        return error;
    if (fat->shape.type == 16 ? !(block->bytes[3] & 0x80) : !(block->bytes[7] & 0x08))
        fat->was_dirty = true;
    fat_put(block);
    return 0;
}

/* What is there can be read, but a root whose cluster counts as free is not written. */
static int check_root(struct fat *fat)
{
    uint32_t next;
    const int error = fat_table_get(fat, fat->shape.root_cluster, &next);

    if (!error && (next == TABLE_FREE || next == TABLE_BAD))
        (void)fat_damaged(fat);
    return error;
}

static int read_boot(struct fat *fat)
{
    uint8_t boot[BLOCK];
    int error;

    if (fat->storage->size < BLOCK)
        return EINVAL;
    if ((error = fat_read_blocks(fat, 0, 1, boot)) != 0 ||
        (error = fat_read_shape(boot, fat->storage->size, &fat->shape)) != 0 ||
        (error = fat_survive_resume(fat, boot)) != 0 || (error = read_state(fat, boot)) != 0)
        return error;
    read_info(fat);
    if (fat->shape.type == 32 && (error = check_root(fat)) != 0)
        return error;
    fat->root = (struct fat_node){.fat = fat,
                                  .references = 1,
                                  .folder = true,
                                  .cluster = fat->shape.root_cluster,
                                  .attributes = ATTRIBUTE_FOLDER};
    return 0;
}

static void free_all(struct fat *fat)
{
    fat_survive_end(fat);
    fat_cache_free(fat);
    free(fat->wanted);
    free(fat);
}

static int mount_once(struct storage *storage, const struct fat_options *options, struct fat **out)
{
    struct fat *fat = calloc(1, sizeof *fat);
    int error;

    if (!fat)
        return ENOMEM;
    fat->storage = storage;
    fat->options = *options;
    fat->read_only = options->read_only || storage->read_only;
    if (fat->options.nodes == 0)
        fat->options.nodes = NODES_USUAL;
    if (fat->options.cache_blocks == 0)
        fat->options.cache_blocks = CACHE_USUAL;
    if (fat->options.cache_blocks < CACHE_LEAST)
        fat->options.cache_blocks = CACHE_LEAST;
    error = fat_survive_begin(fat);
    if (!error)
        error = fat_cache_make(fat, fat->options.cache_blocks);
    if (!error && (error = read_boot(fat)) == 0)
        error = fat_survive_finish(fat);
    if (error) {
        free_all(fat);
        return error;
    }
    *out = fat;
    return 0;
}

/* Nodes that somebody still has. */
static void drop_nodes(struct fat *fat)
{
    for (unsigned i = 0; i < NODE_HASH; i++) {
        for (struct fat_node *node; (node = fat->nodes[i]);) {
            fat->nodes[i] = node->chain; /* what is published from here on looks at the others */
            if (node->gone) {
                fat->nameless--;
                fat_node_give_free(node);
            }
            free(node);
        }
    }
}

/* All is on the medium, and it says so: unless it is known to need fsck. */
static int end(struct fat *fat)
{
    int error = 0;

    if (fat->shape.info != 0 && !fat->counted && fat_table_count(fat) == 0)
        fat->info_old = true;
    (void)!fat_survive_free_left(fat); /* those that stay are lost */
    /* What the first sets free, and marks of renames, are a change again. */
    for (unsigned i = 0; i < 3 && !error; i++)
        error = fat_commit(fat);
    fat->leaked |= fat->inherited_count != 0;
    if (!error && !fat->damaged && !fat->leaked && !fat->was_dirty)
        error = fat_mark(fat, false);
    return error;
}

/* Once. */
static int tell_lost(struct fat *fat)
{
    const bool lost = fat->lost;

    fat->lost = false;
    return lost ? EIO : 0;
}

/* As fat_unmount(), but for what becomes of the memory. */
static int end_all(struct fat *fat, void (*end_memory)(struct fat *fat, int error))
{
    int error = 0;

    drop_nodes(fat);
    if (fat->failed)
        error = EIO;
    else if (fat->marked)
        error = end(fat);
    error = error ? error : tell_lost(fat);
    if (fat->survivor.memory)
        end_memory(fat, error);
    free_all(fat);
    return error;
}

/* Whoever unmounts gives up what the card does not take. */
static void erase(struct fat *fat, int error)
{
    (void)error;
    fat_survive_erase(fat);
}

int fat_unmount(struct fat *fat)
{
    return end_all(fat, erase);
}

/* What the card has not taken stays for another mount. */
static void empty(struct fat *fat, int error)
{
    if (!error)
        fat_survive_empty(fat);
}

/* What somebody had done who was killed has to be written once, whoever only reads from here on. */
static int write_survivors(struct storage *storage, const struct fat_options *options)
{
    struct fat_options writing = *options;
    struct fat *fat;

    writing.read_only = false;
    const int error = mount_once(storage, &writing, &fat);
    return error ? error : end_all(fat, empty);
}

int fat_mount(struct storage *storage, const struct fat_options *options, struct fat **out)
{
    int error = 0;

    if (options->memory_size != 0 && options->memory_size < FAT_MEMORY_LEAST)
        return EINVAL;
    if (options->read_only && fat_survive_is_there(options))
        error = write_survivors(storage, options);
    if (!error)
        error = mount_once(storage, options, out);
    return error == ESTALE ? mount_once(storage, options, out) : error;
}

int fat_sync(struct fat *fat)
{
    const int error = fat_commit(fat);

    return error ? error : tell_lost(fat);
}

int fat_space(struct fat *fat, struct fat_space *out)
{
    const int error = fat_table_count(fat);

    if (error)
        return error;
    *out = (struct fat_space){
        .type = fat->shape.type,
        .cluster_size = fat_cluster_size(fat),
        .clusters = fat->shape.end - FIRST_CLUSTER,
        .free = fat->free,
        .read_only = fat->read_only || fat->damaged || fat->failed,
        .was_dirty = fat->was_dirty,
        .damaged = fat->damaged,
    };
    return 0;
}

const char *fat_problem(const struct fat *fat)
{
    if (fat->failed)
        return "the medium could not be written";
    return fat->damaged ? "it is damaged and has to be checked" : "";
}

uint64_t fat_progress(const struct fat *fat)
{
    return fat->progress;
}

uint64_t fat_moved(const struct fat *fat)
{
    return fat->moved;
}

struct fat_node *fat_root(struct fat *fat)
{
    return &fat->root;
}
