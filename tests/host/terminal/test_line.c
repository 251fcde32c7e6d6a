/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line discipline, case by case: what is typed on the left, what is shown and read on the right.
 */
#include "check.h"
#include <line.h>

#define TENTH UINT64_C(100000000)

static struct line line;
static uint64_t now;
static unsigned signals[8];
static char shown[65536];

static void on_signal(void *context, enum line_signal signal)
{
    (void)context;
    signals[signal]++;
}

static void put_off(void *context, enum line_signal signal)
{
    on_signal(context, signal);
    line.put_off = now + TENTH;
}

static void begin(void)
{
    static const struct line_events events = {.signal = on_signal};

    memset(signals, 0, sizeof signals);
    now = TENTH;
    line_init(&line, &events);
}

static size_t type_bytes(const char *text, size_t size)
{
    return line_input(&line, (const uint8_t *)text, size, now);
}

static void type(const char *text)
{
    CHECK_EQ(type_bytes(text, strlen(text)), strlen(text));
}

/* What has been sent since the last time. */
static const char *screen(void)
{
    size_t n = 0, got;

    while ((got = line_output(&line, (uint8_t *)shown + n, sizeof shown - 1 - n)) > 0)
        n += got;
    shown[n] = '\0';
    return shown;
}

/* What a read of `size` gets; "again" if it would have to wait. */
static const char *get(size_t size)
{
    static char bytes[LINE_INPUT + 1];
    const int n = line_read(&line, (uint8_t *)bytes, size, false, now);

    if (n == LINE_AGAIN)
        return "again";
    bytes[n] = '\0';
    return bytes;
}

static void set_local(uint32_t on, uint32_t off)
{
    struct terminal_attributes settings = line.settings;

    settings.local = (settings.local | on) & ~off;
    line_set(&line, &settings, false);
}

static void set_input(uint32_t on, uint32_t off)
{
    struct terminal_attributes settings = line.settings;

    settings.input = (settings.input | on) & ~off;
    line_set(&line, &settings, false);
}

static void set_raw(uint8_t least, uint8_t tenths)
{
    struct terminal_attributes settings = line.settings;

    settings.local &= ~(uint32_t)(TERMINAL_ICANON | TERMINAL_ECHO);
    settings.characters[TERMINAL_VMIN] = least;
    settings.characters[TERMINAL_VTIME] = tenths;
    line_set(&line, &settings, false);
}

static void test_lines(void)
{
    begin();
    type("ab");
    CHECK_TEXT(get(10), "again");
    CHECK(!line_is_readable(&line, now));
    type("c\rde\n");
    CHECK(line_is_readable(&line, now));
    CHECK_TEXT(screen(), "abc\r\nde\r\n");
    CHECK_EQ(line_waiting(&line), 7);
    CHECK_TEXT(get(2), "ab");
    CHECK_TEXT(get(10), "c\n");
    CHECK_TEXT(get(10), "de\n");
    CHECK_TEXT(get(10), "again");
}

static void test_editing(void)
{
    begin();
    type("ab\x7f"
         "c\n");
    CHECK_TEXT(screen(), "ab\b \bc\r\n");
    CHECK_TEXT(get(10), "ac\n");
    type("\x7f\x7f");
    CHECK_TEXT(screen(), "");
    type("one two  \x17x\n");
    CHECK_TEXT(screen(), "one two  \b \b\b \b\b \b\b \b\b \bx\r\n");
    CHECK_TEXT(get(20), "one x\n");
    type("a\001b\x15z\n"); /* ^A takes two columns */
    CHECK_TEXT(screen(), "a^Ab\b \b\b \b\b \b\b \bz\r\n");
    CHECK_TEXT(get(20), "z\n");
    type("ab\x12"
         "c\n");
    CHECK_TEXT(screen(), "ab^R\r\nabc\r\n");
    CHECK_TEXT(get(20), "abc\n");
    type("\xc3\xa4\x7fo\n"); /* one character of two bytes */
    CHECK_TEXT(screen(), "\xc3\xa4\b \bo\r\n");
    CHECK_TEXT(get(20), "o\n");
    (void)line_write(&line, (const uint8_t *)"$ ", 2, now);
    type("a\t\x7f\n"); /* from column 3 to 8 */
    CHECK_TEXT(screen(), "$ a\t\b \b\b \b\b \b\b \b\b \b\r\n");
    CHECK_TEXT(get(20), "a\n");
    type("\x16\x03\x16\x7f\n");
    CHECK_TEXT(get(20), "\x03\x7f\n");
    CHECK_EQ(signals[LINE_INTERRUPT], 0);
}

