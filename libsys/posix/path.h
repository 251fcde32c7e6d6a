/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks along paths over several servers (file.defs, outcome). A step is one call to a directory; the walk goes on where it says, and ends with ELOOP when that does not end.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/if/file_types.h>
#include <wharf/message.h>

struct walk;
/** One call: `at` is the directory, walk->path what is left to go. It sets outcome, elsewhere and, in walk->path, the rest. */
typedef kern_return_t walk_step_t(struct walk *walk, mach_port_name_t at);

struct walk {
    const char *path; /* what is left */
    uint32_t outcome;
    mach_port_name_t
        elsewhere; /* for FILE_OUTCOME_ELSEWHERE: the walk's; else the step's result, or nothing */
    char rest[FILE_PATH_MAX];
    int64_t id; /* of the request, at each server */
    /* What a step is about: as far as it needs it. */
    uint32_t flags;
    uint32_t mode;
    bool nofollow;
    struct file_attributes attributes;
    const char *content;
    char *link; /* FILE_PATH_MAX bytes */
    mach_port_name_t to;
    const char *to_path;
    uint32_t which;
};

enum { WALK_STEPS_MAX = 40 };

/** Where a path of an ...at() function begins: its directory, or the root. MSG_NULL: errno is set. */
mach_port_name_t walk_base(int directory, const char *path);
/** Walk from there. 0, or -1 and errno. The step's own fields are as its last call left them. */
int walk_path(int directory, const char *path, walk_step_t *step, struct walk *walk);
/** For FILE_OUTCOME_CALLER: one's pid before what is left, if that has room. */
bool walk_add_caller(char rest[FILE_PATH_MAX]);
/** Open: FILE_ flags. The port, or MSG_NULL and errno. */
mach_port_name_t walk_open(int directory, const char *path, uint32_t flags, uint32_t mode);
/** Attributes of what is there. */
int walk_look(int directory, const char *path, bool nofollow, struct file_attributes *attributes);
