/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The default pager of the tests (vm-swap.h). All that it uses is its own and has been touched before it takes the first slot: pages
 * of its parent's could be paged out.
 */
#include "vm-swap.h"
#include <libsys/clone.h>
#include <libsys/server.h>
#include <libsys/thread.h>
#include <stdlib.h>
#include <user/msg.h>
#include <wharf/if/default_pager.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/port.h>
#include <wharf/if/swap.h>
#include <wharf/if/vm.h>

enum { WINDOW = 8, NOWHERE = UINT32_MAX };

struct kept {
    uint64_t first; /* of the words; or: */
    uint32_t raw;   /* where it is as it is; NOWHERE: it is not */
};

static struct {
    mach_port_name_t control;
    enum swap_deed deed;
    uint64_t *window;
    struct kept *kept;           /* by slot */
    uint64_t (*raw)[PAGE_WORDS]; /* SWAP_RAW pages */
    uint32_t *unused, unused_count;
} own;

/* ---- pages ---- */

void swap_fill(uint64_t *at, uint64_t who, uint64_t number)
{
    for (unsigned i = 0; i < PAGE_WORDS; i++)
        at[i] = swap_word(who, number) + i;
}

static bool is_simple(const volatile uint64_t *at, uint64_t first)
{
    for (unsigned i = 0; i < PAGE_WORDS; i++)
        if (at[i] != first + i)
            return false;
    return true;
}

bool swap_is(const volatile uint64_t *at, uint64_t who, uint64_t number)
{
    return is_simple(at, swap_word(who, number));
}

static void forget(uint32_t slot)
{
    if (own.kept[slot].raw != NOWHERE)
        own.unused[own.unused_count++] = own.kept[slot].raw;
    own.kept[slot].raw = NOWHERE;
}

static bool keep(uint32_t slot, const uint64_t *page)
{
    struct kept *kept = &own.kept[slot];
    forget(slot);
    kept->first = page[0];
    if (is_simple(page, page[0]))
        return true;
    if (own.unused_count == 0)
        return false;
    kept->raw = own.unused[--own.unused_count];
    for (unsigned i = 0; i < PAGE_WORDS; i++)
        own.raw[kept->raw][i] = page[i];
    return true;
}

/* Other pages of the program may not be lost: it could not tell what it sees. */
static bool is_victim(uint32_t slot)
{
    return own.kept[slot].raw == NOWHERE && own.kept[slot].first >> 40 == SWAP_VICTIM;
}

static void give(uint32_t slot, uint64_t *page)
{
    const struct kept *kept = &own.kept[slot];
    for (unsigned i = 0; i < PAGE_WORDS; i++)
        page[i] = kept->raw == NOWHERE ? kept->first + i : own.raw[kept->raw][i];
    if (own.deed == SWAP_DAMAGE && is_victim(slot) && kept->first == swap_word(SWAP_VICTIM, 0))
        page[17] ^= UINT64_C(1) << 40;
}

/* ---- requests ---- */

static void answer(uint32_t request, bool ok)
{
    if (own.deed == SWAP_SILENT)
        return;
    if (own.deed == SWAP_LIE) {
        FAILS(swap_done(own.control, request + 256, true), KERN_INVALID_ARGUMENT);
        FAILS(swap_done(own.control, 77, true), KERN_INVALID_ARGUMENT);
        FAILS(swap_show(own.control, request, 16, 1, 0), KERN_INVALID_ARGUMENT);
        FAILS(swap_show(own.control, request, 0, 1, WINDOW), KERN_INVALID_ARGUMENT);
        FAILS(swap_show(own.control, request, 0, WINDOW, 1), KERN_INVALID_ARGUMENT);
        FAILS(swap_show(own.control, request, 0, UINT32_MAX, 1), KERN_INVALID_ARGUMENT);
        FAILS(swap_show(own.control, request, 0, 0, 0), KERN_INVALID_ARGUMENT);
        FAILS(swap_show(own.control, request, UINT32_MAX, 2, 0), KERN_INVALID_ARGUMENT);
    }
    OK(swap_done(own.control, request, ok));
    if (own.deed == SWAP_LIE) {
        FAILS(swap_done(own.control, request, true), KERN_INVALID_ARGUMENT);
        FAILS(swap_show(own.control, request, 0, 1, 0), KERN_INVALID_ARGUMENT);
    }
}

static kern_return_t store(struct server_message *message, uint32_t request, uint32_t slot,
                           uint32_t count)
{
    bool ok = own.deed != SWAP_FAIL;
    (void)message;
    for (uint32_t i = 0; i < count && ok; i++) {
        if (i % WINDOW == 0) /* as many as there is room for */
            OK(swap_show(own.control, request, i, count - i < WINDOW ? count - i : WINDOW, 0));
        ok = keep(slot + i, &own.window[(i % WINDOW) * PAGE_WORDS]);
    }
    answer(request, ok);
    return KERN_SUCCESS;
}

