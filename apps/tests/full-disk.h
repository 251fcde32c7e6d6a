/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of the test of a file system that is filled (full-disk.c).
 */
#pragma once

#include <errno.h>
#include <libsys/check.h>
#include <stdbool.h>
#include <stdint.h>

/** The call fails with that errno. */
#define CHECK_FAILS(call, wanted) \
    (errno = 0, CHECK_EQUAL((call), -1) ? (void)CHECK_EQUAL(errno, wanted) : (void)0)

/** The file system has holes, and names of all bytes. */
extern bool has_holes;

/** Bytes that are free in the file system of the current directory. */
uint64_t free_bytes(void);
/** So many are free again, but for what tables have grown by. */
void check_free_again(uint64_t before);
/** Other files are read, so many that nothing is kept of those that were used before. */
void drop_kept(void);

/* full-disk-limits.c: what there may not be more of, in the current directory. */
void check_opens(void);
void check_folder(void);
void check_names(void);
void check_deep(void);
void check_sizes(void);
