/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See <libsys/archive.h>. Source: the newc form as cpio(5) describes it: a header of 110 ASCII characters (a magic of six, 13
 * numbers of eight hexadecimal digits), the name with its NUL, the data, each padded to four bytes.
 */
#include <libsys/archive.h>
#include <stdbool.h>
#include <string.h>

enum { MAGIC = 6, DIGITS = 8, FIELDS = 13, HEADER = MAGIC + DIGITS * FIELDS };
enum { FIELD_MODE = 1, FIELD_FILE_SIZE = 6, FIELD_NAME_SIZE = 11, ALIGN = 4 };

static int digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool read_field(const char *header, unsigned number, uint32_t *out)
{
    const char *digits = header + MAGIC + (size_t)number * DIGITS;
    uint32_t value = 0;
    for (unsigned i = 0; i < DIGITS; i++) {
        const int digit = digit_of(digits[i]);
        if (digit < 0)
            return false;
        value = value << 4 | (uint32_t)digit;
    }
    *out = value;
    return true;
}

static bool is_header(const char *at)
{
    return memcmp(at, "070701", MAGIC) == 0 || memcmp(at, "070702", MAGIC) == 0;
}

static const char *plain(const char *name)
{
    if (name[0] == '.' && name[1] == '/')
        name++;
    while (*name == '/')
        name++;
    return name;
}

/* Rounded up; the offsets are below the archive's size plus two numbers of 32 bits, which cannot overflow. */
static uint64_t padded(uint64_t offset)
{
    return (offset + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
}

kern_return_t archive_next(const struct archive *archive, size_t *position,
                           struct archive_file *out)
{
    const size_t at = *position;
    uint32_t mode, file_size, name_size;
    if (at > archive->size || archive->size - at < HEADER)
        return KERN_BAD_FORMAT;
    const char *header = (const char *)archive->at + at;
    if (!is_header(header) || !read_field(header, FIELD_MODE, &mode) ||
        !read_field(header, FIELD_FILE_SIZE, &file_size) ||
        !read_field(header, FIELD_NAME_SIZE, &name_size))
        return KERN_BAD_FORMAT;
    const uint64_t data = padded((uint64_t)at + HEADER + name_size);
    if (name_size == 0 || data > archive->size || file_size > archive->size - data ||
        header[HEADER + name_size - 1] != '\0')
        return KERN_BAD_FORMAT;
    if (strcmp(header + HEADER, "TRAILER!!!") == 0)
        return KERN_NOT_FOUND;
    *out = (struct archive_file){
        .name = plain(header + HEADER),
        .data = (const char *)archive->at + data,
        .size = file_size,
        .mode = mode,
    };
    *position = (size_t)padded(data + file_size);
    return KERN_SUCCESS;
}

kern_return_t archive_find(const struct archive *archive, const char *name,
                           struct archive_file *out)
{
    struct archive_file file;
    size_t position = 0;
    for (;;) {
        const kern_return_t kr = archive_next(archive, &position, &file);
        if (kr != KERN_SUCCESS)
            return kr;
        if (strcmp(file.name, name) == 0) {
            *out = file;
            return KERN_SUCCESS;
        }
    }
}
