/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See world.h.
 */
#include "../check.h"
#include "crash.h"
#include "world_impl.h"
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

struct right world_rights[WORLD_NAMES];
mach_port_name_t world_used;
static unsigned fail_at, allocations;
static bool failed;
uint64_t world_now, world_armed;
kern_return_t world_refusal;

static const struct start_info info = {.task = WORLD_SELF,
                                       .host_tasks = WORLD_HOST_TASKS,
                                       .clock = WORLD_CLOCK};
const struct start_info *program_start_info = &info;
unsigned world_answers;

/* ---- names ---- */

bool world_fails(void)
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

struct right *world_at(mach_port_name_t name)
{
    CHECK(name >= WORLD_FIRST && name < world_used);
    return &world_rights[name];
}

/* What a process names may be anything. */
struct right *world_of_kind(mach_port_name_t name, enum kind kind)
{
    return name >= WORLD_FIRST && name < world_used && world_rights[name].kind == kind &&
                   !world_rights[name].dead
               ? &world_rights[name]
               : NULL;
}

mach_port_name_t world_make(struct right right)
{
    CHECK(world_used < WORLD_NAMES);
    world_rights[world_used] = right;
    return world_used++;
}

mach_port_name_t world_task(unsigned threads)
{
    const mach_port_name_t task = world_make(
        (struct right){.kind = TASK, .refs = 1, .first = world_used + 1, .count = threads});

    for (unsigned i = 0; i < threads; i++)
        world_make((struct right){.kind = THREAD, .task = task});
    return task;
}

mach_port_name_t world_thread(mach_port_name_t task, unsigned n)
{
    const struct right *t = world_at(task);

    return n < t->count ? world_copy(t->first + n) : MSG_NULL;
}

mach_port_name_t world_copy(mach_port_name_t name)
{
    struct right *r = world_at(name);

    *(r->kind == RECEIVE ? &r->senders : &r->refs) += 1;
    return name;
}

mach_port_name_t world_any(uint32_t which)
{
    const mach_port_name_t name = WORLD_FIRST + which % (world_used - WORLD_FIRST + 2);

    if (name >= world_used)
        return name == world_used ? MSG_NULL : MSG_DEAD;
    switch (world_rights[name].kind) {
    case TASK:
    case THREAD: break;
    case RECEIVE:
        if (!world_rights[name].dead)
            break;
        [[fallthrough]];
    default: return MSG_NULL;
    }
    return world_rights[name].dead && world_rights[name].refs == 0 ? MSG_DEAD : world_copy(name);
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
    return !world_at(task)->dead;
}

unsigned world_suspended(mach_port_name_t task)
{
    return world_at(task)->suspended;
}

void world_refuse(kern_return_t kr)
{
    world_refusal = kr;
}

/* ---- ports ---- */

void stub_release_right(mach_port_name_t name, unsigned kind)
{
    struct right *r = world_at(name);

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
    if (world_fails())
        return KERN_LIMIT;
    *name = world_make((struct right){.kind = RECEIVE, .refs = 1});
    return KERN_SUCCESS;
}

kern_return_t port_set_payload(mach_port_name_t task, uint32_t name, uint64_t payload)
{
    CHECK_EQ(task, WORLD_SELF);
    world_at(name)->payload = payload;
    return KERN_SUCCESS;
}

kern_return_t port_move_member(mach_port_name_t task, uint32_t name, uint32_t set)
{
    CHECK(task == WORLD_SELF && set == WORLD_SET && world_at(name)->kind == RECEIVE);
    return KERN_SUCCESS;
}

kern_return_t port_insert_made_send(mach_port_name_t task, uint32_t name, mach_port_name_t right,
                                    uint32_t *got)
{
    CHECK_EQ(name, 0);
    if (world_fails())
        return KERN_RESOURCE_SHORTAGE;
    if (task != WORLD_SELF && !world_of_kind(task, TASK))
        return KERN_INVALID_CAPABILITY;
    world_at(right)->senders++;
    *got = right;
    return KERN_SUCCESS;
}

