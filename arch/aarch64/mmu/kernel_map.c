/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's own address space: direct map, device registers, stacks, frame records. Grows only;
 * entries are added over invalid ones, or change nothing but permissions, so no TLB maintenance is
 * needed but in map_leaf().
 *
 * M1 no page is writable and executable, under any address: the direct map's alias of the image is
 *    never executable and read-only where the image is.
 * M2 nothing that is not RAM is mapped as Normal memory: edges of banks are mapped by page.
 *
 * Locks: boot functions run on one CPU; arch_map_frame_record_page() is serialised by its caller.
 */
#include <arch/boot.h>
#include <arch/cache.h>
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <kern/cpu.h>
#include <kern/frame.h>
#include <kern/panic.h>
#include <kern/string.h>
#include <machine/image.h>

extern pte_t arch_kernel_root[PT_ENTRIES];

enum { KERNEL_ROOT_HEIGHT = 3, EARLY_TABLES = 14 };

#define BLOCK_SIZE (2 * MIB)

/* Table pages for what must be mapped before any memory is known: device tree, console, the first
 * piece of RAM. */
[[gnu::aligned(4096)]] static uint8_t early_tables[EARLY_TABLES][PAGE_SIZE];
static unsigned early_tables_used;
static vaddr_t device_next = KERNEL_DEVICE_BASE;

/* Attributes of kernel leaves beside the address; the image's own are in machine/mmu_asm.h. */
#define KERNEL_LEAF (PTE_VALID | PTE_AF | PTE_UXN | PTE_PXN)
#define LEAF_RAM    (KERNEL_LEAF | PTE_SH_INNER | PTE_ATTR(MEM_NORMAL))
#define LEAF_DEVICE (KERNEL_LEAF | PTE_SH_OUTER | PTE_ATTR(MEM_DEVICE))

static void *table_memory(paddr_t table)
{
    paddr_t image = arch_image.physical_start;
    if (table >= image &&
        table < arch_image_physical(_kernel_end)) /* behind it there is ordinary RAM */
        return (void *)(table - image + KERNEL_IMAGE_BASE);
    return phys_to_virt(table);
}

/* The early ones go to those who have no source, devices for one, which come after all memory has
 * been mapped. */
static paddr_t take_table(boot_page_source_t *take_page)
{
    paddr_t page = take_page ? take_page() : 0;
    if (!page && early_tables_used < EARLY_TABLES)
        page = (vaddr_t)early_tables[early_tables_used++] - KERNEL_IMAGE_BASE +
               arch_image.physical_start;
    return page;
}

/* First physical address that the CPU cannot form (ID_AA64MMFR0_EL1.PARange; the entry code sets
 * TCR.IPS so). Whatever is mapped beyond faults when it is touched. */
static paddr_t physical_end(void)
{
    static const uint8_t bits[] = {32, 36, 40, 42, 44, 48};
    uint64_t mmfr0;
    __asm__("mrs %0, id_aa64mmfr0_el1" : "=r"(mmfr0));
    unsigned range = mmfr0 & 0xf;
    return UINT64_C(1) << bits[range < array_count(bits) ? range : array_count(bits) - 1];
}

/* The table of height `height` that maps va, made if missing. NULL: no table page was to be had. */
static pte_t *table_for(vaddr_t va, unsigned height, boot_page_source_t *take_page)
{
    pte_t *table = arch_kernel_root;
    for (unsigned h = KERNEL_ROOT_HEIGHT; h > height; h--) {
        pte_t *slot = &table[(va >> (12 + 9 * h)) & 511];
        pte_t pte = arch_pte_read(slot);
        if (!arch_pte_is_valid(pte)) {
            paddr_t page = take_table(take_page);
            if (!page)
                return NULL;
            arch_tlb_begin(); /* a walker, even a speculating one, must see the table's zeroes
                                 before the way there */
            pte = arch_pte_table(page);
            arch_pte_write(slot, pte);
        }
        assert(arch_pte_is_table(pte, h));
        table = table_memory(arch_pte_address(pte));
    }
    return table;
}

