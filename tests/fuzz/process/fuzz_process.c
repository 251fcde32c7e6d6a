/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to the process server as the fuzzer wants them: each is an operation of one of its interfaces by one of some processes, or by a stranger, with numbers and rights from the
 * input. Whatever they are, the answer is a precise one, the server asks nothing of what is no task, and at the end nothing is left.
 */
#include "../../host/check.h"
#include "world.h"

struct input {
    const uint8_t *at, *end;
};

static uint64_t number(struct input *in, unsigned bytes)
{
    uint64_t value = 0;

    while (bytes-- > 0)
        value = value << 8 | (in->at < in->end ? *in->at++ : 0);
    return value;
}

static int32_t pid_of(struct input *in)
{
    const uint8_t which = (uint8_t)number(in, 1);

    return which < 200 ? (int32_t)(which % 40) - 8 : (int32_t)number(in, 4);
}

static mach_port_name_t right_of(struct input *in)
{
    const uint8_t which = (uint8_t)number(in, 1);

    return which < 64 ? world_copy(world_task(1 + which % 9)) : world_any((uint32_t)number(in, 2));
}

/* A process's name for something. */
static uint32_t name_of(struct input *in)
{
    const uint8_t which = (uint8_t)number(in, 1);

    return which < 64    ? world_theirs(world_task(1 + which % 9))
           : which < 240 ? world_any_theirs((uint32_t)number(in, 2))
                         : (uint32_t)number(in, 4);
}

/* An answer is success or an error of POSIX; the call may be answered later. */
static void precise(kern_return_t kr, mach_port_name_t one, mach_port_name_t other)
{
    (void)!world_done(kr, one, other);
    CHECK(kr == KERN_SUCCESS || kr == MIG_NO_REPLY || is_unix_error(kr));
}

static void text_of(struct input *in, char out[32])
{
    const uint64_t size = number(in, 1) % 32;

    for (unsigned i = 0; i < size; i++)
        out[i] = (char)number(in, 1);
    out[size] = '\0';
}

/* ---- what names tasks ---- */

static void with_names(struct server_message *m, struct input *in)
{
    const uint32_t one = name_of(in);
    uint32_t port;
    int32_t pid;
    char name[32];
    kern_return_t kr;

    text_of(in, name);
    switch (number(in, 1) % 4) {
    case 0: kr = process_calls.fork(m, one, &pid, &port); break;
    case 1:
        kr = process_calls.spawn(m, one, name, pid_of(in), number(in, 1) & 1, number(in, 8),
                                 number(in, 8), &pid, &port);
        break;
    case 2: kr = process_calls.exec(m, one, name_of(in), name, number(in, 8)); break;
    default: kr = process_calls.prepare_exec(m, one, &port); break;
    }
    precise(kr, MSG_NULL, MSG_NULL);
}

/* A new task's first thread is the one behind it. */
static void exec_well(struct server_message *m, struct input *in)
{
    const mach_port_name_t task = world_task(1 + (unsigned)number(in, 1) % 80),
                           thread = world_thread(task, 0);

    world_suspend(thread);
    precise(process_calls.exec(m, world_theirs(task), world_theirs(thread), "next", number(in, 8)),
            MSG_NULL, MSG_NULL);
}

/* ---- what brings rights ---- */

static void with_rights(struct server_message *m, struct input *in)
{
    const mach_port_name_t one = right_of(in);
    struct thread_state_general state = {.pc = number(in, 4)};
    struct process_signal signal;
    uint64_t set = 0;
    kern_return_t kr;

    switch (number(in, 1) % 5) {
    case 0: kr = process_calls.kill_thread(m, one, (uint32_t)number(in, 1), 1, 2); break;
    case 1:
        kr = process_calls.take(m, one, number(in, 8), (uint32_t)number(in, 1) % 4, &signal);
        break;
    case 2:
        kr = process_calls.begin(m, one, number(in, 8), (uint32_t)number(in, 1) % 4, &signal,
                                 &state);
        break;
    case 3: kr = process_calls.resume(m, one, &state); break;
    default: kr = process_calls.pending(m, one, &set); break;
    }
    precise(kr, one, MSG_NULL);
}

/* ---- what does not ---- */

static kern_return_t about_children(struct server_message *m, struct input *in)
{
    struct process_change change;
    struct process_ids ids;

    switch (number(in, 1) % 5) {
    case 0: return process_calls.exit(m, (int32_t)number(in, 4));
    case 1: return process_calls.die(m, (uint32_t)number(in, 1));
    case 2: return process_calls.reap(m, pid_of(in), (uint32_t)number(in, 4), &change);
    case 3: return process_calls.wait_child(m, pid_of(in), (uint32_t)number(in, 1), number(in, 1));
    default: return process_calls.get_ids(m, &ids);
    }
}

static kern_return_t about_groups(struct server_message *m, struct input *in)
{
    int32_t got;
    bool is;

    switch (number(in, 1) % 5) {
    case 0: return process_calls.set_group(m, pid_of(in), pid_of(in));
    case 1: return process_calls.get_group(m, pid_of(in), &got);
    case 2: return process_calls.get_session(m, pid_of(in), &got);
    case 3: return process_calls.new_session(m, &got);
    default: return process_calls.orphaned(m, &is);
    }
}

