/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzing messages. The input is a row of traps of two tasks with two threads each, on one or two simulated
 * CPUs: whoever runs takes the next bytes. Registers come from values that mean something - names
 * that the task has, dispositions, lengths at the limits - and at times from the input as it is. At
 * the end every right is followed (kern/ipc_check.h), the tasks end, and everything must be as before.
 *
 * The machine is started once; inputs follow each other on it.
 */
#include "../../host/ipc_random/ipc_world.h"

#include <arch/message.h>
#include <arch/timer.h>
#include <kern/clock.h>
#include <kern/control.h>
#include <kern/cpu.h>
#include <kern/map.h>
#include <kern/sched.h>
#include <string.h>
#include <wharf/trap.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    TASKS = 2,
    THREADS = 2,
    NAMES = 16,
    BUFFER_VA = 0x200000,
    BUFFER_PAGES = 6,
    STEPS_MAX = 600
};

static struct {
    const uint8_t *data; /* what is left of the input */
    size_t size;
    mach_port_name_t name[TASKS][NAMES]; /* that the task has, or had */
    unsigned next_name;
    vaddr_t memory[TASKS];                 /* that the task has received */
    struct thread *thread[TASKS][THREADS]; /* with references */
} play;

/* --- the input --- */

static uint64_t take(unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes && play.size > 0; i++, play.size--)
        value |= (uint64_t)*play.data++ << 8 * i;
    return value;
}

static unsigned choose(unsigned count)
{
    return (unsigned)take(1) % count;
}

/* --- values --- */

static mach_port_name_t a_name(unsigned task)
{
    unsigned n = choose(24);
    if (n < NAMES)
        return play.name[task][n];
    static const mach_port_name_t special[] = {MSG_NULL, MSG_REPLY,  MSG_DEAD,
                                               1,        0x00050007, 0xffff0001};
    return n < NAMES + array_count(special) ? special[n - NAMES] : (mach_port_name_t)take(4);
}

static void note_name(unsigned task, uint64_t name)
{
    if (name != MSG_NULL && name < MSG_REPLY)
        play.name[task][play.next_name++ % NAMES] = (mach_port_name_t)name;
}

static unsigned a_disposition(void)
{
    static const uint8_t known[] = {0,
                                    MSG_MOVE_RECEIVE,
                                    MSG_MOVE_SEND,
                                    MSG_MOVE_SEND_ONCE,
                                    MSG_COPY_SEND,
                                    MSG_MAKE_SEND,
                                    MSG_MAKE_SEND_ONCE,
                                    MSG_MAKE_REPLY};
    unsigned n = choose(array_count(known) + 1);
    return n < array_count(known) ? known[n] : (unsigned)take(1);
}

static uint32_t a_length(uint32_t head)
{
    static const uint16_t known[] = {0,  1,   8,   24,   40,   56,   64,   65,
                                     72, 512, 513, 2048, 2056, 8191, 8192, 8193};
    unsigned n = choose(array_count(known) + 2);
    return n < array_count(known)    ? (known[n] > head ? known[n] : head)
           : n == array_count(known) ? head
                                     : (uint32_t)take(2);
}

static uint64_t a_deadline(void)
{
    switch (choose(4)) {
    case 0: return 0;
    case 1: return clock_now() + take(2) * 4;
    default: return NANOS_NEVER;
    }
}

static vaddr_t an_address(vaddr_t buffer)
{
    switch (choose(8)) {
    case 0: return take(8);
    case 1:
        return buffer + BUFFER_PAGES / 2 * PAGE_SIZE - take(1); /* the other thread's, or the end */
    case 2: return buffer + take(1);
    default: return buffer;
    }
}

/* --- actions --- */

static void a_descriptor(unsigned task, vaddr_t arrays, struct msg_descriptor *d)
{
    static const uint8_t kinds[] = {MSG_PORT, MSG_PORT, MSG_OOL_PORTS, MSG_OOL_MEMORY};
    memset(d, 0, sizeof(*d));
    unsigned n = choose(array_count(kinds) + 1);
    d->disposition = (uint8_t)a_disposition();
    if (n == array_count(kinds)) {
        uint64_t raw = take(8);
        memcpy((uint8_t *)d + 8, &raw, sizeof(raw));
        d->value = take(8);
        return;
    }
    d->kind = kinds[n];
    if (d->kind == MSG_PORT) {
        d->value = a_name(task);
        return;
    }
    d->size = choose(70);
    d->value = an_address(arrays);
    if (d->kind == MSG_OOL_MEMORY) {
        d->flags = choose(4) == 0 ? MSG_DEALLOCATE : 0;
        d->disposition = choose(16) == 0 ? d->disposition : 0;
        d->size *= choose(4) ? 1 : 200;
        if (choose(4) == 0)
            d->value = play.memory[task] + choose(64);
    }
}

