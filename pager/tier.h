/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tier in memory: pages by their slots, compressed, or as one word where that is all they are. It lies in memory that outlives
 * the pager ("state" of the system description), so that its successor finds what the kernel was told is stored.
 *
 *      head | entries | next of each block | blocks of 128 bytes
 *
 * C1 An entry is one when its `slot` says so, which is written last and taken away first: what is half written when the pager ends is
 *    none, and the blocks that no entry leads to are free.
 * C2 What the memory holds at the start is checked: entries whose blocks make no sense, or have been taken by another, are dropped.
 * C3 Nothing is allocated after tier_begin(); a page for which there is no room is refused.
 * C4 Entries are in a row by age, the oldest first: in what order a predecessor's came is not known.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TIER_PAGE = 4096,
    TIER_BLOCK = 128,
    /* What does not become smaller than this goes to the card as it is. */
    TIER_MOST = TIER_PAGE / 4 * 3,
};

#define TIER_NONE UINT32_MAX

struct tier_entry;

struct tier {
    /* That outlives the pager. */
    struct tier_entry *entry;
    uint32_t *next;
    char (*block)[TIER_BLOCK];
    uint32_t entries, blocks;
    /* The pager's own. */
    uint32_t *heads; /* of hash chains; hash_mask + 1 of them */
    uint32_t *chain; /* of entries, also of those that are free */
    uint32_t *older, *newer;
    uint32_t hash_mask, oldest, newest;
    uint32_t free_entry, free_block, free_entries, free_blocks;
    uint32_t same, compressed; /* pages in it */
    uint64_t bytes;            /* of compressed pages */
    void *state;               /* of lz4 */
    char *scratch;             /* TIER_PAGE bytes */
};

/** Bytes of the pager's own memory for a tier of so many bytes. */
size_t tier_own_size(size_t size);
/** Begin with `size` bytes of memory, zero or a predecessor's, and tier_own_size() bytes of memory of any content. Less than a few
 *  pages: a tier that refuses everything. */
void tier_begin(struct tier *tier, void *memory, size_t size, void *own);

/** Keep the page for the slot instead of what there is for it. False: it does not become small, or there is no room; then there is nothing for the
 *  slot. */
bool tier_put(struct tier *tier, uint32_t slot, const void *page);
bool tier_has(const struct tier *tier, uint32_t slot);
/** Of what kind: it is one word. */
bool tier_is_same(const struct tier *tier, uint32_t slot);
/** Write the slot's page. False: there is none, or it cannot be made any more: it is gone then. */
bool tier_get(struct tier *tier, uint32_t slot, void *page);
void tier_remove(struct tier *tier, uint32_t slot);
/** All of slots [first, first + count). */
void tier_remove_range(struct tier *tier, uint32_t first, uint32_t count);
/** Drop what is for slots that `keep` says no to. */
void tier_keep_only(struct tier *tier, bool (*keep)(void *context, uint32_t slot), void *context);
/** The slot of the compressed page that has been there longest; TIER_NONE. */
uint32_t tier_oldest(const struct tier *tier);
/** Bytes of its memory that are in use for pages and what belongs to them. */
uint64_t tier_memory(const struct tier *tier);
/** It counts as the newest from here on. */
void tier_make_newest(struct tier *tier, uint32_t slot);
