/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See breakpoints.h.
 */
#include "breakpoints.h"
#include <string.h>

static struct breakpoint *find(struct breakpoints *b, uint64_t address)
{
    for (unsigned i = 0; i < BREAKPOINTS_MAX; i++)
        if (b->entry[i].users > 0 && b->entry[i].address == address)
            return &b->entry[i];
    return NULL;
}

static struct breakpoint *find_free(struct breakpoints *b)
{
    for (unsigned i = 0; i < BREAKPOINTS_MAX; i++)
        if (b->entry[i].users == 0)
            return &b->entry[i];
    return NULL;
}

bool breakpoint_insert(struct breakpoints *b, uint64_t address)
{
    static const uint32_t instruction = BREAKPOINT_INSTRUCTION;
    const struct breakpoint_memory *m = &b->memory;
    struct breakpoint *e = find(b, address);
    if (e) {
        e->users++;
        return true;
    }
    e = find_free(b);
    if (!e || address % BREAKPOINT_SIZE != 0 ||
        !m->read(m->context, address, &e->under, BREAKPOINT_SIZE) ||
        !m->write(m->context, address, &instruction, BREAKPOINT_SIZE))
        return false;
    e->address = address;
    e->users = 1;
    return true;
}

static bool take_away(struct breakpoints *b, struct breakpoint *e)
{
    e->users = 0;
    return b->memory.write(b->memory.context, e->address, &e->under, BREAKPOINT_SIZE);
}

bool breakpoint_remove(struct breakpoints *b, uint64_t address)
{
    struct breakpoint *e = find(b, address);
    if (!e)
        return false;
    if (e->users > 1) {
        e->users--;
        return true;
    }
    return take_away(b, e);
}

void breakpoint_remove_all(struct breakpoints *b)
{
    for (unsigned i = 0; i < BREAKPOINTS_MAX; i++)
        if (b->entry[i].users > 0)
            (void)take_away(b, &b->entry[i]);
}

unsigned breakpoint_users(const struct breakpoints *b, uint64_t address)
{
    const struct breakpoint *e = find((struct breakpoints *)(uintptr_t)b, address);
    return e ? e->users : 0;
}

/* What a range and a breakpoint have in common: where in the range, where in the instruction, how many bytes. 0: nothing. */
static size_t common(const struct breakpoint *e, uint64_t address, size_t size, size_t *in_range,
                     size_t *in_instruction)
{
    if (e->users == 0)
        return 0;
    const uint64_t end = address + size, its_end = e->address + BREAKPOINT_SIZE;
    const uint64_t from = e->address > address ? e->address : address;
    const uint64_t to = end < its_end ? end : its_end;
    if (from >= to)
        return 0;
    *in_range = (size_t)(from - address);
    *in_instruction = (size_t)(from - e->address);
    return (size_t)(to - from);
}

bool breakpoint_read(struct breakpoints *b, uint64_t address, void *bytes, size_t size)
{
    size_t at, in;
    if (!b->memory.read(b->memory.context, address, bytes, size))
        return false;
    for (unsigned i = 0; i < BREAKPOINTS_MAX; i++) {
        const struct breakpoint *e = &b->entry[i];
        const size_t n = common(e, address, size, &at, &in);
        if (n > 0)
            memcpy((char *)bytes + at, (const char *)&e->under + in, n);
    }
    return true;
}

/* All is written, and then the instructions are put there again. */
bool breakpoint_write(struct breakpoints *b, uint64_t address, const void *bytes, size_t size)
{
    static const uint32_t instruction = BREAKPOINT_INSTRUCTION;
    const struct breakpoint_memory *m = &b->memory;
    bool good = m->write(m->context, address, bytes, size);
    size_t at, in;
    for (unsigned i = 0; good && i < BREAKPOINTS_MAX; i++) {
        struct breakpoint *e = &b->entry[i];
        const size_t n = common(e, address, size, &at, &in);
        if (n == 0)
            continue;
        memcpy((char *)&e->under + in, (const char *)bytes + at, n);
        good = m->write(m->context, e->address, &instruction, BREAKPOINT_SIZE);
    }
    return good;
}
