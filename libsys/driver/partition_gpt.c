/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GPT (<libsys/driver/partition.h>; UEFI 2.10, 5.3). There are two: behind the protective MBR, and at the end of the device. The second
 * is looked at when the first does not hold. Entries are checked as they are read, and taken over only when the checksum of all of
 * them, from the same reads, is right.
 */
#include "partition_impl.h"

#include <string.h>

enum { /* of the header */
       HEADER_REVISION = 8,
       HEADER_SIZE = 12,
       HEADER_CRC = 16,
       HEADER_SELF = 24,
       HEADER_OTHER = 32,
       HEADER_FIRST_USABLE = 40,
       HEADER_LAST_USABLE = 48,
       HEADER_ENTRIES = 72,
       HEADER_ENTRY_COUNT = 80,
       HEADER_ENTRY_SIZE = 84,
       HEADER_ENTRIES_CRC = 88,
       HEADER_LEAST = 92,
};

enum { /* of an entry */
       ENTRY_FIRST = 32,
       ENTRY_LAST = 40,
       ENTRY_NAME = 56,
       ENTRY_NAME_UNITS = 36,
       ENTRY_LEAST = 128,
};

enum { ENTRIES_BYTES_MAX = 256 * 1024 };

/* Why a GPT does not hold: one row for a word of the sentence that says so. */
#define REASONS(REASON)                                                               \
    REASON(UNREADABLE, "cannot be read")                                              \
    REASON(NO_HEADER, "has no header")                                                \
    REASON(HEADER_SUM, "has a header with a wrong checksum")                          \
    REASON(REVISION, "is of a revision that is not known")                            \
    REASON(ELSEWHERE, "says that it is elsewhere")                                    \
    REASON(USABLE, "has a usable range that is not inside the device")                \
    REASON(ENTRY_SIZE, "has entries of a size or number that cannot be")              \
    REASON(ENTRIES, "has its entries outside of the device, or among the partitions") \
    REASON(ENTRIES_SUM, "has entries with a wrong checksum")

enum reason {
    GOOD,
#define ROW(name, text) name,
    REASONS(ROW)
#undef ROW
};

static const char *const backup_used[] = {
#define ROW(name, text) [name] = "the GPT " text ": its backup is used",
    REASONS(ROW)
#undef ROW
};

static const char *const backup_bad[] = {
#define ROW(name, text) [name] = "the GPT " text ", and its backup does not hold either",
    REASONS(ROW)
#undef ROW
};

struct header {
    uint64_t self, other;
    uint64_t first_usable, last_usable;
    uint64_t entries;
    uint32_t entry_count, entry_size;
    uint32_t entries_crc;
};

/* ---- Checksums: CRC-32, IEEE 802.3, four bits at a time ---- */

