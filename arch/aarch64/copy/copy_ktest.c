/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Self-tests of the user copies, on an address space made by hand, and of the page operations.
 *
 * The space: pages 16 and 17 of user memory writable, page 18 the frame of 17 again, read-only,
 * nothing around them. Its tables, frames and a buffer are one run of eight frames.
 */
#include <arch/cache.h>
#include <arch/mmu.h>
#include <arch/usercopy.h>
#include <kern/frame.h>
#include <kern/ktest.h>
#include <kern/ledger.h>
#include <kern/string.h>

enum { RUN_ORDER = 3, ROOT = 0, MIDDLE = 1, LEAVES = 2, PAGE_A = 3, PAGE_B = 4, BUFFER = 5 };
#define USER_A (16 * PAGE_SIZE)
#define USER_B (17 * PAGE_SIZE)
#define USER_R (18 * PAGE_SIZE)

static uint8_t *frame_of_run(struct frame *run, unsigned n)
{
    return (uint8_t *)frame_memory(run) + n * PAGE_SIZE;
}

/* ASID 0 is nobody's; what the TLB keeps of it is flushed by leave_space(). */
static void enter_space(struct frame *run)
{
    paddr_t base = frame_address(run);
    pte_t *leaves = (pte_t *)frame_of_run(run, LEAVES);
    unsigned rw = PROT_READ | PROT_WRITE;
    arch_pte_write((pte_t *)frame_of_run(run, ROOT), arch_pte_table(base + MIDDLE * PAGE_SIZE));
    arch_pte_write((pte_t *)frame_of_run(run, MIDDLE), arch_pte_table(base + LEAVES * PAGE_SIZE));
    arch_pte_write(&leaves[16],
                   arch_pte_leaf(base + PAGE_A * PAGE_SIZE, rw, MEM_NORMAL, 0, PTE_YOUNG));
    arch_pte_write(&leaves[17],
                   arch_pte_leaf(base + PAGE_B * PAGE_SIZE, rw, MEM_NORMAL, 0, PTE_YOUNG));
    arch_pte_write(&leaves[18],
                   arch_pte_leaf(base + PAGE_B * PAGE_SIZE, PROT_READ, MEM_NORMAL, 0, PTE_YOUNG));
    arch_pte_sync();
    arch_mmu_activate(base + ROOT * PAGE_SIZE, 0);
}

static void leave_space(void)
{
    arch_mmu_deactivate();
    arch_tlb_begin();
    arch_tlb_flush_asid(0);
    arch_tlb_end();
}

static struct frame *take_run(void)
{
    struct frame *run;
    kern_return_t kr = frame_alloc(&kernel_ledger, LEDGER_FRAMES, RUN_ORDER, FRAME_ZEROED, &run);
    return KTEST_EXPECT(kr == KERN_SUCCESS) ? run : NULL;
}

/* One copy each way, `n` bytes between `user_offset` and `kernel_offset`; nothing around it
 * changes. */
static bool copies_exactly(struct frame *run, unsigned user_offset, unsigned kernel_offset,
                           unsigned n)
{
    uint8_t *user = frame_of_run(run, PAGE_A) + user_offset;
    uint8_t *buffer = frame_of_run(run, BUFFER) + 64 + kernel_offset;
    memset(frame_of_run(run, BUFFER), 0xee, PAGE_SIZE);
    for (unsigned i = 0; i < n; i++)
        user[i] = (uint8_t)(i * 7 + n);
    bool ok = arch_copyin(buffer, USER_A + user_offset, n) == KERN_SUCCESS &&
              memcmp(buffer, user, n) == 0 && buffer[-1] == 0xee && buffer[n] == 0xee;
    memset(frame_of_run(run, PAGE_A), 0x11, PAGE_SIZE);
    return ok && arch_copyout(USER_A + user_offset, buffer, n) == KERN_SUCCESS &&
           memcmp(buffer, user, n) == 0 && (user_offset == 0 || user[-1] == 0x11) &&
           user[n] == 0x11;
}

KTEST(usercopy_every_alignment_and_length)
{
    struct frame *run = take_run();
    if (!run)
        return;
    enter_space(run);
    bool ok = true;
    for (unsigned n = 0; n < 200; n++)
        ok = copies_exactly(run, n * 5 % 16, n * 3 % 8, n) && ok;
    for (unsigned offsets = 0; offsets < 64; offsets++)
        ok = copies_exactly(run, offsets % 8, offsets / 8, 83) && ok;
    KTEST_EXPECT(ok);
    leave_space();
    frame_free(&kernel_ledger, LEDGER_FRAMES, run);
}

