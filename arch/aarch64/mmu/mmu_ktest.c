/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Self-tests of the kernel's own address space: M1 and M2 of kernel_map.c in the tables as they
 * are, guard pages, and what the hardware answers when asked to translate.
 */
#include <arch/mmu.h>
#include <kern/cpu.h>
#include <kern/ktest.h>
#include <machine/image.h>
#include <machine/sysreg.h>

extern pte_t arch_kernel_root[PT_ENTRIES];
extern uint64_t arch_empty_root;

enum { ROOT_HEIGHT = 3 };

struct leaf {
    vaddr_t va;
    paddr_t pa;
    uint64_t size;
    pte_t pte;
};

static const pte_t *table_at(paddr_t pa)
{
    bool in_image = pa >= arch_image.physical_start && pa < arch_image_physical(_kernel_end);

    return in_image ? (const pte_t *)(pa - arch_image.physical_start + KERNEL_IMAGE_BASE)
                    : phys_to_virt(pa);
}

/* Call `visit` for every leaf below `table`; the recursion is as deep as the tree is high. */
static void walk(const pte_t *table, unsigned height, vaddr_t base,
                 void (*visit)(const struct leaf *))
{
    unsigned shift = PAGE_SHIFT + 9 * height;

    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        pte_t pte = arch_pte_read(&table[i]);
        vaddr_t va = base | (vaddr_t)i << shift;
        if (!arch_pte_is_valid(pte))
            continue;
        if (arch_pte_is_table(pte, height))
            walk(table_at(arch_pte_address(pte)), height - 1, va, visit);
        else
            visit(&(struct leaf){va, arch_pte_address(pte), UINT64_C(1) << shift, pte});
    }
}

static bool is_inside(const struct leaf *leaf, vaddr_t start, vaddr_t end)
{
    return leaf->va >= start && leaf->va < end && leaf->size <= end - leaf->va;
}

static unsigned leaves, wrong, executable, read_only_aliases;

static void check_leaf(const struct leaf *leaf)
{
    bool writable = !(leaf->pte & PTE_AP_READONLY), executes = !(leaf->pte & PTE_PXN);
    paddr_t image = arch_image.physical_start, image_end = image + arch_image_read_only_size();
    bool direct = is_inside(leaf, DIRECT_MAP_BASE, DIRECT_MAP_BASE + DIRECT_MAP_SIZE);
    bool device = is_inside(leaf, KERNEL_DEVICE_BASE, KERNEL_DEVICE_BASE + KERNEL_DEVICE_SIZE);

    leaves++;
    wrong += !(leaf->pte & PTE_UXN) || (leaf->pte & PTE_AP_USER) || !(leaf->pte & PTE_AF);
    wrong += (leaf->pte & PTE_NG) != 0; /* the kernel's are global: one ASID or another */
    wrong += executes && (writable || !is_inside(leaf, KERNEL_IMAGE_BASE, (vaddr_t)_text_end));
    executable += executes;
    wrong += direct && leaf->pa != leaf->va - DIRECT_MAP_BASE;
    wrong += device != (arch_pte_type(leaf->pte) == MEM_DEVICE);
    wrong += !device && arch_pte_type(leaf->pte) != MEM_NORMAL;
    if (leaf->pa < image_end &&
        leaf->pa + leaf->size > image) { /* text or rodata, under whatever address */
        wrong += writable;
        read_only_aliases += direct;
    }
}

KTEST(mmu_no_page_is_writable_and_executable)
{
    leaves = wrong = executable = read_only_aliases = 0;
    walk(arch_kernel_root, ROOT_HEIGHT, DIRECT_MAP_BASE, check_leaf);
    KTEST_EXPECT(wrong == 0 && leaves > 100);
    KTEST_EXPECT(executable == (vaddr_t)(_text_end - _kernel_start) / PAGE_SIZE);
    KTEST_EXPECT(read_only_aliases == arch_image_read_only_size() / PAGE_SIZE);
    KTEST_EXPECT((sysreg_read(ttbr0_el1) & PTE_ADDRESS) == arch_empty_root);
}

/* ---- what the MMU says ---- */

enum { KERNEL_READ = 1, KERNEL_WRITE = 2, USER_READ = 4 };

#define TRANSLATE(operation, va) asm volatile("at " operation ", %0\n\tisb" : : "r"(va) : "memory")

static bool translated(void)
{
    return !(sysreg_read(par_el1) & 1);
}

/* Which accesses to va the hardware would allow. */
static unsigned allowed(vaddr_t va)
{
    unsigned result = 0;

    TRANSLATE("s1e1r", va);
    result |= translated() ? KERNEL_READ : 0;
    TRANSLATE("s1e1w", va);
    result |= translated() ? KERNEL_WRITE : 0;
    TRANSLATE("s1e0r", va);
    return result | (translated() ? USER_READ : 0);
}

KTEST(mmu_guards_and_rights)
{
    static const uint8_t constant = 1;
    static uint8_t variable;
    paddr_t text = arch_image.physical_start;

    KTEST_EXPECT(allowed((vaddr_t)&constant) == KERNEL_READ);
    KTEST_EXPECT(allowed((vaddr_t)_kernel_start) == KERNEL_READ);
    KTEST_EXPECT(allowed((vaddr_t)&variable) == (KERNEL_READ | KERNEL_WRITE));
    KTEST_EXPECT(allowed((vaddr_t)phys_to_virt(text)) == KERNEL_READ);
    KTEST_EXPECT(allowed((vaddr_t)phys_to_virt(arch_image_physical(&constant))) == KERNEL_READ);
    KTEST_EXPECT(allowed((vaddr_t)phys_to_virt(arch_image_physical(&variable))) ==
                 (KERNEL_READ | KERNEL_WRITE));
    KTEST_EXPECT(allowed(0) == 0 && allowed(text) == 0 && allowed(ARCH_USER_VA_END - 1) == 0);
    KTEST_EXPECT(allowed(KERNEL_IMAGE_BASE - 1) == 0 && allowed(UINT64_C(0x8000000000000000)) == 0);
    for (unsigned i = 0; i < cpu_count; i++) {
        const struct arch_cpu *arch = &cpu_record[i].arch;
        KTEST_EXPECT(allowed(arch->stack_bottom - 1) == 0 && allowed(arch->stack_top) == 0);
        KTEST_EXPECT(allowed(arch->emergency_top) == 0);
        KTEST_EXPECT(allowed(arch->emergency_top - 1) == (KERNEL_READ | KERNEL_WRITE));
        for (vaddr_t va = arch->stack_bottom; va < arch->stack_top; va += PAGE_SIZE)
            KTEST_EXPECT(allowed(va) == (KERNEL_READ | KERNEL_WRITE));
    }
}
