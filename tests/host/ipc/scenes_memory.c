/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Out-of-line memory: what arrives, what is refused, who pays, whose end it outlives.
 */
#include "scenes.h"

#include <kern/frame.h>
#include <kern/map.h>
#include <string.h>

enum { PLACE = 0x40000000, PAGES = 8, SIZE = PAGES * PAGE_SIZE, MANY = 300 };

/* ---- an actor's memory, by the map ---- */

static struct job {
    struct actor *a;
    vaddr_t va;
    uint8_t *buffer;
    size_t n;
    bool write;
    kern_return_t kr;
} job;

static void do_copy(void *unused)
{
    (void)unused;
    job.kr = KERN_SUCCESS;
    for (size_t done = 0; done < job.n && job.kr == KERN_SUCCESS; done += 1024) {
        size_t n = job.n - done < 1024 ? job.n - done : 1024;
        job.kr = map_copy(NULL, job.a->task, job.va + done, job.buffer + done, n, job.write, false);
    }
}

static kern_return_t copy(struct actor *a, vaddr_t va, void *buffer, size_t n, bool write)
{
    job = (struct job){.a = a, .va = va, .buffer = buffer, .n = n, .write = write};
    in_kernel(do_copy, NULL);
    return job.kr;
}

static void do_enter(void *unused)
{
    (void)unused;
    struct map_request request = {.start = job.va,
                                  .pages = job.n / PAGE_SIZE,
                                  .prot = PROT_READ | PROT_WRITE,
                                  .max_prot = PROT_READ | PROT_WRITE};
    CHECK_EQUAL(map_enter(job.a->task, &request), KERN_SUCCESS);
}

static void enter(struct actor *a, vaddr_t va, size_t n)
{
    job = (struct job){.a = a, .va = va, .n = n};
    in_kernel(do_enter, NULL);
}

static void do_remove(void *unused)
{
    (void)unused;
    while (map_remove(job.a->task, job.va, job.va + job.n) == KERN_RETRY)
        ;
}

static void take_away(struct actor *a, vaddr_t va, size_t n)
{
    job = (struct job){.a = a, .va = va, .n = n};
    in_kernel(do_remove, NULL);
}

static uint8_t byte_at(vaddr_t va)
{
    return (uint8_t)(1 + (va * 7 + va / PAGE_SIZE * 11) % 251);
}

static uint8_t bytes[SIZE + PAGE_SIZE];

/* What is there tells where it is. */
static void fill(struct actor *a, vaddr_t va, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = byte_at(va + i);
    CHECK_EQUAL(copy(a, va, bytes, n, true), KERN_SUCCESS);
}

/* The same n bytes as were at `from`, in pages with nothing else. */
static void check(struct actor *a, vaddr_t got, vaddr_t from, size_t n)
{
    size_t before = from % PAGE_SIZE, whole = round_up(before + n, PAGE_SIZE);
    CHECK_EQUAL(got % PAGE_SIZE, before);
    CHECK_EQUAL(copy(a, got - before, bytes, whole, false), KERN_SUCCESS);
    for (size_t i = 0; i < whole; i++)
        if (bytes[i] != (i < before || i >= before + n ? 0 : byte_at(from + i - before)))
            host_machine_fail("byte %zu of %zu at %llx is %x", i, n, (unsigned long long)from,
                              bytes[i]);
}

static bool is_there(struct actor *a, vaddr_t va)
{
    uint8_t byte;
    return copy(a, va, &byte, 1, false) == KERN_SUCCESS;
}

static void release(struct actor *a, vaddr_t got, size_t n)
{
    vaddr_t start = round_down(got, PAGE_SIZE);
    take_away(a, start, round_up(got + n, PAGE_SIZE) - start);
}

/* ---- messages ---- */

static void put_memory(struct actor *a, struct message *m, vaddr_t va, uint32_t n, uint8_t flags)
{
    unsigned i = m->descriptors++;
    if (m->length < m->descriptors * MSG_DESCRIPTOR_SIZE)
        m->length = m->descriptors * MSG_DESCRIPTOR_SIZE;
    put_descriptor(
        a, m, i,
        (struct msg_descriptor){.value = va, .size = n, .kind = MSG_OOL_MEMORY, .flags = flags});
}

