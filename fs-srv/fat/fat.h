/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FAT12, FAT16 and FAT32 with long names, read and written, over a storage (docs/fat.md). A library: it knows no ports, and the time only as it is told.
 *
 *      struct fat *fat;
 *      fat_mount(&storage, &(struct fat_options){.now = clock}, &fat);
 *      fat_lookup(fat_root(fat), "name", &node);  fat_read(node, 0, buffer, sizeof buffer, &got);
 *      fat_release(node);
 *      fat_unmount(fat);
 *
 * F1 One thread calls all of it. Every function returns 0 or what errno would be; results are written on success only.
 * F2 A node lives as long as it has references: whoever is given one has one, and gives it back by fat_release(). There is one node for a file, however often
 *    it is looked up. A file whose name has gone can be read and written until its node is released.
 * F3 What has been done is on the medium when fat_sync() has returned 0, and before it in no other state than docs/fat.md says.
 * F4 Nothing that stands on the medium leads to more than an error. Damage that writing would make worse makes all of it read-only (EROFS).
 * F5 Memory: what fat_options say, and no more.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <storage.h>

struct fat;
struct fat_node;

enum {
    FAT_NAME_MAX = 256, /* bytes of a name in UTF-8, with its NUL */
};

struct fat_options {
    uint32_t cache_blocks; /* of 512 bytes; 0: 512; at least 64 */
    uint32_t nodes;        /* at once; 0: 1024 */
    bool read_only;
    int64_t (*now)(void *context); /* nanoseconds since 1970, UTC; NULL: it is always 1980 */
    void *context;
    void *memory; /* that outlives who mounts, zeroes at first: fat_keep(); page aligned */
    size_t
        memory_size; /* 0: there is none; else at least FAT_MEMORY_LEAST. There are no more cache_blocks than it has room for. */
};

enum { FAT_MEMORY_LEAST = 160 * 1024 };

enum fat_kind { FAT_FILE, FAT_FOLDER };

/** Times are nanoseconds since 1970. */
struct fat_attributes {
    enum fat_kind kind;
    bool
        read_only; /* the attribute of that name: it is told, and kept; nothing here refuses to write because of it */
    uint64_t inode; /* while the file has its name, and again when it is looked up later */
    uint32_t size;
    uint64_t blocks; /* of 512 bytes */
    uint32_t links;  /* 0: its name has gone */
    int64_t accessed, modified, created;
};

/** What fat_set_attributes() changes. */
enum { FAT_SET_READ_ONLY = 1, FAT_SET_ACCESSED = 2, FAT_SET_MODIFIED = 4 };

struct fat_space {
    uint32_t type; /* 12, 16, 32 */
    uint32_t cluster_size;
    uint32_t clusters, free;
    bool read_only;
    bool was_dirty; /* whoever had it last did not unmount it: fsck is worth its while */
    bool damaged;   /* F4 happened */
};

/* ---- mount.c ---- */

/** EINVAL: there is no FAT, or its numbers contradict each other; EIO; ENOMEM. storage has to stay until fat_unmount(). */
int fat_mount(struct storage *storage, const struct fat_options *options, struct fat **out);
/** Sync, mark it clean and forget it; nodes are gone with it. Errors of fat_sync(): it is gone all the same. */
int fat_unmount(struct fat *fat);
/** All that was done is on the medium. EIO: also, once, where a file's data could not be written since the last one. Nothing to do on what is read-only. */
int fat_sync(struct fat *fat);
/** With memory: an operation is over (a release, too), and is there again if whoever called it is killed from here on. */
void fat_keep(struct fat *fat);
/** Counts the free clusters where nobody has yet. EIO. */
int fat_space(struct fat *fat, struct fat_space *out);
/** Why it is only read, though it was mounted to be written; "": nothing is wrong. */
const char *fat_problem(const struct fat *fat);
/** Calls of fat_create(), fat_remove() and fat_rename() that have been done. */
uint64_t fat_progress(const struct fat *fat);
/** The inode that the file of the last of those that was a fat_rename() has had since; 0: none was. Where files were known by their inodes, and who did it was killed, it tells which
 *  one is another. */
uint64_t fat_moved(const struct fat *fat);
/** It has no reference of the caller's. */
struct fat_node *fat_root(struct fat *fat);

/* ---- node.c ---- */

