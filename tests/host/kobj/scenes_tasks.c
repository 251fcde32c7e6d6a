/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks and threads.
 */
#include "kobj_world.h"

#include <string.h>
#include <wharf/thread_state.h>

enum { ENTRY = 0x10000, STACK = 0x20000 };

static uint32_t thread_new(uint32_t task)
{
    uint32_t thread, id;
    OK(task_create_thread(task, ENTRY, STACK, 5, 0x3000, 90, false, &thread, &id));
    return thread;
}

void scene_task_and_thread(void)
{
    uint32_t thread, id;
    struct task_info info;
    struct thread_info its;
    union {
        uint64_t words[THREAD_STATE_WORDS];
        struct thread_state_general general;
    } state;
    uint32_t words;
    enter();
    uint32_t child = child_new(0, 0, NULL);
    OK(task_set_name(child, "a\tname"));
    OK(task_set_max_priority(child, 100));
    GIVES(KERN_DENIED, task_set_max_priority(child, 101));
    GIVES(KERN_DENIED, task_create_thread(child, ENTRY, STACK, 0, 0, 101, false, &thread, &id));
    GIVES(KERN_INVALID_ARGUMENT,
          task_create_thread(child, ENTRY + 2, STACK, 0, 0, 9, false, &thread, &id));
    GIVES(KERN_INVALID_ADDRESS,
          task_create_thread(child, UINT64_MAX - 3, STACK, 0, 0, 9, false, &thread, &id));
    thread = thread_new(child);
    OK(task_info(child, &info));
    CHECK(strcmp(info.name, "a?name") == 0 && info.threads == 1 && info.max_priority == 100);
    OK(thread_set_name(thread, "walker"));
    OK(thread_set_priority(thread, 80));
    GIVES(KERN_DENIED, thread_set_priority(thread, 101));
    OK(thread_set_max_priority(thread, 85));
    OK(host_tasks_set_thread_max_priority(me.tasks, thread, 110));
    OK(thread_set_priority(thread, 105));
    OK(thread_set_affinity(thread, 1));
    GIVES(KERN_INVALID_ARGUMENT, thread_set_affinity(thread, 0));
    OK(thread_info(thread, &its));
    CHECK(strcmp(its.name, "walker") == 0 && its.suspend_count == 1 && its.priority == 105 &&
          its.task == info.id && its.max_priority == 110);
    OK(thread_get_state(thread, THREAD_STATE_GENERAL, state.words, &words));
    CHECK_EQUAL(words, sizeof(struct thread_state_general) / 8);
    CHECK(state.general.pc == ENTRY && state.general.sp == STACK && state.general.tls == 0x3000);
    state.general.pc = 0x30000;
    OK(thread_set_state(thread, THREAD_STATE_GENERAL, state.words, words));
    GIVES(KERN_INVALID_ARGUMENT, thread_set_state(thread, THREAD_STATE_GENERAL, state.words, 3));
    GIVES(KERN_INVALID_VALUE, thread_get_state(thread, 99, state.words, &words));
    OK(thread_suspend(thread));
    OK(thread_resume(thread));
    OK(task_suspend(child));
    OK(task_suspend(child));
    OK(thread_resume(thread)); /* its task holds it */
    GIVES(KERN_FAILURE, thread_resume(thread));
    GIVES(KERN_NOT_WAITING, thread_abort(thread));
    OK(task_resume(child));
    OK(thread_terminate(thread)); /* the last: the task ends, too */
    rest();
    uint32_t rights;
    OK(port_type(me.task, child, &rights));
    CHECK_EQUAL(rights, PORT_RIGHT_DEAD);
}

/* Threads of the task, by walking. */
static unsigned count_threads(uint32_t task)
{
    uint32_t t[TASK_THREADS_MAX], after = 0, count = 0;
    for (;;) {
        OK(task_threads(task, after, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]));
        unsigned n = 0;
        for (; n < TASK_THREADS_MAX && t[n]; n++)
            after = t[n];
        count += n;
        if (n < TASK_THREADS_MAX)
            return count;
    }
}

