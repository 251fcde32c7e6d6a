/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: everything that can be done to a line discipline, in any order, with any settings. Promises: the numbers of its rings keep
 * their order (L3), no ring holds more than it can, what is read was typed, an echo has its room (L2), nothing loops.
 */
#include <line.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct line line;
static uint64_t now;
static struct {
    const uint8_t *data;
    size_t left;
} from;

static uint8_t next(void)
{
    if (from.left == 0)
        return 0;
    from.left--;
    return *from.data++;
}

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void signal_group(void *context, enum line_signal signal)
{
    (void)context;
    require(signal >= LINE_INTERRUPT && signal <= LINE_RESIZED);
}

static void check(void)
{
    const uint32_t all = line.tail - line.head, ready = line.committed - line.head;

    require(all <= LINE_INPUT && ready <= all);
    require(line.out_tail - line.out_head <= LINE_OUTPUT);
    require(line.log_size <= LINE_LOG && line.begun_size <= LINE_BEGUN + 1);
    require((line.settings.local & TERMINAL_ICANON) || line.committed == line.tail);
    if (line_is_writable(&line))
        require(LINE_OUTPUT - (line.out_tail - line.out_head) >= LINE_ECHO_MAX);
}

static void set(void)
{
    struct terminal_attributes settings = line.settings;

    switch (next() % 5) {
    case 0: settings.local = next() | next() << 8 | next() << 16; break;
    case 1: settings.input = next() | next() << 8 | next() << 16; break;
    case 2: settings.output = next() | next() << 8 | next() << 16; break;
    default: settings.characters[next() % sizeof settings.characters] = next();
    }
    line_set(&line, &settings, next() & 1);
}

/* The same bytes many times: full rings are reached. */
static void type(void)
{
    static uint8_t bytes[2048];
    const size_t count = next() & 1 ? sizeof bytes : next();
    const size_t taken_from = from.left < 32 ? from.left : 32;

    for (size_t i = 0; i < count; i++)
        bytes[i] = taken_from ? from.data[i % taken_from] : (uint8_t)i;
    require(line_input(&line, bytes, count, now) <= count);
}

static void write(void)
{
    static uint8_t bytes[LINE_LOG];
    const size_t count = next() * 8;

    memset(bytes, next(), sizeof bytes);
    require(line_write(&line, bytes, count, now) <= count);
}

static void read(void)
{
    uint8_t bytes[256];
    const size_t size = next();
    const bool readable = line_is_readable(&line, now);
    const uint32_t waiting = line_waiting(&line);
    const int n = line_read(&line, bytes, size, next() & 1, now);

    require(n >= LINE_AGAIN && n <= (int)size && n <= (int)waiting);
    if (readable && size == 255)
        require(n != LINE_AGAIN);
}

static void act(void)
{
    static const uint8_t text[] = "supervisor: a line of the log\n";
    uint8_t bytes[512];

    switch (next() % 9) {
    case 0: set(); break;
    case 1:
    case 2: type(); break;
    case 3: write(); break;
    case 4: read(); break;
    case 5: require(line_output(&line, bytes, sizeof bytes) <= sizeof bytes); break;
    case 6: (void)line_log(&line, text, sizeof text - 1, now); break;
    case 7: line_flow(&line, next() % 4); break;
    default: next() & 1 ? line_flush_input(&line) : line_flush_output(&line);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct line_events events = {.signal = signal_group};

    from.data = data;
    from.left = size;
    now = 0;
    line_init(&line, &events);
    for (unsigned n = 0; n < 200 && from.left > 0; n++) {
        now += next() * UINT64_C(10000000);
        act();
        line_tick(&line, now);
        require(line_deadline(&line) > 0);
        check();
    }
    return 0;
}
