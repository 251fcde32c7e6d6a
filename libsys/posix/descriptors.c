/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of descriptors (descriptors.h). The first rows are the program's own memory; a program that opens more gets a second part, whose pages come when they are touched.
 */
#include "descriptors.h"
#include "errors.h"
#include "file_locks.h"
#include "file_views.h"
#include "process.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/sync.h>
#include <stdatomic.h>
#include <stddef.h>
#include <wharf/if/port.h>

enum { FIRST = 32, STANDARD = 3 };

_Atomic uint32_t descriptors_limit = DESCRIPTORS_MAX;

static struct mutex lock;
static _Atomic uint64_t first[FIRST];       /* changed under lock */
static _Atomic(_Atomic uint64_t *) further; /* of FIRST and on; set once, under lock */
static _Atomic bool begun; /* under lock: the table is filled from the start block */

static uint64_t pack(struct descriptor d)
{
    return d.port | (uint64_t)d.flags << 32;
}

static struct descriptor unpack(uint64_t word)
{
    return (struct descriptor){(mach_port_name_t)word, (uint32_t)(word >> 32)};
}

static bool is_open(uint64_t word)
{
    return (word >> 32 & DESCRIPTOR_OPEN) != 0;
}

/* The row, or NULL: no such number, or one in the part that is not there. */
static _Atomic uint64_t *row(int number)
{
    if (number >= 0 && number < FIRST)
        return &first[number];
    _Atomic uint64_t *const second = atomic_load_explicit(&further, memory_order_acquire);

    return second != NULL && number >= 0 && number < DESCRIPTORS_MAX ? &second[number - FIRST]
                                                                     : NULL;
}

/* The same, made if it is not there; the lock is held. */
static _Atomic uint64_t *make_row(int number)
{
    void *memory;

    if (number >= FIRST && number < DESCRIPTORS_MAX && atomic_load(&further) == NULL &&
        kernel_vm_allocate((DESCRIPTORS_MAX - FIRST) * sizeof(uint64_t), &memory) == KERN_SUCCESS)
        atomic_store_explicit(&further, (_Atomic uint64_t *)memory, memory_order_release);
    return row(number);
}

/* The lock is held, or there is one thread. */
static void put(int number, mach_port_name_t port, uint32_t flags)
{
    _Atomic uint64_t *at = make_row(number);

    if (at != NULL)
        atomic_store(at, pack((struct descriptor){port, flags | DESCRIPTOR_OPEN}));
}

/* What a program has that is no process's: the log. The lock is held. */
static void begin(void)
{
    if (atomic_load_explicit(&begun, memory_order_relaxed))
        return;
    for (int i = 0; i < STANDARD; i++)
        put(i, MSG_NULL, DESCRIPTOR_LOG);
    atomic_store_explicit(&begun, true, memory_order_release);
}

static void take_lock(void)
{
    mutex_lock(&lock);
    begin();
}

struct descriptor descriptor_get(int number)
{
    _Atomic uint64_t *at = row(number);
    uint64_t word = at == NULL ? 0 : atomic_load_explicit(at, memory_order_relaxed);

    if (word == 0 && !atomic_load_explicit(&begun, memory_order_acquire)) {
        take_lock();
        mutex_unlock(&lock);
        at = row(number);
        word = at == NULL ? 0 : atomic_load(at);
    }
    return is_open(word) ? unpack(word) : (struct descriptor){MSG_NULL, 0};
}

mach_port_name_t descriptor_port(int number, int if_log)
{
    const struct descriptor d = descriptor_get(number);

    if (d.port == MSG_NULL)
        errno = d.flags == 0 ? EBADF : if_log;
    return d.port;
}

/* ---- changes ---- */

/* A free row from lowest on gets the word. The lock is held. */
static int add_locked(uint64_t word, int lowest)
{
    const int limit = (int)atomic_load(&descriptors_limit);

    if (lowest < 0 || lowest >= limit)
        return posix_error(EINVAL);
    for (int i = lowest; i < limit; i++) {
        _Atomic uint64_t *at = make_row(i);

        if (at == NULL)
            break;
        if (atomic_load(at) == 0) {
            atomic_store(at, word);
            return i;
        }
    }
    return posix_error(EMFILE);
}

int descriptor_add(struct descriptor descriptor, int lowest)
{
    descriptor.flags |= DESCRIPTOR_OPEN;
    take_lock();
    const int number = add_locked(pack(descriptor), lowest);

    mutex_unlock(&lock);
    return number;
}

int descriptor_reserve(int lowest)
{
    take_lock();
    const int number = add_locked((uint64_t)DESCRIPTOR_RESERVED << 32, lowest);

    mutex_unlock(&lock);
    return number;
}

static void release(mach_port_name_t port)
{
    if (port == MSG_NULL)
        return;
    if (file_locks_closing != NULL)
        file_locks_closing(port);
    if (file_views_closing != NULL)
        file_views_closing(port);
    stub_release_right(port, MSG_MOVE_SEND);
}

