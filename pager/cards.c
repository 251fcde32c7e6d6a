/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cards, as the main thread sees them (cards.h).
 */
#include "cards.h"
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/port.h>
#include <wharf/if/swap.h>

static unsigned number_of(const struct card *card)
{
    return (unsigned)(card - program.card);
}

/* ---- requests ---- */

static enum block_operation operation_of(enum pager_operation operation)
{
    return operation == PAGER_READ    ? BLOCK_READ
           : operation == PAGER_WRITE ? BLOCK_WRITE
                                      : BLOCK_DISCARD;
}

bool cards_begin(void *context, unsigned number, const struct pager_io *io)
{
    struct card *card = &program.card[number];
    const uint32_t blocks = SWAP_PAGE / card->client.facts.block_size;
    unsigned ticket;

    (void)context;
    if (card->state != CARD_READY ||
        block_client_submit(&card->client, operation_of(io->operation), (uint64_t)io->page * blocks,
                            io->count * blocks, io->offset, &ticket) != KERN_SUCCESS)
        return false;
    card->io[ticket] = *io;
    card->in_flight |= UINT64_C(1) << ticket;
    card->changed = true;
    return true;
}

static void set_away(struct card *card)
{
    card->state = CARD_AWAY;
    attendant_begin(card, CARD_FIND);
}

void cards_commit(void *context, unsigned number)
{
    struct card *card = &program.card[number];

    (void)context;
    if (card->state != CARD_READY || !card->changed)
        return;
    card->changed = !block_client_start(&card->client);
    if (card->changed)
        service_look_soon();
    if (card->client.away)
        set_away(card); /* the notice may have come when it was away before */
}

/* P3 */
static bool is_medium(kern_return_t kr)
{
    return kr == KERN_MEMORY_FAILURE;
}

_Static_assert(BLOCK_RING_ENTRIES == 64, "a bit each");

/* The first ticket of these, which is taken off. */
static unsigned next_ticket(uint64_t *tickets)
{
    const unsigned ticket = (unsigned)__builtin_ctzll(*tickets);

    *tickets &= *tickets - 1;
    return ticket;
}

/* True: something has been answered. */
static bool take_answers(struct card *card)
{
    bool gone = false, any = false;

    for (uint64_t tickets = card->in_flight; tickets != 0;) {
        const unsigned ticket = next_ticket(&tickets);
        if (!block_client_is_done(&card->client, ticket))
            continue;
        const kern_return_t kr = block_client_take(&card->client, ticket);
        card->in_flight &= ~(UINT64_C(1) << ticket);
        gone |= is_medium(kr);
        any = true;
        if (is_medium(kr))
            card->again |= UINT64_C(1) << ticket;
        else
            pager_card_done(&program.pager, card->io[ticket].ticket, kr == KERN_SUCCESS);
    }
    if (gone)
        set_away(card);
    return any;
}

static void ask_again(struct card *card)
{
    struct pager_io again[BLOCK_RING_ENTRIES];
    unsigned count = 0;

    while (card->again != 0)
        again[count++] = card->io[next_ticket(&card->again)];
    for (unsigned i = 0; i < count; i++)
        (void)cards_begin(NULL, number_of(card), &again[i]); /* as many places as it had */
}

/* ---- beginning and end ---- */

static struct card *make(const char *device, uint32_t partition)
{
    struct card *card = program.card;

    while (card < program.card + PAGER_AREAS && card->state != CARD_NONE)
        card++;
    if (card == program.card + PAGER_AREAS)
        return NULL;
    memset(card, 0, sizeof(*card));
    strncpy(card->label.device, device, sizeof(card->label.device) - 1);
    card->label.partition = partition;
    return card;
}

static kern_return_t begin(struct card *card)
{
    const kern_return_t kr = attendant_start(card);

    if (kr != KERN_SUCCESS)
        return kr;
    card->state = CARD_OPENING;
    attendant_begin(card, CARD_OPEN);
    return KERN_SUCCESS;
}

kern_return_t cards_open(const char *device, uint32_t partition, uint32_t priority,
                         struct card **out)
{
    struct card *card = make(device, partition);

    if (!card)
        return KERN_LIMIT;
    card->priority = priority;
    *out = card;
    return begin(card);
}

