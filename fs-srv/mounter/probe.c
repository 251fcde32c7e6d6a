/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See probe.h.
 */
#include "probe.h"
#include <string.h>

static uint16_t u16_at(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t u32_at(const uint8_t *at)
{
    return u16_at(at) | (uint32_t)u16_at(at + 2) << 16;
}

/* A label goes into logs, and is compared with a word: what is no such letter ends it, and spaces at its end do not count. */
static void take_label(char *out, const uint8_t *at, size_t size)
{
    size_t n = 0;

    while (n < size && at[n] >= ' ' && at[n] != 127)
        n++;
    while (n > 0 && at[n - 1] == ' ')
        n--;
    memcpy(out, at, n);
    out[n] = '\0';
}

static char *put_hex(char *out, uint8_t byte, const char *digits)
{
    *out++ = digits[byte >> 4];
    *out++ = digits[byte & 15];
    return out;
}

/* ---- ext4 ---- */

enum {
    EXT4_SUPERBLOCK = 1024,
    EXT4_SIZE = 1024,
    EXT4_MAGIC = 56,
    EXT4_STATE = 58,
    EXT4_INCOMPATIBLE = 96,
    EXT4_UUID = 104,
    EXT4_LABEL = 120,

    EXT4_MAGIC_IS = 0xef53,
    EXT4_STATE_CLEAN = 1,
    EXT4_STATE_ERRORS = 2,
    EXT4_IS_JOURNAL = 8, /* the device is the journal of another */
    EXT4_RECOVER = 4,    /* its journal has to be replayed */
};

static bool read_ext4(const uint8_t *begin, size_t size, struct probe *out)
{
    const uint8_t *s = begin + EXT4_SUPERBLOCK;

    if (size < EXT4_SUPERBLOCK + EXT4_SIZE || u16_at(s + EXT4_MAGIC) != EXT4_MAGIC_IS ||
        u32_at(s + EXT4_INCOMPATIBLE) & EXT4_IS_JOURNAL)
        return false;
    const uint16_t state = u16_at(s + EXT4_STATE);
    out->format = "ext4";
    out->errors = state & EXT4_STATE_ERRORS;
    out->dirty = !(state & EXT4_STATE_CLEAN) || u32_at(s + EXT4_INCOMPATIBLE) & EXT4_RECOVER;
    take_label(out->label, s + EXT4_LABEL, PROBE_LABEL_MAX - 1);
    char *to = out->uuid;
    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        to = put_hex(to, s[EXT4_UUID + i], "0123456789abcdef");
    }
    *to = '\0';
    return true;
}

/* ---- FAT ---- */

enum {
    FAT_SECTOR_BYTES = 11,
    FAT_CLUSTER_SECTORS = 13,
    FAT_RESERVED = 14,
    FAT_TABLES = 16,
    FAT_MEDIA = 21,
    FAT_TABLE_SECTORS = 22, /* 0: FAT32 */
    FAT_32_TABLE_SECTORS = 36,
    FAT_MARK = 510,

    FAT_MARK_IS = 0xaa55,
    FAT_MEDIA_LEAST = 0xf0,
    FAT_EXTENDED_IS = 0x29, /* a number and a label follow */
    FAT_DIRTY = 1,

    /* What is behind the parts that FAT32 has more of. */
    FAT_FLAGS = 37,
    FAT_32_MORE = 28,
    FAT_EXTENDED = 1, /* from the flags on */
    FAT_NUMBER = 2,
    FAT_LABEL = 6,
    FAT_LABEL_SIZE = 11,
};

static bool is_power(uint32_t x)
{
    return x != 0 && (x & (x - 1)) == 0;
}

static bool is_fat(const uint8_t *s, size_t size)
{
    if (size < FAT_MARK + 2 || u16_at(s + FAT_MARK) != FAT_MARK_IS)
        return false;
    const uint32_t bytes = u16_at(s + FAT_SECTOR_BYTES);
    return is_power(bytes) && bytes >= 512 && bytes <= 4096 && is_power(s[FAT_CLUSTER_SECTORS]) &&
           u16_at(s + FAT_RESERVED) != 0 && (s[FAT_TABLES] == 1 || s[FAT_TABLES] == 2) &&
           s[FAT_MEDIA] >= FAT_MEDIA_LEAST &&
           (u16_at(s + FAT_TABLE_SECTORS) != 0 || u32_at(s + FAT_32_TABLE_SECTORS) != 0);
}

static bool read_fat(const uint8_t *s, size_t size, struct probe *out)
{
    if (!is_fat(s, size))
        return false;
    const uint8_t *flags = s + FAT_FLAGS + (u16_at(s + FAT_TABLE_SECTORS) == 0 ? FAT_32_MORE : 0);
    out->format = "fat";
    out->dirty = *flags & FAT_DIRTY;
    if (flags[FAT_EXTENDED] != FAT_EXTENDED_IS)
        return true;
    take_label(out->label, flags + FAT_LABEL, FAT_LABEL_SIZE);
    if (strcmp(out->label, "NO NAME") == 0)
        out->label[0] = '\0';
    char *to = out->uuid;
    for (unsigned i = 0; i < 4; i++) {
        if (i == 2)
            *to++ = '-';
        to = put_hex(to, flags[FAT_NUMBER + 3 - i], "0123456789ABCDEF");
    }
    *to = '\0';
    return true;
}

void probe_read(const void *begin, size_t size, struct probe *out)
{
    memset(out, 0, sizeof(*out));
    if (!read_ext4(begin, size, out)) /* its first sector is others' to fill */
        (void)read_fat(begin, size, out);
}