static void set_body(uint64_t *x, const void *body)
{
    struct arch_thread t = {0};
    arch_message_set_body(&t, body, 8);
    for (unsigned i = 0; i < 17; i++)
        if (t.x[i])
            x[i] = t.x[i];
}

static void a_message(unsigned task, unsigned cpu, vaddr_t buffer, struct host_action *next)
{
    static union {
        uint64_t word[1024];
        struct msg_descriptor d[MSG_DESCRIPTORS_MAX];
    } body;
    uint64_t *x = next->args;
    *next = (struct host_action){.kind = HOST_TRAP, .number = TRAP_MSG};
    unsigned form = choose(8), count = form & 4 ? choose(4) : 0;
    memset(&body, 0x5a, sizeof(body));
    mach_port_name_t names[MSG_OOL_PORTS_MAX];
    for (unsigned i = 0; i < array_count(names); i++)
        names[i] = play.name[task][i % NAMES];
    vaddr_t arrays = buffer + 2 * PAGE_SIZE;
    (void)user_write(cpu, arrays, names, sizeof(names));
    for (unsigned i = 0; i < count; i++)
        a_descriptor(task, arrays, &body.d[i]);
    uint32_t length =
        form & 3 ? a_length(count * MSG_DESCRIPTOR_SIZE) : count * MSG_DESCRIPTOR_SIZE;
    x[MSG_X_DEST] = form == 0 ? MSG_NULL : a_name(task);
    x[MSG_X_ID] = take(1);
    unsigned remote = a_disposition(), local = a_disposition();
    x[MSG_X_CONTROL] = MSG_CONTROL(remote, local, length, count);
    x[MSG_X_LOCAL] = local == 0 || local == MSG_MAKE_REPLY ? 0 : a_name(task);
    x[MSG_X_RECEIVE] = choose(3) ? a_name(task) : choose(2) ? MSG_REPLY : MSG_NULL;
    x[MSG_X_DEADLINE] = a_deadline();
    x[MSG_X_BUFFER] = an_address(buffer);
    x[MSG_X_BUFFER_SIZE] = choose(8) ? MSG_BODY_MAX : take(2);
    set_body(x, body.word);
    if (length > MSG_REGISTER_BYTES) {
        x[MSG_X_ADDRESS] = an_address(buffer);
        (void)user_write(cpu, buffer, body.word, sizeof(body) / 2);
    }
    if (choose(64) == 0)
        x[choose(17)] = take(8);
}

static void some_name(unsigned task)
{
    struct space *space = ipc_task[task].task->space;
    struct kright notify = {0};
    mach_port_name_t name;
    switch (choose(8)) {
    case 0:
        if (ipc_port(ipc_task[task].task, 1 + choose(4), choose(2) ? 600 : 65536, &name) ==
            KERN_SUCCESS)
            note_name(task, name);
        break;
    case 1:
        if (space_allocate(space, 1u << choose(5), &name) == KERN_SUCCESS)
            note_name(task, name);
        break;
    case 2: (void)!space_deallocate(space, a_name(task)); break;
    case 3: (void)!space_mod_refs(space, a_name(task), 1u << choose(5), (int8_t)take(1)); break;
    case 4: (void)!space_move_member(space, a_name(task), a_name(task)); break;
    case 5:
        if (ipc_give(ipc_task[task].task, a_name(task), a_disposition(),
                     ipc_task[choose(TASKS)].task, &name) == KERN_SUCCESS)
            note_name(task, name);
        break;
    default:
        spin_lock(&space->lock);
        kern_return_t kr = space_take(space, a_name(task), MSG_MAKE_SEND_ONCE, &notify);
        spin_unlock(&space->lock);
        if (kr == KERN_SUCCESS) {
            (void)!space_request_notification(space, a_name(task), MSG_ID_PORT_DELETED + choose(8),
                                              choose(2), &notify);
            kright_destroy(&notify);
        }
        break;
    }
}

static void some_thread(void)
{
    struct thread *thread = play.thread[choose(TASKS)][choose(THREADS)];
    uint64_t progress = 0;
    switch (choose(8)) {
    case 0: thread_terminate(thread); break;
    case 1: (void)!thread_suspend(thread, &progress); break;
    case 2: (void)!thread_resume_count(thread); break;
    case 3:
    case 4: (void)!thread_abort(thread); break;
    case 5: (void)!sched_set_affinity(thread, 1 + choose(3)); break;
    default: sched_set_priority(thread, 1 + choose(255)); break;
    }
}

