/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The storm (storm.h). Two objects: one that two tasks map all the time, whose four threads touch it, and a copy of it, and have the
 * kernel read and write it; and one that two programs map, use and unmap again and again, so that it ends while it is mapped anew.
 *
 *      test_vm_storm [threads]     WHARF_SEED, WHARF_RUNS, WHARF_STEPS (of a program), WHARF_CPUS
 */
#include "storm.h"

#include <kern/map.h>
#include <kern/paged_object.h>
#include <string.h>

enum { WORKERS = 4, MOVERS = 2, WINDOW_VA = 0x40000000, COPY_VA = 0x48000000 };

/* Own thread only. */
struct worker {
    struct actor *actor;
    uint32_t own_task, memory; /* names of its task and, a mover's, of the object */
    uint64_t random, steps;
    unsigned slot;
    enum { IDLE, RESTS, READS, WRITES, READS_COPY, WRITES_COPY, ASKS, TELLS, MAPS, UNMAPS } does;
    unsigned page;
    uint32_t value;
    uint64_t mapped; /* a mover's; 0: not */
    uint32_t word[STORM_PAGES];
    struct {
        uint32_t seen;
        bool own; /* it has been written to: it stays as it is */
    } copy[STORM_PAGES];
};

/* What programs write while the kernel copies it is theirs to see: whole words, old or new. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race_top:^move$\nrace:^copy_piece$\n";
}

static struct worker workers[WORKERS + MOVERS];
static struct storm_pager pagers[2];

static uint64_t below(struct worker *w, uint64_t bound)
{
    return host_random_below(&w->random, bound);
}

/* ---- actions ---- */

static vaddr_t place(const struct worker *w, vaddr_t base)
{
    return base + (vaddr_t)w->page * PAGE + w->slot * 4;
}

static void touch(struct worker *w, vaddr_t base, bool writes, struct host_action *next)
{
    *next = (struct host_action){.kind = HOST_TOUCH,
                                 .va = place(w, base),
                                 .access = writes ? ACCESS_WRITE : ACCESS_READ,
                                 .value = w->value};
}

static void call(struct worker *w, uint32_t id, struct message m, struct host_action *next)
{
    m.dest = w->own_task;
    m.remote = MSG_COPY_SEND;
    m.id = id;
    m.how_local = MSG_MAKE_REPLY;
    m.receive = MSG_REPLY;
    m.size = 256;
    fill_action(w->actor, &m, next);
}

static void map(struct worker *w, struct host_action *next)
{
    struct message m = {.length = 56, .descriptors = 1};
    put_descriptor(w->actor, &m, 0,
                   (struct msg_descriptor){.value = w->memory,
                                           .kind = MSG_PORT,
                                           .disposition = MSG_COPY_SEND});
    m.body[2] = 0;
    m.body[3] = STORM_PAGES * PAGE;
    m.body[4] = 0;
    m.body[5] = VM_ANYWHERE | (uint64_t)RW << 32;
    m.body[6] = RW | (uint64_t)VM_INHERIT_SHARE << 32;
    call(w, VM_ID_MAP, m, next);
}

static void act(struct worker *w, vaddr_t base, struct host_action *next)
{
    switch (w->does) {
    case READS: touch(w, base, false, next); break;
    case WRITES: touch(w, base, true, next); break;
    case READS_COPY: touch(w, COPY_VA, false, next); break;
    case WRITES_COPY: touch(w, COPY_VA, true, next); break;
    case ASKS:
        call(w, VM_ID_READ, (struct message){.length = 16, .body = {place(w, base), 4}}, next);
        break;
    case TELLS:
        call(w, VM_ID_WRITE,
             (struct message){.length = 16, .body = {place(w, base), 4 | (uint64_t)w->value << 32}},
             next);
        break;
    case MAPS: map(w, next); break;
    case RESTS:
        *next = (struct host_action){.kind = HOST_BURN, .ticks = 1 + below(w, 20000)};
        break;
    default:
        call(w, VM_ID_DEALLOCATE,
             (struct message){.length = 16, .body = {w->mapped, STORM_PAGES * PAGE}}, next);
        break;
    }
}