static void test_echo_flags(void)
{
    begin();
    set_local(0, TERMINAL_ECHO);
    type("secret\x7f\n");
    CHECK_TEXT(screen(), "");
    CHECK_TEXT(get(20), "secre\n");
    set_local(TERMINAL_ECHONL, 0);
    type("x\n");
    CHECK_TEXT(screen(), "\r\n");
    set_local(TERMINAL_ECHO, TERMINAL_ECHOE | TERMINAL_ECHOKE | TERMINAL_ECHOCTL);
    type("ab\x7f\x15");
    CHECK_TEXT(screen(), "ab\x7f\x15\r\n");
    set_local(0, TERMINAL_ECHOK);
    type("ab\x15");
    CHECK_TEXT(screen(), "ab\x15");
}

static void test_end_of_file(void)
{
    begin();
    type("\x04");
    CHECK_TEXT(get(10), "");
    CHECK_TEXT(get(10), "again");
    type("abc\x04");
    CHECK_TEXT(screen(), "abc");
    CHECK_TEXT(get(3), "abc"); /* the end belongs to this read, not to the next */
    CHECK_TEXT(get(3), "again");
    type("abcd\x04"
         "e\n");
    CHECK_TEXT(get(3), "abc");
    CHECK_TEXT(get(3), "d");
    CHECK_TEXT(get(3), "e\n");
    struct terminal_attributes settings = line.settings;
    settings.characters[TERMINAL_VEOL] = ';';
    line_set(&line, &settings, false);
    type("a;b");
    CHECK_TEXT(get(9), "a;");
    CHECK_TEXT(get(9), "again");
}

static void test_signals(void)
{
    begin();
    type("line\nabc\x03");
    CHECK_EQ(signals[LINE_INTERRUPT], 1);
    CHECK_TEXT(screen(), "^C"); /* what had not been sent is flushed, too */
    CHECK_TEXT(get(10), "again");
    type("d\n");
    CHECK_TEXT(get(10), "d\n");
    type("\x1c\x1a");
    CHECK_EQ(signals[LINE_QUIT], 1);
    CHECK_EQ(signals[LINE_SUSPEND], 1);
    set_local(TERMINAL_NOFLSH, 0);
    type("ab\x03"
         "c\n");
    CHECK_EQ(signals[LINE_INTERRUPT], 2);
    CHECK_TEXT(get(10), "abc\n");
    set_local(0, TERMINAL_ISIG);
    type("\x03\n");
    CHECK_EQ(signals[LINE_INTERRUPT], 2);
    CHECK_TEXT(get(10), "\x03\n");
    const struct terminal_size window = {.rows = 50, .columns = 132};
    line_set_window(&line, &window);
    line_set_window(&line, &window);
    CHECK_EQ(signals[LINE_RESIZED], 1);
}

static void test_mapping(void)
{
    begin();
    set_input(TERMINAL_IGNCR, 0);
    type("a\r\n");
    CHECK_TEXT(get(10), "a\n");
    set_input(TERMINAL_INLCR, TERMINAL_ICRNL | TERMINAL_IGNCR);
    type("a\n\x04");
    CHECK_TEXT(get(10), "a\r");
    set_input(TERMINAL_ISTRIP | TERMINAL_ICRNL, TERMINAL_INLCR);
    type("\xe1\r");
    CHECK_TEXT(get(10), "a\n");
}

static void test_output(void)
{
    begin();
    CHECK_EQ(line_write(&line, (const uint8_t *)"a\nb\r\n", 5, now), 5);
    CHECK_TEXT(screen(), "a\r\nb\r\r\n");
    line.settings.output |= TERMINAL_XTABS | TERMINAL_OCRNL;
    CHECK_EQ(line_write(&line, (const uint8_t *)"ab\tc\r", 5, now), 5);
    CHECK_TEXT(screen(), "ab      c\n");
    line.settings.output = TERMINAL_OPOST | TERMINAL_ONOCR;
    CHECK_EQ(line_write(&line, (const uint8_t *)"\rx\r\ry", 5, now), 5);
    CHECK_TEXT(screen(), "x\ry");
    line.settings.output &= ~(uint32_t)TERMINAL_OPOST;
    CHECK_EQ(line_write(&line, (const uint8_t *)"\n\t\r", 3, now), 3);
    CHECK_TEXT(screen(), "\n\t\r");
}

static void test_flow(void)
{
    begin();
    type("\x13");
    CHECK_EQ(line_write(&line, (const uint8_t *)"abc", 3, now), 3);
    CHECK(!line_has_output(&line) && !line_is_drained(&line));
    CHECK_TEXT(screen(), "");
    type("\x11");
    CHECK_TEXT(screen(), "abc");
    CHECK(line_is_drained(&line));
    line_flow(&line, TERMINAL_FLOW_HOLD);
    CHECK_EQ(line_write(&line, (const uint8_t *)"abc", 3, now), 3);
    CHECK_TEXT(screen(), "");
    set_input(TERMINAL_IXANY, 0);
    type("x");
    CHECK_TEXT(screen(), "abcx");
    line_flow(&line, TERMINAL_FLOW_SEND_STOP);
    CHECK_TEXT(screen(), "\x13");
    line_flow(&line, TERMINAL_FLOW_SEND_START);
    CHECK_TEXT(screen(), "\x11");
    type("\x13");
    (void)line_write(&line, (const uint8_t *)"gone", 4, now);
    line_flush_output(&line);
    type("\x11");
    CHECK_TEXT(screen(), "");
}

