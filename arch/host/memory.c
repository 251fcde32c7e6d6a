/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical memory of the simulated machine: a reserved part of the host's address space, of which
 * only the banks can be touched; and the array of frame records, of which only the pages that the
 * kernel has backed can.
 */
#include <arch/boot.h>
#include <arch/cache.h>
#include <arch/mmu.h>
#include <kern/frame.h>
#include <machine/host_mmu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FRAME_TABLE_SIZE (HOST_MEMORY_LIMIT / PAGE_SIZE * sizeof(struct frame))

enum { REGION = 2 * 1024 * 1024, MAX_BANKS = 16 };

char *host_direct_map, *host_frame_table;

/* Parts of the frame table that have "table pages", as they would on a real machine. */
static bool region_known[FRAME_TABLE_SIZE / REGION + 1];

static struct {
    paddr_t start, end;
} bank[MAX_BANKS];
static unsigned bank_count;

[[gnu::noreturn]] static void fail(const char *what)
{
    perror(what);
    abort();
}

static char *reserve(uint64_t size, const char *what)
{
    char *area =
        mmap(NULL, size + REGION, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (area == MAP_FAILED)
        fail(what);
    return (char *)(((uintptr_t)area + REGION - 1) & ~(uintptr_t)(REGION - 1));
}

[[gnu::constructor]] static void memory_reserve(void)
{
    host_direct_map = reserve(HOST_MEMORY_LIMIT, "reserve the simulated memory");
    host_frame_table = reserve(FRAME_TABLE_SIZE, "reserve the frame table");
}

void host_memory_add_bank(paddr_t start, uint64_t size)
{
    if (((start | size) & PAGE_MASK) != 0 || start + size > HOST_MEMORY_LIMIT ||
        bank_count == MAX_BANKS) {
        fprintf(stderr, "host memory: bad bank\n");
        abort();
    }
    if (mprotect(host_direct_map + start, size, PROT_READ | PROT_WRITE) != 0)
        fail("open a bank of the simulated memory");
    bank[bank_count].start = start;
    bank[bank_count++].end = start + size;
}

static bool in_bank(paddr_t start, paddr_t end)
{
    for (unsigned i = 0; i < bank_count; i++) {
        if (start >= bank[i].start && start < end && end <= bank[i].end)
            return true;
    }
    return false;
}

bool arch_map_frame_record_page(void *va, paddr_t pa, paddr_t (*take_page)(void))
{
    uint64_t offset = (uint64_t)((char *)va - host_frame_table);
    if (offset >= FRAME_TABLE_SIZE || offset % PAGE_SIZE != 0 || !in_bank(pa, pa + PAGE_SIZE)) {
        fprintf(stderr, "host memory: bad page of the frame table\n");
        abort();
    }
    if (!region_known[offset / REGION]) {
        if (take_page() == 0)
            return false;
        region_known[offset / REGION] = true;
    }
    return mprotect(va, PAGE_SIZE, PROT_READ | PROT_WRITE) == 0;
}

/* --- arch/boot.h: nothing to be mapped, only to be looked up --- */

const void *arch_boot_map_fdt(paddr_t fdt, size_t size)
{
    return fdt % 8 == 0 && in_bank(fdt, fdt + size) ? phys_to_virt(fdt) : NULL;
}

bool arch_boot_map_memory(paddr_t start, paddr_t end, boot_page_source_t *take_page)
{
    (void)take_page;
    return in_bank(start, end);
}

volatile void *arch_map_device(paddr_t base, size_t size)
{
    (void)base;
    (void)size;
    return NULL; /* there are no registers behind addresses */
}

/* --- arch/cache.h: the host's caches are coherent --- */

void arch_cache_sync_code(const void *va, size_t size)
{
    (void)va;
    (void)size;
}

void arch_cache_clean(const void *va, size_t size)
{
    (void)va;
    (void)size;
}

void arch_cache_clean_invalidate(const void *va, size_t size)
{
    (void)va;
    (void)size;
}

void arch_zero_page(void *page)
{
    memset(page, 0, PAGE_SIZE);
}

void arch_zero_pages(void *pages, size_t count)
{
    memset(pages, 0, count * PAGE_SIZE);
}

void arch_zero_lines(void *at, size_t size)
{
    memset(at, 0, size);
}

void arch_copy_page(void *restrict dst, const void *restrict src)
{
    memcpy(dst, src, PAGE_SIZE);
}

void arch_copy_lines(void *restrict dst, const void *restrict src, size_t size)
{
    memcpy(dst, src, size);
}
