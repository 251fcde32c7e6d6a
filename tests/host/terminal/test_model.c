/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random typing against a model. The model keeps what is edited as a text and what can be read as a list of texts, and a screen of one row
 * shows what came out: at any moment that is prompt and edited line, however it was edited, and whatever the log said in between.
 */
#include "check.h"
#include <line.h>

enum { ROW = 512, LINES = 64, PROMPT = 2 };

static struct line line;
static uint64_t now = LINE_PATIENCE;

static struct {
    char edited[ROW];
    size_t size;
    char ready[LINES][ROW];
    size_t ready_size[LINES];
    unsigned first, last; /* of ready */
    unsigned interrupts;
} model;

static unsigned interrupts;

static struct {
    char row[ROW];
    size_t at;
} screen;

static void on_signal(void *context, enum line_signal signal)
{
    (void)context;
    CHECK_EQ(signal, LINE_INTERRUPT);
    interrupts++;
}

/* ---- the screen ---- */

static void screen_put(uint8_t byte)
{
    if (byte == '\n') {
        memset(screen.row, ' ', ROW);
    } else if (byte == '\r') {
        screen.at = 0;
    } else if (byte == '\b') {
        CHECK(screen.at > 0);
        screen.at--;
    } else if (byte == '\t') {
        screen.at += 8 - screen.at % 8;
    } else if (byte != '\a') {
        CHECK(screen.at < ROW);
        screen.row[screen.at++] = (char)byte;
    }
}

static void show(void)
{
    uint8_t bytes[64];
    size_t n;

    while ((n = line_output(&line, bytes, 1 + (size_t)check_below(sizeof bytes))) > 0)
        for (size_t i = 0; i < n; i++)
            screen_put(bytes[i]);
}

/* The row that model says. */
static void check_row(void)
{
    char row[ROW];
    size_t at = PROMPT;

    memset(row, ' ', ROW);
    row[0] = '$';
    for (size_t i = 0; i < model.size; i++) {
        const char c = model.edited[i];
        if (c == '\t') {
            at += 8 - at % 8;
        } else if ((unsigned char)c < ' ') {
            row[at++] = '^';
            row[at++] = (char)(c ^ 0x40);
        } else {
            row[at++] = c;
        }
    }
    CHECK_EQ(screen.at, at);
    CHECK(memcmp(row, screen.row, ROW) == 0);
}

static void prompt(void)
{
    CHECK_EQ(line_write(&line, (const uint8_t *)"$ ", PROMPT, now), PROMPT);
}

/* ---- the model ---- */

static void complete(const char *end)
{
    char *text = model.ready[model.last % LINES];
    memcpy(text, model.edited, model.size);
    memcpy(text + model.size, end, strlen(end));
    model.ready_size[model.last++ % LINES] = model.size + strlen(end);
    model.size = 0;
}

static void erase_word(void)
{
    while (model.size > 0 && strchr(" \t", model.edited[model.size - 1]))
        model.size--;
    while (model.size > 0 && !strchr(" \t", model.edited[model.size - 1]))
        model.size--;
}

static bool can_complete(void)
{
    return model.last - model.first < LINES;
}

/* One key; false: the model does not do it now. */
static void key(void)
{
    static const char ordinary[] = "abcdef  \t\001\006";
    char typed = ordinary[check_below(sizeof ordinary - 1)];
    const uint64_t kind = check_below(100);

    if (kind < 12)
        typed = '\x7f', model.size -= model.size > 0;
    else if (kind < 14)
        typed = '\x15', model.size = 0;
    else if (kind < 18)
        typed = '\x17', erase_word();
    else if (kind < 26 && can_complete())
        typed = '\n', complete("\n");
    else if (kind < 28 && can_complete() && model.size > 0)
        typed = '\x04', complete("");
    else if (kind == 28)
        typed = '\x03', model.size = 0, model.first = model.last, model.interrupts++;
    else if (model.size < 40)
        model.edited[model.size++] = typed;
    else
        return;
    CHECK_EQ(line_input(&line, (const uint8_t *)&typed, 1, now), 1);
    show();
    CHECK_EQ(interrupts, model.interrupts);
    if (typed == '\x04' || typed == '\x03')
        CHECK_EQ(line_write(&line, (const uint8_t *)"\n", 1, now), 1);
    if (typed == '\x04' || typed == '\x03' || typed == '\n')
        prompt();
}

static void read_some(void)
{
    uint8_t bytes[ROW];
    const size_t size = 1 + (size_t)check_below(50);
    const unsigned first = model.first % LINES;
    const int n = line_read(&line, bytes, size, false, now);

    if (model.first == model.last) {
        CHECK_EQ(n, LINE_AGAIN);
        return;
    }
    const size_t wanted = size < model.ready_size[first] ? size : model.ready_size[first];
    CHECK_EQ(n, wanted);
    CHECK(memcmp(bytes, model.ready[first], wanted) == 0);
    model.ready_size[first] -= wanted;
    memmove(model.ready[first], model.ready[first] + wanted, model.ready_size[first]);
    if (model.ready_size[first] == 0)
        model.first++;
}

static void say_in_log(void)
{
    static const uint8_t text[] = "kernel: something\nsupervisor: another\n";

    CHECK(line_log(&line, text, sizeof text - 1, now));
    now += LINE_QUIET;
    line_tick(&line, now);
}

int main(int argc, char **argv)
{
    static const struct line_events events = {.signal = on_signal};

    check_begin(argc, argv);
    line_init(&line, &events);
    memset(screen.row, ' ', ROW);
    prompt();
    for (unsigned i = 0; i < 200000; i++) {
        const uint64_t what = check_below(40);
        if (what == 0)
            say_in_log();
        else if (what < 6)
            read_some();
        else
            key();
        show();
        check_row();
        now += check_below(2) ? 0 : LINE_QUIET;
    }
    CHECK(interrupts > 1000);
    return check_end();
}
