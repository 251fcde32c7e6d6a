/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For busybox only: what free and uptime ask of Linux's kernel by a call, out of /proc.
 */
#pragma once

#include <stdio.h>
#include <string.h>

struct sysinfo {
    long uptime;
    unsigned long loads[3]; /* parts of 2^16 */
    unsigned long totalram, freeram, sharedram, bufferram, totalswap, freeswap;
    unsigned short procs;
    unsigned long totalhigh, freehigh;
    unsigned int mem_unit;
};

__attribute__((unused)) static unsigned long sysinfo_kilobytes(const char *line, const char *key)
{
    unsigned long value = 0;

    return strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), "%lu", &value) == 1
               ? value
               : 0;
}

__attribute__((unused)) static int sysinfo(struct sysinfo *info)
{
    char line[128];
    double loads[3] = {0, 0, 0};
    FILE *file = fopen("/proc/meminfo", "r");

    memset(info, 0, sizeof(*info));
    info->mem_unit = 1024;
    if (!file)
        return -1;
    while (fgets(line, sizeof(line), file)) {
        info->totalram += sysinfo_kilobytes(line, "MemTotal:");
        info->freeram += sysinfo_kilobytes(line, "MemFree:");
        info->totalswap += sysinfo_kilobytes(line, "SwapTotal:");
        info->freeswap += sysinfo_kilobytes(line, "SwapFree:");
    }
    fclose(file);
    if ((file = fopen("/proc/uptime", "r")) != NULL) {
        if (fscanf(file, "%ld", &info->uptime) != 1)
            info->uptime = 0;
        fclose(file);
    }
    if ((file = fopen("/proc/loadavg", "r")) != NULL) {
        if (fscanf(file, "%lf %lf %lf", &loads[0], &loads[1], &loads[2]) == 3)
            for (int i = 0; i < 3; i++)
                info->loads[i] = (unsigned long)(loads[i] * 65536);
        fclose(file);
    }
    return 0;
}
