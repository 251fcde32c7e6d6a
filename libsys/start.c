/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the kernel's start block to main().
 */
#include "posix/process.h"
#include "tls.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <libsys/trap.h>
#include <stdlib.h>
#include <string.h>
#include <user/machine.h>

enum { STATUS_NO_START = 127 }; /* there is nothing to start from */

const struct start_info *program_start_info;
uint64_t program_first_counter;

static char words[1024];                           /* arguments, cut into words by NULs */
static char *arguments[PROGRAM_ARGUMENTS_MAX + 1]; /* ended by NULL */

/* By the linker script. */
typedef void constructor_t(void);
extern constructor_t *const program_init[];
extern constructor_t *const program_init_end[];

/* The program's; it may take fewer arguments. */
int main(int argc, char **argv, char **envp);

/* Of programs that processes start; each there if something is linked that needs it. */
[[gnu::weak]] extern char **environ;
[[gnu::weak]] extern __typeof__(descriptors_import) descriptors_import;
[[gnu::weak]] extern __typeof__(place_import) place_import;
[[gnu::weak]] extern __typeof__(signals_import) signals_import;

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

/* What a process gave: arguments, environment, descriptors, directories, signals. */
[[gnu::noreturn]] static void run_process(const struct start_info *info,
                                          const struct start_process *posix)
{
    if (&environ != NULL)
        environ = posix->envp;
    if (place_import != NULL)
        place_import(info->root, info->cwd, posix->umask);
    if (descriptors_import != NULL)
        descriptors_import(posix->descriptors, posix->descriptor_count);
    if (signals_import != NULL && (posix->ignored | posix->blocked) != 0)
        signals_import(posix->ignored, posix->blocked);
    exit(main(posix->argc, posix->argv, posix->envp));
}

void program_start(const struct start_info *info, uint64_t number, uint64_t counter)
{
    if (info == NULL || info->magic != START_MAGIC || info->size < sizeof(*info))
        kernel_task_exit(STATUS_NO_START);
    if (info->thread == MSG_NULL) /* its maker had no use for a right to it */
        ((struct start_info *)(uintptr_t)info)->thread = (uint32_t)sys_thread_self();
    program_start_info = info;
    program_first_counter = counter;
    tls_make(tls_first_block());
    machine_set_thread_pointer(tls_first_block());
    thread_current()->id = (int64_t)number;
    for (constructor_t *const *next = program_init; next < program_init_end; next++)
        (*next)();
    if (info->posix != NULL)
        run_process(info, info->posix);
    exit(main(split_arguments(info), arguments, &arguments[PROGRAM_ARGUMENTS_MAX]));
}
