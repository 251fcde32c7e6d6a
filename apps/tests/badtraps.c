/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile program: every trap with arguments that are wrong in a known way must give the error
 * that wharf/trap.h names, and any arguments at all must leave kernel and program alive.
 */
#include <libsys/check.h>
#include <libsys/program.h>
#include <libsys/trap.h>
#include <stddef.h>
#include <string.h>

#define TOP      0xffffffffffffffff
#define KERNEL   0xffff800000000000 /* a kernel address, however the kernel is laid out */
#define HOLE     0x10000000         /* a user address where nothing is mapped */
#define NO_ENTRY 0x400002           /* no place for an instruction */

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
    {TRAP_thread_create, {NO_ENTRY, HOLE, 0, 0, 96}, KERN_INVALID_ARGUMENT},
    {TRAP_thread_create, {0x400000, HOLE + 8, 0, 0, 96}, KERN_INVALID_ARGUMENT},
    {TRAP_thread_create, {0x400000, HOLE, 0, 0, 0}, KERN_INVALID_ARGUMENT},
    {TRAP_thread_create, {0x400000, HOLE, 0, 0, 256}, KERN_INVALID_ARGUMENT},
    {TRAP_thread_create, {0x400000, HOLE, 0, 0, TOP}, KERN_INVALID_ARGUMENT},
    {TRAP_thread_create, {KERNEL, HOLE, 0, 0, 96}, KERN_INVALID_ADDRESS},
    {TRAP_thread_create, {0x400000, KERNEL, 0, 0, 96}, KERN_INVALID_ADDRESS},
    {TRAP_thread_create, {0x400000, HOLE, 0, KERNEL, 96}, KERN_INVALID_ADDRESS},
    {TRAP_console_write, {0, 1}, KERN_INVALID_ADDRESS},
    {TRAP_console_write, {HOLE, 1}, KERN_INVALID_ADDRESS},
    {TRAP_console_write, {KERNEL, 16}, KERN_INVALID_ADDRESS},
    {TRAP_console_write, {TOP, 2}, KERN_INVALID_ADDRESS},
    {TRAP_console_write, {TOP - 4094, 4096}, KERN_INVALID_ADDRESS},
    {TRAP_console_write, {WORD, TRAP_CONSOLE_MAX + 1}, KERN_INVALID_ARGUMENT},
    {TRAP_console_write, {WORD, TOP}, KERN_INVALID_ARGUMENT},
    {TRAP_console_write, {KERNEL, 0}, KERN_SUCCESS},
    {TRAP_sleep_until, {0}, KERN_SUCCESS},
    {TRAP_vm_allocate, {0}, KERN_INVALID_ARGUMENT},
    {TRAP_vm_allocate, {TOP}, KERN_NO_SPACE},
    {TRAP_vm_allocate, {TOP - 4095}, KERN_NO_SPACE},
    {TRAP_vm_allocate, {UINT64_C(1) << 63}, KERN_NO_SPACE},
    {TRAP_vm_deallocate, {HOLE, 0}, KERN_INVALID_ARGUMENT},
    {TRAP_vm_deallocate, {HOLE + 1, 4096}, KERN_INVALID_ARGUMENT},
    {TRAP_vm_deallocate, {HOLE, 4096}, KERN_INVALID_ADDRESS},
    {TRAP_vm_deallocate, {HOLE, TOP}, KERN_INVALID_ADDRESS},
    {TRAP_vm_deallocate, {KERNEL, 4096}, KERN_INVALID_ADDRESS},
    {TRAP_vm_protect, {HOLE, 0, TRAP_PROT_READ}, KERN_INVALID_ARGUMENT},
    {TRAP_vm_protect, {HOLE + 8, 4096, TRAP_PROT_READ}, KERN_INVALID_ARGUMENT},
    {TRAP_vm_protect, {HOLE, 4096, TRAP_PROT_READ}, KERN_INVALID_ADDRESS},
    {TRAP_vm_protect, {KERNEL, 4096, TRAP_PROT_READ}, KERN_INVALID_ADDRESS},
    {TRAP_vm_protect, {TOP - 4095, 8192, TRAP_PROT_READ}, KERN_INVALID_ADDRESS},
    {TRAP_vm_protect, {0x400000, 4096, TRAP_PROT_READ_WRITE}, KERN_INVALID_ADDRESS},
    {TRAP_system_info, {1000}, KERN_INVALID_VALUE},
    {TRAP_system_info, {TOP}, KERN_INVALID_VALUE},
    {TRAP_thread_set_affinity, {0}, KERN_INVALID_ARGUMENT},
    {TRAP_thread_set_affinity, {UINT64_C(1) << 63}, KERN_INVALID_ARGUMENT},
    {TRAP_thread_set_priority, {0}, KERN_INVALID_ARGUMENT},
    {TRAP_thread_set_priority, {256}, KERN_INVALID_ARGUMENT},
    {TRAP_thread_set_priority, {TOP}, KERN_INVALID_ARGUMENT},
};

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

