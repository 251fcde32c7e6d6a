/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world around simulated devices (stage.h).
 */
#include "stage.h"

#include <stdarg.h>

#include "../../check.h"

#define ACCESS_TIME 100 /* ns */

static struct stage *of(void *context)
{
    return context;
}

void stage_pass(struct stage *stage, uint64_t until, bool stop_at_line)
{
    while (stage->now < until && !(stop_at_line && stage->device->line(stage->model))) {
        uint64_t next = stage->device->next(stage->model);
        stage->now = next > stage->now && next < until ? next : until;
        stage->device->pass(stage->model, stage->now);
    }
    CHECK(stage->latest == 0 || stage->now <= stage->latest);
}

static uint64_t now(void *context)
{
    struct stage *stage = of(context);

    stage_pass(stage, stage->now + 20, false);
    return stage->now;
}

static void sleep_until(void *context, uint64_t moment)
{
    struct stage *stage = of(context);

    stage_pass(stage, stage->now + 1000, false); /* at least */
    stage_pass(stage, moment, false);
}

static bool wait_interrupt(void *context, unsigned line, uint64_t deadline)
{
    struct stage *stage = of(context);

    CHECK_EQ(line, 0);
    CHECK(deadline != UINT64_MAX); /* L1 */
    stage_pass(stage, stage->now + 1000, false);
    stage_pass(stage, deadline, true);
    return stage->device->line(stage->model);
}

static void log_line(void *context, const char *format, ...)
{
    va_list list;
    char text[200];

    va_start(list, format);
    int length = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    CHECK(length > 0 && (size_t)length < sizeof text && strchr(text, '\n') == NULL);
    of(context)->log_lines++;
    if (!of(context)->quiet)
        printf("  log: %s\n", text);
}

static void count_access(struct stage *stage)
{
    stage->accesses++;
    CHECK(stage->most_accesses == 0 || stage->accesses <= stage->most_accesses);
    stage_pass(stage, stage->now + ACCESS_TIME + (stage->jitter ? check_below(stage->jitter) : 0),
               false);
    if (stage->accesses == stage->kill_at && !stage->kill_after)
        longjmp(stage->killed, 1);
}

static void end_access(struct stage *stage)
{
    if (stage->accesses == stage->kill_at && stage->kill_after)
        longjmp(stage->killed, 1);
}

static enum stage_fault fault_now(const struct stage *stage)
{
    bool is_now = stage->accesses >= stage->fault_from &&
                  stage->accesses - stage->fault_from < stage->fault_for;
    return is_now ? stage->fault : FAULT_NONE;
}

static uint32_t mask_of(unsigned width)
{
    return width == 4 ? UINT32_MAX : (1u << 8 * width) - 1;
}

static uint32_t faulty(struct stage *stage, uint32_t offset, unsigned width)
{
    switch (fault_now(stage)) {
    case FAULT_ONES: return UINT32_MAX;
    case FAULT_ZEROS: return 0;
    case FAULT_FROZEN: return stage->last[offset / 4];
    case FAULT_RANDOM: return (uint32_t)check_random();
    case FAULT_FLIPPED: return ~stage->device->read(stage->model, offset, width);
    default: return stage->device->read(stage->model, offset, width);
    }
}

static uint32_t read_register(struct simulated_device *device, uint32_t offset, unsigned width)
{
    struct stage *stage = (struct stage *)device;

    CHECK(offset < STAGE_REGISTERS && offset % width == 0);
    count_access(stage);
    uint32_t value = faulty(stage, offset, width) & mask_of(width);
    stage->last[offset / 4] = value;
    end_access(stage);
    return value;
}

static void write_register(struct simulated_device *device, uint32_t offset, unsigned width,
                           uint32_t value)
{
    struct stage *stage = (struct stage *)device;

    CHECK(offset < STAGE_REGISTERS && offset % width == 0);
    CHECK((value & ~mask_of(width)) == 0);
    count_access(stage);
    if (fault_now(stage) == FAULT_NONE || fault_now(stage) == FAULT_FLIPPED)
        stage->device->write(stage->model, offset, width, value);
    end_access(stage);
}

void stage_init(struct stage *stage, const struct stage_device *device, void *model)
{
    *stage = (struct stage){
        .front = {.read = read_register, .write = write_register},
        .device = device,
        .model = model,
        .environment = {.context = stage,
                        .now = now,
                        .sleep_until = sleep_until,
                        .wait_interrupt = wait_interrupt,
                        .log = log_line},
        .quiet = true,
        .now = DEVICE_SECOND,
    };
}

bool stage_run(struct stage *stage, void (*driver)(void *context), void *context)
{
    if (setjmp(stage->killed) != 0) {
        stage->kill_at = 0;
        return false;
    }
    driver(context);
    stage->kill_at = 0;
    return true;
}

struct registers stage_registers(struct stage *stage)
{
    return (struct registers){.device = &stage->front, .base = 0};
}
