/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of this folder share. Blocks are the 512 bytes that the storage writes as a whole, whatever the sectors of the boot sector are.
 *
 * Changes are gathered in the cache and reach the medium by fat_commit() (commit.c), in stages with a flush between them:
 *
 *      EARLY     data, tables, folders that nothing points to yet
 *      links     a table entry in one block that points to a cluster of another block
 *      LATE      folders
 *      cuts      a chain that was made shorter ends
 *      frees     clusters that nothing points to any more
 *
 * W1 A block of class EARLY may be written at any time; nothing on the medium leads to what is new in it.
 * W2 A cluster that is given free is marked as free, and can be used again, only when what pointed to it no longer does so on the medium.
 * W3 An operation that has begun to change things goes on to its end without failing, or takes them back. It begins with fat_begin(), which sees to it that there is room.
 */
#pragma once

#include "fat.h"
#include <errno.h>
#include <string.h>
#include <survivor.h>

enum {
    BLOCK = STORAGE_SECTOR,
    ENTRY = 32,
    BLOCK_ENTRIES = BLOCK / ENTRY,
    FOLDER_ENTRIES = 65536, /* that a folder may have */
    NAME_UNITS = 255,       /* of UTF-16 */
    SHORT_NAME = 11,
    LONG_PART = 13, /* units in one entry */
};

static inline uint16_t read16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t read32(const uint8_t *at)
{
    return read16(at) | (uint32_t)read16(at + 2) << 16;
}

static inline void write16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static inline void write32(uint8_t *at, uint32_t value)
{
    write16(at, value);
    write16(at + 2, value >> 16);
}

/* ---- boot_sector.c ---- */

/** Where things are, in blocks. Checked: all of it lies inside the storage, in this order. */
struct fat_shape {
    uint32_t type; /* 12, 16, 32 */
    uint32_t sector_blocks;
    uint32_t cluster_blocks;
    uint64_t table;        /* the table that is read */
    uint64_t table_blocks; /* of one */
    uint32_t copies;       /* tables that are written: that one, and those behind it */
    uint64_t root;         /* type 12, 16 */
    uint32_t root_entries; /* likewise */
    uint32_t root_cluster; /* type 32 */
    uint64_t info;         /* type 32: the sector with the number of free clusters; 0: none */
    uint64_t data;         /* cluster 2 */
    uint32_t end;          /* one more than the last cluster */
    uint8_t state_at;      /* the boot sector's byte whose bit 0 says that it is dirty */
};

/** EINVAL: there is no FAT. */
int fat_read_shape(const uint8_t boot[BLOCK], uint64_t storage_size, struct fat_shape *out);

/* ---- cache.c ---- */

enum fat_class { CLASS_CLEAN, CLASS_EARLY, CLASS_LATE };
enum fat_get { GET_READ, GET_AHEAD /* its neighbours, too */, GET_ZEROED /* not read */ };

struct fat_block {
    uint64_t number;
    enum fat_class class;
    bool used;
    bool data;    /* what is dirty in it belongs to a file, and nothing else is lost with it */
    bool changed; /* since the last fat_publish() */
    uint32_t pins;
    struct fat_block *chain;         /* of the same hash */
    struct fat_block *older, *newer; /* by use */
    uint8_t bytes[BLOCK];
};

enum { CACHE_HASH = 256, CACHE_AHEAD = 8, CACHE_RUN = 64 /* blocks in one request */ };

struct fat_cache {
    struct fat_block *blocks;
    uint32_t count;
    uint32_t late; /* blocks of class LATE */
    struct fat_block *hash[CACHE_HASH];
    struct fat_block *oldest, *newest;
    struct fat_block **sorted;  /* room to sort them */
    uint8_t *run;               /* CACHE_RUN blocks */
    bool unflushed;             /* something was written since the last flush */
    struct fat_block **changed; /* with memory: blocks that are */
    uint32_t changed_count;
    bool anew; /* a block that is in the log is clean: the next log is a new one */
};

