/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serial lines: bytes come through whole and in order, by interrupts alone; whatever the registers say, nothing loops; killed at
 * any access and started again, one byte of output is repeated at most and none lost, one of input is lost at most and none
 * repeated (wharf/tty_ring.h, Q1; libsys/driver/tty_device.h, U2).
 */
#include "../../check.h"
#include "server.h"

static const struct uart_kind *const kinds[] = {&pl011_kind, &ns16550_kind_under_test,
                                                &plain_8250_kind, &mini_uart_kind};
static struct server server;
static uint8_t text[WIRE_BYTES];
static uint16_t script[WIRE_BYTES];

static struct uart_wires *wires(void)
{
    return server.kind->wires(server.kind->model());
}

/* Neighbours differ, so that a byte that is repeated or lost is seen. */
static void set_task(unsigned output, unsigned input)
{
    for (unsigned i = 0; i < output; i++)
        text[i] = (uint8_t)(i * 7 + (i >> 8));
    for (unsigned i = 0; i < input; i++)
        script[i] = (uint8_t)(i * 5 + (i >> 8));
    server.to_send = text;
    server.to_send_count = output;
    wires()->script = script;
    wires()->script_count = input;
}

static void check_all_came(void)
{
    CHECK_EQ(wires()->sent_count, server.to_send_count);
    CHECK_EQ(memcmp(wires()->sent, text, server.to_send_count), 0);
    CHECK_EQ(server.got_count, wires()->script_count);
    for (unsigned i = 0; i < server.got_count; i++)
        CHECK_EQ(server.got[i], script[i] & 0xff);
    CHECK_EQ(wires()->overruns, 0);
    CHECK_EQ(wires()->emptied, 0);
    CHECK_EQ(wires()->torn, 0);
}

static void test_transfer(const struct uart_kind *kind)
{
    for (unsigned round = 0; round < 16; round++) {
        server_create(&server, kind, round & 1);
        set_task((unsigned)check_below(6000), (unsigned)check_below(6000));
        CHECK_EQ(server_start(&server, kind->clock, NULL), KERN_SUCCESS);
        server_serve(&server);
        check_all_came();
        CHECK_EQ(server.device->statistics.sent, server.to_send_count);
        CHECK_EQ(server.device->statistics.received, server.got_count);
        CHECK_EQ(server.device->settings.baud / 1000, 115);
    }
}

/* The driver is slow: the FIFO drains between any two of its accesses. */
static void test_slow_driver(const struct uart_kind *kind)
{
    server_create(&server, kind, true);
    set_task(5000, 0);
    CHECK_EQ(server_start(&server, kind->clock, NULL), KERN_SUCCESS);
    server.stage.jitter = 200 * DEVICE_MICROSECOND;
    server_serve(&server);
    check_all_came();
}

/* The client reads slowly; flow control keeps input from being lost, where there is some. */
static void test_slow_client(const struct uart_kind *kind)
{
    struct tty_settings settings = TTY_DEFAULT_SETTINGS;

    settings.flow_control = TTY_RTS_CTS;
    server_create(&server, kind, true);
    set_task(100, 9000);
    server.slow = 300 * DEVICE_MILLISECOND;
    CHECK_EQ(server_start(&server, kind->clock, &settings), KERN_SUCCESS);
    server_serve(&server);
    if (server.device->settings.flow_control == TTY_RTS_CTS) {
        check_all_came();
    } else {
        CHECK_EQ(kind == &plain_8250_kind, true);
        CHECK(wires()->overruns > 0 && server.device->statistics.overruns > 0);
        CHECK_EQ(server.got_count + wires()->overruns, 9000);
        CHECK(server.device->statistics.overruns <= wires()->overruns);
    }
}

/* Firmware's line is taken over without a byte torn, and rate and format are not written at all. */
static void test_live(const struct uart_kind *kind)
{
    for (unsigned known = 0; known < 2; known++) {
        server_create(&server, kind, true);
        set_task(300, 300);
        uint32_t before = kind->divisor(kind->model());
        for (unsigned n = 0; n < kind->most_at_once; n++)
            CHECK(uart_push(&wires()->tx, (uint8_t)(0x80 + n)));
        CHECK_EQ(server_start(&server, known ? kind->clock : 0, &TTY_DEFAULT_SETTINGS),
                 KERN_SUCCESS);
        CHECK_EQ(kind->divisor(kind->model()), before);
        CHECK_EQ(server.device->settings.baud, 115200);
        server_serve(&server);
        CHECK_EQ(wires()->sent_count, 300 + kind->most_at_once);
        CHECK_EQ(memcmp(wires()->sent + kind->most_at_once, text, 300), 0);
        CHECK_EQ(wires()->torn + wires()->emptied, 0);
    }
}

