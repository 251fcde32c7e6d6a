/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that are started (<libsys/spawn.h>), against a kernel of this test's: what a new task gets, and that nothing is left when any of the calls
 * fails.
 */
#include "check.h"
#include <libsys/program.h>
#include <libsys/spawn.h>
#include <libsys/stub.h>
#include <libsys/thread.h>
#include <wharf/if/exception_ports.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/vm.h>

enum { PAGE = 4096, TASK = 100, THREAD = 200, ENTRY = 300, SELF_NAME = 11 };

static const struct start_info own = {.entry_counter = 5, .counter_frequency = 6, .task = 1};
const struct start_info *program_start_info = &own;

/* What the kernel was asked for, and has. */
static struct {
    unsigned calls, fails_at; /* the call that fails; 0: none */
    bool task, thread, terminated, resident;
    unsigned references_task, references_thread;
    unsigned mapped, allocated, rights;
    uint64_t stack_written, text_offset;
    unsigned handler, priority, max_priority, limits;
    char memory[8 * PAGE]; /* of the stack, its end */
    char data[2 * PAGE];   /* at 0x500000 */
    uint64_t program;      /* data's protection, in the end */
} kernel;

static kern_return_t call(void)
{
    return ++kernel.calls == kernel.fails_at ? KERN_RESOURCE_SHORTAGE : KERN_SUCCESS;
}

kern_return_t task_create(mach_port_name_t task, uint32_t flags, const char *name,
                          const struct task_limit *limits, uint32_t limits_count,
                          mach_port_name_t self_port, mach_port_name_t *made, uint32_t *self_name)
{
    CHECK(task == 1 && flags == 0 && self_port == MSG_NULL && strlen(name) < 32);
    CHECK(limits_count == 0 || limits[0].limit == 9);
    const kern_return_t kr = call();
    if (kr != KERN_SUCCESS)
        return kr;
    kernel.task = true;
    kernel.limits = limits_count;
    kernel.references_task++;
    *made = TASK;
    *self_name = SELF_NAME;
    return kr;
}

kern_return_t task_terminate(mach_port_name_t task, uint32_t status)
{
    CHECK(task == TASK && status == 0 && kernel.task);
    kernel.terminated = true;
    return KERN_SUCCESS;
}

/* Before there is any memory. */
kern_return_t host_memory_set_reclaim(mach_port_name_t host_memory, mach_port_name_t task,
                                      bool reclaim)
{
    CHECK(host_memory == 88 && task == TASK && reclaim);
    CHECK(kernel.mapped == 0 && kernel.allocated == 0);
    kernel.resident = true;
    return call();
}

kern_return_t task_set_max_priority(mach_port_name_t task, uint32_t priority)
{
    CHECK_EQ(task, TASK);
    kernel.max_priority = priority;
    return call();
}

kern_return_t task_create_thread(mach_port_name_t task, uint64_t entry, uint64_t sp,
                                 uint64_t argument, uint64_t tls, uint32_t priority, bool run,
                                 mach_port_name_t *thread, uint32_t *id)
{
    CHECK(task == TASK && entry == 0x400004 && sp == argument && sp % 16 == 0 && tls == 0 && !run);
    const kern_return_t kr = call();
    if (kr != KERN_SUCCESS)
        return kr;
    kernel.thread = true;
    kernel.priority = priority;
    kernel.references_thread++;
    *thread = THREAD;
    *id = 3;
    return kr;
}

kern_return_t exception_ports_set(mach_port_name_t object, uint32_t slot, uint32_t flavour,
                                  uint32_t mask, mach_port_name_t port)
{
    CHECK(object == TASK && slot == EXCEPTION_PORTS_SLOT_HANDLER && mask != 0);
    CHECK_EQ(flavour, EXCEPTION_PORTS_FLAVOUR_RIGHTS);
    kernel.handler = port;
    return call();
}

kern_return_t vm_map_named(mach_port_name_t vm, uint64_t address, uint64_t size, uint64_t offset,
                           uint32_t flags, uint32_t memory, uint32_t protection,
                           uint32_t max_protection, uint32_t inheritance, uint64_t *at)
{
    CHECK(vm == TASK && flags == 0 && memory == ENTRY && inheritance == VM_INHERIT_COPY);
    CHECK(address % PAGE == 0 && offset % PAGE == 0 && size % PAGE == 0);
    CHECK(protection == max_protection && !(protection & VM_PROT_WRITE));
    kernel.mapped++;
    kernel.text_offset = offset;
    *at = address;
    return call();
}

