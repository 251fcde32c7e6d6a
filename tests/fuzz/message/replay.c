/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fuzzer's target without the fuzzer: files, or inputs from a seed.
 *
 *      replay_message [file ...]     WHARF_SEED, WHARF_RUNS
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_MAX_OF_INPUT = 4096 };

static uint64_t number(const char *name, uint64_t value)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 0) : value;
}

static void replay(const char *name)
{
    static uint8_t data[SIZE_MAX_OF_INPUT];
    FILE *file = fopen(name, "rb");
    if (!file) {
        perror(name);
        exit(1);
    }
    size_t size = fread(data, 1, sizeof(data), file);
    fclose(file);
    (void)LLVMFuzzerTestOneInput(data, size);
}

/* Random bytes; a short run of small ones now and then, for those choose what is most common. */
static void from_seed(uint64_t seed)
{
    static uint8_t data[1024];
    uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15);
    size_t size = 64 + (size_t)(seed * 37 % (sizeof(data) - 64));
    for (size_t i = 0; i < size; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        data[i] = (uint8_t)(x >> (x >> 60 & 1 ? 32 : 24)) & (x >> 61 & 1 ? 0xff : 0x1f);
    }
    (void)LLVMFuzzerTestOneInput(data, size);
}

int main(int argc, char **argv)
{
    uint64_t seed = number("WHARF_SEED", 1), runs = number("WHARF_RUNS", 300);
    (void)LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    for (uint64_t n = 0; argc == 1 && n < runs; n++)
        from_seed(seed + n);
    printf("%llu inputs\n", argc > 1 ? (unsigned long long)argc - 1 : (unsigned long long)runs);
    return 0;
}
