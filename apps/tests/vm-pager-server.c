/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pager of the tests: serves pages of a store, or does what no pager should (vm-pager.h).
 */
#include "vm-pager.h"
#include <libsys/kernel.h>
#include <libsys/server.h>
#include <stdbool.h>
#include <stddef.h>
#include <user/msg.h>
#include <wharf/if/memory_object.h>
#include <wharf/if/memory_pager.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

void pager_fill(struct pager *served)
{
    for (unsigned page = 0; page < PAGER_PAGES; page++)
        for (unsigned word = 0; word < WORDS; word++)
            served->store[page][word] = pager_word(page, word);
}

static void note(struct pager *served, kern_return_t kr)
{
    if (kr != KERN_SUCCESS)
        atomic_store(&served->error, (int32_t)kr);
}

static kern_return_t init(struct server_message *message, mach_port_name_t control,
                          uint32_t page_size)
{
    struct pager *served = message->context;
    atomic_store(&served->control, control);
    atomic_fetch_add(&served->inits, 1);
    note(served, page_size == PAGE ? KERN_SUCCESS : KERN_FAILURE);
    enum deed deed = atomic_load(&served->deed);
    if (deed == DIE_EARLY)
        kernel_task_exit(3);
    if (!atomic_load(&served->quiet) && control != MSG_DEAD) /* dead: it has ended already */
        note(served,
             memory_object_ready(control, atomic_load(&served->caches),
                                 deed == CLUSTER || deed == SHORT ? MEMORY_OBJECT_CLUSTER_MAX
                                                                  : PAGE));
    return KERN_SUCCESS;
}

static void supply(struct pager *served, uint64_t offset, const void *from, uint64_t length)
{
    note(served,
         memory_object_supply(atomic_load(&served->control), offset, (uintptr_t)from, length, 0));
}

static void expect(struct pager *served, kern_return_t kr, kern_return_t wanted)
{
    if (kr != wanted)
        note(served, kr == KERN_SUCCESS ? KERN_FAILURE : kr);
}

static void talk_nonsense(struct pager *served, uint64_t offset)
{
    mach_port_name_t control = atomic_load(&served->control);
    uintptr_t from = (uintptr_t)served->store;
    expect(served, memory_object_supply(control, offset + 1, from, PAGE, 0), KERN_INVALID_ARGUMENT);
    expect(served, memory_object_supply(control, offset, from, 0, 0), KERN_INVALID_ARGUMENT);
    expect(served, memory_object_supply(control, offset, from, 1, 0), KERN_INVALID_ARGUMENT);
    expect(served, memory_object_supply(control, UINT64_MAX - PAGE + 1, from, PAGE, 0),
           KERN_INVALID_ARGUMENT);
    expect(served, memory_object_supply(control, 0, from, UINT64_MAX - PAGE + 1, 0),
           KERN_INVALID_ARGUMENT);
    expect(served, memory_object_supply(control, offset, from, PAGE, 9), KERN_INVALID_VALUE);
    expect(served, memory_object_unavailable(control, 0, MEMORY_OBJECT_RUN_MAX + PAGE),
           KERN_INVALID_ARGUMENT);
    expect(served, memory_object_collect(control, 5 * PAGE, from), KERN_NOT_FOUND);
    expect(served, memory_object_ready(control, false, 1), KERN_INVALID_ARGUMENT);
    note(served, memory_object_ready(control, false, PAGE));
    supply(served, offset, served->store[offset / PAGE], PAGE);
}

static void flood(struct pager *served)
{
    for (unsigned round = 0; round < 4; round++)
        for (uint64_t at = 0; at < UINT64_C(64) << 20; at += sizeof(served->store))
            /* The client may have gone meanwhile, and the object with it. */
            (void)!memory_object_supply(atomic_load(&served->control), at, (uintptr_t)served->store,
                                        sizeof(served->store), 0);
}

/* The object's memory as this task maps it. */
static uint64_t map_of(struct pager *served, mach_port_name_t port)
{
    uint64_t at = atomic_load(&served->own);
    if (at == 0)
        note(served, vm_map(program_start_info->task, 0, sizeof(served->store), 0, VM_ANYWHERE,
                            port, READ_WRITE, READ_WRITE, VM_INHERIT_SHARE, &at));
    atomic_store(&served->own, at);
    return at;
}

