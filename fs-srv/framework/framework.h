/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the framework share. <libsys/files/server.h> says what it is.
 */
#pragma once

#include <errno.h>
#include <libsys/files/server.h>
#include <stddef.h>
#include <wharf/if/file.h>

enum {
    LINKS_MAX = 40, /* symbolic links in one walk */
};

/* Flags of open that an open keeps, and those of them that change. */
#define FLAGS_KEPT                                                                                 \
    (FILE_READ | FILE_WRITE | FILE_APPEND | FILE_NONBLOCK | FILE_PATH | FILE_SYNC | FILE_EXECUTE | \
     FLAG_MOUNTS)
#define FLAGS_CHANGE (FILE_APPEND | FILE_NONBLOCK | FILE_SYNC)
#define FLAGS_ALL    UINT32_C(0xfff)
/* Not of the interface: what comes through this open may be mounted on. */
#define FLAG_MOUNTS  UINT32_C(0x80000000)

/* ---- opens (open.c) ---- */

/** A slot with these flags; `node` is referenced. ENFILE; errors of ops->opened. */
kern_return_t open_make(struct file_server *server, struct file_node *node, uint32_t flags,
                        struct file_open **out);
/** The slot with this number, made if it is not there; it has no port then. NULL: there is no memory. */
struct file_open *open_slot(struct file_server *server, uint32_t index);
/** All slots without a node are free. */
void open_list_free(struct file_server *server);
/** Its node is told that it is open. */
kern_return_t open_tell(struct file_open *open);
void open_tell_closed(struct file_open *open);
/** From here on it closes when nobody has a right any more. */
kern_return_t open_await_end(struct file_open *open);
/** A send right to it that can be moved, and from here on it closes when the last has gone. On an error it is closed. */
kern_return_t open_give(struct file_open *open, mach_port_name_t *right);
void open_close(struct file_open *open);
/** The open whose receive right has this name; NULL: it is none of ours. */
struct file_open *open_of_port(const struct file_server *server, mach_port_name_t port);
/** What a message came through; NULL: no open. context is the server. */
struct file_open *open_of(const struct server_message *message);

/* ---- walks (walk.c) ---- */

enum walk_flags {
    WALK_FOLLOW = 1, /* a symbolic link at the end */
    WALK_STOP = 2,   /* at a mount point at the end */
};

struct walk {
    struct file_server *server;
    unsigned flags;
    uint32_t outcome;      /* FILE_OUTCOME_; beside DONE only these count: */
    mach_port_name_t port; /* of ELSEWHERE: not a reference of ours */
    const char *rest;      /* in path */
    /* DONE: */
    struct file_node
        *folder; /* that holds the name at the end, with a reference; NULL: the path ends in none */
    struct file_node *node; /* what is there, with a reference; NULL: nothing of that name */
    bool slash;             /* at the end */
    unsigned links;
    char name[FILE_NAME_MAX];
    char path[FILE_PATH_MAX]; /* what is still to be walked */
    char link[FILE_PATH_MAX];
};

/** From `open` along `path`. Errors: ENOENT (a name before the last), ENOTDIR, ELOOP, ENAMETOOLONG, ESTALE, the server's.
 *  Afterwards walk_end() is called, also after an error. */
kern_return_t walk_begin(struct walk *walk, struct file_open *open, const char *path,
                         unsigned flags);
void walk_end(struct walk *walk);
/** What is above a root of ours; MSG_NULL: nothing. */
mach_port_name_t walk_above(const struct file_server *server, const struct file_node *root);
/** Tell the client where the walk has left: port is a send right to be moved, or null. */
kern_return_t walk_leave(const struct walk *walk, uint32_t *outcome, mach_port_name_t *port,
                         char *rest);

/* ---- the root of all (root.c) ---- */

/** The walk is at the root of all, or at what covers it, and goes on in the other of the two: it has left. */
bool root_leave(struct walk *walk);

/* ---- waits (wait.c) ---- */

/** A lock that somebody asks for: bytes from start to last. */
struct lock_wanted {
    struct file_open *open;
    struct lock_owner *owner; /* NULL: the open */
    uint64_t start, last;
    uint32_t kind; /* FILE_LOCK_ */
};

