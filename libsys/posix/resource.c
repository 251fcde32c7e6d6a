/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits and use of resources. The only limit that is the process's own is that of its descriptors; what memory and processes it may have is in the ledgers of its task, whose maker set them, and
 * shows here as no limit. The stack of the first thread has its size from the start.
 */
#include "clock_impl.h"
#include "descriptors.h"
#include "errors.h"
#include <libsys/program.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <wharf/if/vm.h>

enum { PAGE = 0x1000, KIB = 1024, NANOSECONDS = 1000000000 };

int getrlimit(int resource, struct rlimit *limit)
{
    if (resource < 0 || resource >= RLIM_NLIMITS)
        return posix_error(EINVAL);
    limit->rlim_cur = limit->rlim_max = RLIM_INFINITY;
    if (resource == RLIMIT_NOFILE) {
        limit->rlim_cur = atomic_load(&descriptors_limit);
        limit->rlim_max = DESCRIPTORS_MAX;
    } else if (resource == RLIMIT_STACK) {
        limit->rlim_cur = limit->rlim_max = START_STACK_SIZE;
    } else if (resource == RLIMIT_CORE || resource == RLIMIT_MEMLOCK) {
        limit->rlim_cur = limit->rlim_max = 0;
    }
    return 0;
}

/* What cannot be set may be set to what it is. */
int setrlimit(int resource, const struct rlimit *limit)
{
    struct rlimit now = {0, 0};

    if (getrlimit(resource, &now) != 0)
        return -1;
    if (limit->rlim_cur > limit->rlim_max)
        return posix_error(EINVAL);
    if (limit->rlim_max > now.rlim_max)
        return posix_error(EPERM);
    if (resource == RLIMIT_NOFILE) {
        atomic_store(&descriptors_limit, (uint32_t)limit->rlim_cur);
        return 0;
    }
    return limit->rlim_cur == now.rlim_cur ? 0 : posix_error(EPERM);
}

/* There in programs that are processes: what ended children used. */
[[gnu::weak]] int process_children_usage(struct rusage *usage);

int getrusage(int who, struct rusage *usage)
{
    struct vm_usage memory;

    memset(usage, 0, sizeof(*usage));
    if (who == RUSAGE_CHILDREN)
        return process_children_usage == NULL ? 0 : process_children_usage(usage);
    if (who != RUSAGE_SELF)
        return posix_error(EINVAL);
    const kern_return_t kr = vm_usage(program_start_info->task, &memory);

    if (kr != KERN_SUCCESS)
        return posix_fails(kr);
    uint64_t time;

    /* What the kernel did for it is in there: it is not told apart. */
    if (cpu_clock_now(CLOCK_PROCESS_CPUTIME_ID, &time) == 0)
        usage->ru_utime = (struct timeval){(time_t)(time / NANOSECONDS),
                                           (suseconds_t)(time % NANOSECONDS / 1000)};
    usage->ru_maxrss = (long)(memory.paid_peak * (PAGE / KIB));
    return 0;
}
