/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading and writing. A call takes what there is now; if that is nothing, the caller waits for it in a call of its own, which takes nothing, and tries again. A file opened with O_NONBLOCK
 * answers that wait, too, with EAGAIN, so that nobody has to know here how it was opened.
 *
 * A descriptor that had nothing to read is asked for that first the next time (DESCRIPTOR_WAITS): at pipes and terminals the first try would be in vain each time. Where the server can, that is one call
 * which is answered with the bytes (DESCRIPTOR_AWAITS; wait_for_bytes).
 */
#include "../newlib/calls.h"
#include "again.h"
#include "cancel.h"
#include "descriptors.h"
#include "errors.h"
#include "file_views.h"
#include "waits.h"
#include <libsys/kernel.h>
#include <libsys/stub.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <wharf/if/file.h>
#include <wharf/terminal.h>

/* Position, a count and so many bytes are a message's registers. */
enum { WRITE_SMALL = MSG_REGISTER_BYTES - sizeof(uint64_t) - sizeof(uint32_t) };

/* One try of a transfer. */
struct transfer {
    mach_port_name_t port;
    int number;
    uint32_t flags; /* of the descriptor */
    int64_t position;
    char *bytes;
    uint32_t size, done;
    bool more;  /* something has been moved before: a read does not wait any more */
    bool small; /* the server takes and gives nothing out of line */
};

/* Not by the stub, which wants room for the longest answer that the interface allows: here it is as long as was asked, or no answer. */
static kern_return_t read_small(struct transfer *t)
{
    struct [[gnu::may_alias]] request {
        int64_t position;
        uint32_t size, zero;
    };
    union {
        struct request request;
        uint64_t word[(FILE_DATA_MAX + 8) / 8]; /* a count and the bytes */
    } body;
    uint32_t shape, next = 0;
    const void *bytes;

    body.request = (struct request){t->position, t->size, 0};
    const kern_return_t kr =
        stub_call(t->port, FILE_ID_READ, body.word, WIRE_SHAPE(sizeof(struct request), 0),
                  body.word, sizeof(body), UINT64_MAX, &shape);

    if (kr != KERN_SUCCESS)
        return kr;
    if (wire_descriptors(shape) != 0 ||
        !wire_get(body.word, wire_length(shape), &next, 1, 1, t->size, &bytes, &t->done))
        return stub_bad_reply(body.word, shape);
    memcpy(t->bytes, bytes, t->done);
    return KERN_SUCCESS;
}

/* A piece, by message; out of line if it is long. */
static kern_return_t read_bulk(struct transfer *t)
{
    void *memory;
    const kern_return_t kr = file_read_bulk(t->port, t->position, t->size, &memory, &t->done);

    if (kr != KERN_SUCCESS || t->done == 0)
        return kr;
    if (t->done <= t->size)
        memcpy(t->bytes, memory, t->done);
    stub_release_memory(memory, t->done);
    return t->done <= t->size ? kr : MIG_BAD_REPLY;
}

/* What could not be copied, from the server, or why not. */
static kern_return_t read_rest(struct transfer *t, uint64_t at, uint32_t copied)
{
    struct transfer rest = *t;

    rest.position = (int64_t)(at + copied);
    rest.bytes += copied;
    rest.size -= copied;
    const kern_return_t kr = AGAIN(read_bulk(&rest));
    t->done = copied + (kr == KERN_SUCCESS ? rest.done : 0);
    return t->done != 0 ? KERN_SUCCESS : kr;
}

/* The same, copied by the kernel from where the file is mapped. The file's own offset has moved by all that was claimed: it goes back to behind what has been read. */
static kern_return_t read_mapped(struct transfer *t)
{
    uint64_t at;
    int64_t position;
    uint32_t claimed;
    kern_return_t kr = file_claim(t->port, t->position, t->size, &at, &claimed);

    t->done = claimed;
    if (kr != KERN_SUCCESS || claimed == 0)
        return kr;
    if (claimed > t->size || at > (uint64_t)INT64_MAX - claimed)
        return MIG_BAD_REPLY;
    const uint32_t copied = file_view_copy(t->port, at, t->bytes, claimed);
    if (copied == claimed)
        return KERN_SUCCESS;
    struct transfer rest = *t;
    rest.size = claimed;
    kr = read_rest(&rest, at, copied);
    t->done = rest.done;
    if (t->position < 0 && t->done != claimed)
        (void)!AGAIN(
            file_seek(t->port, (int64_t)at + t->done, FILE_WHENCE_START, again_id(), &position));
    return kr;
}

