/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of ext4 share. libext2fs knows the format; all that it reads and writes goes through io_manager.c to the cache of metadata blocks (cache.c).
 *
 * I1 Between transaction_begin_operation() and transaction_end_operation() blocks, bitmaps and counts may change; an operation that fails leaves no change.
 * I2 A block is dirty (of the running transaction), logged (in the journal, not in its place), or clean: of these the cache may forget any.
 * I3 A block that the running transaction frees stays marked in libext2fs' bitmap until the transaction is on the medium, so that nothing is written over what a
 *    cut brings back.
 * I4 File data goes to its place before its transaction is committed, but to the journal if its block lies there.
 * I5 Checkpoints are made only when no block is dirty.
 * I6 A gathered block is a dirty one of file data that is not logged: at the commit it goes to its place, with others, and not to the log.
 */
#pragma once

#include "ext4_fs.h"
#include <ext2fs/ext2fs.h>
#include <survivor.h>

enum {
    CACHE_BUCKETS = 1024,
    CACHE_CLEAN = 512,        /* clean blocks that are kept */
    TRANSACTION_BLOCKS = 512, /* of one transaction, at most */
    OPERATION_BLOCKS = 64,    /* that one operation may need, at most */
    LOGGED_BLOCKS = 1024,     /* that wait for a checkpoint, at most */
    GATHERED_BYTES = 1 << 20, /* of a transaction, at most */
    GATHERED_RUN = 16 * 1024, /* bytes: longer writes are worth a request of their own */
    STAGING = 128 * 1024,     /* bytes written to the card at once */
    INODES_AHEAD = 16 * 1024, /* bytes of inodes that are read at once */
    JOURNAL_BLOCKS_LEAST = 1024,
    JOURNAL_BLOCKS_MOST = 1 << 20,
    EXTENT_DEPTH = 5, /* of a tree of extents, at most */
};

/* ---- cache.c ---- */

struct block {
    struct block *next;          /* in its bucket */
    struct block *older, *newer; /* clean ones, by use */
    uint64_t number;
    uint64_t operation; /* that saved it last, for undo */
    bool dirty, logged, gathered;
    ext4_ino ino; /* of the file, of a gathered one */
    uint8_t data[];
};

struct cache {
    struct block *buckets[CACHE_BUCKETS];
    struct block *oldest, *newest;
    uint32_t clean, dirty, logged, gathered; /* gathered ones do not count among the dirty ones */
};

enum block_list { BLOCKS_DIRTY, BLOCKS_LOGGED, BLOCKS_GATHERED };

struct block *cache_find(struct ext4 *fs, uint64_t number);
/** From the card if it is not there; `fresh`: its contents do not matter. */
[[nodiscard]] int cache_get(struct ext4 *fs, uint64_t number, bool fresh, struct block **block);
/** Blocks of metadata that will be asked for, with one request; what cannot be had is read when it is. */
void cache_read_ahead(struct ext4 *fs, uint64_t first, uint32_t count);
/** Takes the states, which decide where the block is listed. It is not gathered, or not any more. */
void cache_set_state(struct ext4 *fs, struct block *block, bool dirty, bool logged);
/** I6 */
void cache_set_gathered(struct ext4 *fs, struct block *block, ext4_ino ino);
void cache_forget(struct ext4 *fs, struct block *block);
void cache_clear(struct ext4 *fs);
/** All of a kind in ascending order; NULL with *count 0 when there is none. False: no memory. */
[[nodiscard]] bool cache_list(struct ext4 *fs, enum block_list which, struct block ***list,
                              uint32_t *count);
/** Those at the beginning of the list that lie one behind the other go to their places with one request, by way of `staging`, STAGING bytes. *done: how many. */
[[nodiscard]] int cache_write_run(struct ext4 *fs, struct block **list, uint32_t count,
                                  uint8_t *staging, uint32_t *done);

/* ---- transaction.c, changes.c ---- */

struct range {
    uint64_t first, count;
};

struct ranges {
    struct range *list;
    uint32_t count, room;
};

[[nodiscard]] bool ranges_add(struct ranges *ranges, uint32_t from, uint64_t first, uint64_t count);
void ranges_empty(struct ranges *ranges);

struct saved_block { /* as it was before the operation */
    struct saved_block *next;
    uint64_t number;
    bool dirty, logged, gathered;
    ext4_ino ino;
    uint8_t data[];
};

