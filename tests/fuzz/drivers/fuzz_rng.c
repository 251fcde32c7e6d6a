/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: an RNG200 whose registers say anything. Promises: nothing loops, no more bytes come than were asked for, at least one
 * comes with success.
 */
#include <rng200.h>
#include <string.h>

#include "device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_device device;
    struct rng200 rng;
    uint8_t bytes[260];

    fuzz_device_init(&device, data, size);
    rng200_init(&rng, &device.environment, fuzz_registers(&device), fuzz_number(&device, 1) & 1);
    (void)rng.rng.ops->start(&rng.rng);
    for (unsigned n = 0; n < 16 && device.at < size; n++) {
        size_t wanted = fuzz_number(&device, 1), got = 0;
        memset(bytes, 0x5a, sizeof bytes);
        if (rng.rng.ops->read(&rng.rng, bytes, wanted, &got) == KERN_SUCCESS)
            fuzz_require(got >= 1 && got <= wanted, "some bytes come, and not too many");
        for (size_t i = wanted; i < sizeof bytes; i++)
            fuzz_require(bytes[i] == 0x5a, "nothing beyond is written");
    }
    rng.rng.ops->stop(&rng.rng);
    return 0;
}
