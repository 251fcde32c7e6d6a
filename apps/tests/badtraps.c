/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile program: every trap with arguments that are wrong in a known way must give the error
 * that wharf/trap.h names, and any arguments at all must leave kernel and program alive.
 */
#include "ipc-actor.h"
#include "ipc-hostile.h"

#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/trap.h>
#include <stddef.h>
#include <string.h>
#include <user/msg.h>
#include <wharf/if/host_debug_types.h>

#define TOP    0xffffffffffffffff
#define KERNEL 0xffff800000000000 /* a kernel address, however the kernel is laid out */
#define HOLE   0x10000000         /* a user address where nothing is mapped */

struct attempt {
    unsigned trap;
    uint64_t a[5];
    kern_return_t wanted;
};

static _Atomic uint32_t word;
#define WORD ((uint64_t)&word)

static const struct attempt attempts[] = {
    {1000, {0}, KERN_INVALID_TRAP},
    {1u << 31, {0}, KERN_INVALID_TRAP},
    {TRAP_MSG, {0}, KERN_INVALID_TRAP}, /* names it in traces only */
    {TRAP_futex_wait, {WORD + 1, 0, TRAP_NEVER}, KERN_INVALID_ARGUMENT},
    {TRAP_futex_wait, {0, 0, TRAP_NEVER}, KERN_INVALID_ADDRESS},
    {TRAP_futex_wait, {HOLE, 0, TRAP_NEVER}, KERN_INVALID_ADDRESS},
    {TRAP_futex_wait, {KERNEL, 0, TRAP_NEVER}, KERN_INVALID_ADDRESS},
    {TRAP_futex_wait, {TOP - 3, 0, TRAP_NEVER}, KERN_INVALID_ADDRESS},
    {TRAP_futex_wait, {WORD, 1, TRAP_NEVER}, KERN_RETRY},
    {TRAP_futex_wait, {WORD, 0x100000000, 0}, KERN_OPERATION_TIMED_OUT},
    {TRAP_futex_wake, {WORD + 2, 1}, KERN_INVALID_ARGUMENT},
    {TRAP_futex_wake, {HOLE, 1}, KERN_SUCCESS},
    {TRAP_futex_wake, {WORD, 0}, KERN_SUCCESS},
    {TRAP_futex_requeue, {WORD, 1, 0, WORD + 4, 1}, KERN_SUCCESS},
    {TRAP_futex_requeue, {WORD, 1, 1, WORD + 4, 1}, KERN_RETRY},
    {TRAP_futex_requeue, {WORD, 1, 0, WORD, 1}, KERN_INVALID_ARGUMENT},
    {TRAP_futex_requeue, {WORD, 1, 0, WORD + 5, 1}, KERN_INVALID_ARGUMENT},
    {TRAP_futex_requeue, {HOLE, 1, 0, WORD, 1}, KERN_INVALID_ADDRESS},
    {TRAP_futex_wait_pi, {WORD + 1, 0, TRAP_NEVER}, KERN_INVALID_ARGUMENT},
    {TRAP_futex_wait_pi, {KERNEL, 0, TRAP_NEVER}, KERN_INVALID_ADDRESS},
    {TRAP_futex_wait_pi, {WORD, 1, TRAP_NEVER, 0xffffffff}, KERN_RETRY},
    {TRAP_futex_wait_pi, {WORD, 0, 0, 0x10001}, KERN_OPERATION_TIMED_OUT},
    {TRAP_futex_wake_pi, {WORD + 2}, KERN_INVALID_ARGUMENT},
    {TRAP_futex_wake_pi, {WORD}, KERN_SUCCESS},
    {TRAP_futex_requeue_pi, {KERNEL, 0, 0, WORD, TOP}, KERN_INVALID_ADDRESS},
};

/** Numbers that were traps once, with arguments that were right, and one that never was. */
static const unsigned retired[] = {5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};

static void try_retired(void)
{
    for (size_t i = 0; i < sizeof(retired) / sizeof(retired[0]); i++) {
        CHECK_EQUAL(sys_any(retired[i], 1, 1, 1, 1, 1, 1), -KERN_INVALID_TRAP);
        CHECK_EQUAL(sys_any(retired[i], WORD, 4096, 0, 0, 96, 0), -KERN_INVALID_TRAP);
    }
}

static void try_known(void)
{
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        const struct attempt *t = &attempts[i];
        int64_t got = sys_any(t->trap, t->a[0], t->a[1], t->a[2], t->a[3], t->a[4], 0);

        if (got != -(int64_t)t->wanted)
            print("badtraps: attempt %zu, trap %u(0x%lx, 0x%lx, 0x%lx)\n", i, t->trap, t->a[0],
                  t->a[1], t->a[2]);
        CHECK_EQUAL(got, -(int64_t)t->wanted);
    }
}