/* What the last message brought is used again. */
static void note_results(unsigned task, const struct thread *t, vaddr_t buffer, unsigned cpu)
{
    struct msg_descriptor d[4];
    if (t->arch.x[0] != 0)
        return;
    note_name(task, t->arch.x[MSG_X_RECEIVE]);
    unsigned count = msg_descriptors(t->arch.x[MSG_X_CONTROL]);
    if (count == 0)
        return;
    if (msg_length(t->arch.x[MSG_X_CONTROL]) <= MSG_REGISTER_BYTES)
        arch_message_get_body(&t->arch, (uint64_t *)(void *)d);
    else if (!user_read(cpu, buffer, d, sizeof(d)))
        return;
    for (unsigned i = 0; i < count && i < array_count(d); i++) {
        if (d[i].kind == MSG_PORT)
            note_name(task, d[i].value);
        if (d[i].kind == MSG_OOL_MEMORY)
            play.memory[task] = d[i].value;
    }
}

static void script(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    unsigned task = (unsigned)t->arch.program.arg / THREADS,
             number = (unsigned)t->arch.program.arg % THREADS;
    vaddr_t buffer = BUFFER_VA + number * (BUFFER_PAGES / 2) * PAGE_SIZE;
    (void)context;
    note_results(task, t, buffer, cpu);
    if (play.size == 0) {
        *next = (struct host_action){.kind = HOST_TRAP, .number = TRAP_thread_exit};
        return;
    }
    unsigned n = choose(16);
    if (n < 11)
        a_message(task, cpu, buffer, next);
    else if (n < 14)
        some_name(task);
    else if (n == 14)
        some_thread();
    else
        *next = (struct host_action){.kind = HOST_TRAP,
                                     .number = choose(2) ? TRAP_reply_keep : TRAP_thread_switch};
}

/* --- one input --- */

static void make_thread(unsigned task, unsigned number, uint64_t cpus)
{
    struct thread **thread = &play.thread[task][number];
    CHECK_EQUAL(thread_create(ipc_task[task].task, 0x10000, 0x20000, task * THREADS + number, 0,
                              PRIORITY_DEFAULT, thread),
                KERN_SUCCESS);
    (void)!sched_set_affinity(*thread, cpus);
}

static void make_task(unsigned number)
{
    struct task *task;
    mach_port_name_t name;
    CHECK_EQUAL(task_create(&kernel_ledger, "fuzzed", &task), KERN_SUCCESS);
    ipc_task[number].task = task;
    struct map_request request = {.start = BUFFER_VA,
                                  .pages = BUFFER_PAGES,
                                  .prot = PROT_READ | PROT_WRITE,
                                  .max_prot = PROT_ALL};
    CHECK_EQUAL(map_enter(task, &request), KERN_SUCCESS);
    ledger_set_limit(task->ledger, LEDGER_PORTS, 60);
    ledger_set_limit(task->ledger, LEDGER_FRAMES, 200);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQUAL(ipc_port(task, 1 + i, 65536, &name), KERN_SUCCESS);
        play.name[number][i] = name;
        CHECK_EQUAL(ipc_give(task, name, MSG_MAKE_SEND, task, &name), KERN_SUCCESS);
    }
    CHECK_EQUAL(space_allocate(task->space, RIGHT_SET, &play.name[number][3]), KERN_SUCCESS);
    CHECK_EQUAL(ipc_give_kobject(task->self_port, task, &play.name[number][4]), KERN_SUCCESS);
}

static void begin(void *argument)
{
    uint64_t cpus = *(uint64_t *)argument;
    for (unsigned i = 0; i < TASKS; i++)
        make_task(i);
    for (unsigned i = 0; i < TASKS; i++) /* rights to the other one's ports */
        for (unsigned n = 0; n < 3; n++)
            CHECK_EQUAL(ipc_give(ipc_task[1 - i].task, play.name[1 - i][n], MSG_MAKE_SEND,
                                 ipc_task[i].task, &play.name[i][5 + n]),
                        KERN_SUCCESS);
    for (unsigned i = 0; i < TASKS * THREADS; i++)
        make_thread(i / THREADS, i % THREADS, cpus);
    for (unsigned i = 0; i < TASKS * THREADS; i++)
        thread_resume(play.thread[i / THREADS][i % THREADS]);
}

static void drop_threads(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < TASKS * THREADS; i++)
        thread_unref(play.thread[i / THREADS][i % THREADS]);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    host_set_repeat_line("the input that the fuzzer saved");
    world_start(&(struct world_config){.seed = 1, .cpus = 2, .memory = 16 * MIB, .script = script});
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&play, 0, sizeof(play));
    play.data = data;
    play.size = size;
    play.next_name = 8;
    uint64_t cpus = take(1) & 1 ? 3 : 1;
    host_machine_call(0, begin, &cpus);
    (void)host_machine_run(STEPS_MAX, arch_counter() + arch_counter_frequency() / 1000);
    ipc_world_check();
    play.size = 0;
    host_machine_call(0, drop_threads, NULL);
    ipc_world_finish();
    return 0;
}
