/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs vm-*.c share: pages, patterns in them, and what is left at the end.
 */
#pragma once

#include <libsys/check.h>
#include <libsys/program.h>
#include <stdbool.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/message.h>

#define PAGE       UINT64_C(4096)
#define PAGE_WORDS (PAGE / 8)

#define OK(call)         CHECK_EQUAL(call, KERN_SUCCESS)
#define FAILS(call, why) CHECK_EQUAL(call, why)
#define READ_WRITE       (VM_PROT_READ | VM_PROT_WRITE)
#define READ_EXECUTE     (VM_PROT_READ | VM_PROT_EXECUTE)

static inline mach_port_name_t me(void)
{
    return program_start_info->task;
}

/** New pages of this task. */
uint64_t *pages_make(unsigned pages);
/** The same; children share them. */
void *pages_make_shared(unsigned pages);
void pages_drop(void *at, unsigned pages);

/** Words of each page that tell who wrote it. */
void pages_write(uint64_t *at, unsigned pages, uint64_t who);
bool pages_are(const volatile uint64_t *at, unsigned pages, uint64_t who);

/** Let a moment pass. */
void pause_for(uint64_t microseconds);

/** Free frames and kernel objects, when they do not become more any more: trees of pages and tasks are taken down behind one's back. */
struct left {
    uint64_t objects, frames;
};
struct left left_now(void);
/** Nothing has gone since; of frames a few may, which object caches keep. */
void left_expect(const struct left *before);
