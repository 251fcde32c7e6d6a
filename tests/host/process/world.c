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
#include <wharf/if/port.h>

/* Of a process's names: W4. */
enum { THEIRS = 1 << 24 };

struct right world_rights[WORLD_NAMES];
mach_port_name_t world_used;
uint64_t world_now, world_armed;
kern_return_t world_refusal;

static const struct start_info info = {.task = WORLD_SELF,
                                       .host_tasks = WORLD_HOST_TASKS,
                                       .clock = WORLD_CLOCK};
const struct start_info *program_start_info = &info;
unsigned world_answers;

/* ---- names ---- */

struct right *world_at(mach_port_name_t name)
{
    CHECK(name >= WORLD_FIRST && name < world_used);
    return &world_rights[name];
}

bool world_is_held(mach_port_name_t name)
{
    return name >= WORLD_FIRST && name < world_used &&
           (world_rights[name].refs != 0 || world_rights[name].sends != 0);
}

struct right *world_target(mach_port_name_t name, enum kind kind)
{
    CHECK(world_is_held(name) && world_rights[name].kind == kind);
    return world_rights[name].dead ? NULL : &world_rights[name];
}

kern_return_t world_find_task(mach_port_name_t name)
{
    if (!world_is_held(name))
        return KERN_INVALID_NAME;
    if (world_rights[name].dead)
        return KERN_INVALID_RIGHT; /* a dead name */
    return world_rights[name].kind == TASK ? KERN_SUCCESS : KERN_INVALID_TASK;
}

mach_port_name_t world_make(struct right right)
{
    CHECK(world_used < WORLD_NAMES);
    world_rights[world_used] = right;
    return world_used++;
}

mach_port_name_t world_task(unsigned threads)
{
    const mach_port_name_t task =
        world_make((struct right){.kind = TASK, .first = world_used + 1, .count = threads});

    for (unsigned i = 0; i < threads; i++)
        world_make((struct right){.kind = THREAD, .task = task, .cpu_time = 1 + world_used % 97});
    return task;
}

mach_port_name_t world_thread(mach_port_name_t task, unsigned n)
{
    const struct right *t = world_at(task);

    return n < t->count ? t->first + n : MSG_NULL;
}

uint32_t world_theirs(mach_port_name_t name)
{
    return name | THEIRS;
}

uint32_t world_any_theirs(uint32_t which)
{
    const mach_port_name_t name = WORLD_FIRST + which % (world_used - WORLD_FIRST + 4);

    return name < world_used        ? world_theirs(name)
           : name == world_used     ? MSG_NULL
           : name == world_used + 1 ? MSG_DEAD
           : name == world_used + 2 ? which /* the server's own name, perhaps */
                                    : world_theirs(name);
}

mach_port_name_t world_copy(mach_port_name_t name)
{
    struct right *r = world_at(name);

    *(r->kind == RECEIVE ? &r->sends : &r->refs) += 1;
    return name;
}

mach_port_name_t world_any(uint32_t which)
{
    const mach_port_name_t name = WORLD_FIRST + which % (world_used - WORLD_FIRST + 2);

    if (name >= world_used)
        return name == world_used ? MSG_NULL : MSG_DEAD;
    const struct right *r = &world_rights[name];
    if (r->kind != TASK && r->kind != THREAD && r->kind != RECEIVE)
        return MSG_NULL;
    return r->dead ? MSG_DEAD
                   : world_copy(
                         name); /* what is dead is sent as that, whoever has a name for it still */
}

void world_drop(mach_port_name_t name)
{
    stub_release_right(name, MSG_MOVE_SEND);
}

bool world_is_port(mach_port_name_t name)
{
    return world_at(name)->kind == RECEIVE;
}

void world_kill(mach_port_name_t name)
{
    struct right *r = world_at(name);

    if (!r->dead)
        world_die(r);
}

bool world_is_alive(mach_port_name_t name)
{
    return !world_at(name)->dead;
}

unsigned world_suspended(mach_port_name_t name)
{
    return world_at(name)->suspended;
}