int fat_cache_make(struct fat *fat, uint32_t count);
void fat_cache_free(struct fat *fat);
/** A block, pinned: it stays until fat_put(). EIO. */
int fat_get(struct fat *fat, uint64_t number, enum fat_get how, struct fat_block **out);
void fat_put(struct fat_block *block);
/** It has been changed. It keeps a class that it has. */
void fat_dirty(struct fat *fat, struct fat_block *block, enum fat_class class);
/** Write all blocks of a class. Files' data that the medium does not take is dropped (fat.lost); where it does not take another block, all of it has failed. */
int fat_cache_write(struct fat *fat, enum fat_class class);
/** The only ordering point. Once it has failed nothing is written any more: what is on the medium is not known. */
int fat_flush(struct fat *fat);
/** Blocks to or from memory, past the cache, which is looked at. */
int fat_read_blocks(struct fat *fat, uint64_t number, uint32_t count, uint8_t *to);
int fat_write_blocks(struct fat *fat, uint64_t number, uint32_t count, const uint8_t *from);

/* ---- table.c ---- */

enum { FIRST_CLUSTER = 2 };
#define TABLE_FREE 0u
#define TABLE_END  UINT32_MAX
#define TABLE_BAD  (UINT32_MAX - 1) /* whatever no table may say of a used cluster */

/** What the table says of a cluster; also a link that is not in it yet. */
int fat_table_get(struct fat *fat, uint32_t cluster, uint32_t *value);
int fat_table_set(struct fat *fat, uint32_t cluster, uint32_t value);
/** A free cluster, `near` if it can be, is marked as the end of a chain. ENOSPC. */
int fat_table_take(struct fat *fat, uint32_t near, uint32_t *out);
/** The table's entries of both are in one block: they change at once. */
bool fat_table_together(const struct fat *fat, uint32_t a, uint32_t b);
/** How many are free, if it is not known. */
int fat_table_count(struct fat *fat);
static inline uint64_t fat_table_byte(const struct fat_shape *shape, uint32_t cluster)
{
    return shape->type == 12 ? cluster + cluster / 2u
                             : (uint64_t)cluster * (shape->type == 16 ? 2 : 4);
}

/** An entry of FAT12 that lies across two blocks (table.c, T1). */
static inline bool fat_table_across(const struct fat_shape *shape, uint32_t cluster)
{
    return shape->type == 12 && fat_table_byte(shape, cluster) % BLOCK == BLOCK - 1;
}

/* ---- commit.c ---- */

enum { PENDING_LINKS = 64, PENDING_FREES = 64, PENDING_MARKS = 4 };

/** What waits for its stage. */
struct fat_pending {
    struct {
        uint32_t from, to;
    } links[PENDING_LINKS];
    struct {
        uint32_t cut; /* the cluster that ends the chain; 0: all of it is free */
        uint32_t first;
    } frees[PENDING_FREES];
    struct {
        uint64_t position;
        uint8_t saved[ENTRY];
    } marks[PENDING_MARKS]; /* of renames that are on the medium: they go */
    uint32_t link_count, free_count, mark_count;
};

/** An operation that changes something begins: it dirties at most 16 LATE blocks, and has one place each in what is pending. EROFS, EIO. */
int fat_begin(struct fat *fat);
int fat_commit(struct fat *fat);
/** Say on the medium, at once, that it is in use, or that all is well. */
int fat_mark(struct fat *fat, bool dirty);
/** There is room for one more link. */
bool fat_has_link(const struct fat *fat);
void fat_add_link(struct fat *fat, uint32_t from, uint32_t to);
void fat_add_free(struct fat *fat, uint32_t cut, uint32_t first);

/* ---- chain.c ---- */

/** The cluster at a place of a node's chain. ENOENT: the chain ends before it. */
int fat_chain_at(struct fat_node *node, uint32_t index, uint32_t *cluster);
/** One more cluster at the end, which is cluster `index` of the chain. EAGAIN: no room for its link: fat_begin() makes some. ENOSPC. */
int fat_chain_grow(struct fat_node *node, uint32_t index, bool link_late, uint32_t *cluster);
/** A cluster on the medium is all zeroes. */
int fat_clear_cluster(struct fat *fat, uint32_t cluster);
uint64_t fat_cluster_block(const struct fat *fat, uint32_t cluster);

/* ---- letters.c ---- */

uint16_t fat_upper(uint16_t unit);
/** A letter of a short name, in code page 437. */
uint16_t fat_oem_letter(uint8_t byte);

/* ---- long_name.c ---- */

struct fat_name {
    uint16_t units[NAME_UNITS];
    uint32_t count;
};

