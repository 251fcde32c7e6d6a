/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's side of a block device's ring: against an honest client, in order and from another thread; against one that writes
 * what it likes; which requests are let through; and the way from a client's memory to segments, against one page at a time.
 */
#include "../../check.h"
#include "block_impl.h"
#include <pthread.h>

enum { PAGE = 4096 };

/* ---- an honest client ---- */

static void submit(struct block_ring *ring, uint32_t *submitted, uint64_t id)
{
    ring->request[*submitted % BLOCK_RING_ENTRIES] = (struct block_request){
        .id = id, .block = id * 3, .offset = BLOCK_RING_PAGE, .count = 1, .operation = BLOCK_READ};
    ++*submitted;
    atomic_store_explicit(&ring->submitted, *submitted, memory_order_release);
}

static void test_in_order(void)
{
    static struct block_ring ring;
    /* So that the counts wrap on the way. */
    uint32_t submitted = UINT32_MAX - 500, taken = submitted, answered = submitted;
    struct block_request request;
    uint64_t next_id = 0, next_answer = 0;
    atomic_store(&ring.submitted, submitted);
    for (unsigned round = 0; round < 5000; round++) {
        const unsigned room = BLOCK_RING_ENTRIES - (submitted - answered);
        for (unsigned i = (unsigned)check_below(room + 1); i > 0; i--)
            submit(&ring, &submitted, next_id++);
        for (unsigned i = (unsigned)check_below(10); i > 0; i--) {
            const int there = block_ring_take(&ring, taken, answered, &request);
            CHECK_EQ(there, taken != submitted);
            if (!there)
                break;
            CHECK_EQ(request.id, next_id - (submitted - taken));
            CHECK_EQ(request.block, request.id * 3);
            taken++;
        }
        while (answered != taken && check_below(4) != 0) {
            const uint32_t at = answered % BLOCK_RING_ENTRIES;
            atomic_store(&ring.want_message, (uint32_t)check_below(2));
            CHECK_EQ(block_ring_answer(&ring, &answered, next_answer, KERN_MEMORY_ERROR),
                     atomic_load(&ring.want_message) != 0);
            CHECK_EQ(ring.answer[at].id, next_answer);
            CHECK_EQ(ring.answer[at].result, KERN_MEMORY_ERROR);
            CHECK_EQ(atomic_load(&ring.answered), answered);
            next_answer++;
        }
    }
    CHECK(next_answer > 1000);
}

/* block_queue.run is over when all that had been submitted is answered, and not as soon as nothing is in flight: the device may be full
 * of what others want. */
static void test_answered(void)
{
    static const uint32_t starts[] = {0, 100, UINT32_MAX - 3};
    for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        const uint32_t wanted = starts[i] + 5;
        for (uint32_t n = 0; n < 10; n++) {
            CHECK_EQ(block_ring_is_answered(starts[i] + n, 0, wanted), n >= 5);
            CHECK_EQ(block_ring_is_answered(starts[i] + n, 1, wanted), false);
        }
    }
}

enum { THREADED = 200000 };

static void *client_thread(void *argument)
{
    struct block_ring *ring = argument;
    uint32_t submitted = 0, seen = 0;
    while (seen < THREADED) {
        const uint32_t answered = atomic_load_explicit(&ring->answered, memory_order_acquire);
        for (; seen != answered; seen++)
            CHECK_EQ(ring->answer[seen % BLOCK_RING_ENTRIES].id, seen);
        while (submitted < THREADED && submitted - seen < BLOCK_RING_ENTRIES)
            submit(ring, &submitted, submitted);
        sched_yield();
    }
    return NULL;
}

static void test_threads(void)
{
    static struct block_ring ring;
    uint32_t taken = 0, answered = 0;
    struct block_request request;
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, client_thread, &ring), 0);
    while (answered < THREADED) {
        const int there = block_ring_take(&ring, taken, answered, &request);
        CHECK(there >= 0);
        if (there == 0) {
            sched_yield();
            continue;
        }
        CHECK_EQ(request.id, taken);
        CHECK_EQ(request.block, request.id * 3);
        taken++;
        (void)block_ring_answer(&ring, &answered, request.id, KERN_SUCCESS);
    }
    pthread_join(thread, NULL);
}

/* ---- one that is not ---- */

static void test_nonsense(void)
{
    static struct block_ring ring;
    struct block_request request;
    for (unsigned i = 0; i < 100000; i++) {
        const uint32_t answered = (uint32_t)check_random();
        const uint32_t taken = answered + (uint32_t)check_below(BLOCK_RING_ENTRIES + 1);
        const uint32_t submitted =
            answered + (check_below(2) ? (uint32_t)check_below(200) : (uint32_t)check_random());
        atomic_store(&ring.submitted, submitted);
        const int there = block_ring_take(&ring, taken, answered, &request);
        const bool sense =
            submitted - answered <= BLOCK_RING_ENTRIES && submitted - answered >= taken - answered;
        CHECK_EQ(there, !sense ? -1 : submitted != taken);
    }
}

static bool is_right(const struct block_request *r, const struct block_limits *l)
{
    const unsigned __int128 block_end = (unsigned __int128)r->block + r->count;
    const unsigned __int128 end =
        (unsigned __int128)r->offset + (unsigned __int128)r->count * l->block_size;
    if (r->operation == BLOCK_FLUSH)
        return true;
    if (r->operation > BLOCK_DISCARD || r->count == 0 || block_end > l->blocks)
        return false;
    if (r->operation != BLOCK_READ && l->read_only)
        return false;
    if (r->operation == BLOCK_DISCARD)
        return l->can_discard;
    return r->offset % 512 == 0 && r->offset >= BLOCK_RING_PAGE && end <= l->area_size &&
           r->count <= l->blocks_max;
}

