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

enum { PAGE = 0x1000, LOGIN_NAME = 32, TTY_NAME = 128, HOST_NAME = 64 };

/* Of threads: those that the headers promise. 0: none of these. */
static long thread_option(int name)
{
    switch (name) {
#ifdef _POSIX_THREADS
    case _SC_THREADS: return _POSIX_THREADS;
#endif
#ifdef _POSIX_THREAD_SAFE_FUNCTIONS
    case _SC_THREAD_SAFE_FUNCTIONS: return _POSIX_THREAD_SAFE_FUNCTIONS;
#endif
#ifdef _POSIX_THREAD_ATTR_STACKADDR
    case _SC_THREAD_ATTR_STACKADDR: return _POSIX_THREAD_ATTR_STACKADDR;
#endif
#ifdef _POSIX_THREAD_ATTR_STACKSIZE
    case _SC_THREAD_ATTR_STACKSIZE: return _POSIX_THREAD_ATTR_STACKSIZE;
#endif
#ifdef _POSIX_THREAD_PRIORITY_SCHEDULING
    case _SC_THREAD_PRIORITY_SCHEDULING: return _POSIX_THREAD_PRIORITY_SCHEDULING;
#endif
#ifdef _POSIX_THREAD_PRIO_INHERIT
    case _SC_THREAD_PRIO_INHERIT: return _POSIX_THREAD_PRIO_INHERIT;
#endif
#ifdef _POSIX_THREAD_PRIO_PROTECT
    case _SC_THREAD_PRIO_PROTECT: return _POSIX_THREAD_PRIO_PROTECT;
#endif
#ifdef _POSIX_THREAD_ROBUST_PRIO_INHERIT
    case _SC_THREAD_ROBUST_PRIO_INHERIT: return _POSIX_THREAD_ROBUST_PRIO_INHERIT;
#endif
#ifdef _POSIX_THREAD_ROBUST_PRIO_PROTECT
    case _SC_THREAD_ROBUST_PRIO_PROTECT: return _POSIX_THREAD_ROBUST_PRIO_PROTECT;
#endif
#ifdef _POSIX_THREAD_PROCESS_SHARED
    case _SC_THREAD_PROCESS_SHARED: return _POSIX_THREAD_PROCESS_SHARED;
#endif
#ifdef _POSIX_THREAD_CPUTIME
    case _SC_THREAD_CPUTIME: return _POSIX_THREAD_CPUTIME;
#endif
#ifdef _POSIX_BARRIERS
    case _SC_BARRIERS: return _POSIX_BARRIERS;
#endif
#ifdef _POSIX_READER_WRITER_LOCKS
    case _SC_READER_WRITER_LOCKS: return _POSIX_READER_WRITER_LOCKS;
#endif
#ifdef _POSIX_SPIN_LOCKS
    case _SC_SPIN_LOCKS: return _POSIX_SPIN_LOCKS;
#endif
    default: return 0;
    }
}

/* Of time, signals and processes. */
static long other_option(int name)
{
    switch (name) {
#ifdef _POSIX_TIMERS
    case _SC_TIMERS: return _POSIX_TIMERS;
#endif
#ifdef _POSIX_MONOTONIC_CLOCK
    case _SC_MONOTONIC_CLOCK: return _POSIX_MONOTONIC_CLOCK;
#endif
#ifdef _POSIX_CLOCK_SELECTION
    case _SC_CLOCK_SELECTION: return _POSIX_CLOCK_SELECTION;
#endif
#ifdef _POSIX_CPUTIME
    case _SC_CPUTIME: return _POSIX_CPUTIME;
#endif
#ifdef _POSIX_SEMAPHORES
    case _SC_SEMAPHORES: return _POSIX_SEMAPHORES;
#endif
#ifdef _POSIX_TIMEOUTS
    case _SC_TIMEOUTS: return _POSIX_TIMEOUTS;
#endif
#ifdef _POSIX_REALTIME_SIGNALS
    case _SC_REALTIME_SIGNALS: return _POSIX_REALTIME_SIGNALS;
#endif
#ifdef _POSIX_SPAWN
    case _SC_SPAWN: return _POSIX_SPAWN;
#endif
#ifdef _POSIX_PRIORITY_SCHEDULING
    case _SC_PRIORITY_SCHEDULING: return _POSIX_PRIORITY_SCHEDULING;
#endif
    default: return thread_option(name);
    }
}

static long option(int name)
{
    enum { EDITION = 200809 };

    switch (name) {
    case _SC_VERSION:
    case _SC_2_VERSION:
    case _SC_FSYNC:
    case _SC_MAPPED_FILES:
    case _SC_MEMLOCK:
    case _SC_MEMLOCK_RANGE:
    case _SC_MEMORY_PROTECTION:
    case _SC_SHARED_MEMORY_OBJECTS:
    case _SC_SYNCHRONIZED_IO:
    case _SC_ADVISORY_INFO: return EDITION;
    case _SC_JOB_CONTROL:
    case _SC_SAVED_IDS:
    case _SC_REGEXP:
    case _SC_SHELL:
    case _SC_V7_LP64_OFF64:
    case _SC_V7_LPBIG_OFFBIG: return 1;
    default: return other_option(name);
    }
}

