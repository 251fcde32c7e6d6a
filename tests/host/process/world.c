/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See world.h.
 */
#include "world.h"
#include "../check.h"
#include "crash.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <wharf/if/clock.h>
#include <wharf/if/exception_ports.h>
#include <wharf/if/host_tasks.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/if/timer.h>

enum { NAMES = 1 << 18 };

enum kind { NOTHING, TASK, THREAD, RECEIVE, REPLY, TIMER };

struct right {
    enum kind kind;
    bool dead, watched;
    uint32_t refs;     /* send rights of the server's and of messages; of a RECEIVE: the receive right */
    uint32_t senders;  /* of a RECEIVE */
    uint32_t suspended;
    uint32_t first, count; /* of a TASK: its threads' names */
    mach_port_name_t task; /* of a THREAD */
    uint64_t payload;
    struct thread_state_general state;
};

static struct right rights[NAMES];
static mach_port_name_t used;
static unsigned fail_at, allocations;
static bool failed;
static uint64_t now, armed;
static kern_return_t refusal;

static const struct start_info info = {
    .task = WORLD_SELF, .host_tasks = WORLD_HOST_TASKS, .clock = WORLD_CLOCK};
const struct start_info *program_start_info = &info;
unsigned world_answers;

/* ---- names ---- */

static bool fails(void)
{
    if (fail_at != 0 && ++allocations == fail_at) {
        failed = true;
        return true;
    }
    return false;
}

void world_fail_at(unsigned n)
{
    fail_at = n;
    allocations = 0;
    failed = false;
}

bool world_has_failed(void)
{
    return failed;
}

static struct right *at(mach_port_name_t name)
{
    CHECK(name >= WORLD_FIRST && name < used);
    return &rights[name];
}

/* What a process names may be anything. */
static struct right *of_kind(mach_port_name_t name, enum kind kind)
{
    return name >= WORLD_FIRST && name < used && rights[name].kind == kind && !rights[name].dead
               ? &rights[name]
               : NULL;
}

static mach_port_name_t make(struct right right)
{
    CHECK(used < NAMES);
    rights[used] = right;
    return used++;
}

mach_port_name_t world_task(unsigned threads)
{
    const mach_port_name_t task =
        make((struct right){.kind = TASK, .refs = 1, .first = used + 1, .count = threads});

    for (unsigned i = 0; i < threads; i++)
        make((struct right){.kind = THREAD, .task = task});
    return task;
}

mach_port_name_t world_thread(mach_port_name_t task, unsigned n)
{
    const struct right *t = at(task);

    return n < t->count ? world_copy(t->first + n) : MSG_NULL;
}

mach_port_name_t world_copy(mach_port_name_t name)
{
    struct right *r = at(name);

    *(r->kind == RECEIVE ? &r->senders : &r->refs) += 1;
    return name;
}

mach_port_name_t world_any(uint32_t which)
{
    const mach_port_name_t name = WORLD_FIRST + which % (used - WORLD_FIRST + 2);

    if (name >= used)
        return name == used ? MSG_NULL : MSG_DEAD;
    switch (rights[name].kind) {
    case TASK:
    case THREAD: break;
    case RECEIVE:
        if (!rights[name].dead)
            break;
        [[fallthrough]];
    default: return MSG_NULL;
    }
    return rights[name].dead && rights[name].refs == 0 ? MSG_DEAD : world_copy(name);
}

void world_drop(mach_port_name_t name)
{
    stub_release_right(name, MSG_MOVE_SEND);
}

void world_kill(mach_port_name_t task)
{
    (void)!task_terminate(task, 0);
}

bool world_is_alive(mach_port_name_t task)
{
    return !at(task)->dead;
}

unsigned world_suspended(mach_port_name_t task)
{
    return at(task)->suspended;
}

void world_refuse(kern_return_t kr)
{
    refusal = kr;
}

/* ---- ports ---- */

void stub_release_right(mach_port_name_t name, unsigned kind)
{
    struct right *r = at(name);

    if (r->kind == RECEIVE && kind == MSG_MOVE_SEND) { /* it was sent a right to its own port */
        CHECK(r->senders != 0);
        r->senders--;
        return;
    }
    CHECK(r->refs != 0);
    CHECK((kind == MSG_MOVE_RECEIVE) == (r->kind == RECEIVE));
    CHECK(kind != MSG_MOVE_SEND_ONCE || r->kind == REPLY);
    if (--r->refs != 0)
        return;
    r->watched = false; /* the request goes with the name */
    r->dead |= r->kind == RECEIVE;
}

