/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program `terminal`: a serial line with a line discipline, as a file (terminal.h).
 *
 * It shows the log, too (interfaces/terminal.defs), for it alone knows where a line of the log breaks into nobody's.
 *
 * When the line's driver ends, what was on its way stays in the rings and goes to the next one: who types and who writes does not notice. When this program
 * ends, those who have it open are told that it died (EIO): the shell ends, and is started anew by init with a fresh terminal.
 *
 * Arguments: service=NAME, what it is as a file; log=NAME, the service where the log comes; line=NAME, the line's; processes=NAME, the process server
 * (none: keys make no signals).
 */
#include "terminal.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <string.h>
#include <wharf/if/file.h>
#include <wharf/if/port.h>
#include <wharf/if/terminal.h>
#include <wharf/if/tty.h>
#include <wharf/if/tty_events.h>

struct terminal terminal;

/* ---- the line ---- */

static void fail_line(kern_return_t kr)
{
    if (kr != KERN_SUCCESS)
        driver_fail(&terminal.driver, "the line is gone: error %d", (int)kr);
}

/* What came; then what the discipline has room for. True: some of it was taken. */
static bool move_in(void)
{
    const size_t room = sizeof terminal.came - terminal.came_size;
    const size_t got =
        room > 0 ? tty_client_get(&terminal.tty, terminal.came + terminal.came_size, room) : 0;

    terminal.came_size += got;
    terminal.received += got;
    const size_t taken =
        line_input(&terminal.line, terminal.came, terminal.came_size, kernel_clock_now());
    terminal.came_size -= taken;
    memmove(terminal.came, terminal.came + taken, terminal.came_size);
    return taken > 0;
}

/* True: something went. */
static bool put_out(void)
{
    bool moved = false;

    for (;;) {
        if (terminal.goes_at == terminal.goes_size) {
            terminal.goes_at = 0;
            terminal.goes_size = line_output(&terminal.line, terminal.goes, sizeof terminal.goes);
        }
        const size_t n = tty_client_put(&terminal.tty, terminal.goes + terminal.goes_at,
                                        terminal.goes_size - terminal.goes_at);
        terminal.goes_at += n;
        terminal.sent += n;
        if (n == 0)
            return moved;
        moved = true;
    }
}

/* The driver is told, and tells of room; so first it is told, and then looked again. */
static bool move_out(void)
{
    const bool moved = put_out();

    if (moved || !terminal_is_drained())
        fail_line(tty_client_kick(&terminal.tty));
    return moved | (terminal.goes_at < terminal.goes_size && put_out());
}

bool terminal_is_drained(void)
{
    const struct tty_ring *ring = terminal.tty.output;

    return line_is_drained(&terminal.line) && terminal.goes_at == terminal.goes_size &&
           atomic_load(&ring->taken) == atomic_load_explicit(&ring->put, memory_order_relaxed);
}

uint32_t terminal_queued(void)
{
    const struct tty_ring *ring = terminal.tty.output;
    const uint32_t in_ring = atomic_load_explicit(&ring->put, memory_order_relaxed) -
                             atomic_load_explicit(&ring->taken, memory_order_relaxed);

    return terminal.line.out_tail - terminal.line.out_head +
           (uint32_t)(terminal.goes_size - terminal.goes_at) +
           (in_ring <= TTY_RING_BYTES ? in_ring : 0);
}

/* Echo may make room where input waits, and the other way round: until nothing moves. Each round moves what a ring holds, so that the driver's load is no
 * endless loop: more comes with a message. */
void terminal_pump(void)
{
    enum { ROUNDS = 4 };
    const uint64_t now = kernel_clock_now();

    if (terminal.line.put_off <= now || jobs_are_done())
        terminal.line.put_off = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        line_tick(&terminal.line, now);
        const bool in = move_in(), out = move_out();
        if (!in && !out)
            break;
    }
    opens_tell();
    const uint64_t next = line_deadline(&terminal.line);
    /* What was due has been done: a reader whose time is over reads when he gets to it. */
    terminal.driver.tick_at = next == LINE_NEVER || next <= now ? 0 : next;
}

static void tick(struct driver *driver)
{
    (void)driver;
    terminal_pump();
}

static kern_return_t ready(struct server_message *message, uint32_t lost)
{
    (void)message;
    fail_line(tty_client_told(&terminal.tty, TTY_EVENTS_ID_READY, lost));
    terminal_pump();
    return KERN_SUCCESS;
}

