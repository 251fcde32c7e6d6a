/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory in messages: what arrives is what was there, and nothing else; either side changes its own; what is not sent
 * stays; what cannot be sent is refused, and nothing has changed. ipc-ool-busy.c: while others do something to it.
 *
 *      ipc-ool [largest]   only the largest message (bench/masked.py)
 */
#include "ipc-ool.h"
#include "ipc-ool-busy.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <wharf/if/memory_entry.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

static mach_port_name_t port;

static mach_port_name_t me(void)
{
    return program_start_info->task;
}

/* ---- what arrives ---- */

static void test_copy(void)
{
    enum { PAGES = 100, SIZE = PAGES * PAGE };
    char *memory = pages_at(0, PAGES);
    fill(memory, SIZE, 1);
    OK(ool_send(port, memory, SIZE, 0));
    fill(memory, SIZE, 2);
    char *got = ool_receive(port, SIZE);
    CHECK_EQUAL(differences(got, SIZE, 1), 0);
    fill(got, SIZE / 2, 3);
    CHECK_EQUAL(differences(memory, SIZE, 2), 0);
    pages_release(memory, PAGES);
    CHECK_EQUAL(differences(got, SIZE / 2, 3), 0);
    CHECK(is_mapped(got + SIZE - 1));
    ool_release(got, SIZE);
    CHECK(!is_mapped(got));
}

/* Of the pages at the ends nothing else comes along. */
static void test_alignments(void)
{
    static const uint32_t offsets[] = {0, 1, 100, 4095},
                          sizes[] = {1, 7, 4095, 4096, 4097, 8192, 12289, 20000};
    enum { PAGES = 8 };
    char *memory = pages_at(0, PAGES);
    fill(memory, (size_t)PAGES * PAGE, 5);
    for (unsigned i = 0; i < 32; i++) {
        uint32_t offset = offsets[i / 8], size = sizes[i % 8], end = offset + size;
        OK(ool_send(port, memory + offset, size, 0));
        char *got = ool_receive(port, size), *start = got - offset;
        size_t wrong = 0;
        CHECK_EQUAL((uintptr_t)start % PAGE, 0);
        for (uint32_t n = offset; n < end; n++)
            wrong += start[n] != memory[n];
        CHECK_EQUAL(wrong, 0);
        CHECK_EQUAL(not_zero(start, offset), 0);
        CHECK_EQUAL(not_zero(got + size, (PAGE - end % PAGE) % PAGE), 0);
        ool_release(got, size);
    }
    pages_release(memory, PAGES);
}

static void test_nothing(void)
{
    struct msg_descriptor d;
    OK(ool_send(port, NULL, 0, 0));
    CHECK(ool_receive_all(port, &d, 1) && d.value == 0 && d.size == 0);
    OK(ool_send(port, (void *)12345, 0, MSG_DEALLOCATE));
    CHECK(ool_receive_all(port, &d, 1) && d.value == 0 && d.size == 0);
}

/* Pages that nobody has touched need none. */
static void test_untouched(void)
{
    enum { PAGES = 8192, SIZE = PAGES * PAGE, FEW = 8 };
    char *memory = pages_at(0, PAGES);
    memory[100 * PAGE] = 'x';
    uint64_t before = ool_frames_at_rest();
    OK(ool_send(port, memory + 1, SIZE - 2, 0));
    char *got = ool_receive(port, SIZE - 2);
    CHECK(kernel_system_info(SYSTEM_INFO_FREE_FRAMES) + FEW >= before);
    CHECK(got[100 * PAGE - 1] == 'x' && got[SIZE - 3] == 0 && got[SIZE / 2] == 0);
    got[SIZE / 2] = 'y';
    CHECK_EQUAL(memory[SIZE / 2 + 1], 0);
    ool_release(got, SIZE - 2);
    pages_release(memory, PAGES);
}

static void test_move(void)
{
    enum { PAGES = 20, GONE = 7, SIZE = GONE * PAGE - 200 };
    char *memory = pages_at(0, PAGES);
    fill(memory, (size_t)PAGES * PAGE, 6);
    OK(ool_send(port, memory + 3 * PAGE, SIZE, MSG_DEALLOCATE));
    CHECK(is_mapped(memory + 3 * PAGE - 1) && is_mapped(memory + 10 * PAGE));
    CHECK(!is_mapped(memory + 3 * PAGE) && !is_mapped(memory + 10 * PAGE - 1));
    char *got = ool_receive(port, SIZE);
    OK(ool_send(port, got, SIZE, MSG_DEALLOCATE)); /* and on */
    CHECK(!is_mapped(got));
    got = ool_receive(port, SIZE);
    size_t wrong = 0;
    for (size_t i = 0; i < SIZE; i++)
        wrong += got[i] != (char)(1 + ((i + 3 * PAGE) * 7 + (i / PAGE + 3) * 13 + 6) % 255);
    CHECK_EQUAL(wrong, 0);
    CHECK_EQUAL(not_zero(got + SIZE, 200), 0);
    ool_release(got, SIZE);
    pages_release(memory, PAGES);
}

