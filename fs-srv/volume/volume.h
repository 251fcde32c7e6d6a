/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mounted file system, whatever its format: what the server of this folder (serve.h) asks of ext4 and FAT (fs-srv/ext4/volume.c, fs-srv/fat/volume.c).
 *
 * U1 One thread at a time calls all of it: who does has the server's lock. None of it touches memory that a file server supplies.
 * U2 A file is named by a handle. Whoever is given one holds the file, and gives it up by release() as often as he was given it: until then the file can be read and
 *    written, whatever becomes of its names. The same file has the same handle as long as anybody holds it.
 * U3 Functions return 0 or what errno would be. Results are written on success only.
 * U4 What a killed server had done is there again for its successor (volume_memory). The power's failing takes what sync() has not covered, in the order in
 *    which it was done, and leaves a file system that is whole.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <storage.h>

struct volume;
struct volume_file; /* only as a handle; ext4 has none of the kind behind it */

enum volume_kind {
    VOLUME_REGULAR = 1,
    VOLUME_FOLDER = 2,
    VOLUME_LINK = 3,
    VOLUME_FIFO = 4,
    VOLUME_CHARACTER = 5,
    VOLUME_BLOCK = 6,
    VOLUME_SOCKET = 7
}; /* as FILE_KIND_ */

enum { VOLUME_NAME_MAX = 256 /* with NUL */ };

/** Times are nanoseconds since 1970. */
struct volume_attributes {
    enum volume_kind kind;
    uint32_t mode; /* without the type */
    uint32_t links, uid, gid;
    uint64_t inode; /* volume_ops.reopen finds the file by it */
    uint64_t rdev, size, blocks /* of 512 bytes */;
    int64_t accessed, modified, changed;
};

/** What set_attributes changes. */
enum {
    VOLUME_SET_MODE = 1,
    VOLUME_SET_UID = 2,
    VOLUME_SET_GID = 4,
    VOLUME_SET_ACCESSED = 8,
    VOLUME_SET_MODIFIED = 16,
};

struct volume_space {
    uint32_t block_size;
    uint64_t blocks, free, files, files_free;
    bool read_only;
};

/** Memory that outlives a server that is killed, and was zeroes when the first one began: what a volume has to keep of operations that are done and not yet on the
 *  card. size 0: there is none, and U4 ends at a kill. */
struct volume_memory {
    void *at; /* page aligned */
    size_t size;
};

struct volume_options {
    bool read_only;
    bool
        keep_orphans; /* until free_orphans(): files without names are held by opens of a server that was killed */
    struct volume_memory memory;
};

/** False: no more of them, this one is to be told again. next: the position behind it. */
typedef bool volume_entry_fn(void *context, const char *name, enum volume_kind kind, uint64_t inode,
                             uint64_t next);

struct volume_ops {
    const char *format; /* "ext4" */
    bool fills;         /* it has no holes: a file that gets longer is filled */

    /** A number that the file system was given when it was made: another card has another. Before mount(). EIO, EINVAL. */
    int (*serial)(struct storage *storage, uint64_t *out);
    /** storage stays until unmount() or abandon(). EINVAL: it is no such file system. */
    int (*mount)(struct storage *storage, const struct volume_options *options,
                 struct volume **out);
    /** All is on the card, and marked clean. It is gone even after an error; memory holds nothing then. */
    int (*unmount)(struct volume *volume);
    /** Everything that was done is on the card. */
    int (*sync)(struct volume *volume);
    /** The medium is idle: what makes the next mount or sync short may be done. */
    int (*settle)(struct volume *volume);
    /** Why it may only be read, though it was mounted to be written; "": nothing is wrong. */
    const char *(*problem)(struct volume *volume);
    int (*space)(struct volume *volume, struct volume_space *out);

    /** The time of what is changed now: no format has all times, and a board without a clock begins in 1970. */
    int64_t (*now)(struct volume *volume);
    /** How many operations that change names (make, remove, link, rename) have been done, those of killed predecessors with the same memory included. A successor
     *  counts an operation that its predecessor was killed in if and only if its effect is there. */
    uint64_t (*progress)(struct volume *volume);
    /** The inode that the file of the last rename among those has had since: a rename gives it another one, and what has no name any more is not found again. NULL: inodes are
     *  for good. */
    uint64_t (*moved)(struct volume *volume);

