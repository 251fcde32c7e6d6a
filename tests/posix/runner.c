/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs test programs one after another, each in a task of its own: every file of the initrd whose name begins with "pt.". What one prints comes
 * out as lines under its name; then there is one line
 *
 *      posix-test: NAME exited N | died | hung | not started: REASON
 *
 * Argument: patience=SECONDS, after which a test is ended.
 *
 * Text and exit status come to the test's bootstrap port (service.defs), which one thread of this program serves; the other one starts tests,
 * waits and ends them. A test that ends without saying so has died.
 */
#include <libsys/archive.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/server.h>
#include <libsys/spawn.h>
#include <libsys/stub.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/if/vm.h>

#define PREFIX "pt."
#define SECOND UINT64_C(1000000000)
#define LOOK   (SECOND / 100) /* how often a task is looked at that says nothing */

enum { PAGE = 0x1000, RUNNING = 0, EXITED = 1 };

/* Of the test that runs; written before it runs, and by the thread that serves. */
static mach_port_name_t task;
static const char *_Atomic name;
static _Atomic uint32_t state; /* a futex: RUNNING, EXITED + status */

static uint64_t patience = 30;

/* ---- what a test asks ---- */

static kern_return_t look_up(struct server_message *message, const char *service,
                             mach_port_name_t *port)
{
    (void)message, (void)service, (void)port;
    return KERN_NOT_FOUND;
}

static kern_return_t ready(struct server_message *message)
{
    (void)message;
    return KERN_SUCCESS;
}

static kern_return_t log_text(struct server_message *message, const char *text)
{
    (void)message;
    const size_t length = strlen(text);

    print("%s| %s%s", atomic_load(&name), text, length > 0 && text[length - 1] == '\n' ? "" : "\n");
    return KERN_SUCCESS;
}

static kern_return_t exiting(struct server_message *message, uint32_t status,
                             mach_port_name_t whose)
{
    (void)message;
    if (whose == task)
        word_set(&state, EXITED + (status & 0xff));
    stub_release_right(whose, MSG_MOVE_SEND);
    return KERN_SUCCESS;
}

static const struct service_ops operations = {
    .look_up = look_up,
    .check_in = look_up,
    .ready = ready,
    .log = log_text,
    .get_right = look_up,
    .exiting = exiting,
};

static mach_port_name_t port;

static void serve(void *unused)
{
    static uint64_t in[SERVICE_REQUEST_MAX / 8 + 1],
        out[MSG_REGISTER_BYTES / 8]; /* the loop asks for as much */
    const struct server_interface interface = service_interface(&operations, NULL);
    const struct server server = {
        .port = port,
        .count = 1,
        .interfaces = &interface,
        .in = in,
        .in_size = sizeof(in),
        .out = out,
        .out_size = sizeof(out),
    };

    (void)unused;
    print("posix-runner: serving ended with %d\n", server_run(&server));
    kernel_task_exit(1);
}

/* ---- tests ---- */

static kern_return_t make(const struct archive *archive, const struct archive_file *file,
                          struct spawned *made, const char **why)
{
    const struct start_info *own = program_start_info;
    const struct spawn_right rights[] = {
        {.where = offsetof(struct start_info, bootstrap), .name = port, .make = true},
        {.where = offsetof(struct start_info, host), .name = own->host},
        {.where = offsetof(struct start_info, clock), .name = own->clock},
        {.where = offsetof(struct start_info, host_time), .name = own->host_time},
    };
    const struct spawn_request request = {
        .name = file->name + strlen(PREFIX),
        .arguments = "",
        .file = file->data,
        .size = file->size,
        .memory = own->initrd,
        .memory_offset =
            own->initrd_offset + (uint64_t)((const char *)file->data - (const char *)archive->at),
        .rights = rights,
        .right_count = sizeof(rights) / sizeof(rights[0]),
    };

    return spawn_make(&request, made, why);
}

static bool is_gone(mach_port_name_t of)
{
    struct task_info info;
    const kern_return_t kr = task_info(of, &info);

    return kr != KERN_SUCCESS || info.ending;
}

/* True: it has ended by itself. */
static bool wait_for_end(void)
{
    const uint64_t end = kernel_clock_now() + patience * SECOND;

    while (atomic_load(&state) == RUNNING && kernel_clock_now() < end) {
        (void)sys_futex_wait((const void *)&state, RUNNING, kernel_clock_now() + LOOK);
        if (atomic_load(&state) == RUNNING && is_gone(task))
            return true;
    }
    return atomic_load(&state) != RUNNING;
}

static void run(const struct archive *archive, const struct archive_file *file)
{
    struct spawned made;
    const char *why = "";

    atomic_store(&name, file->name + strlen(PREFIX));
    atomic_store(&state, RUNNING);
    if (make(archive, file, &made, &why) != KERN_SUCCESS) {
        print("posix-test: %s not started: %s\n", name, why);
        return;
    }
    task = made.task;
    (void)!thread_resume(made.thread);
    const bool ended = wait_for_end();
    const uint32_t seen = atomic_load(&state);
    (void)!task_terminate(made.task, 1);
    if (seen != RUNNING)
        print("posix-test: %s exited %u\n", name, seen - EXITED);
    else
        print("posix-test: %s %s\n", name, ended ? "died" : "hung");
    stub_release_right(made.thread, MSG_MOVE_SEND);
    stub_release_right(made.task, MSG_MOVE_SEND);
}

static kern_return_t map_archive(struct archive *archive)
{
    const struct start_info *info = program_start_info;
    const uint64_t size =
        (info->initrd_offset + info->initrd_size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    uint64_t at = 0;
    const kern_return_t kr = vm_map(info->task, 0, size, 0, VM_ANYWHERE, info->initrd, VM_PROT_READ,
                                    VM_PROT_READ, VM_INHERIT_NONE, &at);

    *archive =
        (struct archive){(const char *)(uintptr_t)at + info->initrd_offset, info->initrd_size};
    return kr;
}

int main(int argc, char **argv)
{
    static struct thread server;
    struct archive archive;
    struct archive_file file;
    size_t position = 0;

    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "patience=", 9) == 0)
            patience = strtoul(argv[i] + 9, NULL, 10);
    if (map_archive(&archive) != KERN_SUCCESS ||
        port_allocate(program_start_info->task, PORT_RIGHT_RECEIVE, &port) != KERN_SUCCESS ||
        thread_start(&server, serve, NULL, THREAD_PRIORITY_DEFAULT) != KERN_SUCCESS)
        return 1;
    while (archive_next(&archive, &position, &file) == KERN_SUCCESS)
        if (strncmp(file.name, PREFIX, strlen(PREFIX)) == 0)
            run(&archive, &file);
    print("posix-runner: done\n");
    return 0;
}