/* Facts of the machine and of this system; 0: none of these. */
static long fact(int name)
{
    switch (name) {
    case _SC_PAGESIZE: return PAGE;
    case _SC_NPROCESSORS_CONF:
    case _SC_NPROCESSORS_ONLN: return (long)kernel_system_info(SYSTEM_INFO_CPUS_ONLINE);
    case _SC_PHYS_PAGES: return (long)(kernel_system_info(SYSTEM_INFO_MANAGED_MEMORY) / PAGE);
    case _SC_AVPHYS_PAGES: return (long)kernel_system_info(SYSTEM_INFO_FREE_FRAMES);
    case _SC_CLK_TCK: return CLOCKS_PER_SEC;
    case _SC_ARG_MAX: return ARG_MAX;
    case _SC_OPEN_MAX: return (long)atomic_load(&descriptors_limit);
    case _SC_STREAM_MAX: return (long)atomic_load(&descriptors_limit);
    case _SC_NGROUPS_MAX: return NGROUPS_MAX;
    case _SC_IOV_MAX: return IOV_MAX;
    case _SC_LINE_MAX: return LINE_MAX;
    case _SC_RE_DUP_MAX: return RE_DUP_MAX;
    case _SC_SYMLOOP_MAX: return 40;
    case _SC_ATEXIT_MAX: return 32;
    case _SC_TZNAME_MAX: return 10;
    case _SC_HOST_NAME_MAX: return HOST_NAME;
    case _SC_LOGIN_NAME_MAX: return LOGIN_NAME;
    case _SC_TTY_NAME_MAX: return TTY_NAME;
    case _SC_GETPW_R_SIZE_MAX:
    case _SC_GETGR_R_SIZE_MAX: return 256;
    case _SC_THREAD_STACK_MIN: return PTHREAD_STACK_MIN;
    case _SC_THREAD_THREADS_MAX: return PTHREAD_THREADS_MAX;
    case _SC_THREAD_DESTRUCTOR_ITERATIONS: return PTHREAD_DESTRUCTOR_ITERATIONS;
    case _SC_THREAD_KEYS_MAX: return PTHREAD_KEYS_MAX;
    case _SC_SEM_VALUE_MAX: return SEM_VALUE_MAX;
    case _SC_SEM_NSEMS_MAX: return SEM_NSEMS_MAX;
    case _SC_TIMER_MAX: return TIMER_MAX;
    case _SC_DELAYTIMER_MAX: return DELAYTIMER_MAX;
    case _SC_RTSIG_MAX: return SIGRTMAX - SIGRTMIN + 1;
    case _SC_BC_BASE_MAX: return BC_BASE_MAX;
    case _SC_BC_DIM_MAX: return BC_DIM_MAX;
    case _SC_BC_SCALE_MAX: return BC_SCALE_MAX;
    case _SC_BC_STRING_MAX: return BC_STRING_MAX;
    case _SC_EXPR_NEST_MAX: return EXPR_NEST_MAX;
    default: return 0;
    }
}

/* -1 with errno as it was: it is not there, or has no limit; with EINVAL: there is no such name. */
long sysconf(int name)
{
    if (name < 0 || name > _SC_POSIX_26_VERSION)
        return posix_error(EINVAL);
    const long value = fact(name);

    if (value != 0)
        return value;
    const long there = option(name);

    return there != 0 ? there : -1;
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

static long of_any_file(int name)
{
    switch (name) {
    case _PC_LINK_MAX: return LINK_MAX;
    case _PC_MAX_CANON: return MAX_CANON;
    case _PC_MAX_INPUT: return MAX_INPUT;
    case _PC_NAME_MAX: return NAME_MAX;
    case _PC_PATH_MAX: return PATH_MAX;
    case _PC_PIPE_BUF: return PIPE_BUF;
    case _PC_CHOWN_RESTRICTED:
    case _PC_NO_TRUNC:
    case _PC_SYNC_IO:
    case _PC_2_SYMLINKS:
    case _PC_TIMESTAMP_RESOLUTION: return 1;
    case _PC_VDISABLE: return 0;
    case _PC_FILESIZEBITS: return 64;
    case _PC_SYMLINK_MAX: return PATH_MAX - 1;
    case _PC_ALLOC_SIZE_MIN:
    case _PC_REC_MIN_XFER_SIZE:
    case _PC_REC_INCR_XFER_SIZE:
    case _PC_REC_XFER_ALIGN: return PAGE;
    case _PC_REC_MAX_XFER_SIZE: return 1 << 20;
    case _PC_ASYNC_IO:
    case _PC_PRIO_IO: return -1;
    default: return posix_error(EINVAL);
    }
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
