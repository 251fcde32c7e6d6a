/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests of file.control at descriptors; see control.h.
 */
#include "control.h"
#include "again.h"
#include "descriptors.h"
#include "errors.h"
#include "waits.h"
#include <signal.h>
#include <string.h>
#include <wharf/if/file.h>
#include <wharf/terminal.h>

mach_port_name_t control_port(int file)
{
    return descriptor_port(file, ENOTTY);
}

static kern_return_t ask(mach_port_name_t port, uint32_t request, const void *input, size_t size,
                         uint8_t answer[FILE_CONTROL_MAX], uint32_t *got)
{
    return AGAIN(file_control(port, request, input, (uint32_t)size, answer, got));
}

/* Files that have no such requests say so in several ways. */
static int failed(kern_return_t kr)
{
    const int error = posix_errno(kr);

    return posix_error(error == ENOSYS || error == ENOTSUP ? ENOTTY : error);
}

int control_get(int file, uint32_t request, void *answer, size_t size)
{
    const mach_port_name_t port = control_port(file);
    uint8_t bytes[FILE_CONTROL_MAX];
    uint32_t got;

    if (port == MSG_NULL)
        return -1;
    const kern_return_t kr = ask(port, request, NULL, 0, bytes, &got);

    if (kr != KERN_SUCCESS)
        return failed(kr);
    if (got != size)
        return posix_error(EIO);
    memcpy(answer, bytes, size);
    return 0;
}

int control_text(int file, uint32_t request, char *answer, size_t size)
{
    const mach_port_name_t port = control_port(file);
    uint8_t bytes[FILE_CONTROL_MAX];
    uint32_t got;

    if (port == MSG_NULL)
        return -1;
    const kern_return_t kr = ask(port, request, NULL, 0, bytes, &got);

    if (kr != KERN_SUCCESS)
        return failed(kr);
    if (got == 0 || got > size || bytes[got - 1] != '\0')
        return posix_error(EIO);
    memcpy(answer, bytes, got);
    return 0;
}

int control_change(int file, uint32_t request, const void *input, size_t size, uint32_t *group)
{
    const mach_port_name_t port = control_port(file);
    uint8_t bytes[FILE_CONTROL_MAX];
    uint32_t got;

    if (port == MSG_NULL)
        return -1;
    if (group != NULL)
        *group = wait_own_group();
    for (;;) {
        const kern_return_t kr = ask(port, request, input, size, bytes, &got);

        if (kr == KERN_SUCCESS)
            return 0;
        if ((uint32_t)kr != TERMINAL_BACKGROUND)
            return failed(kr);
        if (group != NULL && *group != TERMINAL_ANY_GROUP && wait_may_disturb()) {
            *group = TERMINAL_ANY_GROUP;
            continue;
        }
        const int error = wait_in_background(SIGTTOU);

        if (error != 0)
            return posix_error(error);
        if (group != NULL)
            *group = wait_own_group();
    }
}
