/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all of the boot uses: stage lines, the refusal, facts, random numbers.
 */
#include <arch/reset.h>
#include <kern/boot.h>
#include <kern/log.h>
#include <kern/trace.h>
#include <stdatomic.h>

struct boot_facts boot_facts;
static unsigned stage; /* boot CPU only */

void boot_stage(const char *format, ...)
{
    char text[160];
    va_list args;
    va_start(args, format);
    format_text_v(text, sizeof(text), format, args);
    va_end(args);
    log_info("%s", text);
    trace(TRACE_BOOT_STAGE, ++stage, 0);
}

void boot_refuse(const char *sentence)
{
    log_plain("wharf: cannot boot: %s", sentence);
    arch_reset(ARCH_RESET_HALT);
}

static _Atomic uint64_t added[2]; /* what came after the boot, scrambled */

static uint64_t scramble(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* SplitMix64: one add a number, so it is an atomic counter with a scrambled output. */
uint64_t boot_random(void)
{
    static _Atomic uint64_t counter;
    uint64_t z = boot_facts.seed[0] + atomic_fetch_add(&counter, 1) * UINT64_C(0x9e3779b97f4a7c15);
    return scramble(z ^ relaxed_load(added[0])) ^ boot_facts.seed[1] ^ relaxed_load(added[1]);
}

/* What two add at the same time may count once. */
void boot_add_entropy(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        _Atomic uint64_t *word = &added[i / 8 % 2];
        atomic_store(word, scramble(atomic_load(word) + bytes[i] + UINT64_C(0x9e3779b97f4a7c15)));
    }
}