/* A port has no senders any more, and is told so through itself; or the line's driver has ended. */
static void notification(struct driver *driver, uint32_t id, const struct server_message *message)
{
    struct open *open = open_of(message);

    if (id == MSG_ID_NO_SENDERS && open) {
        open_close(open);
    } else if (id == MSG_ID_DEAD_NAME && message->received.local == terminal.tty.notify &&
               !(msg_flags(message->received.control) & MSG_FLAG_PAYLOAD)) {
        driver_busy(driver, DRIVER_IDLE); /* until there is another driver */
        fail_line(tty_client_told(&terminal.tty, id, *(const uint64_t *)message->in & UINT32_MAX));
        driver_busy(driver, DRIVER_BUSY);
        terminal_pump();
    }
}

/* ---- the log ---- */

static kern_return_t print_lines(struct server_message *message, const void *text,
                                 uint32_t text_size)
{
    static uint8_t lines[TERMINAL_TEXT_MAX + 1];

    (void)message;
    if (text_size == 0)
        return KERN_SUCCESS;
    memcpy(lines, text, text_size);
    if (lines[text_size - 1] != '\n')
        lines[text_size++] = '\n';
    const bool taken = line_log(&terminal.line, lines, text_size, kernel_clock_now());
    terminal_pump();
    return taken ? KERN_SUCCESS : KERN_BUSY;
}

static kern_return_t statistics(struct server_message *message, struct terminal_statistics *out)
{
    (void)message;
    *out = (struct terminal_statistics){
        .received = terminal.received,
        .sent = terminal.sent,
        .signals = terminal.signals,
        .replays = terminal.tty.replays,
    };
    return KERN_SUCCESS;
}

/* ---- beginning and end ---- */

/* What was written is shown before it goes, if the line takes it, and the log that waits for its turn: nobody is going to end the line that has been begun. */
static void stop(struct driver *driver)
{
    const uint64_t until = kernel_clock_now() + DEVICE_SECOND / 2;

    (void)driver;
    terminal.line.stopped = false;
    while ((line_log_waits(&terminal.line) || !terminal_is_drained()) &&
           kernel_clock_now() < until) {
        line_tick(&terminal.line, LINE_NEVER);
        (void)move_out();
        (void)kernel_sleep_until(kernel_clock_now() + DEVICE_MILLISECOND);
    }
}

static void take_settings_of_line(void)
{
    struct tty_settings settings;

    if (tty_get_settings(terminal.tty.service, &settings) == KERN_SUCCESS && settings.baud != 0)
        terminal.line.settings.input_speed = terminal.line.settings.output_speed = settings.baud;
}

static void begin(int argc, char **argv)
{
    static const struct line_events events = {.signal = jobs_signal};
    struct driver *driver = &terminal.driver;
    mach_port_name_t log;

    driver_begin(driver, argc, argv);
    line_init(&terminal.line, &events);
    const char *line = driver_argument(driver, "line"), *of_log = driver_argument(driver, "log");
    driver_busy(driver, DRIVER_IDLE);
    kern_return_t kr = tty_client_open(&terminal.tty, line ? line : "tty.console");
    if (kr == KERN_SUCCESS)
        kr = port_move_member(program_start_info->task, terminal.tty.notify, driver->set);
    if (kr == KERN_SUCCESS)
        kr = driver_check_in(driver, &terminal.root);
    if (kr == KERN_SUCCESS && of_log)
        kr = driver_check_in_as(driver, of_log, &log);
    if (kr != KERN_SUCCESS)
        driver_fail(driver, "its line: error %d", (int)kr);
    take_settings_of_line();
    jobs_begin();
}

int main(int argc, char **argv)
{
    static const struct terminal_ops log_operations = {
        .print = print_lines,
        .statistics = statistics,
    };
    static const struct tty_events_ops line_operations = {.ready = ready};
    struct server_interface interfaces[] = {
        file_interface(&terminal_file_ops, NULL),
        terminal_interface(&log_operations, NULL),
        tty_events_interface(&line_operations, NULL),
    };

    begin(argc, argv);
    terminal.driver.notification = notification;
    terminal.driver.tick = tick;
    terminal.driver.stop = stop;
    terminal.driver.tick_at = 1;
    driver_serve(&terminal.driver, interfaces, sizeof interfaces / sizeof interfaces[0]);
}
