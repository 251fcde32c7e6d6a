/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What programs may ask at run time. -1 without an error: there is no limit, or the option is not there.
 */
#include <errno.h>
#include <libsys/kernel.h>
#include <limits.h>
#include <unistd.h>

enum { PAGE = 0x1000 };

struct value {
    short name;
    long value;
};

static const struct value values[] = {
    {_SC_ARG_MAX, ARG_MAX},
    {_SC_ATEXIT_MAX, LONG_MAX},
    {_SC_BARRIERS, _POSIX_BARRIERS},
    {_SC_CLK_TCK, 100},
    {_SC_CLOCK_SELECTION, _POSIX_CLOCK_SELECTION},
    {_SC_CPUTIME, _POSIX_CPUTIME},
    {_SC_DELAYTIMER_MAX, DELAYTIMER_MAX},
    {_SC_GETGR_R_SIZE_MAX, 1024},
    {_SC_GETPW_R_SIZE_MAX, 1024},
    {_SC_HOST_NAME_MAX, 64},
    {_SC_IOV_MAX, 1024},
    {_SC_JOB_CONTROL, 1},
    {_SC_LINE_MAX, 2048},
    {_SC_LOGIN_NAME_MAX, 33},
    {_SC_MAPPED_FILES, _POSIX_VERSION},
    {_SC_MEMORY_PROTECTION, _POSIX_VERSION},
    {_SC_MONOTONIC_CLOCK, _POSIX_MONOTONIC_CLOCK},
    {_SC_NGROUPS_MAX, 0},
    {_SC_OPEN_MAX, OPEN_MAX},
    {_SC_PAGESIZE, PAGE},
    {_SC_PRIORITY_SCHEDULING, _POSIX_PRIORITY_SCHEDULING},
    {_SC_READER_WRITER_LOCKS, _POSIX_READER_WRITER_LOCKS},
    {_SC_REALTIME_SIGNALS, _POSIX_REALTIME_SIGNALS},
    {_SC_REGEXP, 1},
    {_SC_SAVED_IDS, 1},
    {_SC_SEMAPHORES, _POSIX_SEMAPHORES},
    {_SC_SEM_NSEMS_MAX, SEM_NSEMS_MAX},
    {_SC_SEM_VALUE_MAX, SEM_VALUE_MAX},
    {_SC_SHELL, 1},
    {_SC_SPAWN, _POSIX_VERSION},
    {_SC_SPIN_LOCKS, _POSIX_SPIN_LOCKS},
    {_SC_SYMLOOP_MAX, 40},
    {_SC_THREADS, _POSIX_THREADS},
    {_SC_THREAD_ATTR_STACKADDR, _POSIX_THREAD_ATTR_STACKADDR},
    {_SC_THREAD_ATTR_STACKSIZE, _POSIX_THREAD_ATTR_STACKSIZE},
    {_SC_THREAD_CPUTIME, _POSIX_THREAD_CPUTIME},
    {_SC_THREAD_DESTRUCTOR_ITERATIONS, PTHREAD_DESTRUCTOR_ITERATIONS},
    {_SC_THREAD_KEYS_MAX, PTHREAD_KEYS_MAX},
    {_SC_THREAD_PRIORITY_SCHEDULING, _POSIX_THREAD_PRIORITY_SCHEDULING},
    {_SC_THREAD_PRIO_INHERIT, _POSIX_THREAD_PRIO_INHERIT},
    {_SC_THREAD_PRIO_PROTECT, _POSIX_THREAD_PRIO_PROTECT},
    {_SC_THREAD_ROBUST_PRIO_INHERIT, _POSIX_THREAD_ROBUST_PRIO_INHERIT},
    {_SC_THREAD_ROBUST_PRIO_PROTECT, _POSIX_THREAD_ROBUST_PRIO_PROTECT},
    {_SC_THREAD_SAFE_FUNCTIONS, _POSIX_THREAD_SAFE_FUNCTIONS},
    {_SC_THREAD_STACK_MIN, PTHREAD_STACK_MIN},
    {_SC_THREAD_THREADS_MAX, PTHREAD_THREADS_MAX},
    {_SC_TIMEOUTS, _POSIX_TIMEOUTS},
    {_SC_TIMERS, _POSIX_TIMERS},
    {_SC_TIMER_MAX, TIMER_MAX},
    {_SC_TTY_NAME_MAX, 32},
    {_SC_TZNAME_MAX, 16},
    {_SC_VERSION, _POSIX_VERSION},
};

long sysconf(int name)
{
    switch (name) {
    case _SC_NPROCESSORS_CONF:
    case _SC_NPROCESSORS_ONLN: return (long)kernel_system_info(SYSTEM_INFO_CPUS_ONLINE);
    case _SC_PHYS_PAGES: return (long)(kernel_system_info(SYSTEM_INFO_MANAGED_MEMORY) / PAGE);
    case _SC_AVPHYS_PAGES: return (long)kernel_system_info(SYSTEM_INFO_FREE_FRAMES);
    default: break;
    }
    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (values[i].name == name)
            return values[i].value;
    if (name < 0 || name > _SC_LEVEL4_CACHE_LINESIZE)
        errno = EINVAL;
    return -1;
}

int getpagesize(void)
{
    return PAGE;
}
