/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exec family: the program is made in a new task, which the process server puts in this one's place.
 */
#include "../newlib/calls.h"
#include "errors.h"
#include "file_locks.h"
#include "image.h"
#include "process.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wharf/if/process.h>

extern char **environ;
extern __typeof__(signals_export) signals_export [[gnu::weak]];

enum { WORDS = 256, PATH = 1024 };

/* What it is called is known when its task is. */
struct name {
    char text[TASK_NAME_ROOM];
};

static int announce(const struct image_request *request, mach_port_name_t task, const char *name,
                    uint32_t *port)
{
    struct name *to = request->context;
    image_cut_name(to->text, name);
    return posix_errno(process_prepare_exec(process_port(), task, port));
}

static int replace(mach_port_name_t port, struct image *image, const char *name, uint64_t blocked)
{
    int error = image_make_thread(image);
    if (error != 0)
        return error;
    const mach_port_name_t locks =
        file_locks_give != NULL ? file_locks_give(image->task) : MSG_NULL;
    if (locks != MSG_NULL)
        error = image_name_locks(image, locks);
    if (error == 0) {
        const kern_return_t kr = process_exec(port, image->task, image->thread, name, blocked);
        if (kr == KERN_SUCCESS)
            for (;;)
                (void)kernel_sleep_until(UINT64_MAX); /* it ends here */
        error = posix_errno(kr);
    }
    if (locks != MSG_NULL)
        file_locks_take_back(image->task, locks);
    return error;
}

static int execute(struct image_request request)
{
    struct name name = {""};
    request.announce = announce;
    request.context = &name;
    struct image image;
    const mach_port_name_t port = process_port();
    if (port == MSG_NULL)
        return -1;
    if (signals_export != NULL)
        signals_export(&request.ignored, &request.blocked);
    int error = image_make(&request, &image);
    if (error == 0) {
        error = replace(port, &image, name.text, request.blocked);
        image_drop(&image);
    }
    return call_fails(error);
}

int _execve(const char *path, char *const *argv, char *const *envp)
{
    return execute((struct image_request){.path = path, .argv = argv, .envp = envp});
}

/* There is no path to it: its task is called as its first argument is. */
int fexecve(int number, char *const *argv, char *const *envp)
{
    return execute((struct image_request){
        .path = argv[0] != NULL ? argv[0] : "",
        .descriptor = &number,
        .argv = argv,
        .envp = envp,
    });
}

int execve(const char *path, char *const *argv, char *const *envp)
{
    return _execve(path, argv, envp);
}

int execv(const char *path, char *const *argv)
{
    return execve(path, argv, environ);
}

/* Without a slash: the folders of PATH. What is no program is a script for the shell. */
int execvpe(const char *file, char *const *argv, char *const *envp)
{
    const char *at = getenv("PATH");
    char path[PATH];
    int error = ENOENT;
    if (strchr(file, '/') != NULL)
        return execve(file, argv, envp);
    if (file[0] == '\0')
        return call_fails(ENOENT);
    for (at = at != NULL ? at : "/bin:/"; at != NULL; at = *at == ':' ? at + 1 : NULL) {
        const size_t n = strcspn(at, ":"), length = strlen(file);
        if (n + length + 2 <= sizeof(path)) {
            memcpy(path, at, n);
            path[n] = '/';
            memcpy(path + n + (n != 0), file, length + 1);
            (void)execve(path, argv, envp);
            if (errno == EACCES)
                error = EACCES;
            else if (errno != ENOENT && errno != ENOTDIR)
                return -1;
        }
        at += n;
    }
    return call_fails(error);
}

int execvp(const char *file, char *const *argv)
{
    return execvpe(file, argv, environ);
}

/* ---- arguments one by one ---- */

static bool gather(char *words[WORDS], const char *first, va_list *list)
{
    size_t n = 0;
    words[n++] = (char *)(uintptr_t)first;
    while (words[n - 1] != NULL) {
        if (n == WORDS)
            return false;
        words[n++] = va_arg(*list, char *);
    }
    return true;
}

int execl(const char *path, const char *first, ...)
{
    char *words[WORDS];
    va_list list;
    va_start(list, first);
    const bool all = gather(words, first, &list);
    va_end(list);
    return all ? execv(path, words) : call_fails(E2BIG);
}

int execlp(const char *file, const char *first, ...)
{
    char *words[WORDS];
    va_list list;
    va_start(list, first);
    const bool all = gather(words, first, &list);
    va_end(list);
    return all ? execvp(file, words) : call_fails(E2BIG);
}

int execle(const char *path, const char *first, ...)
{
    char *words[WORDS];
    va_list list;
    va_start(list, first);
    const bool all = gather(words, first, &list);
    char **envp = va_arg(list, char **);
    va_end(list);
    return all ? execve(path, words, envp) : call_fails(E2BIG);
}
