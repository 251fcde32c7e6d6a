/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file.control at a terminal: termios, the window, sessions (wharf/terminal.h). Each request says how large its input is, and whether a caller in the
 * background may do it; the rest is one function each.
 */
#include "terminal.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <string.h>
#include <wharf/if/tty.h>
#include <wharf/terminal.h>
#include <wharf/unix_error.h>

#define LINE_PATIENCE_NS UINT64_C(2000000000) /* that a line's driver gets for its settings */

struct output {
    void *bytes;
    uint32_t size;
};

static kern_return_t give(struct output *out, const void *bytes, uint32_t size)
{
    memcpy(out->bytes, bytes, size);
    out->size = size;
    return KERN_SUCCESS;
}

static kern_return_t give_number(struct output *out, uint32_t number)
{
    return give(out, &number, sizeof number);
}

/* ---- attributes ---- */

static kern_return_t get_attributes(const void *input, struct output *out)
{
    (void)input;
    return give(out, &terminal.line.settings, sizeof terminal.line.settings);
}

static struct tty_settings wire_of(const struct terminal_attributes *a)
{
    return (struct tty_settings){
        .baud = a->output_speed,
        .data_bits = 5 + (a->control & TERMINAL_CSIZE),
        .stop_bits = a->control & TERMINAL_CSTOPB ? 2 : 1,
        .parity = !(a->control & TERMINAL_PARENB) ? TTY_PARITY_NONE
                  : a->control & TERMINAL_PARODD  ? TTY_PARITY_ODD
                                                  : TTY_PARITY_EVEN,
        .flow_control = a->control & TERMINAL_CRTSCTS ? 1 : 0,
    };
}

/* The line itself is changed only where something else than before is asked for. What it cannot do stays as it was, as POSIX says of tcsetattr(). */
static void change_wire(struct terminal_attributes *wanted)
{
    const struct terminal_attributes *now = &terminal.line.settings;
    const struct tty_settings before = wire_of(now), after = wire_of(wanted);

    if (memcmp(&before, &after, sizeof before) == 0)
        return;
    if (after.baud != 0 &&
        tty_set_settings_until(terminal.tty.service, &after,
                               kernel_clock_now() + LINE_PATIENCE_NS) == KERN_SUCCESS)
        return;
    wanted->control = now->control;
    wanted->input_speed = now->input_speed;
    wanted->output_speed = now->output_speed;
}

static kern_return_t set_attributes(const void *input, struct output *out)
{
    struct terminal_change change;

    (void)out;
    memcpy(&change, input, sizeof change);
    change_wire(&change.attributes);
    line_set(&terminal.line, &change.attributes, false);
    return KERN_SUCCESS;
}

/* ---- the window ---- */

static kern_return_t get_size(const void *input, struct output *out)
{
    (void)input;
    return give(out, &terminal.line.window, sizeof terminal.line.window);
}

static kern_return_t set_size(const void *input, struct output *out)
{
    struct terminal_size size;

    (void)out;
    memcpy(&size, input, sizeof size);
    line_set_window(&terminal.line, &size);
    return KERN_SUCCESS;
}

/* ---- sessions ---- */

static struct terminal_group group_of(const void *input)
{
    struct terminal_group group;

    memcpy(&group, input, sizeof group);
    return group;
}

static kern_return_t get_group(const void *input, struct output *out)
{
    (void)input;
    return give_number(out, terminal.foreground);
}

static kern_return_t set_group(const void *input, struct output *out)
{
    (void)out;
    return jobs_set_group(group_of(input).value);
}

static kern_return_t get_session(const void *input, struct output *out)
{
    (void)input;
    return give_number(out, terminal.session);
}

static kern_return_t set_session(const void *input, struct output *out)
{
    const struct terminal_group group = group_of(input);

    (void)out;
    return jobs_set_session(group.value, group.group);
}

static kern_return_t leave_session(const void *input, struct output *out)
{
    (void)out;
    return jobs_leave_session(group_of(input).value);
}

/* ---- queues and flow ---- */

