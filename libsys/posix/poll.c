/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poll() and select(): each file is asked what holds; if nothing does, each is told to say so (file.watch) to one port, and the caller waits there. Whatever arrives only means: ask again. So a
 * message that is late, or a server that is gone, does no harm, and a signal may end the wait at any time.
 *
 * The port is made for the wait and ends with it; watches are taken back, so that servers keep none that nobody waits for.
 */
#include "again.h"
#include "cancel.h"
#include "descriptors.h"
#include "errors.h"
#include "waits.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/trap.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>
#include <wharf/if/file.h>
#include <wharf/if/port.h>

/* There in programs that have signals. */
extern __typeof__(sigprocmask) sigprocmask [[gnu::weak]];

enum {
    NANOSECONDS = 1000000000,
    IN = POLLIN | POLLRDNORM,
    OUT = POLLOUT | POLLWRNORM,
    ALWAYS = POLLERR | POLLHUP | POLLNVAL,
};

static uint32_t wanted(short events)
{
    return ((events & IN) != 0 ? FILE_READABLE : 0) | ((events & OUT) != 0 ? FILE_WRITABLE : 0) |
           ((events & (POLLPRI | POLLRDBAND)) != 0 ? FILE_URGENT : 0);
}

static short found(uint32_t holding, short events)
{
    const int all = ((holding & FILE_READABLE) != 0 ? IN : 0) |
                    ((holding & FILE_WRITABLE) != 0 ? OUT : 0) |
                    ((holding & FILE_URGENT) != 0 ? POLLPRI | POLLRDBAND : 0) |
                    ((holding & FILE_HANG_UP) != 0 ? POLLHUP : 0) |
                    ((holding & FILE_FAILED) != 0 ? POLLERR : 0);

    return (short)(all & (events | ALWAYS));
}

/* What holds of one now. */
static short look(const struct pollfd *p)
{
    uint32_t holding;
    const struct descriptor d = descriptor_get(p->fd);

    if (p->fd < 0)
        return 0;
    if (d.flags == 0)
        return POLLNVAL;
    if (d.port == MSG_NULL) /* the log: always at its end, always with room */
        return (short)(p->events & (p->fd == STDIN_FILENO ? IN : OUT));
    const kern_return_t kr = AGAIN(file_poll(d.port, wanted(p->events), &holding));

    if (kr == KERN_SUCCESS)
        return found(holding, p->events);
    return posix_errno(kr) == EBADF ? POLLNVAL : POLLERR;
}

static int look_at_all(struct pollfd *files, nfds_t count)
{
    int holding = 0;

    for (nfds_t i = 0; i < count; i++) {
        files[i].revents = look(&files[i]);
        holding += files[i].revents != 0;
    }
    return holding;
}

/* Tell the files to say so at the port, or, without one, not to any more. `port` is what tells one wait's tokens from another's, too. */
static void watch_all(const struct pollfd *files, nfds_t count, mach_port_name_t token,
                      mach_port_name_t port)
{
    for (nfds_t i = 0; i < count; i++) {
        const struct descriptor d = descriptor_get(files[i].fd);

        /* A file that cannot be watched has said what it has to say when it was asked. */
        if (files[i].fd >= 0 && d.port != MSG_NULL)
            (void)!file_watch(d.port, port == MSG_NULL ? 0 : wanted(files[i].events) | FILE_HANG_UP,
                              (uint64_t)token << 32 | i, port);
    }
}

struct arrival {
    mach_port_name_t port;
    uint64_t deadline;
};

/* Whatever comes, what it carries is given up. A message that is left when the wait is abandoned goes with the port. */
static kern_return_t receive(void *argument)
{
    const struct arrival *a = argument;
    struct msg_registers m;

    memset(&m, 0, sizeof(m));
    m.receive = a->port;
    m.deadline = a->deadline;
    user_msg_trap(&m);
    if (m.result != 0)
        return (kern_return_t)-m.result;
    stub_release_received(m.word, wire_descriptors(wire_shape(m.control)));
    return KERN_SUCCESS;
}

/* 0: a message came, or the time is over; else the errno. */
static int wait_at(mach_port_name_t port, uint64_t deadline, bool *cancelled)
{
    struct arrival a = {port, deadline};
    const kern_return_t kr = wait_interruptibly(receive, &a, cancelled);

    return kr == MACH_RCV_TIMED_OUT ? 0 : posix_errno(kr);
}

static int wait_for_all(struct pollfd *files, nfds_t count, uint64_t deadline)
{
    mach_port_name_t port;
    int holding, error = 0;
    bool cancelled;
    const kern_return_t kr = port_allocate(program_start_info->task, PORT_RIGHT_RECEIVE, &port);

    if (kr != KERN_SUCCESS)
        return posix_fails(kr);
    do {
        watch_all(files, count, port, port);
        error = wait_at(port, deadline, &cancelled);
        holding = error == 0 ? look_at_all(files, count) : 0;
    } while (error == 0 && holding == 0 && kernel_clock_now() < deadline);
    watch_all(files, count, port, MSG_NULL);
    stub_release_right(port, MSG_MOVE_RECEIVE);
    if (cancelled)
        cancel_act();
    return error == 0 ? holding : posix_error(error);
}

