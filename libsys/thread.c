/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting and joining threads.
 */
#include "tls.h"
#include <libsys/kernel.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <user/machine.h>

enum { PAGE = 0x1000, GUARD_SIZE = PAGE };

static struct thread first_thread = {.alive = 1};
/* Right for the first thread from the beginning; the others write their own. */
static _Thread_local struct thread *current = &first_thread;

/** Of stack and thread-local data. Few of those are taken out of the stack. */
static size_t stack_size(void)
{
    size_t tls = tls_size();

    return THREAD_STACK_SIZE +
           (tls <= THREAD_STACK_SIZE / 16 ? 0 : (tls + PAGE - 1) & ~(size_t)(PAGE - 1));
}

static kern_return_t make_stack(struct thread *thread)
{
    void *at;
    kern_return_t kr = kernel_vm_allocate(GUARD_SIZE + stack_size(), &at);

    if (kr != KERN_SUCCESS)
        return kr;
    thread->memory = at;
    return kernel_vm_protect(thread->memory, GUARD_SIZE, 0);
}

static void free_stack(struct thread *thread)
{
    /* It was allocated by make_stack() with these very numbers. */
    (void)kernel_vm_deallocate(thread->memory, GUARD_SIZE + stack_size());
    thread->memory = NULL;
}

kern_return_t thread_start(struct thread *thread, thread_function_t *function, void *argument,
                           unsigned priority)
{
    *thread = (struct thread){.function = function, .argument = argument};
    kern_return_t kr = make_stack(thread);

    if (kr == KERN_SUCCESS) {
        char *block = thread->memory + GUARD_SIZE + stack_size() - tls_size();

        tls_make(block);
        thread->alive = 1;
        kr = kernel_thread_create(thread_entry, block, thread, block, priority, &thread->id);
        if (kr == KERN_SUCCESS)
            return kr;
    }
    if (thread->memory != NULL)
        free_stack(thread);
    return kr;
}

void thread_join(struct thread *thread)
{
    word_wait_while(&thread->alive, 1);
    free_stack(thread);
}

struct thread *thread_current(void)
{
    return current;
}

void thread_main(struct thread *self)
{
    current = self;
    self->function(self->argument);
    if (thread_reclaim != NULL)
        thread_reclaim();
    thread_leave(&self->alive, 0);
}
