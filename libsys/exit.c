/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a program: what atexit() registered, the last first; destructors; buffered output.
 *
 * newlib's part is named weakly: a program that has registered nothing, or does not use streams, is
 * not linked with what would look after them.
 */
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/sync.h>
#include <stdlib.h>
#include <sys/reent.h>
#include <wharf/if/process.h>

/* newlib's, each there if something is linked that needs it. */
[[gnu::weak]] extern void __call_exitprocs(int status, void *object);
[[gnu::weak]] extern __typeof__(__stdio_exit_handler) __stdio_exit_handler;

/* Of processes: libsys/posix/process.c. */
[[gnu::weak]] extern void process_leave(int status);

/* By the linker script. */
typedef void finisher_t(void);
extern finisher_t *const program_fini[];
extern finisher_t *const program_fini_end[];

[[gnu::noreturn]] void _exit(int status);

void exit(int status)
{
    /* Held to the end: a second thread waits here until the first has ended the task. One that
     * calls exit() again from a function called here goes on with what is left. */
    static struct recursive_mutex ending;
    static finisher_t *const *next = program_fini_end;

    recursive_mutex_lock(&ending);
    if (__call_exitprocs != NULL)
        __call_exitprocs(status, NULL);
    while (next > program_fini)
        (*--next)();
    if (&__stdio_exit_handler != NULL && __stdio_exit_handler != NULL)
        __stdio_exit_handler();
    _exit(status);
}

void _exit(int status)
{
    if (process_leave != NULL)
        process_leave(status);
    else if (program_start_info->process !=
             MSG_NULL) /* it knows nothing of processes, but is one */
        (void)process_exit(program_start_info->process, status);
    kernel_task_exit(status);
}
