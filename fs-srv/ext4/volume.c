/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ext4 as a <volume.h>. A handle is the inode's number, and whoever has it holds the inode (ext4_hold).
 */
#include "volume_impl.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static void tell_time(struct ext4_time *time)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    *time = (struct ext4_time){now.tv_sec, (uint32_t)now.tv_nsec};
}

/* ---- the file system ---- */

/* Half of the UUID, and the other half. */
static int serial(struct storage *storage, uint64_t *out)
{
    enum { SUPER = 1024, UUID = 0x68, SIZE = 512 };
    uint64_t half[2], sector[SIZE / sizeof(uint64_t)];
    const int error = storage->operations->read(storage, SUPER, sector, SIZE);

    if (error != 0)
        return error;
    memcpy(half, (const char *)sector + UUID, sizeof(half));
    *out = half[0] ^ half[1];
    return 0;
}

static int mount(struct storage *storage, const struct volume_options *options, struct volume **out)
{
    const unsigned flags = (options->read_only ? EXT4_READ_ONLY : 0u) |
                           (options->keep_orphans ? EXT4_KEEP_ORPHANS : 0u);
    struct ext4 *fs;
    const int error =
        ext4_mount_surviving(storage, flags,
                             &(struct ext4_memory){options->memory.at, options->memory.size}, &fs);

    if (error != 0)
        return error;
    ext4_set_clock(fs, tell_time);
    *out = (struct volume *)fs;
    return 0;
}

static int unmount(struct volume *volume)
{
    return ext4_unmount(fs_of(volume));
}

static int sync(struct volume *volume)
{
    return ext4_sync(fs_of(volume));
}

static int settle(struct volume *volume)
{
    return ext4_checkpoint(fs_of(volume));
}

static const char *problem(struct volume *volume)
{
    return ext4_problem(fs_of(volume));
}

static int space(struct volume *volume, struct volume_space *out)
{
    struct ext4_statistics statistics;

    ext4_get_statistics(fs_of(volume), &statistics);
    *out = (struct volume_space){.block_size = statistics.block_size,
                                 .blocks = statistics.blocks,
                                 .free = statistics.available_blocks,
                                 .files = statistics.inodes,
                                 .files_free = statistics.free_inodes,
                                 .read_only = statistics.read_only};
    return 0;
}

static int64_t now(struct volume *volume)
{
    return nanoseconds_of(ext4_now(fs_of(volume)));
}

static uint64_t progress(struct volume *volume)
{
    return ext4_progress(fs_of(volume));
}

/* ---- handles ---- */

static struct volume_file *root(struct volume *volume)
{
    (void)volume;
    return file_of(EXT4_ROOT);
}

static int hold(struct volume *volume, ext4_ino ino, struct volume_file **out)
{
    const int error = ino == EXT4_ROOT ? 0 : ext4_hold(fs_of(volume), ino);

    if (error == 0)
        *out = file_of(ino);
    return error;
}

static int reopen(struct volume *volume, uint64_t inode, struct volume_file **out)
{
    const int error = inode > UINT32_MAX ? ENOENT : ext4_is_file(fs_of(volume), (ext4_ino)inode);

    return error != 0 ? error : hold(volume, (ext4_ino)inode, out);
}

static int free_orphans(struct volume *volume)
{
    return ext4_free_orphans(fs_of(volume));
}

/* What cannot be freed now the next mount frees. */
static int hold_again(struct volume *volume, struct volume_file *file)
{
    return hold(volume, ino_of(file), &file);
}

static void release(struct volume *volume, struct volume_file *file)
{
    if (ino_of(file) != EXT4_ROOT)
        (void)ext4_release(fs_of(volume), ino_of(file));
}

/* ---- attributes ---- */

static enum volume_kind kind_of(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR: return VOLUME_FOLDER;
    case S_IFLNK: return VOLUME_LINK;
    case S_IFIFO: return VOLUME_FIFO;
    case S_IFCHR: return VOLUME_CHARACTER;
    case S_IFBLK: return VOLUME_BLOCK;
    case S_IFSOCK: return VOLUME_SOCKET;
    default: return VOLUME_REGULAR;
    }
}

static uint32_t type_of(enum volume_kind kind)
{
    switch (kind) {
    case VOLUME_FOLDER: return S_IFDIR;
    case VOLUME_LINK: return S_IFLNK;
    case VOLUME_FIFO: return S_IFIFO;
    case VOLUME_CHARACTER: return S_IFCHR;
    case VOLUME_BLOCK: return S_IFBLK;
    case VOLUME_SOCKET: return S_IFSOCK;
    default: return S_IFREG;
    }
}

