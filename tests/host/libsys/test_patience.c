/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks of fork, exec and posix_spawn (libsys/posix/fork.c, image.c) while memory is short, over a kernel that is played here: whichever call is refused for memory, once or as often as is
 * waited for, the task is there in the end, and nothing is left of those that were begun; what stays short is told after a second, and what is no shortage at once.
 */
#include "../../../libsys/newlib/calls.h"
#include "../../../libsys/posix/again.h"
#include "../../../libsys/posix/image.h"
#include "../../../libsys/posix/image_file.h"
#include "../../../libsys/posix/process.h"
#include "check.h"
#include <libsys/elf.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/spawn.h>
#include <libsys/stub.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <wharf/if/port.h>
#include <wharf/if/process.h>
#include <wharf/if/task.h>
#include <wharf/if/vm.h>
#include <wharf/unix_error.h>

enum { TASK = 100, PROCESS_PORT = 7, PID = 1000, NEVER = -1, PAUSES = 10 };

static struct start_info info = {.task = 1, .bootstrap = 2, .name = "test"};
const struct start_info *program_start_info = &info;
__thread int64_t again_next;

/* ---- what is refused ---- */

static int wait_for;         /* so many calls more until the one that is refused; NEVER */
static unsigned left;        /* that it is refused, from then on */
static kern_return_t reason; /* for which */
static uint64_t paused;      /* nanoseconds in all */

static bool is_refused(void)
{
    if (wait_for == NEVER || left == 0)
        return false;
    if (wait_for > 0) {
        wait_for--;
        return false;
    }
    left--;
    return true;
}

uint64_t kernel_clock_now(void)
{
    return 0;
}

kern_return_t kernel_sleep_until(uint64_t deadline)
{
    paused += deadline;
    return KERN_SUCCESS;
}

/* ---- tasks, of which there is one at a time ---- */

static mach_port_name_t task; /* MSG_NULL: none */
static bool allocated, runs;
static int rights; /* to it, and to its thread */
static int pid;    /* 0: nobody has heard of it */

kern_return_t task_create(mach_port_name_t parent, uint32_t flags, const char *name,
                          const struct task_limit *limits, uint32_t limits_count,
                          mach_port_name_t self_port, mach_port_name_t *made, uint32_t *self_name)
{
    (void)flags, (void)name, (void)limits, (void)limits_count, (void)self_port;
    CHECK_EQ(parent, info.task);
    CHECK_EQ(task, MSG_NULL);
    if (is_refused())
        return reason;
    *made = task = TASK;
    *self_name = 3;
    rights++;
    return KERN_SUCCESS;
}

kern_return_t task_terminate(mach_port_name_t which, uint32_t status)
{
    (void)status;
    CHECK_EQ(which, task);
    task = MSG_NULL;
    allocated = false;
    return KERN_SUCCESS;
}

void stub_release_right(mach_port_name_t name, unsigned kind)
{
    CHECK(name == TASK && kind == MSG_MOVE_SEND && rights-- > 0);
}

kern_return_t port_give_sends(mach_port_name_t port, uint32_t to, const uint32_t names[8],
                              uint32_t got[8])
{
    (void)port;
    CHECK_EQ(to, task);
    if (is_refused())
        return reason;
    memcpy(got, names, 8 * sizeof(names[0]));
    return KERN_SUCCESS;
}

kern_return_t vm_allocate(mach_port_name_t in, uint64_t address, uint64_t size, uint32_t flags,
                          uint64_t *at)
{
    (void)size, (void)flags;
    CHECK_EQ(in, task);
    CHECK(!allocated);
    if (is_refused())
        return reason;
    allocated = true;
    *at = address;
    return KERN_SUCCESS;
}

kern_return_t vm_write(mach_port_name_t in, uint64_t address, const void *data, uint32_t size)
{
    (void)in, (void)address, (void)data, (void)size;
    return KERN_SUCCESS;
}

kern_return_t vm_write_from(mach_port_name_t in, uint64_t address, uint64_t size, uint64_t source)
{
    (void)address, (void)size, (void)source;
    CHECK_EQ(in, task);
    if (is_refused())
        return reason;
    return KERN_SUCCESS;
}

kern_return_t task_start_thread(mach_port_name_t in, uint64_t entry, uint64_t sp, uint64_t argument,
                                uint64_t tls, uint32_t priority, uint32_t *id)
{
    (void)entry, (void)sp, (void)argument, (void)tls, (void)priority;
    CHECK_EQ(in, task);
    CHECK(!runs);
    if (is_refused())
        return reason;
    runs = true;
    *id = 1;
    return KERN_SUCCESS;
}

kern_return_t task_create_thread(mach_port_name_t in, uint64_t entry, uint64_t sp,
                                 uint64_t argument, uint64_t tls, uint32_t priority, bool run,
                                 mach_port_name_t *thread, uint32_t *id)
{
    const kern_return_t kr = task_start_thread(in, entry, sp, argument, tls, priority, id);

    CHECK(!run);
    if (kr == KERN_SUCCESS) {
        *thread = TASK;
        rights++;
    }
    return kr;
}

/* ---- of image.c: the file, and what it is made of ---- */

int image_open(const char *path, struct image_file *file)
{
    (void)path;
    *file = (struct image_file){.at = "file", .size = 4};
    return 0;
}

