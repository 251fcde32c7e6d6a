/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file that a program is in.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <wharf/message.h>

struct image_file {
    const void *at; /* all of it, to be read */
    size_t size;
    mach_port_name_t memory; /* it lies there from `offset` on; 0: nowhere that can be mapped */
    uint64_t offset;
    uint64_t range, range_size; /* mapped here for it alone; 0: nothing */
};

/** A file that may be executed, by its path. 0, or an errno. */
int image_open(const char *path, struct image_file *file);
/** The same for one that is open, to be read or to be executed. */
int image_open_descriptor(int number, struct image_file *file);
void image_close(struct image_file *file);
/** image_open where there is nobody who serves files: a file of the initrd. */
int image_open_initrd(const char *path, struct image_file *file);
