/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file system in memory: the root of all (docs/files.md). A node is a folder, a regular file, a symbolic link, a pipe, or a device.
 *
 * F1 A name holds a reference of its node: so a node without names and opens is nobody's, and goes.
 * F2 What clients can make grows `used` by what it takes, and nothing grows it above `limit`: what is beyond that is ENOSPC, and there
 *    is always memory for opens and messages.
 * F3 The archive is read where it lies, and is never written.
 */
#pragma once

#include <errno.h>
#include <libsys/archive.h>
#include <libsys/files/pipe.h>
#include <libsys/files/server.h>

enum { PAGE = 4096, BLOCK = 512 };

struct memfs_node;
struct limbo;

/* ---- content (content.c) ---- */

/** Pages of a file that are in memory of our own. */
struct extent {
    uint64_t page; /* first one, in the file */
    uint32_t pages;
    uint8_t *at;
};

/** Bytes that no extent covers are the base's, and zero behind its end. Extents are in order, and do not overlap; behind `size` they hold
 *  zeroes. */
struct content {
    uint64_t size;
    const uint8_t *base; /* in the archive */
    uint64_t base_size;
    struct extent *extents;
    uint32_t count, room;
    uint64_t pages; /* in them */
    struct limbo *
        limbo; /* where they go: somebody may map what is in extents, and they stay where they are. NULL: nobody does */
};

/* ---- folders (folder.c) ---- */

struct memfs_entry {
    struct memfs_entry *hash_next;
    struct memfs_node *folder; /* no reference: it stays as long as it has names */
    struct memfs_node *node;   /* with a reference */
    uint64_t position;
    uint32_t index; /* in the folder's order */
    uint32_t hash;
    uint32_t size; /* charged */
    char name[];
};

struct folder {
    struct memfs_entry **order; /* by position; NULL where one has gone */
    uint32_t count, room, live;
    uint64_t next_position;
    struct memfs_entry *self; /* its own name; NULL: it has none any more, or is the root */
};

enum device { DEVICE_NULL, DEVICE_ZERO, DEVICE_FULL, DEVICE_RANDOM, DEVICE_URANDOM };

struct memfs_node {
    struct file_node node; /* first */
    struct memfs *fs;
    uint64_t inode;
    uint32_t mode, links, uid, gid;
    int64_t accessed, modified, changed;
    union {
        struct content content;
        struct folder folder;
        struct pipe pipe;
        char *link;
        enum device device;
    };
};

struct memfs {
    struct file_server *server;
    uint64_t limit, used; /* bytes */
    uint64_t next_inode, nodes;
    struct memfs_entry **buckets;
    uint32_t bucket_count; /* a power of two */
    uint32_t entries;
    struct memfs_node *root;
    struct limbo *limbo;             /* of files that are gone (limbo.c) */
    uint64_t swept;                  /* moment at which all of it was looked at; 0: never */
    mach_port_name_t archive_memory; /* memory entry in which the archive lies, or null */
    uint64_t archive_offset;         /* there */
    struct archive archive;
};

static inline struct memfs_node *memfs_of(struct file_node *node)
{
    return (struct memfs_node *)node;
}

/* ---- node.c ---- */

/** Count `bytes` more in use; false: that would be above the limit. */
bool memfs_charge(struct memfs *fs, uint64_t bytes);
void memfs_uncharge(struct memfs *fs, uint64_t bytes);
/** A node without a name, with one reference. NULL: ENOSPC. */
struct memfs_node *memfs_make_node(struct memfs *fs, uint32_t kind, uint32_t mode);
void memfs_attributes(struct file_node *node, struct file_attributes *out);
kern_return_t memfs_set_attributes(struct file_node *node, uint32_t which,
                                   const struct file_attributes *attributes);
void memfs_unused(struct file_node *node);
kern_return_t memfs_get_system(struct file_node *node, struct file_system *out);
/** Its content was written. */
void memfs_written(struct memfs_node *node);

extern const struct file_node_ops folder_ops, regular_ops, link_ops, pipe_ops, device_ops;

/** An empty file system with its root. KERN_RESOURCE_SHORTAGE. */
kern_return_t memfs_begin(struct memfs *fs, struct file_server *server, uint64_t limit);
/** Folders of every system, devices, and what is in fs->archive. Stops at the first error; KERN_BAD_FORMAT: the archive is broken. */
kern_return_t memfs_fill(struct memfs *fs);

/* ---- folder.c ---- */

struct memfs_entry *folder_find(struct memfs_node *folder, const char *name);
/** Another name; EEXIST is not looked for. */
kern_return_t folder_add(struct memfs_node *folder, const char *name, struct memfs_node *node);
/** Make, by path from the root, with the folders that are missing. made: no reference. */
kern_return_t memfs_make_path(struct memfs *fs, const char *path, uint32_t kind, uint32_t mode,
                              struct memfs_node **made);
/** The same with a symbolic link at the end. */
kern_return_t memfs_make_link(struct memfs *fs, const char *path, const char *content);
/** What a folder holds beside its entries is given back. */
void folder_free(struct memfs_node *folder);

/* ---- content.c ---- */

uint32_t content_read(const struct content *content, uint64_t at, void *to, uint32_t size);
/** *written may be less than size: then there is no room for more. ENOSPC: not for one byte. */
kern_return_t content_write(struct memfs *fs, struct content *content, uint64_t at,
                            const void *from, uint32_t size, uint32_t *written);
void content_resize(struct memfs *fs, struct content *content, uint64_t size);
void content_free(struct memfs *fs, struct content *content);
/** The extent with `page` in it, which is made if there is none, for up to `pages`. ENOSPC. */
kern_return_t content_extent(struct memfs *fs, struct content *content, uint64_t page,
                             uint64_t pages, struct extent *extent);
/** Pages of an extent that is no file's any more. */
void content_give_back(struct memfs *fs, uint8_t *at, uint64_t pages);
/** Is the page in an extent? gap: if not, pages up to the next one, `most` at most. */
bool content_has(const struct content *content, uint64_t page, uint64_t most, uint64_t *gap);

/* ---- limbo.c ---- */

/** Before what is in extents may be mapped by others. False: there is no room. */
bool limbo_prepare(struct memfs *fs, struct content *content);
/** The file goes: its extents, and the charge for them, are kept here while others have them. */
void limbo_take(struct memfs *fs, struct content *content);
/** Give back what nobody else has any more; not more often than is of use. */
void limbo_sweep(struct memfs *fs);

/* ---- pipe.c ---- */

/** Both ends of a new one without a name. */
kern_return_t pipe_make(struct file_node *folder, uint32_t flags, mach_port_name_t *reader,
                        mach_port_name_t *writer);
