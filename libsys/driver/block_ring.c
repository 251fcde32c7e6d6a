/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's side of a block device's ring (<wharf/block_ring.h>: R1, R2), and whether a request makes sense. All that is here
 * reads memory which its client may be changing.
 */
#include "block_impl.h"

enum { PAGE = 4096 };

int block_ring_take(const struct block_ring *ring, uint32_t taken, uint32_t answered,
                    struct block_request *request)
{
    const uint32_t submitted = atomic_load_explicit(&ring->submitted, memory_order_acquire);

    if (submitted - answered > BLOCK_RING_ENTRIES || submitted - taken > submitted - answered)
        return -1;
    if (submitted == taken)
        return 0;
    /* Once: what is checked is what is done. */
    const volatile struct block_request *from = &ring->request[taken % BLOCK_RING_ENTRIES];
    request->id = from->id;
    request->block = from->block;
    request->offset = from->offset;
    request->count = from->count;
    request->operation = from->operation;
    return 1;
}

bool block_ring_answer(struct block_ring *ring, uint32_t *answered, uint64_t id,
                       kern_return_t result)
{
    ring->answer[*answered % BLOCK_RING_ENTRIES] =
        (struct block_answer){.id = id, .result = (uint32_t)result};
    ++*answered;
    atomic_store_explicit(&ring->answered, *answered, memory_order_release);
    /* The client sets want_message, then looks at `answered`; here it is the other way round. */
    atomic_thread_fence(memory_order_seq_cst);
    return atomic_load_explicit(&ring->want_message, memory_order_relaxed) != 0;
}

/* Answers come in any order: only when nothing is in flight are they those of the first. */
bool block_ring_is_answered(uint32_t taken, uint32_t in_flight, uint32_t wanted)
{
    return in_flight == 0 && taken - wanted <= UINT32_MAX / 2;
}

bool block_partition_stays(const struct partition_table *table, uint32_t number, uint64_t first,
                           uint64_t blocks)
{
    return number < table->count && table->partition[number].first == first &&
           table->partition[number].blocks >= blocks;
}

kern_return_t block_may_attach(const struct block_holdings *held, uint64_t pages)
{
    const uint64_t kept = (uint64_t)held->unused * BLOCK_PAGES_KEPT;

    if (held->own_attachments >= BLOCK_SHARE_ATTACHMENTS ||
        held->own_pages + pages > BLOCK_SHARE_PAGES ||
        held->attachments + held->unused >= BLOCK_ATTACHMENTS_MAX ||
        held->pages + pages + kept > BLOCK_PAGES_MAX)
        return KERN_LIMIT;
    return KERN_SUCCESS;
}

static kern_return_t check_memory(const struct block_request *request,
                                  const struct block_limits *limits)
{
    const uint64_t bytes = (uint64_t)request->count * limits->block_size;

    if (request->offset % 512 != 0 || request->offset < BLOCK_RING_PAGE ||
        request->offset > limits->area_size || bytes > limits->area_size - request->offset ||
        request->count > limits->blocks_max)
        return KERN_INVALID_ARGUMENT;
    return KERN_SUCCESS;
}

kern_return_t block_request_check(const struct block_request *request,
                                  const struct block_limits *limits)
{
    if (request->operation == BLOCK_FLUSH)
        return KERN_SUCCESS;
    if (request->operation > BLOCK_DISCARD || request->count == 0 ||
        request->block >= limits->blocks || request->count > limits->blocks - request->block)
        return KERN_INVALID_ARGUMENT;
    if (request->operation != BLOCK_READ && limits->read_only)
        return KERN_PROTECTION_FAILURE;
    if (request->operation == BLOCK_DISCARD)
        return limits->can_discard ? KERN_SUCCESS : KERN_NOT_SUPPORTED;
    return check_memory(request, limits);
}

unsigned block_segments(const uint64_t *bus, uint64_t offset, uint64_t size,
                        struct dma_segment *segments)
{
    unsigned count = 0;

    while (size > 0) {
        const uint64_t in_page = offset % PAGE;
        const uint64_t piece = size < PAGE - in_page ? size : PAGE - in_page;
        const uint64_t page = bus[offset / PAGE];
        if (page == BLOCK_UNREACHED)
            return 0;
        if (count > 0 && segments[count - 1].bus + segments[count - 1].length == page + in_page)
            segments[count - 1].length += piece;
        else
            segments[count++] = (struct dma_segment){.bus = page + in_page, .length = piece};
        offset += piece;
        size -= piece;
    }
    return count;
}
