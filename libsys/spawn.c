/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See <libsys/spawn.h>. Everything is done by messages to the new task's port; the kernel knows nothing of program files here.
 */
#include <libsys/elf.h>
#include <libsys/program.h>
#include <libsys/spawn.h>
#include <libsys/stub.h>
#include <libsys/thread.h>
#include <string.h>
#include <wharf/if/exception.h>
#include <wharf/if/exception_ports.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/vm.h>

#define PAGE         UINT64_C(0x1000)
#define STACK_TOP    SPAWN_STACK_TOP
#define STACK_BOTTOM (STACK_TOP - START_STACK_SIZE)

static uint64_t page_down(uint64_t address)
{
    return address & ~(PAGE - 1);
}

static uint64_t page_up(uint64_t address)
{
    return page_down(address + PAGE - 1);
}

/* ---- memory ---- */

static uint32_t protection_of(const struct elf_segment *s)
{
    return VM_PROT_READ | (s->flags & ELF_WRITE ? VM_PROT_WRITE : 0u) |
           (s->flags & ELF_EXECUTE ? VM_PROT_EXECUTE : 0u);
}

/* Nothing of it is ever written, nor zero for want of file, and it lies in its pages as in the entry's. */
static bool can_be_shared(const struct spawn_request *r, const struct elf_segment *s)
{
    return r->memory != MSG_NULL && !(s->flags & ELF_WRITE) && s->file_size == s->memory_size &&
           (r->memory_offset + s->offset) % PAGE == s->address % PAGE;
}

static kern_return_t share_segment(mach_port_name_t task, const struct spawn_request *r,
                                   const struct elf_segment *s)
{
    const uint64_t start = page_down(s->address), end = page_up(s->address + s->memory_size);
    const uint32_t protection = protection_of(s);
    uint64_t at;
    return vm_map_named(task, start, end - start, page_down(r->memory_offset + s->offset), 0,
                        r->memory, protection, protection, VM_INHERIT_COPY, &at);
}

static kern_return_t copy_segment(mach_port_name_t task, const struct spawn_request *r,
                                  const struct elf_segment *s)
{
    const uint64_t start = page_down(s->address), end = page_up(s->address + s->memory_size);
    const uint32_t protection = protection_of(s);
    uint64_t at;
    kern_return_t kr = vm_allocate(task, start, end - start, 0, &at);
    if (kr == KERN_SUCCESS && s->file_size != 0)
        kr = vm_write_from(task, s->address, s->file_size,
                           (uintptr_t)r->file + (uintptr_t)s->offset);
    if (kr == KERN_SUCCESS && protection != (VM_PROT_READ | VM_PROT_WRITE))
        kr = vm_protect(task, start, end - start, false, protection);
    return kr;
}

kern_return_t spawn_segments(mach_port_name_t task, const struct spawn_request *r,
                             const struct elf_program *program)
{
    kern_return_t kr = KERN_SUCCESS;
    for (unsigned i = 0; i < program->count && kr == KERN_SUCCESS; i++) {
        const struct elf_segment *s = &program->segment[i];
        kr = can_be_shared(r, s) ? share_segment(task, r, s) : copy_segment(task, r, s);
    }
    return kr;
}

/* ---- the start block ---- */

static kern_return_t give(mach_port_name_t task, const struct spawn_right *right,
                          struct start_info *block)
{
    mach_port_name_t got;
    const kern_return_t kr = right->make ? port_insert_made_send(task, 0, right->name, &got)
                                         : port_insert_send(task, 0, right->name, &got);
    if (kr == KERN_SUCCESS)
        memcpy((char *)block + right->where, &got, sizeof(got));
    return kr;
}

static kern_return_t give_rights(const struct spawn_request *r, const struct spawned *made,
                                 struct start_info *block)
{
    const struct spawn_right thread = {.where = offsetof(struct start_info, thread),
                                       .name = made->thread};
    kern_return_t kr = give(made->task, &thread, block);
    for (unsigned i = 0; i < r->right_count && kr == KERN_SUCCESS; i++)
        if (r->rights[i].name != MSG_NULL)
            kr = give(made->task, &r->rights[i], block);
    return kr;
}

/* Addresses in the new task. The block is at the stack's upper end, its strings above it. */
struct stack {
    uint64_t name, arguments, block;
};

static kern_return_t make_stack(mach_port_name_t task, const struct spawn_request *r,
                                struct stack *stack)
{
    const size_t name = strlen(r->name) + 1, arguments = strlen(r->arguments) + 1;
    uint64_t at;
    kern_return_t kr = vm_allocate(task, STACK_BOTTOM, START_STACK_SIZE, 0, &at);
    stack->name = (STACK_TOP - sizeof(stack->block) - name) & ~UINT64_C(15);
    stack->arguments = (stack->name - arguments) & ~UINT64_C(15);
    stack->block = (stack->arguments - sizeof(struct start_info)) & ~UINT64_C(15);
    if (kr == KERN_SUCCESS)
        kr = vm_write(task, stack->name, (const uint8_t *)r->name, (uint32_t)name);
    if (kr == KERN_SUCCESS)
        kr = vm_write(task, stack->arguments, (const uint8_t *)r->arguments, (uint32_t)arguments);
    if (kr == KERN_SUCCESS)
        kr = vm_write(task, STACK_TOP - sizeof(stack->block), (const uint8_t *)&stack->block,
                      sizeof(stack->block));
    return kr;
}

