/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What programs ask of the system's limits and options. Options of threads, time and signals are what the headers promise (_POSIX_...),
 * so that the two never contradict each other.
 */
#include "descriptors.h"
#include "errors.h"
#include <fcntl.h>
#include <libsys/kernel.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 0x1000, LOGIN_NAME = 32, TTY_NAME = 128, HOST_NAME = 64, EDITION = 200809 };
enum { NAMES = _SC_POSIX_26_VERSION + 1 };

/* What is the same on each machine, by its name; 0: it is not there, has no limit, or is a fact. A name that stands here twice is an error of the compiler's (-Woverride-init). */
static const int32_t always[NAMES] = {
    [_SC_VERSION] = EDITION,
    [_SC_2_VERSION] = EDITION,
    [_SC_FSYNC] = EDITION,
    [_SC_MAPPED_FILES] = EDITION,
    [_SC_MEMLOCK] = EDITION,
    [_SC_MEMLOCK_RANGE] = EDITION,
    [_SC_MEMORY_PROTECTION] = EDITION,
    [_SC_SHARED_MEMORY_OBJECTS] = EDITION,
    [_SC_SYNCHRONIZED_IO] = EDITION,
    [_SC_ADVISORY_INFO] = EDITION,
    [_SC_JOB_CONTROL] = 1,
    [_SC_SAVED_IDS] = 1,
    [_SC_REGEXP] = 1,
    [_SC_SHELL] = 1,
    [_SC_V7_LP64_OFF64] = 1,
    [_SC_V7_LPBIG_OFFBIG] = 1,

/* Of threads, time, signals and processes: those that the headers promise. */
#ifdef _POSIX_THREADS
    [_SC_THREADS] = _POSIX_THREADS,
#endif
#ifdef _POSIX_THREAD_SAFE_FUNCTIONS
    [_SC_THREAD_SAFE_FUNCTIONS] = _POSIX_THREAD_SAFE_FUNCTIONS,
#endif
#ifdef _POSIX_THREAD_ATTR_STACKADDR
    [_SC_THREAD_ATTR_STACKADDR] = _POSIX_THREAD_ATTR_STACKADDR,
#endif
#ifdef _POSIX_THREAD_ATTR_STACKSIZE
    [_SC_THREAD_ATTR_STACKSIZE] = _POSIX_THREAD_ATTR_STACKSIZE,
#endif
#ifdef _POSIX_THREAD_PRIORITY_SCHEDULING
    [_SC_THREAD_PRIORITY_SCHEDULING] = _POSIX_THREAD_PRIORITY_SCHEDULING,
#endif
#ifdef _POSIX_THREAD_PRIO_INHERIT
    [_SC_THREAD_PRIO_INHERIT] = _POSIX_THREAD_PRIO_INHERIT,
#endif
#ifdef _POSIX_THREAD_PRIO_PROTECT
    [_SC_THREAD_PRIO_PROTECT] = _POSIX_THREAD_PRIO_PROTECT,
#endif
#ifdef _POSIX_THREAD_ROBUST_PRIO_INHERIT
    [_SC_THREAD_ROBUST_PRIO_INHERIT] = _POSIX_THREAD_ROBUST_PRIO_INHERIT,
#endif
#ifdef _POSIX_THREAD_ROBUST_PRIO_PROTECT
    [_SC_THREAD_ROBUST_PRIO_PROTECT] = _POSIX_THREAD_ROBUST_PRIO_PROTECT,
#endif
#ifdef _POSIX_THREAD_PROCESS_SHARED
    [_SC_THREAD_PROCESS_SHARED] = _POSIX_THREAD_PROCESS_SHARED,
#endif
#ifdef _POSIX_THREAD_CPUTIME
    [_SC_THREAD_CPUTIME] = _POSIX_THREAD_CPUTIME,
#endif
#ifdef _POSIX_BARRIERS
    [_SC_BARRIERS] = _POSIX_BARRIERS,
#endif
#ifdef _POSIX_READER_WRITER_LOCKS
    [_SC_READER_WRITER_LOCKS] = _POSIX_READER_WRITER_LOCKS,
#endif
#ifdef _POSIX_SPIN_LOCKS
    [_SC_SPIN_LOCKS] = _POSIX_SPIN_LOCKS,
#endif
#ifdef _POSIX_TIMERS
    [_SC_TIMERS] = _POSIX_TIMERS,
#endif
#ifdef _POSIX_MONOTONIC_CLOCK
    [_SC_MONOTONIC_CLOCK] = _POSIX_MONOTONIC_CLOCK,
#endif
#ifdef _POSIX_CLOCK_SELECTION
    [_SC_CLOCK_SELECTION] = _POSIX_CLOCK_SELECTION,
#endif
#ifdef _POSIX_CPUTIME
    [_SC_CPUTIME] = _POSIX_CPUTIME,
#endif
#ifdef _POSIX_SEMAPHORES
    [_SC_SEMAPHORES] = _POSIX_SEMAPHORES,
#endif
#ifdef _POSIX_TIMEOUTS
    [_SC_TIMEOUTS] = _POSIX_TIMEOUTS,
#endif
#ifdef _POSIX_REALTIME_SIGNALS
    [_SC_REALTIME_SIGNALS] = _POSIX_REALTIME_SIGNALS,
#endif
#ifdef _POSIX_SPAWN
    [_SC_SPAWN] = _POSIX_SPAWN,
#endif
#ifdef _POSIX_PRIORITY_SCHEDULING
    [_SC_PRIORITY_SCHEDULING] = _POSIX_PRIORITY_SCHEDULING,
#endif

    /* Limits. */
    [_SC_CLK_TCK] = CLOCKS_PER_SEC,
    [_SC_ARG_MAX] = ARG_MAX,
    [_SC_NGROUPS_MAX] = NGROUPS_MAX,
    [_SC_IOV_MAX] = IOV_MAX,
    [_SC_LINE_MAX] = LINE_MAX,
    [_SC_RE_DUP_MAX] = RE_DUP_MAX,
    [_SC_SYMLOOP_MAX] = 40,
    [_SC_ATEXIT_MAX] = 32,
    [_SC_TZNAME_MAX] = 10,
    [_SC_HOST_NAME_MAX] = HOST_NAME,
    [_SC_LOGIN_NAME_MAX] = LOGIN_NAME,
    [_SC_TTY_NAME_MAX] = TTY_NAME,
    [_SC_GETPW_R_SIZE_MAX] = 256,
    [_SC_GETGR_R_SIZE_MAX] = 256,
    [_SC_THREAD_STACK_MIN] = PTHREAD_STACK_MIN,
    [_SC_THREAD_THREADS_MAX] = PTHREAD_THREADS_MAX,
    [_SC_THREAD_DESTRUCTOR_ITERATIONS] = PTHREAD_DESTRUCTOR_ITERATIONS,
    [_SC_THREAD_KEYS_MAX] = PTHREAD_KEYS_MAX,
    [_SC_SEM_VALUE_MAX] = SEM_VALUE_MAX,
    [_SC_SEM_NSEMS_MAX] = SEM_NSEMS_MAX,
    [_SC_TIMER_MAX] = TIMER_MAX,
    [_SC_DELAYTIMER_MAX] = DELAYTIMER_MAX,
    [_SC_RTSIG_MAX] = SIGRTMAX - SIGRTMIN + 1,
    [_SC_BC_BASE_MAX] = BC_BASE_MAX,
    [_SC_BC_DIM_MAX] = BC_DIM_MAX,
    [_SC_BC_SCALE_MAX] = BC_SCALE_MAX,
    [_SC_BC_STRING_MAX] = BC_STRING_MAX,
    [_SC_EXPR_NEST_MAX] = EXPR_NEST_MAX,
};

