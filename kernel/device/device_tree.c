/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device tree, for the device manager: a copy in pages that hold nothing else, made once. The seeds in it are wiped, for
 * they are secrets; and its header tells its true size, where loaders leave room behind.
 */
#include <kern/device.h>
#include <kern/dt.h>
#include <kern/frame.h>
#include <kern/memory_entry.h>
#include <kern/string.h>

enum { HEADER_SIZE = 40, AT_TOTAL_SIZE = 4 };

/* Constant after device_tree_init(). */
static struct {
    struct memory_object *object; /* reference held; NULL: there is none */
    uint64_t size;
} tree;

static unsigned order_for(uint64_t size)
{
    unsigned order = 0;
    while (PAGE_SIZE << order < size)
        order++;
    return order;
}

static void store_big_endian(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < sizeof(value); i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void copy_blob(const struct board *board, uint8_t *to, uint64_t room)
{
    memcpy(to, board->blob, board->blob_size);
    memset(to + board->blob_size, 0, room - board->blob_size);
    dt_wipe_seeds(board, to);
    if (board->blob_size >= HEADER_SIZE)
        store_big_endian(to + AT_TOTAL_SIZE, board->blob_size);
}

kern_return_t device_tree_init(const struct board *board)
{
    struct frame *frame;
    unsigned order = order_for(board->blob_size);
    if (board->blob_size == 0 || order > FRAME_MAX_ORDER)
        return KERN_SUCCESS;
    uint64_t room = PAGE_SIZE << order;
    kern_return_t kr = frame_alloc(&kernel_ledger, LEDGER_FRAMES, order, 0, &frame);
    if (kr != KERN_SUCCESS)
        return kr;
    copy_blob(board, frame_memory(frame), room);
    kr = memory_object_create_physical(&kernel_ledger, frame_address(frame), room >> PAGE_SHIFT,
                                       &tree.object);
    if (kr != KERN_SUCCESS)
        frame_free(&kernel_ledger, LEDGER_FRAMES, frame);
    tree.size = board->blob_size;
    return kr;
}

kern_return_t device_tree_share(struct ledger *ledger, struct kright *out, uint64_t *size)
{
    if (!tree.object)
        return KERN_NOT_FOUND;
    struct map_request memory = {.object = tree.object,
                                 .pages = round_up(tree.size, PAGE_SIZE) >> PAGE_SHIFT};
    *size = tree.size;
    return memory_entry_create(ledger, &memory, PROT_READ, out);
}
