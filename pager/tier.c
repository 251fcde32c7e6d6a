/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tier in memory (tier.h).
 */
#include "tier.h"
#include <lz4.h>
#include <stdatomic.h>
#include <string.h>

struct tier_head {
    uint64_t magic;
    uint32_t entries, blocks;
};

struct tier_entry {
    _Atomic uint32_t slot; /* and one; 0: it is free */
    uint32_t length;       /* of the compressed page; 0: it is one word */
    uint64_t value;        /* the word, or the first block */
};

#define MAGIC UINT64_C(0x7265697470617773)

enum { WORDS = TIER_PAGE / 8, PER_ENTRY = 2 /* blocks */ };

/* ---- where things are ---- */

static uint32_t blocks_of(size_t size)
{
    const size_t each = TIER_BLOCK + sizeof(uint32_t) + sizeof(struct tier_entry) / PER_ENTRY;

    return size < (size_t)4 * TIER_PAGE ? 0 : (uint32_t)((size - TIER_PAGE) / each) & ~31u;
}

static uint32_t hash_size(uint32_t entries)
{
    uint32_t size = 1;

    while (size < entries)
        size *= 2;
    return size;
}

size_t tier_own_size(size_t size)
{
    const uint32_t entries = blocks_of(size) / PER_ENTRY;

    return TIER_PAGE + ((size_t)LZ4_sizeofState() + 7) / 8 * 8 +
           ((size_t)hash_size(entries) + 3 * (size_t)entries) * sizeof(uint32_t);
}

static uint32_t slot_of(const struct tier *tier, uint32_t entry)
{
    return atomic_load_explicit(&tier->entry[entry].slot, memory_order_relaxed) - 1;
}

static uint32_t *head_of(const struct tier *tier, uint32_t slot)
{
    return &tier->heads[slot * UINT32_C(0x9e3779b1) >> 7 & tier->hash_mask];
}

static uint32_t find(const struct tier *tier, uint32_t slot)
{
    if (tier->entries == 0)
        return TIER_NONE;
    uint32_t entry = *head_of(tier, slot);
    while (entry != TIER_NONE && slot_of(tier, entry) != slot)
        entry = tier->chain[entry];
    return entry;
}

/* ---- rows ---- */

static void append(struct tier *tier, uint32_t entry)
{
    tier->older[entry] = tier->newest;
    tier->newer[entry] = TIER_NONE;
    if (tier->newest == TIER_NONE)
        tier->oldest = entry;
    else
        tier->newer[tier->newest] = entry;
    tier->newest = entry;
}

static void take_out(struct tier *tier, uint32_t entry)
{
    const uint32_t older = tier->older[entry], newer = tier->newer[entry];

    if (older == TIER_NONE)
        tier->oldest = newer;
    else
        tier->newer[older] = newer;
    if (newer == TIER_NONE)
        tier->newest = older;
    else
        tier->older[newer] = older;
}

/* An entry that is published comes to be known. Pages that are one word have no age: they do not leave. */
static void enlist(struct tier *tier, uint32_t entry)
{
    uint32_t *head = head_of(tier, slot_of(tier, entry));

    tier->chain[entry] = *head;
    *head = entry;
    if (tier->entry[entry].length == 0) {
        tier->same++;
        return;
    }
    tier->compressed++;
    tier->bytes += tier->entry[entry].length;
    append(tier, entry);
}

static void give_block(struct tier *tier, uint32_t block)
{
    tier->next[block] = tier->free_block;
    tier->free_block = block;
    tier->free_blocks++;
}

static void give_entry(struct tier *tier, uint32_t entry)
{
    tier->chain[entry] = tier->free_entry;
    tier->free_entry = entry;
    tier->free_entries++;
}

static uint32_t blocks_for(uint32_t length)
{
    return (length + TIER_BLOCK - 1) / TIER_BLOCK;
}

static void give_blocks(struct tier *tier, uint32_t block, uint32_t count)
{
    while (count-- > 0) {
        const uint32_t next = tier->next[block];
        give_block(tier, block);
        block = next;
    }
}

/* C1: first it is no entry any more, then its blocks are free. */
static void drop(struct tier *tier, uint32_t entry)
{
    const struct tier_entry *at = &tier->entry[entry];
    uint32_t *link = head_of(tier, slot_of(tier, entry));

    while (*link != entry)
        link = &tier->chain[*link];
    *link = tier->chain[entry];
    atomic_store_explicit(&tier->entry[entry].slot, 0, memory_order_release);
    if (at->length == 0) {
        tier->same--;
    } else {
        tier->compressed--;
        tier->bytes -= at->length;
        take_out(tier, entry);
        give_blocks(tier, (uint32_t)at->value, blocks_for(at->length));
    }
    give_entry(tier, entry);
}

