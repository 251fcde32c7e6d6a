/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drivers of the classes whose clients ask and are answered, through the device manager and the supervisor, on what QEMU has: clock, pins and PSCI of
 * virt; mailbox, clocks, pins and power block of raspi4b. Between the questions the drivers are killed.
 *
 *      small-devices virt|raspi4b [reboot]
 */
#include "supervised.h"
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/clocks.h>
#include <wharf/if/firmware.h>
#include <wharf/if/gpio.h>
#include <wharf/if/power.h>
#include <wharf/if/rtc.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>

enum { KILLS = 100, YEAR_2020 = 1577836800 };

static mach_port_name_t supervisor;

static mach_port_name_t look_up(const char *service)
{
    mach_port_name_t port = MSG_NULL;

    if (!CHECK_EQUAL(service_look_up(program_start_info->bootstrap, service, &port), KERN_SUCCESS))
        print("small-devices: no %s\n", service);
    return port;
}

static void kill_program(const char *name)
{
    CHECK_EQUAL(supervisor_kill(supervisor, name), KERN_SUCCESS);
}

static void use_rtc(void)
{
    const mach_port_name_t rtc = look_up("rtc.rtc0");
    uint64_t before = 0, after = 0;
    uint32_t pins;

    CHECK_EQUAL(ASK(rtc_get(rtc, &before)), KERN_SUCCESS);
    CHECK(before > YEAR_2020);
    for (unsigned i = 0; i < KILLS; i++) {
        kill_program("rtc0");
        CHECK_EQUAL(ASK(rtc_get(rtc, &after)), KERN_SUCCESS);
        CHECK(after >= before && after < before + 600);
    }
    CHECK_EQUAL(ASK(rtc_set(rtc, before + 100000)), KERN_SUCCESS);
    CHECK_EQUAL(ASK(rtc_get(rtc, &after)), KERN_SUCCESS);
    CHECK(after >= before + 100000 && after < before + 100600);
    CHECK_EQUAL(ASK(rtc_set(rtc, 5)), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(ASK(rtc_set(rtc, UINT64_MAX)), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(ASK(gpio_count(rtc, &pins)), MIG_BAD_ID);
}

/* A pin that nothing is wired to: `pin`. */
static void use_pins(uint32_t count, uint32_t pin)
{
    const mach_port_name_t gpio = look_up("gpio.gpio0");
    uint32_t pins = 0;
    bool level;

    CHECK_EQUAL(ASK(gpio_count(gpio, &pins)), KERN_SUCCESS);
    CHECK_EQUAL(pins, count);
    CHECK_EQUAL(ASK(gpio_set_mode(gpio, pin, GPIO_MODE_OUTPUT, 0, GPIO_PULL_NONE)), KERN_SUCCESS);
    for (unsigned i = 0; i < KILLS; i++) {
        CHECK_EQUAL(ASK(gpio_set(gpio, pin, i & 1)), KERN_SUCCESS);
        kill_program("gpio0");
        CHECK_EQUAL(ASK(gpio_get(gpio, pin, &level)), KERN_SUCCESS);
        CHECK_EQUAL(level, i & 1); /* what was set stays set */
    }
    CHECK_EQUAL(ASK(gpio_get(gpio, count, &level)), KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(ASK(gpio_set_mode(gpio, pin, 3, 0, 0)), KERN_INVALID_VALUE);
    CHECK_EQUAL(ASK(gpio_set_mode(gpio, pin, GPIO_MODE_INPUT, 0, GPIO_PULL_NONE)), KERN_SUCCESS);
    CHECK_EQUAL(ASK(gpio_set(gpio, pin, true)), KERN_NOT_SUPPORTED);
}

/* A PL061's pins have a detector in QEMU: an output's own edges are seen. */
static void watch_pin(void)
{
    const mach_port_name_t gpio = look_up("gpio.gpio0");

    CHECK_EQUAL(ASK(gpio_watch(gpio, 3, GPIO_TRIGGER_RISING, 0x7fff0041, program_start_info->task)),
                KERN_INVALID_VALUE);
    CHECK_EQUAL(ASK(gpio_watch(gpio, 8, GPIO_TRIGGER_RISING, 1, program_start_info->task)),
                KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(ASK(gpio_watch(gpio, 3, GPIO_TRIGGER_RISING, 1, program_start_info->task)),
                KERN_SUCCESS);
    CHECK_EQUAL(ASK(gpio_watch(gpio, 3, GPIO_TRIGGER_OFF, 1, MSG_NULL)), KERN_SUCCESS);
}

static void use_firmware(void)
{
    const mach_port_name_t firmware = look_up("firmware.firmware0");
    uint32_t answer[FIRMWARE_WORDS_MAX], count = 0, pins;

    for (unsigned i = 0; i < KILLS; i++) {
        count = 0;
        CHECK_EQUAL(ASK(firmware_property(firmware, 0x00010002, &(uint32_t){0}, 1, answer, &count)),
                    KERN_SUCCESS);
        CHECK_EQUAL(count, 1);
        CHECK_EQUAL(answer[0], 0xb03115);
        kill_program("firmware0");
    }
    CHECK_EQUAL(ASK(firmware_property(firmware, 0x7777, &(uint32_t){0}, 1, answer, &count)),
                KERN_NOT_SUPPORTED);
    CHECK_EQUAL(ASK(firmware_property(firmware, 0, answer, 1, answer, &count)),
                KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(ASK(gpio_count(firmware, &pins)), MIG_BAD_ID);
}

static void use_clocks(void)
{
    const mach_port_name_t clocks = look_up("clocks.firmware0");
    const mach_port_name_t pins = look_up("gpio.firmware0");
    uint32_t answer[FIRMWARE_WORDS_MAX], count = 0;
    uint64_t hertz = 0;

    CHECK_EQUAL(ASK(clocks_get_rate(clocks, 2, &hertz)), KERN_SUCCESS);
    CHECK_EQUAL(hertz, 3000000);
    CHECK_EQUAL(ASK(clocks_get_rate(clocks, 12, &hertz)), KERN_SUCCESS);
    CHECK_EQUAL(hertz, 700000000);
    CHECK_EQUAL(ASK(clocks_get_rate(clocks, 0, &hertz)), KERN_NOT_FOUND);
    CHECK_EQUAL(ASK(clocks_get_rate(clocks, UINT32_MAX, &hertz)), KERN_NOT_FOUND);
    CHECK_EQUAL(ASK(firmware_property(clocks, 1, answer, 1, answer, &count)), MIG_BAD_ID);
    CHECK_EQUAL(ASK(gpio_count(pins, &count)), KERN_SUCCESS);
    CHECK_EQUAL(count, 8);
}

static void use_power(bool has_watchdog)
{
    const mach_port_name_t power = look_up("power.power0");
    uint32_t longest = 0;

    CHECK_EQUAL(ASK(power_reset(power, 7)), KERN_INVALID_VALUE);
    if (has_watchdog) { /* armed, QEMU's would bite at once */
        CHECK_EQUAL(ASK(power_watchdog(power, 0, &longest)), KERN_SUCCESS);
        CHECK_EQUAL(longest, 15999);
        CHECK_EQUAL(ASK(power_watchdog(power, 16000, &longest)), KERN_INVALID_ARGUMENT);
    } else {
        CHECK_EQUAL(ASK(power_watchdog(power, 0, &longest)), KERN_NOT_SUPPORTED);
    }
}

int main(int argc, char **argv)
{
    const bool is_virt = argc > 1 && strcmp(argv[1], "virt") == 0;

    supervisor = look_up("supervisor");
    if (is_virt) {
        use_rtc();
        use_pins(8, 5);
        watch_pin();
    } else {
        use_firmware();
        use_clocks();
        use_pins(58, 20);
    }
    use_power(!is_virt);
    const int status = check_end("small-devices");
    if (status == 0 && argc > 2)
        CHECK_EQUAL(power_reset(look_up("power.power0"), POWER_HOW_REBOOT), KERN_SUCCESS);
    return status;
}