void scene_thread_lists(void)
{
    uint32_t t[8], last = 0;
    enter();
    uint32_t child = child_new(0, 0, NULL);
    for (unsigned n = 0; n < 19; n++) {
        CHECK_EQUAL(count_threads(child), n);
        last = thread_new(child);
    }
    OK(thread_terminate(last));
    rest();
    GIVES(KERN_NOT_FOUND,
          task_threads(child, last, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]));
    GIVES(KERN_INVALID_CAPABILITY,
          task_threads(child, me.host, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]));
    child_end(child);
}

/* Nobody has a right to it; it has its number in the second register. What it used of CPUs is its task's, as that of those that have ended. */
void scene_started_threads(void)
{
    enum { MANY = TASK_TIMED_MAX + 3 };
    uint32_t id, t[TASK_THREADS_MAX], left = 99, words;
    uint64_t time;
    union {
        uint64_t words[THREAD_STATE_WORDS];
        struct thread_state_general general;
    } state;
    enter();
    uint32_t child = child_new(0, 0, NULL);
    OK(task_cpu_time(child, &time, &left));
    CHECK(time == 0 && left == 0);
    OK(task_suspend(child));
    GIVES(KERN_INVALID_ARGUMENT, task_start_thread(child, ENTRY, STACK + 8, 0, 0, 90, &id));
    OK(task_start_thread(child, ENTRY, STACK, 5, 0x3000, 90, &id));
    OK(task_threads(child, 0, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]));
    CHECK(t[0] != 0 && t[1] == 0);
    OK(thread_get_state(t[0], THREAD_STATE_GENERAL, state.words, &words));
    CHECK(state.general.pc == ENTRY && state.general.x[0] == 5 && state.general.x[1] == id);
    for (unsigned i = 1; i < MANY; i++)
        OK(task_start_thread(child, ENTRY, STACK, 5, 0x3000, 90, &id));
    OK(task_cpu_time(child, &time, &left));
    CHECK(time == 0);
    CHECK_EQUAL(left, MANY - TASK_TIMED_MAX);
    OK(task_cpu_time(me.task, &time, &left));
    CHECK(time > 0 && left == 0);
    child_end(child);
}

/* The child's self port is its maker's: what it asks of itself arrives there. */
void scene_interposition(void)
{
    uint32_t self, got, true_port;
    enter();
    uint32_t stands_between = own_port();
    uint32_t child = child_new(0, stands_between, &self);
    OK(port_extract_send(child, self, PORT_HOW_COPY_SEND, &got));
    CHECK_EQUAL(got, stands_between);
    drop_name(got);
    CHECK(task_behind(child)->self_port == port_behind(me.actor, child));
    uint32_t plain = child_new(0, 0, &self);
    OK(port_extract_send(plain, self, PORT_HOW_COPY_SEND, &true_port));
    CHECK_EQUAL(true_port, plain);
    drop_name(true_port);
    child_end(plain);
    child_end(child);
}

void scene_fork_names(void)
{
    enum { PORTS = 300 };
    uint32_t port[PORTS], rights, self;
    enter();
    for (unsigned i = 0; i < PORTS; i++)
        port[i] = own_port();
    uint32_t child = child_new(TASK_INHERIT_SEND_RIGHTS, 0, &self);
    for (unsigned i = 0; i < PORTS; i++) {
        OK(port_type(child, port[i], &rights));
        CHECK_EQUAL(rights, PORT_RIGHT_SEND);
    }
    OK(port_type(child, self, &rights));
    CHECK_EQUAL(rights, PORT_RIGHT_SEND);
    OK(port_type(child, me.host, &rights));
    child_end(child);
    GIVES(KERN_INVALID_VALUE, task_create(me.task, 4, "", NULL, 0, 0, &child, &self));
}