/* ---- the start ---- */

/* A block of so many is there twice: it leads back to itself within as many steps. All of them have been looked at. */
static bool is_circle(const struct tier *tier, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0, block = first; i + 1 < count; i++, block = tier->next[block])
        for (uint32_t j = i + 1, other = tier->next[block]; j < count;
             j++, other = tier->next[other])
            if (other == block)
                return true;
    return false;
}

/* C2. Blocks that are in use are marked by what `mark` has for them. */
static bool take_blocks(struct tier *tier, uint32_t entry, uint8_t *mark)
{
    const struct tier_entry *at = &tier->entry[entry];
    uint64_t block = at->value;

    for (uint32_t i = 0; i < blocks_for(at->length); i++) {
        if (block >= tier->blocks || mark[block / 8] & 1u << block % 8)
            return false;
        block = tier->next[block];
    }
    if (is_circle(tier, (uint32_t)at->value, blocks_for(at->length)))
        return false;
    block = at->value;
    for (uint32_t i = 0; i < blocks_for(at->length); i++) {
        mark[block / 8] |= (uint8_t)(1u << block % 8);
        block = tier->next[block];
    }
    return true;
}

static bool is_sound(struct tier *tier, uint32_t entry, uint8_t *mark)
{
    const struct tier_entry *at = &tier->entry[entry];

    if (slot_of(tier, entry) == TIER_NONE || find(tier, slot_of(tier, entry)) != TIER_NONE)
        return false;
    return at->length == 0 || (at->length <= TIER_MOST && take_blocks(tier, entry, mark));
}

/* The marks lie where ages will: a bit a block is less than a word an entry. */
static void take_over(struct tier *tier)
{
    uint8_t *mark = (uint8_t *)tier->older;

    memset(mark, 0, tier->blocks / 8);
    for (uint32_t entry = 0; entry < tier->entries; entry++) {
        if (!is_sound(tier, entry, mark)) {
            atomic_store_explicit(&tier->entry[entry].slot, 0, memory_order_relaxed);
            continue;
        }
        uint32_t *head = head_of(tier, slot_of(tier, entry));
        tier->chain[entry] = *head;
        *head = entry;
    }
    for (uint32_t block = tier->blocks; block-- > 0;)
        if (!(mark[block / 8] & 1u << block % 8))
            give_block(tier, block);
    memset(tier->heads, 0xff, ((size_t)tier->hash_mask + 1) * sizeof(uint32_t));
    for (uint32_t entry = tier->entries; entry-- > 0;)
        if (slot_of(tier, entry) == TIER_NONE)
            give_entry(tier, entry);
        else
            enlist(tier, entry);
}

void tier_begin(struct tier *tier, void *memory, size_t size, void *own)
{
    struct tier_head *head = memory;
    const uint32_t blocks = blocks_of(size);
    char *at = own;

    *tier = (struct tier){
        .entries = blocks / PER_ENTRY,
        .blocks = blocks,
        .hash_mask = hash_size(blocks / PER_ENTRY) - 1,
        .oldest = TIER_NONE,
        .newest = TIER_NONE,
        .free_entry = TIER_NONE,
        .free_block = TIER_NONE,
        .scratch = at,
    };
    tier->state = at += TIER_PAGE;
    tier->heads = (uint32_t *)(void *)(at + ((size_t)LZ4_sizeofState() + 7) / 8 * 8);
    tier->chain = tier->heads + tier->hash_mask + 1;
    tier->older = tier->chain + tier->entries;
    tier->newer = tier->older + tier->entries;
    memset(tier->heads, 0xff, ((size_t)tier->hash_mask + 1) * sizeof(uint32_t));
    if (blocks == 0)
        return;
    tier->entry = (struct tier_entry *)(head + 1);
    tier->next = (uint32_t *)(tier->entry + tier->entries);
    tier->block = (char(*)[TIER_BLOCK])(tier->next + blocks);
    if (head->magic != MAGIC || head->blocks != blocks || head->entries != tier->entries)
        memset(memory, 0, (size_t)((char *)tier->next - (char *)memory));
    *head = (struct tier_head){MAGIC, tier->entries, blocks};
    take_over(tier);
}

/* ---- pages ---- */