struct saved_inode {
    ext4_ino ino;
    bool in_use; /* was */
};

enum { GROUP_BLOCKS = 1, GROUP_INODES = 2, GROUP_OPERATION = 4 };

struct transaction {
    uint64_t operation; /* number of the running one */
    unsigned depth;     /* 1: one is running */
    bool counted;       /* it is one that ext4_progress() counts */
    uint8_t *groups;    /* GROUP_... */
    uint32_t group_count;
    struct ranges freed; /* I3 */
    bool super_changed;
    uint32_t group_changes; /* bitmaps that have changed */
    int failure;            /* what libext2fs may not hand on: the operation must fail with it */
    bool overflowed;        /* the operation found no room in the log */
    /* of the operation */
    uint32_t freed_before;
    struct ranges allocated;
    struct saved_block *saved;
    struct saved_inode inodes[8];
    uint32_t inode_count;
    uint8_t super[1024];
    bool super_changes;
    uint8_t *descriptors; /* as they were before the operation */
};

[[nodiscard]] int transaction_open(struct ext4 *fs);
void transaction_close(struct ext4 *fs);
/** EROFS, or an error of the commit that makes room. */
[[nodiscard]] int transaction_begin_operation(struct ext4 *fs);
/** `error` undoes the operation and is returned. */
[[nodiscard]] int transaction_end_operation(struct ext4 *fs, int error);
/** After an operation that failed with `error`: whether it is worth another try, with what the transaction had freed, or with the log for itself. */
[[nodiscard]] bool transaction_may_retry(struct ext4 *fs, int error);

/** Returns from the caller with what `call` gives, as an operation; `names`: one that changes names, which are counted. */
#define AS_OPERATION_OF(fs, names, call)                  \
    do {                                                  \
        int error_;                                       \
                                                          \
        do {                                              \
            error_ = transaction_begin_operation(fs);     \
            if (error_ != 0)                              \
                return error_;                            \
            (fs)->transaction.counted = (names);          \
            error_ = transaction_end_operation(fs, call); \
        } while (transaction_may_retry(fs, error_));      \
        return error_;                                    \
    } while (0)
#define AS_OPERATION(fs, call)       AS_OPERATION_OF(fs, false, call)
#define AS_NAMES_OPERATION(fs, call) AS_OPERATION_OF(fs, true, call)

/** Whether an operation that runs may change about `blocks` more. */
bool transaction_has_room(const struct ext4 *fs, uint32_t blocks);
bool transaction_is_empty(const struct ext4 *fs);
/** The log has no room for more blocks than there are. */
bool transaction_is_full(const struct ext4 *fs);
/** Metadata: becomes part of the transaction. ENOSPC: there is no room for it in the log. */
[[nodiscard]] int transaction_write(struct ext4 *fs, uint64_t number, const void *data);
/** File data: is gathered (I6). The block lies in the log no more than in the transaction, or is gathered already. */
[[nodiscard]] int transaction_gather(struct ext4 *fs, uint64_t number, ext4_ino ino,
                                     const void *data);
/** All that the transaction holds is on the medium. */
[[nodiscard]] int transaction_commit(struct ext4 *fs);

[[nodiscard]] int changes_allocate(struct ext4 *fs, uint64_t goal, uint64_t count, uint64_t *first,
                                   uint64_t *got);
[[nodiscard]] int changes_allocate_inode(struct ext4 *fs, ext4_ino folder, uint32_t mode,
                                         ext4_ino *ino);
void changes_free_inode(struct ext4 *fs, ext4_ino ino, bool folder);
void changes_watch(struct ext4 *fs);
void changes_undo(struct ext4 *fs);
/** Bitmaps, descriptors and the superblock become blocks of the transaction. */
[[nodiscard]] int changes_collect(struct ext4 *fs);
/** I3: the transaction is on the medium, or there was nothing in it. */
void changes_release(struct ext4 *fs);

/* ---- journal.c, journal_write.c, journal_replay.c, checkpoint.c ---- */

struct journal {
    uint64_t *blocks;   /* where the journal's blocks lie */
    struct range *runs; /* the same, in ascending order */
    uint32_t run_count;
    uint32_t length; /* the log is [first, length) of them */
    uint32_t first;
    uint32_t head;     /* where the next transaction goes */
    uint32_t used;     /* since the last checkpoint */
    uint32_t sequence; /* of the next transaction */
    bool started;      /* the superblock says where the log begins */
    bool wide, checksums, checksums_2, checksums_old, asynchronous;
    uint32_t seed;
    uint8_t super[1024];
};