static int attributes(struct volume *volume, struct volume_file *file,
                      struct volume_attributes *out)
{
    struct ext4_attributes from;
    const int error = ext4_get_attributes(fs_of(volume), ino_of(file), &from);

    if (error != 0)
        return error;
    *out = (struct volume_attributes){.kind = kind_of(from.mode),
                                      .mode = from.mode & 07777,
                                      .links = from.links,
                                      .uid = from.uid,
                                      .gid = from.gid,
                                      .inode = from.ino,
                                      .rdev = from.device,
                                      .size = from.size,
                                      .blocks = from.sectors,
                                      .accessed = nanoseconds_of(from.accessed),
                                      .modified = nanoseconds_of(from.modified),
                                      .changed = nanoseconds_of(from.changed)};
    return 0;
}

static int set_attributes(struct volume *volume, struct volume_file *file, uint32_t which,
                          const struct volume_attributes *to)
{
    const struct ext4_attributes set = {.mode = to->mode,
                                        .uid = to->uid,
                                        .gid = to->gid,
                                        .accessed = time_of(to->accessed),
                                        .modified = time_of(to->modified)};

    _Static_assert((int)VOLUME_SET_MODE == (int)EXT4_SET_MODE &&
                   (int)VOLUME_SET_UID == (int)EXT4_SET_UID &&
                   (int)VOLUME_SET_GID == (int)EXT4_SET_GID &&
                   (int)VOLUME_SET_ACCESSED == (int)EXT4_SET_ACCESSED &&
                   (int)VOLUME_SET_MODIFIED == (int)EXT4_SET_MODIFIED);
    return ext4_set_attributes(fs_of(volume), ino_of(file), which, &set);
}

/* ---- names ---- */

static int lookup(struct volume *volume, struct volume_file *folder, const char *name,
                  struct volume_file **out)
{
    ext4_ino ino;
    const int error = ext4_lookup(fs_of(volume), ino_of(folder), name_of(name), &ino);

    return error != 0 ? error : hold(volume, ino, out);
}

/* ENOENT: it has no name, so no folder holds it. */
static int parent_of(struct volume *volume, struct volume_file *folder, ext4_ino *ino)
{
    struct ext4_attributes of;
    int error = ext4_get_attributes(fs_of(volume), ino_of(folder), &of);

    if (error == 0 && of.links == 0)
        error = ENOENT;
    return error != 0 ? error : ext4_lookup(fs_of(volume), ino_of(folder), name_of(".."), ino);
}

static int parent(struct volume *volume, struct volume_file *folder, struct volume_file **out)
{
    ext4_ino ino;
    const int error = parent_of(volume, folder, &ino);

    return error != 0 ? error : hold(volume, ino, out);
}

static bool is_dots(struct ext4_name name)
{
    return name.text[0] == '.' && (name.length == 1 || (name.length == 2 && name.text[1] == '.'));
}

struct naming {
    ext4_ino ino;
    char *out;
    bool found;
};

static bool look_for(void *context, struct ext4_name name, ext4_ino ino, unsigned type,
                     uint64_t cursor)
{
    struct naming *naming = context;

    (void)type;
    (void)cursor;
    if (ino != naming->ino || is_dots(name))
        return true;
    memcpy(naming->out, name.text, name.length);
    naming->out[name.length] = 0;
    naming->found = true;
    return false;
}

static int name(struct volume *volume, struct volume_file *folder, char *out)
{
    struct naming naming = {.ino = ino_of(folder), .out = out};
    ext4_ino in;
    int error;

    if (naming.ino == EXT4_ROOT) {
        out[0] = 0;
        return 0;
    }
    error = parent_of(volume, folder, &in);
    if (error == 0)
        error = ext4_readdir(fs_of(volume), in, 0, look_for, &naming);
    return error != 0 ? error : naming.found ? 0 : ENOENT;
}

static int make_kind(struct ext4 *fs, ext4_ino folder, const char *called, enum volume_kind kind,
                     uint32_t mode, const char *content, ext4_ino *ino)
{
    const struct ext4_attributes as = {.mode = type_of(kind) | (mode & 07777)};

    if (kind == VOLUME_FOLDER)
        return ext4_mkdir(fs, folder, name_of(called), &as, ino);
    if (kind == VOLUME_LINK)
        return ext4_symlink(fs, folder, name_of(called), &as, name_of(content), ino);
    return ext4_create(fs, folder, name_of(called), &as, ino);
}

