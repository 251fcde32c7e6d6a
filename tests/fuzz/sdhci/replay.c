/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the fuzz target on its seeds, each as it is and changed at random places: replay FILE... With any compiler. */
#include "../../host/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST = 1 << 17 };

int main(int argc, char **argv)
{
    static uint8_t seed[LARGEST], input[LARGEST];
    unsigned runs =
        getenv("WHARF_RUNS") != NULL ? (unsigned)strtoul(getenv("WHARF_RUNS"), NULL, 0) : 40;

    check_begin(argc, argv);
    CHECK(argc > 1);
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        size_t size;

        CHECK(file != NULL);
        size = fread(seed, 1, sizeof(seed), file);
        CHECK(size > 100 && size < sizeof(seed));
        fclose(file);
        LLVMFuzzerTestOneInput(seed, size);
        for (unsigned n = 0; n < runs; n++) {
            memcpy(input, seed, size);
            for (uint64_t changes = 1 + check_below(4); changes > 0; changes--)
                input[check_below(size)] = (uint8_t)check_random();
            LLVMFuzzerTestOneInput(input, check_below(4) == 0 ? check_below(size) + 1 : size);
            check_count();
        }
    }
    return check_end();
}
