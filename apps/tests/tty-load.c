/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work on a serial line whose other end sends back what it gets, while somebody kills its driver. Of what goes out a kill repeats one byte
 * at most and loses none; of what comes in it loses one at most and repeats none (wharf/tty_ring.h, Q1; <libsys/driver/tty_device.h>,
 * U2). So what comes back is what was sent, but for one byte a kill.
 *
 * Arguments: line=tty.tty1 driver=tty1 bytes=20000 while=PROGRAM (it goes on until that has ended).
 */
#include "supervised.h"
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/tty_client.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>

/* Bytes that are on their way at most: fewer than any FIFO on the host's side holds, and than the bytes' pattern has. */
enum { WINDOW = 200, CHUNK = 64, LOOK_EVERY = 4096, GAP_MAX = 8 };
#define PATIENCE UINT64_C(20000000000) /* the bytes come back through the host */

static struct tty_client line;
static mach_port_name_t supervisor;
static uint64_t sent, seen, repeated,
    lost; /* seen: bytes of what was sent that have come back, or are lost */

/* Bytes that are near each other differ. */
static uint8_t byte_at(uint64_t number)
{
    return (uint8_t)(number * 7);
}

static struct supervisor_row row_of(const char *name)
{
    struct supervisor_row row = {0};

    (void)supervised_row(supervisor, name, &row);
    return row;
}

/* One byte that has come back: the next one, or the one before again; or some were lost, by drivers that were killed one after the
 * other with nothing in between. */
static bool take(uint8_t byte)
{
    for (unsigned gap = 0; gap <= GAP_MAX && seen + gap < sent; gap++)
        if (byte == byte_at(seen + gap)) {
            lost += gap;
            seen += gap + 1;
            return true;
        }
    if (seen > 0 && byte == byte_at(seen - 1)) {
        repeated++;
        return true;
    }
    print("tty-load: byte %lu is %u\n", (unsigned long)seen, byte);
    return CHECK(!"what comes back is what was sent");
}

/* False: nothing came in time. */
static bool read_some(uint64_t patience)
{
    uint8_t bytes[CHUNK];
    size_t got = 0;
    const kern_return_t kr =
        tty_client_read(&line, bytes, sizeof(bytes), kernel_clock_now() + patience, &got);

    if (kr == KERN_OPERATION_TIMED_OUT || !CHECK_EQUAL(kr, KERN_SUCCESS))
        return false;
    for (size_t i = 0; i < got; i++)
        if (!take(bytes[i]))
            return false;
    return true;
}

static bool write_some(void)
{
    uint8_t bytes[CHUNK];
    size_t done = 0;

    for (unsigned i = 0; i < CHUNK; i++)
        bytes[i] = byte_at(sent + i);
    const kern_return_t kr =
        tty_client_write(&line, bytes, CHUNK, kernel_clock_now() + PATIENCE, &done);
    sent += done;
    return CHECK_EQUAL(kr, KERN_SUCCESS);
}

static bool is_over(const char *companion, uint64_t bytes)
{
    if (sent < bytes)
        return false;
    return companion == NULL || row_of(companion).state == SUPERVISOR_STATE_STOPPED;
}

static void work(const char *companion, uint64_t bytes)
{
    for (uint64_t look = bytes; sent < look || !is_over(companion, bytes);) {
        if (sent >= look)
            look += LOOK_EVERY;
        if (sent - seen + CHUNK <= WINDOW) {
            if (!write_some())
                return;
        } else if (!read_some(PATIENCE)) {
            if (sent - seen <= GAP_MAX) /* lost at the very end of what is on its way */
                lost += sent - seen, seen = sent;
            else
                return (void)CHECK(!"what was sent comes back");
        }
    }
    while (seen < sent && read_some(PATIENCE))
        ;
    lost += sent - seen;
}

int main(int argc, char **argv)
{
    const char *service = program_argument(argc, argv, "line", "tty.tty1");
    const char *driver = program_argument(argc, argv, "driver", "tty1");
    const uint64_t bytes = strtoull(program_argument(argc, argv, "bytes", "20000"), NULL, 0);

    if (CHECK_EQUAL(service_look_up(program_start_info->bootstrap, "supervisor", &supervisor),
                    KERN_SUCCESS) &&
        CHECK_EQUAL(tty_client_open(&line, service), KERN_SUCCESS)) {
        work(program_argument(argc, argv, "while", NULL), bytes);
        const uint32_t restarts = row_of(driver).restarts;
        CHECK(repeated + lost <= restarts);
        CHECK_EQUAL(line.lost, 0);
        print("tty-load: %lu bytes, %u restarts of the driver: %lu repeated, %lu lost\n",
              (unsigned long)sent, restarts, (unsigned long)repeated, (unsigned long)lost);
        tty_client_close(&line);
    }
    return check_end("tty-load");
}
