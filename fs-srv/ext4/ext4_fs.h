/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ext4 on a <storage.h>, safe against power cuts (docs/ext4.md).
 *
 * E1 An operation happens as a whole or not at all; operations come back after a cut in the order in which they were made, up to one that is at least the last
 *    that ext4_fsync() or ext4_sync() covered. Writing and truncating much is several operations.
 * E2 File data that was written before ext4_fsync() returned 0 is there after a cut.
 * E3 All calls for one file system are made by one thread at a time.
 * E4 After an error of the medium in metadata, or damage that was found, the file system is read-only and ext4_problem() says why.
 *
 * Functions return 0 or what errno would be: EBADMSG is damage, EROFS read-only, ENOTSUP something of ext4 that is not supported.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <storage.h>

struct ext4;
typedef uint32_t ext4_ino;

enum {
    EXT4_ROOT = 2,
    EXT4_NAME = 255,
};

/** Flags of ext4_mount(). */
enum {
    EXT4_READ_ONLY = 1,
    EXT4_KEEP_ORPHANS = 2, /* until ext4_free_orphans() */
};

struct ext4_time {
    int64_t seconds;
    uint32_t nanoseconds;
};

struct ext4_attributes {
    ext4_ino ino;
    uint32_t mode; /* with the type, S_IFREG and so on as Linux has them */
    uint32_t links, uid, gid;
    uint64_t size, sectors;
    uint32_t device; /* of a device file, as the disk has it */
    struct ext4_time accessed, modified, changed, created;
};

/** What ext4_set_attributes() sets. */
enum {
    EXT4_SET_MODE = 1, /* without the type */
    EXT4_SET_UID = 2,
    EXT4_SET_GID = 4,
    EXT4_SET_ACCESSED = 8,
    EXT4_SET_MODIFIED = 16,
};

struct ext4_statistics {
    uint32_t block_size;
    uint64_t blocks, free_blocks, available_blocks; /* without those kept back */
    uint64_t inodes, free_inodes;
    bool read_only;
};

struct ext4_name {
    const char *text; /* need not end with NUL */
    size_t length;
};

/** Replays the journal, frees orphans; `flags`: EXT4_READ_ONLY writes only what a replay must. */
[[nodiscard]] int ext4_mount(struct storage *storage, unsigned flags, struct ext4 **fs);
/** Memory that outlives who has mounted it, zeroes at first: an operation that has returned is there again when its server was killed. size 0: there is none. */
struct ext4_memory {
    void *at;
    size_t size;
};
/** ext4_mount() with memory; EINVAL also: it is too small. */
[[nodiscard]] int ext4_mount_surviving(struct storage *storage, unsigned flags,
                                       const struct ext4_memory *memory, struct ext4 **fs);
/** Writes all that is not written and marks the file system clean. It is gone even if this fails. */
int ext4_unmount(struct ext4 *fs);
/** As if power had failed: nothing is written. */
void ext4_abandon(struct ext4 *fs);
/** Where times come from; without one, from time(). */
void ext4_set_clock(struct ext4 *fs, void (*clock)(struct ext4_time *time));
/** The time of what is changed now: never before the file system was made or written to. */
struct ext4_time ext4_now(struct ext4 *fs);
/** Why it is read-only; "" if nothing is wrong. */
const char *ext4_problem(const struct ext4 *fs);
bool ext4_is_read_only(const struct ext4 *fs);
/** Operations that have made, removed or changed a name. */
uint64_t ext4_progress(const struct ext4 *fs);

[[nodiscard]] int ext4_lookup(struct ext4 *fs, ext4_ino folder, struct ext4_name name,
                              ext4_ino *ino);
/** A file of any type but directories and symbolic links; `mode` has the type. */
[[nodiscard]] int ext4_create(struct ext4 *fs, ext4_ino folder, struct ext4_name name,
                              const struct ext4_attributes *as, ext4_ino *ino);
[[nodiscard]] int ext4_mkdir(struct ext4 *fs, ext4_ino folder, struct ext4_name name,
                             const struct ext4_attributes *as, ext4_ino *ino);
[[nodiscard]] int ext4_symlink(struct ext4 *fs, ext4_ino folder, struct ext4_name name,
                               const struct ext4_attributes *as, struct ext4_name target,
                               ext4_ino *ino);
