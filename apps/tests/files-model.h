/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of files-model.c share: a worker, which has a folder of its own, and the model of what is in it.
 *
 * W1 A worker's thread alone has the worker. What it does follows from its seed and its number.
 * W2 A node is there as long as a name, an open or a mapping is: as POSIX has it.
 * W3 The model changes after the call that it describes, and only if that succeeded. A worker stops at its first failure: what it would find after that follows from it.
 * W4 The calls that it makes have one right outcome, or one of two errors where POSIX allows several.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

enum {
    NODES_MAX = 160,
    NAMES_MAX = 96,
    OPENS_MAX = 12,
    MAPPINGS_MAX = 6,
    FILES_MAX = 24, /* regular ones with a name or without */
    FILE_SIZE_MAX = 1024 * 1024,
    TRANSFER_MAX = 70000,
    NAME_ROOM = 256,   /* with NUL; the longest that is allowed */
    PATH_ROOM = 640,   /* below the worker's folder; less than a server's walk takes */
    WHOLE_ROOM = 1000, /* of a whole path */
    BASE_ROOM = 128,
    DEPTH_MAX = 20,
    PAGE = 4096,
    ROOT = 0, /* the worker's folder is this node */
    NONE = -1,
    FIRST_TIME = 400000000, /* no time that is set is earlier; it is 1982 */
};

enum kind { NOTHING, REGULAR, FOLDER, LINK };

struct node {
    enum kind kind; /* NOTHING: the place is free */
    unsigned names, opens, mappings;
    uint8_t *content; /* `room` bytes, those from `size` on are 0 */
    uint32_t size, room;
    char *target; /* of a LINK */
    mode_t mode;
    ino_t inode;              /* 0: not seen yet */
    struct timespec modified; /* when it was asked last, or what was set */
    bool exact;               /* nothing changed it since it was set */
    bool later;               /* something did: it must be later */
    bool written_mapped; /* through a mapping, and not synced: changes `modified` at any time */
};

struct name {
    int folder; /* a node; NONE: the place is free */
    int node;
    char text[NAME_ROOM];
};

struct open_file {
    int number; /* NONE: the place is free */
    int node;
    bool reads, writes, appends;
    uint64_t offset;
};

struct mapping {
    uint8_t *at; /* NULL: the place is free */
    int node;
    uint32_t offset, length; /* length: as it was asked */
    uint32_t reach;          /* what of it may be touched, if the file is as long: whole pages */
    bool writes;
};

/** The format that is below, as far as it shows. */
struct rules {
    bool links;       /* symbolic ones, second names, modes */
    bool case_counts; /* "a" and "A" are two names */
    bool unlinked;    /* what is open may lose its last name */
    bool fine_times;  /* nanoseconds; else two seconds */
};

struct worker {
    unsigned number;
    uint64_t seed, state; /* of the random numbers */
    uint64_t operations;  /* done so far */
    uint64_t calls, bytes, compared;
    bool failed;
    bool clock_is_set; /* else what is changed may have an earlier time than what was set */
    struct rules rules;
    uint64_t total, most; /* bytes of all files */
    char base[BASE_ROOM]; /* the worker's folder */
    int root;             /* open on it */
    char doing[160];      /* the operation, for who reads of its failure */
    struct node nodes[NODES_MAX];
    struct name names[NAMES_MAX];
    struct open_file opens[OPENS_MAX];
    struct mapping mappings[MAPPINGS_MAX];
    uint8_t buffer[TRANSFER_MAX + 64];
};

/** What a call is given: a directory's descriptor and a path. */
struct place {
    int at;
    char path[WHOLE_ROOM];
};

/** Where a path leads in the model. */
struct found {
    int error;            /* of the walk; 0: it ended */
    bool unclear;         /* the model does not say: nothing is to be done there */
    int folder;           /* of the last name; NONE: the path does not end with one */
    int name;             /* of the name table; NONE: it is not there */
    int node;             /* NONE: there is none */
    char text[NAME_ROOM]; /* the last name */
};

/* ---- files-model-checks.c ---- */

uint64_t random_below(struct worker *w, uint64_t n);
/** One time in n. */
bool one_in(struct worker *w, unsigned n);
/** What the worker is about, until it says something else. */
[[gnu::format(printf, 2, 3)]] void doing(struct worker *w, const char *format, ...);
/** Tells what failed, once. */
[[gnu::format(printf, 2, 3)]] void fails(struct worker *w, const char *format, ...);
/** A call returned `got`: a failure with errno `error` or `other`, or, if both are 0, none. True: it succeeded, and that is right. */
bool call_is(struct worker *w, int64_t got, int error, int other);
/** It returned exactly this. */
bool returned(struct worker *w, int64_t got, int64_t wanted);
/** Bytes of a file as they should be. */
bool same_bytes(struct worker *w, const void *got, const void *wanted, size_t size,
                uint64_t offset);
