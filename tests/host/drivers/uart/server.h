/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tty server as small as can be, on one ring area: it moves bytes when the device's interrupt or the client says so, and at no
 * other time, so that an interrupt which does not come is seen.
 */
#pragma once

#include <libsys/driver/tty_pump.h>

#include "uart_model.h"

struct server {
    const struct uart_kind *kind;
    struct stage stage;
    struct tty_device *device;
    struct tty_ring out, in;
    /* The client: what is still to be written, and what it has read. */
    const uint8_t *to_send;
    uint32_t to_send_count, to_send_at;
    uint8_t *got;
    uint32_t got_count;
    uint64_t slow; /* the client reads only once in so many ns */
    uint64_t last_read;
};

/** A machine that was just switched on. */
void server_create(struct server *s, const struct uart_kind *kind, bool set_going);

/** A new instance of the logic, started; then served until everything has been moved. */
kern_return_t server_start(struct server *s, uint64_t clock, const struct tty_settings *wanted);
void server_serve(struct server *s);
