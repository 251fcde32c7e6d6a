/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file system for tests of opens that outlive their server (<libsys/files/lasting.h>): one folder of files, in memory that outlives it, too.
 *
 * G1 There are two directories, of which `which` says the one that counts: a change of names is made in the other one, and then done by one store.
 * G2 Case is kept, and does not count when a name is looked up.
 * G3 A file without a name and without an open is free. Who begins frees those that the opens of the instance before have not kept.
 */
#pragma once

#include <libsys/files/lasting.h>

enum { LASTING_FILES = 48, LASTING_NAME = 24, LASTING_CONTENT = 6144 };

struct lasting_name {
    char name[LASTING_NAME]; /* "": the entry is free */
    uint32_t file;
};

struct lasting_directory {
    uint64_t progress;
    struct lasting_name names[LASTING_FILES];
};

struct lasting_file {
    uint32_t used;
    uint32_t generation;
    uint64_t size;
    uint8_t content[LASTING_CONTENT];
};

struct lasting_image {
    uint32_t which; /* G1 */
    uint32_t zero;
    struct lasting_directory directory[2];
    struct lasting_file files[LASTING_FILES];
};

/** The nodes of an image, by an instance that begins. */
void lasting_nodes_begin(struct lasting_image *image);
struct file_node *lasting_nodes_root(void);
/** G3: all that was open has been found. */
void lasting_nodes_free(void);

/** There is a name of just these letters. */
bool lasting_nodes_spell(const char *name);

/* What file_server_lasting asks for. */
kern_return_t lasting_nodes_identity(void *context, struct file_node *node, uint64_t *identity);
kern_return_t lasting_nodes_find(void *context, uint64_t identity, struct file_node **found);
uint64_t lasting_nodes_progress(void *context);

/** Called at places where a server can be killed; tests may do so. NULL: nothing. */
extern void (*lasting_nodes_place)(void);
