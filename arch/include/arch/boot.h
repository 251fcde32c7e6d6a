/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the machine hands to the portable kernel at the start. Filled by arch's entry code, constant
 * afterwards.
 */
#pragma once

#include <kern/types.h>

struct arch_boot_info {
    paddr_t kernel_start;   /* first byte of the loaded image, page aligned */
    paddr_t kernel_end;     /* first byte after the image and its bss, page aligned */
    uint64_t text_size;     /* bytes of code in it, without the self-tests */
    paddr_t fdt;            /* the device tree as the loader named it; not validated */
    uint64_t entry_counter; /* arch_counter() at the kernel's first instruction */
    uint64_t boot_cpu_hwid; /* hardware id of the CPU that boots (MPIDR affinity bits) */
    unsigned
        entry_level; /* privilege level the loader entered us at (2 or 1); 0 where there is none */
};

/**
 * Make the device tree readable: map `size` bytes at physical address `fdt` (8-byte aligned, up to
 * 2 MiB) read-only. Works before any memory is known. Returns NULL if the address cannot be mapped
 * (misaligned, beyond the machine).
 */
const void *arch_boot_map_fdt(paddr_t fdt, size_t size);

/** The machine's own early memory: the portable part gives the arch a range it may take page-table
 *  pages from. Returns a zeroed page's physical address, or 0 when the early memory is used up (a
 *  boot failure). */
typedef paddr_t boot_page_source_t(void);

/**
 * Map physical memory [start, end) into the direct map, read-write, never executable; the part that
 * holds the kernel image keeps the image's permissions (text and rodata stay read-only in the alias
 * too). `take_page` supplies page-table pages; they must themselves already be mapped. Single CPU,
 * before SMP.
 */
[[nodiscard]] bool arch_boot_map_memory(paddr_t start, paddr_t end, boot_page_source_t *take_page);

/**
 * Map a device's registers for the kernel's own use (interrupt controller, console, watchdog):
 * Device-nGnRE, read-write, never executable. Physical range is widened to pages. NULL if the
 * window for devices is full. Single CPU, before SMP.
 */
volatile void *arch_map_device(paddr_t base, size_t size);
