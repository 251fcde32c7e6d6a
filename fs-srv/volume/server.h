/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of this folder share. Three threads: the first answers clients (files), the second is the pager of the files' memory (pager.c), the third sees that
 * what was written comes to the card by itself (flush.c).
 *
 *      clients --- read, write ---> files -- copies --> memory objects <-- page faults --- whoever maps a file
 *                                     |                      |
 *                                     | names          what is missing, what was written
 *                                     v                      v
 *                                   volume <------------- pager
 *                                     |
 *                                   card
 *
 * M1 One cache: a regular file's bytes are pages of a memory object that the pager serves. read and write copy from and to it, clients map it; nobody reads or writes the
 *    volume past it.
 * M2 `lock` guards the volume and everything here that has no other remark. It is never held while memory of a file is touched: that may wait for the pager, which
 *    takes it. So no thread that a page waits for waits for a page.
 * M3 A memory's size is the file's size for everybody; the volume's is no greater than that while pages that were written behind it have not come back.
 * M4 The kernel's object is there as long as `entry` or anybody's mapping is. When it has ended (terminate), and `entry` is MSG_NULL, the memory goes.
 * M5 What is on its way from the kernel to the volume is in `state` meanwhile: whatever moment the program is killed at, it is in one of the three.
 */
#pragma once

#include <errno.h>
#include <libsys/files/lasting.h>
#include <libsys/files/server.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <storage_block.h>
#include <volume.h>
#include <wharf/if/memory_object_types.h>

enum {
    PAGE = 4096,
    MEMORIES = 1024,      /* files whose pages are kept */
    CLUSTER = 65536,      /* bytes that the kernel asks for at once */
    WINDOW = 1024 * 1024, /* bytes of a file that the files' thread maps at once */
    RETURN_PAGES = MEMORY_OBJECT_RETURN_MAX / PAGE, /* and so in one request of the card */
    AHEAD_MAX = MEMORY_OBJECT_RETURN_MAX,           /* bytes that are read ahead: the same */
};
#define MEMORY_PAYLOAD UINT64_C(0x564d454d00000000)
/** Bytes of an object, and of the largest file: it has to find room among the addresses of a program. */
#define MEMORY_SPAN    (UINT64_C(1) << 37)

/** Where the files' thread maps all of an object for a moment, and parts of files for longer. Memory that the kernel chooses the place of (the heap, which has to grow
 *  upwards) begins anywhere up to 320 GiB and has the room from there to here; addresses end at 512 GiB. */
#define ADDRESS_SPAN    (UINT64_C(376) << 30)
#define ADDRESS_WINDOWS (ADDRESS_SPAN + MEMORY_SPAN)

struct disk_node;
struct pipe;

/** The pages of a regular file. */
struct memory {
    struct memory *next; /* in its bucket */
    uint32_t index;
    struct volume_file *file; /* held; NULL: the slot is free */
    uint64_t inode;           /* the volume's name for that */
    struct disk_node *node;   /* NULL: no client knows of it */
    mach_port_name_t port;    /* receive right */
    mach_port_name_t entry;   /* M4 */
    mach_port_name_t control; /* send right; MSG_NULL: no init has come */
    uint64_t size;            /* M3 */
    uint64_t
        writing; /* how far a write goes that is being copied; the pager takes it for the end, if it is behind that */
    uint64_t
        filled; /* how far the volume's file is zeroes behind `size`, by a fill that is not over; 0: there was none */
    uint64_t used;       /* when it was used last */
    uint64_t ahead;      /* where the next read is, if the file is read from beginning to end */
    uint32_t ahead_size; /* bytes that are read ahead there */
    uint32_t asked;      /* passes that the kernel was asked for (lock_request) */
    uint32_t completed;  /* of them those that are over */
    uint32_t passes;     /* flushes of it that are under way */
    int64_t modified;    /* by write since pages came back last; 0: not */
    int error;           /* of what was to be written, until the file's sync tells */
    bool told;           /* the file system's sync has told it */
    bool dirty;          /* something has been written through here, or may not have come back */
    bool gathers; /* a pass is one of all files': small writes may wait for those of others */
    bool shared;  /* clients may write to mappings of their own */
    bool mapped;  /* clients may have it mapped, and keep it when they close it */
    bool
        remade; /* `entry` was made anew, and no init has come since: a terminate may be of the life before */
    bool restored;  /* an earlier instance's: what lies behind its end is to be taken away (G3) */
    bool ended;     /* terminate has come, and no init since */
    bool over;      /* and nobody has made use of it since */
    uint32_t waits; /* threads that wait for something of it: it stays */
};