static bool is_one_word(const uint64_t *page)
{
    for (unsigned i = 1; i < WORDS; i++)
        if (page[i] != page[0])
            return false;
    return true;
}

static uint64_t scatter(struct tier *tier, uint32_t length)
{
    const uint32_t first = tier->free_block;
    uint32_t block = first;

    for (uint32_t done = 0; done < length; done += TIER_BLOCK) {
        const uint32_t left = length - done;
        memcpy(tier->block[block], tier->scratch + done, left < TIER_BLOCK ? left : TIER_BLOCK);
        block = tier->next[block];
        tier->free_blocks--;
    }
    tier->free_block = block;
    return first;
}

bool tier_put(struct tier *tier, uint32_t slot, const void *page)
{
    uint32_t length = 0;

    tier_remove(tier, slot);
    if (tier->free_entries == 0)
        return false;
    const bool same = is_one_word(page);
    if (!same) {
        const int size =
            LZ4_compress_fast_extState(tier->state, page, tier->scratch, TIER_PAGE, TIER_MOST, 1);
        if (size <= 0 || blocks_for((uint32_t)size) > tier->free_blocks)
            return false;
        length = (uint32_t)size;
    }
    const uint32_t entry = tier->free_entry;
    tier->free_entry = tier->chain[entry];
    tier->free_entries--;
    tier->entry[entry].length = length;
    tier->entry[entry].value = same ? *(const uint64_t *)page : scatter(tier, length);
    atomic_store_explicit(&tier->entry[entry].slot, slot + 1, memory_order_release); /* C1 */
    enlist(tier, entry);
    return true;
}

bool tier_has(const struct tier *tier, uint32_t slot)
{
    return find(tier, slot) != TIER_NONE;
}

bool tier_is_same(const struct tier *tier, uint32_t slot)
{
    const uint32_t entry = find(tier, slot);

    return entry != TIER_NONE && tier->entry[entry].length == 0;
}

static bool expand(struct tier *tier, const struct tier_entry *at, void *page)
{
    uint32_t block = (uint32_t)at->value;

    for (uint32_t done = 0; done < at->length; done += TIER_BLOCK) {
        const uint32_t left = at->length - done;
        memcpy(tier->scratch + done, tier->block[block], left < TIER_BLOCK ? left : TIER_BLOCK);
        block = tier->next[block];
    }
    return LZ4_decompress_safe(tier->scratch, page, (int)at->length, TIER_PAGE) == TIER_PAGE;
}

bool tier_get(struct tier *tier, uint32_t slot, void *page)
{
    const uint32_t entry = find(tier, slot);
    uint64_t *word = page;

    if (entry == TIER_NONE)
        return false;
    const struct tier_entry *at = &tier->entry[entry];
    if (at->length > 0) {
        const bool good = expand(tier, at, page);
        if (!good)
            drop(tier, entry);
        return good;
    }
    for (unsigned i = 0; i < WORDS; i++)
        word[i] = at->value;
    return true;
}

void tier_remove(struct tier *tier, uint32_t slot)
{
    const uint32_t entry = find(tier, slot);

    if (entry != TIER_NONE)
        drop(tier, entry);
}

void tier_remove_range(struct tier *tier, uint32_t first, uint32_t count)
{
    for (uint32_t entry = 0; entry < tier->entries; entry++)
        if (slot_of(tier, entry) != TIER_NONE && slot_of(tier, entry) - first < count)
            drop(tier, entry);
}

void tier_keep_only(struct tier *tier, bool (*keep)(void *context, uint32_t slot), void *context)
{
    for (uint32_t entry = 0; entry < tier->entries; entry++)
        if (slot_of(tier, entry) != TIER_NONE && !keep(context, slot_of(tier, entry)))
            drop(tier, entry);
}

uint32_t tier_oldest(const struct tier *tier)
{
    return tier->oldest == TIER_NONE ? TIER_NONE : slot_of(tier, tier->oldest);
}

void tier_make_newest(struct tier *tier, uint32_t slot)
{
    const uint32_t entry = find(tier, slot);

    if (entry == TIER_NONE || tier->entry[entry].length == 0)
        return;
    take_out(tier, entry);
    append(tier, entry);
}

uint64_t tier_memory(const struct tier *tier)
{
    return (uint64_t)(tier->blocks - tier->free_blocks) * (TIER_BLOCK + sizeof(uint32_t)) +
           (uint64_t)(tier->entries - tier->free_entries) * sizeof(struct tier_entry);
}