/* What was there goes. Not under the lock: the last reference may be a message to a server. */
static struct descriptor exchange(int number, struct descriptor with)
{
    take_lock();
    _Atomic uint64_t *at = make_row(number);
    const uint64_t old = at == NULL ? 0 : atomic_exchange(at, pack(with));

    mutex_unlock(&lock);
    return is_open(old) ? unpack(old) : (struct descriptor){MSG_NULL, 0};
}

void descriptor_fill(int number, struct descriptor descriptor)
{
    descriptor.flags |= DESCRIPTOR_OPEN;
    release(exchange(number, descriptor).port);
}

void descriptor_unreserve(int number)
{
    release(exchange(number, (struct descriptor){MSG_NULL, 0}).port);
}

int descriptor_remove(int number)
{
    take_lock();
    _Atomic uint64_t *at = row(number);
    uint64_t word = at == NULL ? 0 : atomic_load(at);

    if (is_open(word))
        atomic_store(at, 0);
    mutex_unlock(&lock);
    if (!is_open(word))
        return posix_error(EBADF);
    release(unpack(word).port);
    return 0;
}

/* One reference more for the copy. */
static int refer(struct descriptor d)
{
    const kern_return_t kr =
        d.port == MSG_NULL ? KERN_SUCCESS
                           : port_mod_refs(program_start_info->task, d.port, PORT_RIGHT_SEND, 1);
    /* A server that is gone leaves a dead name, which is a descriptor all the same. */
    if (kr == KERN_INVALID_RIGHT)
        return posix_errno(port_mod_refs(program_start_info->task, d.port, PORT_RIGHT_DEAD, 1));
    return posix_errno(kr);
}

/* The copy's place: `to`, or the lowest from there on. What was there comes back in *old. The lock is held. */
static int place_copy(struct descriptor d, int to, bool exact, struct descriptor *old)
{
    if (!exact)
        return add_locked(pack(d), to);
    _Atomic uint64_t *at =
        to >= 0 && (uint32_t)to < atomic_load(&descriptors_limit) ? make_row(to) : NULL;

    if (at == NULL)
        return posix_error(EBADF);
    if (unpack(atomic_load(at)).flags == DESCRIPTOR_RESERVED)
        return posix_error(EBUSY); /* another thread opens it at this moment */
    *old = unpack(atomic_exchange(at, pack(d)));
    return to;
}

int descriptor_copy(int from, int to, bool exact, uint32_t flags)
{
    struct descriptor old = {MSG_NULL, 0};
    int number = -1;

    take_lock();
    _Atomic uint64_t *at = row(from);
    struct descriptor d = unpack(at == NULL ? 0 : atomic_load(at));
    const int error = (d.flags & DESCRIPTOR_OPEN) == 0 ? EBADF : refer(d);

    if (error == 0) {
        d.flags = (d.flags & ~(uint32_t)DESCRIPTOR_CLOEXEC) | flags;
        number = place_copy(d, to, exact, &old);
    }
    mutex_unlock(&lock);
    if (error != 0)
        return posix_error(error);
    if (number >= 0)
        release(old.port);
    else if (d.port != MSG_NULL) /* the reference alone: nothing is closed */
        stub_release_right(d.port, MSG_MOVE_SEND);
    return number;
}

void descriptor_mark(int number, mach_port_name_t port, uint32_t set, uint32_t clear)
{
    take_lock();
    _Atomic uint64_t *at = row(number);
    struct descriptor d = unpack(at == NULL ? 0 : atomic_load(at));

    if ((d.flags & DESCRIPTOR_OPEN) != 0 && d.port == port) {
        d.flags = (d.flags & ~clear) | set;
        atomic_store(at, pack(d));
    }
    mutex_unlock(&lock);
}

/* ---- fork, exec, spawn (process.h) ---- */

void descriptors_import(const struct start_descriptor *descriptors, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        put(descriptors[i].descriptor, descriptors[i].file,
            descriptors[i].flags & (DESCRIPTOR_LOG | DESCRIPTOR_WAITS));
    atomic_store(&begun, true);
}

/* From this number on, behind rows of the first that are empty. */
static int skip_empty(int from)
{
    if (atomic_load_explicit(&begun, memory_order_acquire))
        while (from >= 0 && from < FIRST &&
               atomic_load_explicit(&first[from], memory_order_relaxed) == 0)
            from++;
    return from;
}

bool descriptors_export(int from, struct start_descriptor *out)
{
    for (int i = skip_empty(from); i >= 0 && i < DESCRIPTORS_MAX; i = skip_empty(i + 1)) {
        const struct descriptor d = descriptor_get(i);

        if (d.flags != 0 && (d.flags & DESCRIPTOR_CLOEXEC) == 0) {
            *out = (struct start_descriptor){.descriptor = i, .file = d.port, .flags = d.flags};
            return true;
        }
        if (i >= FIRST && atomic_load(&further) == NULL)
            break;
    }
    return false;
}

void descriptors_hold(void)
{
    take_lock();
}

/* The child has the lock as the parent had it. */
void descriptors_release(bool child)
{
    mutex_unlock(&lock);
    if (child && file_locks_child != NULL)
        file_locks_child();
    if (child && file_views_child != NULL)
        file_views_child();
}
