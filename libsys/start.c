/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the kernel's start block to main().
 */
#include <libsys/program.h>
#include <libsys/string.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <user/machine.h>

const struct start_info *program_start_info;
uint64_t program_first_counter;

static struct thread first_thread;
static char words[1024];                           /* arguments, cut into words by NULs */
static char *arguments[PROGRAM_ARGUMENTS_MAX + 1]; /* ended by NULL */

/** Cut the argument line at its blanks. What does not fit is left off. */
static int split_arguments(const struct start_info *info)
{
    size_t n = strlen(info->arguments);
    int count = 1;

    arguments[0] = (char *)(uintptr_t)info->name;
    if (n > sizeof(words) - 1)
        n = sizeof(words) - 1;
    memcpy(words, info->arguments, n);
    for (size_t i = 0; i < n; i++) {
        if (words[i] == ' ')
            words[i] = '\0';
        else if ((i == 0 || words[i - 1] == '\0') && count < PROGRAM_ARGUMENTS_MAX)
            arguments[count++] = &words[i];
    }
    return count;
}

void program_exit(int status)
{
    sys_task_exit((uint64_t)status);
}

void program_start(const struct start_info *info, uint64_t counter)
{
    if (info == NULL || info->magic != START_MAGIC || info->size < sizeof(*info))
        sys_task_exit(127);
    program_start_info = info;
    program_first_counter = counter;
    first_thread.self = &first_thread;
    first_thread.alive = 1;
    first_thread.id = sys_thread_self();
    machine_set_thread_pointer(&first_thread);
    program_exit(main(split_arguments(info), arguments));
}