/** A file that clients know of. */
struct disk_node {
    struct file_node node;    /* first */
    struct disk_node *next;   /* in its bucket */
    struct volume_file *file; /* held */
    struct memory *memory;    /* NULL: none yet */
    int error;                /* of a memory that has gone, until sync tells */
    uint32_t opens;
    uint32_t identity; /* number + 1 in state->node; 0: it has not been open */
    struct pipe *pipe; /* of a fifo that has been opened */
};

struct disk {
    const struct volume_ops *ops;
    struct volume *volume;
    struct storage_block card;
    struct file_server server; /* the files' thread */
    struct pi_mutex lock;      /* M2 */
    struct condition changed;  /* completed, control, or a memory has gone */
    mach_port_name_t set;      /* of the pager's ports */
    bool keeps;                /* there is a keeper: the program may be killed */
    bool read_only;
    bool is_root;          /* of all paths (docs/files.md, "Another root") */
    bool unsynced;         /* the volume has changed since it was synced */
    uint64_t uses;         /* counts for `used` */
    struct mutex flushing; /* one flush_all at a time; taken before `lock`, never by the pager */
    uint32_t unit;         /* bytes that the volume allocates at once */
    uint64_t
        promised; /* bytes of pages that were written, for which the volume may have no room yet */
    uint64_t promising; /* likewise, of the write whose pages are being written */
    struct memory
        *filling;    /* what the files' thread is filling, or has filled and not made longer yet */
    uint64_t device; /* number of it in attributes */
    int lost_error;  /* of a memory that has gone, and flush_all() has not told */
};
extern struct disk disk;

/** Where the pages end that there may be. */
static inline uint64_t memory_end(const struct memory *memory)
{
    return memory->writing > memory->size ? memory->writing : memory->size;
}

static inline void lock(void)
{
    (void)!pi_mutex_lock(&disk.lock); /* fails only for who has it */
}
static inline void unlock(void)
{
    pi_mutex_unlock(&disk.lock);
}

/** 0 is KERN_SUCCESS. To clients damage and a card that has gone are EIO. */
static inline kern_return_t answer_of(int error)
{
    return error == 0 ? KERN_SUCCESS : unix_error(error == EBADMSG || error == ENXIO ? EIO : error);
}

/* ---- nodes.c, names.c; without the lock but for the first ---- */

/** The node of the file that an operation of the volume gave with a hold, which is taken, also by an error; *out has a reference. `error` is what that operation
 *  answered: if not 0 there is no file, and this is answer_of() it. */
kern_return_t node_of(int error, struct volume_file *file, struct disk_node **out);
kern_return_t nodes_begin(struct disk_node **root);
/** Of a file that clients know of, or NULL. All of them are asked. The lock is held. */
struct disk_node *node_of_inode(uint64_t inode);
/** Not one that the framework has put in a lost one's place. */
bool node_is_ours(const struct file_node *node);
static inline struct disk_node *disk_of(struct file_node *node)
{
    return (struct disk_node *)node;
}
void node_attributes(struct file_node *node, struct file_attributes *out);
kern_return_t node_set_attributes(struct file_node *node, uint32_t which,
                                  const struct file_attributes *attributes);
void node_unused(struct file_node *node);
kern_return_t node_get_system(struct file_node *node, struct file_system *out);
/** Names need no file's content; the root stands for all of the file system. */
kern_return_t node_sync_names(struct file_node *node, bool data_only);

extern const struct file_node_ops folder_ops, regular_ops, link_ops, fifo_ops, other_ops;

/* ---- lasting.c; the files' thread, without the lock ---- */

