/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device that answers from the input (device.h).
 */
#include "device.h"

#include <stdarg.h>

uint32_t fuzz_number(struct fuzz_device *device, unsigned bytes)
{
    uint32_t value = 0;

    if (device->size - device->at < bytes)
        return device->size > 0 && device->data[0] & 1 ? UINT32_MAX >> (32 - 8 * bytes) : 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint32_t)device->data[device->at++] << 8 * i;
    return value;
}

static void count(struct fuzz_device *device)
{
    device->accesses++;
    device->now += 100;
    fuzz_require(device->accesses <= device->most_accesses, "accesses are bounded");
    if (device->does)
        device->does(device);
}

static uint32_t read_register(struct simulated_device *front, uint32_t offset, unsigned width)
{
    struct fuzz_device *device = (struct fuzz_device *)front;

    fuzz_require(offset % width == 0 && offset < 0x1000, "accesses are aligned and in range");
    count(device);
    return fuzz_number(device, width);
}

static void write_register(struct simulated_device *front, uint32_t offset, unsigned width,
                           uint32_t value)
{
    (void)value;
    fuzz_require(offset % width == 0 && offset < 0x1000, "accesses are aligned and in range");
    count((struct fuzz_device *)front);
}

static uint64_t now(void *context)
{
    struct fuzz_device *device = context;

    device->now += 20;
    fuzz_require(device->now <= device->most_time, "time is bounded");
    return device->now;
}

static void sleep_until(void *context, uint64_t moment)
{
    struct fuzz_device *device = context;

    device->now += 1000;
    if (moment > device->now)
        device->now = moment;
    fuzz_require(device->now <= device->most_time, "time is bounded");
}

static bool wait_interrupt(void *context, unsigned line, uint64_t deadline)
{
    struct fuzz_device *device = context;

    fuzz_require(line == 0 && deadline != UINT64_MAX, "waits are for a line, and not for ever");
    if (fuzz_number(device, 1) & 1) {
        device->now += 1000;
        return true;
    }
    sleep_until(context, deadline);
    return false;
}

static void log_line(void *context, const char *format, ...)
{
    char text[200];
    va_list list;

    (void)context;
    va_start(list, format);
    int length = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    fuzz_require(length > 0 && (size_t)length < sizeof text, "lines for the log are short");
}

void fuzz_device_init(struct fuzz_device *device, const uint8_t *data, size_t size)
{
    *device = (struct fuzz_device){
        .front = {.read = read_register, .write = write_register},
        .environment = {.context = device,
                        .now = now,
                        .sleep_until = sleep_until,
                        .wait_interrupt = wait_interrupt,
                        .log = log_line},
        .data = data,
        .size = size,
        .at = size > 0,
        .now = DEVICE_SECOND,
        .most_time = 1000 * DEVICE_SECOND,
        .most_accesses = 1000000,
    };
}

struct registers fuzz_registers(struct fuzz_device *device)
{
    return (struct registers){.device = &device->front, .base = 0};
}
