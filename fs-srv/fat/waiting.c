/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What waits for its stage, as bytes of the log (survive.c): links, cuts and chains to be freed, marks of renames, what the operation that is under way leaves to be tidied up, and chains that only nodes
 * without a name lead to. None of it is believed before it can be.
 */
#include "fat_impl.h"

uint32_t fat_waiting_chains(const struct fat *fat)
{
    return 2 * fat->options.nodes + NODES_OF_SEARCH;
}

size_t fat_waiting_most(const struct fat *fat)
{
    return sizeof(struct fat_pending) + sizeof(struct fat_note) + 64 +
           sizeof(uint32_t) * (size_t)fat_waiting_chains(fat);
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
    write32(at, value);
    return at + 4;
}

static uint8_t *put64(uint8_t *at, uint64_t value)
{
    return put32(put32(at, (uint32_t)value), (uint32_t)(value >> 32));
}

static uint8_t *put_nameless(const struct fat *fat, uint8_t *at)
{
    uint8_t *const count = at;
    uint32_t n = fat->inherited_count;

    at += 4;
    for (uint32_t i = 0; i < fat->inherited_count; i++)
        at = put32(at, fat->inherited[i]);
    for (unsigned i = 0; i < NODE_HASH && fat->nameless != 0; i++)
        for (const struct fat_node *node = fat->nodes[i]; node; node = node->chain)
            if (node->gone && node->cluster != 0) {
                at = put32(at, node->cluster);
                n++;
            }
    write32(count, n);
    return at;
}

size_t fat_waiting_put(const struct fat *fat, uint8_t *to)
{
    const struct fat_pending *pending = &fat->pending;
    const struct fat_note *note = &fat->note;
    uint8_t *at = to;

    at = put32(at, pending->link_count);
    for (uint32_t i = 0; i < pending->link_count; i++)
        at = put32(put32(at, pending->links[i].from), pending->links[i].to);
    at = put32(at, pending->free_count);
    for (uint32_t i = 0; i < pending->free_count; i++)
        at = put32(put32(at, pending->frees[i].cut), pending->frees[i].first);
    at = put32(at, pending->mark_count);
    for (uint32_t i = 0; i < pending->mark_count; i++) {
        at = put64(at, pending->marks[i].position);
        memcpy(at, pending->marks[i].saved, ENTRY);
        at += ENTRY;
    }
    at = put32(put32(at, note->cluster), note->entry_count);
    for (uint32_t i = 0; i < note->entry_count; i++)
        at = put32(put64(at, note->entries[i].position), note->entries[i].count);
    return (size_t)(put_nameless(fat, at) - to);
}

/* ---- after a kill ---- */

/* Bytes that are read, as long as there are some. */
struct bytes {
    const uint8_t *at, *end;
    bool bad;
};

static uint32_t take32(struct bytes *from)
{
    if (from->end - from->at < 4) {
        from->bad = true;
        return 0;
    }
    from->at += 4;
    return read32(from->at - 4);
}

static uint64_t take64(struct bytes *from)
{
    const uint32_t low = take32(from);

    return low | (uint64_t)take32(from) << 32;
}

static uint32_t take_count(struct bytes *from, uint32_t most)
{
    const uint32_t count = take32(from);

    from->bad = from->bad || count > most;
    return from->bad ? 0 : count;
}

static uint32_t take_cluster(struct bytes *from, const struct fat *fat, bool or_none)
{
    const uint32_t cluster = take32(from);

    from->bad = from->bad || (!fat_is_cluster(fat, cluster) && !(or_none && cluster == 0));
    return cluster;
}

static uint64_t take_position(struct bytes *from, const struct fat *fat)
{
    const uint64_t position = take64(from);

    from->bad = from->bad || position % ENTRY != 0 || position >= fat->storage->size;
    return position;
}

static void take_pending(struct bytes *from, struct fat *fat)
{
    struct fat_pending *pending = &fat->pending;

    pending->link_count = take_count(from, PENDING_LINKS);
    for (uint32_t i = 0; i < pending->link_count; i++) {
        pending->links[i].from = take_cluster(from, fat, false);
        pending->links[i].to = take_cluster(from, fat, false);
    }
    pending->free_count = take_count(from, PENDING_FREES);
    for (uint32_t i = 0; i < pending->free_count; i++) {
        pending->frees[i].cut = take_cluster(from, fat, true);
        pending->frees[i].first = take_cluster(from, fat, false);
    }
    pending->mark_count = take_count(from, PENDING_MARKS);
    for (uint32_t i = 0; i < pending->mark_count; i++) {
        pending->marks[i].position = take_position(from, fat);
        for (unsigned word = 0; word < ENTRY; word += 4)
            write32(pending->marks[i].saved + word, take32(from));
    }
}

static void take_note(struct bytes *from, struct fat *fat)
{
    struct fat_note *note = &fat->note;

    note->cluster = take_cluster(from, fat, true);
    note->entry_count = take_count(from, NOTE_BLOCKS);
    for (uint32_t i = 0; i < note->entry_count; i++) {
        note->entries[i].position = take_position(from, fat);
        note->entries[i].count = take32(from);
        from->bad = from->bad || note->entries[i].count >
                                     BLOCK_ENTRIES - note->entries[i].position % BLOCK / ENTRY;
    }
}

bool fat_waiting_take(struct fat *fat, const uint8_t *bytes, size_t size)
{
    struct bytes from = {bytes, bytes + size, false};

    take_pending(&from, fat);
    take_note(&from, fat);
    fat->inherited_count = take_count(&from, fat_waiting_chains(fat));
    for (uint32_t i = 0; i < fat->inherited_count; i++)
        fat->inherited[i] = take_cluster(&from, fat, false);
    return !from.bad && from.at == from.end;
}