static kern_return_t write_block(const struct spawn_request *r, const struct spawned *made,
                                 const struct stack *stack, mach_port_name_t self_name)
{
    struct start_info block = {
        .magic = START_MAGIC,
        .size = sizeof(block),
        .arguments = (const char *)(uintptr_t)stack->arguments,
        .name = (const char *)(uintptr_t)stack->name,
        .entry_counter = program_start_info->entry_counter,
        .counter_frequency = program_start_info->counter_frequency,
        .task = self_name,
        .initrd_offset = r->initrd_offset,
        .initrd_size = r->initrd_size,
    };
    memcpy(block.seed, r->seed, sizeof(block.seed));
    const kern_return_t kr = give_rights(r, made, &block);
    return kr != KERN_SUCCESS
               ? kr
               : vm_write(made->task, stack->block, (const uint8_t *)&block, sizeof(block));
}

/* ---- the task ---- */

static kern_return_t make_thread(const struct spawn_request *r, uint64_t entry,
                                 const struct stack *stack, struct spawned *made)
{
    const unsigned priority = r->priority != 0 ? r->priority : THREAD_PRIORITY_DEFAULT;
    kern_return_t kr = KERN_SUCCESS;
    if (r->limit_priority)
        kr = task_set_max_priority(made->task, priority);
    if (kr == KERN_SUCCESS)
        kr = task_create_thread(made->task, entry, stack->block, stack->block, 0, priority, false,
                                &made->thread, &made->thread_id);
    return kr;
}

static kern_return_t fill(const struct spawn_request *r, const struct elf_program *program,
                          mach_port_name_t self_name, struct spawned *made)
{
    struct stack stack;
    kern_return_t kr = r->resident == MSG_NULL
                           ? KERN_SUCCESS
                           : host_memory_set_reclaim(r->resident, made->task, true);
    if (kr == KERN_SUCCESS)
        kr = spawn_segments(made->task, r, program);
    if (kr == KERN_SUCCESS)
        kr = make_stack(made->task, r, &stack);
    if (kr == KERN_SUCCESS && r->handler != MSG_NULL)
        kr = exception_ports_set(made->task, EXCEPTION_PORTS_SLOT_HANDLER,
                                 EXCEPTION_PORTS_FLAVOUR_RIGHTS, EXCEPTION_ALL, r->handler);
    if (kr == KERN_SUCCESS)
        kr = make_thread(r, program->entry, &stack, made);
    if (kr == KERN_SUCCESS)
        kr = write_block(r, made, &stack, self_name);
    return kr;
}

static const char *reason(kern_return_t kr)
{
    switch (kr) {
    case KERN_LIMIT: return "its limits do not allow as much as it needs";
    case KERN_RESOURCE_SHORTAGE: return "there is not enough memory for it";
    case KERN_NO_SPACE: return "its segments overlap";
    case KERN_DENIED: return "its priority is above what its maker may give";
    default: return "the kernel refused what it needs";
    }
}

static void give_up(struct spawned *made)
{
    if (made->task != MSG_NULL) {
        (void)!task_terminate(made->task, 0);
        stub_release_right(made->task, MSG_MOVE_SEND);
    }
    if (made->thread != MSG_NULL)
        stub_release_right(made->thread, MSG_MOVE_SEND);
}

kern_return_t spawn_make(const struct spawn_request *request, struct spawned *made,
                         const char **why)
{
    struct elf_program program;
    struct spawned new = {MSG_NULL, MSG_NULL, 0};
    char task_name[32];
    mach_port_name_t self_name;
    *why = "its name or arguments are too long";
    if (strlen(request->name) >= SPAWN_NAME_SIZE ||
        strlen(request->arguments) >= SPAWN_ARGUMENTS_SIZE)
        return KERN_INVALID_ARGUMENT;
    *why = elf_read(&(struct elf_file){request->file, request->size}, SPAWN_LOWEST,
                    STACK_BOTTOM - PAGE, &program);
    if (*why != NULL)
        return KERN_BAD_FORMAT;
    strncpy(task_name, request->name, sizeof(task_name) - 1);
    task_name[sizeof(task_name) - 1] = '\0';
    const mach_port_name_t parent =
        request->parent != MSG_NULL ? request->parent : program_start_info->task;
    kern_return_t kr = task_create(parent, 0, task_name, request->limits, request->limit_count,
                                   MSG_NULL, &new.task, &self_name);
    if (kr == KERN_SUCCESS)
        kr = fill(request, &program, self_name, &new);
    if (kr != KERN_SUCCESS) {
        give_up(&new);
        *why = reason(kr);
        return kr;
    }
    *made = new;
    return KERN_SUCCESS;
}
