/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A terminal, by those who sit at both ends: this program by messages of file.defs alone, and tests/qemu/terminal.py at the keyboard, which types when it is told.
 *
 * Arguments: driver=NAME, of the line; paste=BYTES that are typed in one go.
 */
#include <errno.h>
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/file.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>
#include <wharf/terminal.h>
#include <wharf/unix_error.h>

static mach_port_name_t service, supervisor, tty;

static mach_port_name_t open_terminal(uint32_t flags)
{
    mach_port_name_t opened = MSG_NULL;
    uint32_t outcome;
    char rest[FILE_PATH_MAX];

    CHECK_EQUAL(file_open(service, "", flags, 0, 0, &outcome, &opened, rest), KERN_SUCCESS);
    CHECK_EQUAL(outcome, FILE_OUTCOME_DONE);
    return opened;
}

/* All of it; waits for room. */
static void say(const char *text)
{
    uint32_t size = (uint32_t)strlen(text), written, holding;

    while (size > 0) {
        const kern_return_t kr = file_write(tty, FILE_CURRENT, text, size, &written);
        if (kr == unix_error(EAGAIN)) {
            CHECK_EQUAL(file_wait(tty, FILE_WRITABLE, 1, &holding), KERN_SUCCESS);
            continue;
        }
        if (!CHECK_EQUAL(kr, KERN_SUCCESS))
            return;
        text += written;
        size -= written;
    }
}

/* One read, as a client does it. */
static kern_return_t get(char *bytes, uint32_t size, uint32_t *got)
{
    uint32_t holding;

    for (;;) {
        kern_return_t kr = file_read(tty, FILE_CURRENT, size, bytes, got);
        if (kr != unix_error(EAGAIN))
            return kr;
        kr = file_wait(tty, FILE_READABLE, 1, &holding);
        if (kr != KERN_SUCCESS)
            return kr;
        CHECK_EQUAL(holding, FILE_READABLE);
    }
}

static void expect(const char *wanted)
{
    char bytes[128];
    uint32_t got = 0;

    CHECK_EQUAL(get(bytes, sizeof bytes - 1, &got), KERN_SUCCESS);
    bytes[got] = '\0';
    if (!CHECK(strcmp(bytes, wanted) == 0))
        print("terminal-test: got \"%s\", not \"%s\"\n", bytes, wanted);
}

static struct terminal_attributes attributes(void)
{
    struct terminal_attributes a = {0};
    uint32_t size = 0;

    CHECK_EQUAL(file_control(tty, TERMINAL_GET_ATTRIBUTES, NULL, 0, &a, &size), KERN_SUCCESS);
    CHECK_EQUAL(size, sizeof a);
    return a;
}

static void set_attributes(const struct terminal_attributes *a)
{
    const struct terminal_change change = {.attributes = *a};
    uint32_t size;
    uint8_t none[FILE_CONTROL_MAX];

    CHECK_EQUAL(file_control(tty, TERMINAL_SET_ATTRIBUTES, &change, sizeof change, none, &size),
                KERN_SUCCESS);
}

/* ---- what is tried ---- */

static void try_lines(void)
{
    say("type a line with a mistake\n");
    expect("hello\n");
    say("type an end of file\n");
    expect("");
    say("half a line");
    print("terminal-test: a line of the log\n");
    (void)!kernel_sleep_until(kernel_clock_now() + 50000000);
    say(" is whole\n");
}

static void try_raw(void)
{
    const struct terminal_attributes before = attributes();
    struct terminal_attributes raw = before;
    char bytes[16];
    uint32_t got = 0;

    raw.local &= ~(uint32_t)(TERMINAL_ICANON | TERMINAL_ECHO | TERMINAL_ISIG);
    raw.characters[TERMINAL_VMIN] = 3;
    set_attributes(&raw);
    say("type three keys\n");
    CHECK_EQUAL(get(bytes, sizeof bytes, &got), KERN_SUCCESS);
    CHECK(got == 3 && memcmp(bytes, "a\003\177", 3) == 0);
    raw.characters[TERMINAL_VMIN] = 0;
    raw.characters[TERMINAL_VTIME] = 2;
    set_attributes(&raw);
    const uint64_t begin = kernel_clock_now();
    CHECK_EQUAL(get(bytes, sizeof bytes, &got), KERN_SUCCESS);
    CHECK(got == 0 && kernel_clock_now() - begin >= UINT64_C(200000000));
    set_attributes(&before);
}

