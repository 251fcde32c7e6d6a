/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of kernel/kobj.
 */
#pragma once

#include <kern/kobj.h>
#include <kern/ledger.h>
#include <kern/map.h>
#include <kern/memory_entry.h>
#include <kern/work.h>
#include <stdatomic.h>

/** A new timer, which `ledger` pays for. KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
/** Before the first program. KERN_RESOURCE_SHORTAGE. */
kern_return_t kclock_init(void);
kern_return_t timer_create(struct ledger *ledger, struct kright *out);
void timer_ended(struct timer *timer);
void timer_ref(struct timer *timer);
void timer_unref(struct timer *timer);

/** Protections a mapping can have, and those that can be its most. */
bool vm_is_protection(uint32_t prot);
bool vm_is_maximum(uint32_t prot);
/** A range of whole pages: *size is rounded up. KERN_INVALID_ARGUMENT, KERN_INVALID_ADDRESS. */
kern_return_t vm_check_range(uint64_t address, uint64_t *size);
