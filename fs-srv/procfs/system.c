/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of the system but those of memory (memory.c) and mounts (mounts.c). What Linux tells and Wharf does not know is left out, or 0 where a line has a fixed number of words.
 */
#include "procfs.h"
#include <inttypes.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <string.h>
#include <sys/utsname.h>
#include <wharf/if/clock.h>
#include <wharf/if/host.h>

enum { HUNDREDTH = 10000000 /* nanoseconds */, PER_SECOND = 100 };

/* ---- time and processors ---- */

static void add_time(struct text *text, uint64_t nanoseconds, char after)
{
    const uint64_t hundredths = nanoseconds / HUNDREDTH;

    text_add(text, "%" PRIu64 ".%02u%c", hundredths / PER_SECOND,
             (unsigned)(hundredths % PER_SECOND), after);
}

/* Of all CPUs together. */
static uint64_t idle_time(void)
{
    struct host_cpu_statistics cpu;
    uint64_t sum = 0;

    for (unsigned i = 0; i < CPUS_MAX; i++)
        sum += load_cpu(i, &cpu) ? cpu.idle : 0;
    return sum;
}

static kern_return_t fill_uptime(struct text *text, const struct subject *subject)
{
    (void)subject;
    const uint64_t idle = idle_time(); /* first: no CPU has been idle for longer than it is up */

    add_time(text, kernel_clock_now(), ' ');
    add_time(text, idle, '\n');
    return KERN_SUCCESS;
}

static kern_return_t fill_loadavg(struct text *text, const struct subject *subject)
{
    unsigned load[3];

    (void)subject;
    load_read(load);
    for (unsigned i = 0; i < 3; i++)
        text_add(text, "%u.%02u%c", load[i] / 100, load[i] % 100, i < 2 ? ' ' : '\n');
    return KERN_SUCCESS;
}

/* user nice system idle iowait irq softirq steal guest guest_nice: what is not idle is user. */
static void add_cpu(struct text *text, const char *name, uint64_t all, uint64_t idle)
{
    const uint64_t busy = all > idle ? all - idle : 0;

    text_add(text, "%s %" PRIu64 " 0 0 %" PRIu64 " 0 0 0 0 0 0\n", name, busy / HUNDREDTH,
             idle / HUNDREDTH);
}

static kern_return_t fill_stat(struct text *text, const struct subject *subject)
{
    struct host_cpu_statistics cpu[CPUS_MAX];
    bool there[CPUS_MAX];
    uint64_t idle = 0, wall, runnable = 0, cpus = 0;
    const uint64_t now = kernel_clock_now();
    char name[8] = "cpuN";

    (void)subject;
    for (unsigned i = 0; i < CPUS_MAX; i++) {
        there[i] = load_cpu(i, &cpu[i]);
        if (!there[i])
            continue;
        cpus++;
        idle += cpu[i].idle;
        runnable += cpu[i].runnable;
    }
    add_cpu(text, "cpu ", now * cpus, idle);
    for (unsigned i = 0; i < CPUS_MAX; i++) {
        name[3] = (char)('0' + i);
        if (there[i])
            add_cpu(text, name, now, cpu[i].idle);
    }
    if (clock_wall(program_start_info->clock, &wall) == KERN_SUCCESS)
        text_add(text, "btime %" PRIu64 "\n", (wall - now) / UINT64_C(1000000000));
    text_add(text, "procs_running %" PRIu64 "\n", runnable);
    return KERN_SUCCESS;
}

/* Behind "Wharf on ". */
static const char *processor_name(const char *version)
{
    static const char before[] = "Wharf on ";

    return strncmp(version, before, sizeof(before) - 1) == 0 ? version + sizeof(before) - 1
                                                             : version;
}

static kern_return_t fill_cpuinfo(struct text *text, const struct subject *subject)
{
    struct host_cpu_statistics cpu;
    char version[64];

    (void)subject;
    if (host_version(program_start_info->host, version) != KERN_SUCCESS)
        return unix_error(EIO);
    for (unsigned i = 0; i < CPUS_MAX; i++)
        if (load_cpu(i, &cpu))
            text_add(text, "processor\t: %u\nmodel name\t: %s\n\n", i, processor_name(version));
    return KERN_SUCCESS;
}

static kern_return_t fill_version(struct text *text, const struct subject *subject)
{
    struct utsname names;
    char version[64];

    (void)subject;
    if (uname(&names) != 0 || host_version(program_start_info->host, version) != KERN_SUCCESS)
        return unix_error(EIO);
    text_add(text, "%s version %s (%s)\n", names.sysname, names.release, processor_name(version));
    return KERN_SUCCESS;
}

/* ---- files ---- */

static kern_return_t fill_filesystems(struct text *text, const struct subject *subject)
{
    (void)subject;
    text_add(text, "nodev\ttmpfs\nnodev\tproc\n");
    return KERN_SUCCESS;
}

const struct proc_file system_files[] = {
    {"cpuinfo", fill_cpuinfo},
    {"filesystems", fill_filesystems},
    {"loadavg", fill_loadavg},
    {"meminfo", fill_meminfo},
    {"mounts", fill_mounts},
    {"stat", fill_stat},
    {"swaps", fill_swaps},
    {"uptime", fill_uptime},
    {"version", fill_version},
    {"vmstat", fill_vmstat},
    {NULL, NULL},
};