/* Lines of "number text", none of which may be missing or changed. */
static void try_paste(uint32_t all)
{
    struct terminal_attributes quiet = attributes();
    char bytes[256], wanted[64];
    uint32_t got = 0, number = 0, total = 0;

    quiet.local &= ~(uint32_t)TERMINAL_ECHO;
    set_attributes(&quiet);
    say("paste\n");
    while (total < all) {
        if (!CHECK_EQUAL(get(bytes, sizeof bytes - 1, &got), KERN_SUCCESS) || !CHECK(got > 0))
            return;
        bytes[got] = '\0';
        snprintf(wanted, sizeof wanted, "%05u abcdefghijklmnopqrstuvwxyz\n", (unsigned)number++);
        if (!CHECK(strcmp(bytes, wanted) == 0)) {
            print("terminal-test: got %s", bytes);
            return;
        }
        total += got;
    }
    quiet.local |= TERMINAL_ECHO;
    set_attributes(&quiet);
    print("terminal-test: %u bytes were pasted\n", (unsigned)total);
}

/* Nobody notices but by a character that was on its way. */
static void try_driver(const char *driver)
{
    for (unsigned i = 0; i < 5; i++) {
        CHECK_EQUAL(supervisor_kill(supervisor, driver), KERN_SUCCESS);
        say("the driver was killed: type a line\n");
        expect("still there\n");
    }
}

static void try_nonsense(void)
{
    uint8_t out[FILE_CONTROL_MAX];
    uint32_t size, holding;
    mach_port_name_t opened;
    char rest[FILE_PATH_MAX];

    CHECK_EQUAL(file_control(tty, 0, NULL, 0, out, &size), unix_error(ENOTTY));
    CHECK_EQUAL(file_control(tty, 0xffffffff, NULL, 0, out, &size), unix_error(ENOTTY));
    CHECK_EQUAL(file_control(tty, TERMINAL_SET_ATTRIBUTES, out, 1, out, &size), unix_error(EINVAL));
    CHECK_EQUAL(file_control(service, TERMINAL_GET_SIZE, NULL, 0, out, &size), unix_error(EBADF));
    CHECK_EQUAL(file_poll(service, FILE_READABLE, &holding), unix_error(EBADF));
    CHECK_EQUAL(file_open(service, "below", FILE_READ, 0, 0, &holding, &opened, rest),
                unix_error(ENOTDIR));
    CHECK_EQUAL(file_open(service, "", FILE_DIRECTORY, 0, 0, &holding, &opened, rest),
                unix_error(ENOTDIR));
    const mach_port_name_t reader = open_terminal(FILE_READ | FILE_NONBLOCK);
    CHECK_EQUAL(file_write(reader, FILE_CURRENT, "x", 1, &size), unix_error(EBADF));
    CHECK_EQUAL(file_read(reader, FILE_CURRENT, 1, out, &size), unix_error(EAGAIN));
    CHECK_EQUAL(file_wait(reader, FILE_READABLE, 1, &holding), unix_error(EAGAIN));
    stub_release_right(reader, MSG_MOVE_SEND);
}

/* Its opens die with it; the service does not. */
static void try_death(void)
{
    char bytes[8];
    uint32_t got;

    CHECK_EQUAL(supervisor_kill(supervisor, "terminal"), KERN_SUCCESS);
    CHECK(get(bytes, sizeof bytes, &got) != KERN_SUCCESS);
    stub_release_right(tty, MSG_MOVE_SEND);
    tty = open_terminal(FILE_READ | FILE_WRITE);
    say("the terminal was killed: type a line\n");
    expect("again\n");
}

int main(int argc, char **argv)
{
    const mach_port_name_t bootstrap = program_start_info->bootstrap;

    CHECK_EQUAL(service_look_up(bootstrap, "terminal", &service), KERN_SUCCESS);
    CHECK_EQUAL(service_look_up(bootstrap, "supervisor", &supervisor), KERN_SUCCESS);
    tty = open_terminal(FILE_READ | FILE_WRITE);
    try_lines();
    try_raw();
    try_nonsense();
    try_paste((uint32_t)strtoul(program_argument(argc, argv, "paste", "0"), NULL, 10));
    try_driver(program_argument(argc, argv, "driver", "tty0"));
    try_death();
    return check_end("terminal-test");
}
