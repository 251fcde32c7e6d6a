/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A call about memory waits for frames while somebody makes some free, as a touch does: whichever allocation fails, the caller hears
 * nothing of it. With nobody there it is told.
 *
 *      test_vm_shortage
 */
#include "office.h"

#include <kern/frame.h>

enum { SLOTS = 64, MOST = 8 };

/* What needs memory of the kernel: an entry is made, and split, and split once more for each change of a part. */
static kern_return_t calls(uint32_t task)
{
    uint64_t at, named;
    kern_return_t kr = vm_allocate(task, 0, MOST * PAGE, VM_ANYWHERE, &at);
    if (kr == KERN_SUCCESS)
        kr = vm_deallocate(task, at + PAGE, PAGE);
    if (kr == KERN_SUCCESS)
        kr = vm_protect(task, at + 3 * PAGE, PAGE, false, VM_PROT_READ);
    if (kr == KERN_SUCCESS)
        kr = vm_inherit(task, at + 5 * PAGE, PAGE, VM_INHERIT_NONE);
    if (kr == KERN_SUCCESS)
        kr = vm_map(task, 0, PAGE, 0, VM_ANYWHERE, 0, VM_PROT_READ, VM_PROT_READ, VM_INHERIT_COPY,
                    &named);
    return kr;
}

/* Each n-th; returns of how many something was heard. */
static unsigned fail_each(void)
{
    unsigned heard = 0;
    for (uint64_t n = 1, counted = n; counted >= n; n++) {
        uint32_t task = child_new(0, 0, NULL);
        (void)alloc_fail_nth(n);
        const kern_return_t kr = calls(task);
        counted = alloc_fail_nth(0);
        CHECK(kr == KERN_SUCCESS || kr == KERN_RESOURCE_SHORTAGE);
        heard += kr != KERN_SUCCESS;
        child_end(task);
        rest();
    }
    return heard;
}

static void one_round(void)
{
    CHECK(fail_each() > 0);
    struct office office = office_take(SLOTS, 0, NULL);
    CHECK_EQUAL(fail_each(), 0);
    office_leave(&office);
    rest();
}

int main(int argc, char **argv)
{
    (void)argc;
    return office_rounds(argv, one_round);
}
