/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names: UTF-8 outside, UTF-16 in entries, of which each has a part and the first on the medium the end. A sequence counts if it is whole, in order, and its checksum is that
 * of the short name behind it; else the file has its short name alone.
 */
#include "fat_impl.h"

enum { LAST_PART = 0x40, PART_MASK = 0x3f, PARTS_MAX = 20 };

/* Where the units of a part are in its entry. */
static const uint8_t place[LONG_PART] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};

/* ---- UTF-8 ---- */

/* One letter; how many bytes it has, 0: it is none. */
static unsigned read_letter(const uint8_t *text, uint32_t *letter)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned size = text[0] < 0x80             ? 1
                          : (text[0] & 0xe0) == 0xc0 ? 2
                          : (text[0] & 0xf0) == 0xe0 ? 3
                          : (text[0] & 0xf8) == 0xf0 ? 4
                                                     : 0;
    uint32_t value;

    if (size < 2) {
        *letter = text[0];
        return size;
    }
    value = text[0] & (0x7fu >> size);
    for (unsigned i = 1; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0; /* also at the end of the text */
        value = value << 6 | (text[i] & 0x3f);
    }
    if (value < least[size] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
        return 0;
    *letter = value;
    return size;
}

static unsigned write_letter(uint32_t letter, uint8_t out[4])
{
    static const uint8_t lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    const unsigned size = letter < 0x80 ? 1 : letter < 0x800 ? 2 : letter < 0x10000 ? 3 : 4;

    for (unsigned i = size - 1; i > 0; i--, letter >>= 6)
        out[i] = (uint8_t)(0x80 | (letter & 0x3f));
    out[0] = (uint8_t)(lead[size] | letter);
    return size;
}

static bool may_be_in_name(uint32_t letter)
{
    return letter >= ' ' && letter != 0x7f && letter <= 0x10ffff &&
           (letter > 0x7f || strchr("\\/:*?\"<>|", (int)letter) == NULL);
}

int fat_name_read(const char *text, struct fat_name *out)
{
    const uint8_t *at = (const uint8_t *)text;
    uint32_t letter;

    out->count = 0;
    while (*at != 0) {
        const unsigned size = read_letter(at, &letter);
        if (size == 0)
            return EILSEQ;
        if (!may_be_in_name(letter))
            return EINVAL;
        const uint32_t units = letter < 0x10000 ? 1 : 2;
        if (out->count + units > NAME_UNITS)
            return ENAMETOOLONG;
        if (units == 2) {
            out->units[out->count++] = (uint16_t)(0xd800 + ((letter - 0x10000) >> 10));
            letter = 0xdc00 + (letter & 0x3ff);
        }
        out->units[out->count++] = (uint16_t)letter;
        at += size;
    }
    if (at - (const uint8_t *)text >= FAT_NAME_MAX)
        return ENAMETOOLONG;
    if (out->count == 0 || out->units[out->count - 1] == '.' || out->units[out->count - 1] == ' ')
        return EINVAL;
    return 0;
}

bool fat_name_write(const struct fat_name *name, char out[FAT_NAME_MAX])
{
    uint32_t size = 0;

    for (uint32_t i = 0; i < name->count; i++) {
        uint32_t letter = name->units[i];
        uint8_t bytes[4];
        if (letter >= 0xd800 && letter < 0xdc00 && i + 1 < name->count &&
            name->units[i + 1] >= 0xdc00 && name->units[i + 1] < 0xe000)
            letter = 0x10000 + ((letter & 0x3ff) << 10) + (name->units[++i] & 0x3ff);
        if (!may_be_in_name(letter) || (letter >= 0xd800 && letter < 0xe000))
            return false;
        const uint32_t length = write_letter(letter, bytes);
        if (size + length >= FAT_NAME_MAX)
            return false;
        memcpy(out + size, bytes, length);
        size += length;
    }
    out[size] = '\0';
    return size != 0 && out[size - 1] != '.' && out[size - 1] != ' ';
}

bool fat_name_equal(const struct fat_name *a, const struct fat_name *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->units[i] != b->units[i] && fat_upper(a->units[i]) != fat_upper(b->units[i]))
            return false;
    return true;
}

/* ---- entries ---- */

uint8_t fat_checksum(const uint8_t short_name[SHORT_NAME])
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < SHORT_NAME; i++)
        sum = (uint8_t)((sum >> 1 | sum << 7) + short_name[i]);
    return sum;
}

void fat_long_entry(const struct fat_name *name, uint32_t part, uint8_t checksum,
                    uint8_t out[ENTRY])
{
    const uint32_t from = (part - 1) * LONG_PART;

    memset(out, 0, ENTRY);
    out[0] = (uint8_t)(part | (part == fat_long_parts(name) ? LAST_PART : 0));
    out[ENTRY_ATTRIBUTES] = ATTRIBUTE_LONG;
    out[13] = checksum;
    for (uint32_t i = 0; i < LONG_PART; i++) {
        const uint32_t unit = from + i;
        write16(out + place[i], unit < name->count    ? name->units[unit]
                                : unit == name->count ? 0
                                                      : 0xffff);
    }
}

void fat_long_add(struct fat_long *gathered, const uint8_t entry[ENTRY])
{
    const uint32_t part = entry[0] & PART_MASK;

    if (entry[0] & LAST_PART) {
        gathered->parts = part >= 1 && part <= PARTS_MAX ? part : 0;
        gathered->checksum = entry[13];
    } else if (part == 0 || part != gathered->next || entry[13] != gathered->checksum) {
        gathered->parts = 0;
    }
    if (gathered->parts == 0)
        return;
    gathered->next = part - 1;
    for (uint32_t i = 0; i < LONG_PART; i++)
        gathered->units[(part - 1) * LONG_PART + i] = read16(entry + place[i]);
}

bool fat_long_name(const struct fat_long *gathered, const uint8_t entry[ENTRY],
                   struct fat_name *out)
{
    uint32_t count = 0;

    if (gathered->parts == 0 || gathered->next != 0 || gathered->checksum != fat_checksum(entry))
        return false;
    while (count < gathered->parts * LONG_PART && gathered->units[count] != 0)
        count++;
    if (count == 0 || count > NAME_UNITS)
        return false;
    out->count = count;
    memcpy(out->units, gathered->units, count * sizeof *out->units);
    return true;
}