/** What the system says of a node. */
bool same_status(struct worker *w, int node, const struct stat *status);

/* ---- files-model-tree.c: the model ---- */

/** NONE: there is no room for another. */
int node_make(struct worker *w, enum kind kind);
/** It has one user less; it goes with the last (W2). */
void node_release(struct worker *w, int node);
bool node_resize(struct worker *w, int node, uint64_t size);
/** These bytes are at `offset` now. */
void node_write(struct worker *w, int node, uint64_t offset, const void *bytes, size_t size);
/** Its content has been changed by a call. */
void node_changed(struct worker *w, int node);
unsigned count_of(const struct worker *w, enum kind kind);
unsigned names_in(const struct worker *w, int folder);
/** The name table's row; NONE. */
int name_find(const struct worker *w, int folder, const char *text);
int name_add(struct worker *w, int folder, const char *text, int node);
/** It is called that from here on, in that folder. */
void name_move(struct worker *w, int name, int folder, const char *text);
void name_remove(struct worker *w, int name);
/** A folder's name; NONE: of ROOT. */
int name_of_folder(const struct worker *w, int folder);
bool has_free_name(const struct worker *w);
/** `folder` is `node` or below it. */
bool lies_in(const struct worker *w, int folder, int node);
unsigned depth_of(const struct worker *w, int folder);
/** From the worker's folder on, without a slash at the beginning; ROOT is "". False: it is too long. */
bool path_of(const struct worker *w, int folder, const char *text, char path[PATH_ROOM]);
/** The longest path from a folder on down, and how many folders are below each other there. */
size_t length_below(const struct worker *w, int folder, unsigned *depth);
void walk(const struct worker *w, const char *path, bool follow, struct found *found);

/* ---- files-model-paths.c: what calls are given ---- */

/** A path at random, to something that is there or not, and where it leads. */
void choose_path(struct worker *w, bool follow, struct place *place, struct found *found);
/** A path to a node of this kind; false: there is none. */
bool choose_kind(struct worker *w, enum kind kind, struct place *place, struct found *found);
void place_of(struct worker *w, const char *path, struct place *place);
/** A new thing may get this name: there is room in the model, and in paths. */
bool may_make(const struct worker *w, const struct found *found);
/** The format and the options let a name of the node go. */
bool may_lose_name(const struct worker *w, int node);
/** A text for a symbolic link. */
void choose_target(struct worker *w, char target[PATH_ROOM]);

/* ---- operations ---- */

typedef void operation(struct worker *w);

/* files-model-names.c */
operation do_make_folder, do_unlink, do_remove_folder, do_rename, do_link, do_symbolic_link,
    do_read_link, do_status, do_set_times, do_set_mode, do_list;
/* files-model-opens.c */
operation do_open, do_close, do_seek, do_resize_open, do_resize_path, do_sync, do_open_status;
/** An open of the worker; NULL: none is. */
struct open_file *choose_open(struct worker *w);
/** The same, for what reads and writes. */
struct open_file *choose_open_for(struct worker *w, bool reads, bool writes);
void close_open(struct worker *w, struct open_file *open);
/* files-model-data.c */
operation do_read, do_write, do_read_at, do_write_at, do_append, do_copy;
/** Random bytes to be written: size bytes of the worker's buffer, at an odd address mostly. */
uint8_t *fill_buffer(struct worker *w, size_t size);
/** How much may be written at `offset`: `size` or less. */
size_t may_write(const struct worker *w, int node, uint64_t offset, size_t size);
/* files-model-maps.c */
operation do_map, do_unmap, do_read_mapped, do_write_mapped, do_sync_mapped, do_write_behind,
    do_map_private, do_read_into_mapped, do_write_from_mapped;
void unmap(struct worker *w, struct mapping *mapping);
/** How many bytes of the mapping may be touched. */
uint32_t touchable(const struct worker *w, const struct mapping *mapping);

/* ---- files-model-compare.c ---- */

/** Everything that the model has. */
void compare_all(struct worker *w);
/** Each name of the folder once. */
void compare_folder(struct worker *w, int folder);
/** One line for each name: "files-model: file|folder|link PATH ...". Sizes, and CRC-32 of content. */
void print_manifest(const struct worker *w);
/** Everything closed, unmapped, removed; the folder is empty then. */
void remove_all(struct worker *w);
/** The same, but nothing is removed. */
void close_all(struct worker *w);
