/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the kernel image lies, and the linker's marks in it (kernel.ld).
 */
#pragma once

#include <kern/types.h>

struct arch_image {
    paddr_t physical_start; /* of _kernel_start; 2 MiB aligned. Constant after arch_start() */
};
extern struct arch_image arch_image;

extern char _kernel_start[], _text_work_end[], _text_end[], _rodata_end[], _kernel_end[];

static inline paddr_t arch_image_physical(const void *address)
{
    return (vaddr_t)address - (vaddr_t)_kernel_start + arch_image.physical_start;
}

/** Bytes from the image's start that are text or read-only data. */
static inline uint64_t arch_image_read_only_size(void)
{
    return (uint64_t)(_rodata_end - _kernel_start);
}
