/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target for the SD driver's logic: a controller of which every register says what the input says, and the parsers of what
 * cards say of themselves.
 *
 * An input is a byte that selects host and configuration, and what is read, in its order and width; when it is used up, reads are
 * all ones or 0. seeds.c writes inputs that are whole runs against the simulated controller, so that changes of single answers get
 * deep into a run. Oracle: the sanitizers, the promises of sd.h and card.h, and that every call ends within its time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A transfer climbs the whole ladder: five tries of some seconds each, two starts of the card of three seconds a try. */
#define CALL_LIMIT (120 * DEVICE_SECOND)

struct input_device {
    struct simulated_device device; /* first */
    struct device_environment environment;
    const uint8_t *at;
    size_t left;
    bool ones;
    uint64_t now;
};

static void require(bool promise, const char *what)
{
    if (promise)
        return;
    fprintf(stderr, "broken promise: %s\n", what);
    abort();
}

static uint32_t read_input(struct simulated_device *device, uint32_t offset, unsigned width)
{
    struct input_device *d = (struct input_device *)device;
    uint32_t value = 0;

    require(offset + width <= 0x100 && offset % width == 0, "accesses are aligned and inside");
    d->now += 60;
    if (d->left < width) {
        d->left = 0;
        value = d->ones ? UINT32_MAX : 0;
        return width == 4 ? value : value & ((1u << width * 8) - 1);
    }
    memcpy(&value, d->at, width);
    d->at += width;
    d->left -= width;
    return value;
}

static void write_nowhere(struct simulated_device *device, uint32_t offset, unsigned width,
                          uint32_t value)
{
    (void)value;
    require(offset + width <= 0x100 && offset % width == 0, "accesses are aligned and inside");
    ((struct input_device *)device)->now += 60;
}

static uint64_t now(void *context)
{
    return ((struct input_device *)context)->now += 20;
}

static void sleep_until(void *context, uint64_t moment)
{
    struct input_device *d = context;

    if (moment > d->now)
        d->now = moment;
}

/* An interrupt that comes for nothing comes a hundred times in LOST_INTERRUPT, not a million times: a run has to end today. */
static bool wait_interrupt(void *context, unsigned line, uint64_t deadline)
{
    struct input_device *d = context;

    (void)line;
    d->now += DEVICE_MILLISECOND;
    return d->now < deadline;
}

static void log_line(void *context, const char *format, ...)
{
    (void)context;
    (void)format;
}

static void check_result(kern_return_t kr)
{
    require(kr == KERN_SUCCESS || kr == KERN_MEMORY_ERROR || kr == KERN_MEMORY_FAILURE ||
                kr == KERN_PROTECTION_FAILURE || kr == KERN_INVALID_ARGUMENT ||
                kr == KERN_NOT_SUPPORTED,
            "errors are those of sd.h");
}

static void check_facts(const struct sd *sd)
{
    struct sd_facts facts;

    sd_facts(sd, &facts);
    require((facts.state == SD_MEDIUM_READY) == (facts.blocks != 0), "a medium has blocks");
    require(facts.blocks <= UINT64_C(1) << 32, "at most 2 TB");
    require(memchr(facts.name, 0, sizeof(facts.name)) != NULL, "names end");
    for (const char *c = facts.name; *c != 0; c++)
        require(*c >= 0x20 && *c < 0x7f, "names are printable");
}

static void run_registers(const uint8_t *data, size_t size)
{
    static struct script_memory memory;
    struct input_device d = {.device = {read_input, write_nowhere},
                             .at = data + 1,
                             .left = size - 1,
                             .ones = data[0] >> 7,
                             .now = DEVICE_SECOND};
    struct sd sd;
    struct sd_config config;
    uint64_t before = 0;

    d.environment = (struct device_environment){&d, now, sleep_until, wait_interrupt, log_line};
    script_config(&config, data[0], &memory);
    config.registers = (struct registers){&d.device, 0};
    if (sd_start(&sd, &config, &d.environment) != KERN_SUCCESS)
        return;
    require(d.now - DEVICE_SECOND < CALL_LIMIT, "the start ends in time");
    for (unsigned step = 0; step < SCRIPT_STEPS; step++) {
        before = d.now;
        check_facts(&sd);
        check_result(script_step(&sd, step, &memory));
        require(d.now - before < CALL_LIMIT, "a call ends in time");
    }
    sd_stop(&sd);
}

static void run_parsers(const uint8_t *data, size_t size)
{
    uint32_t words[4] = {0};
    uint8_t bytes[64] = {0};
    struct csd csd = {0};
    struct scr scr;
    struct switch_status status;
    char text[48];

    memcpy(words, data, size < sizeof(words) ? size : sizeof(words));
    memcpy(bytes, data, size < sizeof(bytes) ? size : sizeof(bytes));
    if (csd_parse(words, &csd) == KERN_SUCCESS) {
        require(csd.blocks != 0 && csd.blocks <= UINT64_C(1) << 32, "a card has blocks");
        require(csd.version2 || csd.blocks * CARD_BLOCK <= UINT64_C(1) << 32,
                "bytes of an SDSC card can be addressed");
        require(csd.erase_single || csd.erase_blocks != 0, "a unit of erasing is not nothing");
    }
    (void)(scr_parse(bytes, &scr) == KERN_SUCCESS);
    switch_parse(bytes, &status);
    require(status.selected < 16, "a function is a nibble");
    cid_text(words, text, sizeof(text));
    require(strlen(text) < sizeof(text), "names end");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    run_parsers(data, size);
    run_registers(data, size);
    return 0;
}