static void read_own(struct pager *served)
{
    served->scratch[0] = *(volatile uint64_t *)(uintptr_t)(map_of(served, served->port) + 7 * PAGE);
}

static void supply_unreadable(struct pager *served, uint64_t offset)
{
    mach_port_name_t task = program_start_info->task;
    uint64_t at = 0;
    note(served, vm_allocate(task, 0, PAGE, VM_ANYWHERE, &at));
    note(served, vm_protect(task, at, PAGE, false, 0));
    expect(served, memory_object_supply(atomic_load(&served->control), offset, at, PAGE, 0),
           KERN_PROTECTION_FAILURE);
    note(served, vm_deallocate(task, at, PAGE));
}

/* Another port of its own, mapped by itself: its init is received by hand. */
static void supply_other(struct pager *served, uint64_t offset)
{
    static _Alignas(8) uint8_t buffer[512];
    mach_port_name_t task = program_start_info->task, port = MSG_NULL, name;
    uint64_t at = 0;
    note(served, port_allocate(task, PORT_RIGHT_RECEIVE, &port));
    note(served, port_insert_made_send(task, port, port, &name));
    note(served, vm_map(task, 0, sizeof(served->store), 0, VM_ANYWHERE, port, READ_WRITE,
                        READ_WRITE, VM_INHERIT_SHARE, &at));
    struct msg_registers m = {.receive = port,
                              .buffer = (uintptr_t)buffer,
                              .size = sizeof(buffer),
                              .deadline = UINT64_MAX};
    user_msg_trap(&m);
    mach_port_name_t control = (mach_port_name_t)m.word[0];
    note(served, memory_object_ready(control, false, PAGE));
    note(served, memory_object_supply(control, offset, (uintptr_t)served->store, PAGE, 0));
    note(served, vm_deallocate(task, at, sizeof(served->store)));
    note(served, port_mod_refs(task, port, PORT_RIGHT_RECEIVE, -1));
    note(served, port_deallocate(task, port));
    note(served, port_deallocate(task, control));
}

/* Its page, if the other pager supplies it. */
static void supply_from_other(struct pager *served, uint64_t offset)
{
    uint64_t from = map_of(served, served->other) + offset % sizeof(served->store);
    kern_return_t kr = memory_object_supply(atomic_load(&served->control), offset, from, PAGE, 0);
    if (kr != KERN_OPERATION_TIMED_OUT && kr != KERN_MEMORY_FAILURE)
        note(served, kr);
}

static void supply_moved(struct pager *served, uint64_t offset, const uint64_t *page)
{
    mach_port_name_t task = program_start_info->task;
    uint64_t at = 0;
    note(served, vm_allocate(task, 0, PAGE, VM_ANYWHERE, &at));
    uint64_t *to = (uint64_t *)(uintptr_t)at;
    for (unsigned word = 0; word < WORDS; word++)
        to[word] = page[word];
    note(served, memory_object_supply(atomic_load(&served->control), offset, at, PAGE,
                                      MEMORY_OBJECT_SUPPLY_MOVE));
    if (to[1] != 0) /* it has gone */
        note(served, KERN_FAILURE);
    note(served, vm_deallocate(task, at, PAGE));
}

