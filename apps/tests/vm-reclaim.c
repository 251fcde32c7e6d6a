/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pagers' pages when memory is short: an object of several times the machine's memory, read and written by tasks that share
 * it; clean pages are dropped and asked for again, written ones go back to their pager. A pager that does not fetch them has them
 * go to swap, and gets them from there when it does, after all. Boot with pager=MS.
 */
#include "vm-swap.h"
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/server.h>
#include <libsys/thread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <user/msg.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/memory_object.h>
#include <wharf/if/memory_pager.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

enum { OBJECT = 40000, CLUSTER = 16, LATE = 1000, FIRST = 1 };

/* What the pager's task and this one share: the pager knows of each page who wrote it last. */
static struct file {
    mach_port_name_t port;
    _Atomic uint32_t quiet, waiting; /* it fetches nothing; pages it was told of meanwhile */
    _Atomic uint32_t ended, failures, requests, collected, terminates;
    uint8_t who[OBJECT];
} * file;

/* ---- the pager ---- */

static mach_port_name_t control;
static _Alignas(4096) uint64_t scratch[CLUSTER][PAGE_WORDS];
static uint32_t late[LATE], late_count; /* pages that it will fetch when it is quiet no more */

static kern_return_t init(struct server_message *message, mach_port_name_t port, uint32_t page_size)
{
    (void)message, (void)page_size;
    control = port;
    OK(memory_object_ready(control, false, CLUSTER * PAGE));
    return KERN_SUCCESS;
}

static kern_return_t data_request(struct server_message *message, uint64_t offset, uint64_t length,
                                  uint32_t access)
{
    (void)message, (void)access;
    for (uint64_t i = 0; i < length / PAGE; i++)
        swap_fill(scratch[i], file->who[offset / PAGE + i], offset / PAGE + i);
    OK(memory_object_supply(control, offset, (uintptr_t)scratch, length, 0));
    atomic_fetch_add(&file->requests, 1);
    return KERN_SUCCESS;
}

static void collect(uint64_t page)
{
    kern_return_t kr = memory_object_collect(control, page * PAGE, (uintptr_t)scratch);
    if (kr == KERN_NOT_FOUND)
        return;
    OK(kr);
    uint64_t who = scratch[0][0] >> 40;
    CHECK(swap_is(scratch[0], who, page));
    file->who[page] = (uint8_t)who;
    atomic_fetch_add(&file->collected, 1);
}

static kern_return_t data_return(struct server_message *message, uint64_t offset, uint64_t length,
                                 bool dirty, bool kept)
{
    (void)message, (void)dirty, (void)kept;
    for (uint64_t i = 0; i < length / PAGE; i++)
        if (!atomic_load(&file->quiet))
            collect(offset / PAGE + i);
        else if (late_count < LATE)
            late[late_count++] = (uint32_t)(offset / PAGE + i);
    return KERN_SUCCESS;
}

static kern_return_t lock_completed(struct server_message *message, uint64_t offset,
                                    uint64_t length)
{
    (void)message, (void)offset, (void)length;
    return KERN_SUCCESS;
}

static kern_return_t terminate(struct server_message *message)
{
    (void)message;
    OK(port_deallocate(me(), control));
    atomic_fetch_add(&file->terminates, 1);
    return KERN_SUCCESS;
}

/* It is quiet no more. */
static kern_return_t poked(void *context, const struct server_message *message)
{
    (void)context, (void)message;
    while (late_count > 0)
        collect(late[--late_count]);
    return KERN_SUCCESS;
}

static int serve(void *argument)
{
    static const struct memory_pager_ops ops = {.init = init,
                                                .data_request = data_request,
                                                .data_return = data_return,
                                                .lock_completed = lock_completed,
                                                .terminate = terminate};
    static _Alignas(8) uint8_t in[512], out[512];
    struct server_interface interface = memory_pager_interface(&ops, argument);
    struct server server = {.port = file->port,
                            .count = 1,
                            .interfaces = &interface,
                            .notification = poked,
                            .in = in,
                            .in_size = sizeof(in),
                            .out = out,
                            .out_size = sizeof(out)};
    (void)server_run(&server);
    return 4;
}

/* ---- its clients ---- */

static struct clone pager;

static volatile uint64_t *map_file(uint64_t pages)
{
    uint64_t at = 0;
    OK(vm_map(me(), 0, pages * PAGE, 0, VM_ANYWHERE, file->port, READ_WRITE, READ_WRITE,
              VM_INHERIT_SHARE, &at));
    return (volatile uint64_t *)(uintptr_t)at;
}

static void start_file(void)
{
    mach_port_name_t name;
    if (!file)
        file = pages_make_shared((sizeof(*file) + PAGE - 1) / PAGE);
    for (unsigned page = 0; page < OBJECT; page++)
        file->who[page] = FIRST;
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &file->port));
    OK(port_insert_made_send(me(), file->port, file->port, &name));
    OK(clone_make(&pager, serve, NULL, THREAD_PRIORITY_DEFAULT + 1));
    OK(clone_give_receive(&pager, file->port));
    OK(clone_run(&pager));
}

