/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Heartbeats: a program that does not answer service_control.ping, or is past the moment it said it would be done by, has hung. It is
 * asked at its interval, and has as long to answer.
 */
#pragma once

#include "program.h"

/** The first ping of an instance that is ready. */
void heartbeat_begin(struct program *program, uint64_t now);
/** An answer has come: status, and busy_until. */
void heartbeat_answer(struct program *program, kern_return_t status, uint64_t busy_until);
/** Send what is to be sent, and see who has not answered. */
void heartbeat_due(struct program *program, uint64_t now);