static void answer(struct pager *served, uint64_t offset, uint64_t length)
{
    uint64_t *page = served->store[offset / PAGE % PAGER_PAGES];
    mach_port_name_t control = atomic_load(&served->control);
    switch (atomic_load(&served->deed)) {
    case CLUSTER: supply(served, offset, page, length); break;
    case SAY_ERROR: note(served, memory_object_error(control, offset, PAGE, 77)); break;
    case UNAVAILABLE: note(served, memory_object_unavailable(control, offset, PAGE)); break;
    case SILENT: break;
    case TWICE:
        supply(served, offset, page, PAGE);
        supply(served, offset, served->scratch, PAGE);
        break;
    case WRONG_PLACE:
        supply(served, offset + PAGE, page, PAGE);
        supply(served, UINT64_C(1) << 40, page, PAGE);
        break;
    case BAD_MEMORY:
        expect(served, memory_object_supply(control, offset, 0x10, PAGE, 0), KERN_INVALID_ADDRESS);
        break;
    case NONSENSE: talk_nonsense(served, offset); break;
    case DIE: kernel_task_exit(3);
    case TOUCH_OWN:
        read_own(served);
        supply(served, offset, page, PAGE);
        break;
    case LATE:
        (void)kernel_sleep_until(kernel_clock_now() + 2 * served->patience);
        supply(served, offset, page, PAGE);
        break;
    case SHORT: supply(served, offset + PAGE, page + WORDS, length - PAGE); break;
    case UNREADABLE: supply_unreadable(served, offset); break;
    case OTHER: supply_other(served, offset); break;
    case DROP_PORT:
        note(served, port_mod_refs(program_start_info->task, served->port, PORT_RIGHT_RECEIVE, -1));
        break;
    case FROM_OTHER: supply_from_other(served, offset); break;
    case MOVE: supply_moved(served, offset, page); break;
    case FLOOD: flood(served); break;
    case DESTROY: note(served, memory_object_destroy(control, 5)); break;
    default: supply(served, offset, page, PAGE);
    }
}

static kern_return_t data_request(struct server_message *message, uint64_t offset, uint64_t length,
                                  uint32_t access)
{
    struct pager *served = message->context;
    atomic_store(&served->last_offset, offset);
    atomic_store(&served->last_length, length);
    atomic_store(&served->last_access, access);
    atomic_fetch_add(&served->requests, 1);
    answer(served, offset, length);
    return KERN_SUCCESS;
}

static kern_return_t data_return(struct server_message *message, uint64_t offset, uint64_t length,
                                 bool dirty, bool kernel_copy)
{
    struct pager *served = message->context;
    (void)dirty, (void)kernel_copy;
    if (atomic_load(&served->deed) == DIE_OWING)
        kernel_task_exit(3);
    for (uint64_t at = offset; at < offset + length && atomic_load(&served->collects); at += PAGE) {
        kern_return_t kr = memory_object_collect(atomic_load(&served->control), at,
                                                 (uintptr_t)served->store[at / PAGE % PAGER_PAGES]);
        if (kr != KERN_NOT_FOUND) /* it may be announced, having been fetched already */
            note(served, kr);
    }
    atomic_fetch_add(&served->returns, (uint32_t)(length / PAGE));
    return KERN_SUCCESS;
}

static kern_return_t lock_completed(struct server_message *message, uint64_t offset,
                                    uint64_t length)
{
    struct pager *served = message->context;
    (void)offset, (void)length;
    atomic_fetch_add(&served->completions, 1);
    return KERN_SUCCESS;
}

static kern_return_t terminate(struct server_message *message)
{
    struct pager *served = message->context;
    mach_port_name_t control = atomic_exchange(&served->control, MSG_NULL);
    if (control != MSG_NULL && control != MSG_DEAD)
        note(served, port_deallocate(program_start_info->task, control));
    atomic_fetch_add(&served->terminates, 1);
    return KERN_SUCCESS;
}

/* Anything else wakes the pager up for what it is to do of its own accord. */
static kern_return_t poked(void *context, const struct server_message *message)
{
    struct pager *served = context;
    uint32_t flush = atomic_exchange(&served->flush, 0);
    (void)message;
    if (flush == 2)
        note(served, memory_object_ready(atomic_load(&served->control), false, PAGE));
    else if (flush)
        note(served,
             memory_object_lock_request(atomic_load(&served->control), 0, sizeof(served->store),
                                        flush >> 4 & 15, flush >> 8, true));
    return KERN_SUCCESS;
}

int pager_serve(void *argument)
{
    static const struct memory_pager_ops ops = {.init = init,
                                                .data_request = data_request,
                                                .data_return = data_return,
                                                .lock_completed = lock_completed,
                                                .terminate = terminate};
    static _Alignas(8) uint8_t in[512], out[512];
    struct pager *served = argument;
    struct server_interface interface = memory_pager_interface(&ops, served);
    struct server server = {.port = served->port,
                            .count = 1,
                            .interfaces = &interface,
                            .notification = poked,
                            .context = served,
                            .in = in,
                            .in_size = sizeof(in),
                            .out = out,
                            .out_size = sizeof(out)};
    (void)server_run(&server);
    return 4;
}
