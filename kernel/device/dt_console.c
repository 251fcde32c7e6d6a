/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console: stdout-path of /chosen, else alias serial0, else the first UART that we know.
 *
 * It must be found even in a tree that is damaged elsewhere, so the walk's errors only end the
 * search. A stdout-path that names a UART of another kind is respected: writing to a known UART
 * instead would most likely write to a Bluetooth chip.
 */
#include "dt_impl.h"

enum { PATH_LENGTH_MAX = 256 };

void dt_console_start(struct dt_console_state *state)
{
    memset(state, 0, sizeof(*state));
    state->aliases = -1;
}

/* ---- During the walk ---- */

static bool read_uart(const struct dt_walk *w, enum dt_device device, struct dt_uart *out)
{
    struct dt_uart uart = {0};
    struct dt_value clocks = dt_get(w, DT_P_CLOCKS);

    uart.console.kind = device == DT_DEVICE_PL011 ? BOARD_UART_PL011 : BOARD_UART_BCM2835_AUX;
    uart.console.compatible = dt_string(dt_get(w, DT_P_COMPATIBLE), 0);
    uart.console.clock_hz = dt_u32(dt_get(w, DT_P_CLOCK_FREQUENCY), 0);
    uart.console.baud = dt_u32(dt_get(w, DT_P_CURRENT_SPEED), 0);
    uart.clock = clocks.data != NULL && clocks.length >= 4 ? dt_cell(clocks, 0) : 0;
    uart.interrupts = dt_interrupts(w);
    if (dt_device_reg(w, 0, &uart.console.regs) != KERN_SUCCESS)
        return false;
    *out = uart;
    return true;
}

/* Remember the first UART, with its path: most often it is the one that stdout-path names. */
static void read_first(const struct dt_walk *w, enum dt_device device,
                       struct dt_console_state *state)
{
    if (state->first.console.kind != BOARD_UART_NONE || !read_uart(w, device, &state->first))
        return;
    state->first_length = w->depth - 1;
    for (unsigned i = 0; i < state->first_length; i++)
        state->first_path[i] = w->level[i + 1].name;
}

static void read_clock(const struct dt_walk *w, struct dt_console_state *state)
{
    uint32_t phandle = dt_u32(dt_get(w, DT_P_PHANDLE), 0);

    if (phandle == 0 || state->clock_count == DT_MAX_CLOCKS)
        return;
    state->clocks[state->clock_count].phandle = phandle;
    state->clocks[state->clock_count].hz = dt_u32(dt_get(w, DT_P_CLOCK_FREQUENCY), 0);
    state->clock_count++;
}

void dt_console_node(const struct dt_walk *w, enum dt_device device, struct dt_console_state *state)
{
    if (dt_here(w)->place == DT_PLACE_CHOSEN) {
        state->stdout_path = dt_get(w, DT_P_STDOUT_PATH);
        if (state->stdout_path.data == NULL)
            state->stdout_path = dt_get(w, DT_P_OLD_STDOUT_PATH);
    }
    if (dt_here(w)->place == DT_PLACE_ALIASES)
        state->aliases = w->node_offset;
    switch (device) {
    case DT_DEVICE_FIXED_CLOCK: read_clock(w, state); break;
    case DT_DEVICE_BCM2835_AUX:
        if (dt_device_reg(w, 0, &state->aux) != KERN_SUCCESS)
            state->aux.size = 0;
        break;
    case DT_DEVICE_PL011:
    case DT_DEVICE_BCM2835_AUX_UART: read_first(w, device, state); break;
    default: break;
    }
}

/* ---- After the walk ---- */

struct path {
    const char *text; /* "/soc/serial@7e201000" */
    size_t length;
};

/* Is `name` what the i-th component of the path names? *last: it is the last component. */
static bool component_is(struct path path, unsigned i, const char *name, bool *last)
{
    const char *at = path.text, *end = path.text + path.length;
    size_t length = 0;

    for (unsigned k = 0; k <= i; k++) {
        at += length;
        while (at < end && *at == '/')
            at++;
        for (length = 0; at + length < end && at[length] != '/'; length++)
            ;
    }
    *last = at + length == end;
    if (length == 0 || strncmp(name, at, length) != 0)
        return false;
    /* The unit address may be left out. */
    return name[length] == '\0' || (name[length] == '@' && memchr(at, '@', length) == NULL);
}

static bool is_first(const struct dt_console_state *state, struct path path)
{
    bool last = false;

    for (unsigned i = 0; i < state->first_length && !last; i++)
        if (!component_is(path, i, state->first_path[i], &last) ||
            last != (i + 1 == state->first_length))
            return false;
    return last;
}

/* Walk to the node that `path` names. False: there is none before the tree's end or damage. */
static bool walk_to(struct dt_walk *w, struct path path)
{
    unsigned matched = 0; /* components that the open nodes below the root agree with */

    while (dt_walk_next(w) == DT_STEP_NODE) {
        unsigned below_root = w->depth - 1;
        bool last;

        if (below_root == 0 || below_root > matched + 1)
            continue;
        matched = below_root - 1;
        if (!component_is(path, matched, dt_here(w)->name, &last))
            continue;
        if (last)
            return true;
        matched++;
    }
    return false;
}

