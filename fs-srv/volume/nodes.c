/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that clients know of, and what is asked of all of them. There is one node for a file: the table finds it by the volume's handle. The files' thread alone
 * makes nodes, and gives them up.
 */
#include "server.h"
#include <libsys/string.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024 };

static struct disk_node *buckets[BUCKETS];

static struct disk_node **bucket_of(const struct volume_file *file)
{
    const uint64_t mixed = (uint64_t)(uintptr_t)file * UINT64_C(0x9e3779b97f4a7c15);

    return &buckets[(mixed >> 32) % BUCKETS];
}

static const struct file_node_ops *ops_of(enum volume_kind kind)
{
    switch (kind) {
    case VOLUME_REGULAR: return &regular_ops;
    case VOLUME_FOLDER: return &folder_ops;
    case VOLUME_LINK: return &link_ops;
    case VOLUME_FIFO: return &fifo_ops;
    default: return &other_ops;
    }
}

/* ENOMEM and the like: the hold is the caller's still. */
static int make(struct volume_file *file, struct disk_node **out)
{
    struct volume_attributes attributes;
    const int error = disk.ops->attributes(disk.volume, file, &attributes);
    struct disk_node *node = error == 0 ? calloc(1, sizeof(*node)) : NULL;

    if (!node)
        return error != 0 ? error : ENOMEM;
    node->node = (struct file_node){.ops = ops_of(attributes.kind),
                                    .references = 0,
                                    .kind = (uint8_t)attributes.kind,
                                    .seekable = attributes.kind == VOLUME_REGULAR};
    node->file = file;
    node->memory = memory_of(file);
    if (node->memory)
        node->memory->node = node;
    struct disk_node **bucket = bucket_of(file);
    node->next = *bucket;
    *bucket = node;
    *out = node;
    return 0;
}

kern_return_t node_of(int error, struct volume_file *file, struct disk_node **out)
{
    struct disk_node *node;

    if (error != 0)
        return answer_of(error);
    node = *bucket_of(file);
    while (node && node->file != file)
        node = node->next;
    if (!node)
        error = make(file, &node);
    else
        disk.ops->release(disk.volume, file); /* the node has one */
    if (error != 0) {
        disk.ops->release(disk.volume, file);
        return answer_of(error);
    }
    file_node_reference(&node->node);
    *out = node;
    return KERN_SUCCESS;
}

bool node_is_ours(const struct file_node *node)
{
    return node->ops->unused == node_unused;
}

kern_return_t nodes_begin(struct disk_node **root)
{
    struct volume_file *file = disk.ops->root(disk.volume);

    lock();
    const kern_return_t kr = node_of(disk.ops->hold(disk.volume, file), file, root);
    unlock();
    return kr;
}

struct disk_node *node_of_inode(uint64_t inode)
{
    struct volume_attributes attributes;

    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct disk_node *node = buckets[i]; node; node = node->next)
            if (disk.ops->attributes(disk.volume, node->file, &attributes) == 0 &&
                attributes.inode == inode)
                return node;
    return NULL;
}

/* Is there a name by which it could be found? If nobody knows, there is. */
static bool is_nameless(struct volume_file *file)
{
    struct volume_attributes attributes;

    return disk.ops->attributes(disk.volume, file, &attributes) == 0 && attributes.links == 0;
}

/* What was written to a file that nobody can open any more goes nowhere, unless somebody maps it still. */
static void forget_content(struct disk_node *node)
{
    struct memory *memory = node->memory;

    if (!memory)
        return;
    const bool nameless = is_nameless(node->file);
    if (nameless && !memory->mapped) {
        memory_wait_begins(memory);
        unlock();
        flush_forget(memory, 0);
        lock();
        memory_leave(memory, true);
        memory_wait_ends(memory);
    } else {
        memory_leave(memory, nameless);
    }
}

