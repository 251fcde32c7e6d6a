/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What POSIX says of names, as a tree of structures: the model that test_model.c compares the server with.
 */
#pragma once

#include "world.h"

enum {
    NODES = 400,
    NAMES_MAX = 6,
    SIZE_MAX_MODEL = 40000,
    PATH_NAMES = 4,
    DEPTH = 40,
};

struct model {
    uint32_t kind, links;
    uint64_t size;
    uint8_t *bytes;   /* SIZE_MAX_MODEL of them */
    char content[64]; /* of a link */
    struct model *child[NAMES_MAX];
    struct model *parent;
    mach_port_name_t open; /* one open of the server's twin, or null */
    bool used;
};

extern struct model nodes[NODES];
extern struct model *model_root;

struct place {
    struct model *folder, *node;
    int name; /* -1: the path ends in none */
    int error;
    unsigned links;
};

/** Zeroed. NULL: there are NODES. */
struct model *new_node(uint32_t kind);
bool have_node(void);
/** It goes when nothing names it and nobody has it open. */
void maybe_free(struct model *node);
/** Along a path from the root; follow: of a link at the end. */
struct place find(const char *path, bool follow);
bool is_empty(const struct model *folder);
void enter(struct model *folder, int name, struct model *node);
void leave(struct model *folder, int name);
/** Of a few names, 256 bytes at most. */
void random_path(char *out);
