/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the scenes of pagers share. The program that makes the calls is the pager; a second thread of its task reads or writes
 * through the kernel (vm.read, vm.write), which waits.
 */
#pragma once

#include "kobj_world.h"

#include <kern/paged_object.h>

enum { PAGE = 4096, PAGES = 4, RW = VM_PROT_READ | VM_PROT_WRITE };

extern struct actor *reader;
extern uint32_t port, control; /* of the object; its control port, once it has been heard of */
extern uint64_t mapped,
    store; /* where it is mapped, and what its pages are supplied from: 0x1234, then zeroes */

/** All that; pagers have 30 seconds, and no limit of what they owe. */
void begin(void);
/** Map it once more. Flags of vm.map. */
uint64_t map_object(uint32_t of, uint64_t pages, uint32_t flags);
/** The next message that the kernel has for the pager. */
void hear_at(int line, uint32_t from, uint32_t id);
void hear_of_range_at(int line, uint32_t from, uint32_t id, uint64_t page, uint64_t pages);
#define hear(id)                       hear_at(__LINE__, port, id)
#define hear_of_range(id, page, pages) hear_of_range_at(__LINE__, port, id, page, pages)
bool hears_nothing(void);
/** init, which brings the control port. */
uint32_t hear_init(uint32_t from);
/** Give its name back. It is dead if the message comes when the object has ended. */
void drop_control(uint32_t name);
/** The second thread reads, or writes `what` to, the first bytes of a page. */
void read_page(uint64_t at, unsigned page);
void write_page(uint64_t at, unsigned page, uint32_t what);
/** It has done so, with this result. */
void check_done_at(int line, kern_return_t kr);
#define check_done(kr) check_done_at(__LINE__, kr)
/** A thread does not run until it is let go. */
void hold_still(struct actor *a, bool stops);
/** What is there, as this thread sees it. */
uint64_t word_at(uint64_t address);