/* ---- what came of it ---- */

static void check_call(const struct worker *w)
{
    CHECK_EQUAL(w->actor->x[0], 0);
    CHECK_EQUAL(got_id(w->actor), KERN_SUCCESS);
}

static uint32_t loaded(const struct worker *w)
{
    return (uint32_t)w->actor->thread->arch.program.loaded;
}

/* Its word there is one that it has written, not before what it saw last. */
static void check_copy(struct worker *w, uint32_t word)
{
    CHECK(word >= w->copy[w->page].seen && word <= w->value);
    CHECK(!w->copy[w->page].own || word == w->copy[w->page].seen);
    w->copy[w->page].seen = word;
}

static void check(struct worker *w)
{
    switch (w->does) {
    case READS: CHECK_EQUAL(loaded(w), w->word[w->page]); break;
    case READS_COPY: check_copy(w, loaded(w)); break;
    case WRITES_COPY:
        w->copy[w->page].seen = w->value;
        w->copy[w->page].own = true;
        break;
    case ASKS:
        check_call(w);
        CHECK_EQUAL(got_word(w->actor, 0) >> 32, w->word[w->page]);
        break;
    case TELLS: check_call(w); [[fallthrough]];
    case WRITES: w->word[w->page] = w->value; break;
    case MAPS:
        check_call(w);
        w->mapped = got_word(w->actor, 0);
        break;
    case UNMAPS:
        check_call(w);
        w->mapped = 0;
        break;
    case RESTS:
    case IDLE: break;
    }
}

/* ---- programs ---- */

static bool work(struct actor *self, struct host_action *next)
{
    static const uint8_t what[] = {READS, READS,      WRITES,     WRITES,     ASKS,
                                   TELLS, READS_COPY, READS_COPY, WRITES_COPY};
    struct worker *w = (struct worker *)(uintptr_t)self->state[0];
    check(w);
    if (w->steps-- == 0)
        return false;
    w->does = what[below(w, array_count(what) - (below(w, 4) > 0))];
    w->page = (unsigned)below(w, STORM_PAGES);
    if (w->does == WRITES || w->does == TELLS || w->does == WRITES_COPY)
        w->value++;
    act(w, WINDOW_VA, next);
    return true;
}

/* It goes without a mapping only from one to the next. */
static bool move(struct actor *self, struct host_action *next)
{
    static const uint8_t what[] = {READS, WRITES, ASKS, UNMAPS, UNMAPS};
    struct worker *w = (struct worker *)(uintptr_t)self->state[0];
    check(w);
    if (w->steps-- == 0)
        return false;
    w->does = w->mapped ? what[below(w, array_count(what))] : below(w, 2) ? MAPS : RESTS;
    w->page = (unsigned)below(w, STORM_PAGES);
    if (w->does == WRITES)
        w->value++;
    act(w, w->mapped, next);
    return true;
}

/* ---- the world ---- */

struct gift {
    struct actor *to;
    struct task *task;
    uint32_t name;
};

static void do_give(void *argument)
{
    struct gift *gift = argument;
    struct kright right = port_send_right(gift->task->self_port);
    CHECK_EQUAL(space_reserve(gift->to->task->space, 1), KERN_SUCCESS);
    gift->name = space_insert(gift->to->task->space, &right);
}

static uint32_t task_name(struct actor *to, struct actor *of)
{
    struct gift gift = {.to = to, .task = of->task};
    in_kernel(do_give, &gift);
    return gift.name;
}

static void set_patience(void *nothing)
{
    (void)nothing;
    paged_object_set_patience(3600 * SECOND);
}

