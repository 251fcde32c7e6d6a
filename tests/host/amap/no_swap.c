/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where nothing pages out no anon is ever away.
 */
#include <kern/panic.h>
#include <kern/swap.h>

bool swap_rescue(struct anon *anon)
{
    panic("page %p is away", (void *)anon);
}

bool swap_anon_gone(struct anon *anon)
{
    panic("page %p is away", (void *)anon);
}

bool swap_try_anons_gone(struct anon *anon[], unsigned *count)
{
    panic("%u pages, the first %p, are away", *count, (void *)anon[0]);
}

struct ledger *swap_set_payer(struct anon *anon, struct ledger *ledger)
{
    (void)ledger;
    panic("page %p is away", (void *)anon);
}

kern_return_t swap_need(struct thread *self, struct anon *anon, vaddr_t va)
{
    (void)self;
    panic("page %p at %llx is away", (void *)anon, (unsigned long long)va);
}

bool swap_want_frame(struct thread *self, vaddr_t va)
{
    (void)self, (void)va;
    return false;
}

void swap_forget_kept(struct frame *frame)
{
    panic("frame %p has a slot", (void *)frame);
}
