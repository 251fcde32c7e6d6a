/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver's rights, registers and memory (<libsys/driver/driver.h>).
 */
#include "driver_impl.h"
#include <libsys/driver/area.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/device.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>
#include <wharf/if/vm.h>

enum { STATUS_FAILED = 1, PAGE = 4096 };

/* A line under the driver's name. */
static void say(const struct driver *driver, const char *format, va_list arguments)
{
    char text[PRINT_MAX];

    format_text_list(text, sizeof(text), format, arguments);
    print("%s: %s\n", driver->name, text);
}

void driver_fail(struct driver *driver, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(driver, format, arguments);
    va_end(arguments);
    kernel_task_exit(STATUS_FAILED);
}

/* ---- arguments ---- */

const char *driver_argument(const struct driver *driver, const char *name)
{
    const size_t length = strlen(name);

    for (int i = 1; i < driver->argument_count; i++)
        if (strncmp(driver->arguments[i], name, length) == 0 && driver->arguments[i][length] == '=')
            return driver->arguments[i] + length + 1;
    return NULL;
}

uint64_t driver_number(const struct driver *driver, const char *name, uint64_t otherwise)
{
    const char *text = driver_argument(driver, name);
    char *end;

    if (!text || *text == '\0')
        return otherwise;
    const uint64_t number = strtoull(text, &end, 0);
    return *end == '\0' ? number : otherwise;
}

/* ---- ports ---- */

kern_return_t driver_port(struct driver *driver, uint64_t payload, mach_port_name_t *port)
{
    const mach_port_name_t self = program_start_info->task;
    mach_port_name_t name;
    kern_return_t kr = port_allocate(self, PORT_RIGHT_RECEIVE, &name);

    if (kr != KERN_SUCCESS)
        return kr;
    if (payload != 0)
        kr = port_set_payload(self, name, payload);
    if (kr ==
        KERN_SUCCESS) /* a message with more memory than the driver may have could never be received */
        kr = port_set_memory_limit(self, name, 0);
    if (kr == KERN_SUCCESS && driver->set != MSG_NULL)
        kr = port_move_member(self, name, driver->set);
    if (kr == KERN_SUCCESS)
        *port = name;
    else
        stub_release_right(name, MSG_MOVE_RECEIVE);
    return kr;
}

kern_return_t driver_make_send(mach_port_name_t port)
{
    mach_port_name_t got;

    return port_insert_made_send(program_start_info->task, port, port, &got);
}

kern_return_t driver_check_in_as(struct driver *driver, const char *name, mach_port_name_t *service)
{
    kern_return_t kr = service_check_in(program_start_info->bootstrap, name, service);

    if (kr == KERN_SUCCESS)
        kr = port_move_member(program_start_info->task, *service, driver->set);
    return kr;
}

kern_return_t driver_check_in(struct driver *driver, mach_port_name_t *service)
{
    const char *name = driver_argument(driver, "service");

    return name ? driver_check_in_as(driver, name, service) : KERN_INVALID_ARGUMENT;
}

kern_return_t driver_look_up(struct driver *driver, const char *name, mach_port_name_t *service)
{
    (void)driver;
    return service_look_up(program_start_info->bootstrap, name, service);
}

/* ---- the device ---- */

/* The driver's own until its end, like all it maps. */
static kern_return_t map(mach_port_name_t memory, uint64_t size, char **at)
{
    uint64_t address;
    kern_return_t kr = vm_map(program_start_info->task, 0, size, 0, VM_ANYWHERE, memory,
                              VM_PROT_READ | VM_PROT_WRITE, VM_PROT_READ | VM_PROT_WRITE,
                              VM_INHERIT_NONE, &address);
    stub_release_right(memory, MSG_MOVE_SEND);
    if (kr == KERN_SUCCESS)
        *at = (char *)(uintptr_t)address;
    return kr;
}

kern_return_t driver_map(struct driver *driver, unsigned index, struct registers *registers,
                         uint64_t *size)
{
    mach_port_name_t memory;
    uint32_t offset;
    char *at;
    kern_return_t kr = device_memory(driver->device, index, &memory, &offset, size);

    if (kr == KERN_SUCCESS)
        kr = map(memory, offset + *size, &at);
    if (kr == KERN_SUCCESS)
        registers->base = at + offset;
    return kr;
}

kern_return_t driver_memory(struct driver *driver, size_t size, struct dma_memory *out)
{
    mach_port_name_t memory;
    uint64_t bus;
    char *at;

    unsigned place = 0;

    while (place < DRIVER_MEMORIES_MAX && driver->memory[place].at)
        place++;
    if (place == DRIVER_MEMORIES_MAX)
        return KERN_LIMIT;
    size = (size + PAGE - 1) & ~(size_t)(PAGE - 1);
    kern_return_t kr = device_dma_allocate(driver->device, size, &memory, &bus);
    if (kr == KERN_SUCCESS)
        kr = map(memory, size, &at);
    if (kr == KERN_SUCCESS)
        *out = driver->memory[place] = (struct dma_memory){.at = at, .bus = bus, .size = size};
    return kr;
}

/* Memory goes with its mapping, at the session's next call. */
void driver_at_rest(struct driver *driver)
{
    while (driver->areas)
        shared_area_release(driver, driver->areas);
    for (unsigned i = 0; i < DRIVER_MEMORIES_MAX; i++)
        if (driver->memory[i].at)
            (void)!vm_deallocate(program_start_info->task, (uintptr_t)driver->memory[i].at,
                                 driver->memory[i].size);
    if (driver->device != MSG_NULL)
        (void)!device_quiesced(
            driver->device); /* the device may have been taken away: then this is over, too */
}

kern_return_t driver_quiesced(struct driver *driver)
{
    return device_quiesced(driver->device);
}

/* ---- the environment of the logic ---- */

static uint64_t now(void *context)
{
    (void)context;
    return kernel_clock_now();
}

static void sleep_until(void *context, uint64_t moment)
{
    driver_busy(context, moment + DRIVER_TAKES);
    while (kernel_sleep_until(moment) != KERN_SUCCESS)
        ;
}

static void log_line(void *context, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(context, format, arguments);
    va_end(arguments);
}

/* ---- the start ---- */

static void get_rights(struct driver *driver)
{
    const mach_port_name_t bootstrap = program_start_info->bootstrap;
    kern_return_t kr = service_get_right(bootstrap, "device", &driver->device);

    if (kr == KERN_SUCCESS)
        kr = device_info(driver->device, &driver->facts);
    else if (kr == KERN_NOT_FOUND)
        kr = KERN_SUCCESS; /* a driver of something that has no registers */
    if (kr == KERN_SUCCESS)
        kr = service_get_control(bootstrap, &driver->control);
    if (kr == KERN_SUCCESS)
        kr = port_allocate(program_start_info->task, PORT_RIGHT_SET, &driver->set);
    if (kr != KERN_SUCCESS)
        driver_fail(driver, "its rights: error %d", (int)kr);
}

void driver_begin(struct driver *driver, int argc, char **argv)
{
    memset(driver, 0, sizeof(*driver));
    driver->name = program_start_info->name;
    driver->argument_count = argc;
    driver->arguments = argv;
    driver->environment = (struct device_environment){
        .context = driver,
        .now = now,
        .sleep_until = sleep_until,
        .wait_interrupt = driver_wait_interrupt,
        .log = log_line,
    };
    driver_busy(driver, kernel_clock_now() + DRIVER_TAKES);
    get_rights(driver);
    driver_start_heartbeat(driver);
}
