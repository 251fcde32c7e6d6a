/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Out-of-line memory through generated stubs (bulk.defs) and through libsys/memory.h: contents, who loses what, errors; and that both
 * sides have given back everything, wherever in a page a range begins.
 */
#include "vm-test.h"

#include <libsys/kernel.h>
#include <libsys/memory.h>
#include <libsys/server.h>
#include <libsys/thread.h>
#include <string.h>
#include <wharf/if/bulk.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

enum {
    MOST_PAGES = BULK_MAX / PAGE,
    KEPT = 3 * PAGE,
    THE_ID = 99,
    SOON = 1 /* a moment that has passed */
};
static const uint32_t sizes[] = {0, 1, 63, PAGE - 1, PAGE, PAGE + 1, 5 * PAGE + 7, BULK_MAX};
static const uint32_t offsets[] = {0, 1, 8, PAGE - 1};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]), OFFSETS = sizeof(offsets) / sizeof(offsets[0]) };

static uint8_t byte_of(uint64_t at)
{
    return (uint8_t)(at * 7 + (at >> 9));
}

static uint64_t sum_of(const uint8_t *at, uint64_t size)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < size; i++)
        sum += at[i] * (i % 5 + 1);
    return sum;
}

/* ---- the server ---- */

static uint8_t *kept; /* it answers from */

static kern_return_t do_sum(struct server_message *message, void *memory, uint32_t memory_size,
                            bool fail, uint64_t *sum)
{
    (void)message;
    if (fail)
        return KERN_FAILURE;
    *sum = sum_of(memory, memory_size);
    memory_release(memory, memory_size);
    return KERN_SUCCESS;
}

static kern_return_t do_reverse(struct server_message *message, void *memory, uint32_t memory_size,
                                bool fail, void **reversed, uint32_t *reversed_size)
{
    uint8_t *bytes = memory;
    (void)message;
    if (fail)
        return KERN_FAILURE;
    for (uint32_t i = 0; i < memory_size / 2; i++) {
        uint8_t byte = bytes[i];
        bytes[i] = bytes[memory_size - 1 - i];
        bytes[memory_size - 1 - i] = byte;
    }
    *reversed = memory;
    *reversed_size = memory_size;
    return KERN_SUCCESS;
}

static kern_return_t do_look(struct server_message *message, uint32_t offset, uint32_t size,
                             void **memory, uint32_t *memory_size)
{
    (void)message;
    if (offset > KEPT || size > KEPT - offset)
        return KERN_INVALID_ARGUMENT;
    *memory = kept + offset;
    *memory_size = size;
    return KERN_SUCCESS;
}

static kern_return_t do_compare(struct server_message *message, void *one, uint32_t one_size,
                                void *other, uint32_t other_size, bool *same)
{
    (void)message;
    *same = one_size == other_size && memcmp(one, other, one_size) == 0;
    memory_release(one, one_size);
    memory_release(other, other_size);
    return KERN_SUCCESS;
}

static const struct bulk_ops ops = {.sum = do_sum,
                                    .reverse = do_reverse,
                                    .look = do_look,
                                    .compare = do_compare};

static void serve(void *port_served)
{
    _Static_assert(BULK_REQUEST_MAX <= MSG_REGISTER_BYTES && BULK_REPLY_MAX <= MSG_REGISTER_BYTES,
                   "no buffers");
    const struct server_interface interface = bulk_interface(&ops, NULL);
    const struct server server = {.port = *(mach_port_name_t *)port_served,
                                  .count = 1,
                                  .interfaces = &interface};
    FAILS(server_run(&server), MACH_RCV_PORT_DIED); /* it went */
}

/* ---- clients ---- */

static mach_port_name_t port;
static uint64_t mapped_before;

static uint64_t mapped_now(void)
{
    struct vm_usage usage;
    OK(vm_usage(me(), &usage));
    return usage.mapped;
}

/* Nothing has stayed on either side, which are one task. What the server moves away with its answer goes when that is on its way,
 * and may be there a moment longer on another CPU. */
