/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks that are copies of this one. See <libsys/clone.h>.
 *
 * The child's stack and thread-local data are made here before the memory is copied, and taken away here
 * afterwards: the copy is the child's. Its names for itself are known last, and written into its memory.
 */
#include "tls.h"
#include <libsys/clone.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/thread.h>
#include <stddef.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/if/vm.h>

/* At the lower end of the child's stack memory; the thread-local data are at the upper end. */
struct seed {
    struct thread thread; /* what thread_main() goes by */
    clone_function_t *function;
    void *argument;
};

static size_t stack_size(void)
{
    enum { PAGE = 0x1000 };
    return THREAD_STACK_SIZE + ((tls_size() + PAGE - 1) & ~(size_t)(PAGE - 1));
}

static char *tls_block(struct seed *seed)
{
    return (char *)seed + stack_size() - tls_size();
}

/* The child's first function. */
static void begin(void *memory)
{
    const struct seed *seed = memory;
    kernel_task_exit(seed->function(seed->argument));
}

static kern_return_t make_seed(clone_function_t *function, void *argument, struct seed **out)
{
    void *memory;
    const kern_return_t kr = kernel_vm_allocate(stack_size(), &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct seed *seed = memory;
    seed->function = function;
    seed->argument = argument;
    seed->thread.function = begin;
    seed->thread.argument = seed;
    seed->thread.alive = 1;
    tls_make(tls_block(seed));
    *out = seed;
    return KERN_SUCCESS;
}

/* ---- the child ---- */

/* A name in the child's start block (C1). */
static kern_return_t tell(mach_port_name_t child, const uint32_t *where, mach_port_name_t name)
{
    return vm_write(child, (uintptr_t)where, &name, sizeof(name));
}

static kern_return_t make_thread(struct clone *clone, struct seed *seed, unsigned priority)
{
    const uint64_t block = (uintptr_t)tls_block(seed);
    mach_port_name_t name;
    uint32_t id;
    kern_return_t kr =
        task_create_thread(clone->task, (uintptr_t)thread_entry, block, (uintptr_t)&seed->thread,
                           block, priority, false, &clone->thread, &id);
    if (kr == KERN_SUCCESS)
        kr = port_insert_send(clone->task, 0, clone->thread, &name);
    if (kr == KERN_SUCCESS)
        kr = tell(clone->task, &program_start_info->thread, name);
    return kr;
}

static kern_return_t fill(struct clone *clone, struct seed *seed, unsigned priority,
                          mach_port_name_t self_name)
{
    kern_return_t kr = tell(clone->task, &program_start_info->task, self_name);
    return kr == KERN_SUCCESS ? make_thread(clone, seed, priority) : kr;
}

kern_return_t clone_make(struct clone *clone, clone_function_t *function, void *argument,
                         unsigned priority)
{
    struct clone made = {MSG_NULL, MSG_NULL};
    mach_port_name_t self_name;
    struct seed *seed;
    kern_return_t kr = make_seed(function, argument, &seed);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = task_create(program_start_info->task, TASK_INHERIT_SEND_RIGHTS | TASK_INHERIT_MEMORY,
                     program_start_info->name, NULL, 0, MSG_NULL, &made.task, &self_name);
    if (kr == KERN_SUCCESS)
        kr = fill(&made, seed, priority, self_name);
    (void)!kernel_vm_deallocate(seed, stack_size());
    if (kr == KERN_SUCCESS)
        *clone = made;
    else
        clone_end(&made);
    return kr;
}

kern_return_t clone_give_receive(const struct clone *clone, mach_port_name_t name)
{
    mach_port_name_t got;
    const kern_return_t kr = port_insert_receive(clone->task, 0, name, &got);
    return kr == KERN_SUCCESS && got != name ? KERN_FAILURE : kr;
}

kern_return_t clone_run(const struct clone *clone)
{
    return thread_resume(clone->thread);
}

void clone_end(struct clone *clone)
{
    if (clone->task != MSG_NULL) {
        (void)!task_terminate(clone->task, 0);
        stub_release_right(clone->task, MSG_MOVE_SEND);
    }
    if (clone->thread != MSG_NULL)
        stub_release_right(clone->thread, MSG_MOVE_SEND);
    *clone = (struct clone){MSG_NULL, MSG_NULL};
}