static void begin_pager(struct storm_pager *p, uint64_t seed)
{
    *p = (struct storm_pager){.actor = actor_new(), .random = seed};
    p->port = port_new(p->actor);
    p->own_task = task_name(p->actor, p->actor);
    OK(vm_allocate(task_name(me.actor, p->actor), 0, STORM_PAGES * PAGE, VM_ANYWHERE, &p->store));
    p->actor->state[0] = (uintptr_t)p;
    run_program(p->actor, storm_pager_program);
}

static void map_window(struct worker *w, uint64_t at, uint32_t flags, uint32_t port)
{
    OK(vm_map(task_name(me.actor, w->actor), at, STORM_PAGES * PAGE, 0, flags, port, RW, RW,
              VM_INHERIT_SHARE, &at));
}

static void begin_worker(unsigned n, uint64_t seed, uint64_t steps, uint32_t port)
{
    struct worker *w = &workers[n];
    bool moves = n >= WORKERS;
    *w = (struct worker){.slot = n, .random = seed + n * 77, .steps = steps};
    w->actor =
        n % 2 == 1 && !moves ? actor_mate(workers[n - 1].actor, ACTOR_PRIORITY) : actor_new();
    w->own_task = task_name(w->actor, w->actor);
    w->actor->state[0] = (uintptr_t)w;
    if (moves) {
        w->memory = send_to(w->actor, pagers[1].actor, pagers[1].port);
    } else if (n % 2 == 0) {
        map_window(w, WINDOW_VA, 0, port);
        map_window(w, COPY_VA, VM_COPY, port);
    }
}

static bool all_done(void)
{
    for (unsigned i = 0; i < array_count(workers); i++)
        if (!is_done(workers[i].actor))
            return false;
    return true;
}

static void storm(uint64_t seed, uint64_t steps)
{
    enter();
    in_kernel(set_patience, NULL);
    for (unsigned i = 0; i < 2; i++)
        begin_pager(&pagers[i], seed + i * 1000);
    uint32_t port = send_to(me.actor, pagers[0].actor, pagers[0].port);
    for (unsigned i = 0; i < array_count(workers); i++)
        begin_worker(i, seed * 31, steps, port);
    for (unsigned i = 0; i < array_count(workers); i++)
        run_program(workers[i].actor, i < WORKERS ? work : move);
    for (unsigned n = 0; !all_done(); n++) {
        (void)host_machine_run(20000, TICKS_NEVER);
        CHECK(n < 1000000);
    }
    for (unsigned i = 0; i < 2; i++)
        atomic_store(&pagers[i].stop, true);
    for (unsigned i = 0; i < 2; i++)
        while (!is_done(pagers[i].actor))
            (void)host_machine_run(1000, TICKS_NEVER);
    for (unsigned i = 0; i < 2; i++)
        printf("seed %llu, object %u: %u times made, %u requests, %u returns, %u ends\n",
               (unsigned long long)seed, i, pagers[i].inits, pagers[i].requests, pagers[i].returns,
               pagers[i].ends);
}

/* ---- runs ---- */

static bool threads;

static void one_run(void *argument)
{
    static char line[200];
    uint64_t seed = *(uint64_t *)argument, steps = parameter("WHARF_STEPS", 400);
    unsigned cpus = (unsigned)parameter("WHARF_CPUS", 2 + (seed - 1) % 3);
    snprintf(line, sizeof(line),
             "WHARF_SEED=%llu WHARF_RUNS=1 WHARF_STEPS=%llu WHARF_CPUS=%u test_vm_storm%s",
             (unsigned long long)seed, (unsigned long long)steps, cpus, threads ? " threads" : "");
    host_set_repeat_line(line);
    ipc_start(seed, cpus, threads);
    storm(seed, steps);
    ipc_end();
}

int main(int argc, char **argv)
{
    fix_addresses(argv);
    uint64_t first = parameter("WHARF_SEED", 1), runs = parameter("WHARF_RUNS", 6);
    threads = argc > 1 && strcmp(argv[1], "threads") == 0;
    return world_runs(one_run, first, runs) ? 0 : 1;
}
