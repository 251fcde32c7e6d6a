/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console: brings the kernel's log, in which the supervisor's and all programs' lines are, to a serial line by the line's driver.
 * From its start on the kernel does not print any more (but panics); when it ends for good the supervisor has the kernel print again.
 *
 * G1 `place` lies in memory that outlives the program (the recipe's `state`): up to there the log has left for the line's driver. So of
 *    what was to be printed when the program or the driver ended nothing is lost, and one piece is printed twice at most.
 *
 * G2 Where a terminal is on the line, it shows the log, and knows where a line of the log breaks into nobody's (interfaces/terminal.defs). When it does not
 *    answer the log goes to the line past it, so that whatever becomes of the terminal can be read; a piece may be shown twice then.
 *
 * Arguments: line=SERVICE, the line's (tty.tty0 if there is none); terminal=SERVICE, the terminal's (none); log=quiet: it brings nothing out, and touches
 * neither. That the kernel does not print then is the supervisor's affair (`log quiet` of the description).
 */
#include <libsys/driver/driver.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/tty_client.h>
#include <string.h>
#include <wharf/if/console.h>
#include <wharf/if/host_debug.h>
#include <wharf/if/service.h>
#include <wharf/if/terminal.h>
#include <wharf/if/vm.h>

enum { PIECE = 512, STATE_SIZE = 4096 };
#define POLL     DEVICE_SECOND
#define PATIENCE (2 * DEVICE_SECOND)       /* that a terminal gets for an answer */
#define ROOM     (20 * DEVICE_MILLISECOND) /* between two looks whether it has room */
#define PAST     (5 * DEVICE_SECOND)       /* that it is left alone when it gave none */

/* G1 */
struct place {
    uint64_t next; /* number of the log's byte that is next */
};

static struct {
    struct driver driver;
    bool quiet; /* nothing is brought out */
    struct tty_client line;
    mach_port_name_t terminal; /* send right, or 0 */
    uint64_t past_until;       /* the log goes to the line itself till then */
    volatile struct place *place;
} self;

/* Wait for the line, however long: that is not this program's fault. */
static void print_bytes(const char *bytes, size_t count)
{
    size_t done;

    driver_busy(&self.driver, DRIVER_IDLE);
    kern_return_t kr = tty_client_write(&self.line, bytes, count, UINT64_MAX, &done);
    if (kr == KERN_SUCCESS)
        kr = tty_client_flush(&self.line, UINT64_MAX);
    if (kr != KERN_SUCCESS)
        driver_fail(&self.driver, "the line is gone: error %d", (int)kr);
    driver_busy(&self.driver, DRIVER_BUSY);
}

/* A newline takes a carriage return before it. */
static void print_past(const uint8_t *text, uint32_t size)
{
    char bytes[2 * PIECE];
    size_t n = 0;

    for (uint32_t i = 0; i < size; i++) {
        if (text[i] == '\n')
            bytes[n++] = '\r';
        bytes[n++] = (char)text[i];
    }
    print_bytes(bytes, n);
}

/* Whether the terminal has taken it (G2). */
static bool terminal_takes(const uint8_t *text, uint32_t size)
{
    kern_return_t kr;

    if (self.terminal == MSG_NULL || kernel_clock_now() < self.past_until)
        return false;
    driver_busy(&self.driver, DRIVER_IDLE);
    for (;;) {
        kr = terminal_print_until(self.terminal, text, size, kernel_clock_now() + PATIENCE);
        if (kr == KERN_BUSY)
            (void)kernel_sleep_until(kernel_clock_now() + ROOM);
        else if (kr != MIG_SERVER_DIED)
            break;
    }
    driver_busy(&self.driver, DRIVER_BUSY);
    if (kr != KERN_SUCCESS)
        self.past_until = kernel_clock_now() + PAST;
    return kr == KERN_SUCCESS;
}

static void print_text(const uint8_t *text, uint32_t size)
{
    if (!terminal_takes(text, size))
        print_past(text, size);
}

/* The whole lines of a text that may have been cut in the midst of one; all of it, if it is a part of one. */
static uint32_t whole_lines(const uint8_t *text, uint32_t size)
{
    for (uint32_t n = size; n > 0; n--)
        if (text[n - 1] == '\n')
            return n;
    return size;
}

/* What is printed in one piece: whole lines, if a line is no longer than that. */
static uint32_t piece_of(const uint8_t *text, uint32_t size)
{
    return size <= PIECE ? size : whole_lines(text, PIECE);
}

/* All there is. */
static void bring(void)
{
    static uint8_t text[HOST_DEBUG_TEXT_MAX];
    uint64_t next, begin = self.place->next;
    uint32_t size;

    for (;;) {
        const kern_return_t kr =
            host_debug_read_log(program_start_info->host_debug, begin, &next, text, &size);
        if (kr != KERN_SUCCESS)
            driver_fail(&self.driver, "the log: error %d", (int)kr);
        begin = next - size; /* older text is gone */
        if (size == 0)
            return;
        /* A full buffer may end in the midst of a line: that is read again, with its end. */
        if (size == HOST_DEBUG_TEXT_MAX)
            size = whole_lines(text, size);
        for (uint32_t at = 0, piece; at < size; at += piece) {
            piece = piece_of(text + at, size - at);
            print_text(text + at, piece);
            self.place->next = begin + at + piece;
        }
        begin += size;
    }
}

static void tick(struct driver *driver)
{
    bring();
    driver->tick_at = kernel_clock_now() + POLL;
}

/* What was said so far is printed before it goes. */
static void stop(struct driver *driver)
{
    (void)driver;
    bring();
}

static kern_return_t more(struct server_message *message)
{
    (void)message;
    if (!self.quiet)
        bring();
    return KERN_SUCCESS;
}

static void get_place(struct driver *driver)
{
    mach_port_name_t memory;
    uint64_t at;
    kern_return_t kr = service_get_right(program_start_info->bootstrap, "state", &memory);

    if (kr == KERN_SUCCESS)
        kr = vm_map(program_start_info->task, 0, STATE_SIZE, 0, VM_ANYWHERE, memory,
                    VM_PROT_READ | VM_PROT_WRITE, VM_PROT_READ | VM_PROT_WRITE, VM_INHERIT_NONE,
                    &at);
    if (kr != KERN_SUCCESS)
        driver_fail(driver, "its memory: error %d", (int)kr);
    self.place = (volatile struct place *)(uintptr_t)at;
}

/* What the kernel has printed itself is not printed again: the first instance begins where the kernel ends. */
static void take_over(struct driver *driver)
{
    uint64_t end;
    bool printed;
    const kern_return_t kr =
        host_debug_set_console(program_start_info->host_debug, false, &printed, &end);

    if (kr != KERN_SUCCESS)
        driver_fail(driver, "the kernel's log: error %d", (int)kr);
    if (printed)
        self.place->next = end;
}

static void open_line(struct driver *driver)
{
    const char *line = driver_argument(driver, "line"),
               *terminal = driver_argument(driver, "terminal");
    kern_return_t kr = tty_client_open_output(&self.line, line ? line : "tty.tty0");

    if (kr == KERN_SUCCESS && terminal)
        kr = driver_look_up(driver, terminal, &self.terminal);
    if (kr != KERN_SUCCESS)
        driver_fail(driver, "its line: error %d", (int)kr);
}

static void begin_to_show(struct driver *driver)
{
    get_place(driver);
    driver_busy(driver, DRIVER_IDLE);
    open_line(driver);
    take_over(driver);
    driver->tick = tick;
    driver->stop = stop;
    driver->tick_at = 1;
}

int main(int argc, char **argv)
{
    static const struct console_ops operations = {.more = more};
    struct server_interface interface = console_interface(&operations, NULL);
    struct driver *driver = &self.driver;
    mach_port_name_t service;

    driver_begin(driver, argc, argv);
    const char *log = driver_argument(driver, "log");
    self.quiet = log && strcmp(log, "quiet") == 0;
    if (!self.quiet)
        begin_to_show(driver);
    const kern_return_t kr = driver_check_in(driver, &service);
    if (kr != KERN_SUCCESS)
        driver_fail(driver, "its service: error %d", (int)kr);
    driver_serve(driver, &interface, 1);
}