/* The caller is in the midst of making a task. */
static void begin_fork(void)
{
    enter();
    for (unsigned i = 0; i < 1000; i++)
        (void)own_port();
    struct message m = {.dest = me.task,
                        .remote = MSG_COPY_SEND,
                        .id = TASK_ID_CREATE,
                        .how_local = MSG_MAKE_REPLY,
                        .receive = MSG_REPLY,
                        .descriptors = 1,
                        .length = 32,
                        .size = 4096};
    m.body[0] = 0; /* no substitute */
    m.body[1] = (uint64_t)MSG_PORT << 32 | (uint64_t)MSG_COPY_SEND << 40;
    m.body[2] = TASK_INHERIT_SEND_RIGHTS | UINT64_C(1) << 32; /* a name of one byte */
    m.body[3] = 0;
    small_pieces = true;
    post_only(me.actor, m);
    for (unsigned n = 0; n < 10000 && !me.actor->thread->making; n++)
        (void)host_machine_run(1, NANOS_NEVER);
    small_pieces = false;
    CHECK(me.actor->thread->making);
}

void scene_abandoned_fork(void)
{
    begin_fork();
    end_task(me.actor);
    rest();
}

static struct task *wanted;
static bool is_listed;

static void look_for_task(void *unused)
{
    struct task *task = NULL, *next;
    (void)unused;
    is_listed = false;
    do {
        OK(task_next(task, &next));
        is_listed = is_listed || (next && next == wanted);
        if (task)
            task_unref(task);
        task = next;
    } while (task);
}

static bool is_on_list(struct task *task)
{
    wanted = task;
    in_kernel(look_for_task, NULL);
    return is_listed;
}

/* Who lists tasks meanwhile does not find it: he could give it names and memory, end it, or have it end by dropping a right. */
void scene_hidden_fork(void)
{
    begin_fork();
    CHECK(!is_on_list(me.actor->thread->making));
    rest();
    CHECK_EQUAL(result(me.actor), KERN_SUCCESS);
    CHECK_EQUAL(got_id(me.actor), KERN_SUCCESS);
    struct msg_descriptor made = got_descriptor(me.actor, 0);
    CHECK(is_on_list(task_behind((uint32_t)made.value)));
    child_end((uint32_t)made.value);
}

/* Its right to it, and to its threads, so that it has both as a program would; the maker's are as they were. */
static void give_its_own(uint32_t task, const uint32_t *thread, unsigned count)
{
    uint32_t name;
    for (unsigned i = 0; i < count; i++)
        OK(port_insert_send(task, 0, thread[i], &name));
}

/* Made, with threads, and given up before any of them has run: nobody can reach it, and it goes. As long as somebody has a right
 * to it, or to one of them, it stays. */
void scene_unborn(void)
{
    enum { THREADS = 19 };
    uint32_t thread[THREADS];
    enter();
    const unsigned before = task_live_count();
    uint32_t child = child_new(0, 0, NULL);
    drop_name(child);
    rest();
    CHECK_EQUAL(task_live_count(), before);

    for (unsigned threads = 1; threads <= THREADS; threads += 6) {
        child = child_new(TASK_INHERIT_SEND_RIGHTS, 0, NULL);
        for (unsigned i = 0; i < threads; i++)
            thread[i] = thread_new(child);
        give_its_own(child, thread, threads);
        drop_name(child);
        for (unsigned i = 0; i < threads; i++) {
            rest();
            CHECK_EQUAL(task_live_count(), before + 1);
            drop_name(thread[i]);
        }
        rest();
        CHECK_EQUAL(task_live_count(), before);
    }
    /* one that has run is its own master */
    child = child_new(0, 0, NULL);
    thread[0] = thread_new(child);
    give_its_own(child, thread, 1);
    OK(thread_suspend(thread[0]));
    OK(thread_resume(thread[0]));
    drop_name(thread[0]);
    rest();
    CHECK_EQUAL(task_live_count(), before + 1);
    child_end(child);
}

