/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server crashes, and its core comes to be in the dump partition: waits for the header there. What is in it is looked at on the
 * host (tests/qemu/supervisor.py).
 */
#include "svc-test.h"
#include <libsys/block_client.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <string.h>
#include <wharf/if/service.h>
#include <wharf/if/svc.h>

enum { PARTITION = 4, BLOCK = 512, POLLS = 2000 };

static bool is_written(struct block_client *disk)
{
    OK(block_client_do(disk, BLOCK_READ, 0, 1, 0));
    return memcmp(disk->data, "WHARFDMP", 8) == 0;
}

int main(void)
{
    static struct block_client disk;
    mach_port_name_t server = MSG_NULL;
    uint32_t number, build, stops, device;
    OK(service_look_up(program_start_info->bootstrap, "svc.a", &server));
    if (!OK(block_client_open(&disk, "block.vd0", PARTITION, BLOCK)))
        return 1;
    CHECK(!is_written(&disk));
    OK(svc_fail(server, SVC_FAILURE_CRASH));
    OK(svc_who(server, &number, &build, &stops,
               &device)); /* the next instance did not wait for the disk */
    bool written = false;
    for (unsigned i = 0; i < POLLS && !written; i++) {
        OK(kernel_sleep_until(kernel_clock_now() + 5 * MILLISECOND));
        written = is_written(&disk);
    }
    CHECK(written);
    block_client_close(&disk);
    return check_end("svc-dump");
}
