/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes without a name: they are made by the server of the root.
 */
#include "again.h"
#include "descriptors.h"
#include "errors.h"
#include "place.h"
#include <fcntl.h>
#include <libsys/stub.h>
#include <unistd.h>
#include <wharf/if/file.h>

static int make(mach_port_name_t root, const int numbers[2], int flags)
{
    const uint32_t cloexec = (flags & O_CLOEXEC) != 0 ? DESCRIPTOR_CLOEXEC : 0;
    mach_port_name_t reader, writer;
    const kern_return_t kr = AGAIN(
        file_make_pipe(root, (flags & O_NONBLOCK) != 0 ? FILE_NONBLOCK : 0, &reader, &writer));

    if (kr != KERN_SUCCESS)
        return posix_fails(kr);
    descriptor_fill(numbers[0], (struct descriptor){reader, cloexec});
    descriptor_fill(numbers[1], (struct descriptor){writer, cloexec});
    return 0;
}

int pipe2(int numbers[2], int flags)
{
    const mach_port_name_t root = place_root();

    if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) != 0)
        return posix_error(EINVAL);
    if (root == MSG_NULL)
        return posix_error(ENOSYS);
    const int first = descriptor_reserve(0);
    const int second = first < 0 ? -1 : descriptor_reserve(0);
    const int both[2] = {first, second};

    if (second < 0 || make(root, both, flags) != 0) {
        const int error = errno;

        if (first >= 0)
            descriptor_unreserve(first);
        if (second >= 0)
            descriptor_unreserve(second);
        return posix_error(error);
    }
    numbers[0] = first;
    numbers[1] = second;
    return 0;
}

int pipe(int numbers[2])
{
    return pipe2(numbers, 0);
}