static void expect_settings(struct tty_settings s, kern_return_t expected)
{
    struct tty_settings before = server.device->settings;
    uint32_t divisor = server.kind->divisor(server.kind->model());

    CHECK_EQ(server.device->ops->set_settings(server.device, &s), expected);
    if (expected == KERN_SUCCESS) {
        CHECK_EQ(memcmp(&server.device->settings, &s, sizeof s), 0);
    } else {
        CHECK_EQ(memcmp(&server.device->settings, &before, sizeof s), 0);
        CHECK_EQ(divisor, server.kind->divisor(server.kind->model()));
    }
}

/* Off, without FIFOs, but a byte has come in: turning the FIFO on would lose it. */
static void test_early_byte(const struct uart_kind *kind)
{
    if (kind != &pl011_kind)
        return; /* the others wait for a quiet moment */
    server_create(&server, kind, false);
    CHECK(uart_push(&wires()->rx, 'e'));
    CHECK_EQ(server_start(&server, kind->clock, NULL), KERN_SUCCESS);
    CHECK_EQ(tty_pump_input(server.device, &server.in, NULL), TTY_PUMP_DONE);
    CHECK_EQ(server.in.put, 1);
    CHECK_EQ(server.in.bytes[0], 'e');
    CHECK_EQ(wires()->emptied, 0);
}

static void test_settings(const struct uart_kind *kind)
{
    bool mini = kind == &mini_uart_kind;
    struct tty_settings s = TTY_DEFAULT_SETTINGS, bad;

    server_create(&server, kind, true);
    CHECK_EQ(server_start(&server, kind->clock, NULL), KERN_SUCCESS);
    s.baud = 57600;
    expect_settings(s, KERN_SUCCESS);
    CHECK(tty_rates_agree(DEVICE_SECOND * 10 / wires()->byte_time, 57600));
    s.data_bits = 7;
    expect_settings(s, KERN_SUCCESS);
    s.parity = TTY_PARITY_ODD;
    expect_settings(s, mini ? KERN_NOT_SUPPORTED : KERN_SUCCESS);
    s.stop_bits = 2;
    expect_settings(s, mini ? KERN_NOT_SUPPORTED : KERN_SUCCESS);
    for (unsigned n = 0; n < 9; n++) {
        bad = TTY_DEFAULT_SETTINGS;
        uint32_t *const fields[] = {&bad.baud,      &bad.baud,      &bad.data_bits,
                                    &bad.data_bits, &bad.stop_bits, &bad.stop_bits,
                                    &bad.parity,    &bad.zero,      &bad.flow_control};
        const uint32_t values[] = {0, UINT32_MAX, 4, 9, 0, 3, 3, 1, 2};
        *fields[n] = values[n];
        expect_settings(bad, KERN_INVALID_ARGUMENT);
    }
    bad = TTY_DEFAULT_SETTINGS;
    bad.baud = 99000000; /* faster than any clock here allows */
    expect_settings(bad, KERN_NOT_SUPPORTED);
    /* Nobody knows the clock: another rate cannot be had, another format can. */
    server.device->ops->set_clock(server.device, 0);
    server.device->settings.baud = 57600;
    s = TTY_DEFAULT_SETTINGS;
    expect_settings(s, KERN_NOT_SUPPORTED);
    s.baud = 57600;
    expect_settings(s, KERN_SUCCESS);
    /* The other end holds it up. */
    server.device->ops->set_clock(server.device, kind->clock);
    wires()->stuck = true;
    CHECK(server.device->ops->put(server.device, 'x'));
    stage_pass(&server.stage, server.stage.now + DEVICE_MILLISECOND, false);
    uint64_t before = server.stage.now;
    s.baud = 9600;
    expect_settings(s, KERN_OPERATION_TIMED_OUT);
    CHECK(server.stage.now - before < 2 * TTY_DEVICE_PATIENCE);
}

static void test_stuck_at_start(const struct uart_kind *kind)
{
    struct tty_settings s = TTY_DEFAULT_SETTINGS;

    server_create(&server, kind, true);
    CHECK(uart_push(&wires()->tx, 'x'));
    wires()->stuck = true;
    stage_pass(&server.stage, server.stage.now + DEVICE_MILLISECOND, false);
    s.baud = 9600;
    CHECK_EQ(server_start(&server, kind->clock, &s), KERN_SUCCESS); /* it can still receive */
    CHECK_EQ(server.stage.log_lines, 1);
    CHECK_EQ(server.device->settings.baud / 1000, 115);
    CHECK_EQ(wires()->torn + wires()->emptied, 0);
}