/* A stopped terminal that is full still hears START, and the character of a signal. */
static void test_full_and_stopped(void)
{
    static char many[3 * LINE_OUTPUT];

    begin();
    memset(many, 'x', sizeof many);
    type("\x13");
    size_t lines = 0;
    while (type_bytes("yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\n", 32) == 32)
        lines++;
    CHECK(lines > 10);
    CHECK_EQ(type_bytes("abc\x11", 4), 0);
    CHECK(!line.stopped);
    begin();
    type("\x13");
    CHECK(line_write(&line, (const uint8_t *)many, sizeof many, now) <= LINE_WRITTEN);
    CHECK(!line_is_writable(&line));
    while (type_bytes("y\n", 2) == 2)
        ;
    CHECK_EQ(type_bytes("abc\x03zz", 6), 6);
    CHECK_EQ(signals[LINE_INTERRUPT], 1);
    CHECK_TEXT(screen(), "^Czz");
    CHECK_TEXT(get(9), "again");
}

static void test_raw(void)
{
    begin();
    set_raw(1, 0);
    CHECK_TEXT(get(9), "again");
    type("a\rb\x04\x7f");
    CHECK_TEXT(get(3), "a\nb");
    CHECK_TEXT(get(3), "\x04\x7f");
    CHECK_TEXT(screen(), "");
    set_raw(3, 0);
    type("ab");
    CHECK(!line_is_readable(&line, now));
    CHECK_TEXT(get(9), "again");
    CHECK_TEXT(get(2), "ab"); /* who wants less than VMIN gets it */
    CHECK_TEXT(get(1), "again");
    type("x");
    CHECK(line_is_readable(&line, now));
    CHECK_TEXT(get(1), "x");
    uint8_t bytes[4];
    type("y");
    CHECK_EQ(line_read(&line, bytes, 4, true, now), 1); /* O_NONBLOCK: what there is */
    CHECK_EQ(line_read(&line, bytes, 4, true, now), LINE_AGAIN);
    set_raw(0, 0);
    CHECK_TEXT(get(9), "");
    CHECK(!line_is_readable(&line, now));
}

static void test_raw_times(void)
{
    begin();
    set_raw(3, 2);
    CHECK_TEXT(get(9), "again");
    CHECK_EQ(line_deadline(&line), LINE_NEVER);
    type("a");
    CHECK_TEXT(get(9), "again");
    CHECK_EQ(line_deadline(&line), now + 2 * TENTH);
    now += TENTH;
    type("b");
    now += 2 * TENTH - 1;
    CHECK_TEXT(get(9), "again");
    now += 1;
    CHECK(line_is_readable(&line, now));
    CHECK_TEXT(get(9), "ab");
    set_raw(0, 3);
    CHECK_TEXT(get(9), "again");
    CHECK_EQ(line_deadline(&line), now + 3 * TENTH);
    now += 3 * TENTH;
    CHECK(line_is_readable(&line, now));
    CHECK_TEXT(get(9), "");
    CHECK_TEXT(get(9), "again"); /* the next read has its own time */
    type("q");
    CHECK_TEXT(get(9), "q");
}

static void test_modes(void)
{
    begin();
    type("abc");
    set_raw(1, 0);
    CHECK_TEXT(get(2), "ab"); /* what was being edited can be read */
    set_local(TERMINAL_ICANON, 0);
    CHECK_TEXT(get(9), "c"); /* what nobody read is a line */
    type("d\n");
    CHECK_TEXT(get(9), "d\n");
    type("ab\x04");
    set_raw(1, 0);
    CHECK_TEXT(get(9), "ab");
}

static void test_long_line(void)
{
    begin();
    for (int i = 0; i < LINE_INPUT + 100; i++)
        type("x");
    screen();
    type("y");
    CHECK_TEXT(screen(), "\a");
    type("\n");
    CHECK_EQ(strlen(get(LINE_INPUT)), LINE_INPUT);
    for (int i = 0; i < LINE_INPUT; i++) {
        type(i % 2 ? "\x01" : "\t");
        screen();
    }
    type("\x12");
    CHECK(strlen(screen()) > LINE_INPUT);
    type("\x15");
    CHECK_TEXT(screen(), "^U\r\n");
    CHECK_TEXT(get(9), "again");
}