kern_return_t vm_allocate(mach_port_name_t vm, uint64_t address, uint64_t size, uint32_t flags,
                          uint64_t *at)
{
    CHECK(vm == TASK && flags == 0 && address % PAGE == 0 && size % PAGE == 0);
    kernel.allocated++;
    *at = address;
    return call();
}

kern_return_t vm_protect(mach_port_name_t vm, uint64_t address, uint64_t size, bool maximum,
                         uint32_t protection)
{
    CHECK(vm == TASK && !maximum && address % PAGE == 0 && size % PAGE == 0);
    kernel.program = protection;
    return call();
}

kern_return_t vm_write(mach_port_name_t vm, uint64_t address, const void *data, uint32_t data_size)
{
    const uint64_t base = SPAWN_END - PAGE - sizeof(kernel.memory);
    CHECK(vm == TASK && data_size <= VM_DATA_MAX);
    CHECK(address >= base && address - base + data_size <= sizeof(kernel.memory));
    memcpy(kernel.memory + (address - base), data, data_size);
    kernel.stack_written = address;
    return call();
}

kern_return_t vm_write_from(mach_port_name_t vm, uint64_t address, uint64_t size, uint64_t source)
{
    CHECK(vm == TASK && address >= 0x400000);
    if (address >= 0x500000) {
        CHECK(address - 0x500000 + size <= sizeof(kernel.data));
        memcpy(kernel.data + (address - 0x500000), (const void *)(uintptr_t)source, size);
    }
    return call();
}

kern_return_t port_insert_send(mach_port_name_t port, uint32_t name, mach_port_name_t right,
                               uint32_t *got)
{
    CHECK(port == TASK && name == 0 && right != MSG_NULL);
    kernel.rights++;
    *got = right + 1000;
    return call();
}

kern_return_t port_insert_made_send(mach_port_name_t port, uint32_t name, mach_port_name_t right,
                                    uint32_t *got)
{
    CHECK(port == TASK && name == 0 && right == 55);
    kernel.rights++;
    *got = right + 2000;
    return call();
}

void stub_release_right(mach_port_name_t name, unsigned kind)
{
    CHECK_EQ(kind, MSG_MOVE_SEND);
    if (name == TASK)
        kernel.references_task--;
    else if (name == THREAD)
        kernel.references_thread--;
    else
        CHECK(false);
}

/* ---- a program ---- */

static _Alignas(8) char file[3 * PAGE];

static void put(size_t at, uint64_t value, unsigned bytes)
{
    memcpy(file + at, &value, bytes);
}

static void put_segment(unsigned number, uint32_t flags, uint64_t offset, uint64_t address,
                        uint64_t file_size, uint64_t memory_size)
{
    const size_t at = 64 + number * 56;
    put(at, 1, 4);
    put(at + 4, flags, 4);
    put(at + 8, offset, 8);
    put(at + 16, address, 8);
    put(at + 32, file_size, 8);
    put(at + 40, memory_size, 8);
}

static void make_file(void)
{
    memset(file, 0, sizeof(file));
    memcpy(file, "\177ELF\2\1\1", 7);
    put(16, 2, 2);
    put(18, 183, 2);
    put(24, 0x400004, 8);
    put(32, 64, 8);
    put(54, 56, 2);
    put(56, 2, 2);
    put_segment(0, 5, PAGE, 0x400000, PAGE, PAGE);
    put_segment(1, 6, 2 * PAGE, 0x500000, 100, PAGE + 100);
    memcpy(file + 2 * PAGE, "these are data", 15);
}

static const struct spawn_right rights[] = {
    {offsetof(struct start_info, bootstrap), 55, true},
    {offsetof(struct start_info, host), 66, false},
    {offsetof(struct start_info, host_debug), MSG_NULL, false}, /* the maker does not have it */
};
static const struct task_limit limits[] = {{.kind = 0, .limit = 9}};

static struct spawn_request request_of(void)
{
    return (struct spawn_request){
        .name = "a-program",
        .arguments = "one two",
        .file = file,
        .size = sizeof(file),
        .memory = ENTRY,
        .memory_offset = 7 * PAGE,
        .rights = rights,
        .right_count = 3,
        .limits = limits,
        .limit_count = 1,
        .priority = 120,
        .limit_priority = true,
        .handler = 77,
        .resident = 88,
    };
}

