/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A terminal by the calls of POSIX, at /dev/console, where the service `files` has it mounted. tests/qemu/terminal.py types.
 */
#include <errno.h>
#include <fcntl.h>
#include <libsys/check.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static int tty;

static void say(const char *text)
{
    CHECK_EQUAL(write(tty, text, strlen(text)), strlen(text));
}

static void try_node(void)
{
    struct stat facts;

    tty = open("/dev/console", O_RDWR | O_NOCTTY);
    CHECK(tty >= 0);
    CHECK_EQUAL(isatty(tty), 1);
    CHECK_EQUAL(fstat(tty, &facts), 0);
    CHECK(S_ISCHR(facts.st_mode));
    CHECK_EQUAL(stat("/dev/tty", &facts), 0);
    CHECK(S_ISCHR(facts.st_mode));
    CHECK_EQUAL(lseek(tty, 0, SEEK_SET), -1);
    CHECK_EQUAL(errno, ESPIPE);
    CHECK_EQUAL(open("/dev/console/below", O_RDONLY), -1);
    CHECK_EQUAL(errno, ENOTDIR);
}

static void try_window(void)
{
    struct winsize window = {0};

    CHECK_EQUAL(ioctl(tty, TIOCGWINSZ, &window), 0);
    CHECK(window.ws_row == 24 && window.ws_col == 80);
    window.ws_col = 132;
    CHECK_EQUAL(ioctl(tty, TIOCSWINSZ, &window), 0);
    memset(&window, 0, sizeof window);
    CHECK_EQUAL(ioctl(tty, TIOCGWINSZ, &window), 0);
    CHECK(window.ws_row == 24 && window.ws_col == 132);
}

static void try_lines(void)
{
    char bytes[64] = "";

    say("posix: type a line\n");
    struct pollfd wait = {.fd = tty, .events = POLLIN};
    CHECK_EQUAL(poll(&wait, 1, -1), 1);
    CHECK_EQUAL(wait.revents, POLLIN);
    CHECK_EQUAL(read(tty, bytes, sizeof bytes), 4);
    CHECK(strcmp(bytes, "abc\n") == 0);
    CHECK_EQUAL(poll(&wait, 1, 0), 0);
    say("posix: type two lines\n");
    CHECK_EQUAL(read(tty, bytes, 2), 2);
    CHECK_EQUAL(read(tty, bytes, sizeof bytes), 2);
    CHECK_EQUAL(read(tty, bytes, sizeof bytes), 3);
}

static void try_raw(void)
{
    struct termios before, raw;
    char bytes[8];

    CHECK_EQUAL(tcgetattr(tty, &before), 0);
    raw = before;
    cfmakeraw(&raw);
    CHECK_EQUAL(tcsetattr(tty, TCSAFLUSH, &raw), 0);
    say("posix: type a key\r\n");
    CHECK_EQUAL(read(tty, bytes, sizeof bytes), 1);
    CHECK_EQUAL(bytes[0], 3);
    CHECK_EQUAL(fcntl(tty, F_SETFL, O_NONBLOCK), 0);
    CHECK_EQUAL(read(tty, bytes, sizeof bytes), -1);
    CHECK_EQUAL(errno, EAGAIN);
    CHECK_EQUAL(fcntl(tty, F_SETFL, 0), 0);
    CHECK_EQUAL(tcsetattr(tty, TCSADRAIN, &before), 0);
    CHECK_EQUAL(tcdrain(tty), 0);
    CHECK_EQUAL(tcflush(tty, TCIOFLUSH), 0);
}

int main(void)
{
    try_node();
    try_window();
    try_lines();
    try_raw();
    CHECK_EQUAL(close(tty), 0);
    return check_end("terminal-posix");
}
