/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See dump.h. The sum: CRC-32 with the polynomial 0xedb88320 (reflected), as in ISO 3309 and zlib.
 */
#include "dump.h"
#include <string.h>

enum { NIBBLES = 16 };

/* Of each value of four bits. */
static uint32_t nibble_sum(uint32_t value)
{
    for (unsigned bit = 0; bit < 4; bit++)
        value = value & 1 ? value >> 1 ^ 0xedb88320u : value >> 1;
    return value;
}

uint32_t dump_sum(uint32_t sum, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint32_t table[NIBBLES];
    for (uint32_t i = 0; i < NIBBLES; i++)
        table[i] = nibble_sum(i);
    sum = ~sum;
    for (size_t i = 0; i < size; i++) {
        sum ^= at[i];
        sum = sum >> 4 ^ table[sum % NIBBLES];
        sum = sum >> 4 ^ table[sum % NIBBLES];
    }
    return ~sum;
}

struct dump_header dump_header_of(uint64_t size, uint32_t core_sum, uint64_t moment,
                                  const char *program)
{
    struct dump_header header = {
        .magic = {'W', 'H', 'A', 'R', 'F', 'D', 'M', 'P'},
        .version = DUMP_VERSION,
        .size = size,
        .core_sum = core_sum,
        .moment = moment,
    };
    strncpy(header.program, program, sizeof(header.program) - 1);
    header.header_sum = dump_sum(0, &header, sizeof(header));
    return header;
}
