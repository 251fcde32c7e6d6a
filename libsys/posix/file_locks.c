/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks of files: of the process, for bytes (fcntl, lockf), and of an open file, for all of it (flock).
 *
 * F1 To file servers a process is a port that nobody sends to, of which it has the receive right. The right is made for the first lock, goes with exec, is not inherited by
 *    fork, whose child gives up the send right, too, and ends with the process: then servers hear so from the kernel.
 * F2 A server does not know which process closes a file: who has locks tells it (file_locks_closing).
 */
#include "file_locks.h"
#include "../newlib/calls.h"
#include "again.h"
#include "cancel.h"
#include "descriptors.h"
#include "errors.h"
#include "process.h"
#include "waits.h"
#include <fcntl.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <wharf/if/file.h>
#include <wharf/if/port.h>
#include <wharf/unix_error.h>

static struct mutex lock;
static _Atomic mach_port_name_t owner; /* F1; changed under lock */

/* ---- the process ---- */

static struct start_info *start_info(void)
{
    return (struct start_info *)(uintptr_t)program_start_info;
}

/* MSG_NULL: there is none yet. */
static mach_port_name_t owner_now(void)
{
    const mach_port_name_t made = atomic_load(&owner);

    return made != MSG_NULL ? made : start_info()->lock_owner;
}

/* The receive right is new, or came by exec; and a send right, for others. The lock is held. */
static kern_return_t make_owner(mach_port_name_t *out)
{
    const mach_port_name_t task = program_start_info->task;
    mach_port_name_t send;
    kern_return_t kr = KERN_SUCCESS;

    *out = start_info()->lock_owner;
    if (*out == MSG_NULL)
        kr = port_allocate(task, PORT_RIGHT_RECEIVE, out);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = port_insert_made_send(task, *out, *out, &send);
    if (kr == KERN_SUCCESS)
        atomic_store(&owner, *out);
    else if (*out != start_info()->lock_owner)
        stub_release_right(*out, MSG_MOVE_RECEIVE);
    return kr;
}

static kern_return_t get_owner(mach_port_name_t *out)
{
    kern_return_t kr = KERN_SUCCESS;

    mutex_lock(&lock);
    *out = atomic_load(&owner);
    if (*out == MSG_NULL)
        kr = make_owner(out);
    mutex_unlock(&lock);
    return kr;
}

/* Told to others who ask; it gives no right. */
static uint32_t mark(void)
{
    return process_port_now() == MSG_NULL ? 0 : (uint32_t)getpid();
}

void file_locks_closing(mach_port_name_t file)
{
    mach_port_name_t name;

    if (owner_now() != MSG_NULL && get_owner(&name) == KERN_SUCCESS)
        (void)!AGAIN(file_lock(file, FILE_LOCK_NONE, 0, 0, 0, name));
}

/* It has inherited the send right, which is its parent's to use. */
void file_locks_child(void)
{
    if (atomic_load(&owner) != MSG_NULL)
        stub_release_right(atomic_load(&owner), MSG_MOVE_SEND);
    atomic_store(&owner, MSG_NULL);
    start_info()->lock_owner = MSG_NULL;
    lock = (struct mutex){0};
}

/* What was closed has none any more. */
void file_locks_leave(void)
{
    for (int i = 0; owner_now() != MSG_NULL && i < DESCRIPTORS_MAX; i++) {
        const mach_port_name_t file = descriptor_get(i).port;

        if (file != MSG_NULL)
            file_locks_closing(file);
    }
}

mach_port_name_t file_locks_give(mach_port_name_t task)
{
    const mach_port_name_t name = owner_now();
    mach_port_name_t there;

    if (name == MSG_NULL || port_insert_receive(task, MSG_NULL, name, &there) != KERN_SUCCESS)
        return MSG_NULL;
    atomic_store(&owner, MSG_NULL);
    start_info()->lock_owner = MSG_NULL;
    return there;
}

void file_locks_take_back(mach_port_name_t task, mach_port_name_t name)
{
    mach_port_name_t here;

    if (name != MSG_NULL && port_extract_receive(task, name, &here) == KERN_SUCCESS)
        atomic_store(&owner, here);
}

/* ---- one lock ---- */

struct request {
    mach_port_name_t file, owner; /* owner MSG_NULL: the open file */
    uint32_t kind;                /* FILE_LOCK_ */
    uint64_t start, length;
};

/* file.wait_lock, not by its stub: see wait_call(). */
static kern_return_t wait_once(void *argument)
{
    const struct request *r = argument;
    const struct msg_descriptor right = {.value = r->owner,
                                         .kind = MSG_PORT,
                                         .disposition = MSG_COPY_SEND};
    enum { REQUEST = 48 };
    struct msg_registers m;

    memset(&m, 0, sizeof(m));
    m.destination = r->file;
    m.id = FILE_ID_WAIT_LOCK;
    m.control = MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_REPLY, REQUEST, 1);
    memcpy(m.word, &right, sizeof(right));
    m.word[2] = r->kind;
    m.word[3] = r->start;
    m.word[4] = r->length;
    m.word[5] = (uint64_t)thread_current()->id;
    return wait_call(&m, WIRE_SHAPE(0, 0));
}

static int error_of(kern_return_t kr)
{
    return kr == KERN_NOT_SUPPORTED || kr == MIG_BAD_ID ? EINVAL : posix_errno(kr);
}