static int make(struct volume *volume, struct volume_file *folder, const char *called,
                enum volume_kind kind, uint32_t mode, const char *content, struct volume_file **out)
{
    ext4_ino ino;
    int error = ext4_reserve_hold(fs_of(volume)); /* what is made is held: that cannot fail */

    if (error == 0)
        error = make_kind(fs_of(volume), ino_of(folder), called, kind, mode, content, &ino);
    return error != 0 ? error : hold(volume, ino, out);
}

/* ENOENT: the name is not the file's. */
static int check_name(struct volume *volume, struct volume_file *folder, const char *called,
                      const struct volume_file *file)
{
    ext4_ino ino;
    const int error = ext4_lookup(fs_of(volume), ino_of(folder), name_of(called), &ino);

    return error != 0 ? error : ino == ino_of(file) ? 0 : ENOENT;
}

static int remove_name(struct volume *volume, struct volume_file *folder, const char *called,
                       struct volume_file *file)
{
    struct ext4_attributes of;
    int error = check_name(volume, folder, called, file);

    if (error == 0)
        error = ext4_get_attributes(fs_of(volume), ino_of(file), &of);
    if (error != 0)
        return error;
    return (S_ISDIR(of.mode) ? ext4_rmdir : ext4_unlink)(fs_of(volume), ino_of(folder),
                                                         name_of(called));
}

static int link_name(struct volume *volume, struct volume_file *folder, const char *called,
                     struct volume_file *file)
{
    return ext4_link(fs_of(volume), ino_of(file), ino_of(folder), name_of(called));
}

static int rename_file(struct volume *volume, struct volume_file *folder, const char *called,
                       struct volume_file *file, struct volume_file *to, const char *to_name,
                       struct volume_file *target)
{
    int error = check_name(volume, folder, called, file);
    ext4_ino there;

    if (error == 0 && target != NULL) {
        error = check_name(volume, to, to_name, target);
    } else if (error == 0) {
        error = ext4_lookup(fs_of(volume), ino_of(to), name_of(to_name), &there);
        error = error == 0 ? EEXIST : error == ENOENT ? 0 : error;
    }
    return error != 0 ? error
                      : ext4_rename(fs_of(volume), ino_of(folder), name_of(called), ino_of(to),
                                    name_of(to_name));
}

struct telling {
    volume_entry_fn *entry;
    void *context;
};

static enum volume_kind kind_of_entry(unsigned type)
{
    static const uint8_t kinds[] = {
        [1] = VOLUME_REGULAR, [2] = VOLUME_FOLDER, [3] = VOLUME_CHARACTER, [4] = VOLUME_BLOCK,
        [5] = VOLUME_FIFO,    [6] = VOLUME_SOCKET, [7] = VOLUME_LINK};

    return type < sizeof(kinds) && kinds[type] != 0 ? (enum volume_kind)kinds[type]
                                                    : VOLUME_REGULAR;
}

static bool tell(void *context, struct ext4_name called, ext4_ino ino, unsigned type,
                 uint64_t cursor)
{
    const struct telling *telling = context;
    char text[VOLUME_NAME_MAX];

    if (is_dots(called))
        return true;
    memcpy(text, called.text, called.length);
    text[called.length] = 0;
    return telling->entry(telling->context, text, kind_of_entry(type), ino, cursor);
}

static int entries(struct volume *volume, struct volume_file *folder, uint64_t position,
                   volume_entry_fn *entry, void *context)
{
    struct telling telling = {entry, context};

    return ext4_readdir(fs_of(volume), ino_of(folder), position, tell, &telling);
}

const struct volume_ops ext4_volume = {.format = "ext4",
                                       .serial = serial,
                                       .mount = mount,
                                       .unmount = unmount,
                                       .sync = sync,
                                       .settle = settle,
                                       .problem = problem,
                                       .space = space,
                                       .now = now,
                                       .progress = progress,
                                       .root = root,
                                       .reopen = reopen,
                                       .free_orphans = free_orphans,
                                       .hold = hold_again,
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
                                       .read_link = content_read_link,
                                       .read = content_read,
                                       .write = content_write,
                                       .gather = content_gather,
                                       .lost = content_lost,
                                       .resize = content_resize,
                                       .size_limit = content_size_limit};
