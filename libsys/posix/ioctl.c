/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ioctl(): old names for what terminals and descriptors can do, and the size of a terminal's window.
 */
#include "control.h"
#include "descriptors.h"
#include "errors.h"
#include "waits.h"
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <wharf/terminal.h>

static int size_request(int file, unsigned long request, struct winsize *size)
{
    struct terminal_size now;

    if (request == TIOCSWINSZ) {
        now = (struct terminal_size){size->ws_row, size->ws_col, size->ws_xpixel, size->ws_ypixel};
        return control_change(file, TERMINAL_SET_SIZE, &now, sizeof(now), NULL);
    }
    if (control_get(file, TERMINAL_GET_SIZE, &now, sizeof(now)) != 0)
        return -1;
    *size = (struct winsize){now.rows, now.columns, now.width, now.height};
    return 0;
}

static int group_request(int file, unsigned long request, pid_t *value)
{
    if (request == TIOCSPGRP)
        return tcsetpgrp(file, *value);
    const pid_t result = request == TIOCGPGRP ? tcgetpgrp(file) : tcgetsid(file);

    if (result < 0)
        return -1;
    *value = result;
    return 0;
}

/* There in programs that are processes. */
extern __typeof__(getsid) getsid [[gnu::weak]];

static int session_request(int file, uint32_t request)
{
    struct terminal_group group = {0, getsid == NULL ? 0 : (uint32_t)getsid(0)};

    group.group = wait_own_group();
    return control_change(file, request, &group, sizeof(group), NULL);
}

/* Of a file with a size: what is left of it. */
static int readable(int file, int *count)
{
    struct stat status;
    uint32_t bytes;

    if (control_get(file, TERMINAL_QUEUED_INPUT, &bytes, sizeof(bytes)) == 0) {
        *count = (int)bytes;
        return 0;
    }
    if (errno != ENOTTY || fstat(file, &status) != 0 || !S_ISREG(status.st_mode))
        return -1;
    const off_t at = lseek(file, 0, SEEK_CUR);

    if (at < 0)
        return -1;
    *count = at >= status.st_size              ? 0
             : status.st_size - at > INT32_MAX ? INT32_MAX
                                               : (int)(status.st_size - at);
    return 0;
}

static int set_blocking(int file, bool blocking)
{
    const int flags = fcntl(file, F_GETFL);

    return flags < 0 ? flags
                     : fcntl(file, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

static int queued_output(int file, int *count)
{
    uint32_t bytes;

    if (control_get(file, TERMINAL_QUEUED_OUTPUT, &bytes, sizeof(bytes)) != 0)
        return -1;
    *count = (int)bytes;
    return 0;
}

int ioctl(int file, unsigned long request, ...)
{
    va_list rest;

    va_start(rest, request);
    void *const argument = va_arg(rest, void *);

    va_end(rest);
    if (descriptor_get(file).flags == 0)
        return posix_error(EBADF);
    switch (request) {
    case TIOCGWINSZ:
    case TIOCSWINSZ: return size_request(file, request, argument);
    case TIOCGPGRP:
    case TIOCSPGRP:
    case TIOCGSID: return group_request(file, request, argument);
    case TIOCSCTTY: return session_request(file, TERMINAL_SET_SESSION);
    case TIOCNOTTY: return session_request(file, TERMINAL_LEAVE_SESSION);
    case TIOCOUTQ: return queued_output(file, argument);
    case TCGETS: return tcgetattr(file, argument);
    case TCSETS:
    case TCSETSW:
    case TCSETSF: return tcsetattr(file, (int)(request - TCSETS), argument);
    case FIONREAD: return readable(file, argument);
    case FIONBIO: return set_blocking(file, *(const int *)argument == 0);
    case FIOCLEX: return fcntl(file, F_SETFD, FD_CLOEXEC);
    case FIONCLEX: return fcntl(file, F_SETFD, 0);
    default: return posix_error(ENOTTY);
    }
}