/** Nobody waits at it any more: it is closed. */
void wait_cancel(struct file_open *open);
kern_return_t serve_wait(struct server_message *message, uint32_t events, uint64_t token,
                         uint32_t *holding);
kern_return_t serve_poll(struct server_message *message, uint32_t events, uint32_t *holding);
kern_return_t serve_watch(struct server_message *message, uint32_t events, uint64_t token,
                          mach_port_name_t notify);

kern_return_t serve_await(struct server_message *message, uint32_t size, uint64_t token, void *data,
                          uint32_t *got);
kern_return_t serve_abandon(struct server_message *message, uint64_t token);

/** Locks of the node have gone: who waits for one, and finds nothing in the way, is told. */
void wait_lock_changed(struct file_server *server, struct file_node *node);
/** This owner is no more. */
void wait_lock_forget(struct file_server *server, struct file_node *node,
                      const struct lock_owner *owner);
/** Answered when it may be had. MIG_NO_REPLY; ENOMEM. */
kern_return_t wait_lock_later(struct server_message *message, const struct lock_wanted *wanted,
                              uint64_t token);

/* ---- locks (lock.c) ---- */

/** A process, by the port that it sends along. */
struct lock_owner {
    struct lock_owner *next;
    mach_port_name_t name; /* a send right, and one reference */
    uint32_t users;        /* locks, and those who wait */
    uint32_t number;       /* lasting.h's + 1; 0: it ends with the program */
};

/** It may be had now. */
bool lock_is_free(const struct lock_wanted *wanted);
/** One who keeps it more, or less; NULL: nothing. */
void lock_use_owner(struct lock_owner *owner);
void lock_release_owner(struct file_server *server, struct lock_owner *owner);
/** The open closes. */
void lock_closed(struct file_open *open);
/** A right's port has died: was it an owner? */
void lock_owner_dead(struct file_server *server, mach_port_name_t name);
kern_return_t serve_lock(struct server_message *message, uint32_t kind, uint32_t mark,
                         uint64_t start, uint64_t length, mach_port_name_t owner);
kern_return_t serve_test_lock(struct server_message *message, uint32_t kind, uint64_t start,
                              uint64_t length, mach_port_name_t owner, uint32_t *found,
                              uint32_t *mark, uint64_t *found_start, uint64_t *found_length);
kern_return_t serve_wait_lock(struct server_message *message, uint32_t kind, uint64_t start,
                              uint64_t length, uint64_t token, mach_port_name_t owner);

/* ---- mounts (mount.c) ---- */

struct file_cover {
    struct file_cover *next;
    struct file_node *node;  /* covered, with a reference */
    struct file_node *above; /* folder that holds it, with a reference */
    mach_port_name_t root;   /* send right */
    char name[FILE_NAME_MAX];
};

/** The death of a right's port is told to server->notify. Errors of port.request_notification. */
kern_return_t server_watch_death(const struct file_server *server, mach_port_name_t name);
/** Of the n-th root: what an earlier instance was told. */
void mount_restore_above(struct file_open *root, uint32_t n);
/** It is a mounted root, or what is above one of ours. */
bool mount_uses(const struct file_server *server, mach_port_name_t name);
/** A right's port has died: was it a mounted root, or what is above a root of ours? */
void mount_dead(struct file_server *server, mach_port_name_t name);
kern_return_t serve_mount(struct server_message *message, const char *path, mach_port_name_t root,
                          uint32_t *outcome, mach_port_name_t *elsewhere, char *rest);
kern_return_t serve_unmount(struct server_message *message, const char *path, uint32_t *outcome,
                            mach_port_name_t *elsewhere, char *rest);
kern_return_t serve_mounted(struct server_message *message, mach_port_name_t above);
kern_return_t serve_mounts(struct server_message *message, uint32_t position, uint32_t *next,
                           void *paths, uint32_t *size);

/* ---- the rest of the interface ---- */

