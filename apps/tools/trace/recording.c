/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See recording.h.
 */
#include "recording.h"
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 1024 };

void recording_init(struct recording *recording)
{
    *recording = (struct recording){
        .tasks = {.size = sizeof(struct task_row)},
        .threads = {.size = sizeof(struct thread_row)},
    };
}

void recording_free(struct recording *recording)
{
    for (unsigned i = 0; i < RECORDING_CPUS; i++)
        free(recording->cpu[i].events);
    table_free(&recording->tasks);
    table_free(&recording->threads);
    recording_init(recording);
}

bool recording_add(struct recording *recording, unsigned cpu, const struct host_debug_event *events,
                   size_t count)
{
    size_t room = recording->cpu[cpu].room ? recording->cpu[cpu].room : FIRST_ROOM;

    while (room < recording->cpu[cpu].count + count)
        room += room / 2;
    if (room != recording->cpu[cpu].room) {
        struct host_debug_event *larger =
            realloc(recording->cpu[cpu].events, room * sizeof *larger);
        if (!larger)
            return false;
        recording->cpu[cpu].events = larger;
        recording->cpu[cpu].room = room;
    }
    if (count > 0)
        memcpy(recording->cpu[cpu].events + recording->cpu[cpu].count, events,
               count * sizeof *events);
    recording->cpu[cpu].count += count;
    return true;
}

static void copy_name(char *to, size_t room, const char *name, size_t size)
{
    size_t n = 0;

    for (; n < room - 1 && n < size && name[n] != '\0'; n++)
        to[n] = name[n];
    memset(to + n, 0, room - n);
}

bool recording_name_task(struct recording *recording, uint32_t id, const char *name, size_t size)
{
    struct task_row *row = table_have(&recording->tasks, id);

    if (row)
        copy_name(row->name, sizeof row->name, name, size);
    return row != NULL;
}

bool recording_name_thread(struct recording *recording, uint32_t id, uint32_t task,
                           const char *name, size_t size)
{
    struct thread_row *row = table_have(&recording->threads, id);

    if (row) {
        row->task = task;
        copy_name(row->name, sizeof row->name, name, size);
    }
    return row != NULL;
}

size_t recording_count(const struct recording *recording)
{
    size_t count = 0;

    for (unsigned i = 0; i < RECORDING_CPUS; i++)
        count += recording->cpu[i].count;
    return count;
}

uint64_t recording_lost(const struct recording *recording)
{
    uint64_t lost = 0;

    for (unsigned i = 0; i < RECORDING_CPUS; i++)
        lost += recording->cpu[i].lost;
    return lost;
}
