/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices that are none: null, zero, full, random, urandom. What is written to the last two is taken, and changes nothing: what comes out is
 * made of the program's seed (libsys/newlib/entropy.c).
 */
#include "memfs.h"
#include <string.h>
#include <unistd.h>

enum { ENTROPY_AT_ONCE = 256 };

static enum device device_of(const struct file_open *open)
{
    return memfs_of(open->node)->device;
}

static kern_return_t read_random(uint8_t *to, uint32_t size)
{
    while (size > 0) {
        const uint32_t n = size < ENTROPY_AT_ONCE ? size : ENTROPY_AT_ONCE;
        if (getentropy(to, n) != 0)
            return unix_error(EIO);
        to += n;
        size -= n;
    }
    return KERN_SUCCESS;
}

static kern_return_t read_device(struct file_open *open, uint64_t position, void *to, uint32_t size,
                                 uint32_t *got)
{
    (void)position;
    *got = size;
    switch (device_of(open)) {
    case DEVICE_NULL: *got = 0; return KERN_SUCCESS;
    case DEVICE_ZERO:
    case DEVICE_FULL: memset(to, 0, size); return KERN_SUCCESS;
    default: return read_random(to, size);
    }
}

static kern_return_t write_device(struct file_open *open, uint64_t position, const void *from,
                                  uint32_t size, uint32_t *written)
{
    (void)position;
    (void)from;
    *written = size;
    return device_of(open) == DEVICE_FULL && size != 0 ? unix_error(ENOSPC) : KERN_SUCCESS;
}

static kern_return_t no_size(struct file_node *node, uint64_t size)
{
    (void)node;
    (void)size;
    return unix_error(EINVAL);
}

const struct file_node_ops device_ops = {
    .attributes = memfs_attributes,
    .set_attributes = memfs_set_attributes,
    .unused = memfs_unused,
    .get_system = memfs_get_system,
    .read = read_device,
    .write = write_device,
    .resize = no_size,
};
