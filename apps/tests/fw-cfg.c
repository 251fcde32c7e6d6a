/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks the driver template (drivers-srv/template/) and the source of random numbers of virtio, and kills them between the questions. The
 * emulator has been given opt/wharf/test, with the letters a to z.
 */
#include "supervised.h"
#include <libsys/check.h>
#include <libsys/program.h>
#include <string.h>
#include <wharf/if/fwcfg.h>
#include <wharf/if/rng.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>

enum { ROUNDS = 20 };

static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

static mach_port_name_t look_up(const char *service)
{
    mach_port_name_t port = MSG_NULL;

    CHECK_EQUAL(service_look_up(program_start_info->bootstrap, service, &port), KERN_SUCCESS);
    return port;
}

static void use_files(mach_port_name_t files)
{
    char bytes[FWCFG_BYTES_MAX];
    uint32_t size = 0, count = 0;

    CHECK_EQUAL(ASK(fwcfg_size(files, "opt/wharf/test", &size)), KERN_SUCCESS);
    CHECK_EQUAL(size, strlen(letters));
    for (uint32_t at = 0; at < size; at += 7) {
        CHECK_EQUAL(ASK(fwcfg_read(files, "opt/wharf/test", at, 10, bytes, &count)), KERN_SUCCESS);
        CHECK_EQUAL(count, size - at < 10 ? size - at : 10);
        CHECK(memcmp(bytes, letters + at, count) == 0);
    }
    CHECK_EQUAL(ASK(fwcfg_read(files, "opt/wharf/test", size, 1, bytes, &count)),
                KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(ASK(fwcfg_size(files, "opt/wharf/none", &size)), KERN_NOT_FOUND);
}

static void use_random(mach_port_name_t rng)
{
    static unsigned char last[RNG_BYTES_MAX];
    unsigned char bytes[RNG_BYTES_MAX];
    uint32_t count = 0;

    CHECK_EQUAL(ASK(rng_read(rng, RNG_BYTES_MAX, bytes, &count)), KERN_SUCCESS);
    CHECK(count >= 1 && count <= RNG_BYTES_MAX);
    CHECK(count < 16 || memcmp(bytes, last, count) != 0);
    memcpy(last, bytes, count);
}

int main(void)
{
    const mach_port_name_t supervisor = look_up("supervisor"), files = look_up("fwcfg.fwcfg0"),
                           rng = look_up("rng.rng0");

    for (unsigned round = 0; round < ROUNDS; round++) {
        use_files(files);
        use_random(rng);
        CHECK_EQUAL(supervisor_kill(supervisor, round % 2 == 0 ? "fwcfg0" : "rng0"), KERN_SUCCESS);
    }
    use_files(files);
    use_random(rng);
    return check_end("fw-cfg-test");
}
