/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folders and symbolic links.
 */
#include "server.h"
#include <string.h>

static kern_return_t lookup(struct file_node *folder, const char *name, struct file_node **found)
{
    struct volume_file *file = NULL;
    struct disk_node *node;
    kern_return_t kr;
    int error;

    do {
        lock();
        error = disk.ops->lookup(disk.volume, disk_of(folder)->file, name, &file);
        kr = node_of(error, file, &node);
        unlock();
    } while (error == ENFILE && memory_give_up());
    if (kr == KERN_SUCCESS)
        *found = &node->node;
    return kr;
}

static kern_return_t parent(struct file_node *folder, struct file_node **found)
{
    struct volume_file *file = NULL;
    struct disk_node *node;
    kern_return_t kr;
    int error;

    do {
        lock();
        error = disk.ops->parent(disk.volume, disk_of(folder)->file, &file);
        kr = node_of(error, file, &node);
        unlock();
    } while (error == ENFILE && memory_give_up());
    if (kr == KERN_SUCCESS)
        *found = &node->node;
    return kr;
}

static kern_return_t name(struct file_node *folder, char *out)
{
    _Static_assert(VOLUME_NAME_MAX <= FILE_NAME_MAX);

    lock();
    const int error = disk.ops->name(disk.volume, disk_of(folder)->file, out);
    unlock();
    return answer_of(error);
}

static kern_return_t make(struct file_node *folder, const char *text, uint32_t kind, uint32_t mode,
                          const char *content, struct file_node **made)
{
    struct volume_file *file = NULL;
    struct disk_node *node;
    kern_return_t kr;
    int error;

    if (disk.read_only)
        return unix_error(EROFS);
    do {
        lock();
        error = disk.ops->make(disk.volume, disk_of(folder)->file, text, (enum volume_kind)kind,
                               mode, content, &file);
        kr = node_of(error, file, &node);
        disk.unsynced = true;
        unlock();
    } while (error == ENFILE && memory_give_up());
    if (kr == KERN_SUCCESS)
        *made = &node->node;
    return kr;
}

static kern_return_t remove(struct file_node *folder, const char *text, struct file_node *node)
{
    if (disk.read_only)
        return unix_error(EROFS);
    lock();
    lasting_will_move(NULL, disk_of(node));
    const int error =
        disk.ops->remove(disk.volume, disk_of(folder)->file, text, disk_of(node)->file);
    lasting_moved(NULL, disk_of(node), error);
    disk.unsynced = true;
    unlock();
    return answer_of(error);
}

static kern_return_t link(struct file_node *folder, const char *text, struct file_node *node)
{
    if (disk.read_only)
        return unix_error(EROFS);
    lock();
    const int error = disk.ops->link(disk.volume, disk_of(folder)->file, text, disk_of(node)->file);
    disk.unsynced = true;
    unlock();
    return answer_of(error);
}

static kern_return_t rename(struct file_node *folder, const char *text, struct file_node *node,
                            struct file_node *to, const char *to_text, struct file_node *target)
{
    struct disk_node *const gone = target ? disk_of(target) : NULL;

    if (disk.read_only)
        return unix_error(EROFS);
    lock();
    lasting_will_move(disk_of(node), gone);
    const int error =
        disk.ops->rename(disk.volume, disk_of(folder)->file, text, disk_of(node)->file,
                         disk_of(to)->file, to_text, gone ? gone->file : NULL);
    lasting_moved(disk_of(node), gone, error);
    disk.unsynced = true;
    unlock();
    return answer_of(error);
}

static bool tell(void *context, const char *text, enum volume_kind kind, uint64_t inode,
                 uint64_t next)
{
    return file_entries_add(context, inode, kind, text, next);
}

static void entries(struct file_node *folder, uint64_t position, struct file_entries *entries)
{
    lock();
    /* What cannot be read ends the list. */
    (void)!disk.ops->entries(disk.volume, disk_of(folder)->file, position, tell, entries);
    unlock();
}

static kern_return_t read_link(struct file_node *node, char *out)
{
    lock();
    const int error = disk.ops->read_link(disk.volume, disk_of(node)->file, out, FILE_PATH_MAX);
    unlock();
    return answer_of(error);
}

const struct file_node_ops folder_ops = {
    .attributes = node_attributes,
    .set_attributes = node_set_attributes,
    .unused = node_unused,
    .sync = node_sync_names,
    .get_system = node_get_system,
    .lookup = lookup,
    .parent = parent,
    .name = name,
    .make = make,
    .remove = remove,
    .link = link,
    .rename = rename,
    .entries = entries,
};

const struct file_node_ops link_ops = {
    .attributes = node_attributes,
    .set_attributes = node_set_attributes,
    .unused = node_unused,
    .sync = node_sync_names,
    .get_system = node_get_system,
    .read_link = read_link,
};
