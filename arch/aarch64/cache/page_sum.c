/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sums of pages by CRC-32C, which ARMv8.0 has as an option and all of 8.1 (Arm ARM, ID_AA64ISAR0_EL1.CRC32). A CPU that lacks it takes the portable way: the
 * CPUs of a machine agree in this.
 */
#include <arch/page_sum.h>
#include <kern/page_sum.h>
#include <machine/sysreg.h>

enum { ISAR0_CRC32_SHIFT = 16 };

static inline uint32_t crc(uint32_t sum, uint64_t word)
{
    asm(".arch_extension crc\n\tcrc32cx %w0, %w0, %1" : "+r"(sum) : "r"(word));
    return sum;
}

/* Four lanes, for an instruction's result is there three cycles later. */
static uint64_t sum_by_crc(const uint64_t *word)
{
    uint32_t a = 1, b = 2, c = 3, d = 4;
    for (const uint64_t *end = word + PAGE_SIZE / sizeof(*word); word < end; word += 8) {
        a = crc(crc(a, word[0]), word[4]);
        b = crc(crc(b, word[1]), word[5]);
        c = crc(crc(c, word[2]), word[6]);
        d = crc(crc(d, word[3]), word[7]);
    }
    const uint64_t ab = (uint64_t)a << 32 | b, cd = (uint64_t)c << 32 | d;
    return (uint64_t)crc(crc(0, ab), cd) << 32 | crc(crc(~0u, cd), ab);
}

uint64_t arch_page_sum(const void *page)
{
    if (sysreg_read(id_aa64isar0_el1) >> ISAR0_CRC32_SHIFT & 0xf)
        return sum_by_crc(page);
    return page_sum_portable(page);
}
