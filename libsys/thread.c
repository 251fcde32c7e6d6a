/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting and joining threads.
 */
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <user/machine.h>

enum { GUARD_SIZE = 0x1000 };

static kern_return_t make_stack(struct thread *thread)
{
    int64_t at = sys_vm_allocate(GUARD_SIZE + THREAD_STACK_SIZE);

    if (at < 0)
        return trap_error(at);
    thread->memory = (char *)at;
    return trap_error(sys_vm_protect(thread->memory, GUARD_SIZE, TRAP_PROT_NONE));
}

static void free_stack(struct thread *thread)
{
    /* It was allocated by make_stack() with these very numbers. */
    (void)sys_vm_deallocate(thread->memory, GUARD_SIZE + THREAD_STACK_SIZE);
    thread->memory = NULL;
}

kern_return_t thread_start(struct thread *thread, thread_function_t *function, void *argument,
                           unsigned priority)
{
    *thread = (struct thread){.self = thread, .function = function, .argument = argument};
    kern_return_t kr = make_stack(thread);

    if (kr == KERN_SUCCESS) {
        thread->alive = 1;
        int64_t id =
            sys_thread_create(thread_entry, thread->memory + GUARD_SIZE + THREAD_STACK_SIZE, thread,
                              thread, priority);

        if (id > 0) {
            thread->id = id;
            return KERN_SUCCESS;
        }
        kr = trap_error(id);
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
    return machine_thread_pointer();
}

void thread_main(struct thread *self)
{
    self->function(self->argument);
    thread_leave(&self->alive, 0);
}
