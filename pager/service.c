/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel and people ask of the pager (interfaces/default_pager.defs, swap_areas.defs).
 */
#include "cards.h"
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/default_pager.h>
#include <wharf/if/port.h>
#include <wharf/if/swap.h>
#include <wharf/if/swap_areas.h>

enum { PRIORITY_MAX = 32767 };

/* How often it is seen to that who waits is there, and whether there is nothing to do. */
#define LOOK_AFTER (DEVICE_SECOND / 10)

/* ---- the kernel ---- */

/* Others can send such messages, but not there. */
static bool is_from_kernel(const struct server_message *message)
{
    return msg_flags(message->received.control) & MSG_FLAG_PAYLOAD &&
           message->received.local == SERVICE_KERNEL_PAYLOAD;
}

static kern_return_t store(struct server_message *message, uint32_t request, uint32_t slot,
                           uint32_t count)
{
    if (is_from_kernel(message))
        pager_store(&program.pager, request, slot, count);
    return KERN_SUCCESS;
}

static kern_return_t load(struct server_message *message, uint32_t request, uint32_t slot,
                          uint32_t count)
{
    if (is_from_kernel(message))
        pager_load(&program.pager, request, slot, count);
    return KERN_SUCCESS;
}

/* The loop's tick comes no later than that. */
static void tick_within(uint64_t nanoseconds)
{
    const uint64_t at = kernel_clock_now() + nanoseconds;

    if (program.driver.tick_at == 0 || at < program.driver.tick_at)
        program.driver.tick_at = at;
}

static kern_return_t freed(struct server_message *message, uint32_t slot, uint32_t count)
{
    if (is_from_kernel(message))
        pager_freed(&program.pager, slot, count);
    if (program.driver.tick_at == 0 && pager_can_discard(&program.pager))
        tick_within(LOOK_AFTER);
    return KERN_SUCCESS;
}

static kern_return_t drained(struct server_message *message, uint32_t slot)
{
    struct card *card = is_from_kernel(message) ? cards_find_slot(slot) : NULL;

    if (card) {
        card->drained = true;
        cards_look();
    }
    return KERN_SUCCESS;
}

static bool find_area(uint32_t first, struct swap_area *out)
{
    for (uint32_t number = 0; number < SWAP_AREAS_MAX; number++)
        if (swap_area(program.control, number, out) == KERN_SUCCESS && out->first == first)
            return true;
    return false;
}

/* Who waits in swap_areas.off is told why; but not who has asked since. */
static kern_return_t kept(struct server_message *message, uint32_t slot)
{
    struct card *card = is_from_kernel(message) ? cards_find_slot(slot) : NULL;
    struct swap_area area;

    if (card && find_area(slot, &area) && area.state == SWAP_AREA_STATE_IN_USE)
        service_refused(card);
    return KERN_SUCCESS;
}

struct server_interface pager_kernel_interface(void)
{
    static const struct default_pager_ops ops = {
        .store = store, .load = load, .freed = freed, .drained = drained, .kept = kept};

    return default_pager_interface(&ops, NULL);
}

/* ---- areas ---- */

static bool is_ours(const struct server_message *message)
{
    return !(msg_flags(message->received.control) & MSG_FLAG_PAYLOAD) &&
           message->received.local == program.service;
}

static void tell(mach_port_name_t *who, kern_return_t (*reply)(mach_port_name_t, kern_return_t),
                 kern_return_t kr)
{
    if (*who != MSG_NULL && reply(*who, kr) != KERN_SUCCESS)
        stub_release_right(*who, MSG_MOVE_SEND_ONCE); /* gave up waiting */
    *who = MSG_NULL;
}

/* For a first area there is nothing in it yet, whatever a predecessor has left. */
static kern_return_t make_tier(void)
{
    const kern_return_t kr = pager_program_make_tier();

    if (kr == KERN_SUCCESS)
        pager_areas_are_known(&program.pager);
    return kr;
}

static kern_return_t on(struct server_message *message, const char *device, uint32_t partition,
                        uint32_t priority)
{
    struct card *card = NULL;
    mach_port_name_t caller = MSG_NULL;

    if (!is_ours(message))
        return MIG_BAD_ID;
    if (priority > PRIORITY_MAX)
        return KERN_INVALID_ARGUMENT;
    if (cards_find(device, partition))
        return KERN_EXISTS;
    kern_return_t kr = make_tier();
    if (kr == KERN_SUCCESS)
        kr = server_keep_reply(message);
    caller = message->reply;
    if (kr == KERN_SUCCESS)
        kr = cards_open(device, partition, priority, &card);
    if (kr != KERN_SUCCESS)
        return kr;
    card->on = caller;
    return MIG_NO_REPLY;
}

void service_opened(struct card *card)
{
    if (card->result == KERN_SUCCESS)
        print("default-pager: %s, partition %u: %u pages%s\n", card->label.device,
              card->label.partition, card->header.pages, card->restored ? ", again" : "");
    tell(&card->on, swap_areas_reply_on, card->result);
}