/* Off, and nobody knows its clock: it is on afterwards, at whatever rate; it does not say which. */
static void test_no_clock(const struct uart_kind *kind)
{
    server_create(&server, kind, false);
    CHECK_EQ(server_start(&server, 0, NULL), KERN_SUCCESS);
    CHECK_EQ(server.device->settings.baud, 0);
    CHECK_EQ(server.device->settings.data_bits, 8);
    CHECK_EQ(server.stage.log_lines, 1);
    CHECK_EQ(kind->divisor(kind->model()), 0);
}

static void test_errors(const struct uart_kind *kind)
{
    if (!kind->has_errors)
        return;
    server_create(&server, kind, true);
    set_task(0, 100);
    script[10] |= kind->framing;
    script[20] |= kind->parity;
    script[30] = kind->broken | kind->framing;
    script[31] = kind->broken | kind->framing;
    CHECK_EQ(server_start(&server, kind->clock, NULL), KERN_SUCCESS);
    server_serve(&server);
    CHECK_EQ(server.got_count, 96);
    CHECK_EQ(server.device->statistics.framing_errors, 1);
    CHECK_EQ(server.device->statistics.parity_errors, 1);
    CHECK_EQ(server.device->statistics.breaks, 2);
    CHECK_EQ(server.device->statistics.overruns, 0);
}

/* Nobody serves for a while. */
static void test_overrun(const struct uart_kind *kind)
{
    server_create(&server, kind, true);
    set_task(0, 200);
    CHECK_EQ(server_start(&server, kind->clock, NULL), KERN_SUCCESS);
    stage_pass(&server.stage, server.stage.now + 10 * DEVICE_MILLISECOND, false);
    server_serve(&server);
    CHECK(wires()->overruns > 0);
    CHECK(server.device->statistics.overruns > 0);
    CHECK(server.device->statistics.overruns <= wires()->overruns);
    CHECK_EQ(server.got_count + wires()->overruns, 200);
}

static void test_rings(const struct uart_kind *kind)
{
    server_create(&server, kind, true);
    set_task(0, 10);
    CHECK_EQ(server_start(&server, kind->clock, NULL), KERN_SUCCESS);
    server.out.put = TTY_RING_BYTES + 1;
    CHECK_EQ(tty_pump_output(server.device, &server.out), TTY_PUMP_BROKEN);
    server.in.taken = 1;
    CHECK_EQ(tty_pump_input(server.device, &server.in, NULL), TTY_PUMP_BROKEN);
    stage_pass(&server.stage, server.stage.now + 5 * DEVICE_MILLISECOND, false);
    CHECK_EQ(tty_pump_input(server.device, NULL, NULL), TTY_PUMP_DONE);
    CHECK_EQ(wires()->rx.count, 0);
    CHECK(server.device->statistics.received > 0);
    /* Across the end of the numbers. */
    server.out.put = server.out.taken = UINT32_MAX - 10;
    set_task(100, 0);
    server.in.put = server.in.taken = 0;
    server_serve(&server);
    CHECK_EQ(memcmp(wires()->sent, text, 100), 0);
}

/* A client that does not read: no interrupts for nothing, and input goes on when it does. */
static void test_held(const struct uart_kind *kind)
{
    server_create(&server, kind, true);
    set_task(0, TTY_RING_BYTES + 5);
    CHECK_EQ(server_start(&server, kind->clock, NULL), KERN_SUCCESS);
    while (server.in.put < TTY_RING_BYTES) {
        CHECK(server.stage.environment.wait_interrupt(&server.stage, 0,
                                                      server.stage.now + DEVICE_SECOND));
        CHECK_EQ(server.device->ops->interrupt(server.device), TTY_EVENT_INPUT);
        (void)tty_pump_input(server.device, &server.in, NULL);
    }
    CHECK_EQ(tty_pump_input(server.device, &server.in, NULL), TTY_PUMP_WAITS);
    stage_pass(&server.stage, server.stage.now + 10 * wires()->byte_time, false);
    CHECK(wires()->rx.count > 0);
    CHECK(!kind->device->line(kind->model()));
    server.in.taken = server.in.put;
    unsigned moved = 0;
    CHECK_EQ(tty_pump_input(server.device, &server.in, &moved), TTY_PUMP_DONE);
    CHECK_EQ(moved + wires()->overruns, 5);
}

/* Everything the server does, on whatever the registers say. */
static void use(struct server *s)
{
    struct tty_settings settings = TTY_DEFAULT_SETTINGS;

    if (server_start(s, s->kind->clock, NULL) != KERN_SUCCESS)
        return;
    for (unsigned n = 0; n < 20; n++) {
        unsigned moved;
        (void)s->device->ops->interrupt(s->device);
        s->in.put = s->in.taken = s->out.taken = 0;
        s->out.put = TTY_RING_BYTES;
        CHECK(tty_pump_input(s->device, &s->in, &moved) != TTY_PUMP_BROKEN);
        CHECK(moved <= TTY_RING_BYTES);
        CHECK(tty_pump_output(s->device, &s->out) != TTY_PUMP_BROKEN);
        s->device->ops->set_break(s->device, n & 1);
        settings.baud = n & 1 ? 9600 : 115200;
        if (n % 8 == 7)
            (void)s->device->ops->set_settings(s->device, &settings);
    }
    s->device->ops->stop(s->device);
}

