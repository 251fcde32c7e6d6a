/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What managers and debuggers ask (interfaces/supervisor.defs).
 */
#pragma once

#include <wharf/if/supervisor.h>

/** The context of a message is the struct program that asks. */
extern const struct supervisor_ops control_ops;