static struct message with_memory(struct actor *a, uint32_t dest, vaddr_t va, uint32_t n,
                                  uint8_t flags)
{
    struct message m = to(dest, 5);
    m.deadline = PAST;
    put_memory(a, &m, va, n, flags);
    return m;
}

static vaddr_t got_memory(struct actor *a, unsigned i, uint32_t n)
{
    struct msg_descriptor d = got_descriptor(a, i);
    CHECK_EQUAL(d.kind, MSG_OOL_MEMORY);
    CHECK_EQUAL(d.size, n);
    CHECK(!d.flags && !d.disposition && !d.zero && (n > 0) == (d.value > 0));
    return d.value;
}

static vaddr_t receive(struct actor *r, uint32_t p, uint32_t n)
{
    expect_id(r, p, 5);
    return got_memory(r, 0, n);
}

static struct actor *s, *r;
static uint32_t p, d;

static void set_up(void)
{
    r = actor_new();
    s = actor_new();
    p = port_new(r);
    d = send_to(s, r, p);
    enter(s, PLACE, SIZE / 2); /* two entries, of two amaps */
    enter(s, PLACE + SIZE / 2, SIZE / 2);
    fill(s, PLACE, SIZE);
}

/* ---- scenes ---- */

void scene_memory_arrives(void)
{
    static const struct {
        uint32_t at, size;
    } range[] = {{0, PAGE_SIZE},
                 {0, SIZE / 2},
                 {0, SIZE},
                 {5, 1},
                 {100, 2 * PAGE_SIZE},
                 {4095, 2},
                 {0, 100},
                 {4000, 3 * PAGE_SIZE},
                 {1, SIZE - 2},
                 {3 * PAGE_SIZE, PAGE_SIZE + 1},
                 {3 * PAGE_SIZE + 7, 2 * PAGE_SIZE}};
    set_up();
    for (unsigned i = 0; i < 2 * array_count(range); i++) {
        vaddr_t at = PLACE + range[i / 2].at;
        uint32_t n = range[i / 2].size;
        bool moves = i % 2;
        OK(s, with_memory(s, d, at, n, moves ? MSG_DEALLOCATE : 0));
        for (vaddr_t page = PLACE; page < PLACE + SIZE; page += PAGE_SIZE)
            CHECK_EQUAL(is_there(s, page), !moves || page + PAGE_SIZE <= at || page >= at + n);
        memset(bytes, 0xee, SIZE);
        if (moves) {
            take_away(s, PLACE, SIZE);
            enter(s, PLACE, SIZE / 2);
            enter(s, PLACE + SIZE / 2, SIZE / 2);
        }
        CHECK_EQUAL(copy(s, PLACE, bytes, SIZE, true), KERN_SUCCESS);
        vaddr_t got = receive(r, p, n);
        check(r, got, at, n);
        fill(s, PLACE, SIZE);
        check(r, got, at, n);
        release(r, got, n);
        CHECK(!is_there(r, got));
    }
}

void scene_memory_without_bytes(void)
{
    set_up();
    OK(s, with_memory(s, d, 0, 0, 0));
    CHECK_EQUAL(receive(r, p, 0), 0);
    OK(s, with_memory(s, d, 12345, 0, MSG_DEALLOCATE));
    CHECK_EQUAL(receive(r, p, 0), 0);
}

void scene_memory_is_refused(void)
{
    static const vaddr_t nowhere[] = {0, PLACE - PAGE_SIZE, PLACE + SIZE, UINT64_C(1) << 40,
                                      UINT64_MAX};
    set_up();
    struct message m;
    for (unsigned i = 0; i < 2 * array_count(nowhere); i++)
        FAILS(MACH_SEND_INVALID_MEMORY, s,
              with_memory(s, d, nowhere[i / 2], 100, i % 2 ? MSG_DEALLOCATE : 0));
    FAILS(MACH_SEND_INVALID_MEMORY, s, with_memory(s, d, PLACE + 1, SIZE, MSG_DEALLOCATE));
    FAILS(MACH_SEND_TOO_LARGE, s, with_memory(s, d, PLACE, MSG_OOL_MEMORY_MAX + 1, 0));
    FAILS(MACH_SEND_INVALID_TYPE, s, with_memory(s, d, PLACE, 1, 2));
    m = with_memory(s, d, PLACE, PAGE_SIZE, MSG_DEALLOCATE);
    put_port(s, &m, 0x12340001, MSG_MOVE_SEND); /* found when all has been copied */
    FAILS(MACH_SEND_INVALID_RIGHT, s, m);
    m = with_memory(s, d, PLACE, 1, MSG_DEALLOCATE);
    m.length = 512;
    for (unsigned i = 0; i < MSG_OOL_MEMORIES_MAX; i++)
        put_memory(s, &m, PLACE, 1, 0);
    for (unsigned i = 0; i < m.descriptors; i++)
        put_descriptor(s, &m, i,
                       (struct msg_descriptor){.value = PLACE, .size = 1, .kind = MSG_OOL_MEMORY});
    FAILS(MACH_SEND_TOO_LARGE, s, m);
    expect_none(r, p);
    check(s, PLACE, PLACE, SIZE);
}