static void test_faults(const struct uart_kind *kind)
{
    for (unsigned fault = FAULT_ONES; fault < FAULT_COUNT; fault++) {
        if (fault == FAULT_FLIPPED)
            continue; /* models are strict about what a sane driver writes */
        for (uint64_t from = 1; from < 200; from++)
            for (unsigned once = 0; once < 2; once++) {
                server_create(&server, kind, from & 1);
                set_task(0, 2000);
                wires()->lenient = true;
                server.stage.fault = fault;
                server.stage.fault_from = from;
                server.stage.fault_for = once ? 1 : UINT64_MAX;
                server.stage.most_accesses = 2000000;
                server.stage.latest = server.stage.now + 20 * TTY_DEVICE_PATIENCE;
                if (!once)
                    use(&server);
                else if (server_start(&server, kind->clock, NULL) == KERN_SUCCESS)
                    server.device->ops->stop(server.device);
            }
    }
    /* Nothing there at all. */
    for (unsigned fault = FAULT_ONES; fault <= FAULT_ZEROS; fault++) {
        server_create(&server, kind, true);
        server.stage.fault = fault;
        server.stage.fault_for = UINT64_MAX;
        CHECK_EQ(server_start(&server, kind->clock, NULL), KERN_FAILURE);
    }
}

/* What went out is the text, but that one byte may stand twice for each kill. */
static void check_output(unsigned kills)
{
    const struct uart_wires *w = wires();
    unsigned at = 0, repeated = 0;

    for (unsigned i = 0; i < w->sent_count; i++) {
        if (at < server.to_send_count && w->sent[i] == text[at]) {
            at++;
        } else {
            CHECK(at > 0 && w->sent[i] == text[at - 1]);
            repeated++;
        }
    }
    CHECK_EQ(at, server.to_send_count);
    CHECK(repeated <= kills);
}

static void check_input(unsigned kills)
{
    unsigned lost = 0, at = 0;

    for (unsigned i = 0; i < server.got_count; i++) {
        while (at < wires()->script_count && server.got[i] != (uint8_t)script[at])
            at++, lost++;
        CHECK(at < wires()->script_count);
        at++;
    }
    lost += wires()->script_count - at;
    CHECK(lost <= kills);
}

static void restart_and_serve(void *kind)
{
    CHECK_EQ(server_start(&server, ((const struct uart_kind *)kind)->clock, NULL), KERN_SUCCESS);
    server_serve(&server);
}

static void test_kills(const struct uart_kind *kind)
{
    uint64_t n;

    for (n = 1;; n++) {
        bool killed = false;
        for (unsigned after = 0; after < 2; after++) {
            server_create(&server, kind, n & 1);
            set_task(60, 60);
            server.stage.kill_at = n;
            server.stage.kill_after = after;
            killed = !stage_run(&server.stage, restart_and_serve, (void *)kind);
            if (killed)
                restart_and_serve((void *)kind);
            check_output(killed);
            check_input(killed);
            CHECK_EQ(wires()->overruns + wires()->emptied + wires()->torn, 0);
        }
        if (!killed)
            break;
    }
    CHECK(n > 100);
    printf("%s: killed at each of %llu accesses\n", kind->name, (unsigned long long)n);
    /* Again and again. */
    for (unsigned round = 0; round < 100; round++) {
        unsigned kills = 0;
        server_create(&server, kind, true);
        set_task(1000, 1000);
        for (bool killed = true; killed;) {
            server.stage.kill_at = server.stage.accesses + 1 + check_below(2000);
            server.stage.kill_after = check_random() & 1;
            killed = !stage_run(&server.stage, restart_and_serve, (void *)kind);
            kills += killed;
        }
        check_output(kills);
        check_input(kills);
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        test_transfer(kinds[i]);
        test_slow_driver(kinds[i]);
        test_slow_client(kinds[i]);
        test_live(kinds[i]);
        test_early_byte(kinds[i]);
        test_settings(kinds[i]);
        test_stuck_at_start(kinds[i]);
        test_no_clock(kinds[i]);
        test_errors(kinds[i]);
        test_overrun(kinds[i]);
        test_rings(kinds[i]);
        test_held(kinds[i]);
        test_faults(kinds[i]);
        test_kills(kinds[i]);
    }
    return check_end();
}
