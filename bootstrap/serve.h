/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What programs ask at their bootstrap ports (interfaces/service.defs).
 */
#pragma once

#include <wharf/if/service.h>

/** The context of a message is the struct program that asks. */
extern const struct service_ops serve_ops;