/** Reads and checks the journal of a file system; ENOENT: it has none. */
[[nodiscard]] int journal_open(struct ext4 *fs);
void journal_close(struct ext4 *fs);
/** Number of a journal's block in the file system; false: outside. */
bool journal_holds(const struct journal *journal, uint64_t block);
/** Writes the superblock: the log begins at `start` (0: it is empty) with transaction `sequence`. */
[[nodiscard]] int journal_write_super(struct ext4 *fs, uint32_t start, uint32_t sequence);
/** The journal is empty: takes the form that is written from here on. */
[[nodiscard]] int journal_prepare(struct ext4 *fs);
/** Whoever wrote it before had to give up: the file system has to be checked. */
bool journal_has_error(const struct journal *journal);
/** The journal is empty, and what error it told of is in the file system's superblock: it says so. */
[[nodiscard]] int journal_finish(struct ext4 *fs);
[[nodiscard]] int journal_replay(struct ext4 *fs);
/** Writes all dirty blocks as one transaction; `revoked` are not to be replayed from older ones. */
[[nodiscard]] int journal_commit(struct ext4 *fs, const struct ranges *revoked);
/** Blocks that a transaction may have, its administration included. */
uint32_t journal_limit(const struct ext4 *fs);
[[nodiscard]] int checkpoint(struct ext4 *fs);
[[nodiscard]] bool checkpoint_is_due(const struct ext4 *fs);

/* ---- gather.c ---- */

struct lost_file {
    ext4_ino ino; /* 0: it is not known which */
    int error;
};

enum { LOST_FILES = 16 };

/** Whether so many blocks more may be gathered. */
bool gather_has_room(const struct ext4 *fs, uint32_t blocks);
/** I6: all that is gathered goes to its place. What cannot be written is lost, and noted. ENOMEM: nothing has been done. */
[[nodiscard]] int gather_write(struct ext4 *fs);

/* ---- survive.c: all of it does nothing without memory that outlives the server ---- */

void survive_open(struct ext4 *fs, const struct ext4_memory *memory);
/** There is something that a mount for writing has to take up. */
bool survive_is_there(const struct ext4_memory *memory);
/** Unmounted: nothing is kept. */
void survive_end(struct ext4 *fs);
/** Likewise; but how many operations have been done. */
void survive_end_but_progress(struct ext4 *fs);
/** The operation is over, and has changed what the transaction says of it; with it ext4_progress() is this. False: there is no room, it has to be committed. */
bool survive_operation(struct ext4 *fs, uint64_t progress);
/** The running transaction is in the journal, and a new one begins. */
void survive_commit(struct ext4 *fs);
/** At a mount: the journal goes as far as before transaction `end`, and is about to say so. */
void survive_found(struct ext4 *fs, uint32_t end);
/** Likewise, and there was no journal to be replayed: all that was done is on the card. */
void survive_found_clean(struct ext4 *fs);
/** The journal is empty, and has the numbers that it will go on with. */
void survive_begin(struct ext4 *fs);
/** What a server that was killed had done becomes part of the file system. ESTALE: it cannot be, and has been forgotten; the mount begins again. */
[[nodiscard]] int survive_resume(struct ext4 *fs);

/* ---- folder_index.c ---- */

enum { FOLDER_INDEXES = 32 };

struct name_place {
    uint32_t hash;
    uint32_t block; /* of folder_index.blocks, plus 1; 0: free */
};

struct folder_block {
    uint64_t number;
    uint32_t fits; /* no entry that is longer does */
};

struct folder_index {
    ext4_ino folder; /* 0: none */
    uint64_t used;
    uint64_t operation; /* that was the last one to change it */
    struct name_place *places;
    uint32_t places_room, places_count;
    struct folder_block *blocks;
    uint32_t blocks_room, block_count;
    bool refused; /* nothing is remembered but that */
};

/** What is remembered of a folder, NULL: it is looked through. It is there until the next call, and while it is not forgotten. */
struct folder_index *folder_index_of(struct ext4 *fs, ext4_ino folder);
uint32_t folder_index_hash(const char *name, size_t length);
/** The next block where a name with this hash may be, *probe is 0 at first; false: there is no other. */
bool folder_index_next(const struct folder_index *index, uint32_t hash, uint32_t *probe,
                       uint32_t *block);