/* What fits in registers. */
static inline kern_return_t write_small(mach_port_name_t port, int64_t position, const void *bytes,
                                        uint32_t size, uint32_t *done)
{
    enum { HEAD = 2 * sizeof(uint64_t) - sizeof(uint32_t), ANSWER = sizeof(uint64_t) };
    uint64_t word[MSG_REGISTER_BYTES / 8] = {(uint64_t)position, size};
    kern_return_t kr;

    memcpy((char *)word + HEAD, bytes, size);
    if (stub_call_words(port, FILE_ID_WRITE, wire_align(HEAD + size, WIRE_ALIGN), word,
                        WIRE_SHAPE(ANSWER, 0), UINT64_MAX, &kr))
        *done = (uint32_t)word[0];
    return kr;
}

/* What fits in a body. */
static kern_return_t move_short(struct transfer *t, bool writes)
{
    if (!writes)
        return read_small(t);
    return t->size <= WRITE_SMALL ? write_small(t->port, t->position, t->bytes, t->size, &t->done)
                                  : file_write(t->port, t->position, t->bytes, t->size, &t->done);
}

/* A server need not have the calls for more, or may refuse memory of others: then it gets it in shorter pieces. */
[[gnu::noinline]] static kern_return_t move_long(struct transfer *t, bool writes)
{
    if (!writes && (t->flags & DESCRIPTOR_COPIES) == 0) {
        const kern_return_t kr = read_mapped(t);

        if (kr != KERN_NOT_SUPPORTED && kr != MIG_BAD_ID)
            return kr;
        descriptor_mark(t->number, t->port, DESCRIPTOR_COPIES, 0);
        t->flags |= DESCRIPTOR_COPIES;
    }
    if (!t->small) {
        const kern_return_t kr =
            writes ? file_write_bulk(t->port, t->position, t->bytes, t->size, &t->done)
                   : read_bulk(t);

        if (kr != KERN_NOT_SUPPORTED && kr != MIG_BAD_ID && kr != MIG_BAD_ARGUMENTS)
            return kr;
        t->small = true;
    }
    t->size = FILE_DATA_MAX;
    return move_short(t, writes);
}

static inline kern_return_t move_once(struct transfer *t, bool writes)
{
    return __builtin_expect(t->size <= FILE_DATA_MAX, 1) ? move_short(t, writes)
                                                         : move_long(t, writes);
}

/* What kept it from being done. 0: try again; else the errno. */
[[gnu::cold]] static int overcome(struct transfer *t, kern_return_t kr, bool writes)
{
    const int error = posix_errno(kr);

    if ((uint32_t)kr == TERMINAL_WHO && t->position < 0) {
        t->position = wait_own_group();
        return 0;
    }
    if ((uint32_t)kr == TERMINAL_BACKGROUND && writes && t->position != TERMINAL_ANY_GROUP &&
        wait_may_disturb()) {
        t->position = TERMINAL_ANY_GROUP;
        return 0;
    }
    if ((uint32_t)kr == TERMINAL_BACKGROUND)
        return wait_in_background(writes ? SIGTTOU : SIGTTIN);
    if (error == EPIPE && writes)
        return wait_broken_pipe();
    if (error != EAGAIN || (t->more && !writes))
        return error;
    if (!writes && (t->flags & DESCRIPTOR_WAITS) == 0)
        descriptor_mark(t->number, t->port, DESCRIPTOR_WAITS | DESCRIPTOR_AWAITS, 0);
    return wait_for_events(t->port, writes ? FILE_WRITABLE : FILE_READABLE);
}

/* One piece, if need be after a wait. 0, or the errno. */
static int move_piece(struct transfer *t, bool writes)
{
    if (!writes && (t->flags & DESCRIPTOR_WAITS) != 0 && t->size != 0) {
        const int error = wait_for_events(t->port, FILE_READABLE);

        /* A file that does not know of waiting does not have to. */
        if (error == EAGAIN || error == EINTR)
            return error;
    }
    for (;;) {
        const kern_return_t kr = AGAIN(move_once(t, writes));

        if (__builtin_expect(kr == KERN_SUCCESS, 1))
            return t->done <= t->size ? 0 : EIO;
        const int error = overcome(t, kr, writes);

        if (error != 0)
            return error;
    }
}