static kern_return_t load(struct server_message *message, uint32_t request, uint32_t slot,
                          uint32_t count)
{
    (void)message;
    for (uint32_t i = 0; i < count; i++) {
        OK(swap_show(own.control, request, i, 1, i % WINDOW));
        give(slot + i, own.window + (size_t)(i % WINDOW) * PAGE_WORDS);
    }
    answer(request, own.deed != SWAP_REFUSE || !is_victim(slot));
    return KERN_SUCCESS;
}

static kern_return_t freed(struct server_message *message, uint32_t slot, uint32_t count)
{
    (void)message;
    for (uint32_t i = 0; i < count; i++)
        forget(slot + i);
    return KERN_SUCCESS;
}

/* A deed is told by a notification's number, and what it is by its word. */
static kern_return_t told(void *context, const struct server_message *message)
{
    (void)context;
    own.deed = (enum swap_deed)(message->received.word[0] % SWAP_DEEDS);
    return KERN_SUCCESS;
}

/* ---- the beginning ---- */

static void *make(uint64_t size)
{
    uint64_t at = 0;
    OK(vm_allocate(me(), 0, size, VM_ANYWHERE, &at));
    for (uint64_t i = 0; i < size; i += PAGE)
        *(volatile char *)(uintptr_t)(at + i) = 0;
    return (void *)(uintptr_t)at;
}

void swap_touch_all(const void *but)
{
    uint64_t start = PAGE, size = 0;
    uint32_t prot, most, inherit, flags;
    while (vm_region(me(), start + size, &start, &size, &prot, &most, &inherit, &flags) ==
           KERN_SUCCESS)
        for (uint64_t i = 0; i < size && prot && start != (uintptr_t)but; i += PAGE) {
            volatile char *at = (volatile char *)(uintptr_t)(start + i);
            const char is = *at;
            if (prot & VM_PROT_WRITE)
                *at = is;
        }
}

static void set_up(const struct swap_start *start)
{
    uint64_t window;
    uint32_t first;
    own.kept = make(SWAP_SLOTS * sizeof(own.kept[0]));
    own.raw = make((uint64_t)SWAP_RAW * PAGE);
    own.unused = make(SWAP_RAW * sizeof(own.unused[0]));
    for (uint32_t i = 0; i < SWAP_SLOTS; i++)
        own.kept[i].raw = NOWHERE;
    for (uint32_t i = 0; i < SWAP_RAW; i++)
        own.unused[own.unused_count++] = i;
    swap_touch_all(NULL); /* so that it is this task's own from here on */
    OK(host_memory_set_default_pager(program_start_info->host_memory, start->port, &own.control));
    OK(swap_window(own.control, WINDOW, &window));
    own.window = (uint64_t *)(uintptr_t)window;
    FAILS(swap_window(own.control, WINDOW, &window), KERN_BUSY);
    if (start->slots)
        OK(swap_add_area(own.control, start->slots, 0, NULL, 0, &first));
}

int swap_serve(void *argument)
{
    static const struct default_pager_ops ops = {.store = store, .load = load, .freed = freed};
    static _Alignas(8) uint8_t in[512], out[512];
    const struct swap_start *start = argument;
    struct server_interface interface = default_pager_interface(&ops, NULL);
    struct server server = {.port = start->port,
                            .count = 1,
                            .interfaces = &interface,
                            .notification = told,
                            .in = in,
                            .in_size = sizeof(in),
                            .out = out,
                            .out_size = sizeof(out)};
    set_up(start);
    (void)server_run(&server);
    return 4;
}

/* ---- for the parent ---- */

static struct clone pager;
static struct swap_start start;

struct host_memory_swap swap_now(void)
{
    struct host_memory_swap facts;
    OK(host_memory_get_swap(program_start_info->host_memory, &facts));
    return facts;
}

void swap_start(uint32_t slots)
{
    mach_port_name_t name;
    start = (struct swap_start){.slots = slots};
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &start.port));
    OK(port_insert_made_send(me(), start.port, start.port, &name));
    OK(clone_make(&pager, swap_serve, &start, THREAD_PRIORITY_DEFAULT + 2));
    OK(clone_give_receive(&pager, start.port));
    OK(clone_run(&pager));
    while (swap_now().pagers == 0 || swap_now().slots < slots)
        pause_for(1000);
}

void swap_end(void)
{
    clone_end(&pager);
    OK(port_deallocate(me(), start.port));
    for (struct host_memory_swap now = swap_now(); now.pagers || (now.slots && now.used == 0);
         now = swap_now())
        pause_for(1000); /* slots that nothing is in go with it */
}

mach_port_name_t swap_port(void)
{
    return start.port;
}

void swap_tell(enum swap_deed deed)
{
    struct msg_registers m = {.destination = start.port,
                              .id = MSG_ID_SEND_POSSIBLE,
                              .control = MSG_CONTROL(MSG_COPY_SEND, 0, 8, 0),
                              .deadline = UINT64_MAX};
    m.word[0] = deed;
    user_msg_trap(&m);
    CHECK_EQUAL(m.result, 0);
}
