/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Out-of-line memory in messages, for who sends and receives without stubs. What a stub brings is given back by memory_release(), too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/message.h>

/** Send a range, which arrives as it is now; `moved`: all pages that it touches go with it. to: a send right. Errors: MACH_SEND_, nothing has been
 *  sent or moved then. */
kern_return_t memory_send(mach_port_name_t to, uint32_t id, const void *at, uint32_t size,
                          bool moved, uint64_t deadline);

/** What came: its memory is the receiver's, and to be given back. No bytes: at is NULL. */
struct memory_received {
    void *at;
    uint32_t size;
    uint32_t id;
};

/** Receive a message that is one range and nothing else. Errors: MACH_RCV_; MIG_BAD_ARGUMENTS: it was something else, and has been
 *  given up. */
kern_return_t memory_receive(mach_port_name_t from, uint64_t deadline, struct memory_received *out);

/** Give it back, in full. */
void memory_release(void *at, size_t size);