static void end_file(void)
{
    clone_end(&pager);
    OK(port_deallocate(me(), file->port));
}

static bool comes(_Atomic uint32_t *count, uint32_t wanted)
{
    const uint64_t give_up = kernel_clock_now() + UINT64_C(1200000000000);
    while (atomic_load(count) < wanted && kernel_clock_now() < give_up)
        pause_for(1000);
    return atomic_load(count) >= wanted;
}

/* Reads all of it, and writes here and there; each task has pages of its own to write to. */
struct reader {
    volatile uint64_t *at;
    unsigned number, of, rounds;
};

static int read_and_write(void *argument)
{
    const struct reader *self = argument;
    uint64_t seed = self->number * 99 + 7;
    for (unsigned page = self->number; page < OBJECT; page += self->of)
        CHECK(swap_is(self->at + (uint64_t)page * PAGE_WORDS, FIRST, page));
    static uint8_t who[OBJECT];
    for (unsigned i = 0; i < OBJECT * self->rounds / self->of / 2; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        unsigned page = (unsigned)((seed >> 33) % (OBJECT / self->of)) * self->of + self->number;
        uint64_t *at = (uint64_t *)(uintptr_t)self->at + (uint64_t)page * PAGE_WORDS;
        CHECK(swap_is(at, who[page] ? who[page] : FIRST, page));
        if (seed >> 62 == 0) {
            who[page] = (uint8_t)(2 + i % 200);
            swap_fill(at, who[page], page);
        }
    }
    for (unsigned page = self->number; page < OBJECT; page += self->of)
        if (who[page])
            CHECK(swap_is(self->at + (uint64_t)page * PAGE_WORDS, who[page], page));
    atomic_fetch_add(&file->failures, check_failures());
    atomic_fetch_add(&file->ended, 1);
    return 0;
}

static void test_large(unsigned tasks)
{
    struct clone clone[4];
    struct reader reader[4];
    start_file();
    volatile uint64_t *at = map_file(OBJECT);
    for (unsigned i = 0; i < tasks; i++) {
        reader[i] = (struct reader){at, i, tasks, 1};
        OK(clone_make(&clone[i], read_and_write, &reader[i], THREAD_PRIORITY_DEFAULT));
        OK(clone_run(&clone[i]));
    }
    CHECK(comes(&file->ended, tasks));
    CHECK_EQUAL(atomic_exchange(&file->ended, 0), tasks);
    CHECK_EQUAL(atomic_exchange(&file->failures, 0), 0);
    for (unsigned i = 0; i < tasks; i++)
        clone_end(&clone[i]);
    print("vm-reclaim: %u requests, %u pages fetched\n", atomic_load(&file->requests),
          atomic_load(&file->collected));
    CHECK(atomic_load(&file->collected) > 0);
    OK(vm_deallocate(me(), (uintptr_t)at, (uint64_t)OBJECT * PAGE));
    CHECK(comes(&file->terminates, 1));
    end_file();
}

/* ---- a pager that does not fetch ---- */

static void push_out(void)
{
    OK(host_memory_page_out(program_start_info->host_memory, 3000));
    pause_for(20000);
    while (swap_now().in_flight || swap_now().demanded)
        pause_for(1000);
}

static void test_late(void)
{
    start_file();
    volatile uint64_t *at = map_file(LATE);
    atomic_store(&file->quiet, 1);
    for (unsigned page = 0; page < LATE; page++)
        swap_fill((uint64_t *)(uintptr_t)at + page * PAGE_WORDS, 3, page);
    uint64_t stores = swap_now().stores;
    for (unsigned i = 0; i < 20 && swap_now().stores < stores + LATE; i++) {
        push_out();
        pause_for(200000);
    }
    CHECK(swap_now().stores >= stores + LATE / 2);
    for (unsigned page = 0; page < LATE; page += 3)
        CHECK(swap_is(at + page * PAGE_WORDS, 3, page));
    push_out();
    uint32_t before = atomic_load(&file->collected);
    atomic_store(&file->quiet, 0);
    struct msg_registers m = {.destination = file->port,
                              .id = MSG_ID_SEND_POSSIBLE,
                              .control = MSG_CONTROL(MSG_COPY_SEND, 0, 8, 0),
                              .deadline = UINT64_MAX};
    user_msg_trap(&m);
    CHECK_EQUAL(m.result, 0);
    OK(vm_deallocate(me(), (uintptr_t)at, LATE * PAGE));
    CHECK(comes(&file->terminates, 2));
    CHECK(atomic_load(&file->collected) >= before + LATE / 2);
    unsigned wrong = 0;
    for (unsigned page = 0; page < LATE; page++)
        wrong += file->who[page] != 3;
    CHECK_EQUAL(wrong, 0);
    end_file();
}

int main(int argc, char **argv)
{
    unsigned tasks = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 1;
    test_large(tasks < 4 ? tasks : 4);
    swap_start(SWAP_SLOTS);
    test_late();
    swap_touch_all(NULL);
    swap_end();
    return check_end("vm-reclaim");
}