static kern_return_t about_signals(struct server_message *m, struct input *in)
{
    uint64_t first, interval;
    uint32_t some, most;

    switch (number(in, 1) % 8) {
    case 0:
        return process_calls.kill(m, pid_of(in), (uint32_t)number(in, 1) % 80,
                                  (int32_t)number(in, 1), number(in, 8));
    case 1:
        return process_calls.set_disposition(m, number(in, 8), (uint32_t)number(in, 1) % 4,
                                             (uint32_t)number(in, 1));
    case 2: return process_calls.set_entry(m, number(in, 2));
    case 3: return process_calls.stop(m, (uint32_t)number(in, 1) % 70);
    case 4:
        return process_calls.set_timer(m, (uint32_t)number(in, 1) % 2, number(in, 8), number(in, 8),
                                       &first, &interval);
    case 5: return process_calls.get_timer(m, (uint32_t)number(in, 1) % 2, &first, &interval);
    case 6: return process_calls.limits(m, &some, &most);
    default: return process_calls.times(m, &first);
    }
}

/* ---- at the service, and of the kernel ---- */

static void at_service(struct server_message *m, struct input *in)
{
    int32_t pid, pids[PROCESSES_PIDS_MAX];
    struct processes_info info;
    struct task_info task;
    struct thread_info threads[8];
    mach_port_name_t right = MSG_NULL, port = MSG_NULL;
    uint32_t n;
    bool leads;
    char name[32];
    kern_return_t kr;

    switch (number(in, 1) % 8) {
    case 0:
        right = right_of(in);
        text_of(in, name);
        kr = processes_calls.adopt(m, right, name, &pid, &port);
        if (kr == KERN_SUCCESS)
            world_drop(port); /* it goes with the answer */
        break;
    case 1: kr = processes_calls.list(m, (int32_t)number(in, 4), pids, &n); break;
    case 2: kr = processes_calls.info(m, pid_of(in), &info); break;
    case 3: kr = processes_calls.task_info(m, pid_of(in), &task); break;
    case 4:
        kr = processes_calls.threads(m, pid_of(in), (uint32_t)number(in, 1), threads, &n);
        break;
    case 5:
        m->received.local = number(in, 1) & 1 ? SERVER_PAYLOAD_INSPECT : m->received.local;
        kr = processes_calls.task(m, pid_of(in), &port);
        if (kr == KERN_SUCCESS)
            world_drop(port);
        break;
    case 6:
        kr = processes_calls.signal_group(m, pid_of(in), pid_of(in), (uint32_t)number(in, 1));
        break;
    default: kr = processes_calls.group_session(m, pid_of(in), pid_of(in), &pid, &leads); break;
    }
    precise(kr, right, MSG_NULL);
}

/* ---- what comes about without a call ---- */

static void end_something(struct input *in)
{
    const mach_port_name_t name = right_of(in);

    if (name == MSG_NULL || name == MSG_DEAD)
        return;
    if (!world_is_port(name))
        world_kill(name);
    world_drop(name);
}

/* By the kernel, or by somebody who says that he is. */
static void exception(struct server_message *m, struct input *in)
{
    const mach_port_name_t thread = right_of(in), task = right_of(in);

    m->received.local = number(in, 1) & 1 ? SERVER_PAYLOAD_EXCEPTIONS : m->received.local;
    (void)!world_done(exception_calls.raise(m, thread, task, (uint32_t)number(in, 1) % 12, 0,
                                            number(in, 8), number(in, 8)),
                      thread, task);
}

static void one(struct input *in)
{
    struct server_message *m = world_message(1 + (int32_t)(number(in, 1) % 20));

    if (!m)
        m = world_message(0);
    switch (number(in, 1) % 10) {
    case 0: with_names(m, in); break;
    case 1: with_rights(m, in); break;
    case 8: exec_well(m, in); break;
    case 9: end_something(in); break;
    case 2: precise(about_children(m, in), MSG_NULL, MSG_NULL); break;
    case 3: precise(about_groups(m, in), MSG_NULL, MSG_NULL); break;
    case 4: precise(about_signals(m, in), MSG_NULL, MSG_NULL); break;
    case 5: at_service(m, in); break;
    case 6: exception(m, in); break;
    default:
        if (number(in, 1) & 1)
            world_pass(number(in, 4));
        else if (number(in, 1) & 1)
            world_lose_answers();
        else
            world_refuse(KERN_BUSY);
        world_fail_at((unsigned)number(in, 1) % 16);
        break;
    }
    world_settle();
    world_check_signals();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {.at = bytes, .end = bytes + size};
    mach_port_name_t port;
    int32_t pid;

    world_begin();
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(processes_calls.adopt(world_message(0), world_copy(world_task(2)), "first", &pid,
                                       &port),
                 KERN_SUCCESS);
        world_drop(port);
    }
    while (in.at < in.end)
        one(&in);
    world_end();
    return 0;
}
