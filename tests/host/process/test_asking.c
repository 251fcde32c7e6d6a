/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whom the process server asks about signals that threads refuse: everybody who could take one is asked, and nobody without end. What is refused is looked for by the thread itself.
 */
#include "../check.h"
#include "world.h"

enum { THREADS = 3, OWN = 30, ALL = 31, MILLISECONDS = 1000000, ENTRY = 0x1000, ENOUGH = 50 };

static mach_port_name_t task;
static struct process *p;
static unsigned asked[THREADS];

/* A program that decides about two signals. */
static void begin(void)
{
    mach_port_name_t port;
    int32_t pid;

    world_begin();
    memset(asked, 0, sizeof(asked));
    task = world_task(THREADS);
    CHECK_EQ(processes_calls.adopt(world_message(0), world_copy(task), "program", &pid, &port),
             KERN_SUCCESS);
    world_drop(port);
    CHECK_EQ(process_calls.set_entry(world_message(pid), ENTRY), KERN_SUCCESS);
    CHECK_EQ(process_calls.set_disposition(world_message(pid), signal_bit(OWN) | signal_bit(ALL),
                                           PROCESS_DISPOSITION_MINE, 0),
             KERN_SUCCESS);
    p = table_find(pid);
}

static void send_thread(unsigned n)
{
    const mach_port_name_t thread = world_copy(world_thread(task, n));

    CHECK_EQ(world_done(process_calls.kill_thread(world_message(p->pid), thread, OWN, 0, 0), thread,
                        0),
             KERN_SUCCESS);
}

static void send_all(void)
{
    CHECK_EQ(process_calls.kill(world_message(p->pid), p->pid, ALL, 0, 0), KERN_SUCCESS);
}

static void refuse(mach_port_name_t thread, uint32_t stop)
{
    struct process_signal signal;

    (void)world_copy(thread);
    CHECK_EQ(world_done(process_calls.take(world_message(p->pid), thread, UINT64_MAX, stop,
                                           &signal),
                        thread, 0),
             KERN_SUCCESS);
    CHECK_EQ(signal.number, 0);
}

/* Whoever is stopped refuses, until nobody is; a thread that looks by itself meanwhile changes nothing. */
static void refuse_all(const mach_port_name_t *looks)
{
    unsigned stops = 0;

    for (unsigned i = 0; i < ENOUGH; i++) {
        if (p->stopped_thread != MSG_NULL) {
            for (unsigned n = 0; n < THREADS; n++)
                asked[n] += world_thread(task, n) == p->stopped_thread;
            refuse(p->stopped_thread, p->stop_number);
            stops++;
            if (looks != NULL)
                refuse(*looks, 0);
        }
        world_pass(10 * MILLISECONDS);
        world_settle();
    }
    CHECK(p->stopped_thread == MSG_NULL && !p->again);
    CHECK(stops <= THREADS + 2);
    for (unsigned n = 0; n < THREADS; n++)
        CHECK(asked[n] != 0);
}

/* One waits for a thread, and one for the process: who comes for its own is asked for the other, too, as all are. */
static void both(unsigned own, bool own_first)
{
    begin();
    if (own_first)
        send_thread(own);
    send_all();
    if (!own_first)
        send_thread(own);
    refuse_all(NULL);
    CHECK_EQ(signals_pending(p, world_thread(task, own)), signal_bit(OWN) | signal_bit(ALL));
    world_end();
}

static void looks_meanwhile(unsigned who)
{
    begin();
    send_all();
    const mach_port_name_t thread = world_thread(task, who);
    refuse_all(&thread);
    world_end();
}

/* Two threads that have each refused what is its own. */
static void two_of_their_own(void)
{
    begin();
    send_thread(0);
    send_thread(2);
    send_all();
    refuse_all(NULL);
    world_end();
}

/* What a thread has refused goes with it. */
static void ends_afterwards(void)
{
    begin();
    send_thread(1);
    send_all();
    refuse_all(NULL);
    CHECK_EQ(p->queue_length, 2);
    world_kill(world_thread(task, 1));
    world_settle();
    CHECK_EQ(p->queue_length, 1);
    world_end();
}

/* What the thread finds that was stopped while it waited, or did not. Who waits for a page was not at the end of a call. */
static void kinds(void)
{
    static const struct {
        unsigned waits;
        uint32_t kind;
    } row[] = {
        {THREAD_WAITS_NOT, PROCESS_STOP_RUNNING}, {THREAD_WAITS_PAGE, PROCESS_STOP_RUNNING},
        {THREAD_WAITS_FUTEX, PROCESS_STOP_TRAP},  {THREAD_WAITS_RECEIVE, PROCESS_STOP_TRAP},
        {THREAD_WAITS_REPLY, PROCESS_STOP_REPLY},
    };

    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        begin();
        const mach_port_name_t thread = world_thread(task, 1);
        struct thread_state_general *state = world_state(thread);
        *state = (struct thread_state_general){.x = {5}, .pc = 0x4000};
        world_wait(thread, row[i].waits);
        send_thread(1);
        world_settle();
        CHECK_EQ(p->stopped_thread, thread);
        CHECK(state->pc == ENTRY && state->x[1] == 0x4000);
        CHECK_EQ(state->x[2], row[i].kind);
        CHECK_EQ(p->stopped_running, row[i].kind == PROCESS_STOP_RUNNING);
        refuse(thread, p->stop_number);
        world_end();
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (unsigned n = 0; n < THREADS; n++) {
        both(n, true);
        both(n, false);
        looks_meanwhile(n);
    }
    two_of_their_own();
    ends_afterwards();
    kinds();
    return check_end();
}
