/* SPDX-License-Identifier: BSD-2-Clause */
/* What cards say of themselves, taken apart (card.h, K1). Pure: nothing here touches a device. */
#include "card.h"

#include <stdio.h>

/* Bits high:low of a register of 128 bits whose lowest 8 the controller has dropped. */
static uint32_t bits(const uint32_t response[4], unsigned high, unsigned low)
{
    uint32_t value = 0;

    for (unsigned bit = high + 1; bit-- > low;)
        value = value << 1 | (response[(bit - 8) / 32] >> (bit - 8) % 32 & 1);
    return value;
}

kern_return_t csd_parse(const uint32_t response[4], struct csd *csd)
{
    struct csd found = {
        .classes = (uint16_t)bits(response, 95, 84),
        .write_protected = bits(response, 13, 12) != 0,
        .erase_single = bits(response, 46, 46) != 0,
    };

    switch (bits(response, 127, 126)) {
    case 0: {
        uint32_t length = bits(response, 83, 80);
        uint32_t multiplier = bits(response, 49, 47) + 2;

        if (length < 9 || length > 11)
            return KERN_BAD_FORMAT;
        found.blocks = (uint64_t)(bits(response, 73, 62) + 1) << multiplier << (length - 9);
        found.erase_blocks = (bits(response, 45, 39) + 1) << (length - 9);
        break;
    }
    case 1:
        found.version2 = true;
        found.blocks = (uint64_t)(bits(response, 69, 48) + 1) << 10;
        found.erase_single = true;
        break;
    default: return KERN_BAD_FORMAT; /* more than 2 TB, or nonsense */
    }
    if ((found.classes & 1 << 2) == 0)
        return KERN_BAD_FORMAT; /* a card that reads no blocks */
    if ((found.classes & 1 << 4) == 0)
        found.write_protected = true;
    *csd = found;
    return KERN_SUCCESS;
}

kern_return_t scr_parse(const uint8_t bytes[8], struct scr *scr)
{
    if (bytes[0] >> 4 != 0)
        return KERN_BAD_FORMAT;
    scr->version = bytes[0] & 15;
    scr->four_bits = (bytes[1] & 4) != 0;
    scr->extensions = scr->version >= 2 && (bytes[3] & 4) != 0;
    return KERN_SUCCESS;
}

void switch_parse(const uint8_t bytes[64], struct switch_status *status)
{
    status->can_high_speed = (bytes[13] & 2) != 0;
    status->selected = bytes[16] & 15;
}

static char printable(uint32_t c)
{
    return c >= 0x20 && c < 0x7f ? (char)c : '.';
}

void cid_text(const uint32_t cid[4], char *text, size_t size)
{
    (void)snprintf(text, size, "%02x %c%c %c%c%c%c%c %u.%u %08x %u/%u", bits(cid, 127, 120),
                   printable(bits(cid, 119, 112)), printable(bits(cid, 111, 104)),
                   printable(bits(cid, 103, 96)), printable(bits(cid, 95, 88)),
                   printable(bits(cid, 87, 80)), printable(bits(cid, 79, 72)),
                   printable(bits(cid, 71, 64)), bits(cid, 63, 60), bits(cid, 59, 56),
                   bits(cid, 55, 24), 2000 + bits(cid, 19, 12), bits(cid, 11, 8));
}