[[nodiscard]] int ext4_link(struct ext4 *fs, ext4_ino ino, ext4_ino folder, struct ext4_name name);
[[nodiscard]] int ext4_unlink(struct ext4 *fs, ext4_ino folder, struct ext4_name name);
[[nodiscard]] int ext4_rmdir(struct ext4 *fs, ext4_ino folder, struct ext4_name name);
/** Replaces what `new_name` was, as rename() does. */
[[nodiscard]] int ext4_rename(struct ext4 *fs, ext4_ino folder, struct ext4_name name,
                              ext4_ino new_folder, struct ext4_name new_name);
/** The text, cut at `size` and without NUL. */
[[nodiscard]] int ext4_readlink(struct ext4 *fs, ext4_ino ino, char *to, size_t size, size_t *got);

/** An entry; `cursor` continues behind it. Returns whether to go on. */
typedef bool ext4_entry_fn(void *context, struct ext4_name name, ext4_ino ino, unsigned type,
                           uint64_t cursor);
/** Entries from `cursor` on (0: the first). What is there all the time comes once however others come and go. */
[[nodiscard]] int ext4_readdir(struct ext4 *fs, ext4_ino folder, uint64_t cursor,
                               ext4_entry_fn *entry, void *context);

[[nodiscard]] int ext4_read(struct ext4 *fs, ext4_ino ino, uint64_t offset, void *to, size_t size,
                            size_t *got);
/** `written` may be less than `size` only with an error. */
[[nodiscard]] int ext4_write(struct ext4 *fs, ext4_ino ino, uint64_t offset, const void *from,
                             size_t size, size_t *written);
/** The same of what was changed at another time: that is the file's. */
[[nodiscard]] int ext4_write_of(struct ext4 *fs, ext4_ino ino, struct ext4_time modified,
                                uint64_t offset, const void *from, size_t size, size_t *written);
/** Small writes from there on are gathered, 1 MiB at most, and go to their places together when what was done is written; an error then is told by
 *  ext4_take_lost(). Whether there is room for more, before all of it has to be written. */
bool ext4_gather(struct ext4 *fs, bool gathers);
/** A file of which data was lost that had been gathered, and why; *ino 0: it is not known which. False: there is no other. */
bool ext4_take_lost(struct ext4 *fs, ext4_ino *ino, int *error);
/** The largest size that this file can have. */
uint64_t ext4_size_limit(struct ext4 *fs, ext4_ino ino);
[[nodiscard]] int ext4_truncate(struct ext4 *fs, ext4_ino ino, uint64_t size);
[[nodiscard]] int ext4_get_attributes(struct ext4 *fs, ext4_ino ino,
                                      struct ext4_attributes *attributes);
[[nodiscard]] int ext4_set_attributes(struct ext4 *fs, ext4_ino ino, unsigned which,
                                      const struct ext4_attributes *attributes);

/** An open file keeps its contents when its last name goes, until it is released as often as it was held. */
[[nodiscard]] int ext4_hold(struct ext4 *fs, ext4_ino ino);
[[nodiscard]] int ext4_release(struct ext4 *fs, ext4_ino ino);
/** The next ext4_hold() has the memory that it needs. */
[[nodiscard]] int ext4_reserve_hold(struct ext4 *fs);
/** Whether an inode that somebody remembers is a file still, be it on the list of orphans: 0. ENOENT: there is no such number; ESTALE: it is no file, or has gone. */
[[nodiscard]] int ext4_is_file(struct ext4 *fs, ext4_ino ino);

/** Frees files without names that nobody holds, and ends truncations that were interrupted: after a server that was killed has got its open files back. */
[[nodiscard]] int ext4_free_orphans(struct ext4 *fs);

[[nodiscard]] int ext4_fsync(struct ext4 *fs, ext4_ino ino);
[[nodiscard]] int ext4_sync(struct ext4 *fs);
/** ext4_sync(), and all goes to its place: for idle times, it makes the next mount short. */
[[nodiscard]] int ext4_checkpoint(struct ext4 *fs);
void ext4_get_statistics(struct ext4 *fs, struct ext4_statistics *statistics);
