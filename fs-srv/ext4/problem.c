/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors: libext2fs' numbers become those of errno, and what means that the medium or the file system is not to be trusted makes it read-only, with a text.
 */
#include "ext4_impl.h"
#include <stdio.h>

int problem_set(struct ext4 *fs, int error, const char *where, const char *what)
{
    if (fs->error == 0) {
        fs->error = error;
        snprintf(fs->problem, sizeof(fs->problem), "%s: %s", where, what);
    }
    if (error == EBADMSG && fs->caching && !fs->read_only)
        fs->transaction.super_changed = true; /* it gets a mark for checkers */
    fs->read_only = true;
    return error;
}

/* 0: none of these, so the file system is damaged. */
static int ordinary(errcode_t result)
{
    switch (result) {
    case EXT2_ET_DIR_NO_SPACE:
    case EXT2_ET_BLOCK_ALLOC_FAIL:
    case EXT2_ET_INODE_ALLOC_FAIL:
    case EXT2_ET_TOOSMALL:
    case EXT2_ET_EXTENT_NO_SPACE: return ENOSPC;
    case EXT2_ET_NO_MEMORY: return ENOMEM;
    case EXT2_ET_FILE_NOT_FOUND: return ENOENT;
    case EXT2_ET_FILE_EXISTS: return EEXIST;
    case EXT2_ET_NO_DIRECTORY: return ENOTDIR;
    case EXT2_ET_FILE_TOO_BIG: return EFBIG;
    case EXT2_ET_RO_FILSYS: return EROFS;
    case EXT2_ET_UNSUPP_FEATURE:
    case EXT2_ET_RO_UNSUPP_FEATURE:
    case EXT2_ET_UNIMPLEMENTED:
    case EXT2_ET_UNKNOWN_CSUM:
    case EXT2_ET_REV_TOO_HIGH: return ENOTSUP;
    default: return 0;
    }
}

int problem_of(struct ext4 *fs, errcode_t result, const char *where)
{
    const char *text;
    int error;

    if (result == 0)
        return 0;
    if (result > 0 && result < 256) {
        error = (int)result;
        if (error == EIO || error == ENXIO)
            return problem_set(fs, error, where, "error of the medium");
        return error;
    }
    error = ordinary(result);
    if (error != 0)
        return error;
    text = ext2_error_text(result);
    return problem_set(fs, EBADMSG, where, text ? text : "damaged");
}

const char *ext4_problem(const struct ext4 *fs)
{
    return fs->problem;
}

bool ext4_is_read_only(const struct ext4 *fs)
{
    return fs->read_only;
}
