/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Name spaces at their size: more than 60,000 names in use, names that are not given out again soon, what a forked child
 * has under its parent's names, and what becomes of names when ports die.
 */
#include <libsys/check.h>
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdatomic.h>
#include <user/msg.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

enum { PAGE = 4096, MANY = 60000, NAMES_END = 65536, PORTS = 40, GENERATIONS = 3000 };
enum { HELLO = 0x7100, TELL_ME = 0x7200 };
static const uint64_t patience = 20000000000;

#define OK(call)   CHECK_EQUAL(call, KERN_SUCCESS)
#define READ_WRITE (VM_PROT_READ | VM_PROT_WRITE)

/* A page that all share. */
static struct shared {
    _Atomic uint32_t step; /* of the child */
    _Atomic uint32_t failures;
} * shared;

static uint32_t names[NAMES_END];
static mach_port_name_t ports[PORTS];
static mach_port_name_t once, set, receive_only,
    dead; /* not to be found in the child, but for the last */

static mach_port_name_t me(void)
{
    return program_start_info->task;
}

static unsigned type_of(uint32_t name)
{
    uint32_t rights = 0;
    kern_return_t kr = port_type(me(), name, &rights);
    CHECK(kr == KERN_SUCCESS || kr == KERN_INVALID_NAME);
    return rights;
}

static unsigned refs_of(uint32_t name, uint32_t right)
{
    uint32_t refs = 0;
    OK(port_get_refs(me(), name, right, &refs));
    return refs;
}

static void wait_for(uint32_t step)
{
    uint64_t give_up = kernel_clock_now() + patience;
    while (atomic_load(&shared->step) < step && kernel_clock_now() < give_up)
        OK(kernel_sleep_until(kernel_clock_now() + 1000000));
    CHECK(shared->step >= step);
}

/* ---- many ---- */

static unsigned count_names(void)
{
    static uint32_t some[PORT_NAMES_MAX], rights[PORT_NAMES_MAX];
    uint32_t position = 0, count, rights_count;
    unsigned sum = 0;
    do {
        OK(port_names(me(), position, &position, some, &count, rights, &rights_count));
        CHECK_EQUAL(count, rights_count);
        sum += count;
    } while (position != 0);
    return sum;
}

/* As many as there can be. Indices are in the upper half: none comes twice. */
static unsigned take_all(void)
{
    static bool used[NAMES_END];
    unsigned n = 0, twice = 0;
    kern_return_t kr = KERN_SUCCESS;
    for (; kr == KERN_SUCCESS; n += kr == KERN_SUCCESS) {
        kr = port_allocate(me(), PORT_RIGHT_DEAD, &names[n]);
        if (kr == KERN_SUCCESS) {
            twice += used[names[n] >> 16];
            used[names[n] >> 16] = true;
        }
    }
    CHECK_EQUAL(kr, KERN_NO_SPACE);
    CHECK_EQUAL(twice, 0);
    return n;
}

static int be_heir(void *argument)
{
    const unsigned *wanted = argument;
    unsigned wrong = 0;
    for (unsigned i = 0; i < *wanted; i++)
        wrong += type_of(names[i]) != PORT_RIGHT_DEAD;
    CHECK_EQUAL(wrong, 0);
    CHECK(count_names() >= *wanted);
    atomic_fetch_add(&shared->failures, check_failures());
    atomic_store(&shared->step, 1);
    return 0;
}

/* A child inherits all of them, but for a few that its own making needs. */
static void test_heir(unsigned n)
{
    struct clone clone;
    enum { FOR_THE_CHILD = 8 };
    for (unsigned i = 0; i < FOR_THE_CHILD; i++)
        OK(port_deallocate(me(), names[--n]));
    atomic_store(&shared->step, 0);
    OK(clone_make(&clone, be_heir, &n, THREAD_PRIORITY_DEFAULT));
    OK(clone_run(&clone));
    wait_for(1);
    clone_end(&clone);
    for (unsigned i = 0; i < n; i++)
        OK(port_deallocate(me(), names[i]));
}

static void test_many(void)
{
    unsigned before = count_names(), n = take_all(), wrong = 0;
    CHECK(n >= MANY);
    CHECK_EQUAL(count_names(), before + n);
    test_heir(n);
    for (unsigned i = 0; i < n; i += 7)
        wrong += type_of(names[i]) != 0;
    CHECK_EQUAL(wrong, 0);
    CHECK_EQUAL(count_names(), before);
    print("ipc-names: %u names\n", n);
}

/* A name that has been given up denotes nothing for long. */
static void test_generations(void)
{
    uint32_t old = MSG_NULL, name = MSG_NULL;
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &old));
    OK(port_mod_refs(me(), old, PORT_RIGHT_RECEIVE, -1));
    for (unsigned i = 0; i < GENERATIONS; i++) {
        OK(port_allocate(me(), PORT_RIGHT_DEAD, &name));
        CHECK(name != old);
        OK(port_deallocate(me(), name));
        CHECK_EQUAL(port_deallocate(me(), name), KERN_INVALID_NAME);
    }
    CHECK_EQUAL(type_of(old), 0);
}