/** For the framework (<libsys/files/lasting.h>). book: of the keeper's. */
const struct file_server_lasting *lasting_of(const char *book);
/** `node` (NULL: none) is about to get another name, and the name of `gone` (likewise) is about to go; and that is over. The lock is held from the first to the second. */
void lasting_will_move(const struct disk_node *node, const struct disk_node *gone);
void lasting_moved(struct disk_node *node, struct disk_node *gone, int error);
/** After a kill, before anything is found again: files that were about to move, and have, are known by their new inodes. */
void lasting_finish_move(void);
/** What an earlier instance had is about to be found again: the format looks for all of it at once. Without the lock. */
void lasting_will_restore(void);
/** The node goes. */
void lasting_forget(struct disk_node *node);
/** All that was open is open again: what is left over in `state` goes. */
void lasting_restored(void);

/* ---- memory.c; with the lock, unless it says otherwise ---- */

kern_return_t memories_begin(void);
/** The node's, made if there is none; it stays as long as the lock is held, or the node has it. May let go of the lock, and take it again. ENOMEM, EIO. */
int memory_have(struct disk_node *node, struct memory **out);
struct memory *memory_of(const struct volume_file *file);
struct memory *memory_of_port(uint64_t payload);
/** The size that clients see. */
void memory_set_size(struct memory *memory, uint64_t size);
/** The volume's file is zeroes behind that size, or will be, up to this one (R3). */
void memory_set_filled(struct memory *memory, uint64_t size);
/** What was filled, and is not, or not any more, on its way to be part of the file goes. The lock is held. */
void memory_cut(struct memory *memory);
/** Clients may write to it by mappings of their own from here on. */
void memory_set_shared(struct memory *memory);
/** After a kill, and without the lock: the port of a memory has come back. It is taken. */
void memory_restore(uint64_t payload, mach_port_name_t port);
/** All have, and so has all that is open: what nobody can find any more goes. Without the lock. */
void memories_restored(void);
/** The node is going. `nameless`: nobody can find the file any more. */
void memory_leave(struct memory *memory, bool nameless);
/** Another one is wanted, and there is no slot: one that was not used for long goes. Without the lock. ENFILE. */
int memory_make_room(void);
/** A file of which nobody knows any more, but its pages are kept, is given up: a format may have no room for more files at once. Without the lock. False: there is none. */
bool memory_give_up(void);
/** The kernel's object has ended (M4). */
void memory_ended(struct memory *memory);
/** Somebody waits with the lock given up: the memory stays a memory until he does not any more. */
void memory_wait_begins(struct memory *memory);
void memory_wait_ends(struct memory *memory);
/** Every memory, one after the other: index 0 on; NULL: there are no more. */
struct memory *memory_next(uint32_t *index);
uint32_t memory_count(void);

/* ---- window.c; the files' thread, without the lock ---- */

/** Bytes of a file from and to our memory. What cannot be had is EIO. `size` lies within MEMORY_SPAN. */
int window_read(struct memory *memory, uint64_t offset, void *to, size_t size);
/** *done: how much of it, also after an error. */
int window_write(struct memory *memory, uint64_t offset, const void *from, size_t size,
                 size_t *done);
/** Zeroes. */
int window_clear(struct memory *memory, uint64_t offset, size_t size);
/** What a client has sent, which may have pages that cannot be had. */
int window_fetch(const void *from, size_t size, void *to);
/** No window shows it any more. */
void windows_drop(const struct memory *memory);

/* ---- flush.c; without the lock ---- */

/** What was written to the file is with the volume. `tell`: an error is told once, and forgotten. */
int flush_memory(struct memory *memory, bool tell);
/** The same for all; and then on the card. `tell`: an error of a file is told here once, also when its pages are not kept any more, and to who syncs
 *  the file himself as well. */
int flush_all(bool tell);
/** The volume's sync(), with the lock held, which is not given up. What the volume had kept and has lost is noted with its files; `tell`: and is an error here. */
int flush_volume(bool tell);
/** What lies behind `from` is taken away from all who map it, written or not. */
void flush_forget(struct memory *memory, uint64_t from);
kern_return_t flush_begin(void);

/* ---- pager.c ---- */
kern_return_t pager_begin(void);
/** After a kill, before that: pages that an earlier instance was about to write are written. */
void pager_finish(void);

/* ---- control.c ---- */

enum { CONTROL_INTERFACES = 2 };
/** What is served beside files. */
void control_interfaces(struct server_interface out[CONTROL_INTERFACES]);
/** Begin to answer the supervisor, and make NAME.volume a port of the files' thread. */
kern_return_t control_begin(const char *service);