/** A message whose body of `length` bytes lies there: the error. */
static int64_t send_from(uint64_t address, uint32_t length)
{
    struct msg_registers r = {.destination = program_start_info->host_debug,
                              .id = HOST_DEBUG_ID_CONSOLE_WRITE,
                              .control = MSG_CONTROL(MSG_COPY_SEND, 0, length, 0),
                              .deadline = TRAP_NEVER,
                              .word = {address}};

    user_msg_trap(&r);
    return r.result;
}

static void try_bodies(void)
{
    static const uint64_t bad[] = {0, HOLE, KERNEL, TOP - 7, TOP - 4095, TOP & ~UINT64_C(7)};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_EQUAL(send_from(bad[i], 4096), -MACH_SEND_INVALID_DATA);
}

/** Protections, on memory that is really there. */
static void try_protections(void)
{
    void *at;

    if (!CHECK_EQUAL(kernel_vm_allocate(4 * UINT64_C(4096), &at), KERN_SUCCESS))
        return;
    char *memory = at;

    for (uint32_t protection = 0; protection < 16; protection++) {
        bool allowed = protection == 0 || protection == VM_PROT_READ ||
                       protection == (VM_PROT_READ | VM_PROT_WRITE) ||
                       protection == (VM_PROT_READ | VM_PROT_EXECUTE);

        CHECK_EQUAL(kernel_vm_protect(memory, 4096, protection),
                    allowed ? KERN_SUCCESS : KERN_INVALID_VALUE);
    }
    CHECK_EQUAL(kernel_vm_protect(memory, 4096, 0), KERN_SUCCESS);
    CHECK_EQUAL(send_from((uint64_t)memory, 72), -MACH_SEND_INVALID_DATA);
    CHECK_EQUAL(send_from((uint64_t)memory + 4096 - 64, 72), -MACH_SEND_INVALID_DATA);
    CHECK_EQUAL(send_from((uint64_t)memory + 4 * UINT64_C(4096) - 64, 72), -MACH_SEND_INVALID_DATA);
    CHECK_EQUAL(sys_futex_wait(memory, 0, 0), -KERN_INVALID_ADDRESS);
    CHECK_EQUAL(sys_futex_wait(memory + 4096, 0, 0), -KERN_OPERATION_TIMED_OUT);
    CHECK_EQUAL(kernel_vm_protect(memory, 5 * UINT64_C(4096), VM_PROT_READ), KERN_INVALID_ADDRESS);
    CHECK_EQUAL(kernel_vm_deallocate(memory + 4096, 4096), KERN_SUCCESS);
    CHECK_EQUAL(sys_futex_wait(memory + 4096, 0, 0), -KERN_INVALID_ADDRESS);
    CHECK_EQUAL(sys_futex_wait(memory + 2 * UINT64_C(4096), 0, 0), -KERN_OPERATION_TIMED_OUT);
    CHECK_EQUAL(kernel_vm_deallocate(memory, 4 * UINT64_C(4096)), KERN_SUCCESS);
    CHECK_EQUAL(sys_futex_wait(memory + 2 * UINT64_C(4096), 0, 0), -KERN_INVALID_ADDRESS);
}

static uint64_t random_state;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/** Numbers of the kind that breaks things: near limits, near powers of two, near real addresses. */
static uint64_t wild(void)
{
    static const uint64_t bases[] = {
        0,
        0x400000,
        HOLE,
        WORD,
        UINT64_C(1) << 31,
        UINT64_C(1) << 32,
        UINT64_C(1) << 47,
        KERNEL,
        TOP,
        UINT64_C(1) << 48,
        UINT64_C(1) << 63,
        4096,
    };
    uint64_t base = bases[random_next() % (sizeof(bases) / sizeof(bases[0]))];

    switch (random_next() % 4) {
    case 0: return base;
    case 1: return base + random_next() % 64;
    case 2: return base - random_next() % 64;
    default: return base ^ UINT64_C(1) << random_next() % 64;
    }
}

/** Whether a trap with these arguments is right and may end, block or clutter the program. */
static bool too_right(uint64_t trap, const uint64_t a[5])
{
    switch (trap) {
    case TRAP_thread_exit:
    case TRAP_task_exit: return true;
    case TRAP_futex_wait:
    case TRAP_futex_wait_pi: return a[2] > 1000;
    default: return false;
    }
}

static void try_wild(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        uint64_t trap = random_next() % 24;
        uint64_t a[5] = {wild(), wild(), wild(), wild(), wild()};

        if (!too_right(trap, a))
            (void)sys_any(trap, a[0], a[1], a[2], a[3], a[4], wild());
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    memcpy(&random_state, program_start_info->seed, sizeof(random_state));
    random_state |= 1;
    try_known();
    try_retired();
    try_bodies();
    try_protections();
    try_messages();
    try_wild_messages(10, wild); /* so that the program has what it keeps */
    uint64_t objects = objects_at_rest();

    try_wild(20000);
    try_wild_messages(20000, wild);
    expect_objects(objects);
    return check_end("badtraps");
}
