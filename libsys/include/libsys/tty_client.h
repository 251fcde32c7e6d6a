/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client of a serial line (interfaces/tty.defs). The rings are the client's: what has been written and not sent, or received and
 * not read, outlives the driver, and the client goes on with the next one by itself. One thread uses a client at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/message.h>
#include <wharf/tty_ring.h>

struct tty_client {
    mach_port_name_t service; /* send right: survives the driver */
    mach_port_name_t queue;   /* send right: does not; 0: not attached */
    mach_port_name_t notify;  /* receive right: tty_events, and the notice of the queue's death */
    mach_port_name_t entry;   /* the rings */
    struct tty_ring *output, *input;
    uint64_t lost;    /* characters the line told it had overrun */
    uint64_t replays; /* times that it attached anew */
    bool output_only; /* others may have the input */
};

/** Errors of service.look_up and tty.attach; nothing is left then. */
kern_return_t tty_client_open(struct tty_client *client, const char *service);
/** The same without the line's input, which stays with who has it. */
kern_return_t tty_client_open_output(struct tty_client *client, const char *service);
void tty_client_close(struct tty_client *client);

/** As many bytes as there is room for; does not wait. */
size_t tty_client_put(struct tty_client *client, const void *bytes, size_t count);
/** All of them; waits for room. KERN_OPERATION_TIMED_OUT, KERN_TERMINATED: *done tells how many went. */
kern_return_t tty_client_write(struct tty_client *client, const void *bytes, size_t count,
                               uint64_t deadline, size_t *done);
/** Until the driver has taken all of it. KERN_OPERATION_TIMED_OUT, KERN_TERMINATED. */
kern_return_t tty_client_flush(struct tty_client *client, uint64_t deadline);
/** At least one byte, at most count. KERN_OPERATION_TIMED_OUT, KERN_TERMINATED. */
kern_return_t tty_client_read(struct tty_client *client, void *bytes, size_t count,
                              uint64_t deadline, size_t *got);
/* For who waits for other things, too: `notify` is put into a port set, and what comes there is handed on. */

/** Bytes that are there; does not wait. */
size_t tty_client_get(struct tty_client *client, void *bytes, size_t count);
/** Tell the driver what was put or got. The next message at `notify` says that there is input, or room. Errors as of write. */
kern_return_t tty_client_kick(struct tty_client *client);
/** A message came at `notify`: id, and the first word of its body. Its rights stay the caller's to release, but for the dead name that is told of. Then
 *  look for input, and for room. */
kern_return_t tty_client_told(struct tty_client *client, uint64_t id, uint64_t word);

/** Until all that was written has left the device. */
kern_return_t tty_client_drain(struct tty_client *client);
