/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file system in memory, and random steps that are made in it and in a volume. All that happens in a step comes of the model and of a number: who has both knows what it did, so that
 * the process that made it can be killed.
 */
#pragma once

#include <volume.h>

enum { NODES = 40, ENTRIES = 64, CONTENT = 40000, NAMES = 28 };

struct node {
    bool used;
    bool held; /* somebody has it open, be its names gone or not */
    enum volume_kind kind;
    uint32_t mode, links, size;
    uint64_t inode;           /* as it was told when the last step ended */
    struct volume_file *file; /* in the process that works: if held */
    uint8_t content[CONTENT]; /* of a link: its text */
};

struct entry {
    bool used;
    uint8_t folder, name, node;
};

struct model {
    bool has_links; /* the format has hard links, symbolic ones and all kinds */
    uint64_t progress;
    struct node nodes[NODES]; /* the first is the root */
    struct entry entries[ENTRIES];
};

/** What a step was, for who has to find out whether it has been made. */
struct step {
    bool names; /* it is counted, if it succeeds */
    int touched; /* node whose content, size or mode may be anything between before and after; -1: none */
    int released; /* node that may be gone; -1: none */
    int moved;    /* node that gets another inode, where the format has those that move; -1: none */
    int target;   /* node whose name goes; -1: none */
};

void model_begin(struct model *model, bool has_links);
/** The step of this number, in `model` and in the volume (if `ops`), which has to agree. */
struct step model_step(struct model *model, uint64_t number, const struct volume_ops *ops,
                       struct volume *volume);
/** After a mount: files that are held are opened again. released: the node that may be gone; -1: none. */
void model_reopen(struct model *model, int released, const struct volume_ops *ops,
                  struct volume *volume);
/** The volume has what the model says, but the content and mode of node `except` (-1: none), which the model takes over; `next`: what it may be instead. */
void model_compare(struct model *model, int except, const struct model *next,
                   const struct volume_ops *ops, struct volume *volume);