/* ---- the child's names ---- */

static uint32_t receive_id(mach_port_name_t port, uint64_t *local, uint32_t *word)
{
    struct msg_registers m = {.receive = port, .deadline = kernel_clock_now() + patience};
    user_msg_trap(&m);
    CHECK_EQUAL(m.result, 0);
    *local = m.local;
    *word = (uint32_t)m.word[0];
    return (uint32_t)m.id;
}

/* Its own new names are none of those that it has inherited. */
static void check_new_names(void)
{
    mach_port_name_t name = MSG_NULL;
    for (unsigned i = 0; i < 2 * PORTS; i++) {
        OK(port_allocate(me(), PORT_RIGHT_SET, &name));
        for (unsigned k = 0; k < PORTS; k++)
            CHECK(name != ports[k]);
    }
}

static void check_inherited(void)
{
    for (unsigned i = 0; i < PORTS; i++) {
        CHECK_EQUAL(type_of(ports[i]), PORT_RIGHT_SEND);
        CHECK_EQUAL(refs_of(ports[i], PORT_RIGHT_SEND), i + 1);
        OK(stub_send(ports[i], MSG_COPY_SEND, HELLO + i, NULL, 0, TRAP_NEVER));
    }
    CHECK_EQUAL(type_of(dead), PORT_RIGHT_DEAD);
    CHECK_EQUAL(refs_of(dead, PORT_RIGHT_DEAD), 3);
    CHECK(type_of(once) == 0 && type_of(set) == 0 && type_of(receive_only) == 0);
}

/* The parent's ports die: it is told, and has dead names, which has one reference more for being told. */
static void check_deaths(mach_port_name_t notify)
{
    uint64_t local;
    uint32_t word;
    for (unsigned i = 0; i < PORTS; i++) {
        CHECK_EQUAL(receive_id(notify, &local, &word), MSG_ID_DEAD_NAME);
        CHECK_EQUAL(local, notify);
        CHECK_EQUAL(type_of(word), PORT_RIGHT_DEAD);
    }
    for (unsigned i = 0; i < PORTS; i++) {
        CHECK_EQUAL(type_of(ports[i]), PORT_RIGHT_DEAD);
        CHECK_EQUAL(refs_of(ports[i], PORT_RIGHT_DEAD), i + 2);
        CHECK_EQUAL(stub_send(ports[i], MSG_COPY_SEND, HELLO, NULL, 0, TRAP_NEVER),
                    MACH_SEND_INVALID_DEST);
    }
}

static int be_child(void *argument)
{
    mach_port_name_t notify = MSG_NULL, previous;
    (void)argument;
    check_inherited();
    check_new_names();
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &notify));
    for (unsigned i = 0; i < PORTS; i++)
        OK(port_request_notification(me(), ports[i], MSG_ID_DEAD_NAME, 0, notify, &previous));
    atomic_store(&shared->step, 1);
    check_deaths(notify);
    atomic_fetch_add(&shared->failures, check_failures());
    atomic_store(&shared->step, 2);
    return 0;
}

static void make_rights(void)
{
    mach_port_name_t name;
    for (unsigned i = 0; i < PORTS; i++) {
        OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &ports[i]));
        OK(port_insert_made_send(me(), ports[i], ports[i], &name));
        OK(port_mod_refs(me(), ports[i], PORT_RIGHT_SEND, (int32_t)i));
    }
    OK(port_allocate(me(), PORT_RIGHT_SET, &set));
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &receive_only));
    OK(port_extract_send_once(me(), receive_only, PORT_HOW_MAKE_SEND_ONCE, &once));
    OK(port_allocate(me(), PORT_RIGHT_DEAD, &dead));
    OK(port_mod_refs(me(), dead, PORT_RIGHT_DEAD, 2));
}

static void test_fork(void)
{
    struct clone clone;
    uint64_t local;
    uint32_t word;
    make_rights();
    atomic_store(&shared->step, 0);
    OK(clone_make(&clone, be_child, NULL, THREAD_PRIORITY_DEFAULT));
    OK(clone_run(&clone));
    for (unsigned i = 0; i < PORTS; i++) {
        CHECK_EQUAL(receive_id(ports[i], &local, &word), HELLO + i);
        CHECK_EQUAL(local, ports[i]);
    }
    wait_for(1);
    for (unsigned i = 0; i < PORTS; i++)
        OK(port_mod_refs(me(), ports[i], PORT_RIGHT_RECEIVE, -1));
    wait_for(2);
    clone_end(&clone);
}

int main(void)
{
    uint64_t address = 0;
    OK(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, MSG_NULL, READ_WRITE, READ_WRITE, VM_INHERIT_SHARE,
              &address));
    shared = (struct shared *)(uintptr_t)address;
    test_generations();
    test_fork();
    test_many();
    CHECK_EQUAL(shared->failures, 0);
    return check_end("ipc-names");
}