KTEST(usercopy_stops_where_memory_stops)
{
    struct frame *run = take_run();
    if (!run)
        return;
    enter_space(run);
    uint8_t *buffer = frame_of_run(run, BUFFER);
    unsigned wrong = 0;
    for (unsigned n = 1; n < 160; n++) {
        wrong += arch_copyin(buffer, USER_R + PAGE_SIZE - n, n) != KERN_SUCCESS;
        wrong += arch_copyin(buffer, USER_R + PAGE_SIZE - n, n + 1) != KERN_INVALID_ADDRESS;
        wrong += arch_copyin(buffer, USER_A - n, n + 64) != KERN_INVALID_ADDRESS;
        wrong += arch_copyout(USER_R - n, buffer, n) != KERN_SUCCESS;
        wrong += arch_copyout(USER_R - n, buffer, n + 1) != KERN_INVALID_ADDRESS;
    }
    KTEST_EXPECT(wrong == 0);
    leave_space();
    KTEST_EXPECT(arch_copyin(buffer, USER_A, 8) == KERN_INVALID_ADDRESS);
    frame_free(&kernel_ledger, LEDGER_FRAMES, run);
}

KTEST(usercopy_refuses_what_is_not_the_users)
{
    uint8_t buffer[16];
    uint32_t word = 5;
    KTEST_EXPECT(arch_copyin(buffer, USER_VA_END - 8, 16) == KERN_INVALID_ADDRESS);
    KTEST_EXPECT(arch_copyin(buffer, UINT64_MAX - 7, 16) == KERN_INVALID_ADDRESS);
    KTEST_EXPECT(arch_copyin(buffer, 8, SIZE_MAX) == KERN_INVALID_ADDRESS);
    KTEST_EXPECT(arch_copyin(buffer, (vaddr_t)&kernel_ledger, 8) == KERN_INVALID_ADDRESS);
    KTEST_EXPECT(arch_copyout((vaddr_t)buffer, buffer, 8) == KERN_INVALID_ADDRESS);
    KTEST_EXPECT(arch_copyin_u32(&word, (vaddr_t)&kernel_ledger) == KERN_INVALID_ADDRESS);
    KTEST_EXPECT(arch_copyin_u32(&word, USER_A + 2) == KERN_INVALID_ADDRESS);
    KTEST_EXPECT(word == 5);
}

KTEST(page_copy_and_zero)
{
    struct frame *run = take_run();
    if (!run)
        return;
    uint8_t *from = frame_of_run(run, 1), *to = frame_of_run(run, 3), *after = frame_of_run(run, 4);
    for (unsigned i = 0; i < PAGE_SIZE; i++)
        from[i] = (uint8_t)(i * 13 + i / 256);
    memset(frame_of_run(run, 2), 0x22, PAGE_SIZE);
    memset(after, 0x44, PAGE_SIZE);
    arch_copy_page(to, from);
    KTEST_EXPECT(memcmp(to, from, PAGE_SIZE) == 0);
    KTEST_EXPECT(to[-1] == 0x22 && after[0] == 0x44);
    unsigned left = 0;
    memset(to, 0, PAGE_SIZE);
    arch_copy_lines(to + 3, from + 8, 3008);
    KTEST_EXPECT(memcmp(to + 3, from + 8, 3008) == 0 && to[2] == 0 && to[3011] == 0);
    arch_copy_page(to, from);
    arch_zero_lines(to + 128, 192);
    for (unsigned i = 0; i < PAGE_SIZE; i++)
        left += (i >= 128 && i < 320 ? 0 : from[i]) != to[i];
    KTEST_EXPECT(left == 0);
    arch_zero_page(to);
    for (unsigned i = 0; i < PAGE_SIZE; i++)
        left += to[i] != 0;
    KTEST_EXPECT(left == 0 && to[-1] == 0x22 && after[0] == 0x44);
    arch_zero_pages(frame_of_run(run, 2), 2);
    for (const uint8_t *at = frame_of_run(run, 2); at < after; at++)
        left += *at != 0;
    KTEST_EXPECT(left == 0 && from[PAGE_SIZE - 1] == 2 && after[0] == 0x44);
    frame_free(&kernel_ledger, LEDGER_FRAMES, run);
}
