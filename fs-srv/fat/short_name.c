/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Short names: 8 letters and 3, capitals, padded by spaces. What is made here is ASCII. Two bits say that base or extension are to be shown in small letters, so that names
 * like that need no long one.
 */
#include "fat_impl.h"

enum { BASE = 8, EXTENSION = 3, REAL_E5 = 0x05 /* stands for a first letter 0xe5 */ };

/* Unlike in long names, these must not be there either. */
static bool may_be_in_short(uint16_t unit)
{
    return unit > ' ' && unit < 0x7f && strchr("+,;=[].\\/:*?\"<>|", unit) == NULL;
}

/* Where the extension's dot is; count: it has none. */
static uint32_t dot_of(const struct fat_name *name)
{
    for (uint32_t i = name->count; i-- > 1;)
        if (name->units[i] == '.')
            return i;
    return name->count;
}

/* Units of one half, all of which fit, as capitals. small: they are small letters, and no capitals are among them. */
static bool take_half(const uint16_t *units, uint32_t count, uint32_t room, uint8_t *out,
                      bool *small)
{
    bool capitals = false;

    *small = false;
    if (count > room)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!may_be_in_short(units[i]))
            return false;
        capitals = capitals || (units[i] >= 'A' && units[i] <= 'Z');
        *small = *small || (units[i] >= 'a' && units[i] <= 'z');
        out[i] = (uint8_t)fat_upper(units[i]);
    }
    return !(capitals && *small);
}

bool fat_short_exact(const struct fat_name *name, uint8_t out[SHORT_NAME], uint8_t *cases)
{
    const uint32_t dot = dot_of(name);
    const uint32_t rest = dot < name->count ? name->count - dot - 1 : 0;
    bool small_base, small_extension;

    memset(out, ' ', SHORT_NAME);
    if (dot == 0 || !take_half(name->units, dot, BASE, out, &small_base) ||
        !take_half(name->units + dot + (rest != 0), rest, EXTENSION, out + BASE, &small_extension))
        return false;
    *cases = (uint8_t)((small_base ? CASES_BASE : 0) | (small_extension ? CASES_EXTENSION : 0));
    return true;
}

/* Of one half, what can be used. False: not all. */
static bool squeeze(const uint16_t *units, uint32_t count, uint32_t room, uint8_t *out)
{
    uint32_t size = 0;
    bool all = true;

    for (uint32_t i = 0; i < count; i++) {
        if (units[i] == ' ' || units[i] == '.') {
            all = false;
            continue;
        }
        if (size == room)
            return false;
        const bool good = may_be_in_short(units[i]);
        out[size++] = good ? (uint8_t)fat_upper(units[i]) : '_';
        all = all && good;
    }
    return all;
}

bool fat_short_basis(const struct fat_name *name, uint8_t out[SHORT_NAME])
{
    const uint32_t dot = dot_of(name);
    bool all;

    memset(out, ' ', SHORT_NAME);
    all = squeeze(name->units, dot, BASE, out);
    if (dot < name->count)
        all = squeeze(name->units + dot + 1, name->count - dot - 1, EXTENSION, out + BASE) && all;
    if (out[0] == ' ') {
        out[0] = '_';
        all = false;
    }
    return all;
}

void fat_short_numbered(const uint8_t basis[SHORT_NAME], uint32_t number, uint8_t out[SHORT_NAME])
{
    uint8_t tail[BASE];
    uint32_t size = 0, length = 0;

    for (; number != 0; number /= 10)
        tail[size++] = (uint8_t)('0' + number % 10);
    tail[size++] = '~';
    memcpy(out, basis, SHORT_NAME);
    while (length < BASE - size && out[length] != ' ')
        length++;
    memset(out + length, ' ', BASE - length);
    while (size > 0)
        out[length++] = tail[--size];
}

static void show_half(const uint8_t *half, uint32_t count, bool small, struct fat_name *out)
{
    while (count > 0 && half[count - 1] == ' ')
        count--;
    for (uint32_t i = 0; i < count; i++) {
        const bool capital = half[i] >= 'A' && half[i] <= 'Z';
        out->units[out->count++] =
            small && capital ? (uint16_t)(half[i] + 32) : fat_oem_letter(half[i]);
    }
}

void fat_short_name(const uint8_t entry[ENTRY], struct fat_name *out)
{
    uint8_t name[SHORT_NAME];

    memcpy(name, entry, SHORT_NAME);
    if (name[0] == REAL_E5)
        name[0] = ENTRY_DELETED;
    out->count = 0;
    show_half(name, BASE, entry[ENTRY_CASES] & CASES_BASE, out);
    if (name[BASE] == ' ' && name[BASE + 1] == ' ' && name[BASE + 2] == ' ')
        return;
    out->units[out->count++] = '.';
    show_half(name + BASE, EXTENSION, entry[ENTRY_CASES] & CASES_EXTENSION, out);
}