void scene_limits(void)
{
    uint32_t child, self, port;
    uint64_t used, peak, limit, at;
    enter();
    struct task_limit limits[] = {{.kind = LEDGER_FRAMES, .limit = 40},
                                  {.kind = LEDGER_PORTS, .limit = 3},
                                  {.kind = LEDGER_COMMITMENT, .limit = 100}};
    OK(task_create(me.task, 0, "narrow", limits, 3, 0, &child, &self));
    OK(task_ledger(child, LEDGER_FRAMES, &used, &peak, &limit));
    CHECK(limit == 40 && peak >= used);
    GIVES(KERN_LIMIT, vm_allocate(child, 0, 101 * 4096, VM_ANYWHERE, &at));
    OK(vm_allocate(child, 0, 100 * 4096, VM_ANYWHERE, &at)); /* promised at once, */
    OK(task_ledger(child, LEDGER_COMMITMENT, &used, &peak, &limit));
    CHECK(used == 100 && limit == 100);
    for (unsigned i = 0; i < 40; i++) /* found when touched */
        OK(vm_write(child, at + i * 4096, "x", 1));
    GIVES(KERN_LIMIT, vm_write(child, at + 40 * 4096, "x", 1));
    OK(task_ledger(child, LEDGER_FRAMES, &used, &peak, &limit));
    CHECK_EQUAL(used, 40);
    OK(vm_deallocate(child, at, 4096));
    OK(vm_write(child, at + 40 * 4096, "x", 1));
    OK(vm_deallocate(child, at, 100 * 4096));
    OK(task_ledger(child, LEDGER_FRAMES, &used, &peak, &limit));
    CHECK_EQUAL(used, 0);
    OK(task_ledger(child, LEDGER_COMMITMENT, &used, &peak, &limit));
    CHECK_EQUAL(used, 0);
    OK(port_allocate(child, PORT_RIGHT_RECEIVE, &port));
    OK(port_allocate(child, PORT_RIGHT_RECEIVE, &port));
    GIVES(KERN_LIMIT, port_allocate(child, PORT_RIGHT_RECEIVE, &port));
    GIVES(KERN_DENIED, task_set_limit(child, LEDGER_PORTS, 4));
    OK(host_memory_set_limit(me.memory, child, LEDGER_PORTS, 4));
    OK(port_allocate(child, PORT_RIGHT_RECEIVE, &port));
    OK(task_set_limit(child, LEDGER_PORTS, 1));
    GIVES(KERN_INVALID_VALUE, task_ledger(child, 99, &used, &peak, &limit));
    GIVES(KERN_INVALID_TASK, host_memory_set_limit(me.memory, me.host, LEDGER_PORTS, 4));
    OK(host_memory_set_limit(me.memory, child, LEDGER_PORTS, UINT64_MAX));
    OK(task_ledger(child, LEDGER_PORTS, &used, &peak, &limit));
    CHECK(limit == UINT64_MAX && used == 4);
    child_end(child);
    limits[0].kind = 77;
    GIVES(KERN_INVALID_VALUE, task_create(me.task, 0, "", limits, 1, 0, &child, &self));
}

void scene_special_ports(void)
{
    uint32_t got;
    enter();
    uint32_t port = own_port();
    OK(task_get_special_port(me.task, TASK_SPECIAL_BOOTSTRAP, &got));
    CHECK_EQUAL(got, 0);
    OK(task_set_special_port(me.task, TASK_SPECIAL_BOOTSTRAP, port));
    uint32_t child = child_new(0, 0, NULL), grandchild, self;
    OK(task_create(child, 0, "grandchild", NULL, 0, 0, &grandchild, &self));
    OK(task_get_special_port(grandchild, TASK_SPECIAL_BOOTSTRAP, &got));
    CHECK_EQUAL(got, port);
    OK(task_set_special_port(grandchild, TASK_SPECIAL_BOOTSTRAP, 0));
    OK(task_get_special_port(grandchild, TASK_SPECIAL_BOOTSTRAP, &got));
    CHECK_EQUAL(got, 0);
    GIVES(KERN_INVALID_VALUE, task_get_special_port(child, 2, &got));
    child_end(grandchild);
    child_end(child);
}