kern_return_t port_allocate(mach_port_name_t task, uint32_t right, uint32_t *name)
{
    CHECK(task == WORLD_SELF && right == PORT_RIGHT_RECEIVE);
    if (fails())
        return KERN_LIMIT;
    *name = make((struct right){.kind = RECEIVE, .refs = 1});
    return KERN_SUCCESS;
}

kern_return_t port_set_payload(mach_port_name_t task, uint32_t name, uint64_t payload)
{
    CHECK_EQ(task, WORLD_SELF);
    at(name)->payload = payload;
    return KERN_SUCCESS;
}

kern_return_t port_move_member(mach_port_name_t task, uint32_t name, uint32_t set)
{
    CHECK(task == WORLD_SELF && set == WORLD_SET && at(name)->kind == RECEIVE);
    return KERN_SUCCESS;
}

kern_return_t port_insert_made_send(mach_port_name_t task, uint32_t name, mach_port_name_t right,
                                    uint32_t *got)
{
    CHECK_EQ(name, 0);
    if (fails())
        return KERN_RESOURCE_SHORTAGE;
    if (task != WORLD_SELF && !of_kind(task, TASK))
        return KERN_INVALID_CAPABILITY;
    at(right)->senders++;
    *got = right;
    return KERN_SUCCESS;
}

kern_return_t port_request_notification(mach_port_name_t task, uint32_t name, uint32_t id,
                                        uint32_t sync, mach_port_name_t notify,
                                        mach_port_name_t *previous)
{
    CHECK(task == WORLD_SELF && id == MSG_ID_DEAD_NAME && sync == 1 && notify == WORLD_EXCEPTIONS);
    if (fails())
        return KERN_RESOURCE_SHORTAGE;
    *previous = at(name)->watched ? make((struct right){.kind = REPLY, .refs = 1}) : MSG_NULL;
    at(name)->watched = true;
    return KERN_SUCCESS;
}

/* The request comes back as a right to what would have been sent. */
kern_return_t port_cancel_notification(mach_port_name_t task, uint32_t name, uint32_t id,
                                       mach_port_name_t *previous)
{
    CHECK(task == WORLD_SELF && id == MSG_ID_DEAD_NAME);
    *previous = MSG_NULL;
    if (at(name)->watched)
        *previous = make((struct right){.kind = REPLY, .refs = 1});
    at(name)->watched = false;
    return KERN_SUCCESS;
}

kern_return_t port_mod_refs(mach_port_name_t task, uint32_t name, uint32_t right, int32_t delta)
{
    CHECK(task == WORLD_SELF && right == PORT_RIGHT_SEND && delta == 1);
    if (name < WORLD_FIRST || name >= used || at(name)->dead || at(name)->kind == RECEIVE ||
        at(name)->refs == 0)
        return KERN_INVALID_RIGHT;
    at(name)->refs++;
    return KERN_SUCCESS;
}

kern_return_t server_keep_reply(struct server_message *message)
{
    if (fails())
        return KERN_LIMIT;
    message->reply = make((struct right){.kind = REPLY, .refs = 1});
    return KERN_SUCCESS;
}

kern_return_t process_reply_wait_child(mach_port_name_t reply, kern_return_t result)
{
    (void)result;
    if (at(reply)->dead)
        return MACH_SEND_INVALID_DEST;
    stub_release_right(reply, MSG_MOVE_SEND_ONCE);
    world_answers++;
    return KERN_SUCCESS;
}

/* ---- tasks and threads ---- */

kern_return_t host_tasks_set_essential(mach_port_name_t power, mach_port_name_t task, bool essential)
{
    CHECK(power == WORLD_HOST_TASKS && !essential);
    return of_kind(task, TASK) ? KERN_SUCCESS : KERN_INVALID_TASK;
}

kern_return_t host_tasks_tasks(mach_port_name_t power, mach_port_name_t after, mach_port_name_t *t0,
                               mach_port_name_t *t1, mach_port_name_t *t2, mach_port_name_t *t3,
                               mach_port_name_t *t4, mach_port_name_t *t5, mach_port_name_t *t6,
                               mach_port_name_t *t7)
{
    CHECK_EQ(power, WORLD_HOST_TASKS);
    *t0 = *t1 = *t2 = *t3 = *t4 = *t5 = *t6 = *t7 = MSG_NULL;
    return of_kind(after, TASK) ? KERN_SUCCESS : KERN_INVALID_TASK;
}