struct fat_node *fat_reference(struct fat_node *node);
/** One reference less. The last one of a file without a name gives its clusters free. */
void fat_release(struct fat_node *node);
/** The folder that holds it. ENOENT: nothing holds it any more; the root is held by itself. */
int fat_parent(struct fat_node *node, struct fat_node **out);
/** A file by the inode that fat_attributes() told of it, before a mount perhaps: all folders are gone through. ESTALE: no name leads to it. EIO, ENFILE: not all of
 *  them could be. */
int fat_reopen(struct fat *fat, uint64_t inode, struct fat_node **out);
/** These are about to be reopened: all are looked for at once, and held until fat_reopened(). Until then nothing else is done. ENOMEM: each will be looked for by itself. */
int fat_reopen_soon(struct fat *fat, const uint64_t *inodes, uint32_t count);
void fat_reopened(struct fat *fat);
void fat_attributes(struct fat_node *node, struct fat_attributes *out);
/** EROFS, EIO, EPERM: of the root. Access is kept by its day. */
int fat_set_attributes(struct fat_node *node, uint32_t which,
                       const struct fat_attributes *attributes);

/* ---- operations.c; errors of all: EROFS (of what changes something), EIO, ENOMEM, ENFILE (options.nodes), ENOTDIR, ENOENT: the folder itself has gone ---- */

/** Long and short names, whatever their case. ENOENT; ENAMETOOLONG. EIO: what the name names cannot be. */
int fat_lookup(struct fat_node *folder, const char *name, struct fat_node **found);
/** EEXIST; ENOSPC; EINVAL: FAT has no such name (control characters, one of \ / : * ? " < > |, a dot or space at the end); EILSEQ: no UTF-8;
 *  ENAMETOOLONG. */
int fat_create(struct fat_node *folder, const char *name, enum fat_kind kind,
               struct fat_node **made);
/** The name of a file, or of an empty folder, goes. ENOTEMPTY; EBUSY: the root. */
int fat_remove(struct fat_node *node);
/** Its name; FAT_NAME_MAX bytes of room. ENOENT: it has none; of the root it is empty. */
int fat_name(struct fat_node *node, char *out);

/** What fat_entries() tells of; false: no more of them now, and this one again. next: position behind it. */
typedef bool fat_entry_t(void *context, const char *name, enum fat_kind kind, uint64_t inode,
                         uint64_t next);
/** Names from position on (0, or a `next`), but "." and "..". Names that stay meanwhile are told once. */
int fat_entries(struct fat_node *folder, uint64_t position, fat_entry_t *tell, void *context);

/* ---- rename.c ---- */

/** node gets the name to_name in `to`. What had that name, `target`, goes; NULL: nobody had. EEXIST: somebody has it who is not target. ENOTEMPTY, EISDIR,
 *  ENOTDIR of the target; EINVAL: a folder into itself; errors of fat_create(). All or nothing. */
int fat_rename(struct fat_node *node, struct fat_node *to, const char *to_name,
               struct fat_node *target);

/* ---- data.c; EISDIR of all ---- */

/** *got 0: the end. EIO: also where fewer clusters are there than the size says. */
int fat_read(struct fat_node *node, uint64_t position, void *to, size_t size, size_t *got);
/** From behind the end on what is between is zeroes. *written may be less than size: no more fits. ENOSPC, EFBIG: nothing does. */
int fat_write(struct fat_node *node, uint64_t position, const void *from, size_t size,
              size_t *written);
/** ENOSPC, EFBIG: nothing has changed. */
int fat_resize(struct fat_node *node, uint64_t size);

/* ---- format.c ---- */

struct fat_format {
    uint32_t type;         /* 12, 16, 32; 0: as the size suggests */
    uint32_t sector_size;  /* 512 to 4096; 0: 512 */
    uint32_t cluster_size; /* to 64 KiB; 0: as type and size suggest */
    uint32_t serial;       /* of the volume */
    bool small_32;         /* for tests: type 32 of less than 65,525 clusters */
    uint32_t hidden;       /* sectors before it on the card: where its partition begins */
    const char *label;     /* up to 11 letters; NULL: none */
};
/** Make an empty file system in all of the storage. EINVAL: there is none of this type and these sizes, or the label; EIO. What was there goes first; before its boot sector is written, last, there is none. */
int fat_format(struct storage *storage, const struct fat_format *format);
