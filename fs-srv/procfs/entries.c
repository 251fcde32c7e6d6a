/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of folders. Positions: first what is always there, in order; then numbers, by which a list goes on though others have ended.
 */
#include "procfs.h"
#include <stdio.h>
#include <stdlib.h>
#include <wharf/if/processes.h>

enum { NUMBERS = 256 /* positions of numbers begin here */ };

struct listing {
    struct file_entries *entries;
    const struct proc_node *folder;
    uint64_t position; /* of the next */
};

/* False: there is no room, or it has been told before. */
static bool tell(struct listing *list, enum place place, const struct proc_file *file,
                 const char *name, uint32_t kind, uint64_t at)
{
    struct proc_node node = *list->folder;

    if (at < list->position)
        return true;
    node.place = place;
    node.file = file;
    return file_entries_add(list->entries, nodes_inode(&node), kind, name, at + 1);
}

/* What is always there. False: there is no room for more. */
static bool tell_fixed(struct listing *list)
{
    uint64_t at = 0;
    bool ok = true;

    if (list->folder->place == PLACE_ROOT)
        ok = tell(list, PLACE_SELF, NULL, "self", FILE_KIND_LINK, at++);
    if (list->folder->place == PLACE_PROCESS)
        ok = tell(list, PLACE_TASKS, NULL, "task", FILE_KIND_FOLDER, at++);
    for (const struct proc_file *f = nodes_files(list->folder->place); ok && f && f->name; f++)
        ok = tell(list, PLACE_FILE, f, f->name, FILE_KIND_REGULAR, at++);
    return ok;
}

static bool tell_number(struct listing *list, uint32_t number)
{
    struct proc_node node = *list->folder;
    char name[12];

    if (node.place == PLACE_ROOT) {
        node.place = PLACE_PROCESS;
        node.pid = (int32_t)number;
    } else {
        node.place = PLACE_THREAD;
        node.thread = number;
    }
    snprintf(name, sizeof(name), "%u", (unsigned)number);
    return file_entries_add(list->entries, nodes_inode(&node), FILE_KIND_FOLDER, name,
                            (uint64_t)NUMBERS + number + 1);
}

/* `after`: numbers up to here have been told. */
static void tell_processes(struct listing *list, int32_t after)
{
    int32_t pids[PROCESSES_PIDS_MAX];
    uint32_t count = PROCESSES_PIDS_MAX;

    while (count == PROCESSES_PIDS_MAX) {
        if (processes_list(procfs_processes, after, pids, &count) != KERN_SUCCESS)
            return;
        for (uint32_t i = 0; i < count; i++) {
            if (pids[i] <= after || !tell_number(list, (uint32_t)pids[i]))
                return;
            after = pids[i];
        }
    }
}

static int compare(const void *a, const void *b)
{
    const struct thread_info *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}

static void tell_threads(struct listing *list, uint32_t after)
{
    struct subject subject;
    const kern_return_t kr = subject_begin(list->folder, &subject);

    if (kr == KERN_SUCCESS)
        qsort(subject.infos, subject.count, sizeof(subject.infos[0]), compare);
    for (unsigned i = 0; kr == KERN_SUCCESS && i < subject.count; i++)
        if (subject.infos[i].id > after && !tell_number(list, subject.infos[i].id))
            break;
    subject_end(&subject);
}

void procfs_entries(struct file_node *folder, uint64_t position, struct file_entries *entries)
{
    struct listing list = {.entries = entries,
                           .folder = proc_node_of(folder),
                           .position = position};
    struct processes_info info;
    uint64_t after = position > NUMBERS ? position - NUMBERS - 1 : 0;

    if (after > INT32_MAX)
        return;
    if (list.folder->pid != 0 && subject_look_up(list.folder, &info) != KERN_SUCCESS)
        return;
    if (position < NUMBERS && !tell_fixed(&list))
        return;
    if (list.folder->place == PLACE_ROOT)
        tell_processes(&list, (int32_t)after);
    if (list.folder->place == PLACE_TASKS)
        tell_threads(&list, (uint32_t)after);
}