void cards_restore(const struct swap_area *area)
{
    struct card_label label;
    struct card *card = NULL;

    if (area->label_size == sizeof(label)) {
        memcpy(&label, area->label, sizeof(label));
        label.device[sizeof(label.device) - 1] = '\0';
        card = make(label.device, label.partition);
    }
    if (!card)
        driver_fail(&program.driver, "an area of slots is nobody's");
    card->label = label;
    card->restored = true;
    card->first = area->first;
    card->priority = area->priority;
    if (begin(card) != KERN_SUCCESS)
        driver_fail(&program.driver, "no memory for an area");
    pager_add_area(&program.pager, number_of(card), area->first, area->count, NULL, false);
}

/* Its attendant has ended, or is just about to. */
static void close_card(struct card *card)
{
    const mach_port_name_t off = card->off;

    thread_join(&card->thread);
    if (card->client.ring)
        block_client_close(&card->client);
    if (card->probe.ring)
        block_client_close(&card->probe);
    card->state = CARD_NONE;
    service_closed(off);
}

static void ask_to_end(struct card *card)
{
    card->state = CARD_ENDING;
    attendant_begin(card, CARD_END);
}

/* Slots of its that the kernel knows: those of a predecessor, or new ones. */
static kern_return_t add_slots(struct card *card)
{
    kern_return_t kr = KERN_SUCCESS;

    memcpy(card->label.uuid, card->header.uuid, SWAP_UUID);
    if (!card->restored)
        kr = swap_add_area(program.control, card->header.pages, card->priority, &card->label,
                           sizeof(card->label), &card->first);
    return kr;
}

static void may_discard(struct card *card)
{
    program.pager.area[number_of(card)].can_discard = card->client.facts.can_discard != 0;
}

static kern_return_t put_to_use(struct card *card)
{
    kern_return_t kr =
        port_move_member(program_start_info->task, card->client.notify, program.driver.set);

    if (kr == KERN_SUCCESS)
        kr = add_slots(card);
    if (kr != KERN_SUCCESS)
        return kr;
    if (card->restored)
        program.pager.area[number_of(card)].memory = card->client.data;
    else
        pager_add_area(&program.pager, number_of(card), card->first, card->header.pages,
                       card->client.data, true);
    may_discard(card);
    card->state = CARD_READY;
    if (block_client_listen(&card->client) != KERN_SUCCESS) {
        block_client_lost(&card->client);
        set_away(card);
    }
    return KERN_SUCCESS;
}

/* ---- what has happened ---- */

/* G3's other side: what still goes from the tier to the card is waited for, though it is not needed any more. */
static void end_drained(struct card *card)
{
    const unsigned number = number_of(card);

    if (card->drained && (card->state == CARD_READY || card->state == CARD_AWAY) &&
        attendant_rests(card) && pager_end_area(&program.pager, number))
        ask_to_end(card);
}

static void look_at(struct card *card)
{
    if (card->state == CARD_OPENING && attendant_rests(card)) {
        if (card->result == KERN_SUCCESS)
            card->result = put_to_use(card);
        service_opened(card);
        if (card->result != KERN_SUCCESS)
            ask_to_end(card);
    } else if (card->state == CARD_AWAY && attendant_rests(card)) {
        program.reattached++;
        may_discard(card);
        card->state = CARD_READY;
        card->changed = true;
        (void)take_answers(card);
        if (card->state == CARD_READY)
            ask_again(card);
    } else if (card->state == CARD_READY) {
        (void)take_answers(card);
    } else if (card->state == CARD_ENDING && attendant_rests(card)) {
        close_card(card);
    }
    end_drained(card);
}

void cards_look(void)
{
    for (unsigned number = 0; number < PAGER_AREAS; number++)
        if (program.card[number].state != CARD_NONE)
            look_at(&program.card[number]);
    pager_continue(&program.pager);
}

void cards_lost(mach_port_name_t queue)
{
    for (unsigned number = 0; number < PAGER_AREAS; number++) {
        struct card *card = &program.card[number];
        if (card->state != CARD_READY || card->client.queue != queue)
            continue;
        block_client_lost(&card->client);
        (void)take_answers(card);
        if (card->state == CARD_READY)
            set_away(card);
    }
    pager_continue(&program.pager);
}

struct card *cards_find(const char *device, uint32_t partition)
{
    for (unsigned number = 0; number < PAGER_AREAS; number++) {
        struct card *card = &program.card[number];
        if (card->state != CARD_NONE && card->label.partition == partition &&
            strcmp(card->label.device, device) == 0)
            return card;
    }
    return NULL;
}

struct card *cards_find_slot(uint32_t first)
{
    for (unsigned number = 0; number < PAGER_AREAS; number++) {
        struct card *card = &program.card[number];
        if ((card->state == CARD_READY || card->state == CARD_AWAY) && card->first == first)
            return card;
    }
    return NULL;
}