/* All of it, as far as it goes: a read ends with the first piece that is not full, a write with an error. */
static ssize_t move(int number, struct descriptor d, int64_t position, void *bytes, size_t size,
                    bool writes)
{
    struct transfer t = {d.port, number, d.flags, position, bytes, 0, 0, false, false};
    size_t done = 0;

    do {
        const size_t left = size - done;

        t.size = left < FILE_BULK_MAX ? (uint32_t)left : FILE_BULK_MAX;
        t.bytes = (char *)bytes + done;
        if (position >= 0)
            t.position = position + (int64_t)done;
        else if (t.position < 0 && (done != 0 || t.position == FILE_CURRENT))
            t.position = again_id(); /* each piece is a request */
        const int error = move_piece(&t, writes);

        if (error != 0)
            return done > 0 ? (ssize_t)done : posix_error(error);
        done += t.done;
        if (t.done < t.size && (!writes || t.done == 0))
            break;
        t.flags &= ~(uint32_t)DESCRIPTOR_WAITS;
        t.more = true;
    } while (done < size);
    return (ssize_t)done;
}

/* ---- the log, for programs without files ---- */

static ssize_t write_log(const void *bytes, size_t size)
{
    const kern_return_t kr = kernel_console_write(bytes, size);

    return kr == KERN_SUCCESS ? (ssize_t)size : posix_fails(kr);
}

/* ---- */

/* The one call that most transfers are. False: it has not done it, and move() is to see why. */
static inline bool is_done_at_once(int number, struct descriptor *d, int64_t position, void *bytes,
                                   size_t size, bool writes, ssize_t *result)
{
    const uint32_t both = DESCRIPTOR_WAITS | DESCRIPTOR_AWAITS;
    uint32_t done = 0;

    if (writes) {
        *result = size <= WRITE_SMALL && write_small(d->port, position, bytes, (uint32_t)size,
                                                     &done) == KERN_SUCCESS
                      ? (ssize_t)done
                      : -1;
        return *result >= 0 && done <= size;
    }
    if ((d->flags & both) != both || size == 0 || size > FILE_DATA_MAX || position >= 0)
        return false;
    const kern_return_t kr = wait_for_bytes(d->port, bytes, (uint32_t)size, &done);
    *result = done;
    if (__builtin_expect(kr == KERN_SUCCESS, 1))
        return true;
    *result = -1;
    if (kr != KERN_NOT_SUPPORTED && kr != MIG_BAD_ID) {
        (void)posix_fails(kr);
        return true;
    }
    descriptor_mark(number, d->port, 0, DESCRIPTOR_AWAITS);
    d->flags &= ~(uint32_t)DESCRIPTOR_AWAITS;
    return false;
}

static inline ssize_t transfer(int number, int64_t position, void *bytes, size_t size, bool writes)
{
    if (size > SSIZE_MAX)
        return posix_error(EINVAL);
    struct descriptor d = descriptor_get(number);
    ssize_t result;

    if (__builtin_expect(d.port != MSG_NULL, 1))
        return is_done_at_once(number, &d, position, bytes, size, writes, &result)
                   ? result
                   : move(number, d, position, bytes, size, writes);
    if (d.flags == 0)
        return posix_error(EBADF);
    if (position >= 0)
        return posix_error(ESPIPE);
    if (writes == (number == STDIN_FILENO))
        return posix_error(EBADF);
    return writes ? write_log(bytes, size) : 0;
}

ssize_t _read(int number, void *bytes, size_t size)
{
    return transfer(number, FILE_CURRENT, bytes, size, false);
}

ssize_t _write(int number, const void *bytes, size_t size)
{
    return transfer(number, again_id(), (void *)(uintptr_t)bytes, size, true);
}

/* Those above are what streams call, which have locks; these are cancellation points also if they do not wait. */

ssize_t read(int number, void *bytes, size_t size)
{
    cancel_test();
    return _read(number, bytes, size);
}

ssize_t write(int number, const void *bytes, size_t size)
{
    cancel_test();
    return _write(number, bytes, size);
}

ssize_t pread(int number, void *bytes, size_t size, off_t position)
{
    cancel_test();
    return position < 0 ? posix_error(EINVAL) : transfer(number, position, bytes, size, false);
}

ssize_t pwrite(int number, const void *bytes, size_t size, off_t position)
{
    cancel_test();
    return position < 0 ? posix_error(EINVAL)
                        : transfer(number, position, (void *)(uintptr_t)bytes, size, true);
}
