/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recordings as the kernel makes them, and as it never would: `call FILE` writes a client's call that comes through a server and a driver to an interrupt and back;
 * `random FILE SEED` any events at all, or says why not; without arguments, what is refused.
 */
#include "check.h"

#include <recording.h>
#include <stdlib.h>
#include <string.h>
#include <timeline.h>

enum { SWITCH = 16, WAKE = 17, IDLE = 19, IRQ = 48, EXIT = 65, SEND = 96, RECEIVE = 97, NAME = 98 };
enum { ONEWAY, CALL, ANSWER, KERNEL };
enum { CLIENT = 1, SERVER, DRIVER };

static struct recording recording;
static uint64_t now = 5000;

static const char *name_of(uint32_t id)
{
    return id == 7 ? "disk.read" : NULL;
}

static void kind(unsigned number, const char *name)
{
    snprintf(recording.kind[number].name, RECORDING_WORD, "%s", name);
    snprintf(recording.kind[number].argument[0], RECORDING_WORD, "one");
    snprintf(recording.kind[number].argument[1], RECORDING_WORD, "0");
}

static void begin(void)
{
    recording_init(&recording);
    kind(SWITCH, "sched.switch");
    kind(WAKE, "sched.wake");
    kind(IDLE, "sched.idle");
    kind(IRQ, "irq");
    kind(33, "fault");
    kind(EXIT, "thread.exit");
    kind(SEND, "message.send");
    kind(RECEIVE, "message.receive");
    kind(NAME, "task.name");
    for (uint32_t n = CLIENT; n <= DRIVER; n++) {
        static const char *const names[] = {"", "client \"1\"", "server", "driver"};
        CHECK(recording_name_task(&recording, n, names[n], TASK_NAME_SIZE));
        CHECK(recording_name_thread(&recording, 10 * n, n, "", 0));
    }
}

static void add(unsigned cpu, uint32_t number, uint64_t argument0, uint64_t argument1)
{
    const struct host_debug_event event = {.moment = now += 100,
                                           .number = number,
                                           .argument0 = argument0,
                                           .argument1 = argument1};

    CHECK(recording_add(&recording, cpu, &event, 1));
}

static void message(unsigned cpu, uint32_t event, uint32_t number, uint64_t thread, uint64_t what)
{
    add(cpu, event, number | thread << 32, 7 | what << 32);
}

static bool write(const char *path, const char **error)
{
    FILE *file = fopen(path, "w");

    CHECK(file != NULL);
    const bool done = timeline_write(&recording, name_of, file, error);
    CHECK(fclose(file) == 0);
    return done;
}

static void record_call(void)
{
    add(0, SWITCH, 0, 10);
    add(0, 33, 0x1000, 1);
    message(0, SEND, 8, 10, CALL);
    add(0, SWITCH, 10, 20);
    message(0, RECEIVE, 8, 20, CALL);
    message(0, SEND, 16, 20, CALL);
    add(1, SWITCH, 0, 30);
    message(1, RECEIVE, 16, 30, CALL);
    add(0, IDLE, 0, 0);
    add(1, IDLE, 0, 0);
    add(1, IRQ, 79, 0);
    message(1, SEND, 25, 0, KERNEL);
    add(1, WAKE, 30, 1);
    add(1, SWITCH, 0, 30);
    message(1, RECEIVE, 25, 30, ONEWAY);
    message(1, SEND, 16, 30, ANSWER);
    add(0, SWITCH, 0, 20);
    message(0, RECEIVE, 16, 20, ANSWER);
    message(0, SEND, 8, 20, ANSWER);
    add(0, SWITCH, 20, 10);
    message(0, RECEIVE, 8, 10, ANSWER);
    message(0, SEND, 32, 10, CALL); /* is not answered any more */
    recording.cpu[1].lost = 3;
}

static void write_random(const char *path, unsigned seed)
{
    static const uint32_t numbers[] = {SWITCH, WAKE, IDLE, IRQ, 33, EXIT, SEND, RECEIVE};
    const char *error;

    srand(seed);
    for (unsigned i = 0; i < 4000; i++) {
        const uint32_t number = numbers[(unsigned)rand() % 8];
        const unsigned cpu = (unsigned)rand() % 4;
        if (number == SEND || number == RECEIVE)
            message(cpu, number, 1 + (unsigned)rand() % 64, 1 + (unsigned)rand() % 9,
                    (unsigned)rand() % 3);
        else
            add(cpu, number, 1 + (unsigned)rand() % 9, (unsigned)rand() % 9);
    }
    CHECK(write(path, &error));
}

/* One event after those of a call. */
static void refuse(uint64_t moment, uint32_t number, uint64_t argument0, uint64_t argument1)
{
    const struct host_debug_event event = {.moment = moment,
                                           .number = number,
                                           .argument0 = argument0,
                                           .argument1 = argument1};
    const char *error = NULL;

    begin();
    record_call();
    CHECK(recording_add(&recording, 0, &event, 1));
    CHECK(!write("/dev/null", &error) && error && error[0] != '\0');
    recording_free(&recording);
}

static void refuse_all(void)
{
    now = UINT64_C(1000000000);
    refuse(now + 9000, 200, 0, 0); /* no such kind */
    refuse(now + 9000, 5, 0, 0);   /* a number without a kind */
    refuse(5, SWITCH, 0, 10);      /* much too early */
    refuse(UINT64_MAX, SWITCH, 0, 10);
    refuse(now + 9000, SEND, 8, CALL);               /* of no thread */
    refuse(now + 9000, SEND, UINT64_C(10) << 32, 0); /* of no number */
    refuse(now + 9000, SEND, UINT64_C(10) << 32 | 8, UINT64_C(9) << 32);
    refuse(now + 9000, RECEIVE, 8, 0);
    refuse(now + 9000, WAKE, 0, 0);
    refuse(now + 9000, NAME, UINT64_C(1000) << 32 | 1, 0x41); /* beyond any name */
    refuse(now + 9000, NAME, 0, 0x41);
}

int main(int argc, char **argv)
{
    const char *error;

    if (argc == 1) {
        refuse_all();
        return 0;
    }
    begin();
    if (strcmp(argv[1], "call") == 0) {
        record_call();
        CHECK(write(argv[2], &error));
    } else {
        write_random(argv[2], (unsigned)atoi(argv[3]));
    }
    recording_free(&recording);
    return 0;
}
