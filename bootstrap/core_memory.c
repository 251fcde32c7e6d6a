/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cores in memory. See core_sink.h. It is memory of the supervisor's that is not wired, and that nothing waits for but the thread that fills
 * it.
 */
#include "core_sink.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <string.h>
#include <wharf/if/vm.h>

enum { PAGE = 0x1000 };

static uint64_t whole_pages(const struct core_memory *m)
{
    return (m->size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

static kern_return_t open_memory(void *context, const char *program, uint64_t size)
{
    struct core_memory *m = context;
    void *at;
    (void)program;
    m->size = size;
    m->used = 0;
    const kern_return_t kr = kernel_vm_allocate(whole_pages(m), &at);
    if (kr == KERN_SUCCESS)
        m->at = at;
    return kr;
}

static kern_return_t append(void *context, const void *bytes, size_t size)
{
    struct core_memory *m = context;
    if (size > m->size - m->used)
        return KERN_NO_SPACE;
    memcpy(m->at + m->used, bytes, size);
    m->used += size;
    return KERN_SUCCESS;
}

static void close_memory(void *context, bool whole)
{
    struct core_memory *m = context;
    if (!whole || vm_make_entry(program_start_info->task, (uintptr_t)m->at, whole_pages(m),
                                VM_PROT_READ, &m->entry) != KERN_SUCCESS)
        m->entry = MSG_NULL;
    (void)!kernel_vm_deallocate(m->at, whole_pages(m)); /* the entry keeps it */
    m->at = NULL;
}

struct core_sink sink_memory(struct core_memory *memory)
{
    return (struct core_sink){.context = memory,
                              .open = open_memory,
                              .append = append,
                              .close = close_memory};
}