void world_suspend(mach_port_name_t name)
{
    world_at(name)->suspended++;
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
        CHECK(r->sends != 0);
        r->sends--;
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

kern_return_t port_construct(mach_port_name_t task, uint64_t payload, uint32_t set, uint32_t *name)
{
    CHECK(task == WORLD_SELF && set == WORLD_SET);
    if (world_fails())
        return KERN_LIMIT;
    *name = world_make((struct right){.kind = RECEIVE, .refs = 1, .payload = payload});
    return KERN_SUCCESS;
}

kern_return_t port_kobject(mach_port_name_t task, uint32_t name, uint32_t *kind)
{
    CHECK_EQ(task, WORLD_SELF);
    if (!world_is_held(name))
        return KERN_INVALID_NAME;
    const struct right *r = world_at(name);
    if (r->dead || r->kind == REPLY || (r->kind == RECEIVE && r->sends == 0))
        return KERN_INVALID_RIGHT;
    *kind = r->kind == TASK      ? PORT_KOBJECT_TASK
            : r->kind == THREAD  ? PORT_KOBJECT_THREAD
            : r->kind == RECEIVE ? PORT_KOBJECT_NONE
                                 : PORT_KOBJECT_OTHER;
    return KERN_SUCCESS;
}

kern_return_t port_insert_made_send(mach_port_name_t task, uint32_t name, mach_port_name_t right,
                                    uint32_t *got)
{
    CHECK(task == WORLD_SELF && name == 0);
    CHECK(world_at(right)->kind == RECEIVE && world_at(right)->refs == 1);
    if (world_fails())
        return KERN_RESOURCE_SHORTAGE;
    *got = world_copy(right);
    return KERN_SUCCESS;
}

/* What another task has is not counted. */
kern_return_t port_give_made_send(mach_port_name_t task, uint32_t name, uint32_t to, uint32_t *got)
{
    CHECK(task == WORLD_SELF && world_at(name)->kind == RECEIVE && world_at(name)->refs == 1);
    const kern_return_t kr = world_find_task(to);
    if (kr == KERN_SUCCESS && world_fails())
        return KERN_RESOURCE_SHORTAGE;
    *got = world_theirs(name);
    return kr;
}

kern_return_t port_fetch_send(mach_port_name_t task, uint32_t from, uint32_t its, uint32_t *got,
                              uint32_t *kind)
{
    const mach_port_name_t name = its & ~(uint32_t)THEIRS;

    CHECK_EQ(task, WORLD_SELF);
    const kern_return_t kr = world_find_task(from);
    if (kr != KERN_SUCCESS)
        return kr;
    if (!(its & THEIRS) || name < WORLD_FIRST || name >= world_used)
        return KERN_INVALID_NAME;
    const struct right *r = &world_rights[name];
    if (r->kind != TASK && r->kind != THREAD && r->kind != RECEIVE)
        return KERN_INVALID_RIGHT;
    if (r->dead)
        return KERN_INVALID_CAPABILITY;
    if (world_fails())
        return KERN_RESOURCE_SHORTAGE;
    *got = world_copy(name);
    return port_kobject(task, name, kind);
}

static void tell(struct right *r)
{
    r->watched = false;
    r->refs++;
    r->told++;
}

static void die(struct right *right)
{
    right->dead = true;
    if (right->watched)
        tell(right);
}

static bool has_threads(const struct right *task)
{
    for (uint32_t i = 0; i < task->count; i++)
        if (!world_rights[task->first + i].dead)
            return true;
    return false;
}

/* A task ends with its last thread. */
void world_die(struct right *right)
{
    struct right *task = right->kind == TASK ? right : &world_rights[right->task];

    for (uint32_t i = 0; i < task->count; i++) {
        struct right *thread = &world_rights[task->first + i];
        if (thread->dead || (right != task && right != thread))
            continue;
        task->cpu_time += thread->cpu_time;
        die(thread);
    }
    if (!has_threads(task))
        die(task);
}

kern_return_t port_watch(mach_port_name_t task, uint32_t name, uint32_t to)
{
    CHECK(task == WORLD_SELF && to == WORLD_EXCEPTIONS);
    if (!world_is_held(name))
        return KERN_INVALID_NAME;
    struct right *r = world_at(name);
    if (r->watched)
        return KERN_EXISTS;
    if (world_fails())
        return KERN_RESOURCE_SHORTAGE;
    if (r->dead)
        tell(r); /* at once */
    else
        r->watched = true;
    return KERN_SUCCESS;
}

kern_return_t port_mod_refs(mach_port_name_t task, uint32_t name, uint32_t right, int32_t delta)
{
    const bool drops = right == PORT_RIGHT_DEAD && delta < 0;
    CHECK(task == WORLD_SELF && (drops || (right == PORT_RIGHT_SEND && delta == 1)));
    if (!world_is_held(name))
        return KERN_INVALID_NAME;
    const struct right *r = world_at(name);
    if (drops) {
        CHECK(r->dead && r->refs >= (uint32_t)-delta);
        for (; delta < 0; delta++)
            world_drop(name);
        return KERN_SUCCESS;
    }
    if (r->dead || r->kind == REPLY || (r->kind == RECEIVE && r->sends == 0))
        return KERN_INVALID_RIGHT;
    world_copy(name);
    return KERN_SUCCESS;
}

kern_return_t port_deallocate(mach_port_name_t task, uint32_t name)
{
    CHECK_EQ(task, WORLD_SELF);
    if (!world_is_held(name))
        return KERN_INVALID_NAME;
    world_drop(name);
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
    CHECK_EQ(tasks_begin(), KERN_SUCCESS);
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
        if (one != MSG_NULL && one != MSG_DEAD)
            world_drop(one);
        if (other != MSG_NULL && other != MSG_DEAD)
            world_drop(other);
    }
    return kr;
}

static bool tell_deaths(void)
{
    bool any = false;

    for (mach_port_name_t name = WORLD_FIRST; name < world_used; name++)
        for (; world_rights[name].told != 0; any = true) {
            world_rights[name].told--;
            tasks_died(name);
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

void world_check_signals(void)
{
    mach_port_name_t thread;

    for (const struct process *p = table_next(NULL); p != NULL; p = table_next(p))
        if (signals_wanted(p, &thread))
            CHECK(p->again || (p->stopped_thread != MSG_NULL && world_is_alive(p->stopped_thread)));
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
        if (world_rights[name].kind == TASK)
            world_kill(name);
    world_settle();
    CHECK_EQ(table_count(), 0);
    for (mach_port_name_t name = WORLD_FIRST; name < world_used; name++) {
        const struct right *r = &world_rights[name];
        CHECK_EQ(r->refs, r->kind == TIMER);
        CHECK(r->sends == 0 && r->told == 0 && !r->watched);
    }
}
