/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A property message with one tag, as words in memory that the firmware reads and writes.
 */
#pragma once

#include "bcm_mailbox.h"

/** Value and answer have the same room, of `count` words. */
void message_write(volatile uint32_t *words, uint32_t tag, const uint32_t *value, uint32_t count);

/** The firmware has written something. */
bool message_is_answered(volatile uint32_t *words);

/** Checks the answer to what message_write() has written, and takes it out. Each word of the message is read once. Errors as
 *  firmware_device's property(). */
kern_return_t message_read(volatile uint32_t *words, uint32_t tag, uint32_t *value, uint32_t count,
                           uint32_t *answered);