static void test_twice(void)
{
    enum { PAGES = 5, SIZE = PAGES * PAGE, COUNT = MSG_OOL_MEMORIES_MAX };
    char *memory = pages_at(0, PAGES);
    struct msg_descriptor d[COUNT];
    fill(memory, SIZE, 8);
    for (unsigned i = 0; i < COUNT; i++)
        d[i] = ool_range(memory, SIZE, i == 1 ? MSG_DEALLOCATE : 0);
    OK(ool_send_all(port, d, COUNT));
    CHECK(!is_mapped(memory));
    CHECK(ool_receive_all(port, d, COUNT));
    for (unsigned i = 0; i < COUNT; i++) {
        char *got = (char *)(uintptr_t)d[i].value;
        CHECK_EQUAL(differences(got, SIZE, 8), 0);
        got[0] = 0; /* each its own */
        ool_release(got, SIZE);
    }
}

/* Several entries: of one piece of memory, of several, with objects. */
static void test_several(void)
{
    enum { PAGES = 6, SIZE = PAGES * PAGE };
    char *memory = pages_at(0, 1), *place = memory + 64 * (size_t)MEGABYTE;
    uint64_t at = 0;
    pages_release(memory, 1);
    (void)pages_at((uintptr_t)place, 2);
    (void)pages_at((uintptr_t)place + 2 * PAGE, 1);
    OK(vm_map(me(), (uintptr_t)place + 3 * PAGE, PAGE, 0, 0, program_start_info->initrd,
              VM_PROT_READ, VM_PROT_READ, VM_INHERIT_COPY, &at));
    (void)pages_at((uintptr_t)place + 4 * PAGE, 2);
    place[10] = 'a';
    place[2 * PAGE + 5] = 'b';
    place[5 * PAGE + 1] = 'c';
    OK(vm_protect(me(), (uintptr_t)place + PAGE, PAGE, false, VM_PROT_READ));
    OK(ool_send(port, place, SIZE, 0));
    place[10] = place[2 * PAGE + 5] = place[5 * PAGE + 1] = 'z';
    char *got = ool_receive(port, SIZE);
    CHECK(got[10] == 'a' && got[2 * PAGE + 5] == 'b' && got[5 * PAGE + 1] == 'c');
    CHECK_EQUAL(got[3 * PAGE], place[3 * PAGE]);
    CHECK_EQUAL(not_zero(got, 2 * PAGE), 1);
    got[PAGE] = got[3 * PAGE] = 'd';
    ool_release(got, SIZE);
    OK(ool_send(port, place + 100, 2 * PAGE - 200, MSG_DEALLOCATE)); /* one piece, two entries */
    got = ool_receive(port, 2 * PAGE - 200);
    CHECK_EQUAL(not_zero(got - 100, 2 * PAGE), 0);
    ool_release(got, 2 * PAGE - 200);
    pages_release(place + 2 * PAGE, 4);
}

static void test_object(void)
{
    uint64_t at = 0, size = 0;
    uint32_t max;
    OK(memory_entry_info(program_start_info->initrd, &size, &max));
    OK(vm_map(me(), 0, size, 0, VM_ANYWHERE, program_start_info->initrd, VM_PROT_READ, VM_PROT_READ,
              VM_INHERIT_COPY, &at));
    const char *initrd = (const char *)(uintptr_t)at;
    uint64_t before = ool_frames_at_rest();
    uint32_t length = (uint32_t)size - PAGE - 50;
    OK(ool_send(port, initrd + 10, length, 0));
    char *got = ool_receive(port, length);
    CHECK(kernel_system_info(SYSTEM_INFO_FREE_FRAMES) + 12 > before); /* by reference */
    size_t wrong = 0;
    for (uint32_t i = 0; i < length; i += 61)
        wrong += got[i] != initrd[10 + i];
    CHECK_EQUAL(wrong, 0);
    CHECK_EQUAL(not_zero(got - 10, 10) + not_zero(got + length, 40), 0);
    got[PAGE] = (char)(initrd[PAGE + 10] + 1);
    CHECK(got[PAGE] != initrd[PAGE + 10]);
    ool_release(got, length);
    OK(vm_deallocate(me(), at, size));
}

/* ---- what is refused ---- */