void scene_memory_twice_and_on(void)
{
    set_up();
    struct message m = with_memory(s, d, PLACE, SIZE, MSG_DEALLOCATE);
    put_memory(s, &m, PLACE, SIZE, MSG_DEALLOCATE);
    OK(s, m);
    CHECK(!is_there(s, PLACE));
    expect_id(r, p, 5);
    vaddr_t first = got_memory(r, 0, SIZE), second = got_memory(r, 1, SIZE);
    uint32_t itself = send_to(r, r, p);
    OK(r, with_memory(r, itself, first, SIZE, MSG_DEALLOCATE));
    CHECK(!is_there(r, first)); /* before something is received, which may come to lie there */
    vaddr_t got = receive(r, p, SIZE);
    CHECK(got != second);
    check(r, got, PLACE, SIZE);
    check(r, second, PLACE, SIZE);
}

void scene_memory_outlives_its_sender(void)
{
    set_up();
    OK(s, with_memory(s, d, PLACE + 10, SIZE - 20, 0));
    end_task(s);
    check(r, receive(r, p, SIZE - 20), PLACE + 10, SIZE - 20);
}

void scene_memory_dies_with_its_port(void)
{
    set_up();
    for (unsigned i = 0; i < 5; i++)
        OK(s, with_memory(s, d, PLACE + i, SIZE - 20, 0));
    kill_port(r, p);
    check(s, PLACE, PLACE, SIZE);
    CHECK_EQUAL(ledger_used(s->task->ledger, LEDGER_QUEUED), 0);
}

/* The sender, until it has been received. */
void scene_memory_is_paid_for(void)
{
    set_up();
    struct ledger *of_s = s->task->ledger, *of_r = r->task->ledger;
    int64_t before_s = ledger_used(of_s, LEDGER_COMMITMENT),
            before_r = ledger_used(of_r, LEDGER_COMMITMENT);
    OK(s, with_memory(s, d, PLACE, SIZE, 0));
    CHECK_EQUAL(ledger_used(of_s, LEDGER_COMMITMENT), before_s + PAGES);
    ledger_set_limit(of_s, LEDGER_COMMITMENT, before_s + PAGES);
    FAILS(MACH_SEND_NO_BUFFER, s, with_memory(s, d, PLACE, 1, MSG_DEALLOCATE));
    static const uint8_t kinds[] = {LEDGER_COMMITMENT, LEDGER_MAP_ENTRIES};
    for (unsigned i = 0; i < array_count(kinds); i++) {
        ledger_set_limit(of_r, kinds[i], ledger_used(of_r, kinds[i]));
        FAILS(MACH_RCV_NO_SPACE, r, poll(p));
        ledger_set_limit(of_r, kinds[i], INT64_MAX);
    }
    vaddr_t got = receive(r, p, SIZE);
    CHECK_EQUAL(ledger_used(of_s, LEDGER_COMMITMENT), before_s);
    CHECK_EQUAL(ledger_used(of_r, LEDGER_COMMITMENT), before_r + PAGES);
    int64_t frames = ledger_used(of_r, LEDGER_FRAMES);
    fill(r, got, PAGE_SIZE); /* a page of its own */
    CHECK_EQUAL(ledger_used(of_r, LEDGER_FRAMES), frames + 1);
    release(r, got, SIZE);
    CHECK_EQUAL(ledger_used(of_r, LEDGER_COMMITMENT), before_r);
}