int image_open_descriptor(int number, struct image_file *file)
{
    (void)number, (void)file;
    return EBADF;
}

void image_close(struct image_file *file)
{
    file->at = NULL;
}

const char *elf_read(const struct elf_file *file, uint64_t low, uint64_t high,
                     struct elf_program *out)
{
    (void)file, (void)low, (void)high;
    *out = (struct elf_program){.entry = 4};
    return NULL;
}

kern_return_t spawn_segments(mach_port_name_t in, const struct spawn_request *request,
                             const struct elf_program *program)
{
    (void)request, (void)program;
    CHECK_EQ(in, task);
    if (is_refused())
        return reason;
    return KERN_SUCCESS;
}

int _getentropy(void *bytes, size_t size)
{
    memset(bytes, 1, size);
    return 0;
}

/* ---- of fork.c: the process server, and the rest of the library ---- */

kern_return_t process_fork(mach_port_name_t port, uint32_t child, int32_t *number,
                           mach_port_name_t *child_port)
{
    CHECK_EQ(port, PROCESS_PORT);
    CHECK_EQ(child, task);
    CHECK_EQ(pid, 0);
    *number = pid = PID;
    *child_port = 9;
    return KERN_SUCCESS;
}

void process_take_back(mach_port_name_t port, int32_t which)
{
    CHECK_EQ(port, PROCESS_PORT);
    CHECK_EQ(which, pid);
    pid = 0;
}

kern_return_t process_limits(mach_port_name_t port, uint32_t *processes, uint32_t *most)
{
    (void)port, (void)processes, (void)most;
    return KERN_FAILURE;
}

mach_port_name_t process_port(void)
{
    return PROCESS_PORT;
}

mach_port_name_t process_port_now(void)
{
    return PROCESS_PORT;
}

/* The child, which does not come to be here. */
void process_became_child(mach_port_name_t port)
{
    (void)port;
}

struct fork_frame;
uint64_t fork_save(struct fork_frame *frame);
uint64_t fork_save(struct fork_frame *frame)
{
    (void)frame;
    return 0;
}

void fork_entry(void);
void fork_entry(void) {}

int64_t sys_thread_self(void)
{
    return 0;
}

struct thread *thread_current(void)
{
    return NULL;
}

/* ---- checks ---- */

static int announce(const struct image_request *r, mach_port_name_t which, const char *name,
                    uint32_t *port)
{
    (void)r, (void)name;
    CHECK_EQ(which, task);
    CHECK_EQ(pid, 0);
    pid = PID;
    *port = 9;
    return 0;
}

static void retract(const struct image_request *r)
{
    (void)r;
    CHECK_EQ(task, MSG_NULL); /* it has ended, so nobody can do anything with the process */
    pid = 0;
}

/* As posix_spawn (a thread that runs) and exec (one that is held) do it. */
static int make_image(bool held)
{
    char *const words[] = {"word", NULL};
    const struct image_request request = {
        .path = "/file", .argv = words, .envp = words, .announce = announce, .retract = retract};
    struct image image;
    int error = image_make(&request, &image);

    if (error == 0)
        error = held ? image_make_thread(&image) : image_run(&image);
    if (error != 0) {
        image_drop(&image);
        pid = 0;
    }
    image_release(&image);
    return error;
}

static int spawn(void)
{
    return make_image(false);
}

static int hold(void)
{
    return make_image(true);
}

static int do_fork(void)
{
    errno = 0;
    return _fork() == PID ? 0 : errno;
}

static int try(int (*make)(void), int call, kern_return_t why, unsigned how_often)
{
    task = MSG_NULL;
    allocated = runs = false;
    pid = 0;
    paused = 0;
    wait_for = call;
    reason = why;
    left = how_often;
    const int error = make();

    CHECK_EQ(rights, 0);
    CHECK_EQ(task != MSG_NULL, error == 0);
    CHECK_EQ(runs, error == 0);
    CHECK_EQ(pid, error == 0 ? PID : 0);
    return error;
}

/* Each call that can be refused, until there is none more. */
static void check_each(int (*make)(void), unsigned calls)
{
    const uint64_t millisecond = 1000000;
    unsigned call = 0;

    CHECK_EQ(try(make, NEVER, KERN_SUCCESS, 0), 0);
    CHECK_EQ(paused, 0);
    for (;; call++) {
        CHECK_EQ(try(make, (int)call, KERN_RESOURCE_SHORTAGE, 1), 0);
        if (left != 0)
            break;
        CHECK_EQ(paused, millisecond);
        CHECK_EQ(try(make, (int)call, KERN_RESOURCE_SHORTAGE, PAUSES), 0);
        CHECK(paused > 1000 * millisecond && paused < 1100 * millisecond);
        CHECK_EQ(try(make, (int)call, KERN_RESOURCE_SHORTAGE, PAUSES + 1), ENOMEM);
        CHECK(paused > 1000 * millisecond && paused < 1100 * millisecond);
        const int error = try(make, (int)call, KERN_LIMIT, 1);
        CHECK(error == EAGAIN || error == ENOMEM);
        CHECK_EQ(paused, 0);
    }
    CHECK_EQ(call, calls);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_each(spawn, 6);
    check_each(hold, 6);
    check_each(do_fork, 2);
    return check_end();
}
