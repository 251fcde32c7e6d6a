/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Terminals: requests of file.control (wharf/terminal.h), whose bits are those of <termios.h>.
 */
#include "control.h"
#include "errors.h"
#include "waits.h"
#include <libsys/kernel.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <wharf/terminal.h>

_Static_assert(NCCS == TERMINAL_CHARACTERS && VEOL2 == TERMINAL_VEOL2, "the same places");

static void from_termios(struct terminal_attributes *a, const struct termios *t)
{
    *a = (struct terminal_attributes){
        .input = t->c_iflag,
        .output = t->c_oflag,
        .control = t->c_cflag,
        .local = t->c_lflag,
        .input_speed = t->c_ispeed,
        .output_speed = t->c_ospeed,
    };
    memcpy(a->characters, t->c_cc, sizeof(a->characters));
}

static void to_termios(struct termios *t, const struct terminal_attributes *a)
{
    *t = (struct termios){
        .c_iflag = a->input,
        .c_oflag = a->output,
        .c_cflag = a->control,
        .c_lflag = a->local,
        .c_ispeed = a->input_speed,
        .c_ospeed = a->output_speed,
    };
    memcpy(t->c_cc, a->characters, sizeof(t->c_cc));
}

int tcgetattr(int file, struct termios *settings)
{
    struct terminal_attributes attributes;

    if (control_get(file, TERMINAL_GET_ATTRIBUTES, &attributes, sizeof(attributes)) != 0)
        return -1;
    to_termios(settings, &attributes);
    return 0;
}

int tcdrain(int file)
{
    uint32_t left;

    do {
        if (control_get(file, TERMINAL_QUEUED_OUTPUT, &left, sizeof(left)) != 0)
            return -1;
        const int error = left == 0 ? 0 : wait_for_events(control_port(file), TERMINAL_DRAINED);
        /* It may have been opened with O_NONBLOCK, and this waits all the same. */
        if (error == EAGAIN)
            (void)!kernel_sleep_until(kernel_clock_now() + 1000000);
        else if (error != 0)
            return posix_error(error);
    } while (left != 0);
    return 0;
}

int tcsetattr(int file, int when, const struct termios *settings)
{
    struct terminal_change change = {.zero = 0};

    if (when < TCSANOW || when > TCSAFLUSH)
        return posix_error(EINVAL);
    if (when != TCSANOW && tcdrain(file) != 0)
        return -1;
    if (when == TCSAFLUSH && tcflush(file, TCIFLUSH) != 0)
        return -1;
    from_termios(&change.attributes, settings);
    return control_change(file, TERMINAL_SET_ATTRIBUTES, &change, sizeof(change), &change.group);
}

static int with_value(int file, uint32_t request, uint32_t value)
{
    struct terminal_group group = {0, value};

    return control_change(file, request, &group, sizeof(group), &group.group);
}

int tcflush(int file, int queue)
{
    if (queue < TCIFLUSH || queue > TCIOFLUSH)
        return posix_error(EINVAL);
    return with_value(file, TERMINAL_FLUSH, (uint32_t)queue);
}

int tcflow(int file, int action)
{
    if (action < TCOOFF || action > TCION)
        return posix_error(EINVAL);
    return with_value(file, TERMINAL_FLOW, (uint32_t)action);
}

int tcsendbreak(int file, int duration)
{
    return duration < 0 ? posix_error(EINVAL)
                        : with_value(file, TERMINAL_BREAK, (uint32_t)duration);
}

pid_t tcgetpgrp(int file)
{
    uint32_t group;

    /* Without a foreground group: a number that no group has. */
    if (control_get(file, TERMINAL_GET_GROUP, &group, sizeof(group)) != 0)
        return -1;
    return group == 0 ? INT32_MAX : (pid_t)group;
}

int tcsetpgrp(int file, pid_t group)
{
    return group <= 0 ? posix_error(EINVAL) : with_value(file, TERMINAL_SET_GROUP, (uint32_t)group);
}

pid_t tcgetsid(int file)
{
    uint32_t session;

    if (control_get(file, TERMINAL_GET_SESSION, &session, sizeof(session)) != 0)
        return -1;
    return session == 0 ? posix_error(ENOTTY) : (pid_t)session;
}

/* ---- names ---- */

int ttyname_r(int file, char *name, size_t size)
{
    char path[TERMINAL_PATH];

    if (control_text(file, TERMINAL_NAME, path, sizeof(path)) != 0)
        return errno;
    if (strlen(path) >= size)
        return ERANGE;
    strlcpy(name, path, size);
    return 0;
}

char *ttyname(int file)
{
    static char path[TERMINAL_PATH];
    const int error = ttyname_r(file, path, sizeof(path));

    if (error == 0)
        return path;
    errno = error;
    return NULL;
}

char *ctermid(char *name)
{
    static char own[L_ctermid];

    return memcpy(name != NULL ? name : own, "/dev/tty", sizeof("/dev/tty"));
}

/* ---- speeds: bits a second ---- */

speed_t cfgetispeed(const struct termios *settings)
{
    return settings->c_ispeed;
}

speed_t cfgetospeed(const struct termios *settings)
{
    return settings->c_ospeed;
}

int cfsetispeed(struct termios *settings, speed_t speed)
{
    settings->c_ispeed = speed != 0 ? speed : settings->c_ospeed;
    return 0;
}

int cfsetospeed(struct termios *settings, speed_t speed)
{
    settings->c_ospeed = speed;
    return 0;
}

int cfsetspeed(struct termios *settings, speed_t speed)
{
    settings->c_ispeed = settings->c_ospeed = speed;
    return 0;
}

void cfmakeraw(struct termios *settings)
{
    settings->c_iflag &=
        ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    settings->c_oflag &= ~(tcflag_t)OPOST;
    settings->c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    settings->c_cflag = (settings->c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    settings->c_cc[VMIN] = 1;
    settings->c_cc[VTIME] = 0;
}