kern_return_t port_request_notification(mach_port_name_t task, uint32_t name, uint32_t id,
                                        uint32_t sync, mach_port_name_t notify,
                                        mach_port_name_t *previous)
{
    CHECK(task == WORLD_SELF && id == MSG_ID_DEAD_NAME && sync == 1 && notify == WORLD_EXCEPTIONS);
    if (world_fails())
        return KERN_RESOURCE_SHORTAGE;
    *previous =
        world_at(name)->watched ? world_make((struct right){.kind = REPLY, .refs = 1}) : MSG_NULL;
    world_at(name)->watched = true;
    return KERN_SUCCESS;
}

/* The request comes back as a right to what would have been sent. */
kern_return_t port_cancel_notification(mach_port_name_t task, uint32_t name, uint32_t id,
                                       mach_port_name_t *previous)
{
    CHECK(task == WORLD_SELF && id == MSG_ID_DEAD_NAME);
    *previous = MSG_NULL;
    if (world_at(name)->watched)
        *previous = world_make((struct right){.kind = REPLY, .refs = 1});
    world_at(name)->watched = false;
    return KERN_SUCCESS;
}

kern_return_t port_mod_refs(mach_port_name_t task, uint32_t name, uint32_t right, int32_t delta)
{
    CHECK(task == WORLD_SELF && right == PORT_RIGHT_SEND && delta == 1);
    if (name < WORLD_FIRST || name >= world_used || world_at(name)->dead ||
        world_at(name)->kind == RECEIVE || world_at(name)->refs == 0)
        return KERN_INVALID_RIGHT;
    world_at(name)->refs++;
    return KERN_SUCCESS;
}

kern_return_t server_keep_reply(struct server_message *message)
{
    if (world_fails())
        return KERN_LIMIT;
    message->reply = world_make((struct right){.kind = REPLY, .refs = 1});
    return KERN_SUCCESS;
}

kern_return_t process_reply_wait_child(mach_port_name_t reply, kern_return_t result)
{
    (void)result;
    if (world_at(reply)->dead)
        return MACH_SEND_INVALID_DEST;
    stub_release_right(reply, MSG_MOVE_SEND_ONCE);
    world_answers++;
    return KERN_SUCCESS;
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
    memset(world_rights, 0, world_used * sizeof(world_rights[0]));
    world_used = WORLD_FIRST;
    world_armed = 0;
    world_refusal = KERN_SUCCESS;
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
        message.received.local = world_at(p->port)->payload;
    return &message;
}

kern_return_t world_done(kern_return_t kr, mach_port_name_t one, mach_port_name_t other)
{
    if (kr != KERN_SUCCESS && kr != MIG_NO_REPLY) {
        if (one >= WORLD_FIRST && one < world_used)
            world_drop(one);
        if (other >= WORLD_FIRST && other < world_used)
            world_drop(other);
    }
    return kr;
}

/* The notification's own reference goes with it, as in main.c. */
static bool tell_deaths(void)
{
    bool any = false;

    for (mach_port_name_t name = WORLD_FIRST; name < world_used; name++) {
        if (world_rights[name].kind != TASK || !world_rights[name].dead ||
            !world_rights[name].watched)
            continue;
        world_rights[name].watched = false;
        if (world_rights[name].refs == 0)
            continue; /* the request went with the last right */
        world_rights[name].refs++;
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
        const bool died = tell_deaths(), due = world_armed != 0 && world_armed <= world_now;
        if (due) {
            world_armed = 0;
            tasks_alarms();
        }
        if (!died && !due)
            break;
    }
}

void world_lose_answers(void)
{
    for (mach_port_name_t name = WORLD_FIRST; name < world_used; name++)
        if (world_rights[name].kind == REPLY && world_rights[name].refs != 0)
            world_rights[name].dead = true;
}

void world_end(void)
{
    world_fail_at(0);
    for (mach_port_name_t name = WORLD_FIRST; name < world_used; name++)
        if (world_rights[name].kind == TASK && !world_rights[name].dead)
            world_kill(name);
    world_settle();
    CHECK_EQ(table_count(), 0);
    for (mach_port_name_t name = WORLD_FIRST; name < world_used; name++)
        if (world_rights[name].kind != TIMER)
            CHECK_EQ(world_rights[name].refs, 0);
}
