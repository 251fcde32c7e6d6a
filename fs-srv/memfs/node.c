/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nodes: what all kinds have in common, symbolic links, and the account of memory (F2).
 */
#include "memfs.h"
#include <stdlib.h>
#include <string.h>

/* All of it that has a number: stays below what a number of inodes may be. */
enum { DEVICE_NUMBER = 1 };

bool memfs_charge(struct memfs *fs, uint64_t bytes)
{
    if (bytes > fs->limit - fs->used)
        limbo_sweep(fs);
    if (bytes > fs->limit - fs->used)
        return false;
    fs->used += bytes;
    return true;
}

void memfs_uncharge(struct memfs *fs, uint64_t bytes)
{
    fs->used -= bytes;
}

static const struct file_node_ops *ops_of(uint32_t kind)
{
    switch (kind) {
    case FILE_KIND_FOLDER: return &folder_ops;
    case FILE_KIND_LINK: return &link_ops;
    case FILE_KIND_FIFO: return &pipe_ops;
    case FILE_KIND_CHARACTER: return &device_ops;
    default: return &regular_ops;
    }
}

struct memfs_node *memfs_make_node(struct memfs *fs, uint32_t kind, uint32_t mode)
{
    struct memfs_node *made;

    if (!memfs_charge(fs, sizeof(*made)))
        return NULL;
    made = calloc(1, sizeof(*made));
    if (!made) {
        memfs_uncharge(fs, sizeof(*made));
        return NULL;
    }
    made->node = (struct file_node){
        .ops = ops_of(kind),
        .references = 1,
        .kind = (uint8_t)kind,
        .seekable = kind == FILE_KIND_REGULAR,
    };
    made->fs = fs;
    made->inode = ++fs->next_inode;
    made->mode = mode & 07777;
    made->accessed = made->modified = made->changed = file_server_time();
    fs->nodes++;
    return made;
}

void memfs_written(struct memfs_node *node)
{
    node->modified = node->changed = file_server_time();
}

void memfs_attributes(struct file_node *node, struct file_attributes *out)
{
    const struct memfs_node *n = memfs_of(node);

    out->mode = n->mode;
    out->links = n->links;
    out->uid = n->uid;
    out->gid = n->gid;
    out->device = DEVICE_NUMBER;
    out->inode = n->inode;
    out->accessed = n->accessed;
    out->modified = n->modified;
    out->changed = n->changed;
    switch (node->kind) {
    case FILE_KIND_REGULAR:
        out->size = n->content.size;
        out->blocks =
            n->content.pages * (PAGE / BLOCK) + (n->content.base_size + BLOCK - 1) / BLOCK;
        break;
    case FILE_KIND_FOLDER: out->size = n->folder.live; break;
    case FILE_KIND_LINK: out->size = strlen(n->link); break;
    case FILE_KIND_FIFO: out->size = n->pipe.count; break;
    case FILE_KIND_CHARACTER: out->rdev = UINT64_C(0x100) + n->device; break;
    default: break;
    }
}

kern_return_t memfs_set_attributes(struct file_node *node, uint32_t which,
                                   const struct file_attributes *attributes)
{
    struct memfs_node *n = memfs_of(node);

    if (which & FILE_SET_MODE)
        n->mode = attributes->mode;
    if (which & FILE_SET_UID)
        n->uid = attributes->uid;
    if (which & FILE_SET_GID)
        n->gid = attributes->gid;
    if (which & FILE_SET_ACCESSED)
        n->accessed = attributes->accessed;
    if (which & FILE_SET_MODIFIED)
        n->modified = attributes->modified;
    n->changed = file_server_time();
    return KERN_SUCCESS;
}

void memfs_unused(struct file_node *node)
{
    struct memfs_node *n = memfs_of(node);
    struct memfs *fs = n->fs;

    switch (node->kind) {
    case FILE_KIND_REGULAR: content_free(fs, &n->content); break;
    case FILE_KIND_FOLDER: folder_free(n); break;
    case FILE_KIND_LINK:
        memfs_uncharge(fs, strlen(n->link) + 1);
        free(n->link);
        break;
    default: break; /* a pipe that is not open has no buffer */
    }
    fs->nodes--;
    memfs_uncharge(fs, sizeof(*n));
    free(n);
}

kern_return_t memfs_get_system(struct file_node *node, struct file_system *out)
{
    struct memfs *fs = memfs_of(node)->fs;
    static const char name[] = "memory";

    limbo_sweep(fs);
    out->blocks = fs->limit / PAGE;
    out->free = (fs->limit - fs->used) / PAGE;
    out->files = fs->nodes + (fs->limit - fs->used) / sizeof(struct memfs_node);
    out->files_free = (fs->limit - fs->used) / sizeof(struct memfs_node);
    out->device = DEVICE_NUMBER;
    memcpy(out->name, name, sizeof(name));
    return KERN_SUCCESS;
}

/* ---- symbolic links ---- */

static kern_return_t read_link(struct file_node *node, char *out)
{
    const struct memfs_node *n = memfs_of(node);

    memcpy(out, n->link, strlen(n->link) + 1);
    return KERN_SUCCESS;
}

const struct file_node_ops link_ops = {
    .attributes = memfs_attributes,
    .set_attributes = memfs_set_attributes,
    .unused = memfs_unused,
    .get_system = memfs_get_system,
    .read_link = read_link,
};