void node_unused(struct file_node *file_node)
{
    struct disk_node *node = disk_of(file_node), **link = bucket_of(node->file);

    lasting_forget(node);
    lock();
    forget_content(node);
    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    disk.ops->release(disk.volume, node->file);
    disk.unsynced = true; /* its last name may have gone before */
    unlock();
    free(node->pipe);
    free(node);
}

/* ---- attributes ---- */

/* What the volume does not know yet. */
static void add_unwritten(const struct memory *memory, struct volume_attributes *a)
{
    enum { BLOCK = 512 };

    if (memory->size > a->size)
        a->blocks += (memory->size - a->size + BLOCK - 1) / BLOCK;
    a->size = memory->size;
    if (memory->modified != 0)
        a->modified = memory->modified;
    if (memory->modified > a->changed)
        a->changed = memory->modified;
}

void node_attributes(struct file_node *file_node, struct file_attributes *out)
{
    struct disk_node *node = disk_of(file_node);
    struct volume_attributes a = {0};

    lock();
    if (disk.ops->attributes(disk.volume, node->file, &a) != 0)
        a = (struct volume_attributes){.mode = 0, .links = 1};
    if (node->memory)
        add_unwritten(node->memory, &a);
    unlock();
    out->mode = a.mode;
    out->links = a.links;
    out->uid = a.uid;
    out->gid = a.gid;
    out->device = disk.device;
    out->inode = a.inode;
    out->rdev = a.rdev;
    out->size = a.size;
    out->blocks = a.blocks;
    out->accessed = a.accessed;
    out->modified = a.modified;
    out->changed = a.changed;
}

kern_return_t node_set_attributes(struct file_node *file_node, uint32_t which,
                                  const struct file_attributes *attributes)
{
    _Static_assert(VOLUME_SET_MODE == FILE_SET_MODE && VOLUME_SET_UID == FILE_SET_UID &&
                   VOLUME_SET_GID == FILE_SET_GID);
    struct disk_node *node = disk_of(file_node);
    const struct volume_attributes wanted = {
        .mode = attributes->mode,
        .uid = attributes->uid,
        .gid = attributes->gid,
        .accessed = attributes->accessed,
        .modified = attributes->modified,
    };
    uint32_t what = which & (FILE_SET_MODE | FILE_SET_UID | FILE_SET_GID);
    int error = 0;

    if (which & FILE_SET_ACCESSED)
        what |= VOLUME_SET_ACCESSED;
    if (which & FILE_SET_MODIFIED)
        what |= VOLUME_SET_MODIFIED;
    if (disk.read_only)
        return unix_error(EROFS);
    /* What comes back later would set the time of its last change. */
    lock();
    struct memory *memory = which & FILE_SET_MODIFIED ? node->memory : NULL;
    if (memory)
        memory_wait_begins(memory);
    unlock();
    if (memory)
        error = flush_memory(memory, false);
    lock();
    if (memory)
        memory_wait_ends(memory);
    if (error == 0)
        error = disk.ops->set_attributes(disk.volume, node->file, what, &wanted);
    disk.unsynced = true;
    unlock();
    return answer_of(error);
}

kern_return_t node_get_system(struct file_node *file_node, struct file_system *out)
{
    struct volume_space space;

    (void)file_node;
    lock();
    const int error = disk.ops->space(disk.volume, &space);
    unlock();
    if (error != 0)
        return answer_of(error);
    *out = (struct file_system){
        .block_size = space.block_size,
        .name_max = VOLUME_NAME_MAX - 1,
        .blocks = space.blocks,
        .free = space.free,
        .files = space.files,
        .files_free = space.files_free,
        .device = disk.device,
        .read_only = disk.read_only || space.read_only,
    };
    strncpy((char *)out->name, disk.ops->format, sizeof(out->name) - 1);
    return KERN_SUCCESS;
}

kern_return_t node_sync_names(struct file_node *node, bool data_only)
{
    int error = 0;

    (void)data_only;
    if (node->is_root)
        return answer_of(flush_all(true));
    lock();
    if (disk.unsynced && !disk.read_only)
        error = flush_volume(false);
    unlock();
    return answer_of(error);
}
