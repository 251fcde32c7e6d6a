/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for addresses of the kernel's text, and the build-id.
 *
 * The table is made by tools/ksyms.py from the first link of the kernel and linked in by the
 * second, where it replaces the empty one of symbols_none.c. Host builds keep the empty one.
 */
#include "symbols.h"

#include <kern/log.h>
#include <kern/panic.h>
#include <kern/string.h>

/* The note section with the build-id, as the linker script brackets it; empty on the host. Not
 * weak: that would make a global offset table. */
extern const uint8_t _build_id_start[], _build_id_end[];

/* The names have no index: 4 bytes a symbol are saved where only a report waits. */
static const char *name_of(const struct ksyms *table, uint32_t index)
{
    const char *name = (const char *)&table->offset[table->count];

    while (index-- > 0)
        name += strlen(name) + 1;
    return name;
}

const char *symbol_lookup(vaddr_t address, uint64_t *offset)
{
    const struct ksyms *table = &kernel_symbols;
    uint32_t low = 0, high = table->count; /* the symbol is in [low, high) */

    if (table->count == 0 || address < table->base || address - table->base >= table->size)
        return NULL;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (table->offset[middle] <= address - table->base)
            low = middle;
        else
            high = middle;
    }
    *offset = address - table->base - table->offset[low];
    return name_of(table, low);
}

/* An ELF note: lengths of name and content, type, name padded to 4, content. */
void build_id_text(char *buffer, size_t size)
{
    const uint8_t *note = _build_id_start;
    size_t have = (size_t)(_build_id_end - _build_id_start);
    uint32_t name_length, length;
    size_t at = 0;

    (void)format_text(buffer, size, "none");
    if (have < 3 * sizeof(uint32_t))
        return;
    memcpy(&name_length, note, sizeof(name_length));
    memcpy(&length, note + sizeof(uint32_t), sizeof(length));
    if (name_length > 64 || length > have - 3 * sizeof(uint32_t) - round_up(name_length, 4))
        return;
    note += 3 * sizeof(uint32_t) + round_up(name_length, 4);
    for (; at < length && 2 * at + 3 <= size; at++)
        (void)format_text(buffer + 2 * at, size - 2 * at, "%02x", note[at]);
}
