/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sums of pages by two CRCs of 32 bits, whose polynomials have no factor in common: together one of 64 bits, of every second word each, which sees every change within a word.
 * ARMv8.0 has the instructions as an option and 8.1 always (Arm ARM, ID_AA64ISAR0_EL1.CRC32). A CPU that lacks them takes the portable way: the
 * CPUs of a machine agree in this.
 */
#include <arch/page_sum.h>
#include <kern/page_sum.h>
#include <machine/sysreg.h>

enum { ISAR0_CRC32_SHIFT = 16 };

static inline uint32_t castagnoli(uint32_t sum, uint64_t word)
{
    asm(".arch_extension crc\n\tcrc32cx %w0, %w0, %1" : "+r"(sum) : "r"(word));
    return sum;
}

static inline uint32_t ethernet(uint32_t sum, uint64_t word)
{
    asm(".arch_extension crc\n\tcrc32x %w0, %w0, %1" : "+r"(sum) : "r"(word));
    return sum;
}

/* Words take turns, for an instruction's result is there three cycles later. */
struct sums {
    uint32_t c0, c1, e0, e1;
};

static inline void add_two(struct sums *sums, const uint64_t *word)
{
    sums->c0 = castagnoli(sums->c0, word[0]);
    sums->e0 = ethernet(sums->e0, word[0]);
    sums->c1 = castagnoli(sums->c1, word[1]);
    sums->e1 = ethernet(sums->e1, word[1]);
}

/* Four pairs a round, written one by one: gcc would make a loop of them, and that would be a third of the instructions. The two halves are not put together by a
 * CRC: what changes in one of them could be undone by the same change in the other. */
static uint64_t sum_by_crc(const uint64_t *word)
{
    struct sums sums = {.c0 = 1, .c1 = 2, .e0 = 3, .e1 = 4};
    for (const uint64_t *end = word + PAGE_SIZE / sizeof(*word); word < end; word += 8) {
        add_two(&sums, word);
        add_two(&sums, word + 2);
        add_two(&sums, word + 4);
        add_two(&sums, word + 6);
    }
    return page_sum_mix(page_sum_mix(0, (uint64_t)sums.c0 << 32 | sums.e0),
                        (uint64_t)sums.c1 << 32 | sums.e1);
}

uint64_t arch_page_sum(const void *page)
{
    if (sysreg_read(id_aa64isar0_el1) >> ISAR0_CRC32_SHIFT & 0xf)
        return sum_by_crc(page);
    return page_sum_portable(page);
}
