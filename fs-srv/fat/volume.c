/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FAT as a <volume.h>: a handle is a node with a reference. There are files and folders only, of one owner; the attribute "read-only" is their mode.
 */
#include "fat.h"
#include <errno.h>
#include <string.h>
#include <time.h>
#include <volume.h>

static struct fat *fat_of(struct volume *volume)
{
    return (struct fat *)volume;
}

static struct fat_node *node_of(struct volume_file *file)
{
    return (struct fat_node *)file;
}

static struct volume_file *file_of(struct fat_node *node)
{
    return (struct volume_file *)node;
}

static int64_t tell_time(void *context)
{
    struct timespec now = {0};

    (void)context;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- the file system ---- */

/* The serial number has one place on FAT32, and one on the others: both are told. */
static int serial(struct storage *storage, uint64_t *out)
{
    enum { SERIAL = 0x27, SERIAL_32 = 0x43, SIZE = 512 };
    uint64_t sector[SIZE / sizeof(uint64_t)];
    uint32_t a, b;
    const int error = storage->operations->read(storage, 0, sector, SIZE);

    if (error != 0)
        return error;
    memcpy(&a, (const char *)sector + SERIAL, sizeof(a));
    memcpy(&b, (const char *)sector + SERIAL_32, sizeof(b));
    *out = (uint64_t)a << 32 | b;
    return 0;
}

static int mount(struct storage *storage, const struct volume_options *options, struct volume **out)
{
    const struct fat_options as = {.read_only = options->read_only,
                                   .now = tell_time,
                                   .memory = options->memory.at,
                                   .memory_size = options->memory.size};
    struct fat *fat;
    const int error = fat_mount(storage, &as, &fat);

    if (error == 0)
        *out = (struct volume *)fat;
    return error;
}

static int unmount(struct volume *volume)
{
    return fat_unmount(fat_of(volume));
}

static int sync(struct volume *volume)
{
    return fat_sync(fat_of(volume));
}

static const char *problem(struct volume *volume)
{
    return fat_problem(fat_of(volume));
}

static int space(struct volume *volume, struct volume_space *out)
{
    struct fat_space of;
    const int error = fat_space(fat_of(volume), &of);

    if (error == 0)
        *out = (struct volume_space){.block_size = of.cluster_size,
                                     .blocks = of.clusters,
                                     .free = of.free,
                                     .read_only = of.read_only};
    return error;
}

static int64_t now(struct volume *volume)
{
    static const int64_t least = 315532800 * INT64_C(1000000000); /* 1980 */
    const int64_t time = tell_time(NULL);

    (void)volume;
    return time > least ? time : least;
}

static uint64_t progress(struct volume *volume)
{
    return fat_progress(fat_of(volume));
}

static uint64_t moved(struct volume *volume)
{
    return fat_moved(fat_of(volume));
}

/* What an operation has done, or what is left of it, outlives this server. */
static int kept(struct volume *volume, int error)
{
    fat_keep(fat_of(volume));
    return error;
}

/* ---- handles ---- */

static struct volume_file *root(struct volume *volume)
{
    return file_of(fat_root(fat_of(volume)));
}

static int reopen(struct volume *volume, uint64_t inode, struct volume_file **out)
{
    struct fat_node *node;
    const int error = kept(volume, fat_reopen(fat_of(volume), inode, &node));

    if (error == 0)
        *out = file_of(node);
    return error;
}

static int reopen_soon(struct volume *volume, const uint64_t *inodes, uint32_t count)
{
    return kept(volume, fat_reopen_soon(fat_of(volume), inodes, count));
}

/* What had no name is free already: nothing leads to it again. */
static int free_orphans(struct volume *volume)
{
    fat_reopened(fat_of(volume));
    return kept(volume, 0);
}

static int hold(struct volume *volume, struct volume_file *file)
{
    (void)volume;
    (void)fat_reference(node_of(file));
    return 0;
}

static void release(struct volume *volume, struct volume_file *file)
{
    fat_release(node_of(file));
    fat_keep(fat_of(volume));
}

/* ---- attributes ---- */

static int attributes(struct volume *volume, struct volume_file *file,
                      struct volume_attributes *out)
{
    struct fat_attributes of;

    (void)volume;
    fat_attributes(node_of(file), &of);
    const bool folder = of.kind == FAT_FOLDER;
    *out = (struct volume_attributes){.kind = folder ? VOLUME_FOLDER : VOLUME_REGULAR,
                                      .mode = of.read_only && !folder ? 0555 : 0755,
                                      .links = of.links,
                                      .inode = of.inode,
                                      .size = of.size,
                                      .blocks = of.blocks,
                                      .accessed = of.accessed,
                                      .modified = of.modified,
                                      .changed = of.modified};
    return 0;
}

/* The mode's bit for the owner's writes is kept, of files; an owner but 0 cannot be. */
static int set_attributes(struct volume *volume, struct volume_file *file, uint32_t which,
                          const struct volume_attributes *to)
{
    struct fat_attributes of;
    uint32_t set = 0;

    (void)volume;
    if (((which & VOLUME_SET_UID) && to->uid != 0) || ((which & VOLUME_SET_GID) && to->gid != 0))
        return EPERM;
    fat_attributes(node_of(file), &of);
    if ((which & VOLUME_SET_MODE) && of.kind == FAT_FILE)
        set |= FAT_SET_READ_ONLY;
    if (which & VOLUME_SET_ACCESSED)
        set |= FAT_SET_ACCESSED;
    if (which & VOLUME_SET_MODIFIED)
        set |= FAT_SET_MODIFIED;
    of.read_only = !(to->mode & 0200);
    of.accessed = to->accessed;
    of.modified = to->modified;
    return set == 0 ? 0 : kept(volume, fat_set_attributes(node_of(file), set, &of));
}

/* ---- names ---- */

static int lookup(struct volume *volume, struct volume_file *folder, const char *called,
                  struct volume_file **out)
{
    struct fat_node *node;
    const int error = kept(volume, fat_lookup(node_of(folder), called, &node));

    if (error == 0)
        *out = file_of(node);
    return error;
}

static int parent(struct volume *volume, struct volume_file *folder, struct volume_file **out)
{
    struct fat_node *node;
    const int error = fat_parent(node_of(folder), &node);

    (void)volume;
    if (error == 0)
        *out = file_of(node);
    return error;
}

static int name(struct volume *volume, struct volume_file *folder, char *out)
{
    _Static_assert((int)FAT_NAME_MAX == (int)VOLUME_NAME_MAX);
    (void)volume;
    return fat_name(node_of(folder), out);
}

static int make(struct volume *volume, struct volume_file *folder, const char *called,
                enum volume_kind kind, uint32_t mode, const char *content, struct volume_file **out)
{
    struct fat_node *node;
    int error;

    (void)mode; /* a new file is one that can be written */
    (void)content;
    if (kind != VOLUME_REGULAR && kind != VOLUME_FOLDER)
        return EPERM;
    error = kept(volume, fat_create(node_of(folder), called,
                                    kind == VOLUME_FOLDER ? FAT_FOLDER : FAT_FILE, &node));
    if (error == 0)
        *out = file_of(node);
    return error;
}

/* ENOENT: the name is not the file's. */
static int check_name(struct volume_file *folder, const char *called,
                      const struct volume_file *file)
{
    struct fat_node *node;
    const int error = fat_lookup(node_of(folder), called, &node);

    if (error != 0)
        return error;
    const bool same = file_of(node) == file;
    fat_release(node);
    return same ? 0 : ENOENT;
}

static int remove_name(struct volume *volume, struct volume_file *folder, const char *called,
                       struct volume_file *file)
{
    const int error = check_name(folder, called, file);

    return kept(volume, error != 0 ? error : fat_remove(node_of(file)));
}

static int link_name(struct volume *volume, struct volume_file *folder, const char *called,
                     struct volume_file *file)
{
    (void)volume;
    (void)folder;
    (void)called;
    (void)file;
    return EPERM;
}

static int rename_file(struct volume *volume, struct volume_file *folder, const char *called,
                       struct volume_file *file, struct volume_file *to, const char *to_name,
                       struct volume_file *target)
{
    int error = check_name(folder, called, file);

    if (error == 0)
        error = fat_rename(node_of(file), node_of(to), to_name,
                           target != NULL ? node_of(target) : NULL);
    return kept(volume, error);
}

struct telling {
    volume_entry_fn *entry;
    void *context;
};

static bool tell(void *context, const char *called, enum fat_kind kind, uint64_t inode,
                 uint64_t next)
{
    const struct telling *telling = context;

    return telling->entry(telling->context, called,
                          kind == FAT_FOLDER ? VOLUME_FOLDER : VOLUME_REGULAR, inode, next);
}

static int entries(struct volume *volume, struct volume_file *folder, uint64_t position,
                   volume_entry_fn *entry, void *context)
{
    struct telling telling = {entry, context};

    (void)volume;
    return fat_entries(node_of(folder), position, tell, &telling);
}

static int read_link(struct volume *volume, struct volume_file *file, char *to, size_t size)
{
    (void)volume;
    (void)file;
    (void)to;
    (void)size;
    return EINVAL;
}

/* ---- content ---- */

static int read_file(struct volume *volume, struct volume_file *file, uint64_t offset, void *to,
                     size_t size, size_t *got)
{
    (void)volume;
    return fat_read(node_of(file), offset, to, size, got);
}

static int write_file(struct volume *volume, struct volume_file *file, int64_t modified,
                      uint64_t offset, const void *from, size_t size, size_t *written)
{
    const struct fat_attributes times = {.modified = modified};

    if (size == 0) {
        *written = 0;
        return 0;
    }
    int error = kept(volume, fat_write(node_of(file), offset, from, size, written));
    if (error == 0 && modified != 0)
        error = kept(volume, fat_set_attributes(node_of(file), FAT_SET_MODIFIED, &times));
    return error;
}

static int resize(struct volume *volume, struct volume_file *file, uint64_t size)
{
    return kept(volume, fat_resize(node_of(file), size));
}

static uint64_t size_limit(struct volume *volume, struct volume_file *file)
{
    (void)volume;
    (void)file;
    return UINT32_MAX;
}

const struct volume_ops fat_volume = {.format = "fat",
                                      .serial = serial,
                                      .fills = true,
                                      .mount = mount,
                                      .unmount = unmount,
                                      .sync = sync,
                                      .settle = sync,
                                      .problem = problem,
                                      .space = space,
                                      .now = now,
                                      .progress = progress,
                                      .moved = moved,
                                      .root = root,
                                      .reopen_soon = reopen_soon,
                                      .reopen = reopen,
                                      .free_orphans = free_orphans,
                                      .hold = hold,
                                      .release = release,
                                      .attributes = attributes,
                                      .set_attributes = set_attributes,
                                      .lookup = lookup,
                                      .parent = parent,
                                      .name = name,
                                      .make = make,
                                      .remove = remove_name,
                                      .link = link_name,
                                      .rename = rename_file,
                                      .entries = entries,
                                      .read_link = read_link,
                                      .read = read_file,
                                      .write = write_file,
                                      .resize = resize,
                                      .size_limit = size_limit};
