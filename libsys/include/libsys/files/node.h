/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a file server describes: nodes, by operations. Everything else of interfaces/file.defs (ports, offsets, paths, symbolic links,
 * mounts, waits, checks) is the framework's (fs-srv/framework/, docs/files.md).
 *
 * A server embeds a struct file_node in what it calls a file. One thread calls all of it. Operations return KERN_SUCCESS or
 * unix_error(E); one that is NULL answers what each says. No operation waits for anything: what cannot be done now is EAGAIN,
 * and file_node_changed() when it can.
 *
 * N1 A node lives as long as it has references. Whoever is given one by `found` or `made` has a reference of his own; `unused` is called
 *    when the last has gone. A server that keeps a node for a name of its own holds a reference for that.
 * N2 Names are 1 to FILE_NAME_MAX - 1 bytes, end in a NUL, hold no slash, and are neither "." nor "..".
 * N3 The framework has checked kinds and rights before it calls: read comes only through an open for reading, remove with
 *    the kind of node that was asked for, rename never puts a folder into itself.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wharf/if/file_types.h>
#include <wharf/message.h>
#include <wharf/unix_error.h>

struct file_node;
struct file_open;
struct file_server;
struct file_waiting;
struct file_cover;
struct byte_lock;
struct lock_owner;
struct file_entries;
struct lasting_open;

struct file_node_ops {
    /* ---- every node ---- */

    /** All of it but `kind`, which is filled in. Never fails, and has to be there. */
    void (*attributes)(struct file_node *node, struct file_attributes *out);
    /** which: FILE_SET_ but SIZE (that is resize) and NOW (the times are filled in). NULL: EPERM. */
    kern_return_t (*set_attributes)(struct file_node *node, uint32_t which,
                                    const struct file_attributes *attributes);
    /** Nobody has a reference any more. NULL: nothing is to be done. */
    void (*unused)(struct file_node *node);
    /** It is on the medium. NULL: it is at once. */
    kern_return_t (*sync)(struct file_node *node, bool data_only);
    /** NULL: ENOSYS. */
    kern_return_t (*get_system)(struct file_node *node, struct file_system *out);

    /* ---- folders ---- */

    /** ENOENT: there is none. */
    kern_return_t (*lookup)(struct file_node *folder, const char *name, struct file_node **found);
    /** The folder that holds it; of one that was removed, ENOENT. Not asked for of the server's roots. */
    kern_return_t (*parent)(struct file_node *folder, struct file_node **found);
    /** Its name there, FILE_NAME_MAX bytes of room. Only for lists of mounts. NULL: they are not told. */
    kern_return_t (*name)(struct file_node *folder, char *out);
    /** A new node: REGULAR, FOLDER, FIFO, or LINK to `content`. The name was not there. NULL: EROFS. */
    kern_return_t (*make)(struct file_node *folder, const char *name, uint32_t kind, uint32_t mode,
                          const char *content, struct file_node **made);
    /** The name goes; node is what it names. ENOTEMPTY. NULL: EROFS. */
    kern_return_t (*remove)(struct file_node *folder, const char *name, struct file_node *node);
    /** Another name for `node`, which is no folder. NULL: EROFS. */
    kern_return_t (*link)(struct file_node *folder, const char *name, struct file_node *node);
    /** `node` gets the name to_name in `to` in place of `name` in `folder`. target: what had that name, and goes; or NULL. ENOTEMPTY: a folder. All or nothing.
     *  NULL: EROFS. */
    kern_return_t (*rename)(struct file_node *folder, const char *name, struct file_node *node,
                            struct file_node *to, const char *to_name, struct file_node *target);
    /** file_entries_add() for names from `position` on, until there are no more or it says so. position: 0 to begin, or a `next` that was
     *  given before; names that stay meanwhile are told once. */
    void (*entries)(struct file_node *folder, uint64_t position, struct file_entries *entries);

    /** A pipe without a name. NULL: ENOSYS. */
    kern_return_t (*make_pipe)(struct file_node *folder, uint32_t flags, mach_port_name_t *reader,
                               mach_port_name_t *writer);

    /* ---- symbolic links ---- */

    /** FILE_PATH_MAX bytes of room, ended by a NUL. */
    kern_return_t (*read_link)(struct file_node *node, char *out);

    /* ---- what is opened ---- */

