/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of messages, of all interfaces (tools/message_names.py).
 */
#pragma once

#include <stdint.h>

/** "interface.routine", by the number in a message's header; NULL: no interface has such a message. */
const char *message_name_of(uint32_t id);
