/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory at multiples of something: newlib's memalign(), with POSIX's checks.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

int posix_memalign(void **out, size_t alignment, size_t size)
{
    const int before = errno;

    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0)
        return EINVAL;
    void *memory = memalign(alignment, size);
    errno = before; /* POSIX leaves it alone */
    if (memory == NULL)
        return ENOMEM;
    *out = memory;
    return 0;
}
