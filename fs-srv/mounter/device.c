/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See device.h.
 */
#include "device.h"
#include <stddef.h>
#include <string.h>

enum { PARTITION_MOST = 128, DIGITS_MOST = 3 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* It becomes part of a service's and of a program's name: as those of a system description. */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if (!(*text >= 'a' && *text <= 'z') && !(*text >= 'A' && *text <= 'Z') &&
            !is_digit(*text) && !strchr("._-+@", *text))
            return false;
    return true;
}

/* The text after a word, or NULL. */
static const char *behind(const char *text, const char *word)
{
    const size_t length = strlen(word);

    return strncmp(text, word, length) == 0 ? text + length : NULL;
}

/* `pN` at the end of a name that ends in a digit without it; NULL: there is none. */
static const char *find_partition(const char *text, uint32_t *number)
{
    const size_t length = strlen(text);
    size_t at = length;

    while (at > 0 && is_digit(text[at - 1]))
        at--;
    if (at == length || length - at > DIGITS_MOST || at < 2 || text[at - 1] != 'p' ||
        !is_digit(text[at - 2]))
        return NULL;
    *number = 0;
    for (size_t i = at; i < length; i++)
        *number = *number * 10 + (uint32_t)(text[i] - '0');
    return text + at - 1;
}

static const char *read_place(const char *text, struct device_name *out)
{
    const char *folder = behind(text, "/dev/disk/"), *end;

    text = folder ? folder : text;
    if (*text == '\0' || !is_plain(text))
        return "a device is DISKpN, /dev/disk/DISKpN, LABEL=TEXT or UUID=TEXT";
    end = find_partition(text, &out->partition);
    if (end && (out->partition == 0 || out->partition > PARTITION_MOST))
        return "partitions are numbered from 1 to 128";
    const size_t length = end ? (size_t)(end - text) : strlen(text);
    if (length >= sizeof(out->disk))
        return "this name is too long";
    memcpy(out->text, text, strlen(text) + 1);
    memcpy(out->disk, text, length);
    return NULL;
}

const char *device_read(const char *text, struct device_name *out)
{
    const char *label = behind(text, "LABEL="), *uuid = behind(text, "UUID=");

    memset(out, 0, sizeof(*out));
    if (strlen(text) >= sizeof(out->text))
        return "this name is too long";
    if (!label && !uuid)
        return read_place(text, out);
    text = label ? label : uuid;
    if (*text == '\0')
        return "nothing is behind the =";
    out->kind = label ? DEVICE_LABEL : DEVICE_UUID;
    memcpy(out->text, text, strlen(text) + 1);
    return NULL;
}

bool device_make(const char *disk, uint32_t partition, struct device_name *out)
{
    char text[DEVICE_TEXT_MAX + 8];
    size_t n = strlen(disk), at = sizeof(text);

    if (n >= sizeof(out->disk) || partition > PARTITION_MOST)
        return false;
    memcpy(text, disk, n);
    if (partition > 0) {
        char digits[DIGITS_MOST];
        for (at = 0; partition > 0; partition /= 10)
            digits[at++] = (char)('0' + partition % 10);
        text[n++] = 'p';
        while (at > 0)
            text[n++] = digits[--at];
    }
    text[n] = '\0';
    return device_read(text, out) == NULL && strlen(out->disk) == strlen(disk);
}
