/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folders. All names of the file system are in one hash table, by folder and name; each folder has its names in the order in which they
 * were made, too, for who lists it: a name keeps its position, so that each is told once whatever comes and goes meanwhile.
 */
#include "memfs.h"
#include <stdlib.h>
#include <string.h>

enum { BUCKETS_AT_FIRST = 256 };

/* ---- the table ---- */

static uint32_t hash_of(const struct memfs_node *folder, const char *name)
{
    uint64_t hash = folder->inode * UINT64_C(0x9e3779b97f4a7c15);

    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
    return (uint32_t)(hash ^ hash >> 32);
}

/* Without memory for more buckets the chains are longer. */
static void grow(struct memfs *fs)
{
    const uint32_t count = fs->bucket_count * 2;
    struct memfs_entry **buckets, *entry, *next;

    if (fs->entries < fs->bucket_count || count == 0)
        return;
    if (!memfs_charge(fs, (count - fs->bucket_count) * sizeof(struct memfs_entry *)))
        return;
    buckets = calloc(count, sizeof(struct memfs_entry *));
    if (!buckets) {
        memfs_uncharge(fs, (count - fs->bucket_count) * sizeof(struct memfs_entry *));
        return;
    }
    for (uint32_t i = 0; i < fs->bucket_count; i++)
        for (entry = fs->buckets[i]; entry; entry = next) {
            next = entry->hash_next;
            entry->hash_next = buckets[entry->hash & (count - 1)];
            buckets[entry->hash & (count - 1)] = entry;
        }
    free(fs->buckets);
    fs->buckets = buckets;
    fs->bucket_count = count;
}

static struct memfs_entry **bucket_of(struct memfs *fs, uint32_t hash)
{
    return &fs->buckets[hash & (fs->bucket_count - 1)];
}

struct memfs_entry *folder_find(struct memfs_node *folder, const char *name)
{
    const uint32_t hash = hash_of(folder, name);
    struct memfs_entry *entry = *bucket_of(folder->fs, hash);

    while (entry &&
           (entry->hash != hash || entry->folder != folder || strcmp(entry->name, name) != 0))
        entry = entry->hash_next;
    return entry;
}

/* ---- the order ---- */

static void close_holes(struct folder *folder)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < folder->count; i++)
        if (folder->order[i]) {
            folder->order[i]->index = n;
            folder->order[n++] = folder->order[i];
        }
    folder->count = n;
}

/* Room for one more position. */
static bool have_place(struct memfs_node *node)
{
    struct folder *folder = &node->folder;

    if (folder->count < folder->room)
        return true;
    if (folder->live < folder->room / 2) {
        close_holes(folder);
        return true;
    }
    const uint32_t room = folder->room ? folder->room * 2 : 4;
    const uint64_t more = (room - folder->room) * sizeof(struct memfs_entry *);
    if (!memfs_charge(node->fs, more))
        return false;
    struct memfs_entry **order = realloc(folder->order, room * sizeof(struct memfs_entry *));
    if (!order) {
        memfs_uncharge(node->fs, more);
        return false;
    }
    folder->order = order;
    folder->room = room;
    return true;
}

