/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a generated fuzzing function without a fuzzer: inputs from a counter, the same every time.
 *
 *     fuzz_main ROUNDS
 */
#include <libsys/kernel.h>
#include <stdio.h>
#include <stdlib.h>
#include <user/msg.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The server side makes no calls of its own. */
void host_msg_trap(struct msg_registers *registers)
{
    (void)registers;
    abort();
}

uint64_t kernel_clock_now(void)
{
    abort();
}

int main(int argc, char **argv)
{
    const unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    static uint8_t data[4096];
    uint64_t state = 1;
    for (unsigned long round = 0; round < rounds; round++) {
        const size_t size = 3 + round * 7 % (sizeof data / (1 + round % 16) - 3);
        for (size_t i = 0; i < size; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            data[i] = (uint8_t)(state >> 56);
        }
        if (round % 4 == 0) {
            data[1] = 0; /* undamaged: every function is reached */
        }
        (void)LLVMFuzzerTestOneInput(data, size);
    }
    printf("%lu rounds\n", rounds);
    return 0;
}
