/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of ext4 share: images made by mke2fs, and the independent checker. Programs are of e2fsprogs; their files lie in a folder of the test's own.
 */
#pragma once

#include <card.h>
#include <ext4_fs.h>

/** A path for `name` in this test's folder, which is made; good until the fourth call after it. */
const char *image_path(const char *name);
/** A new file system of `kibibytes`, made with these arguments of mke2fs. */
struct card *image_make(unsigned kibibytes, const char *arguments);
/** Whether e2fsck -fn finds nothing; it shows what it finds. */
bool image_is_clean(const struct card *card);
/** The same after e2fsck has replayed the journal, on a copy. */
bool image_is_clean_for_linux(const struct card *card);
/** Runs a command of the shell, its output in `text` (if not NULL); its exit status. */
int image_run(char *text, size_t room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline struct ext4_name name_of(const char *text)
{
    return (struct ext4_name){text, __builtin_strlen(text)};
}
/** For ext4_readdir(): context, an unsigned, is one more for each entry. */
ext4_entry_fn image_count_entry;