/** Protections, on memory that is really there. */
static void try_protections(void)
{
    int64_t at = sys_vm_allocate(4 * UINT64_C(4096));

    if (!CHECK(at > 0))
        return;
    char *memory = (char *)at;

    for (uint32_t protection = 0; protection < 16; protection++) {
        bool allowed = protection == TRAP_PROT_NONE || protection == TRAP_PROT_READ ||
                       protection == TRAP_PROT_READ_WRITE || protection == TRAP_PROT_READ_EXECUTE;

        CHECK_EQUAL(sys_vm_protect(memory, 4096, protection), allowed ? 0 : -KERN_INVALID_VALUE);
    }
    CHECK_EQUAL(sys_vm_protect(memory, 4096, TRAP_PROT_NONE), 0);
    CHECK_EQUAL(sys_console_write(memory, 1), -KERN_INVALID_ADDRESS);
    CHECK_EQUAL(sys_console_write(memory + 4096, 0), 0);
    CHECK_EQUAL(sys_console_write(memory + 4 * UINT64_C(4096) - 8, 16), -KERN_INVALID_ADDRESS);
    CHECK_EQUAL(sys_futex_wait(memory, 0, 0), -KERN_INVALID_ADDRESS);
    CHECK_EQUAL(sys_vm_protect(memory, 5 * UINT64_C(4096), TRAP_PROT_READ), -KERN_INVALID_ADDRESS);
    CHECK_EQUAL(sys_vm_deallocate(memory + 4096, 4096), -KERN_INVALID_ADDRESS);
    CHECK_EQUAL(sys_vm_deallocate(memory, 4 * UINT64_C(4096)), 0);
    CHECK_EQUAL(sys_console_write(memory + 4096, 1), -KERN_INVALID_ADDRESS);
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
    case TRAP_task_exit:
    case TRAP_thread_create: return true; /* tried above, with arguments that are surely wrong */
    case TRAP_futex_wait:
    case TRAP_futex_wait_pi: return a[2] > 1000;
    case TRAP_sleep_until: return a[0] > 1000;
    case TRAP_console_write:
        return a[1] != 0 && a[1] <= TRAP_CONSOLE_MAX && a[0] >= 0x400000 &&
               a[0] < HOLE; /* would print its own memory */
    case TRAP_vm_allocate: return a[0] > 0 && a[0] < UINT64_C(1) << 40;
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
    CHECK_EQUAL(sys_thread_set_priority(96), 0);
    CHECK_EQUAL(sys_thread_set_affinity(TOP), 0);
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    memcpy(&random_state, program_start_info->seed, sizeof(random_state));
    random_state |= 1;
    try_known();
    try_protections();
    int64_t objects = sys_system_info(SYSTEM_INFO_KERNEL_OBJECTS);

    try_wild(20000);
    CHECK_EQUAL(sys_system_info(SYSTEM_INFO_KERNEL_OBJECTS), objects);
    return check_end("badtraps");
}
