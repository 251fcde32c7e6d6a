/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What waits for drivers, a thread for each card (cards.h: P1, P2).
 */
#include "cards.h"
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/sync.h>
#include <string.h>
#include <wharf/if/block_events.h>

#define PAUSE (DEVICE_SECOND / 4)

/* ---- the header ---- */

static kern_return_t read_header(struct card *card)
{
    struct block_client *probe = &card->probe;
    const struct block_facts *facts = &probe->facts;
    struct swap_header header;
    const uint64_t size = facts->blocks * facts->block_size;
    const kern_return_t kr =
        block_client_do(probe, BLOCK_READ, 0, SWAP_PAGE / facts->block_size, 0);

    if (kr != KERN_SUCCESS)
        return kr;
    if (facts->read_only)
        return KERN_PROTECTION_FAILURE;
    if (!swap_header_read(probe->data, size, &header))
        return KERN_BAD_FORMAT;
    if (card->state != CARD_OPENING || card->restored) {
        if (memcmp(header.uuid, card->label.uuid, SWAP_UUID) != 0)
            return KERN_BAD_FORMAT; /* another card */
    }
    card->header = header;
    return KERN_SUCCESS;
}

/* ---- opening ---- */

static kern_return_t open_both(struct card *card)
{
    const struct card_label *label = &card->label;
    kern_return_t kr = block_client_open(&card->probe, label->device, label->partition, SWAP_PAGE);

    if (kr != KERN_SUCCESS)
        return kr;
    kr = read_header(card);
    if (kr == KERN_SUCCESS)
        kr = block_client_open(&card->client, label->device, label->partition, PAGER_MEMORY);
    if (kr == KERN_SUCCESS && card->client.facts.medium != card->probe.facts.medium) {
        block_client_close(&card->client);
        kr = KERN_MEMORY_FAILURE;
    }
    if (kr != KERN_SUCCESS)
        block_client_close(&card->probe);
    return kr;
}

static void complain(const struct card *card, kern_return_t kr)
{
    print("default-pager: waiting for %s, partition %u: error %d\n", card->label.device,
          card->label.partition, (int)kr);
}

/* For as long as it takes: pages are there. */
static kern_return_t insist(struct card *card, kern_return_t (*attempt)(struct card *card))
{
    kern_return_t kr = attempt(card);

    if (kr != KERN_SUCCESS)
        complain(card, kr);
    while (kr != KERN_SUCCESS) {
        (void)!kernel_sleep_until(kernel_clock_now() + PAUSE);
        kr = attempt(card);
    }
    return kr;
}

static kern_return_t open_card(struct card *card)
{
    return card->restored ? insist(card, open_both) : open_both(card);
}

/* ---- attaching ---- */

static kern_return_t find_once(struct card *card)
{
    kern_return_t kr = read_header(card);

    if (kr == KERN_MEMORY_FAILURE) {
        kr = block_client_attach_anew(&card->probe);
        if (kr == KERN_SUCCESS)
            kr = read_header(card);
    }
    if (kr == KERN_SUCCESS)
        kr = block_client_attach_anew(&card->client);
    if (kr == KERN_SUCCESS && card->client.facts.medium != card->probe.facts.medium)
        kr = KERN_MEMORY_FAILURE;
    return kr;
}

/* ---- the thread ---- */

/* A queue that is full holds a message that says the same. */
static void say_it_rests(void)
{
    while (block_events_completed_until(program.events, 0) == MACH_SEND_NO_BUFFER)
        (void)!kernel_sleep_until(kernel_clock_now() + DEVICE_MILLISECOND);
}

static void attend(void *argument)
{
    struct card *card = argument;
    uint32_t work;

    do {
        word_wait_while(&card->work, CARD_REST);
        work = atomic_load_explicit(&card->work, memory_order_acquire);
        if (work == CARD_OPEN)
            card->result = open_card(card);
        else if (work == CARD_FIND)
            card->result = insist(card, find_once);
        word_set(&card->work, CARD_REST);
        say_it_rests();
    } while (work != CARD_END);
}

kern_return_t attendant_start(struct card *card)
{
    atomic_store(&card->work, CARD_REST);
    return thread_start(&card->thread, attend, card, THREAD_PRIORITY_DEFAULT);
}

void attendant_begin(struct card *card, enum card_work work)
{
    word_set(&card->work, work);
}
