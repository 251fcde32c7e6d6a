/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two checksums that libext2fs and journals are made with, in place of e2fsprogs' crc32c.c, whose tables a program has to make first. Eight bytes a step
 * for CRC-32C, which covers all metadata; a byte a step for the old CRC-32, which only journals of version 1 have.
 */
#include <config.h>
#include <ext2fs/ext2fs.h>
#include <stdbool.h>
#include <stdint.h>

static const uint32_t castagnoli = 0x82f63b78, ieee = 0x04c11db7;
static uint32_t forward[8][256], backward[256];
static bool made;

static void make_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t low = i, high = i << 24;

        for (unsigned bit = 0; bit < 8; bit++) {
            low = low >> 1 ^ (low & 1 ? castagnoli : 0);
            high = high << 1 ^ (high >> 31 ? ieee : 0);
        }
        forward[0][i] = low;
        backward[i] = high;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (unsigned t = 1; t < 8; t++)
            forward[t][i] = forward[t - 1][i] >> 8 ^ forward[0][forward[t - 1][i] & 0xff];
    made = true;
}

__u32 ext2fs_crc32c_le(__u32 crc, unsigned char const *p, size_t len)
{
    if (!made)
        make_tables();
    for (; len >= 8; len -= 8, p += 8) {
        uint32_t low, high;

        memcpy(&low, p, 4);
        memcpy(&high, p + 4, 4);
        low ^= crc;
        crc = forward[7][low & 0xff] ^ forward[6][low >> 8 & 0xff] ^ forward[5][low >> 16 & 0xff] ^
              forward[4][low >> 24] ^ forward[3][high & 0xff] ^ forward[2][high >> 8 & 0xff] ^
              forward[1][high >> 16 & 0xff] ^ forward[0][high >> 24];
    }
    for (; len != 0; len--, p++)
        crc = crc >> 8 ^ forward[0][(crc ^ *p) & 0xff];
    return crc;
}

__u32 ext2fs_crc32_be(__u32 crc, unsigned char const *p, size_t len)
{
    if (!made)
        make_tables();
    for (; len != 0; len--, p++)
        crc = crc << 8 ^ backward[(crc >> 24 ^ *p) & 0xff];
    return crc;
}