/** A name has come. It may be forgotten with this. */
void folder_index_add(struct ext4 *fs, struct folder_index *index, uint32_t hash, uint32_t block);
void folder_index_remove(struct ext4 *fs, struct folder_index *index, uint32_t hash,
                         uint32_t block);
/** False: nothing is remembered of it any more, and it is looked through. */
[[nodiscard]] bool folder_index_add_block(struct ext4 *fs, struct folder_index *index,
                                          uint64_t number);
void folder_index_forget(struct ext4 *fs, ext4_ino folder);
void folder_index_forget_all(struct ext4 *fs);
/** The operation is undone. */
void folder_index_undo(struct ext4 *fs);

/* ---- the file system ---- */

struct hold {
    struct hold *next;
    ext4_ino ino;
    uint32_t count;
};

struct ext4 {
    struct storage *storage;
    ext2_filsys lib;
    uint32_t block_size;
    uint64_t blocks;
    bool caching; /* mounted: the cache is used */
    bool read_only;
    bool unflushed; /* data was written to its place since the last flush */
    bool marked;    /* the superblock on the medium says that the journal is needed */
    bool aborted;   /* the journal could not be written: nothing is committed any more */
    int error;      /* what made it read-only */
    char problem[160];
    void (*clock)(struct ext4_time *time);
    struct cache cache;
    struct transaction transaction;
    struct journal journal;
    struct hold *holds[64];
    struct hold *spare_hold;  /* for the next ext4_hold(), if it is there */
    uint64_t progress;        /* ext4_progress() */
    struct ranges zones;      /* zones.c */
    struct survivor survivor; /* survive.c */
    struct folder_index indexes[FOLDER_INDEXES];
    uint64_t index_uses; /* counts for `used` */
    bool gathers;        /* ext4_gather() */
    uint64_t taken_end;  /* where the blocks end that file data got last */
    struct lost_file lost[LOST_FILES];
    uint32_t lost_count;
};

/* An inode with the fields that newer file systems have; those of older ones are cut off when it is written. */
struct inode {
    struct ext2_inode_large large;
};

static inline struct ext2_inode *inode_small(struct inode *inode)
{
    return (struct ext2_inode *)&inode->large;
}

/* problem.c */

/** What errno would be, for libext2fs' result; damage and errors of the medium make it read-only (E4). */
[[nodiscard]] int problem_of(struct ext4 *fs, errcode_t result, const char *where);
int problem_set(struct ext4 *fs, int error, const char *where, const char *what);

/* io_manager.c */
extern struct struct_io_manager ext4_io_manager;
/** The storage that the next ext2fs_open() is of. */
void io_manager_prepare(struct ext4 *fs);
[[nodiscard]] int device_read(struct ext4 *fs, uint64_t block, uint32_t count, void *to);
[[nodiscard]] int device_write(struct ext4 *fs, uint64_t block, uint32_t count, const void *from);
[[nodiscard]] int device_flush(struct ext4 *fs);

/* inode.c */
[[nodiscard]] int inode_read(struct ext4 *fs, ext4_ino ino, struct inode *inode);
/* The same of a regular file: EISDIR, and EINVAL of what is neither. */
[[nodiscard]] int inode_read_file(struct ext4 *fs, ext4_ino ino, struct inode *inode);
[[nodiscard]] int inode_write(struct ext4 *fs, ext4_ino ino, struct inode *inode);
void inode_touch(struct ext4 *fs, struct inode *inode, bool modified);
/** It is changed, by who says when it was written to. */
void inode_touch_at(struct ext4 *fs, struct inode *inode, struct ext4_time modified);
bool inode_is(const struct inode *inode, uint32_t type);
/** A new one with `links`; its block map is empty. */
[[nodiscard]] int inode_make(struct ext4 *fs, ext4_ino folder, const struct ext4_attributes *as,
                             uint32_t type, uint32_t links, ext4_ino *ino, struct inode *inode);

/* zones.c */
[[nodiscard]] int zones_make(struct ext4 *fs);
[[nodiscard]] int zones_add_journal(struct ext4 *fs);
bool zones_touch(const struct ext4 *fs, uint64_t first, uint64_t count);

/* map.c */
struct run {
    uint64_t logical, physical, count; /* physical 0: a hole */
    bool unwritten;                    /* reads as zeros */
};
/** The run that `logical` lies in, from there on, of at most `most` blocks. */
[[nodiscard]] int map_find(struct ext4 *fs, ext4_ino ino, struct inode *inode, uint64_t logical,
                           uint64_t most, struct run *run);