void scene_memory_takes_room(void)
{
    set_up();
    port_behind(r, p)->memory_limit = 3 * PAGES;
    FAILS(MACH_SEND_TOO_LARGE, s, with_memory(s, d, PLACE, 3 * SIZE + 1, 0));
    for (unsigned i = 0; i < 3; i++)
        OK(s, with_memory(s, d, PLACE, SIZE, 0));
    FAILS(MACH_SEND_TIMED_OUT, s, with_memory(s, d, PLACE, 1, MSG_DEALLOCATE));
    struct message m = with_memory(s, d, PLACE, 1, MSG_DEALLOCATE);
    m.deadline = 0;
    post(s, m);
    CHECK(!is_done(s));
    check(s, PLACE, PLACE, SIZE);
    for (unsigned i = 0; i < 3; i++)
        release(r, receive(r, p, SIZE), SIZE);
    CHECK_EQUAL(result(s), KERN_SUCCESS);
    CHECK(!is_there(s, PLACE));
    check(r, receive(r, p, 1), PLACE, 1);
    CHECK_EQUAL(port_behind(r, p)->queued_memory, 0);
}

void scene_memory_in_an_answer(void)
{
    set_up();
    struct message call = with_memory(s, d, PLACE, 3, MSG_DEALLOCATE);
    call.how_local = MSG_MAKE_REPLY;
    call.receive = MSG_REPLY;
    call.deadline = 0;
    post(s, call);
    vaddr_t got = receive(r, p, 3);
    check(r, got, PLACE, 3);
    struct message m = answer(6, 0, 0);
    m.length = 0;
    put_memory(r, &m, got, 3, MSG_DEALLOCATE);
    OK(r, m);
    CHECK(!is_there(r, got));
    CHECK_EQUAL(result(s), KERN_SUCCESS);
    check(s, got_memory(s, 0, 3), PLACE, 3);
}

void scene_every_allocation_of_memory_fails(void)
{
    unsigned failed = 0;
    set_up();
    for (unsigned n = 1;; n++, failed++) {
        struct message m = with_memory(s, d, PLACE + 1, SIZE / 2 - 2, 0);
        put_memory(s, &m, PLACE + PAGE_SIZE, SIZE - 2 * PAGE_SIZE, MSG_DEALLOCATE);
        (void)alloc_fail_nth(n);
        unsigned kr = perform(s, m);
        (void)alloc_fail_nth(0);
        if (kr == KERN_SUCCESS)
            break;
        CHECK(kr == MACH_SEND_NO_BUFFER && n < MANY);
        check(s, PLACE, PLACE, SIZE);
    }
    CHECK(failed >= 8);
    CHECK(is_there(s, PLACE) && !is_there(s, PLACE + PAGE_SIZE));
    for (unsigned n = 1;; n++) {
        (void)alloc_fail_nth(n);
        unsigned kr = perform(r, poll(p));
        (void)alloc_fail_nth(0);
        if (kr == KERN_SUCCESS)
            break;
        CHECK(kr == MACH_RCV_NO_SPACE && n < MANY);
    }
    check(r, got_memory(r, 0, SIZE / 2 - 2), PLACE + 1, SIZE / 2 - 2);
    check(r, got_memory(r, 1, SIZE - 2 * PAGE_SIZE), PLACE + PAGE_SIZE, SIZE - 2 * PAGE_SIZE);
}

/* Ended wherever it is, its message comes or it does not. */
void scene_sender_of_memory_ends(void)
{
    set_up();
    for (unsigned i = 0; i < 20; i++) {
        struct actor *mate = actor_mate(s, ACTOR_PRIORITY);
        struct message m = with_memory(mate, d, PLACE, SIZE, i % 2 ? MSG_DEALLOCATE : 0);
        post_only(mate, m);
        end_thread(mate);
        if (perform(r, poll(p)) == KERN_SUCCESS) {
            vaddr_t got = got_memory(r, 0, SIZE);
            check(r, got, PLACE, SIZE);
            release(r, got, SIZE);
        }
        take_away(s, PLACE, SIZE);
        enter(s, PLACE, SIZE);
        fill(s, PLACE, SIZE);
    }
}