/** Errors of fat_create(). */
int fat_name_read(const char *text, struct fat_name *out);
/** False: no name of a file could look like that. */
bool fat_name_write(const struct fat_name *name, char out[FAT_NAME_MAX]);
bool fat_name_equal(const struct fat_name *a, const struct fat_name *b);
uint8_t fat_checksum(const uint8_t short_name[SHORT_NAME]);
/** Entry `part` of a long name (1: of its beginning, which comes last). */
void fat_long_entry(const struct fat_name *name, uint32_t part, uint8_t checksum,
                    uint8_t out[ENTRY]);
static inline uint32_t fat_long_parts(const struct fat_name *name)
{
    return (name->count + LONG_PART - 1) / LONG_PART;
}

/* Parts that came, one after the other. */
struct fat_long {
    uint16_t units[20 * LONG_PART];
    uint32_t parts; /* 0: there is none */
    uint32_t next;  /* part that has to come; 0: all were there */
    uint8_t checksum;
};
void fat_long_add(struct fat_long *gathered, const uint8_t entry[ENTRY]);
/** The name of the short entry behind it; false: it has none. */
bool fat_long_name(const struct fat_long *gathered, const uint8_t entry[ENTRY],
                   struct fat_name *out);

/* ---- short_name.c ---- */

/** The name is one of 8 and 3 letters, and needs no other; cases: what goes into ENTRY_CASES. */
bool fat_short_exact(const struct fat_name *name, uint8_t out[SHORT_NAME], uint8_t *cases);
/** The letters that a short name is made of, and whether they are all of the name but its case. */
bool fat_short_basis(const struct fat_name *name, uint8_t out[SHORT_NAME]);
/** basis with ~number. */
void fat_short_numbered(const uint8_t basis[SHORT_NAME], uint32_t number, uint8_t out[SHORT_NAME]);
/** As people see it. */
void fat_short_name(const uint8_t entry[ENTRY], struct fat_name *out);

/* ---- date.c ---- */

int64_t fat_time(uint16_t date, uint16_t time, uint8_t hundredths);
void fat_date(int64_t time, uint16_t *date, uint16_t *clock, uint8_t *hundredths);

/* ---- directory.c ---- */

/* A short entry's bytes. */
enum {
    ENTRY_ATTRIBUTES = 11,
    ENTRY_CASES = 12,
    ENTRY_CREATED_HUNDREDTHS = 13,
    ENTRY_CREATED_TIME = 14,
    ENTRY_CREATED_DATE = 16,
    ENTRY_ACCESSED = 18,
    ENTRY_CLUSTER_HIGH = 20,
    ENTRY_TIME = 22,
    ENTRY_DATE = 24,
    ENTRY_CLUSTER = 26,
    ENTRY_SIZE = 28,
};
enum {
    ATTRIBUTE_READ_ONLY = 0x01,
    ATTRIBUTE_HIDDEN = 0x02,
    ATTRIBUTE_SYSTEM = 0x04,
    ATTRIBUTE_LABEL = 0x08,
    ATTRIBUTE_FOLDER = 0x10,
    ATTRIBUTE_ARCHIVE = 0x20,
    ATTRIBUTE_LONG = 0x0f,
    ATTRIBUTE_MASK = 0x3f,
    CASES_BASE = 0x08, /* the name is in small letters */
    CASES_EXTENSION = 0x10,
    CASES_MOVED = 0x40,  /* rename.c */
    CASES_MOVING = 0x80, /* likewise */
    ENTRY_DELETED = 0xe5,
};

static inline uint8_t *fat_entry_at(uint8_t *block, uint32_t index)
{
    return block + (size_t)index * ENTRY;
}

struct fat_walk {
    struct fat_node *folder;
    uint32_t index;  /* of the next entry */
    uint64_t loaded; /* index / BLOCK_ENTRIES + 1 of what is in bytes; 0: nothing */
    uint64_t place;  /* byte of the storage where that is */
    uint8_t bytes[BLOCK];
    struct fat_long gathered;
    uint32_t first; /* entry that the gathered name begins with */
};

struct fat_found {
    uint8_t entry[ENTRY];
    uint64_t position;     /* byte of the storage where the short entry is */
    uint32_t first, index; /* entries of the folder: where its names begin, and the short one */
    bool has_long;
    struct fat_name long_name, short_name;
};