kern_return_t exception_ports_set(mach_port_name_t task, uint32_t slot, uint32_t flavour,
                                  uint32_t mask, mach_port_name_t port)
{
    CHECK(slot == EXCEPTION_PORTS_SLOT_HANDLER && flavour == EXCEPTION_PORTS_FLAVOUR_RIGHTS);
    CHECK(mask == EXCEPTION_ALL && port == WORLD_EXCEPTIONS);
    return of_kind(task, TASK) ? KERN_SUCCESS : KERN_INVALID_CAPABILITY;
}

kern_return_t task_terminate(mach_port_name_t task, uint32_t status)
{
    struct right *t = of_kind(task, TASK);

    (void)status;
    if (!t)
        return KERN_TERMINATED;
    t->dead = true;
    for (uint32_t i = 0; i < t->count; i++)
        rights[t->first + i].dead = true;
    return KERN_SUCCESS;
}

kern_return_t task_suspend(mach_port_name_t task)
{
    struct right *t = of_kind(task, TASK);

    if (!t)
        return KERN_TERMINATED;
    t->suspended++;
    return KERN_SUCCESS;
}

kern_return_t task_resume(mach_port_name_t task)
{
    struct right *t = of_kind(task, TASK);

    if (!t)
        return KERN_TERMINATED;
    CHECK(t->suspended != 0);
    t->suspended--;
    return KERN_SUCCESS;
}

kern_return_t task_info(mach_port_name_t task, struct task_info *out)
{
    if (!of_kind(task, TASK))
        return KERN_TERMINATED;
    *out = (struct task_info){.ended_time = 1};
    return KERN_SUCCESS;
}

kern_return_t task_threads(mach_port_name_t task, mach_port_name_t after, mach_port_name_t *t0,
                           mach_port_name_t *t1, mach_port_name_t *t2, mach_port_name_t *t3,
                           mach_port_name_t *t4, mach_port_name_t *t5, mach_port_name_t *t6,
                           mach_port_name_t *t7)
{
    mach_port_name_t *out[] = {t0, t1, t2, t3, t4, t5, t6, t7};
    const struct right *t = of_kind(task, TASK), *thread = of_kind(after, THREAD);

    if (!t)
        return KERN_TERMINATED;
    if (after != MSG_NULL && (!thread || thread->task != task))
        return thread ? KERN_NOT_FOUND : KERN_INVALID_CAPABILITY;
    uint32_t n = after != MSG_NULL ? after - t->first + 1 : 0;
    for (unsigned i = 0; i < 8; i++)
        *out[i] = n < t->count ? world_copy(t->first + n++) : MSG_NULL;
    return KERN_SUCCESS;
}

kern_return_t thread_suspend(mach_port_name_t thread)
{
    struct right *t = of_kind(thread, THREAD);

    if (!t)
        return KERN_TERMINATED;
    t->suspended++;
    return KERN_SUCCESS;
}

kern_return_t thread_resume(mach_port_name_t thread)
{
    struct right *t = of_kind(thread, THREAD);

    if (!t)
        return KERN_TERMINATED;
    if (t->suspended == 0)
        return KERN_FAILURE;
    t->suspended--;
    return KERN_SUCCESS;
}

kern_return_t thread_abort_safely(mach_port_name_t thread)
{
    const kern_return_t kr = refusal;

    if (!of_kind(thread, THREAD))
        return KERN_TERMINATED;
    refusal = KERN_SUCCESS;
    return kr != KERN_SUCCESS ? kr : KERN_NOT_WAITING;
}

kern_return_t thread_get_state(mach_port_name_t thread, uint32_t flavour, uint64_t *state,
                               uint32_t *count)
{
    const struct right *t = of_kind(thread, THREAD);

    if (!t)
        return KERN_TERMINATED;
    CHECK(flavour == THREAD_STATE_GENERAL && t->suspended != 0);
    memcpy(state, &t->state, sizeof(t->state));
    *count = sizeof(t->state) / sizeof(uint64_t);
    return KERN_SUCCESS;
}

kern_return_t thread_set_state(mach_port_name_t thread, uint32_t flavour, const uint64_t *state,
                               uint32_t count)
{
    struct right *t = of_kind(thread, THREAD);

    if (!t)
        return KERN_TERMINATED;
    CHECK(flavour == THREAD_STATE_GENERAL && t->suspended != 0);
    CHECK_EQ(count, sizeof(t->state) / sizeof(uint64_t));
    memcpy(&t->state, state, sizeof(t->state));
    return KERN_SUCCESS;
}

