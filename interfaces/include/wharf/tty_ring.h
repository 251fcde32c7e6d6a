/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rings between a serial line's driver and its client (interfaces/tty.defs): output in the area's first page, input in its second.
 *
 * Q1 `put` and `taken` only grow (modulo 2^32); put - taken is at most TTY_RING_BYTES. Who puts writes the byte, then `put`
 *    (release); who takes has done with the byte what it is for, then writes `taken` (release). So of output a driver that ends sends one byte
 *    twice at most, and loses none.
 * Q2 Each side checks what the other wrote: more than TTY_RING_BYTES between the two is nonsense, and ends the attachment.
 */
#pragma once

#include <stdint.h>

enum { TTY_RING_BYTES = 2048, TTY_RING_PAGE = 4096, TTY_AREA_SIZE = 2 * TTY_RING_PAGE };

struct tty_ring {
    _Atomic uint32_t put;
    _Atomic uint32_t taken;
    _Atomic uint32_t wanted; /* who waits says so: 1: a message, please */
    uint32_t zero[13];
    uint8_t bytes[TTY_RING_BYTES];
};
_Static_assert(sizeof(struct tty_ring) <= TTY_RING_PAGE);