/* 0, or the errno. */
static int set_lock(struct request *r, bool waits)
{
    for (;;) {
        bool cancelled = false;
        const kern_return_t kr =
            AGAIN(file_lock(r->file, r->kind, mark(), r->start, r->length, r->owner));

        if (kr != unix_error(EAGAIN) || !waits)
            return error_of(kr);
        const int error = error_of(wait_interruptibly(wait_once, r, &cancelled));

        if (cancelled)
            cancel_act();
        if (error != 0)
            return error;
    }
}

/* ---- fcntl ---- */

/* What l_whence and l_start say. */
static int base_of(mach_port_name_t file, const struct flock *l, int64_t *start)
{
    struct file_attributes a;
    int64_t base = 0;
    kern_return_t kr = KERN_SUCCESS;

    switch (l->l_whence) {
    case SEEK_SET: break;
    case SEEK_CUR: kr = AGAIN(file_seek(file, 0, FILE_WHENCE_OFFSET, 0, &base)); break;
    case SEEK_END:
        kr = AGAIN(file_get_attributes(file, &a));
        base = kr == KERN_SUCCESS ? (int64_t)a.size : 0;
        break;
    default: return EINVAL;
    }
    if (kr != KERN_SUCCESS)
        return error_of(kr);
    if (__builtin_add_overflow(base, l->l_start, start))
        return EOVERFLOW;
    return *start < 0 ? EINVAL : 0;
}

static int understand(mach_port_name_t file, const struct flock *l, struct request *r)
{
    int64_t start = 0, last, length = l->l_len;
    const int error = base_of(file, l, &start);

    if (error != 0)
        return error;
    if (length < 0) {
        if (length == INT64_MIN || start + length < 0)
            return EINVAL;
        start += length;
        length = -length;
    }
    if (length > 0 && __builtin_add_overflow(start, length - 1, &last))
        return EOVERFLOW;
    switch (l->l_type) {
    case F_RDLCK: r->kind = FILE_LOCK_SHARED; break;
    case F_WRLCK: r->kind = FILE_LOCK_EXCLUSIVE; break;
    case F_UNLCK: r->kind = FILE_LOCK_NONE; break;
    default: return EINVAL;
    }
    r->file = file;
    r->start = (uint64_t)start;
    r->length = (uint64_t)length;
    return error_of(get_owner(&r->owner));
}

static int test_lock(const struct request *r, struct flock *l)
{
    uint32_t found, pid;
    uint64_t start, length;
    const kern_return_t kr = AGAIN(file_test_lock(r->file, r->kind, r->start, r->length, r->owner,
                                                  &found, &pid, &start, &length));

    if (kr != KERN_SUCCESS)
        return error_of(kr);
    if (found == FILE_LOCK_NONE) {
        l->l_type = F_UNLCK;
        return 0;
    }
    *l = (struct flock){
        .l_type = found == FILE_LOCK_EXCLUSIVE ? F_WRLCK : F_RDLCK,
        .l_whence = SEEK_SET,
        .l_start = (off_t)start,
        .l_len = (off_t)length,
        .l_pid = (pid_t)pid,
    };
    return 0;
}

/* 0, or the errno. */
static int record_lock(int number, int command, struct flock *l)
{
    const struct descriptor d = descriptor_get(number);
    struct request r = {.file = MSG_NULL};

    if (d.flags == 0)
        return EBADF;
    if (d.port == MSG_NULL)
        return EINVAL;
    const int error = understand(d.port, l, &r);

    if (error != 0)
        return error;
    if (command == F_GETLK)
        return r.kind == FILE_LOCK_NONE ? EINVAL : test_lock(&r, l);
    return set_lock(&r, command == F_SETLKW);
}

/* newlib's takes the third argument for an int, which is what all other commands have. */
int fcntl(int number, int command, ...)
{
    va_list rest;
    int argument = 0;
    struct flock *l = NULL;
    const bool locks = command == F_GETLK || command == F_SETLK || command == F_SETLKW;

    va_start(rest, command);
    if (locks)
        l = va_arg(rest, struct flock *);
    else
        argument = va_arg(rest, int);
    va_end(rest);
    if (!locks)
        return _fcntl(number, command, argument);
    if (command == F_SETLKW)
        cancel_test();
    const int error = record_lock(number, command, l);

    return error == 0 ? 0 : posix_error(error);
}

int lockf(int number, int command, off_t size)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_len = size};
    int error;

    switch (command) {
    case F_ULOCK:
        l.l_type = F_UNLCK;
        error = record_lock(number, F_SETLK, &l);
        break;
    case F_LOCK:
        cancel_test();
        error = record_lock(number, F_SETLKW, &l);
        break;
    case F_TLOCK: error = record_lock(number, F_SETLK, &l); break;
    case F_TEST:
        error = record_lock(number, F_GETLK, &l);
        if (error == 0 && l.l_type != F_UNLCK)
            error = EACCES;
        break;
    default: error = EINVAL; break;
    }
    return error == 0 ? 0 : posix_error(error);
}

/* ---- flock ---- */

int flock(int number, int how)
{
    const struct descriptor d = descriptor_get(number);
    struct request r = {.file = d.port, .owner = MSG_NULL};
    int error = 0;

    switch (how & ~LOCK_NB) {
    case LOCK_SH: r.kind = FILE_LOCK_SHARED; break;
    case LOCK_EX: r.kind = FILE_LOCK_EXCLUSIVE; break;
    case LOCK_UN: r.kind = FILE_LOCK_NONE; break;
    default: error = EINVAL; break;
    }
    if (d.flags == 0)
        error = EBADF;
    else if (d.port == MSG_NULL)
        error = EINVAL;
    if (error == 0)
        error = set_lock(&r, (how & LOCK_NB) == 0);
    return error == 0 ? 0 : posix_error(error);
}