static void look_at_block(void)
{
    const uint64_t base = SPAWN_END - PAGE - sizeof(kernel.memory);
    const struct start_info *block = (const void *)(kernel.memory + (kernel.stack_written - base));
    CHECK(block->magic == START_MAGIC && block->size == sizeof(*block));
    CHECK(block->task == SELF_NAME && block->thread == THREAD + 1000);
    CHECK(block->bootstrap == 2055 && block->host == 1066 && block->host_debug == MSG_NULL);
    CHECK(block->clock == MSG_NULL && block->host_tasks == MSG_NULL);
    CHECK(block->entry_counter == 5 && block->counter_frequency == 6);
    CHECK_TEXT(kernel.memory + ((uintptr_t)block->name - base), "a-program");
    CHECK_TEXT(kernel.memory + ((uintptr_t)block->arguments - base), "one two");
}

static void test_made(void)
{
    const char *why = "";
    struct spawned made;
    const struct spawn_request request = request_of();
    make_file();
    memset(&kernel, 0, sizeof(kernel));
    CHECK_EQ(spawn_make(&request, &made, &why), KERN_SUCCESS);
    CHECK(made.task == TASK && made.thread == THREAD && made.thread_id == 3);
    CHECK(kernel.mapped == 1 && kernel.text_offset == 8 * PAGE && kernel.allocated == 2);
    CHECK(kernel.resident && kernel.rights == 3 && kernel.handler == 77 && kernel.limits == 1);
    CHECK(kernel.priority == 120 && kernel.max_priority == 120 && !kernel.terminated);
    CHECK_TEXT(kernel.data, "these are data");
    look_at_block();
}

/* Where the file does not lie in its pages as in its program, it is copied. */
static void test_copied(void)
{
    const char *why = "";
    struct spawned made;
    struct spawn_request request = request_of();
    request.memory_offset += 4;
    memset(&kernel, 0, sizeof(kernel));
    CHECK_EQ(spawn_make(&request, &made, &why), KERN_SUCCESS);
    CHECK(kernel.mapped == 0 && kernel.allocated == 3);
    CHECK_EQ(kernel.program, VM_PROT_READ | VM_PROT_EXECUTE);
    request = request_of();
    request.memory = MSG_NULL;
    request.priority = 0;
    request.limit_priority = false;
    memset(&kernel, 0, sizeof(kernel));
    CHECK_EQ(spawn_make(&request, &made, &why), KERN_SUCCESS);
    CHECK(kernel.mapped == 0 && kernel.priority == THREAD_PRIORITY_DEFAULT &&
          kernel.max_priority == 0);
}

static void test_each_failure(void)
{
    const struct spawn_request request = request_of();
    unsigned fails = 1;
    for (;; fails++) {
        const char *why = NULL;
        struct spawned made = {1, 2, 3};
        memset(&kernel, 0, sizeof(kernel));
        kernel.fails_at = fails;
        if (spawn_make(&request, &made, &why) == KERN_SUCCESS)
            break;
        CHECK(why != NULL && why[0] != '\0');
        CHECK(made.task == 1 && made.thread == 2); /* not written */
        CHECK_EQ(kernel.terminated, kernel.task);
        CHECK(kernel.references_task == 0 && kernel.references_thread == 0);
    }
    CHECK(fails > 10);
}

static void test_refused(void)
{
    static char longest[SPAWN_ARGUMENTS_SIZE + 1];
    const char *why = NULL;
    struct spawned made;
    struct spawn_request request = request_of();
    memset(&kernel, 0, sizeof(kernel));
    memset(longest, 'x', SPAWN_ARGUMENTS_SIZE);
    request.arguments = longest;
    CHECK_EQ(spawn_make(&request, &made, &why), KERN_INVALID_ARGUMENT);
    request = request_of();
    request.name = longest;
    CHECK_EQ(spawn_make(&request, &made, &why), KERN_INVALID_ARGUMENT);
    request = request_of();
    file[0] = 'x';
    CHECK_EQ(spawn_make(&request, &made, &why), KERN_BAD_FORMAT);
    CHECK_TEXT(why, "not an ELF file");
    make_file();
    put_segment(1, 6, 2 * PAGE, SPAWN_END - PAGE - START_STACK_SIZE, 1, 1); /* the stack's place */
    CHECK_EQ(spawn_make(&request, &made, &why), KERN_BAD_FORMAT);
    CHECK_EQ(kernel.calls, 0);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_made();
    test_copied();
    test_each_failure();
    test_refused();
    return check_end();
}
