/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls between two address spaces, through the stubs made from rpc.defs, and notifications. The server's
 * priority is below the client's: it runs on what the client lends. Arguments choose rows; without any, all are run.
 */
#include "row.h"
#include "rpc.h"
#include <libsys/check.h>
#include <libsys/string.h>
#include <stdatomic.h>
#include <stddef.h>
#include <user/machine.h>
#include <wharf/if/rpc.h>

static mach_port_name_t port;
static uint64_t words[RPC_LONG], back[RPC_LONG];

static inline kern_return_t call_words4(mach_port_name_t to)
{
    return rpc_words4(to, 1, 2, 3, 4, &back[0], &back[1], &back[2], &back[3]);
}

static inline kern_return_t call_words8_fp(mach_port_name_t to)
{
    rpc_touch_fp();
    return rpc_words8_fp(to, words, back);
}

static inline kern_return_t call_pass_port(mach_port_name_t to)
{
    mach_port_name_t got; /* the client's own name for it: one user reference more */
    return rpc_pass_port(to, to, &got);
}

static uint64_t bench_empty(uint64_t n)
{
    ROW_LOOP(n, row_nothing());
}

static uint64_t bench_null(uint64_t n)
{
    const mach_port_name_t to = port;
    ROW_LOOP(n, rpc_null(to));
}

static uint64_t bench_words4(uint64_t n)
{
    const mach_port_name_t to = port;
    ROW_LOOP(n, call_words4(to));
}

static uint64_t bench_words8(uint64_t n)
{
    const mach_port_name_t to = port;
    ROW_LOOP(n, rpc_words8(to, words, back));
}

static uint64_t bench_words8_fp(uint64_t n)
{
    const mach_port_name_t to = port;
    ROW_LOOP(n, call_words8_fp(to));
}

static uint64_t bench_short(uint64_t n)
{
    const mach_port_name_t to = port;
    ROW_LOOP(n, rpc_short_block(to, words, back));
}

static uint64_t bench_long(uint64_t n)
{
    const mach_port_name_t to = port;
    ROW_LOOP(n, rpc_long_block(to, words, back));
}

static uint64_t bench_give_port(uint64_t n)
{
    const mach_port_name_t to = port;
    ROW_LOOP(n, rpc_give_port(to, to));
}

static uint64_t bench_pass_port(uint64_t n)
{
    const mach_port_name_t to = port;
    ROW_LOOP(n, call_pass_port(to));
}

static uint64_t bench_kept(uint64_t n)
{
    const mach_port_name_t to = port;
    ROW_LOOP(n, rpc_kept(to));
}

static uint64_t bench_kept_apart(uint64_t n)
{
    const mach_port_name_t to = port;
    ROW_LOOP(n, rpc_kept_apart(to));
}

/* One notification after the other; the waiter runs at once, until it waits again. */
static uint64_t bench_notify(uint64_t n)
{
    atomic_store_explicit(&rpc_shared->taken, 0, memory_order_relaxed);
    for (; n > 0; n--) {
        atomic_store_explicit(&rpc_shared->sent, machine_counter_raw(), memory_order_relaxed);
        CHECK_EQUAL(rpc_notify(port), KERN_SUCCESS);
    }
    return rpc_shared->taken;
}

static const struct row rows[] = {
    {"rpc_0", bench_null, NULL},
    {"rpc_32", bench_words4, NULL},
    {"rpc_64", bench_words8, NULL},
    {"rpc_512", bench_short, NULL},
    {"rpc_4096_8", bench_long, NULL},
    {"rpc_port", bench_give_port, NULL},
    {"rpc_port_back", bench_pass_port, NULL},
    {"reply_kept", bench_kept, NULL},
    {"reply_kept_apart", bench_kept_apart, NULL},
    {"rpc_64_fp", bench_words8_fp, NULL}, /* last: both have floating-point state from here on */
};

static const struct row notify_row = {"notify_waiter", bench_notify, NULL};

/* That all came as it was sent. */
static void check_answers(void)
{
    uint64_t got[RPC_SHORT] = {0};
    CHECK_EQUAL(rpc_words8(port, words, got), KERN_SUCCESS);
    CHECK(memcmp(got, words, sizeof(words[0]) * 8) == 0);
    CHECK_EQUAL(rpc_short_block(port, words, got), KERN_SUCCESS);
    CHECK(got[0] == words[0] && got[RPC_SHORT - 1] == words[RPC_SHORT - 1]);
    CHECK_EQUAL(rpc_long_block(port, words, got), KERN_SUCCESS);
    CHECK_EQUAL(got[0], words[0] + words[RPC_LONG - 1]);
}

int main(int argc, char **argv)
{
    for (unsigned i = 0; i < RPC_LONG; i++)
        words[i] = i + 1;
    port = rpc_begin();
    rpc_start_waiter(port);
    rows_run(&notify_row, 1, 0, argc, argv);
    rpc_end();
    port = rpc_begin();
    rpc_start_server(port);
    rows_run(rows, sizeof(rows) / sizeof(rows[0]), bench_empty(REPEATS), argc, argv);
    check_answers();
    rpc_end();
    print("bench: done\n");
    return 0;
}
