/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work, by itself and beside a bomb (bomb.c): of its throughput it has to keep at least KEPT of 100.
 *
 * For each CPU there is a worker, which calls a server in another task, takes and gives back memory, and reads what it has kept. Every PERIOD it has
 * so many rounds to do, which take a fraction of that: in between it rests, and the bomb has the CPU. Throughput is rounds for the time from the moment when the
 * worker wants to run to the end of its rounds: who comes late because of somebody else has less of it. In QEMU time is instructions (-icount), and this a count; but
 * those of all CPUs, so that it is one of the worker's only where there is one.
 *
 * Arguments: for=MS of each measurement; bomb=PROGRAM, which is started when this is ready.
 */
#include "arguments.h"
#include "echo.h"
#include "supervised.h"
#include "vm-test.h"
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdatomic.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>
#include <wharf/if/vm.h>

enum { WORKERS_MAX = 8, PERIOD = 10000000, ROUNDS = 16, CALLS = 8, PAGES = 8, KEPT = 90 };

#define MILLISECOND UINT64_C(1000000)

/* What workers say; shared. */
struct tally {
    _Atomic uint64_t rounds, nanoseconds, wrong;
};

struct worker {
    struct tally *tally;
    mach_port_name_t port; /* its server's */
    struct clone server, client;
};

static struct worker worker[WORKERS_MAX];

/* ---- one worker ---- */

static int serve(void *argument)
{
    const struct worker *self = argument;
    return echo_serve(self->port);
}

static bool use_memory(uint64_t word)
{
    bool right = true;
    uint64_t at;

    if (vm_allocate(me(), 0, PAGES * PAGE, VM_ANYWHERE, &at) != KERN_SUCCESS)
        return false;
    volatile uint64_t *words = (uint64_t *)(uintptr_t)at;
    for (unsigned i = 0; i < PAGES; i++)
        words[i * PAGE_WORDS] = word + i;
    for (unsigned i = 0; i < PAGES; i++)
        right &= words[i * PAGE_WORDS] == word + i;
    return vm_deallocate(me(), at, PAGES * PAGE) == KERN_SUCCESS && right;
}

/* Memory of its own that it has all the time. */
static bool look_at_own(uint64_t word)
{
    static volatile uint64_t own[PAGES * 512];
    bool right = true;

    for (unsigned i = 0; i < PAGES * 512; i += 8)
        right &= own[i] == 0 || own[i] + 1 == word;
    for (unsigned i = 0; i < PAGES * 512; i += 8)
        own[i] = word;
    return right;
}

static bool do_round(const struct worker *self, uint64_t number)
{
    bool right = use_memory(number);
    right = look_at_own(number) && right;

    for (unsigned i = 0; i < CALLS; i++)
        right &= echo_call(self->port, number + i, TRAP_NEVER);
    return right;
}

static int work(void *argument)
{
    const struct worker *self = argument;
    uint64_t next = kernel_clock_now();

    for (uint64_t number = 1; number > 0;) {
        (void)!kernel_sleep_until(next += PERIOD);
        for (unsigned i = 0; i < ROUNDS; i++)
            if (!do_round(self, number++))
                atomic_fetch_add(&self->tally->wrong, 1);
        const uint64_t end = kernel_clock_now();
        atomic_fetch_add(&self->tally->nanoseconds, end - next);
        atomic_fetch_add(&self->tally->rounds, ROUNDS);
        if (end > next + PERIOD)
            next = end;
    }
    return 0;
}

static void begin(struct worker *self)
{
    mach_port_name_t name;

    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &self->port));
    OK(port_insert_made_send(me(), self->port, self->port, &name));
    OK(clone_make(&self->server, serve, self, THREAD_PRIORITY_DEFAULT));
    OK(clone_make(&self->client, work, self, THREAD_PRIORITY_DEFAULT));
    OK(clone_give_receive(&self->server, self->port));
    OK(clone_run(&self->server));
    OK(clone_run(&self->client));
}

static void end(struct worker *self)
{
    clone_end(&self->client);
    clone_end(&self->server);
    OK(port_deallocate(me(), self->port));
}

/* ---- all of them ---- */

/* Rounds in a thousand seconds of the time in which they wanted to work. */
static uint64_t measure(unsigned workers, uint64_t milliseconds)
{
    uint64_t rounds = 0, nanoseconds = 0;

    for (unsigned i = 0; i < workers; i++) {
        rounds -= atomic_load(&worker[i].tally->rounds);
        nanoseconds -= atomic_load(&worker[i].tally->nanoseconds);
    }
    (void)!kernel_sleep_until(kernel_clock_now() + milliseconds * MILLISECOND);
    for (unsigned i = 0; i < workers; i++) {
        rounds += atomic_load(&worker[i].tally->rounds);
        nanoseconds += atomic_load(&worker[i].tally->nanoseconds);
    }
    CHECK(rounds > 0);
    return nanoseconds > 0 ? rounds * UINT64_C(1000000000000) / nanoseconds : 0;
}

/* It goes off all the time. */
static bool is_there(mach_port_name_t supervisor, const char *bomb)
{
    struct supervisor_row row;
    return supervised_row(supervisor, bomb, &row) && row.state == SUPERVISOR_STATE_STARTING &&
           row.restarts == 0;
}

static void compare(unsigned workers, mach_port_name_t supervisor)
{
    const uint64_t milliseconds = number_argument("for=", 1000);
    char bomb[SUPERVISOR_NAME_MAX];

    word_argument("bomb=", bomb, sizeof(bomb));
    (void)measure(workers, milliseconds / 4); /* what is made once has been made */
    const uint64_t alone = measure(workers, milliseconds);
    OK(service_ready(program_start_info->bootstrap));
    (void)measure(workers, milliseconds / 4); /* it is started */
    const uint64_t beside = measure(workers, milliseconds);
    CHECK(is_there(supervisor, bomb));
    CHECK(alone > 0);
    if (alone == 0)
        return;
    print("%lu rounds a second alone, %lu beside %s: %lu of 1000\n", alone / 1000, beside / 1000,
          bomb, beside * 1000 / alone);
    CHECK(beside * 100 >= alone * KEPT);
    for (unsigned i = 0; i < workers; i++)
        CHECK_EQUAL(atomic_load(&worker[i].tally->wrong), 0);
}

int main(void)
{
    const unsigned workers = (unsigned)kernel_system_info(SYSTEM_INFO_CPUS_ONLINE);
    mach_port_name_t supervisor;

    OK(service_look_up(program_start_info->bootstrap, "supervisor", &supervisor));
    struct tally *tallies = pages_make_shared(1);
    if (!CHECK(workers <= WORKERS_MAX))
        return check_end("throughput");
    for (unsigned i = 0; i < workers; i++) {
        worker[i].tally = &tallies[i];
        begin(&worker[i]);
    }
    compare(workers, supervisor);
    for (unsigned i = 0; i < workers; i++)
        end(&worker[i]);
    return check_end("throughput");
}
