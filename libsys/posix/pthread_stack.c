/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks of threads: an inaccessible guard, the stack, and at its upper end the thread-local data with the thread's descriptor.
 * Those of the usual size are kept when their threads have ended, up to CACHED of them; others wait there only to be unmapped. One whose thread is only about to end (native.alive,
 * pthread_impl.h: P3) is in the cache too, and passed over: its thread still stands on it.
 */
#include "../tls.h"
#include "pthread_impl.h"
#include <libsys/kernel.h>
#include <string.h>
#include <user/machine.h>

enum { CACHED = 16, STACK_ALIGN = 16 };

static struct mutex lock;
static struct posix_thread *cache; /* guarded by lock, as the rest */
static unsigned cached;

/* Where a thread's descriptor is, from its block of thread-local data on: for all threads the same. */
static ptrdiff_t descriptor_offset(void)
{
    return (char *)&posix_own - (char *)machine_thread_pointer();
}

char *posix_stack_block(struct posix_thread *thread)
{
    return (char *)thread - descriptor_offset();
}

static struct posix_thread *make_block(char *end)
{
    char *block = (char *)((uintptr_t)(end - tls_size()) & ~(uintptr_t)(TLS_ALIGN - 1));

    tls_make(block);
    return (struct posix_thread *)(block + descriptor_offset());
}

/* ---- the cache ---- */

static size_t whole_pages(size_t size)
{
    return (size + POSIX_PAGE - 1) & ~(size_t)(POSIX_PAGE - 1);
}

static size_t usual_size(void)
{
    return POSIX_STACK_SIZE + POSIX_GUARD_SIZE + whole_pages(tls_size());
}

static bool is_usual(const struct posix_thread *thread)
{
    return thread->guard == POSIX_GUARD_SIZE && thread->size == usual_size();
}

static bool has_gone(struct posix_thread *thread)
{
    return atomic_load_explicit(&thread->native.alive, memory_order_acquire) == 0;
}

static struct posix_thread *take_cached(void)
{
    struct posix_thread *thread = NULL;

    mutex_lock(&lock);
    for (struct posix_thread **link = &cache; *link != NULL; link = &(*link)->next)
        if (has_gone(*link) && is_usual(*link)) {
            thread = *link;
            *link = thread->next;
            cached--;
            break;
        }
    mutex_unlock(&lock);
    return thread;
}

/* With the lock held: those that nobody will use, and can go. */
static struct posix_thread *surplus(void)
{
    struct posix_thread *list = NULL;

    for (struct posix_thread **link = &cache; *link != NULL;) {
        struct posix_thread *thread = *link;

        if (!has_gone(thread) || (cached <= CACHED && is_usual(thread))) {
            link = &thread->next;
            continue;
        }
        *link = thread->next;
        thread->next = list;
        list = thread;
        cached--;
    }
    return list;
}

/* The caller may stand on what is put in; never on what is freed: that one's thread has gone. */
static void put_cached(struct posix_thread *thread)
{
    mutex_lock(&lock);
    thread->next = cache;
    cache = thread;
    cached++;
    struct posix_thread *old = surplus();
    mutex_unlock(&lock);
    while (old != NULL) {
        struct posix_thread *next = old->next;

        /* Allocated by make_stack() with these numbers. */
        (void)kernel_vm_deallocate(old->memory, old->size);
        old = next;
    }
}

/* ---- making and giving back ---- */

static char *make_stack(size_t all, size_t guard)
{
    void *memory;

    if (kernel_vm_allocate(all, &memory) != KERN_SUCCESS)
        return NULL;
    if (guard > 0 && kernel_vm_protect(memory, guard, 0) != KERN_SUCCESS) {
        (void)kernel_vm_deallocate(memory, all);
        return NULL;
    }
    return memory;
}

struct posix_thread *posix_stack_make(size_t size, size_t guard)
{
    const bool usual = size == POSIX_STACK_SIZE && guard == POSIX_GUARD_SIZE;
    struct posix_thread *thread = usual ? take_cached() : NULL;
    size_t all = whole_pages(size) + whole_pages(guard) + whole_pages(tls_size());
    char *memory = thread != NULL ? thread->memory : make_stack(all, whole_pages(guard));

    if (memory == NULL)
        return NULL;
    thread = make_block(memory + all);
    thread->memory = memory;
    thread->size = all;
    thread->guard = whole_pages(guard);
    thread->stack = posix_stack_block(thread) - size; /* there is up to a page more below */
    thread->stack_size = size;
    return thread;
}

struct posix_thread *posix_stack_take_over(void *stack, size_t size)
{
    struct posix_thread *thread = make_block((char *)stack + size);

    thread->stack = stack;
    thread->stack_size = size;
    return thread;
}

void posix_stack_give_back(struct posix_thread *thread)
{
    if (thread->memory != NULL)
        put_cached(thread);
}