static kern_return_t off(struct server_message *message, const char *device, uint32_t partition)
{
    struct card *card = cards_find(device, partition);

    if (!is_ours(message))
        return MIG_BAD_ID;
    if (!card)
        return KERN_NOT_FOUND;
    if ((card->state != CARD_READY && card->state != CARD_AWAY) || card->off != MSG_NULL)
        return KERN_BUSY;
    kern_return_t kr = server_keep_reply(message);
    if (kr == KERN_SUCCESS)
        kr = swap_drain(program.control, card->first);
    if (kr != KERN_SUCCESS)
        return kr;
    card->off = message->reply;
    tick_within(LOOK_AFTER);
    return MIG_NO_REPLY;
}

void service_refused(struct card *card)
{
    tell(&card->off, swap_areas_reply_off, KERN_RESOURCE_SHORTAGE);
}

void service_closed(mach_port_name_t who)
{
    tell(&who, swap_areas_reply_off, KERN_SUCCESS);
}

static bool waits(mach_port_name_t who)
{
    uint32_t rights;

    return port_type(program_start_info->task, who, &rights) == KERN_SUCCESS &&
           rights & PORT_RIGHT_SEND_ONCE;
}

/* Nobody tells of the end of who waits for a reply. */
static void look_at_callers(void)
{
    for (unsigned number = 0; number < PAGER_AREAS; number++) {
        struct card *card = &program.card[number];
        if (card->state == CARD_NONE || card->off == MSG_NULL)
            continue;
        if (waits(card->off)) {
            tick_within(LOOK_AFTER);
            continue;
        }
        if (!card->drained)
            (void)!swap_keep(program.control, card->first); /* it may be too late */
        stub_release_right(card->off, MSG_MOVE_SEND_ONCE);
        card->off = MSG_NULL;
    }
}

/* If the kernel has asked for nothing since the last time, cards are told what is free. */
static void look_at_freed(void)
{
    static uint64_t seen;

    if (program.pager.asked == seen)
        pager_rest(&program.pager);
    seen = program.pager.asked;
    if (pager_can_discard(&program.pager))
        tick_within(LOOK_AFTER);
}

void service_look_soon(void)
{
    tick_within(DEVICE_MILLISECOND);
}

static void tell_drivers(void)
{
    for (unsigned number = 0; number < PAGER_AREAS; number++)
        if (program.card[number].state != CARD_NONE)
            cards_commit(NULL, number);
}

void service_tick(struct driver *driver)
{
    (void)driver;
    look_at_callers();
    look_at_freed();
    tell_drivers(); /* last: it may be in a hurry */
}

/* ---- what there is ---- */

static kern_return_t area(struct server_message *message, uint32_t number,
                          struct swap_areas_area *out)
{
    const struct card *card = number < PAGER_AREAS ? &program.card[number] : NULL;
    struct swap_area kernels;

    if (!is_ours(message))
        return MIG_BAD_ID;
    if (!card || (card->state != CARD_READY && card->state != CARD_AWAY &&
                  !(card->state == CARD_OPENING && card->restored)))
        return KERN_NOT_FOUND;
    if (!find_area(card->first, &kernels))
        return KERN_NOT_FOUND;
    *out = (struct swap_areas_area){
        .partition = card->label.partition,
        .priority = kernels.priority,
        .slots = kernels.count,
        .used = kernels.used,
        .state = kernels.state,
        .failures = program.pager.area[number].failures,
    };
    memcpy(out->device, card->label.device, sizeof(out->device));
    return KERN_SUCCESS;
}

static kern_return_t statistics(struct server_message *message, struct swap_areas_statistics *out)
{
    const struct pager_counts *counts = &program.pager.counts;
    const struct tier *tier = &program.tier;

    if (!is_ours(message))
        return MIG_BAD_ID;
    *out = (struct swap_areas_statistics){
        .tier_pages = tier_memory(tier) / PAGER_PAGE,
        .tier_bytes = tier->bytes,
        .tier_same = tier->same,
        .tier_compressed = tier->compressed,
        .stores_same = counts->stores_same,
        .stores_compressed = counts->stores_compressed,
        .stores_card = counts->stores_card,
        .written_back = counts->written_back,
        .loads_same = counts->loads_same,
        .loads_compressed = counts->loads_compressed,
        .loads_card = counts->loads_card,
        .bytes_written = counts->bytes_written,
        .writes = counts->writes,
        .bytes_read = counts->bytes_read,
        .reads = counts->reads,
        .bytes_discarded = counts->bytes_discarded,
        .failures = counts->failures,
        .reattached = program.reattached,
        .waiting = pager_waiting(&program.pager),
    };
    return KERN_SUCCESS;
}

struct server_interface pager_service_interface(void)
{
    static const struct swap_areas_ops ops = {.on = on,
                                              .off = off,
                                              .area = area,
                                              .statistics = statistics};

    return swap_areas_interface(&ops, NULL);
}
