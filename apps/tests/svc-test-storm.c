/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server is killed again and again under a client's calls: each is answered, and nothing is left of those that died.
 */
#include "svc-test.h"
#include "vm-test.h"
#include <libsys/kernel.h>
#include <libsys/stub.h>
#include <wharf/if/supervisor.h>

static void kill_many(mach_port_name_t b, unsigned kills)
{
    for (unsigned i = 0; i < kills; i++) {
        const uint32_t number = svc_ask(b);
        OK(supervisor_kill(svc_supervisor, "svc-b"));
        while (svc_ask(b) == number)
            svc_sleep(MILLISECOND / 10);
    }
}

void check_storm(unsigned kills)
{
    const mach_port_name_t b = svc_look_up("svc.b");
    OK(supervisor_stop(svc_supervisor, "svc-a")); /* nothing else comes and goes */
    (void)svc_wait_state("svc-a", SUPERVISOR_STATE_STOPPED);
    kill_many(b, 2); /* caches reach their size */
    (void)svc_wait_state("svc-b", SUPERVISOR_STATE_RUNNING);
    const struct left before = left_now();
    const uint32_t restarts = svc_row("svc-b").restarts;
    kill_many(b, kills);
    (void)svc_wait_state("svc-b", SUPERVISOR_STATE_RUNNING);
    CHECK_EQUAL(svc_row("svc-b").restarts, restarts + kills);
    left_expect(&before);
    stub_release_right(b, MSG_MOVE_SEND);
    print("svc-test: %u kills, nothing left\n", kills);
}