    /** Held for good. */
    struct volume_file *(*root)(struct volume *volume);
    /** These are about to be reopened, and nothing else is done until free_orphans(): a format that has to look for them does it once for all. What it cannot do reopen()
     *  does. NULL: it knows where they are. */
    int (*reopen_soon)(struct volume *volume, const uint64_t *inodes, uint32_t count);
    /** A file that an earlier server's volume told this inode of, though it may have no name any more. ENOENT, ESTALE. */
    int (*reopen)(struct volume *volume, uint64_t inode, struct volume_file **out);
    /** All that an earlier server had open is open again: other files without names go. */
    int (*free_orphans)(struct volume *volume);
    /** Once more (U2). */
    int (*hold)(struct volume *volume, struct volume_file *file);
    void (*release)(struct volume *volume, struct volume_file *file);

    int (*attributes)(struct volume *volume, struct volume_file *file,
                      struct volume_attributes *out);
    int (*set_attributes)(struct volume *volume, struct volume_file *file, uint32_t which,
                          const struct volume_attributes *attributes);

    /* names are 1 to VOLUME_NAME_MAX - 1 bytes, without a slash, and neither "." nor ".." */
    int (*lookup)(struct volume *volume, struct volume_file *folder, const char *name,
                  struct volume_file **out);
    /** The folder that holds a folder. */
    int (*parent)(struct volume *volume, struct volume_file *folder, struct volume_file **out);
    /** The name of a folder in it, VOLUME_NAME_MAX bytes of room. */
    int (*name)(struct volume *volume, struct volume_file *folder, char *out);
    /** content: of a LINK. EPERM: the format has no such kind. */
    int (*make)(struct volume *volume, struct volume_file *folder, const char *name,
                enum volume_kind kind, uint32_t mode, const char *content,
                struct volume_file **out);
    /** The name of `file` goes; of a folder that has to be empty. */
    int (*remove)(struct volume *volume, struct volume_file *folder, const char *name,
                  struct volume_file *file);
    int (*link)(struct volume *volume, struct volume_file *folder, const char *name,
                struct volume_file *file);
    /** target: what has the new name, and goes; or NULL. */
    int (*rename)(struct volume *volume, struct volume_file *folder, const char *name,
                  struct volume_file *file, struct volume_file *to, const char *to_name,
                  struct volume_file *target);
    /** Names from position on (0, or a `next`), but "." and "..". */
    int (*entries)(struct volume *volume, struct volume_file *folder, uint64_t position,
                   volume_entry_fn *entry, void *context);
    /** The text, with NUL, in `size` bytes. */
    int (*read_link)(struct volume *volume, struct volume_file *file, char *to, size_t size);

    /** *got less than size: the end. */
    int (*read)(struct volume *volume, struct volume_file *file, uint64_t offset, void *to,
                size_t size, size_t *got);
    /** modified: when the file was changed; 0: now. *written less than size: only before an error, which the next call tells. */
    int (*write)(struct volume *volume, struct volume_file *file, int64_t modified, uint64_t offset,
                 const void *from, size_t size, size_t *written);
    /** From there on small writes may be kept, to go to the medium with those of other files, at the latest with sync(), or not any more; a write that failed then is told
     *  by lost(). Whether there is room for more of them. NULL: the format knows no such thing. */
    bool (*gather)(struct volume *volume, bool gathers);
    /** Why what had been kept of a file is lost, and its inode, 0: that is not known. 0: there is no other. NULL: the format knows no such thing. */
    int (*lost)(struct volume *volume, uint64_t *inode);
    int (*resize)(struct volume *volume, struct volume_file *file, uint64_t size);
    /** The largest size of this file; for more: EFBIG. */
    uint64_t (*size_limit)(struct volume *volume, struct volume_file *file);
};

extern const struct volume_ops ext4_volume, fat_volume;