/* Lines that are complete hold input back, and none is lost. */
static void test_paste(void)
{
    char text[64];
    uint64_t sent = 0, got = 0, taken = 0;

    begin();
    while (got < 4000) {
        const int size = snprintf(text, sizeof text, "line %llu\n", (unsigned long long)sent);
        if (taken < (uint64_t)size)
            taken += type_bytes(text + taken, (size_t)size - taken);
        if (taken == (uint64_t)size) {
            sent++;
            taken = 0;
        } else {
            snprintf(text, sizeof text, "line %llu\n", (unsigned long long)got++);
            CHECK_TEXT(get(64), text);
            screen();
        }
    }
    set_input(TERMINAL_IXOFF, 0);
    screen();
    while (type_bytes("0123456\n", 8) == 8)
        (void)line_output(&line, (uint8_t *)shown, 1);
    CHECK(line.held);
    unsigned lines = 0;
    while (line.held && strcmp(get(9), "again") != 0)
        lines++;
    CHECK(lines > 10 && !line.held);
}

static const char log_line[] = "supervisor: x\n";

static void test_log(void)
{
    begin();
    CHECK(line_log(&line, (const uint8_t *)log_line, sizeof log_line - 1, now));
    CHECK_TEXT(screen(), "supervisor: x\r\n");
    (void)line_write(&line, (const uint8_t *)"half a ", 7, now);
    CHECK(line_log(&line, (const uint8_t *)log_line, sizeof log_line - 1, now));
    CHECK_TEXT(screen(), "half a ");
    (void)line_write(&line, (const uint8_t *)"line\n", 5, now);
    line_tick(&line, now);
    CHECK_TEXT(screen(), "line\r\nsupervisor: x\r\n");
    (void)line_write(&line, (const uint8_t *)"$ ", 2, now);
    type("ca");
    CHECK(line_log(&line, (const uint8_t *)log_line, sizeof log_line - 1, now));
    CHECK_TEXT(screen(), "$ ca");
    CHECK_EQ(line_deadline(&line), now + LINE_QUIET);
    now += LINE_QUIET;
    line_tick(&line, now);
    CHECK_TEXT(screen(), "\r\nsupervisor: x\r\n$ ca");
    CHECK_EQ(line_deadline(&line), LINE_NEVER);
    type("t\x7f\x7f\x7f"); /* the column is still that of the prompt */
    CHECK_TEXT(screen(), "t\b \b\b \b\b \b");
    for (unsigned i = 0; i < 20; i++) { /* somebody who writes all the time, and ends no line */
        (void)line_write(&line, (const uint8_t *)".", 1, now);
        if (i == 0)
            CHECK(line_log(&line, (const uint8_t *)log_line, sizeof log_line - 1, now));
        line_tick(&line, now);
        now += TENTH;
    }
    CHECK(strstr(screen(), "\r\nsupervisor: x\r\n") != NULL);
    CHECK(line_log(&line, (const uint8_t *)"end\n", 4, now) && line_log_waits(&line));
    line_tick(&line, LINE_NEVER);
    CHECK(!line_log_waits(&line) && strstr(screen(), "\r\nend\r\n") != NULL);
    begin();
    type("\x13");
    unsigned taken = 0;
    while (line_log(&line, (const uint8_t *)log_line, sizeof log_line - 1, now))
        taken++;
    CHECK_EQ(taken, LINE_LOG / (sizeof log_line - 1));
    CHECK_TEXT(screen(), "");
    type("\x11");
    line_tick(&line, now);
    CHECK_EQ(strlen(screen()), taken * sizeof log_line);
}

/* What is typed behind a signal waits, for what is not later than this moment. */
static void test_put_off(void)
{
    begin();
    line.events.signal = put_off;
    CHECK_EQ(type_bytes("ab\003cd\n", 6), 3);
    CHECK_EQ(signals[LINE_INTERRUPT], 1);
    CHECK_EQ(line_deadline(&line), now + TENTH);
    CHECK_EQ(type_bytes("cd\n", 3), 0);
    CHECK(strcmp(get(10), "again") == 0);
    now += TENTH;
    type("cd\n");
    CHECK(strcmp(get(10), "cd\n") == 0);
    CHECK_EQ(type_bytes("\003x", 2), 1);
    line.put_off = 0;
    type("x\n");
    CHECK(strcmp(get(10), "x\n") == 0);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_lines();
    test_editing();
    test_echo_flags();
    test_end_of_file();
    test_signals();
    test_put_off();
    test_mapping();
    test_output();
    test_flow();
    test_full_and_stopped();
    test_raw();
    test_raw_times();
    test_modes();
    test_long_line();
    test_paste();
    test_log();
    return check_end();
}