/* Index of the first entry at `position` or behind it, or count. Entries that have gone left no position: those beside them tell. */
static uint32_t place_of(const struct folder *folder, uint64_t position)
{
    uint32_t low = 0, high = folder->count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        uint32_t at = middle;
        while (at < high && !folder->order[at])
            at++;
        if (at < high && folder->order[at]->position < position)
            low = at + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- names come and go ---- */

static struct memfs_entry *make_entry(struct memfs_node *folder, const char *name)
{
    const size_t length = strlen(name);
    const uint32_t size = (uint32_t)(sizeof(struct memfs_entry) + length + 1);
    struct memfs_entry *entry;

    if (!have_place(folder) || !memfs_charge(folder->fs, size))
        return NULL;
    entry = malloc(size);
    if (!entry) {
        memfs_uncharge(folder->fs, size);
        return NULL;
    }
    *entry = (struct memfs_entry){
        .folder = folder,
        .hash = hash_of(folder, name),
        .size = size,
    };
    memcpy(entry->name, name, length + 1);
    return entry;
}

/* It has a place (have_place), and cannot fail. */
static void enter(struct memfs_entry *entry, struct memfs_node *node)
{
    struct memfs_node *folder = entry->folder;
    struct memfs_entry **bucket = bucket_of(folder->fs, entry->hash);

    entry->node = memfs_of(file_node_reference(&node->node));
    entry->position = folder->folder.next_position++;
    entry->index = folder->folder.count;
    folder->folder.order[folder->folder.count++] = entry;
    folder->folder.live++;
    entry->hash_next = *bucket;
    *bucket = entry;
    folder->fs->entries++;
    node->links++;
    if (node->node.kind == FILE_KIND_FOLDER) {
        node->folder.self = entry;
        folder->links++;
    }
    memfs_written(folder);
    grow(folder->fs);
}

static void leave(struct memfs_entry *entry)
{
    struct memfs_node *folder = entry->folder, *node = entry->node;
    struct memfs *fs = folder->fs;
    struct memfs_entry **link = bucket_of(fs, entry->hash);

    while (*link != entry)
        link = &(*link)->hash_next;
    *link = entry->hash_next;
    fs->entries--;
    folder->folder.order[entry->index] = NULL;
    folder->folder.live--;
    if (folder->folder.live < folder->folder.count / 2)
        close_holes(&folder->folder); /* so there are never more holes than names, but one */
    node->links--;
    if (node->node.kind == FILE_KIND_FOLDER) {
        if (node->folder.self == entry)
            node->folder.self = NULL;
        folder->links--;
    }
    memfs_written(folder);
    node->changed = folder->changed;
    memfs_uncharge(fs, entry->size);
    free(entry);
    file_node_release(&node->node);
}

kern_return_t folder_add(struct memfs_node *folder, const char *name, struct memfs_node *node)
{
    if (folder != folder->fs->root && !folder->folder.self)
        return unix_error(ENOENT); /* it was removed */
    if (node->links == UINT32_MAX)
        return unix_error(EMLINK);
    struct memfs_entry *entry = make_entry(folder, name);
    if (!entry)
        return unix_error(ENOSPC);
    enter(entry, node);
    return KERN_SUCCESS;
}

void folder_free(struct memfs_node *folder)
{
    memfs_uncharge(folder->fs, folder->folder.room * sizeof(struct memfs_entry *));
    free(folder->folder.order);
}

/* ---- operations ---- */

static kern_return_t lookup(struct file_node *node, const char *name, struct file_node **found)
{
    const struct memfs_entry *entry = folder_find(memfs_of(node), name);

    if (!entry)
        return unix_error(ENOENT);
    *found = file_node_reference(&entry->node->node);
    return KERN_SUCCESS;
}

static kern_return_t parent(struct file_node *node, struct file_node **found)
{
    const struct memfs_entry *self = memfs_of(node)->folder.self;

    if (!self)
        return unix_error(ENOENT);
    *found = file_node_reference(&self->folder->node);
    return KERN_SUCCESS;
}

static kern_return_t name(struct file_node *node, char *out)
{
    const struct memfs_entry *self = memfs_of(node)->folder.self;

    if (!self)
        return unix_error(ENOENT);
    memcpy(out, self->name, strlen(self->name) + 1);
    return KERN_SUCCESS;
}

static bool set_link(struct memfs_node *made, const char *content)
{
    const size_t size = strlen(content) + 1;

    if (!memfs_charge(made->fs, size))
        return false;
    made->link = malloc(size);
    if (!made->link) {
        memfs_uncharge(made->fs, size);
        return false;
    }
    memcpy(made->link, content, size);
    return true;
}

/* A link without content is no node: it is taken apart here. */
static struct memfs_node *make_node(struct memfs *fs, uint32_t kind, uint32_t mode,
                                    const char *content)
{
    struct memfs_node *made = memfs_make_node(fs, kind, kind == FILE_KIND_LINK ? 0777 : mode);

    if (!made)
        return NULL;
    if (kind == FILE_KIND_FOLDER)
        made->links = 1; /* "." */
    if (kind == FILE_KIND_LINK && !set_link(made, content)) {
        fs->nodes--;
        memfs_uncharge(fs, sizeof(*made));
        free(made);
        return NULL;
    }
    return made;
}

static kern_return_t make(struct file_node *node, const char *called, uint32_t kind, uint32_t mode,
                          const char *content, struct file_node **out)
{
    struct memfs_node *folder = memfs_of(node);
    struct memfs_node *made = make_node(folder->fs, kind, mode, content);

    if (!made)
        return unix_error(ENOSPC);
    const kern_return_t kr = folder_add(folder, called, made);
    if (kr != KERN_SUCCESS) {
        file_node_release(&made->node);
        return kr;
    }
    *out = &made->node;
    return KERN_SUCCESS;
}

static kern_return_t remove_name(struct file_node *node, const char *called, struct file_node *what)
{
    struct memfs_entry *entry = folder_find(memfs_of(node), called);

    if (!entry)
        return unix_error(ENOENT);
    if (what->kind == FILE_KIND_FOLDER && memfs_of(what)->folder.live != 0)
        return unix_error(ENOTEMPTY);
    leave(entry);
    return KERN_SUCCESS;
}

static kern_return_t add_link(struct file_node *folder, const char *called, struct file_node *node)
{
    const kern_return_t kr = folder_add(memfs_of(folder), called, memfs_of(node));

    if (kr == KERN_SUCCESS)
        memfs_of(node)->changed = memfs_of(folder)->changed;
    return kr;
}

/* What can fail comes first. */
static kern_return_t rename_name(struct file_node *from, const char *called, struct file_node *what,
                                 struct file_node *to, const char *to_name,
                                 struct file_node *target)
{
    struct memfs_node *folder = memfs_of(to), *node = memfs_of(what);
    struct memfs_entry *old = folder_find(memfs_of(from), called);

    if (!old)
        return unix_error(ENOENT);
    if (target && target->kind == FILE_KIND_FOLDER && memfs_of(target)->folder.live != 0)
        return unix_error(ENOTEMPTY);
    if (folder != folder->fs->root && !folder->folder.self)
        return unix_error(ENOENT);
    struct memfs_entry *entry = make_entry(folder, to_name);
    if (!entry)
        return unix_error(ENOSPC);
    if (target)
        leave(folder_find(folder, to_name));
    enter(entry, node);
    leave(old);
    return KERN_SUCCESS;
}

static void entries(struct file_node *node, uint64_t position, struct file_entries *out)
{
    const struct folder *folder = &memfs_of(node)->folder;

    for (uint32_t i = place_of(folder, position); i < folder->count; i++) {
        const struct memfs_entry *entry = folder->order[i];
        if (entry && !file_entries_add(out, entry->node->inode, entry->node->node.kind, entry->name,
                                       entry->position + 1))
            break;
    }
}

const struct file_node_ops folder_ops = {
    .attributes = memfs_attributes,
    .set_attributes = memfs_set_attributes,
    .unused = memfs_unused,
    .get_system = memfs_get_system,
    .lookup = lookup,
    .parent = parent,
    .name = name,
    .make = make,
    .remove = remove_name,
    .link = add_link,
    .rename = rename_name,
    .entries = entries,
    .make_pipe = pipe_make,
};

/* ---- from the root ---- */

static kern_return_t make_below(struct memfs_node *folder, const char *called, uint32_t kind,
                                uint32_t mode, const char *content, struct memfs_node **out)
{
    const struct memfs_entry *entry = folder_find(folder, called);
    struct file_node *made;

    if (entry) {
        *out = entry->node;
        return entry->node->node.kind == kind ? KERN_SUCCESS : unix_error(EEXIST);
    }
    const kern_return_t kr = make(&folder->node, called, kind, mode, content, &made);
    if (kr != KERN_SUCCESS)
        return kr;
    file_node_release(made); /* its name holds it */
    *out = memfs_of(made);
    return KERN_SUCCESS;
}

/* content: of a symbolic link. */
static kern_return_t make_path(struct memfs *fs, const char *path, uint32_t kind, uint32_t mode,
                               const char *content, struct memfs_node **made)
{
    struct memfs_node *at = fs->root;
    char part[FILE_NAME_MAX];

    for (;;) {
        path += strspn(path, "/");
        const size_t size = strcspn(path, "/");
        const char *next = path + size + strspn(path + size, "/");
        if (size == 0 || size >= sizeof(part) || (path[0] == '.' && size == 1) ||
            (size == 2 && path[0] == '.' && path[1] == '.'))
            return unix_error(EINVAL);
        memcpy(part, path, size);
        part[size] = '\0';
        const bool last = *next == '\0';
        const kern_return_t kr =
            make_below(at, part, last ? kind : FILE_KIND_FOLDER, last ? mode : 0755, content, &at);
        if (kr != KERN_SUCCESS || last) {
            *made = at;
            return kr;
        }
        path = next;
    }
}

kern_return_t memfs_make_path(struct memfs *fs, const char *path, uint32_t kind, uint32_t mode,
                              struct memfs_node **made)
{
    return make_path(fs, path, kind, mode, "", made);
}

kern_return_t memfs_make_link(struct memfs *fs, const char *path, const char *content)
{
    struct memfs_node *made;

    return make_path(fs, path, FILE_KIND_LINK, 0777, content, &made);
}

kern_return_t memfs_begin(struct memfs *fs, struct file_server *server, uint64_t limit)
{
    *fs = (struct memfs){.server = server, .limit = limit, .bucket_count = BUCKETS_AT_FIRST};
    fs->buckets = calloc(BUCKETS_AT_FIRST, sizeof(struct memfs_entry *));
    if (!fs->buckets)
        return KERN_RESOURCE_SHORTAGE;
    fs->root = memfs_make_node(fs, FILE_KIND_FOLDER, 0755);
    if (!fs->root)
        return KERN_RESOURCE_SHORTAGE;
    fs->root->links = 2;
    return KERN_SUCCESS;
}
