/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows that what programs stand on works: memory, time, floating point under preemption, and futexes, on
 * every CPU.
 */
#include "self-check.h"
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/trap.h>

unsigned cpus_online(void)
{
    uint64_t n = kernel_system_info(SYSTEM_INFO_CPUS_ONLINE);

    return n < 1 ? 1 : n > SELF_CHECK_CPUS ? SELF_CHECK_CPUS : (unsigned)n;
}

static unsigned long mebibytes(uint64_t bytes)
{
    return bytes >> 20;
}

int main(int argc, char **argv)
{
    uint64_t managed = kernel_system_info(SYSTEM_INFO_MANAGED_MEMORY);
    uint64_t free_frames = kernel_system_info(SYSTEM_INFO_FREE_FRAMES);
    uint64_t page = kernel_system_info(SYSTEM_INFO_PAGE_SIZE);

    print("self-check: hello from user level, thread %ld\n", (long)kernel_thread_id());
    for (int i = 1; i < argc; i++)
        print("self-check: argument %s\n", argv[i]);
    print("self-check: %u CPUs, %lu MiB of memory, %lu MiB free\n", cpus_online(),
          mebibytes(managed), mebibytes(free_frames * page));

    check_memory();
    check_time();
    check_floating_point();
    check_hand_off();
    return check_end("self-check");
}
