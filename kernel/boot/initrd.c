/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the initrd: a cpio archive in newc form. The archive is untrusted; every number in it is
 * checked against the archive's end before it is used.
 */
#include "boot_impl.h"
#include <kern/string.h>

enum { HEADER = 110, FIELDS = 13, FIELD_FILESIZE = 6, FIELD_NAMESIZE = 11 };

/* Eight hexadecimal digits. */
static bool field(const char *digits, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        char c = digits[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return false;
        value = value << 4 | digit;
    }
    *out = value;
    return true;
}

struct entry {
    const char *name; /* terminated */
    size_t name_size; /* with the terminator */
    const char *data;
    size_t size;
    size_t next; /* offset of the next header */
};

/* The entry whose header is at `at`. */
static bool read_entry(const char *archive, size_t archive_size, size_t at, struct entry *out)
{
    uint64_t file_size, name_size;
    if (at > archive_size || archive_size - at < HEADER || memcmp(archive + at, "07070", 5) != 0 ||
        (archive[at + 5] != '1' && archive[at + 5] != '2'))
        return false;
    const char *fields = archive + at + 6;
    if (!field(fields + (size_t)8 * FIELD_FILESIZE, &file_size) ||
        !field(fields + (size_t)8 * FIELD_NAMESIZE, &name_size))
        return false;
    size_t data = round_up(at + HEADER + name_size, 4); /* numbers of 32 bits: no overflow */
    if (name_size == 0 || data > archive_size || file_size > archive_size - data ||
        archive[at + HEADER + name_size - 1] != '\0')
        return false;
    *out = (struct entry){
        .name = archive + at + HEADER,
        .name_size = name_size,
        .data = archive + data,
        .size = file_size,
        .next = round_up(data + file_size, 4),
    };
    return true;
}

/* "./x", "/x" and "x" are the same file. */
static const char *plain(const char *name)
{
    if (name[0] == '.' && name[1] == '/')
        name++;
    while (*name == '/')
        name++;
    return name;
}

const void *initrd_find(const void *archive, size_t archive_size, const char *name, size_t *size,
                        const char **why)
{
    struct entry entry;
    for (size_t at = 0;; at = entry.next) {
        if (!read_entry(archive, archive_size, at, &entry)) {
            *why = "the initrd is not a whole cpio archive in newc form";
            return NULL;
        }
        if (strcmp(entry.name, "TRAILER!!!") == 0) {
            *why = "the initrd has no such file";
            return NULL;
        }
        if (strcmp(plain(entry.name), name) == 0) {
            *size = entry.size;
            return entry.data;
        }
    }
}
