/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What mount, umount, sync and df share: the mounter's list, and the paths of the program `files` that are covered.
 */
#pragma once

#include "tool.h"
#include <wharf/if/mounts_types.h>

/** The service `mounts`; MSG_NULL: this system has none. */
mach_port_name_t mounts_service(void);

/** Called for each row. */
typedef void mounts_visitor_t(void *context, const struct mounts_row *row);
/** All that the mounter has, or could mount; nothing if there is no mounter. */
void mounts_each(const struct tool *tool, mounts_visitor_t *visit, void *context);

/** Called for each path that is covered, whoever did it. */
typedef void mounts_path_t(void *context, const char *path);
void mounts_each_path(const struct tool *tool, mounts_path_t *visit, void *context);

/** An error of files and mounts, in words. */
const char *mounts_error(kern_return_t error);
/** The walk of `path` to cover or uncover it is over; else it is complained of. A path that leads into another server's files is that server's to cover. */
bool mounts_is_done(const struct tool *tool, const char *path, kern_return_t error,
                    uint32_t outcome);
