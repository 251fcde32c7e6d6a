/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trace rings: masking, wrapping, and the merged print in the order of time.
 */
#include "check.h"
#include "stub/stub.h"

#include <kern/log.h>
#include <kern/trace.h>

enum { CPUS = 3 };

/* The number that follows `word` in the line at *at, which moves to the next line. */
static uint64_t number_after(const char *line, const char *word)
{
    const char *place = strstr(line, word);

    CHECK(place != NULL);
    return strtoull(place + strlen(word), NULL, 0);
}

/* Print `count` events; the lines must be the newest, in order: argument 0 counts them up. */
static void check_print(unsigned count, uint64_t total, uint64_t lines_expected)
{
    const char *at;
    uint64_t lines = 0;

    stub_console_clear();
    trace_print_last(count);
    for (at = stub_console; *at != '\0'; at = strchr(at, '\n') + 1)
        lines++;
    CHECK_EQ(lines, lines_expected);
    for (at = stub_console; *at != '\0'; at = strchr(at, '\n') + 1, lines--)
        CHECK_EQ(number_after(at, "thread left "), total - lines);
}

int main(int argc, char **argv)
{
    uint64_t total = 0;

    check_begin(argc, argv);
    check_print(10, 0, 0);
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        stub_become(cpu, true);
    for (unsigned round = 0; round < 50; round++) {
        for (uint64_t n = check_below(300); n > 0; n--) {
            stub_become((unsigned)check_below(CPUS), false);
            stub_now++;
            trace(TRACE_SCHED_SWITCH, total++, 0);
        }
        check_print(32, total, total < 32 ? total : 32);
    }

    trace_mask = ~(1u << (TRACE_SCHED_SWITCH / 16));
    trace(TRACE_SCHED_SWITCH, 1234, 5678);
    check_print(1, total, 1);
    stub_now++;
    trace(TRACE_TASK_EXIT, 0xabc, 7);
    stub_console_clear();
    trace_print_last(1);
    CHECK(strstr(stub_console, "task.exit (67), task 0xabc, status 0x7\r\n") != NULL);
    trace(TRACE_IRQ, 30, 99);
    trace_print_last(1);
    CHECK(strstr(stub_console, "irq (48), number 0x1e\r\n") != NULL);
    return check_end();
}
