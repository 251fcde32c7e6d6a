/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device in the game: pages of memory entries are pinned for it, and it writes to them by their addresses, whatever becomes of those who
 * have the memory. A pinned page is where it was, in nobody else's hands, and whoever shares it sees what the device writes. Its driver is
 * `me`, who ends a session now and then with all that is pinned: that stays until the next says that the device is quiet.
 */
#include <kern/device.h>

#include "player.h"

#include <kern/dt.h>
#include <kern/frame.h>
#include <string.h>

enum { PINS = 5 };

static struct pin {
    bool used, left; /* by a session that has ended */
    uint32_t number;
    unsigned count;
    struct page page[WINDOW];
    paddr_t at[WINDOW];
} pins[PINS];

static uint32_t control, session;

/* ---- what is pinned ---- */

static uint32_t *word_at(const struct pin *pin, unsigned i, unsigned slot)
{
    return (uint32_t *)((char *)phys_to_virt(pin->at[i]) + word_offset(slot));
}

static void check_page(const struct pin *pin, unsigned i)
{
    const struct frame *frame = frame_at(pin->at[i]);
    const struct content *content = &pin->page[i].cell->content;
    CHECK_EQUAL(frame->state, FRAME_USED);
    CHECK(atomic_load(&frame->flags) & FRAME_FLAG_PINNED);
    CHECK_EQUAL(anon_address(frame->owner), pin->at[i]);
    CHECK_EQUAL(atomic_load(&((struct anon *)frame->owner)->references), 1);
    for (unsigned slot = 0; slot < WORDS && !anybody_waits(); slot++)
        CHECK_EQUAL(*word_at(pin, i, slot), content->word[slot]);
}

static void check_pins(void)
{
    uint64_t held_pages = 0, left_pages = 0;
    struct device_control_facts facts;
    for (unsigned p = 0; p < PINS; p++)
        if (pins[p].used) {
            *(pins[p].left ? &left_pages : &held_pages) += pins[p].count;
            for (unsigned i = 0; i < pins[p].count; i++)
                check_page(&pins[p], i);
        }
    OK(device_control_info(control, &facts));
    CHECK_EQUAL(facts.pages, held_pages);
    CHECK_EQUAL(facts.quarantined, left_pages);
}

static void forget(struct pin *pin)
{
    for (unsigned i = 0; i < pin->count; i++)
        page_unmap(&pin->page[i]);
    *pin = (struct pin){.used = false};
}

/* ---- steps ---- */

static void learn(struct pin *pin)
{
    struct device_run runs[DEVICE_RUNS_MAX];
    uint64_t offset = 0, next;
    uint32_t count;
    unsigned n = 0;
    for (;;) {
        OK(device_dma_runs(session, pin->number, offset, &next, runs, &count));
        if (next == offset)
            break;
        for (uint32_t i = 0; i < count; i++)
            for (uint64_t at = 0; at < runs[i].length; at += PAGE)
                pin->at[n++] = runs[i].bus + at;
        offset = next;
    }
    CHECK_EQUAL(n, pin->count);
}

static bool can_be_pinned(const struct held *h)
{
    return h->name && (h->max_prot & VM_PROT_WRITE) && !h->page[0].source;
}

/* Mostly one that can be. NULL: there is none. */
static const struct held *choose(void)
{
    const struct held *h = &held[below(HELD)];
    for (unsigned n = 0; n < 8 && !can_be_pinned(h) && !one_in(8); n++) {
        if (one_in(2))
            step_make_entry();
        h = &held[below(HELD)];
    }
    return h->name ? h : NULL;
}

static void step_pin(struct pin *pin)
{
    const struct held *h = choose();
    if (!h)
        return;
    unsigned first = below(h->pages), count = 1 + below(h->pages - first);
    bool may = can_be_pinned(h);
    kern_return_t kr;
    ATTEMPT(kr, device_dma_pin(session, h->name, (uint64_t)first * PAGE, (uint64_t)count * PAGE,
                               &pin->number));
    CHECK_EQUAL(kr, may ? KERN_SUCCESS : KERN_INVALID_CAPABILITY);
    if (!may)
        return;
    pin->used = true;
    pin->count = count;
    for (unsigned i = 0; i < count; i++) {
        pin->page[i] = h->page[first + i];
        pin->page[i].cell->references++;
    }
    learn(pin);
    tell("%u pages are pinned", count);
}

static void step_write(struct pin *pin)
{
    unsigned i = below(pin->count);
    if (anybody_waits())
        return;
    *word_at(pin, i, LAST_WORD) = ++written;
    pin->page[i].cell->content.word[LAST_WORD] = written;
    if (one_in(4))
        compare_everywhere((struct range){0, 0, PAGES});
}

/* Whatever is pinned stays so. */
static void step_end_session(void)
{
    if (one_in(2))
        OK(device_control_close(control));
    drop_name(session);
    session = 0;
    rest();
    for (unsigned p = 0; p < PINS; p++)
        pins[p].left = pins[p].used;
    check_pins();
}

static void begin_session(void)
{
    kern_return_t kr;
    ATTEMPT(kr, device_control_open(control, UINT64_MAX, &session));
    CHECK_EQUAL(kr, KERN_SUCCESS);
}

static void step_quiesce(void)
{
    OK(device_quiesced(session));
    rest();
    for (unsigned p = 0; p < PINS; p++)
        if (pins[p].left)
            forget(&pins[p]);
}

void step_device(void)
{
    struct pin *pin = &pins[below(PINS)];
    if (!session)
        begin_session();
    if (one_in(12))
        step_end_session();
    else if (one_in(12))
        step_quiesce();
    else if (!pin->used)
        step_pin(pin);
    else if (!pin->left && one_in(6)) {
        OK(device_dma_unpin(session, pin->number));
        forget(pin);
    } else
        step_write(pin);
    check_pins();
}

/* ---- life ---- */

void device_begin(void)
{
    static const struct host_devices_window window = {.size = UINT64_C(1) << 40};
    static const struct board board;
    device_check_init(&board);
    OK(host_devices_create(host_right(KOBJECT_HOST_DEVICES), "device", true, true, NULL, 0, NULL, 0,
                           &window, 1, &control));
}

void device_end(void)
{
    if (session)
        step_end_session();
    begin_session();
    step_quiesce();
    check_pins();
    drop_name(session);
    drop_name(control);
    session = 0;
    rest();
}