/* Values around which something changes, or any. */
static uint64_t number_near(uint64_t limit)
{
    switch (check_below(6)) {
    case 0: return check_random();
    case 1: return UINT64_MAX - check_below(3);
    case 2: return check_below(3);
    case 3: return check_below(limit | 1) & ~UINT64_C(511);
    default: return limit + check_below(5) - 2;
    }
}

static void test_requests(void)
{
    unsigned accepted = 0;
    for (unsigned i = 0; i < 400000; i++) {
        const struct block_limits limits = {
            .area_size = PAGE * (1 + check_below(100)),
            .blocks = number_near(1000),
            .block_size = 512u << check_below(4),
            .blocks_max = 1 + (uint32_t)check_below(300),
            .read_only = check_below(4) == 0,
            .can_discard = check_below(2),
        };
        const struct block_request request = {
            .block = number_near(check_below(2) ? limits.blocks : 0),
            .offset = number_near(check_below(2) ? limits.area_size : BLOCK_RING_PAGE),
            .count = (uint32_t)number_near(limits.blocks_max),
            .operation = (uint32_t)check_below(6),
        };
        const kern_return_t kr = block_request_check(&request, &limits);
        CHECK_EQ(kr == KERN_SUCCESS, is_right(&request, &limits));
        accepted += kr == KERN_SUCCESS && request.operation <= BLOCK_WRITE;
    }
    CHECK(accepted > 500);
}

/* ---- memory ---- */

static void test_segments(void)
{
    enum { PAGES = 64 };
    uint64_t bus[PAGES];
    struct dma_segment segments[PAGES + 2];
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t next = PAGE * check_below(1000);
        bool hole = false;
        for (unsigned p = 0; p < PAGES; p++, next += PAGE) {
            if (check_below(3) == 0)
                next = PAGE * check_below(1 << 20);
            bus[p] = next;
        }
        const uint64_t offset = 512 * check_below(PAGES * 8);
        const uint64_t size = 512 * (1 + check_below((PAGES * PAGE - offset) / 512));
        if (check_below(4) == 0) {
            const uint64_t page = check_below(PAGES);
            bus[page] = BLOCK_UNREACHED;
            hole = page >= offset / PAGE && page <= (offset + size - 1) / PAGE;
        }
        const unsigned count = block_segments(bus, offset, size, segments);
        CHECK_EQ(count == 0, hole);
        uint64_t at = offset;
        for (unsigned s = 0; s < count; s++) {
            CHECK(s == 0 || segments[s - 1].bus + segments[s - 1].length != segments[s].bus);
            for (uint64_t byte = 0; byte < segments[s].length; byte += 512, at += 512)
                CHECK_EQ(segments[s].bus + byte, bus[at / PAGE] + at % PAGE);
        }
        CHECK(hole || at == offset + size);
    }
}

/* ---- a medium that grows and shrinks ---- */

static void test_stays(void)
{
    static const struct partition_table table = {
        .count = 3, .partition = {{.blocks = 1000}, {.first = 8, .blocks = 100}, {.first = 0}}};

    CHECK(block_partition_stays(&table, 0, 0, 1000));
    CHECK(block_partition_stays(&table, 0, 0, 999));
    CHECK(!block_partition_stays(&table, 0, 0, 1001)); /* it was longer */
    CHECK(block_partition_stays(&table, 1, 8, 100));
    CHECK(!block_partition_stays(&table, 1, 9, 99)); /* it was elsewhere */
    CHECK(!block_partition_stays(&table, 2, 0, 1));  /* it is gone */
    CHECK(!block_partition_stays(&table, 3, 0, 1));
    CHECK(!block_partition_stays(&table, UINT32_MAX, 0, 1));
}

/* ---- shares ---- */

/* Whoever asks for what, in any order: each partition gets one attachment of what is kept for it. */
static void test_shares(void)
{
    uint32_t attachments[BLOCK_PARTITIONS_MAX];
    uint64_t pages[BLOCK_PARTITIONS_MAX];

    for (unsigned round = 0; round < 200; round++) {
        const uint32_t partitions = 1 + (uint32_t)check_below(BLOCK_PARTITIONS_MAX);
        memset(attachments, 0, sizeof(attachments));
        memset(pages, 0, sizeof(pages));
        for (unsigned i = 0; i < 400; i++) {
            const uint32_t p = (uint32_t)check_below(partitions);
            const uint64_t wanted =
                check_below(3) ? 1 + check_below(BLOCK_SHARE_PAGES) : BLOCK_PAGES_KEPT;
            struct block_holdings held = {.own_attachments = attachments[p], .own_pages = pages[p]};
            for (uint32_t other = 0; other < partitions; other++) {
                held.attachments += attachments[other];
                held.pages += pages[other];
                held.unused += other != p && attachments[other] == 0;
            }
            const kern_return_t kr = block_may_attach(&held, wanted);
            if (attachments[p] == 0 && wanted <= BLOCK_PAGES_KEPT)
                CHECK_EQ(kr, KERN_SUCCESS);
            if (kr != KERN_SUCCESS)
                continue;
            attachments[p]++;
            pages[p] += wanted;
            CHECK(attachments[p] <= BLOCK_SHARE_ATTACHMENTS && pages[p] <= BLOCK_SHARE_PAGES);
            CHECK(held.attachments < BLOCK_ATTACHMENTS_MAX &&
                  held.pages + wanted <= BLOCK_PAGES_MAX);
        }
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_in_order();
    test_answered();
    test_threads();
    test_nonsense();
    test_requests();
    test_segments();
    test_stays();
    test_shares();
    return check_end();
}
