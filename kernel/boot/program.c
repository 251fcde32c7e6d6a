/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading an ELF program into a fresh task. The file is untrusted: whatever is wrong with it is a
 * sentence, never a fault. Source: ELF-64 Object File Format 1.5; ELF for the Arm 64-bit
 * Architecture.
 */
#include "boot_impl.h"
#include "elf.h"
#include <arch/timer.h>
#include <arch/usercopy.h>
#include <kern/clock.h>
#include <kern/map.h>
#include <kern/string.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <wharf/if/vm_types.h>
#include <wharf/start.h>

/* The stack ends here. */
#define PROGRAM_END MAP_ALLOCATE_BASE

static kern_return_t make_memory(struct task *task, vaddr_t start, uint64_t pages, unsigned prot)
{
    struct map_request request = {.start = start,
                                  .pages = pages,
                                  .prot = (uint8_t)prot,
                                  .max_prot = PROT_ALL,
                                  .inherit = VM_INHERIT_COPY};
    return map_enter(task, &request);
}

/* Whatever its protection. */
static kern_return_t write_memory(struct task *task, vaddr_t to, const void *from, uint64_t n)
{
    const char *bytes = from;
    while (n > 0) {
        uint64_t piece = n < PAGE_SIZE ? n : PAGE_SIZE;
        kern_return_t kr = map_copy(NULL, task, to, (void *)(uintptr_t)bytes, piece, true, true);
        if (kr != KERN_SUCCESS)
            return kr;
        to += piece;
        bytes += piece;
        n -= piece;
    }
    return KERN_SUCCESS;
}

static kern_return_t load_segment(struct task *task, const char *file, const struct elf_segment *s)
{
    unsigned prot = (s->flags & ELF_READ ? PROT_READ : 0u) |
                    (s->flags & ELF_WRITE ? PROT_READ | PROT_WRITE : 0u) |
                    (s->flags & ELF_EXECUTE ? PROT_EXECUTE : 0u);
    vaddr_t start = round_down(s->address, PAGE_SIZE);
    uint64_t pages = (round_up(s->address + s->memory_size, PAGE_SIZE) - start) >> PAGE_SHIFT;
    kern_return_t kr = make_memory(task, start, pages, prot);
    if (kr == KERN_SUCCESS)
        kr = write_memory(task, s->address, file + s->offset, s->file_size);
    return kr;
}

/* Where the start block and its strings lie, at the upper end of the stack (wharf/start.h). */
struct stack {
    vaddr_t bottom, name, arguments, block;
};

static kern_return_t make_stack(struct task *task, const char *name, const char *arguments,
                                struct stack *stack)
{
    vaddr_t top = PROGRAM_END - PAGE_SIZE;
    stack->bottom = top - START_STACK_SIZE;
    stack->name = top - round_up(strlen(name) + 1, 16);
    stack->arguments = stack->name - round_up(strlen(arguments) + 1, 16);
    stack->block = round_down(stack->arguments - sizeof(struct start_info), 16);
    kern_return_t kr =
        make_memory(task, stack->bottom, START_STACK_SIZE >> PAGE_SHIFT, PROT_READ | PROT_WRITE);
    if (kr == KERN_SUCCESS)
        kr = write_memory(task, stack->name, name, strlen(name) + 1);
    if (kr == KERN_SUCCESS)
        kr = write_memory(task, stack->arguments, arguments, strlen(arguments) + 1);
    return kr;
}

static kern_return_t write_block(struct task *task, struct thread *thread,
                                 const struct stack *stack)
{
    uint64_t seed[2] = {boot_random(), boot_random()};
    struct start_info block = {
        .magic = START_MAGIC,
        .size = sizeof(block),
        .arguments = (const char *)stack->arguments,
        .name = (const char *)stack->name,
        .entry_counter = clock_origin(),
        .counter_frequency = arch_counter_frequency(),
    };
    memcpy(block.seed, seed, sizeof(block.seed));
    kern_return_t kr = boot_give_rights(task, thread, &block);
    if (kr == KERN_SUCCESS)
        kr = write_memory(task, stack->block, &block, sizeof(block));
    return kr;
}

/* The file has passed elf_check(). */
static kern_return_t build(struct task *task, const char *file, const char *name,
                           const char *arguments)
{
    const struct elf_header *h = (const struct elf_header *)file;
    const struct elf_segment *segment = (const struct elf_segment *)(file + h->program_offset);
    kern_return_t kr = KERN_SUCCESS;
    for (unsigned i = 0; i < h->program_count && kr == KERN_SUCCESS; i++)
        if (segment[i].type == ELF_LOAD)
            kr = load_segment(task, file, &segment[i]);
    struct stack stack = {0};
    if (kr == KERN_SUCCESS)
        kr = make_stack(task, name, arguments, &stack);
    struct thread *thread;
    if (kr == KERN_SUCCESS)
        kr = thread_create(task, h->entry, stack.block, stack.block, 0, PRIORITY_DEFAULT, &thread);
    if (kr == KERN_SUCCESS) {
        kr = write_block(task, thread, &stack);
        thread_unref(thread); /* the task's list keeps it */
    }
    return kr;
}

kern_return_t program_load(const void *file, size_t size, const char *name, const char *arguments,
                           struct task **out, const char **why)
{
    struct task *task;
    *why = elf_check(file, size);
    if (*why)
        return KERN_BAD_FORMAT;
    kern_return_t kr = task_create(&kernel_ledger, name, &task);
    if (kr == KERN_SUCCESS)
        kr = build(task, file, name, arguments);
    else
        task = NULL;
    if (kr != KERN_SUCCESS) {
        if (!*why)
            *why = kr == KERN_LIMIT || kr == KERN_RESOURCE_SHORTAGE
                       ? "there is not enough memory for it"
                       : "its segments overlap";
        if (task) {
            task_terminate(task, 0, false);
            task_unref(task);
        }
        return kr;
    }
    *out = task;
    return KERN_SUCCESS;
}
