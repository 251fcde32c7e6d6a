/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Brings random numbers from a device to who makes seeds of them: the kernel, for where memory lies in programs, and the supervisor, for
 * programs' own (getentropy()). Once at its start, and then each hour. Without such a device there is nothing to do, and it ends.
 *
 * Arguments: rng=SERVICE (rng.rng0 if there is none).
 */
#include <libsys/driver/driver.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/rng.h>
#include <wharf/if/supervisor.h>

enum { BYTES = 64 };
#define PAUSE (3600 * DEVICE_SECOND)

static struct {
    struct driver driver;
    mach_port_name_t rng, supervisor;
} self;

/* KERN_SUCCESS: all bytes are there. */
static kern_return_t collect(uint8_t bytes[BYTES])
{
    uint8_t some[RNG_BYTES_MAX];
    uint32_t count, done = 0;

    while (done < BYTES) {
        const kern_return_t kr = rng_read(self.rng, BYTES - done, some, &count);
        if (kr == MIG_SERVER_DIED)
            continue; /* the next instance answers */
        if (kr != KERN_SUCCESS)
            return kr;
        for (uint32_t i = 0; i < count && done < BYTES; i++)
            bytes[done++] = some[i];
    }
    return KERN_SUCCESS;
}

static void tick(struct driver *driver)
{
    uint8_t for_kernel[BYTES], for_programs[BYTES];

    driver_busy(driver, DRIVER_IDLE); /* the device takes its time */
    kern_return_t kr = collect(for_kernel);
    if (kr == KERN_SUCCESS)
        kr = collect(for_programs);
    if (kr == KERN_SUCCESS)
        kr = host_memory_add_entropy(program_start_info->host_memory, for_kernel, BYTES);
    if (kr == KERN_SUCCESS)
        kr = supervisor_add_entropy(self.supervisor, for_programs, BYTES);
    if (kr != KERN_SUCCESS)
        device_log(&driver->environment, "no random numbers: error %d", (int)kr);
    driver->tick_at = kernel_clock_now() + PAUSE;
}

int main(int argc, char **argv)
{
    struct driver *driver = &self.driver;

    driver_begin(driver, argc, argv);
    const char *name = driver_argument(driver, "rng");
    kern_return_t kr = driver_look_up(driver, name ? name : "rng.rng0", &self.rng);
    if (kr == KERN_NOT_FOUND)
        return 0;
    if (kr == KERN_SUCCESS)
        kr = driver_look_up(driver, "supervisor", &self.supervisor);
    if (kr != KERN_SUCCESS)
        driver_fail(driver, "its services: error %d", (int)kr);
    driver->tick = tick;
    driver->tick_at = 1;
    driver_serve(driver, NULL, 0);
}