/* data.c */
/** read, by whatever routine. Errors: EBADF, EISDIR, ESPIPE, EINVAL, the node's. */
kern_return_t data_read(struct file_open *open, int64_t position, uint32_t size, void *to,
                        uint32_t *got);
kern_return_t serve_read(struct server_message *message, int64_t position, uint32_t size,
                         void *data, uint32_t *got);
kern_return_t serve_write(struct server_message *message, int64_t position, const void *data,
                          uint32_t size, uint32_t *written);
kern_return_t serve_read_bulk(struct server_message *message, int64_t position, uint32_t size,
                              void **data, uint32_t *got);
kern_return_t serve_claim(struct server_message *message, int64_t position, uint32_t size,
                          uint64_t *at, uint32_t *got);
kern_return_t serve_write_bulk(struct server_message *message, int64_t position, void *data,
                               uint32_t size, uint32_t *written);
kern_return_t serve_seek(struct server_message *message, int64_t offset, uint32_t whence,
                         int64_t id, int64_t *position);
kern_return_t serve_map(struct server_message *message, uint64_t offset, uint64_t length,
                        uint32_t protection, bool private, mach_port_name_t *entry,
                        uint64_t *entry_offset, uint64_t *mapped);

/* attributes.c */
void attributes_of(struct file_node *node, struct file_attributes *out);
kern_return_t attributes_change(struct file_node *node, uint32_t which,
                                const struct file_attributes *attributes);
kern_return_t serve_get_attributes(struct server_message *message, struct file_attributes *out);
kern_return_t serve_set_attributes(struct server_message *message, uint32_t which,
                                   const struct file_attributes *attributes);
kern_return_t serve_sync(struct server_message *message, bool data_only);
kern_return_t serve_get_flags(struct server_message *message, uint32_t *flags);
kern_return_t serve_set_flags(struct server_message *message, uint32_t flags);
kern_return_t serve_control(struct server_message *message, uint32_t request, const void *input,
                            uint32_t input_size, void *output, uint32_t *output_size);
kern_return_t serve_get_system(struct server_message *message, struct file_system *system);
kern_return_t serve_look(struct server_message *message, const char *path, bool nofollow,
                         uint32_t *outcome, mach_port_name_t *elsewhere,
                         struct file_attributes *attributes, char *rest);
kern_return_t serve_change(struct server_message *message, const char *path, bool nofollow,
                           uint32_t which, const struct file_attributes *attributes,
                           uint32_t *outcome, mach_port_name_t *elsewhere, char *rest);

/* folder.c */
kern_return_t serve_entries(struct server_message *message, uint64_t position, uint64_t *next,
                            void *names, uint32_t *size);
kern_return_t serve_reopen(struct server_message *message, uint32_t flags,
                           mach_port_name_t *opened);
kern_return_t serve_open(struct server_message *message, const char *path, uint32_t flags,
                         uint32_t mode, int64_t id, uint32_t *outcome, mach_port_name_t *opened,
                         char *rest);
kern_return_t serve_make(struct server_message *message, const char *path, uint32_t kind,
                         uint32_t mode, const char *content, int64_t id, uint32_t *outcome,
                         mach_port_name_t *elsewhere, char *rest);
kern_return_t serve_make_pipe(struct server_message *message, uint32_t flags,
                              mach_port_name_t *reader, mach_port_name_t *writer);
kern_return_t serve_remove(struct server_message *message, const char *path, bool folder,
                           int64_t id, uint32_t *outcome, mach_port_name_t *elsewhere, char *rest);
kern_return_t serve_read_link(struct server_message *message, const char *path, uint32_t *outcome,
                              mach_port_name_t *elsewhere, char *content, char *rest);

/* names.c */
kern_return_t serve_rename(struct server_message *message, const char *path, mach_port_name_t to,
                           const char *to_path, bool replace, int64_t id, uint32_t *outcome,
                           mach_port_name_t *elsewhere, uint32_t *which_rest, char *rest);
kern_return_t serve_link(struct server_message *message, const char *path, mach_port_name_t to,
                         const char *to_path, bool follow, int64_t id, uint32_t *outcome,
                         mach_port_name_t *elsewhere, uint32_t *which_rest, char *rest);