static uint32_t crc_add(uint32_t crc, const uint8_t *at, size_t size)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };

    for (size_t i = 0; i < size; i++) {
        crc ^= at[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

static uint32_t header_crc(const uint8_t *at, uint32_t size)
{
    static const uint8_t zero[4];
    uint32_t crc = crc_add(UINT32_MAX, at, HEADER_CRC);

    crc = crc_add(crc, zero, sizeof(zero));
    return ~crc_add(crc, at + HEADER_CRC + 4, size - HEADER_CRC - 4);
}

/* ---- The header ---- */

static uint64_t entries_blocks(const struct partition_reader *reader, const struct header *header)
{
    uint64_t bytes = (uint64_t)header->entry_count * header->entry_size;

    return (bytes + reader->block_size - 1) / reader->block_size;
}

static enum reason check_ranges(const struct partition_reader *reader, const struct header *header)
{
    uint64_t blocks;

    if (header->first_usable < 2 || header->last_usable >= reader->blocks ||
        header->first_usable > header->last_usable ||
        (header->self >= header->first_usable && header->self <= header->last_usable))
        return USABLE;
    if (header->entry_size < ENTRY_LEAST || header->entry_size > PARTITION_BUFFER ||
        (header->entry_size & (header->entry_size - 1)) != 0 || header->entry_count == 0 ||
        header->entry_count > ENTRIES_BYTES_MAX / header->entry_size)
        return ENTRY_SIZE;
    blocks = entries_blocks(reader, header);
    if (header->entries < 2 || header->entries >= reader->blocks ||
        blocks > reader->blocks - header->entries ||
        (header->entries <= header->last_usable &&
         header->first_usable < header->entries + blocks) ||
        (header->entries <= header->self && header->self < header->entries + blocks))
        return ENTRIES;
    return GOOD;
}

static enum reason read_header(struct partition_reader *reader, uint64_t at, struct header *header)
{
    const uint8_t *block = reader->buffer;
    uint32_t size;

    if (partition_fetch(reader, at, 1) != KERN_SUCCESS)
        return UNREADABLE;
    if (memcmp(block, "EFI PART", 8) != 0)
        return NO_HEADER;
    size = partition_get32(block + HEADER_SIZE);
    if (size < HEADER_LEAST || size > reader->block_size ||
        header_crc(block, size) != partition_get32(block + HEADER_CRC))
        return HEADER_SUM;
    if (partition_get32(block + HEADER_REVISION) >> 16 != 1)
        return REVISION;
    *header = (struct header){
        .self = partition_get64(block + HEADER_SELF),
        .other = partition_get64(block + HEADER_OTHER),
        .first_usable = partition_get64(block + HEADER_FIRST_USABLE),
        .last_usable = partition_get64(block + HEADER_LAST_USABLE),
        .entries = partition_get64(block + HEADER_ENTRIES),
        .entry_count = partition_get32(block + HEADER_ENTRY_COUNT),
        .entry_size = partition_get32(block + HEADER_ENTRY_SIZE),
        .entries_crc = partition_get32(block + HEADER_ENTRIES_CRC),
    };
    return header->self == at ? check_ranges(reader, header) : ELSEWHERE;
}

/* ---- Entries ---- */

/* Append one character, if it fits before the NUL. */
static bool append(uint8_t *name, size_t size, size_t *length, uint32_t c)
{
    uint8_t bytes[4];
    size_t count = 0;

    if (c < 0x80) {
        bytes[count++] = (uint8_t)c;
    } else if (c < 0x800) {
        bytes[count++] = (uint8_t)(0xc0 | c >> 6);
        bytes[count++] = (uint8_t)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        bytes[count++] = (uint8_t)(0xe0 | c >> 12);
        bytes[count++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        bytes[count++] = (uint8_t)(0x80 | (c & 0x3f));
    } else {
        bytes[count++] = (uint8_t)(0xf0 | c >> 18);
        bytes[count++] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
        bytes[count++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        bytes[count++] = (uint8_t)(0x80 | (c & 0x3f));
    }
    if (*length + count >= size)
        return false;
    memcpy(name + *length, bytes, count);
    *length += count;
    return true;
}

/* The character at `units`, of which there are `left`; *used: units of it. What cannot be shown is a question mark. */
static uint32_t character(const uint8_t *units, unsigned left, unsigned *used)
{
    uint32_t c = partition_get16(units), low;

    *used = 1;
    if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0xdc00 && c < 0xe000))
        return '?';
    if (c < 0xd800 || c >= 0xe000)
        return c;
    low = left >= 2 ? partition_get16(units + 2) : 0;
    if (low < 0xdc00 || low >= 0xe000)
        return '?';
    *used = 2;
    return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

static void copy_name(struct partition *p, const uint8_t *units)
{
    const uint8_t *at = units;
    size_t length = 0;
    unsigned used;

    for (unsigned i = 0; i < ENTRY_NAME_UNITS && partition_get16(at) != 0; i += used) {
        const uint32_t c = character(at, ENTRY_NAME_UNITS - i, &used);
        if (!append(p->name, sizeof(p->name), &length, c))
            break;
        at += sizeof(uint16_t) * used;
    }
}

static void take_entry(struct partition_table *table, const struct header *header, uint32_t number,
                       const uint8_t *entry)
{
    static const uint8_t unused[16];
    uint64_t first = partition_get64(entry + ENTRY_FIRST),
             last = partition_get64(entry + ENTRY_LAST);
    bool overlaps;

    if (memcmp(entry, unused, sizeof(unused)) == 0)
        return;
    if (number >= PARTITION_TABLE_MAX) {
        partition_trouble(table, "more than 31 partitions: the others are left out");
        return;
    }
    struct partition *p = &table->partition[number];
    overlaps = first <= last && partition_overlaps(table, first, last - first + 1);
    table->count = number + 1;
    if (first > last || first < header->first_usable || last > header->last_usable) {
        partition_trouble(table, "a partition is not inside the usable range: left out");
        return;
    }
    if (overlaps) {
        partition_trouble(table, "a partition overlaps another one: left out");
        return;
    }
    p->first = first;
    p->blocks = last - first + 1;
    memcpy(p->type, entry, sizeof(p->type));
    copy_name(p, entry + ENTRY_NAME);
}

/* Entries never lie across two reads: their size divides the buffer's. */
static enum reason read_entries(struct partition_table *table, struct partition_reader *reader,
                                const struct header *header)
{
    uint64_t block = header->entries, blocks = entries_blocks(reader, header);
    uint32_t at_once = PARTITION_BUFFER / reader->block_size, number = 0, crc = UINT32_MAX;

    while (blocks > 0) {
        uint32_t count = blocks < at_once ? (uint32_t)blocks : at_once;
        uint32_t bytes = count * reader->block_size;

        if (partition_fetch(reader, block, count) != KERN_SUCCESS)
            return UNREADABLE;
        for (uint32_t at = 0; at < bytes && number < header->entry_count;
             at += header->entry_size) {
            crc = crc_add(crc, reader->buffer + at, header->entry_size);
            take_entry(table, header, ++number, reader->buffer + at);
        }
        block += count;
        blocks -= count;
    }
    return ~crc == header->entries_crc ? GOOD : ENTRIES_SUM;
}

/* ---- The whole ---- */

/* The GPT whose header is at `at`. *other: where it says that the other one is; as it was, if it has no header. */
static enum reason read_one(struct partition_table *table, struct partition_reader *reader,
                            uint64_t at, uint64_t *other)
{
    struct partition_table found = *table;
    struct header header;
    enum reason reason = read_header(reader, at, &header);

    if (reason != GOOD)
        return reason;
    *other = header.other;
    reason = read_entries(&found, reader, &header);
    if (reason == GOOD)
        *table = found;
    return reason;
}

void partition_read_gpt(struct partition_table *table, struct partition_reader *reader)
{
    uint64_t last = reader->blocks - 1, backup = last, ignored;
    enum reason reason, second;

    table->scheme = PARTITION_GPT;
    reason = read_one(table, reader, 1, &backup);
    if (reason == GOOD)
        return;
    second = backup < 2 ? NO_HEADER : read_one(table, reader, backup, &ignored);
    if (second != GOOD && backup != last)
        second = read_one(table, reader, last, &ignored);
    table->trouble = second == GOOD ? backup_used[reason] : backup_bad[reason];
}