static int poll_until(struct pollfd *files, nfds_t count, uint64_t deadline)
{
    if (count > DESCRIPTORS_MAX)
        return posix_error(EINVAL);
    cancel_test();
    const int holding = look_at_all(files, count);

    if (holding != 0 || deadline == 0)
        return holding;
    return wait_for_all(files, count, deadline);
}

/* A moment that many nanoseconds from now; 0: not at all, as far as there is room for it: never. */
static uint64_t moment(uint64_t seconds, uint64_t nanoseconds)
{
    if (seconds == 0 && nanoseconds == 0)
        return 0;
    if (seconds > INT64_MAX / NANOSECONDS - 1)
        return TRAP_NEVER;
    return kernel_clock_now() + seconds * NANOSECONDS + nanoseconds;
}

int poll(struct pollfd *files, nfds_t count, int timeout)
{
    enum { MS = 1000 };

    return poll_until(files, count,
                      timeout < 0 ? TRAP_NEVER
                                  : moment((uint64_t)timeout / MS,
                                           (uint64_t)(timeout % MS) * (NANOSECONDS / MS)));
}

static int with_mask(struct pollfd *files, nfds_t count, uint64_t deadline, const sigset_t *mask)
{
    sigset_t old;
    const bool masks = mask != NULL && sigprocmask != NULL;

    if (masks)
        sigprocmask(SIG_SETMASK, mask, &old);
    const int result = poll_until(files, count, deadline);
    const int error = errno;

    if (masks)
        sigprocmask(SIG_SETMASK, &old, NULL);
    errno = error;
    return result;
}

/* false: it is no time. */
static bool time_ahead(const struct timespec *timeout, uint64_t *deadline)
{
    *deadline = TRAP_NEVER;
    if (timeout == NULL)
        return true;
    if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= NANOSECONDS)
        return false;
    *deadline = moment((uint64_t)timeout->tv_sec, (uint64_t)timeout->tv_nsec);
    return true;
}

int ppoll(struct pollfd *files, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    uint64_t deadline;

    return time_ahead(timeout, &deadline) ? with_mask(files, count, deadline, mask)
                                          : posix_error(EINVAL);
}

/* ---- select ---- */

static bool has(int number, const fd_set *set)
{
    return set != NULL && FD_ISSET(number, set);
}

static nfds_t from_sets(int count, struct pollfd *files, const fd_set *readable,
                        const fd_set *writable, const fd_set *urgent)
{
    nfds_t n = 0;

    for (int i = 0; i < count; i++) {
        const int events = (has(i, readable) ? POLLIN : 0) | (has(i, writable) ? POLLOUT : 0) |
                           (has(i, urgent) ? POLLPRI : 0);

        if (events != 0)
            files[n++] = (struct pollfd){.fd = i, .events = (short)events};
    }
    return n;
}

/* Leave in a set what holds. */
static int leave(int number, fd_set *set, bool holds)
{
    if (!has(number, set))
        return 0;
    if (!holds)
        FD_CLR(number, set);
    return holds;
}

static int to_sets(const struct pollfd *files, nfds_t count, fd_set *readable, fd_set *writable,
                   fd_set *urgent)
{
    int holding = 0;

    for (nfds_t i = 0; i < count; i++)
        if ((files[i].revents & POLLNVAL) != 0)
            return posix_error(EBADF);
    for (nfds_t i = 0; i < count; i++) {
        const short r = files[i].revents;

        holding += leave(files[i].fd, readable, (r & (IN | POLLHUP | POLLERR)) != 0);
        holding += leave(files[i].fd, writable, (r & (OUT | POLLERR)) != 0);
        holding += leave(files[i].fd, urgent, (r & POLLPRI) != 0);
    }
    return holding;
}

int pselect(int count, fd_set *readable, fd_set *writable, fd_set *urgent,
            const struct timespec *timeout, const sigset_t *mask)
{
    struct pollfd files[FD_SETSIZE];
    uint64_t deadline;

    if (count < 0 || count > FD_SETSIZE || !time_ahead(timeout, &deadline))
        return posix_error(EINVAL);
    const nfds_t n = from_sets(count, files, readable, writable, urgent);

    if (with_mask(files, n, deadline, mask) < 0)
        return -1;
    return to_sets(files, n, readable, writable, urgent);
}

int select(int count, fd_set *readable, fd_set *writable, fd_set *urgent, struct timeval *timeout)
{
    struct timespec exact;

    if (timeout == NULL)
        return pselect(count, readable, writable, urgent, NULL, NULL);
    if (timeout->tv_usec < 0 || timeout->tv_usec >= NANOSECONDS / 1000)
        return posix_error(EINVAL);
    exact = (struct timespec){timeout->tv_sec, timeout->tv_usec * 1000};
    return pselect(count, readable, writable, urgent, &exact, NULL);
}
