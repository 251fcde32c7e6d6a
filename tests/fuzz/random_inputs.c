/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main() of a fuzz target without a fuzzer: as many random inputs as the argument says, some of whose bytes are zero, ones, or
 * repeat, so that more than the first check is reached.
 */
#include "../host/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    static uint8_t data[20000];
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;

    check_begin(argc, argv);
    for (unsigned long i = 0; i < count; i++) {
        size_t size = (size_t)check_below(sizeof(data));
        uint64_t zeros = check_below(4);

        for (size_t n = 0; n < size; n++) {
            data[n] = (uint8_t)check_random();
            if (check_below(4) < zeros)
                data[n] = check_below(8) == 0 ? 0xff : 0;
            if (n >= 16 && check_below(16) == 0)
                data[n] = data[n - 16];
        }
        LLVMFuzzerTestOneInput(data, size);
        CHECK(true);
    }
    return check_end();
}