kern_return_t thread_info(mach_port_name_t thread, struct thread_info *out)
{
    if (!of_kind(thread, THREAD))
        return KERN_TERMINATED;
    *out = (struct thread_info){.id = thread, .cpu_time = 1, .state = THREAD_DOES_READY};
    return KERN_SUCCESS;
}

/* ---- time ---- */

uint64_t kernel_clock_now(void)
{
    return ++now;
}

kern_return_t clock_create_timer(mach_port_name_t clock, mach_port_name_t *timer)
{
    CHECK_EQ(clock, WORLD_CLOCK);
    *timer = make((struct right){.kind = TIMER, .refs = 1});
    return KERN_SUCCESS;
}

kern_return_t timer_arm_once(mach_port_name_t timer, uint64_t moment, uint64_t payload, uint32_t id,
                             mach_port_name_t notify)
{
    (void)timer, (void)payload;
    CHECK(id == PROCESSES_ID_TICK && notify == WORLD_EXCEPTIONS);
    armed = moment != 0 ? moment : 1;
    return KERN_SUCCESS;
}

void world_pass(uint64_t nanoseconds)
{
    now += nanoseconds;
}

/* ---- reports of crashes ---- */

/* A report that is done at once. */
void crash_report(struct process *p, mach_port_name_t thread, uint32_t number, uint32_t kind,
                  uint64_t code, uint64_t address)
{
    (void)kind, (void)code, (void)address;
    stub_release_right(thread, MSG_MOVE_SEND);
    effect_end(p, number);
    signals_end(p, (int32_t)(number | 0x80));
}

void crash_reported(uint64_t payload)
{
    (void)payload;
}

void crash_due(struct process *p, uint64_t moment, uint64_t *next)
{
    (void)p, (void)moment, (void)next;
}

/* ---- the world ---- */

void world_begin(void)
{
    memset(rights, 0, used * sizeof(rights[0]));
    used = WORLD_FIRST;
    armed = 0;
    refusal = KERN_SUCCESS;
    world_fail_at(0);
    tasks_set = WORLD_SET;
    tasks_exceptions = tasks_exception_send = WORLD_EXCEPTIONS;
    table_reset();
    tasks_reset();
}

struct server_message *world_message(int32_t pid)
{
    static struct server_message message;
    const struct process *p = pid != 0 ? table_find(pid) : NULL;

    message = (struct server_message){.reply = MSG_REPLY};
    message.received.local = SERVER_PAYLOAD_SERVICE;
    if (pid != 0 && (!p || p->port == MSG_NULL))
        return NULL;
    if (p)
        message.received.local = at(p->port)->payload;
    return &message;
}

kern_return_t world_done(kern_return_t kr, mach_port_name_t one, mach_port_name_t other)
{
    if (kr != KERN_SUCCESS && kr != MIG_NO_REPLY) {
        if (one >= WORLD_FIRST && one < used)
            world_drop(one);
        if (other >= WORLD_FIRST && other < used)
            world_drop(other);
    }
    return kr;
}

/* The notification's own reference goes with it, as in main.c. */
static bool tell_deaths(void)
{
    bool any = false;

    for (mach_port_name_t name = WORLD_FIRST; name < used; name++) {
        if (rights[name].kind != TASK || !rights[name].dead || !rights[name].watched)
            continue;
        rights[name].watched = false;
        if (rights[name].refs == 0)
            continue; /* the request went with the last right */
        rights[name].refs++;
        tasks_died(name);
        world_drop(name);
        any = true;
    }
    return any;
}

void world_settle(void)
{
    enum { TICKS = 64 };

    for (unsigned i = 0; i < TICKS; i++) {
        const bool died = tell_deaths(), due = armed != 0 && armed <= now;
        if (due) {
            armed = 0;
            tasks_alarms();
        }
        if (!died && !due)
            break;
    }
}

void world_lose_answers(void)
{
    for (mach_port_name_t name = WORLD_FIRST; name < used; name++)
        if (rights[name].kind == REPLY && rights[name].refs != 0)
            rights[name].dead = true;
}

void world_end(void)
{
    world_fail_at(0);
    for (mach_port_name_t name = WORLD_FIRST; name < used; name++)
        if (rights[name].kind == TASK && !rights[name].dead)
            world_kill(name);
    world_settle();
    CHECK_EQ(table_count(), 0);
    for (mach_port_name_t name = WORLD_FIRST; name < used; name++)
        if (rights[name].kind != TIMER)
            CHECK_EQ(rights[name].refs, 0);
}
