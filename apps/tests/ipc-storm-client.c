/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients of ipc-storm: each call gets exactly one answer, its own, or one error that fits.
 */
#include "ipc-storm.h"

#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdatomic.h>
#include <user/msg.h>
#include <wharf/if/thread.h>

enum { THREADS = 4 };

struct caller {
    struct thread thread;
    unsigned number;       /* of all callers */
    _Atomic uint32_t port; /* its thread's */
    _Atomic bool done;
    uint64_t random;
    struct storm_report report;
    uint64_t body[STORM_WORDS];
};
static struct caller callers[THREADS];

static void judge_answer(struct caller *c, const struct msg_registers *m, uint64_t number,
                         unsigned answer_words)
{
    unsigned words = msg_length(m->control) / 8;
    if (m->id == MSG_ID_SEND_ONCE) {
        c->report.lost++;
        return;
    }
    c->report.answered++;
    CHECK_EQUAL(m->id, STORM_ANSWER);
    CHECK_EQUAL(words, answer_words);
    CHECK(c->body[0] == number && storm_is_whole(c->body, words));
}

/* An interrupted call: if it was the wait for the answer, wait again; else send again. Who has timed out waits
 * again, or gives the answer up by calling anew. */
static bool once_more(struct caller *c, kern_return_t kr, struct msg_registers *m, bool *sent)
{
    bool interrupted = kr == MACH_SEND_INTERRUPTED || kr == MACH_RCV_INTERRUPTED;
    bool timed_out = kr == MACH_SEND_TIMED_OUT || kr == MACH_RCV_TIMED_OUT;
    *sent = *sent || kr >= MACH_RCV_INVALID_NAME;
    c->report.interrupted += interrupted;
    if (timed_out && m->deadline != TRAP_NEVER && (!*sent || storm_random(&c->random) % 2)) {
        c->report.timed_out++;
        return false;
    }
    if (timed_out && m->deadline != TRAP_NEVER)
        m->deadline = TRAP_NEVER;
    else if (!CHECK(interrupted))
        print("ipc-storm: error %u\n", kr);
    return interrupted || timed_out;
}

static void call(struct caller *c)
{
    static const unsigned sizes[] = {2, 3, 5, 8, 9, 64, 512, 1024};
    uint64_t dice = storm_random(&c->random),
             number = (uint64_t)c->number << 32 | c->report.calls++;
    unsigned words = sizes[dice % 8], answer_words = sizes[dice >> 3 & 7];
    mach_port_name_t service = storm_service[(dice >> 8) % SERVICES];
    uint64_t deadline = (dice >> 16) % 4 ? TRAP_NEVER : kernel_clock_now() + (dice >> 24) % 500000;
    bool sent = false;
    struct msg_registers m;
    kern_return_t kr;
    storm_fill(c->body, words, number, answer_words | (dice >> 48) % STORM_STYLES << 32);
    do {
        m = (struct msg_registers){
            .destination = sent ? MSG_NULL : service,
            .id = STORM_ASK,
            .control = MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_REPLY, 8 * words, 0),
            .receive = MSG_REPLY,
            .deadline = deadline,
        };
        kr = storm_trap(&m, c->body);
        m.deadline = deadline;
        if (kr == KERN_SUCCESS)
            judge_answer(c, &m, number, answer_words);
        else if (!once_more(c, kr, &m, &sent))
            return;
        deadline = m.deadline;
    } while (kr != KERN_SUCCESS);
}

static void be_caller(void *argument)
{
    struct caller *c = argument;
    word_set(&c->port, (uint32_t)sys_thread_self());
    while (c->report.calls < storm_calls)
        call(c);
    atomic_store(&c->done, true);
}

/* Until all are done one after the other is interrupted, wherever it is. */
static void interrupt_all(uint64_t *random)
{
    unsigned done = 0;
    for (unsigned i = 0; done < THREADS; i = (i + 1) % THREADS) {
        done = atomic_load(&callers[i].done) ? done + 1 : 0;
        if (done == 0)
            (void)!thread_abort(callers[i].port); /* KERN_NOT_WAITING: it was not in a trap */
        CHECK_EQUAL(kernel_sleep_until(kernel_clock_now() + storm_random(random) % 2000000),
                    KERN_SUCCESS);
    }
}

static void report(void)
{
    struct storm_report sum = {.failures = check_failures()};
    for (unsigned i = 0; i < THREADS; i++) {
        thread_join(&callers[i].thread);
        sum.calls += callers[i].report.calls;
        sum.answered += callers[i].report.answered;
        sum.lost += callers[i].report.lost;
        sum.timed_out += callers[i].report.timed_out;
        sum.interrupted += callers[i].report.interrupted;
    }
    struct msg_registers m = {.destination = storm_reports,
                              .id = STORM_REPORT,
                              .control = MSG_CONTROL(MSG_COPY_SEND, 0, sizeof(sum), 0),
                              .deadline = TRAP_NEVER};
    CHECK_EQUAL(storm_trap(&m, (uint64_t *)&sum), KERN_SUCCESS);
}

int storm_client(void *argument)
{
    unsigned first = *(const unsigned *)argument * THREADS;
    uint64_t random = storm_seed(first + 1000);
    for (unsigned i = 0; i < THREADS; i++) {
        callers[i] = (struct caller){.number = first + i, .random = storm_seed(first + i)};
        CHECK_EQUAL(thread_start(&callers[i].thread, be_caller, &callers[i],
                                 THREAD_PRIORITY_DEFAULT - i % 2),
                    KERN_SUCCESS);
        word_wait_while(&callers[i].port, MSG_NULL);
    }
    interrupt_all(&random);
    report();
    return 0;
}
