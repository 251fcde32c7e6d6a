/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See start.h. The device is asked for by a message whose answer comes to a port of ours: its control port was given to us by a
 * program, and may be anybody's.
 */
#include "start.h"
#include "family.h"
#include "log.h"
#include "reserve.h"
#include "rights.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/spawn.h>
#include <libsys/stub.h>
#include <libsys/trap.h>
#include <string.h>
#include <user/msg.h>
#include <wharf/if/device_control.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/memory_entry.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/if/vm.h>

enum { PAGE = 0x1000, RIGHTS_MAX = 16 };

static const uint64_t open_time = SECOND;       /* for the answer to device_control.open */
static const uint64_t ready_time = 30 * SECOND; /* for `ready`, where there is a heartbeat */

struct archive start_archive;

static mach_port_name_t self(void)
{
    return program_start_info->task;
}

kern_return_t start_begin(const char **why)
{
    const struct start_info *info = program_start_info;
    const uint64_t size =
        (info->initrd_offset + info->initrd_size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    uint64_t at;
    *why = "there is no initrd";
    if (info->initrd == MSG_NULL)
        return KERN_NOT_FOUND;
    const kern_return_t kr = vm_map(self(), 0, size, 0, VM_ANYWHERE, info->initrd, VM_PROT_READ,
                                    VM_PROT_READ, VM_INHERIT_NONE, &at);
    *why = "the initrd cannot be mapped";
    start_archive =
        (struct archive){(const char *)(uintptr_t)at + info->initrd_offset, info->initrd_size};
    return kr;
}

/* ---- rights ---- */

/* Where in the start block a power stands. */
static const size_t power_place[POWERS] = {
    [POWER_HOST_MEMORY] = offsetof(struct start_info, host_memory),
    [POWER_HOST_TIME] = offsetof(struct start_info, host_time),
    [POWER_HOST_REBOOT] = offsetof(struct start_info, host_reboot),
    [POWER_HOST_IRQ] = offsetof(struct start_info, host_irq),
    [POWER_HOST_DEBUG] = offsetof(struct start_info, host_debug),
    [POWER_HOST_TASKS] = offsetof(struct start_info, host_tasks),
    [POWER_HOST_DEVICES] = offsetof(struct start_info, host_devices),
    [POWER_INITRD] = offsetof(struct start_info, initrd),
};

mach_port_name_t start_power(enum power power)
{
    mach_port_name_t name = MSG_NULL;
    if (power_place[power] + sizeof(name) <= program_start_info->size)
        memcpy(&name, (const char *)program_start_info + power_place[power], sizeof(name));
    return name;
}

static unsigned list_rights(const struct program *p, struct spawn_right out[RIGHTS_MAX])
{
    unsigned n = 0;
    out[n++] = (struct spawn_right){.where = offsetof(struct start_info, bootstrap),
                                    .name = p->port,
                                    .make = true};
    out[n++] = (struct spawn_right){.where = offsetof(struct start_info, host),
                                    .name = program_start_info->host};
    out[n++] = (struct spawn_right){.where = offsetof(struct start_info, clock),
                                    .name = program_start_info->clock};
    for (unsigned i = 0; i < POWERS; i++)
        if (p->recipe.powers & 1u << i)
            out[n++] = (struct spawn_right){.where = power_place[i], .name = start_power(i)};
    return n;
}

/* Kinds of ledgers, in order from 0. */
enum ledger_kind {
#define LEDGER(symbol, name, unit, what) LEDGER_##symbol,
#include <wharf/abi/ledgers.def>
#undef LEDGER
};

static unsigned list_limits(const struct recipe *recipe, struct task_limit out[TASK_LIMITS_MAX])
{
    const uint64_t own = recipe->memory_pages, kernel = recipe->kernel_pages;
    unsigned n = 0;
    if (own != 0) {
        out[n++] = (struct task_limit){.kind = LEDGER_FRAMES, .limit = own};
        out[n++] = (struct task_limit){.kind = LEDGER_COMMITMENT, .limit = own};
    }
    if (kernel != 0) {
        out[n++] = (struct task_limit){.kind = LEDGER_KMEM, .limit = kernel * PAGE};
        out[n++] = (struct task_limit){.kind = LEDGER_PAGE_TABLES, .limit = kernel};
    }
    return n;
}

static uint64_t added[2]; /* by start_add_entropy() */

void start_add_entropy(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        added[i / 8 % 2] = (added[i / 8 % 2] ^ bytes[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
}

/* Different for each instance; repeats with the kernel's seed, if nothing else has been added. */
static void make_seed(uint8_t out[16])
{
    static uint64_t drawn;
    uint64_t word[2];
    memcpy(word, program_start_info->seed, sizeof(word));
    for (unsigned i = 0; i < 2; i++) {
        uint64_t x = (word[i] ^ added[i]) + ++drawn * UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
        x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
        word[i] = x ^ x >> 31;
    }
    memcpy(out, word, sizeof(word));
}

/* ---- an instance ---- */

/* Its ports on our side. */
static kern_return_t make_ports(struct program *p)
{
    struct port_use use = {.kind = PORT_PROGRAM,
                           .program = program_number(p),
                           .generation = p->generation};
    mach_port_name_t name;
    kern_return_t kr = port_make(&use, &p->port);
    if (kr == KERN_SUCCESS) /* a send right of ours, to be the handler */
        kr = port_insert_made_send(self(), p->port, p->port, &name);
    use.kind = PORT_PING;
    if (kr == KERN_SUCCESS)
        kr = port_make(&use, &p->pings);
    if (kr == KERN_SUCCESS)
        kr = port_allocate(self(), PORT_RIGHT_RECEIVE, &p->control_given);
    if (kr == KERN_SUCCESS)
        kr = port_insert_made_send(self(), p->control_given, p->control_given, &name);
    if (kr == KERN_SUCCESS)
        p->control = p->control_given;
    return kr;
}

static kern_return_t make_state(struct program *p)
{
    const uint64_t size = p->recipe.state_pages * PAGE;
    uint64_t at;
    if (size == 0 || p->state_memory != MSG_NULL)
        return KERN_SUCCESS;
    kern_return_t kr = vm_allocate(self(), 0, size, VM_ANYWHERE, &at);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = vm_make_entry(self(), at, size, VM_PROT_READ | VM_PROT_WRITE, &p->state_memory);
    (void)!vm_deallocate(self(), at, size);
    return kr;
}

static kern_return_t make_task(struct program *p, const struct archive_file *file, const char **why)
{
    struct spawn_right rights[RIGHTS_MAX];
    struct task_limit limits[TASK_LIMITS_MAX];
    struct spawned made = {0};
    const uint64_t in_archive =
        (uint64_t)((const char *)file->data - (const char *)start_archive.at);
    struct spawn_request request = {
        .parent = reserve_parent(&p->recipe),
        .name = p->recipe.name,
        .arguments = p->recipe.arguments,
        .file = file->data,
        .size = file->size,
        .memory = program_start_info->initrd,
        .memory_offset = program_start_info->initrd_offset + in_archive,
        .rights = rights,
        .right_count = list_rights(p, rights),
        .limits = limits,
        .limit_count = list_limits(&p->recipe, limits),
        .priority = p->recipe.priority,
        .limit_priority = true,
        .handler = p->port,
        .resident = program_start_info->host_memory,
    };
    if (p->recipe.powers & 1u << POWER_INITRD) {
        request.initrd_offset = program_start_info->initrd_offset;
        request.initrd_size = program_start_info->initrd_size;
    }
    make_seed(request.seed);
    kern_return_t kr = KERN_SUCCESS;
    if (p->recipe.with[0] != '\0') {
        kr = family_make(request.parent, &p->family);
        request.parent = p->family;
    }
    if (kr == KERN_SUCCESS)
        kr = spawn_make(&request, &made, why);
    if (kr == KERN_SUCCESS) {
        p->task = made.task;
        p->thread = made.thread;
    }
    return kr;
}

/* What is done to the task before it runs. */
static kern_return_t finish_task(struct program *p, const char **why)
{
    *why = "the kernel does not tell of its end";
    kern_return_t kr = watch_death(p->task);
    if (kr == KERN_SUCCESS && p->recipe.wired) {
        *why = "there is not enough memory to keep";
        kr = host_memory_wire_all(program_start_info->host_memory, p->task,
                                  HOST_MEMORY_WIRE_CURRENT | HOST_MEMORY_WIRE_FUTURE);
    }
    if (kr == KERN_SUCCESS && !p->recipe.reclaim) {
        *why = "its memory cannot be paged out";
        kr = host_memory_set_reclaim(program_start_info->host_memory, p->task, false);
    }
    if (kr == KERN_SUCCESS) {
        *why = "its thread cannot be started";
        kr = thread_resume(p->thread);
    }
    return kr;
}

static kern_return_t make_instance(struct program *p, const char **why)
{
    struct archive_file file;
    kern_return_t kr = archive_find(&start_archive, p->recipe.file, &file);
    *why = "the initrd has no such file";
    if (kr != KERN_SUCCESS)
        return kr;
    kr = make_ports(p);
    if (kr == KERN_SUCCESS)
        kr = make_state(p);
    *why = "there is not enough memory for it";
    if (kr == KERN_SUCCESS)
        kr = make_task(p, &file, why);
    return kr == KERN_SUCCESS ? finish_task(p, why) : kr;
}

static kern_return_t launch(struct program *p)
{
    const char *why;
    const kern_return_t kr = make_instance(p, &why);
    if (kr != KERN_SUCCESS) {
        log_line("%s cannot be started from %s: %s (%d)", p->recipe.name, p->recipe.file, why, kr);
        if (p->task != MSG_NULL)
            (void)!task_terminate(p->task, 0);
        start_clear(p);
        return kr;
    }
    p->started = kernel_clock_now();
    p->state = SUPERVISOR_STATE_STARTING;
    if (p->recipe.heartbeat != 0)
        p->ready_by = p->started + ready_time;
    return KERN_SUCCESS;
}

/* ---- the device ---- */

/* Send a request whose answer comes to `to`. */
static kern_return_t ask(const struct program *p, uint32_t id, uint64_t word, uint32_t length)
{
    struct msg_registers m = {
        .destination = p->device_control,
        .id = id,
        .control = MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_SEND_ONCE, length, 0),
        .local = p->opening,
        .word = {word},
    };
    user_msg_trap(&m);
    return trap_error(m.result);
}

/* Who had it before may still be on his way out: it is taken away from him first. Answers come in this order. */
static kern_return_t ask_for_device(struct program *p)
{
    const struct port_use use = {.kind = PORT_OPENING,
                                 .program = program_number(p),
                                 .generation = p->generation};
    kern_return_t kr = port_make(&use, &p->opening);
    if (kr == KERN_SUCCESS)
        kr = ask(p, DEVICE_CONTROL_ID_CLOSE, 0, 0);
    if (kr == KERN_SUCCESS)
        kr = ask(p, DEVICE_CONTROL_ID_OPEN, p->recipe.dma_pages, sizeof(uint64_t));
    if (kr == KERN_SUCCESS) {
        p->opened_by = kernel_clock_now() + open_time;
        return kr;
    }
    receive_drop(&p->opening);
    log_line("%s cannot be started: its device is not there (%d)", p->recipe.name, kr);
    return kr;
}

kern_return_t start_opened(struct program *p, kern_return_t answer, mach_port_name_t device)
{
    receive_drop(&p->opening);
    p->opened_by = NEVER;
    if (device == MSG_NULL) {
        log_line("%s cannot be started: its device cannot be opened (%d)", p->recipe.name, answer);
        return answer == KERN_SUCCESS ? KERN_FAILURE : answer;
    }
    p->device = device;
    return launch(p);
}

kern_return_t start_program(struct program *p)
{
    p->generation++;
    p->start_at = NEVER;
    p->state = SUPERVISOR_STATE_STARTING;
    p->ending = ENDING_ITSELF;
    p->status_told = p->ready = p->terminated = p->again = false;
    return p->device_control != MSG_NULL ? ask_for_device(p) : launch(p);
}

/* A dead name has the notification's reference besides: its receiver gives that back. */
void start_clear(struct program *p)
{
    send_drop(&p->task);
    send_drop(&p->thread);
    family_drop(&p->family);
    if (p->port != MSG_NULL)
        stub_release_right(p->port, MSG_MOVE_SEND);
    receive_drop(&p->port);
    receive_drop(&p->pings);
    send_drop(&p->control); /* the name may be the receive right's, too: that goes next */
    receive_drop(&p->control_given);
    send_drop(&p->device);
    if (p->crash_reply != MSG_NULL)
        stub_release_right(p->crash_reply, MSG_MOVE_SEND_ONCE);
    p->crash_reply = MSG_NULL;
    p->reporting = false;
    receive_drop(&p->opening);
    p->opened_by = p->ready_by = p->healthy_at = p->ping_at = p->answer_by = p->stop_by =
        p->reported_by = NEVER;
    p->ready = false;
}
