/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of file servers by their interface alone (interfaces/file.defs): what the parts of files-test share.
 */
#pragma once

#include <errno.h>
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/file.h>
#include <wharf/unix_error.h>

extern mach_port_name_t root; /* of the service `files` */

/** Opened at a directory port; MSG_NULL and an error in *error if it is not done. */
mach_port_name_t try_open(mach_port_name_t at, const char *path, uint32_t flags,
                          kern_return_t *error);
/** The same from the root, checked. */
mach_port_name_t open_file(const char *path, uint32_t flags);
void close_file(mach_port_name_t file);
/** KERN_SUCCESS and DONE; KERN_FAILURE: the walk left. */
kern_return_t make_at(mach_port_name_t at, const char *path, uint32_t kind, const char *content);
kern_return_t remove_at(mach_port_name_t at, const char *path, bool folder);
kern_return_t rename_at(mach_port_name_t at, const char *path, const char *to);
kern_return_t link_at(mach_port_name_t at, const char *path, const char *to);
kern_return_t look_at(mach_port_name_t at, const char *path, struct file_attributes *out);

/* The parts. */
void test_files(void);   /* files-names.c */
void test_content(void); /* files-content.c */
void test_mounts(void);  /* files-mounts.c */
void test_pipes(void);   /* files-pipes.c */
void test_hostile(void); /* files-hostile.c */
