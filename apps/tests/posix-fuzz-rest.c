/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many kernel objects there are when all that was begun is done, on a busy host too: a part of posix-fuzz-process.
 */
#include "others.h"
#include "posix-fuzz-process.h"
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* When nothing has changed for a while, and nobody has anything left to do. The process server has one timer for all alarms, which holds a right while it is armed: for the
 * earliest, were it that of a process that has ended since. With an alarm of ours it is always armed. The memory of a file that went while a process that ran it was still ending is
 * given back by whoever asks how much room there is (fs-srv/memfs/limbo.c). */
uint64_t settled_objects(void)
{
    enum { PATIENCE = 2000, STILL = 30, NEVER = 100000, MILLISECOND = 1000000 };
    struct statvfs room;
    uint64_t now = 0;

    (void)alarm(NEVER);
    for (unsigned i = 0, still = 0; i < PATIENCE && still < STILL; i++) {
        (void)kernel_sleep_until(kernel_clock_now() + MILLISECOND);
        CHECK_EQUAL(statvfs("/tmp", &room), 0);
        let_others_run();
        const uint64_t count = kernel_system_info(SYSTEM_INFO_KERNEL_OBJECTS);
        still = count == now ? still + 1 : 0;
        now = count;
    }
    return now;
}