/** Blocks for a hole, or written ones for unwritten: *run is what there is then, perhaps less. */
[[nodiscard]] int map_fill(struct ext4 *fs, ext4_ino ino, struct inode *inode, struct run *run);
/** The last mapped blocks at or after `least`, as few as one operation may free; count 0: there is none. */
[[nodiscard]] int map_last(struct ext4 *fs, ext4_ino ino, struct inode *inode, uint64_t least,
                           struct run *run);

/** Frees what map_last() has found. */
[[nodiscard]] int map_free_last(struct ext4 *fs, ext4_ino ino, struct inode *inode,
                                const struct run *run);

/* data_blocks.c: blocks of file data, wherever they are */
[[nodiscard]] int data_read_blocks(struct ext4 *fs, uint64_t first, uint32_t count, uint8_t *to);
/** In an operation. */
[[nodiscard]] int data_write_blocks(struct ext4 *fs, ext4_ino ino, uint64_t first, uint32_t count,
                                    const uint8_t *from);

/* data.c */
/** The largest size that the block map can hold. */
uint64_t data_size_limit(const struct ext4 *fs, const struct inode *inode);
/** Zeros from `offset` to the end of its block, journalled: they come with the operation. */
[[nodiscard]] int data_clear_tail(struct ext4 *fs, ext4_ino ino, struct inode *inode,
                                  uint64_t offset);

/* orphans.c, truncate.c */
[[nodiscard]] int orphans_add(struct ext4 *fs, ext4_ino ino, struct inode *inode);
/** ENOENT: the inode is not on the list. */
[[nodiscard]] int orphans_find(struct ext4 *fs, ext4_ino ino);
[[nodiscard]] int orphans_remove(struct ext4 *fs, ext4_ino ino, struct inode *inode);
void holds_empty(struct ext4 *fs);
bool hold_has(const struct ext4 *fs, ext4_ino ino);
/** Frees an inode without links that is on the list of orphans, in several operations. */
[[nodiscard]] int truncate_delete(struct ext4 *fs, ext4_ino ino);
/** Frees what lies behind the size of an inode on the list of orphans, and takes it off. */
[[nodiscard]] int truncate_finish(struct ext4 *fs, ext4_ino ino);
/** A file that may grow to `size`: what an unfinished truncation has left behind its end goes first. */
[[nodiscard]] int truncate_before_growth(struct ext4 *fs, ext4_ino ino, uint64_t size);

/* make.c */
/** A folder's entries have changed, and the number of folders in it by `links`. */
[[nodiscard]] int folder_changed(struct ext4 *fs, ext4_ino folder, int links);

/* names.c */
[[nodiscard]] int name_check(struct ext4_name name, char text[EXT4_NAME + 1]);
/** As libext2fs calls it. */
typedef int names_visit_fn(ext2_ino_t folder, int what, struct ext2_dir_entry *entry, int offset,
                           int size, char *block, void *context);
/** Calls `visit` for the entries, also for the empty ones, until it returns DIRENT_ABORT. */
[[nodiscard]] int names_iterate(struct ext4 *fs, ext4_ino folder, names_visit_fn *visit,
                                void *context);
/** The names of one block; what of libext2fs' numbers is wrong with it. */
[[nodiscard]] errcode_t names_try_block(struct ext4 *fs, ext4_ino folder, uint64_t block,
                                        names_visit_fn *visit, void *context);
/** The same for those of one of its blocks. */
[[nodiscard]] int names_visit_block(struct ext4 *fs, ext4_ino folder, uint64_t block,
                                    names_visit_fn *visit, void *context);
struct entry {
    ext4_ino ino;
    unsigned type;
};
[[nodiscard]] int names_find(struct ext4 *fs, ext4_ino folder, const char *name,
                             struct entry *entry);
[[nodiscard]] int names_add(struct ext4 *fs, ext4_ino folder, const char *name, ext4_ino ino,
                            uint32_t mode);
[[nodiscard]] int names_remove(struct ext4 *fs, ext4_ino folder, const char *name);
/** The entry gets another inode; also for "..". */
[[nodiscard]] int names_replace(struct ext4 *fs, ext4_ino folder, const char *name, ext4_ino ino,
                                uint32_t mode);
[[nodiscard]] int names_is_empty(struct ext4 *fs, ext4_ino folder, bool *empty);