static bool has_table(vaddr_t va)
{
    pte_t *table = arch_kernel_root;
    for (unsigned h = KERNEL_ROOT_HEIGHT; h > 0; h--) {
        pte_t pte = arch_pte_read(&table[(va >> (12 + 9 * h)) & 511]);
        if (!arch_pte_is_table(pte, h))
            return false;
        table = table_memory(arch_pte_address(pte));
    }
    return true;
}

static bool map_page(vaddr_t va, paddr_t pa, uint64_t bits, boot_page_source_t *take_page)
{
    pte_t *table = table_for(va, 0, take_page);
    if (!table)
        return false;
    arch_pte_write(&table[(va >> 12) & 511], pa | bits | PTE_TABLE_BIT);
    return true;
}

const void *arch_boot_map_fdt(paddr_t fdt, size_t size)
{
    if (fdt == 0 || fdt % 8 != 0 || size == 0 || size > BLOCK_SIZE ||
        fdt >= DIRECT_MAP_SIZE - BLOCK_SIZE || fdt + size > physical_end())
        return NULL;
    paddr_t end = round_up(fdt + size, PAGE_SIZE);
    for (paddr_t pa = round_down(fdt, PAGE_SIZE); pa < end; pa += PAGE_SIZE)
        if (!map_page(DIRECT_MAP_BASE + pa, pa, LEAF_RAM | PTE_AP_READONLY, NULL))
            return NULL;
    arch_pte_sync();
    return phys_to_virt(fdt);
}

/* Permissions of the direct map's page at pa: M1. */
static uint64_t ram_bits(paddr_t pa)
{
    bool read_only = pa >= arch_image.physical_start &&
                     pa < arch_image.physical_start + arch_image_read_only_size();
    return LEAF_RAM | (read_only ? PTE_AP_READONLY : 0);
}

static bool map_pages(paddr_t start, paddr_t end, boot_page_source_t *take_page)
{
    for (paddr_t pa = start; pa < end; pa += PAGE_SIZE)
        if (!map_page(DIRECT_MAP_BASE + pa, pa, ram_bits(pa), take_page))
            return false;
    return true;
}

static bool map_block(paddr_t pa, boot_page_source_t *take_page)
{
    vaddr_t va = DIRECT_MAP_BASE + pa;
    /* The image's block needs pages for M1; a block that has pages already (the device tree's)
     * keeps them. */
    if (pa == arch_image.physical_start || has_table(va))
        return map_pages(pa, pa + BLOCK_SIZE, take_page);
    pte_t *table = table_for(va, 1, take_page);
    if (!table)
        return false;
    arch_pte_write(&table[(va >> 21) & 511], pa | LEAF_RAM);
    return true;
}

bool arch_boot_map_memory(paddr_t start, paddr_t end, boot_page_source_t *take_page)
{
    assert(end <= DIRECT_MAP_SIZE && start <= end);
    /* M2: whole blocks, and pages at the edges. */
    while (start < end) {
        bool whole = start % BLOCK_SIZE == 0 && end - start >= BLOCK_SIZE;
        paddr_t next = start + (whole ? BLOCK_SIZE : PAGE_SIZE);
        if (!(whole ? map_block(start, take_page) : map_pages(start, next, take_page)))
            return false;
        start = next;
    }
    /* The device tree's pages were mapped read-only before: a walker may still have that. */
    arch_tlb_begin();
    arch_tlb_flush_all();
    arch_tlb_end();
    return true;
}

volatile void *arch_map_device(paddr_t base, size_t size)
{
    paddr_t first = round_down(base, PAGE_SIZE);
    if (size == 0 || base + size < base || base + size > physical_end() ||
        round_up(base + size, PAGE_SIZE) - first >
            KERNEL_DEVICE_BASE + KERNEL_DEVICE_SIZE - device_next)
        return NULL;
    vaddr_t window = device_next;
    for (paddr_t pa = first; pa < base + size; pa += PAGE_SIZE, device_next += PAGE_SIZE)
        if (!map_page(device_next, pa, LEAF_DEVICE, NULL))
            return NULL;
    arch_pte_sync();
    return (volatile void *)(window + (base - first));
}

bool arch_map_frame_record_page(void *va, paddr_t pa, paddr_t (*take_page)(void))
{
    if (!map_page((vaddr_t)va, pa, LEAF_RAM, take_page))
        return false;
    arch_pte_sync();
    return true;
}
