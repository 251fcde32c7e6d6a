/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See state.h.
 */
#include "state.h"
#include <libsys/program.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <wharf/if/memory_entry.h>
#include <wharf/if/service.h>
#include <wharf/if/vm.h>

enum {
    OPENS_SIZE = 512 * 1024,
    ACCESS = VM_PROT_READ | VM_PROT_WRITE,
};
#define MAGIC  UINT64_C(0x57766f6c756d6531)
#define HEAD   ((sizeof(struct state) + PAGE - 1) / PAGE * PAGE)
#define LAYOUT (HEAD << 32 | RETURN_PAGES << 8 | 5)
#define PAGES  ((size_t)RETURN_PAGES * PAGE)
#define FIXED  (HEAD + PAGES + OPENS_SIZE)

struct state *state;
char *state_pages;
struct volume_memory state_volume, state_opens;

static mach_port_name_t self(void)
{
    return program_start_info->task;
}

/* Memory of the supervisor's, or ours; *size: how much there is. */
static kern_return_t map(uint64_t *at, uint64_t *size)
{
    mach_port_name_t entry;
    uint32_t protection;
    kern_return_t kr = service_get_right(program_start_info->bootstrap, "state", &entry);

    if (kr == KERN_SUCCESS)
        kr = memory_entry_info(entry, size, &protection);
    if (kr == KERN_SUCCESS && *size >= FIXED)
        return vm_map(self(), 0, *size, 0, VM_ANYWHERE, entry, ACCESS, ACCESS, VM_INHERIT_NONE, at);
    *size = FIXED;
    return vm_allocate(self(), 0, *size, VM_ANYWHERE, at);
}

/* For another device, or nothing: it begins as zeroes (S5). */
static void make_new(uint64_t at, uint64_t size, uint64_t serial)
{
    const size_t kept = offsetof(struct state, device);
    const bool used = state->magic != 0 || state->layout != 0;

    state->magic = 0;
    state->layout = LAYOUT;
    atomic_thread_fence(memory_order_release);
    if (used)
        memset((char *)(uintptr_t)at + kept, 0, size - kept);
    (void)getentropy(state->returned.stamp, STAMP);
    state->device = disk.device;
    state->serial = serial;
    atomic_thread_fence(memory_order_release);
    state->magic = MAGIC;
}

kern_return_t state_begin(uint64_t serial, bool *again)
{
    uint64_t at, size;
    const kern_return_t kr = map(&at, &size);

    if (kr != KERN_SUCCESS)
        return kr;
    state = (struct state *)(uintptr_t)at;
    state_pages = (char *)(uintptr_t)at + HEAD;
    state_opens = (struct volume_memory){state_pages + PAGES, OPENS_SIZE};
    if (size > FIXED)
        state_volume = (struct volume_memory){(char *)(uintptr_t)at + FIXED, size - FIXED};
    *again = state->magic == MAGIC && state->layout == LAYOUT && state->device == disk.device &&
             state->serial == serial;
    if (!*again)
        make_new(at, size, serial);
    return KERN_SUCCESS;
}

void state_end(void)
{
    state->magic = 0;
}

/* ---- pages between the kernel and the volume ---- */

void state_fetching(const struct memory *memory, uint64_t offset, unsigned pages)
{
    struct state_returned *returned = &state->returned;

    for (unsigned n = 0; n < pages; n++)
        memcpy(state_pages + (size_t)n * PAGE, returned->stamp, STAMP);
    returned->inode = memory->inode;
    returned->offset = offset;
    returned->pages = pages;
    atomic_store_explicit(&returned->active, 1, memory_order_release);
}

void state_fetched(void)
{
    atomic_store_explicit(&state->returned.active, 0, memory_order_release);
}

bool state_was_fetched(unsigned n)
{
    return memcmp(state_pages + (size_t)n * PAGE, state->returned.stamp, STAMP) != 0;
}