/* The path that an alias stands for; it may not be another alias, that could go in circles. */
static bool alias_path(struct dt_walk *w, const void *blob, const struct dt_console_state *state,
                       struct path alias, struct path *out)
{
    struct dt_value v;

    if (state->aliases < 0)
        return false;
    dt_walk_start(w, blob, w->err);
    w->offset = state->aliases; /* just this node, as if it were the root */
    w->extra = alias.text;
    w->extra_length = (uint32_t)alias.length;
    if (dt_walk_next(w) != DT_STEP_NODE)
        return false;
    v = dt_get(w, DT_P_EXTRA);
    if (v.data == NULL || !dt_is_strings(v) || v.data[0] != '/')
        return false;
    *out = (struct path){(const char *)v.data, strlen((const char *)v.data)};
    return true;
}

static uint32_t parse_baud(const char *text, const char *end)
{
    uint32_t baud = 0;

    for (; text < end && *text >= '0' && *text <= '9'; text++) {
        baud = baud * 10 + (uint32_t)(*text - '0');
        if (baud > 10000000)
            return 0;
    }
    return baud;
}

/* Make the available node that `path` (or alias) names the selected UART. */
static bool select_path(struct dt_walk *w, const void *blob, struct dt_console_state *state,
                        struct path path)
{
    struct dt_value compatible;
    enum dt_device device;

    if (path.length == 0 || (path.text[0] != '/' && !alias_path(w, blob, state, path, &path)) ||
        path.length > PATH_LENGTH_MAX)
        return false;
    if (is_first(state, path)) { /* the usual case: no need to walk again */
        state->selected = state->first;
        return true;
    }
    dt_walk_start(w, blob, w->err);
    if (!walk_to(w, path)) {
        (void)dt_fail(w->err, KERN_NOT_FOUND, "the console %s is not in the device tree",
                      path.text);
        return false;
    }
    if (!dt_here(w)->available) {
        (void)dt_node_fail(w, KERN_NOT_FOUND, "the console is disabled");
        return false;
    }
    device = dt_recognise(w);
    if (device == DT_DEVICE_PL011 || device == DT_DEVICE_BCM2835_AUX_UART)
        return read_uart(w, device, &state->selected);
    compatible = dt_get(w, DT_P_COMPATIBLE);
    state->selected.console.kind = BOARD_UART_UNSUPPORTED;
    state->selected.console.compatible =
        dt_is_strings(compatible) ? dt_string(compatible, 0) : NULL;
    return true;
}

/* What stdout-path names, with the speed after its colon. */
static bool select_stdout(struct dt_walk *w, const void *blob, struct dt_console_state *state)
{
    const char *text = (const char *)state->stdout_path.data;
    const char *end, *colon;
    uint32_t baud;

    if (text == NULL || !dt_is_strings(state->stdout_path))
        return false;
    end = text + strlen(text);
    colon = strchr(text, ':');
    if (colon == NULL)
        colon = end;
    if (!select_path(w, blob, state, (struct path){text, (size_t)(colon - text)}))
        return false;
    baud = colon < end ? parse_baud(colon + 1, end) : 0;
    if (baud != 0)
        state->selected.console.baud = baud;
    state->selected.console.chosen = true;
    return true;
}

static void complete(struct dt_console_state *state)
{
    struct board_console *console = &state->selected.console;

    if (console->kind == BOARD_UART_BCM2835_AUX)
        console->aux = state->aux;
    for (unsigned i = 0; console->clock_hz == 0 && i < state->clock_count; i++)
        if (state->clocks[i].phandle == state->selected.clock)
            console->clock_hz = state->clocks[i].hz;
}

void dt_console_finish(struct dt_walk *w, const void *blob, struct dt_console_state *state)
{
    static const char serial0[] = "serial0";

    (void)dt_fail(w->err, KERN_NOT_FOUND,
                  "the device tree names no console and has no UART that "
                  "is supported");
    if (!select_stdout(w, blob, state) &&
        !select_path(w, blob, state, (struct path){serial0, sizeof(serial0) - 1}))
        state->selected = state->first;
    complete(state);
}

kern_return_t dt_find_console(const void *blob, size_t max_size, struct board_console *out,
                              struct dt_error *err)
{
    struct dt_console_state state;
    struct dt_walk w;
    kern_return_t result = dt_check_blob(blob, max_size, err);

    if (result != KERN_SUCCESS)
        return result;
    dt_console_start(&state);
    dt_walk_start(&w, blob, err);
    while (dt_walk_next(&w) == DT_STEP_NODE)
        if (dt_here(&w)->available)
            dt_console_node(&w, dt_recognise(&w), &state);
    dt_console_finish(&w, blob, &state);

    if (state.selected.console.kind == BOARD_UART_NONE)
        return KERN_NOT_SUPPORTED; /* dt_console_finish() has said why */
    if (state.selected.console.kind == BOARD_UART_UNSUPPORTED)
        return dt_fail(err, KERN_NOT_SUPPORTED, "the console is a %s, which is not supported",
                       state.selected.console.compatible != NULL ? state.selected.console.compatible
                                                                 : "nameless device");
    *out = state.selected.console;
    return KERN_SUCCESS;
}