uint32_t fat_entry_cluster(const struct fat *fat, const uint8_t entry[ENTRY]);
void fat_entry_set_cluster(uint8_t entry[ENTRY], uint32_t cluster);
/** Where entry `index` of a folder is. ENOENT: behind its end. */
int fat_entry_place(struct fat_node *folder, uint32_t index, uint64_t *byte);
void fat_walk_begin(struct fat_walk *walk, struct fat_node *folder, uint32_t index);
/** ENOENT: that was the last one. */
int fat_walk_next(struct fat_walk *walk, struct fat_found *out);
/** ENOENT. */
int fat_find(struct fat_node *folder, const struct fat_name *name, struct fat_found *out);
/** ENOTEMPTY. */
int fat_find_nothing(struct fat_node *folder);

/* ---- entries.c ---- */

/** What a new name needs: its entries, the short one last. */
struct fat_names {
    uint32_t count;
    uint8_t entries[21][ENTRY];
};
/** Names for a file that is not in the folder yet; except: a file in it that does not count, or NULL. EEXIST, ENOSPC, errors of fat_name_read(). */
int fat_names_make(struct fat_node *folder, const char *text, const struct fat_node *except,
                   struct fat_names *out);
/** Free entries one after the other; all in one block if they can be. The folder grows if it must. What had to be done has been committed. ENOSPC. */
int fat_names_room(struct fat_node *folder, uint32_t count, uint32_t *first);
/** Write them where room was found. position: of the short entry. */
int fat_names_write(struct fat_node *folder, uint32_t first, const struct fat_names *names,
                    uint64_t *position);
/** Entries first to last, the short one, are deleted. What fails leaves parts of a long name that belong to nothing. */
int fat_names_erase(struct fat_node *folder, uint32_t first, uint32_t last);
/** Entries [first, end) are noted as those that have to be deleted if who is about to do it, or has written them, goes no further. */
void fat_note_entries(struct fat_node *folder, uint32_t first, uint32_t end);

/* ---- node.c ---- */

enum {
    NODE_HASH = 256,
    NODES_OF_SEARCH = 64, /* beyond options.nodes, for folders on the way */
};

struct fat_node {
    struct fat *fat;
    struct fat_node *parent; /* with a reference; NULL: the root */
    struct fat_node *chain;
    uint32_t references;
    bool folder, gone;     /* gone: it has no name */
    uint64_t position;     /* of its short entry, a byte; of what is gone a number of its own */
    uint32_t first, index; /* of its entries */
    uint32_t cluster;      /* 0: it has none */
    uint32_t size;
    uint8_t attributes;
    uint8_t entry[ENTRY];              /* as it was last read or written */
    uint32_t seen_index, seen_cluster; /* of its chain; 0: nothing was seen */
};

/** The node of an entry. EIO: it cannot be. */
int fat_node_open(struct fat_node *folder, const struct fat_found *found, struct fat_node **out);
/** A node with one reference for what is about to be made. */
int fat_node_make(struct fat_node *folder, struct fat_node **out);
/** It has a place where it can be found. */
void fat_node_place(struct fat_node *node, uint64_t position, uint32_t first, uint32_t index);
void fat_node_forget(struct fat_node *node);
/** Its name has gone from the folder. */
void fat_node_gone(struct fat_node *node);
/** Clusters of what nobody can reach any more. If the medium does not take it, they stay lost until fsck finds them. */
void fat_node_give_free(struct fat_node *node);
/** Cluster, size and attributes go into its entry; modified: so does the time. */
int fat_node_update(struct fat_node *node, bool modified);
void fat_node_stamp(const struct fat *fat, uint8_t entry[ENTRY], bool created);

/* ---- reopen.c ---- */

/** A file that is looked for. */
struct fat_wanted {
    uint64_t inode;
    struct fat_node *node; /* held; NULL: it was not found */
    int error;             /* likewise: why */
};

/* ---- rename.c ---- */

/** An entry with CASES_MOVING: the file has another name already, and this one is to go. */
int fat_has_moved(struct fat *fat, const uint8_t entry[ENTRY], uint64_t position, bool *moved);
/** Before a file is used: a rename of it that power cut short is ended. */
int fat_end_move(struct fat_node *folder, struct fat_found *found);
/** Before a node's entry gets another first cluster, or goes: its rename, if there was one, is over on the medium, and the node knows its entry. */
int fat_node_end_move(struct fat_node *node);

/* ---- survive.c ---- */

enum { NOTE_BLOCKS = 3 /* that the entries of a name lie in, at most */ };

