/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two checksums that libext2fs and journals are made with, in place of e2fsprogs' crc32c.c, whose tables a program has to make first. Eight bytes a step
 * for CRC-32C, which covers all metadata, by the CPU's instructions where there are any; a byte a step for the old CRC-32, which only journals of version 1 have.
 */
#include <config.h>
#include <ext2fs/ext2fs.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- CRC-32C ---- */

#ifdef __aarch64__

/* An option of ARMv8.0 that the CPUs of all boards have, and QEMU's; a program cannot ask. */
static inline uint32_t eight_bytes(uint32_t crc, const unsigned char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    asm(".arch_extension crc\n\tcrc32cx %w0, %w0, %1" : "+r"(crc) : "r"(word));
    return crc;
}

static inline uint32_t one_byte(uint32_t crc, unsigned char byte)
{
    asm(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(byte));
    return crc;
}

static void make_forward(void) {}

#else

static uint32_t forward[8][256];

static void make_forward(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t low = i;

        for (unsigned bit = 0; bit < 8; bit++)
            low = low >> 1 ^ (low & 1 ? 0x82f63b78 : 0);
        forward[0][i] = low;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (unsigned t = 1; t < 8; t++)
            forward[t][i] = forward[t - 1][i] >> 8 ^ forward[0][forward[t - 1][i] & 0xff];
}

static inline uint32_t eight_bytes(uint32_t crc, const unsigned char *p)
{
    uint32_t low, high;

    memcpy(&low, p, 4);
    memcpy(&high, p + 4, 4);
    low ^= crc;
    return forward[7][low & 0xff] ^ forward[6][low >> 8 & 0xff] ^ forward[5][low >> 16 & 0xff] ^
           forward[4][low >> 24] ^ forward[3][high & 0xff] ^ forward[2][high >> 8 & 0xff] ^
           forward[1][high >> 16 & 0xff] ^ forward[0][high >> 24];
}

static inline uint32_t one_byte(uint32_t crc, unsigned char byte)
{
    return crc >> 8 ^ forward[0][(crc ^ byte) & 0xff];
}

#endif

__u32 ext2fs_crc32c_le(__u32 crc, unsigned char const *p, size_t len)
{
    static bool made;

    if (!made)
        make_forward();
    made = true;
    for (; len >= 8; len -= 8, p += 8)
        crc = eight_bytes(crc, p);
    for (; len != 0; len--, p++)
        crc = one_byte(crc, *p);
    return crc;
}

/* ---- CRC-32 ---- */

static uint32_t backward[256];

static void make_backward(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t high = i << 24;

        for (unsigned bit = 0; bit < 8; bit++)
            high = high << 1 ^ (high >> 31 ? 0x04c11db7 : 0);
        backward[i] = high;
    }
}

__u32 ext2fs_crc32_be(__u32 crc, unsigned char const *p, size_t len)
{
    static bool made;

    if (!made)
        make_backward();
    made = true;
    for (; len != 0; len--, p++)
        crc = crc << 8 ^ backward[(crc >> 24 ^ *p) & 0xff];
    return crc;
}