static void nothing_left(void)
{
    const uint64_t give_up = kernel_clock_now() + UINT64_C(20000000000);
    while (mapped_now() != mapped_before && kernel_clock_now() < give_up)
        pause_for(20);
    CHECK_EQUAL(mapped_now(), mapped_before);
}

/* A range at an offset in its first page, filled. */
static uint8_t *make_range(uint32_t offset, uint32_t size)
{
    uint8_t *at = (uint8_t *)pages_make(MOST_PAGES + 2) + offset;
    for (uint32_t i = 0; i < size; i++)
        at[i] = byte_of(i);
    return at;
}

static void drop_range(const uint8_t *at)
{
    pages_drop((void *)((uintptr_t)at & ~(uintptr_t)(PAGE - 1)), MOST_PAGES + 2);
}

/* The pages that it touches are not there any more; the others go now. */
static void check_moved(const uint8_t *at, uint32_t size)
{
    uint64_t first = (uintptr_t)at & ~(uint64_t)(PAGE - 1);
    uint64_t end = ((uintptr_t)at + size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    uint64_t start = 0, length, expected = size ? end : first;
    uint32_t prot, max, inherit, flags;
    OK(vm_region(me(), first, &start, &length, &prot, &max, &inherit, &flags));
    CHECK_EQUAL(start, expected);
    drop_range(at);
}

static void test_kept(uint32_t offset, uint32_t size)
{
    uint8_t *at = make_range(offset, size);
    uint64_t sum = 0;
    OK(bulk_sum(port, at, size, false, &sum));
    CHECK_EQUAL(sum, sum_of(at, size));
    FAILS(bulk_sum(port, at, size, true, &sum), KERN_FAILURE);
    for (uint32_t i = 0; i < size; i += 511)
        if (at[i] != byte_of(i) && !CHECK_EQUAL(at[i], byte_of(i)))
            break;
    drop_range(at);
    nothing_left();
}

static void test_moved(uint32_t offset, uint32_t size)
{
    uint8_t *at = make_range(offset, size);
    void *back = NULL;
    uint32_t back_size = 0;
    OK(bulk_reverse(port, at, size, false, &back, &back_size));
    check_moved(at, size);
    CHECK_EQUAL(back_size, size);
    for (uint32_t i = 0; i < size; i++)
        if (((uint8_t *)back)[i] != byte_of(size - 1 - i) && !CHECK_EQUAL(i, -1))
            break;
    memory_release(back, back_size);
    nothing_left();
    at = make_range(offset, size);
    FAILS(bulk_reverse(port, at, size, true, &back, &back_size), KERN_FAILURE);
    check_moved(at, size); /* the message had arrived */
    nothing_left();
}

static void test_answers(void)
{
    void *seen = NULL;
    uint32_t size = 0;
    for (uint32_t offset = 0; offset < 2 * PAGE; offset += 1365) {
        OK(bulk_look(port, offset, PAGE, &seen, &size));
        CHECK_EQUAL(size, PAGE);
        CHECK_EQUAL(memcmp(seen, kept + offset, PAGE), 0);
        ((uint8_t *)seen)[0]++; /* it is the receiver's */
        CHECK_EQUAL(kept[offset], byte_of(offset));
        memory_release(seen, size);
    }
    OK(bulk_look(port, 5, 0, &seen, &size));
    CHECK_EQUAL(size, 0);
    FAILS(bulk_look(port, KEPT, 1, &seen, &size), KERN_INVALID_ARGUMENT);
    nothing_left();
}

static void test_two(void)
{
    uint8_t *one = make_range(100, 2 * PAGE), *other = make_range(3, 2 * PAGE);
    bool same = false;
    OK(bulk_compare(port, one, 2 * PAGE, other, 2 * PAGE, &same));
    CHECK(same);
    check_moved(other, 2 * PAGE);
    other = make_range(3, 2 * PAGE);
    other[PAGE] ^= 1;
    OK(bulk_compare(port, one, 2 * PAGE, other, 2 * PAGE, &same));
    CHECK(!same);
    check_moved(other, 2 * PAGE);
    drop_range(one);
    nothing_left();
}

/* Too much for the server; memory that is none; nobody there. What could not be sent is still the sender's. */
static void test_errors(mach_port_name_t dead)
{
    uint8_t *at = make_range(9, PAGE);
    uint64_t sum;
    void *back;
    uint32_t size;
    CHECK(bulk_sum(port, at, BULK_MAX + 1, false, &sum) != KERN_SUCCESS);
    FAILS(bulk_sum(port, (void *)UINT64_C(0x10), 8, false, &sum), MACH_SEND_INVALID_MEMORY);
    FAILS(bulk_reverse(port, (void *)UINT64_C(0xfffffffffffff000), PAGE, false, &back, &size),
          MACH_SEND_INVALID_MEMORY);
    FAILS(bulk_reverse(dead, at, PAGE, false, &back, &size), MACH_SEND_INVALID_DEST);
    CHECK_EQUAL(at[PAGE - 1], byte_of(PAGE - 1));
    drop_range(at);
    nothing_left();
}

/* ---- without stubs ---- */

static void test_by_hand(mach_port_name_t own, mach_port_name_t dead)
{
    struct memory_received got = {0};
    FAILS(memory_receive(own, SOON, &got), MACH_RCV_TIMED_OUT);
    for (unsigned i = 0; i < SIZES; i++)
        for (unsigned moved = 0; moved < 2; moved++) {
            uint8_t *at = make_range(offsets[i % OFFSETS], sizes[i]);
            uint64_t sum = sum_of(at, sizes[i]);
            FAILS(memory_send(dead, THE_ID, at, sizes[i], moved, SOON), MACH_SEND_INVALID_DEST);
            OK(memory_send(own, THE_ID + i, at, sizes[i], moved, SOON));
            if (moved)
                check_moved(at, sizes[i]);
            else
                drop_range(at);
            OK(memory_receive(own, SOON, &got));
            CHECK(got.id == THE_ID + i && got.size == sizes[i]);
            CHECK_EQUAL(sum_of(got.at, got.size), sum);
            memory_release(got.at, got.size);
            nothing_left();
        }
    /* something else: given up, and the sender told */
    uint64_t sum;
    FAILS(memory_send(own, THE_ID, (void *)UINT64_C(0x10), 1, false, SOON),
          MACH_SEND_INVALID_MEMORY);
    FAILS(bulk_sum_until(own, NULL, 0, false, &sum, SOON), MACH_RCV_TIMED_OUT);
    FAILS(memory_receive(own, SOON, &got), MIG_BAD_ARGUMENTS);
    nothing_left();
}

static mach_port_name_t make_port(void)
{
    mach_port_name_t made = MSG_NULL, name;
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &made));
    OK(port_insert_made_send(me(), made, made, &name));
    return made;
}

static void kill_port(mach_port_name_t name)
{
    OK(port_mod_refs(me(), name, PORT_RIGHT_RECEIVE, -1));
}

int main(void)
{
    struct thread server;
    struct left before = {0};
    mach_port_name_t dead = make_port(), own = make_port();
    kill_port(dead);
    kept = (uint8_t *)pages_make(KEPT / PAGE);
    for (unsigned i = 0; i < KEPT; i++)
        kept[i] = byte_of(i);
    port = make_port();
    OK(thread_start(&server, serve, &port, THREAD_PRIORITY_DEFAULT));
    for (unsigned pass = 0; pass < 2; pass++) {
        mapped_before = mapped_now();
        for (unsigned size = 0; size < SIZES; size++)
            for (unsigned offset = 0; offset < OFFSETS; offset++) {
                test_kept(offsets[offset], sizes[size]);
                test_moved(offsets[offset], sizes[size]);
            }
        test_answers();
        test_two();
        test_errors(dead);
        test_by_hand(own, dead);
        if (pass == 0)
            before = left_now();
    }
    left_expect(&before);
    kill_port(port);
    thread_join(&server);
    return check_end("ipc-bulk");
}