    /** open->flags and node are set. NULL: nothing is to be done. */
    kern_return_t (*opened)(struct file_open *open);
    void (*closed)(struct file_open *open);
    /** position: a place in it; of one without places (not seekable), to be ignored. *got 0: the end. NULL: EINVAL. */
    kern_return_t (*read)(struct file_open *open, uint64_t position, void *to, uint32_t size,
                          uint32_t *got);
    kern_return_t (*write)(struct file_open *open, uint64_t position, const void *from,
                           uint32_t size, uint32_t *written);
    /** What `read` gave last is in it again, before all else: it reached nobody. Nothing has been done with the node meanwhile. NULL: nobody can await what is read (await). */
    void (*take_back)(struct file_open *open, const void *bytes, uint32_t size);
    /** Its length, where it is seekable. */
    uint64_t (*size)(struct file_node *node);
    /** NULL: EINVAL. */
    kern_return_t (*resize)(struct file_node *node, uint64_t size);
    /** As file.map; offset is a multiple of a page, length not 0. entry: a send right that goes to the client. NULL: ENODEV. */
    kern_return_t (*map)(struct file_open *open, uint64_t offset, uint64_t length,
                         uint32_t protection, bool private, mach_port_name_t *entry,
                         uint64_t *entry_offset, uint64_t *mapped);
    /** What map gives shows what read reads, as long as it is mapped: clients may read there (file.claim). It has a size. */
    bool maps_content;
    /** Those that hold now. NULL: it can always be read and written. */
    uint32_t (*events)(struct file_open *open);
    /** output: FILE_CONTROL_MAX bytes of room. NULL: ENOTTY. */
    kern_return_t (*control)(struct file_open *open, uint32_t request, const void *input,
                             uint32_t size, void *output, uint32_t *output_size);
};

/** The framework's part of a node. The server fills in ops, kind and seekable, and begins with references 1 (its own) or more. */
struct file_node {
    const struct file_node_ops *ops;
    uint32_t references;
    uint8_t kind;  /* FILE_KIND_ */
    bool seekable; /* it has places, and a size */
    bool is_root;  /* of the server: `..` is the framework's */
    bool
        names_caller; /* a LINK to the entry beside it whose name is the pid of who walks; read_link is not asked */
    uint8_t telling;              /* the framework's: enum in wait.c */
    struct file_waiting *waiting; /* the framework's: who waits at it */
    struct file_cover *cover;     /* the framework's: what is mounted on it */
    struct byte_lock *locks;      /* the framework's */
};

/** An open. */
struct file_open {
    struct file_node *node; /* with a reference; NULL: the slot is free */
    struct file_server *server;
    uint32_t flags;        /* FILE_ flags of open that stay */
    bool held;             /* a root's: it is never closed */
    mach_port_name_t port; /* receive right; null: it gets one when it is used */
    uint32_t made;         /* send rights that were made of it */
    uint32_t waits;        /* that are waiting here */
    uint32_t locks;        /* that were made through it */
    uint64_t offset;
    uint64_t state;               /* the server's own */
    struct lasting_open *lasting; /* the framework's: what outlives the program of it; or NULL */
    mach_port_name_t above;       /* of a root: where `..` is, a send right; or null */
    uint32_t number;              /* of a root: of the program's services */
    uint32_t next_free;
};

static inline struct file_node *file_node_reference(struct file_node *node)
{
    node->references++;
    return node;
}

/** One reference less. */
static inline void file_node_release(struct file_node *node)
{
    if (--node->references == 0 && node->ops->unused)
        node->ops->unused(node);
}

/** Nanoseconds since 1970, or since boot where nobody knows the time. */
int64_t file_server_time(void);

/** Events may hold that did not: answers who waits. */
void file_node_changed(struct file_server *server, struct file_node *node);

/** Bytes for who awaits some, at a node that has none to be read: he has them by the answer. Returns how many that was; the rest is to be written as ever.
 *  0: nobody awaits any. */
uint32_t file_node_give(struct file_server *server, struct file_node *node, const void *bytes,
                        uint32_t size);

/** Add to what a server tells of a folder. False: there is no room, this one is to be told when it is asked for again. next: where
 *  `entries` goes on behind it. */
bool file_entries_add(struct file_entries *entries, uint64_t inode, uint32_t kind, const char *name,
                      uint64_t next);
