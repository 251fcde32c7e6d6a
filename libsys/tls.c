/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making blocks of thread-local data; see tls.h. Where things are in a block follows from what the
 * linker assumed when it put offsets into instructions: data begin behind the machine's own words,
 * at the next multiple of the largest alignment among them.
 */
#include "tls.h"
#include <stdint.h>
#include <string.h>
#include <user/machine.h>

/* By the linker script. Those of sizes have their value as address. */
extern const char program_tls_image[];
extern const char program_tls_image_size[]; /* initialised part */
extern const char program_tls_size[];       /* with the zeros behind it */
extern const char program_tls_align[];
extern char program_tls_first[];

static size_t data_offset(void)
{
    size_t align = (size_t)program_tls_align;

    return align > MACHINE_TLS_BEFORE ? align : MACHINE_TLS_BEFORE;
}

size_t tls_size(void)
{
    return (data_offset() + (size_t)program_tls_size + TLS_ALIGN - 1) & ~(size_t)(TLS_ALIGN - 1);
}

void tls_make(void *block)
{
    memset(block, 0, tls_size());
    memcpy((char *)block + data_offset(), program_tls_image, (size_t)program_tls_image_size);
}

void *tls_first_block(void)
{
    return program_tls_first;
}
