/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells the kernel at the start what time of day it is: what a clock of the board says, or, where there is none (a Raspberry Pi 4), the
 * moment the image is of, so that time at least does not begin in 1970. It ends then.
 *
 * Arguments: rtc=SERVICE (rtc.rtc0 if there is none).
 */
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <string.h>
#include <wharf/if/host_time.h>
#include <wharf/if/rtc.h>
#include <wharf/if/service.h>

#define SECOND   UINT64_C(1000000000)
#define PATIENCE (10 * SECOND)
/* A clock that is behind the image was never set; one that is a century ahead neither. */
#define LATEST   (IMAGE_MOMENT + UINT64_C(3155760000))

static const char *service_name(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "rtc=", 4) == 0)
            return argv[i] + 4;
    return "rtc.rtc0";
}

static bool ask(const char *name, uint64_t *seconds)
{
    mach_port_name_t rtc;
    kern_return_t kr = service_look_up(program_start_info->bootstrap, name, &rtc);

    if (kr == KERN_SUCCESS)
        do
            kr = rtc_get_until(rtc, seconds, kernel_clock_now() + PATIENCE);
        while (kr == MIG_SERVER_DIED); /* the next instance answers */
    return kr == KERN_SUCCESS && *seconds >= IMAGE_MOMENT && *seconds <= LATEST;
}

int main(int argc, char **argv)
{
    const char *name = service_name(argc, argv);
    uint64_t seconds = IMAGE_MOMENT;
    const bool known = ask(name, &seconds);

    if (!known)
        seconds = IMAGE_MOMENT;
    const kern_return_t kr = host_time_set(program_start_info->host_time, seconds * SECOND);
    print("timekeeper: %lu seconds since 1970, by %s\n", (unsigned long)seconds,
          known ? name : "the image");
    return kr == KERN_SUCCESS ? 0 : 1;
}
