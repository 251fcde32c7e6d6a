/* SPDX-License-Identifier: BSD-2-Clause */
/* See swap_format.h. */
#include "swap_format.h"

kern_return_t swap_format(struct block_client *disk, const uint8_t uuid[SWAP_UUID],
                          const char *name)
{
    const struct block_facts *facts = &disk->facts;

    if (!swap_header_make(disk->data, facts->blocks * facts->block_size, uuid, name))
        return KERN_INVALID_ARGUMENT;
    const kern_return_t kr =
        block_client_do(disk, BLOCK_WRITE, 0, SWAP_PAGE / facts->block_size, 0);
    return kr == KERN_SUCCESS ? block_client_do(disk, BLOCK_FLUSH, 0, 0, 0) : kr;
}