/* Facts of the machine and of this system, or what is always so. */
static long fact(int name)
{
    switch (name) {
    case _SC_PAGESIZE: return PAGE;
    case _SC_NPROCESSORS_CONF:
    case _SC_NPROCESSORS_ONLN: return (long)kernel_system_info(SYSTEM_INFO_CPUS_ONLINE);
    case _SC_PHYS_PAGES: return (long)(kernel_system_info(SYSTEM_INFO_MANAGED_MEMORY) / PAGE);
    case _SC_AVPHYS_PAGES: return (long)kernel_system_info(SYSTEM_INFO_FREE_FRAMES);
    case _SC_OPEN_MAX:
    case _SC_STREAM_MAX: return (long)atomic_load(&descriptors_limit);
    default: return always[name];
    }
}

/* -1 with errno as it was: it is not there, or has no limit; with EINVAL: there is no such name. */
long sysconf(int name)
{
    if (name < 0 || name >= NAMES)
        return posix_error(EINVAL);
    const long value = fact(name);

    return value != 0 ? value : -1;
}

int getpagesize(void)
{
    return PAGE;
}

int getdtablesize(void)
{
    return (int)atomic_load(&descriptors_limit);
}

/* ---- of files ---- */

/* Every name has its row; one that stands here twice is an error, as above. */
static const int32_t of_files[] = {
    [_PC_LINK_MAX] = LINK_MAX,
    [_PC_MAX_CANON] = MAX_CANON,
    [_PC_MAX_INPUT] = MAX_INPUT,
    [_PC_NAME_MAX] = NAME_MAX,
    [_PC_PATH_MAX] = PATH_MAX,
    [_PC_PIPE_BUF] = PIPE_BUF,
    [_PC_CHOWN_RESTRICTED] = 1,
    [_PC_NO_TRUNC] = 1,
    [_PC_SYNC_IO] = 1,
    [_PC_2_SYMLINKS] = 1,
    [_PC_TIMESTAMP_RESOLUTION] = 1,
    [_PC_VDISABLE] = 0,
    [_PC_FILESIZEBITS] = 64,
    [_PC_SYMLINK_MAX] = PATH_MAX - 1,
    [_PC_ALLOC_SIZE_MIN] = PAGE,
    [_PC_REC_MIN_XFER_SIZE] = PAGE,
    [_PC_REC_INCR_XFER_SIZE] = PAGE,
    [_PC_REC_XFER_ALIGN] = PAGE,
    [_PC_REC_MAX_XFER_SIZE] = 1 << 20,
    [_PC_ASYNC_IO] = -1,
    [_PC_PRIO_IO] = -1,
};

static long of_any_file(int name)
{
    const bool there = name >= 0 && (size_t)name < sizeof(of_files) / sizeof(of_files[0]);

    return there ? of_files[name] : posix_error(EINVAL);
}

long fpathconf(int number, int name)
{
    return descriptor_get(number).flags == 0 ? posix_error(EBADF) : of_any_file(name);
}

long pathconf(const char *path, int name)
{
    struct stat status;

    return stat(path, &status) != 0 ? -1 : of_any_file(name);
}