static void test_errors(void)
{
    enum { PAGES = 4 };
    char *memory = pages_at(0, PAGES);
    struct msg_descriptor d[MSG_OOL_MEMORIES_MAX + 1];
    OK(vm_deallocate(me(), (uintptr_t)memory + 2 * PAGE, PAGE));
    OK(vm_protect(me(), (uintptr_t)memory, PAGE, false, 0));
    for (unsigned flags = 0; flags <= MSG_DEALLOCATE; flags++) {
        uint8_t f = (uint8_t)flags;
        CHECK_EQUAL(ool_send(port, memory + PAGE, 2 * PAGE, f), MACH_SEND_INVALID_MEMORY);
        CHECK_EQUAL(ool_send(port, memory, 2 * PAGE, f), MACH_SEND_INVALID_MEMORY);
        CHECK_EQUAL(ool_send(port, memory + 2 * PAGE, 1, f), MACH_SEND_INVALID_MEMORY);
        CHECK_EQUAL(ool_send(port, (void *)-1, 2, f), MACH_SEND_INVALID_MEMORY);
        CHECK_EQUAL(ool_send(port, (void *)0xffff000000000000, PAGE, f), MACH_SEND_INVALID_MEMORY);
        CHECK_EQUAL(ool_send(port, NULL, 1, f), MACH_SEND_INVALID_MEMORY);
        CHECK_EQUAL(ool_send(me(), memory + PAGE, PAGE, f), MACH_SEND_INVALID_TYPE);
        CHECK_EQUAL(ool_send(MSG_DEAD, memory + PAGE, PAGE, f), MACH_SEND_INVALID_DEST);
    }
    CHECK_EQUAL(ool_send(port, memory + PAGE, PAGE, 2), MACH_SEND_INVALID_TYPE);
    d[0] = ool_range(memory + PAGE, PAGE, 0);
    d[0].disposition = MSG_COPY_SEND;
    CHECK_EQUAL(ool_send_all(port, d, 1), MACH_SEND_INVALID_TYPE);
    for (unsigned i = 0; i <= MSG_OOL_MEMORIES_MAX; i++)
        d[i] = ool_range(memory + PAGE, PAGE, MSG_DEALLOCATE);
    CHECK_EQUAL(ool_send_all(port, d, MSG_OOL_MEMORIES_MAX + 1), MACH_SEND_TOO_LARGE);
    CHECK_EQUAL(ool_send(port, memory + PAGE, MSG_OOL_MEMORY_MAX + 1, 0), MACH_SEND_TOO_LARGE);
    d[0] = ool_range(memory + PAGE, PAGE, MSG_DEALLOCATE); /* something after it is wrong */
    d[1] = (struct msg_descriptor){.value = 0x12340001,
                                   .kind = MSG_PORT,
                                   .disposition = MSG_MOVE_SEND};
    CHECK_EQUAL(ool_send_all(port, d, 2), MACH_SEND_INVALID_RIGHT);
    CHECK(is_mapped(memory + PAGE) && is_mapped(memory + 3 * PAGE));
    pages_release(memory, PAGES);
}

/* A queue has room for so much memory. */
static void test_room(void)
{
    enum { ROOM = 16384, PARTS = 4, PAGES = ROOM / PARTS, SIZE = PAGES * PAGE };
    char *memory = pages_at(0, PAGES);
    for (unsigned i = 0; i < PARTS; i++)
        OK(ool_send(port, memory, SIZE, 0));
    CHECK_EQUAL(ool_send(port, memory, 1, 0), MACH_SEND_TIMED_OUT);
    CHECK_EQUAL(ool_send(port, memory, ROOM * PAGE + 1, 0), MACH_SEND_TOO_LARGE);
    OK(ool_send(port, memory, 0, 0));
    ool_release(ool_receive(port, SIZE), SIZE);
    OK(ool_send(port, memory, 1, 0));
    for (unsigned i = 1; i < PARTS; i++)
        ool_release(ool_receive(port, SIZE), SIZE);
    (void)ool_receive(port, 0);
    ool_release(ool_receive(port, 1), 1);
    OK(port_set_memory_limit(me(), port, 2 * PAGE - 1));
    CHECK_EQUAL(ool_send(port, memory + 1, PAGE, 0), MACH_SEND_TOO_LARGE);
    OK(ool_send(port, memory, PAGE, 0));
    ool_release(ool_receive(port, PAGE), PAGE);
    OK(port_set_memory_limit(me(), port, 0));
    CHECK_EQUAL(ool_send(port, memory, 1, 0), MACH_SEND_TOO_LARGE);
    CHECK_EQUAL(port_set_memory_limit(me(), port, UINT64_MAX), KERN_INVALID_VALUE);
    pages_release(memory, PAGES);
}

int main(int argc, char **argv)
{
    (void)argv;
    port = ool_port();
    if (argc > 1) {
        test_twice();
        return check_end("ipc-ool");
    }
    test_copy();
    test_alignments();
    test_nothing();
    test_untouched();
    test_move();
    test_twice();
    test_several();
    test_object();
    test_errors();
    test_room();
    ool_kill_port(port);
    test_busy();
    return check_end("ipc-ool");
}