static kern_return_t flush(const void *input, struct output *out)
{
    const uint32_t which = group_of(input).value;

    (void)out;
    if (which == 0 || which & ~(uint32_t)(TERMINAL_QUEUE_INPUT | TERMINAL_QUEUE_OUTPUT))
        return unix_error(EINVAL);
    if (which & TERMINAL_QUEUE_INPUT) {
        terminal.came_size = 0;
        line_flush_input(&terminal.line);
    }
    if (which & TERMINAL_QUEUE_OUTPUT) {
        terminal.goes_at = terminal.goes_size = 0;
        line_flush_output(&terminal.line);
    }
    return KERN_SUCCESS;
}

static kern_return_t drop_input(const void *input, struct output *out)
{
    (void)input;
    (void)out;
    terminal.came_size = 0;
    line_flush_input(&terminal.line);
    return KERN_SUCCESS;
}

static kern_return_t flow(const void *input, struct output *out)
{
    const uint32_t action = group_of(input).value;

    (void)out;
    if (action > TERMINAL_FLOW_SEND_START)
        return unix_error(EINVAL);
    line_flow(&terminal.line, action);
    return KERN_SUCCESS;
}

static kern_return_t send_break(const void *input, struct output *out)
{
    enum { USUAL = 250, LONGEST = 2000 };
    uint32_t ms = group_of(input).value;

    (void)out;
    ms = ms == 0 ? USUAL : ms < LONGEST ? ms : LONGEST;
    (void)!tty_send_break_until(terminal.tty.service, ms, kernel_clock_now() + LINE_PATIENCE_NS);
    return KERN_SUCCESS; /* POSIX: without such a line nothing happens */
}

static kern_return_t queued_input(const void *input, struct output *out)
{
    (void)input;
    return give_number(out, line_waiting(&terminal.line));
}

static kern_return_t queued_output(const void *input, struct output *out)
{
    (void)input;
    return give_number(out, terminal_queued());
}

static kern_return_t name(const void *input, struct output *out)
{
    static const char path[] = "/dev/console";

    (void)input;
    return give(out, path, sizeof path);
}

/* ---- requests ---- */

struct request {
    uint32_t input_size;
    bool changes; /* nothing for the background; the group is the input's first word */
    kern_return_t (*function)(const void *input, struct output *out);
};

static const struct request requests[] = {
    [TERMINAL_GET_ATTRIBUTES] = {0, false, get_attributes},
    [TERMINAL_SET_ATTRIBUTES] = {sizeof(struct terminal_change), true, set_attributes},
    [TERMINAL_GET_SIZE] = {0, false, get_size},
    [TERMINAL_SET_SIZE] = {sizeof(struct terminal_size), false, set_size},
    [TERMINAL_GET_GROUP] = {0, false, get_group},
    [TERMINAL_SET_GROUP] = {sizeof(struct terminal_group), true, set_group},
    [TERMINAL_GET_SESSION] = {0, false, get_session},
    [TERMINAL_SET_SESSION] = {sizeof(struct terminal_group), false, set_session},
    [TERMINAL_LEAVE_SESSION] = {sizeof(struct terminal_group), false, leave_session},
    [TERMINAL_FLUSH] = {sizeof(struct terminal_group), true, flush},
    [TERMINAL_FLOW] = {sizeof(struct terminal_group), true, flow},
    [TERMINAL_BREAK] = {sizeof(struct terminal_group), true, send_break},
    [TERMINAL_QUEUED_INPUT] = {0, false, queued_input},
    [TERMINAL_QUEUED_OUTPUT] = {0, false, queued_output},
    [TERMINAL_NAME] = {0, false, name},
    [TERMINAL_DROP_INPUT] = {0, false, drop_input},
};

kern_return_t terminal_control(struct server_message *message, uint32_t number, const void *input,
                               uint32_t input_size, void *output, uint32_t *output_size)
{
    struct output out = {.bytes = output};
    uint32_t group;

    if (number >= sizeof requests / sizeof requests[0] || !requests[number].function)
        return unix_error(ENOTTY);
    if (!open_of(message))
        return unix_error(EBADF);
    const struct request *request = &requests[number];
    if (input_size != request->input_size)
        return unix_error(EINVAL);
    if (request->changes) {
        memcpy(&group, input, sizeof group);
        if (group != TERMINAL_ANY_GROUP && jobs_is_background(group))
            return (kern_return_t)TERMINAL_BACKGROUND;
    }
    const kern_return_t kr = request->function(input, &out);
    *output_size = out.size;
    terminal_pump();
    return kr;
}
