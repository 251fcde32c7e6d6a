/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's call chain, from frame records: two words, the caller's frame record and the return
 * address, at each frame pointer. Nothing about them is trusted: a record is read only if it lies,
 * aligned, within this CPU's stack, and above the one before.
 */
#include <arch/cpu.h>
#include <kern/log.h>
#include <kern/panic.h>

enum { FRAMES_MAX = 32 };

/* `back`: how far before the address the code stands that it belongs to. A return address may be
 * the first one after the function, when the call was the last thing in it. */
static void print_frame(unsigned number, vaddr_t address, unsigned back)
{
    uint64_t offset = 0;
    const char *name = symbol_lookup(address - back, &offset);

    if (name != NULL)
        log_error("  #%-2u %#llx %s+%#llx", number, (unsigned long long)address, name,
                  (unsigned long long)(offset + back));
    else
        log_error("  #%-2u %#llx", number, (unsigned long long)address);
}

/* The caller of a function without a frame: its return address is in the register only. Nothing
 * if it is no address of the kernel's text, or if the chain begins with it anyway. */
static void print_link(vaddr_t link, vaddr_t fp)
{
    uint64_t offset = 0;
    vaddr_t low = 0, high = 0;

    arch_cpu_stack_bounds(fp, &low, &high);
    if (link == 0 || symbol_lookup(link - 1, &offset) == NULL)
        return;
    if (fp % sizeof(vaddr_t) == 0 && fp >= low && fp < high && high - fp >= 2 * sizeof(vaddr_t) &&
        ((const vaddr_t *)(uintptr_t)fp)[1] == link)
        return;
    print_frame(0, link, 1);
}

void backtrace_print(vaddr_t pc, vaddr_t link, vaddr_t fp)
{
    vaddr_t low = 0, high = 0;

    arch_cpu_stack_bounds(fp, &low, &high);
    print_frame(0, pc, 0);
    print_link(link, fp);
    for (unsigned i = 1; i < FRAMES_MAX; i++) {
        const vaddr_t *record = (const vaddr_t *)(uintptr_t)fp;

        /* From the emergency stack the chain goes on in the stack that overflowed or faulted. */
        if (fp < low || fp >= high)
            arch_cpu_stack_bounds(fp, &low, &high);
        if (fp % sizeof(vaddr_t) != 0 || fp < low || high - fp < 2 * sizeof(vaddr_t) || fp > high)
            break;
        if (record[1] == 0)
            break;
        print_frame(i, record[1], 1);
        low = fp + 2 * sizeof(vaddr_t);
        fp = record[0];
    }
}