/** What has to be tidied up if the operation that is under way goes no further: while it commits, or as good as done. */
struct fat_note {
    uint32_t cluster; /* of a chain that nothing leads to; 0: there is none */
    struct {
        uint64_t position; /* entries in one block that are to be deleted */
        uint32_t count;
    } entries[NOTE_BLOCKS];
    uint32_t entry_count;
};

/** Chains that wait at most: of nodes without a name, and as many that were left. */
uint32_t fat_waiting_chains(const struct fat *fat);
/** Bytes that what waits takes at most. */
size_t fat_waiting_most(const struct fat *fat);
/** How many it takes. */
size_t fat_waiting_put(const struct fat *fat, uint8_t *to);
/** False: it is nothing that could be. */
bool fat_waiting_take(struct fat *fat, const uint8_t *bytes, size_t size);
/** Memory of options, if there is some, is the log of it; blocks of the cache fit. EINVAL. */
int fat_survive_begin(struct fat *fat);
/** What somebody had done who was killed is there again, in the cache. ESTALE: it is nothing that could be, and has been forgotten; the mount begins again. */
int fat_survive_resume(struct fat *fat, const uint8_t boot[BLOCK]);
/** What is left of it to be done, once files can be. */
int fat_survive_finish(struct fat *fat);
void fat_survive_end(struct fat *fat);
/** Nothing is there for a successor: all is on the medium, or given up. */
void fat_survive_erase(struct fat *fat);
/** All is on the medium: nothing is there but how many operations have been done, and where the last one moved a file. */
void fat_survive_empty(struct fat *fat);
/** There is something that a mount for writing has to take up. */
bool fat_survive_is_there(const struct fat_options *options);
/** A successor finds what there is now; it fits together as it does after a power cut. */
void fat_publish(struct fat *fat);
/** Nothing leads to a chain any more, and the medium does not take that: a successor frees it, or who unmounts, or it is lost until fsck finds it. */
void fat_survive_leave(struct fat *fat, uint32_t cluster);
/** Those are free by the next commit. */
int fat_survive_free_left(struct fat *fat);
/** A block has been changed. */
void fat_survive_change(struct fat *fat, struct fat_block *block);
/** A block that has changed since the last fat_publish() is about to be written, which says nothing of that: for a successor it stays as it is on the card. */
int fat_survive_write(struct fat *fat, const struct fat_block *block);

/* ---- mount.c ---- */

struct fat {
    struct storage *storage;
    struct fat_options options;
    struct fat_shape shape;
    struct fat_cache cache;
    struct fat_pending pending;
    bool read_only;
    bool damaged; /* F4 */
    bool failed;  /* a flush, or the write of a table or folder: no more are made */
    bool lost;    /* data could not be written: the next sync says so */
    bool was_dirty;
    bool marked;    /* the medium says that it is dirty */
    bool ending;    /* the mark is about to go, and all else is on the medium */
    bool leaked;    /* clusters could not be given free */
    bool searching; /* fat_reopen() is under way */
    bool counted;   /* free is right */
    bool info_old;  /* what the medium says of it is not */
    uint32_t free;
    uint32_t next;     /* where to look for a free cluster */
    uint64_t numbers;  /* that were given to nodes without a name */
    uint64_t progress; /* fat_progress() */
    uint64_t moved;    /* fat_moved() */
    struct survivor survivor;
    struct fat_note note;
    uint32_t nameless;              /* nodes */
    uint8_t *waiting, *waiting_new; /* what the log says of pending things, and room for the next */
    size_t waiting_size;
    uint32_t *inherited; /* chains of files without names that somebody had who was killed */
    uint32_t inherited_count;
    struct fat_wanted *wanted; /* by their inodes: what fat_reopen_soon() has looked for */
    uint32_t wanted_count;
    struct fat_node *nodes[NODE_HASH];
    uint32_t node_count;
    struct fat_node root;
};

/** Something on the medium cannot be (F4). Returns EIO. */
static inline int fat_damaged(struct fat *fat)
{
    fat->damaged = true;
    return EIO;
}

static inline uint32_t fat_cluster_size(const struct fat *fat)
{
    return fat->shape.cluster_blocks * BLOCK;
}

static inline bool fat_is_cluster(const struct fat *fat, uint32_t cluster)
{
    return cluster >= FIRST_CLUSTER && cluster < fat->shape.end;
}
