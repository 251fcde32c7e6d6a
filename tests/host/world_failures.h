/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In the worlds of servers on the host: one allocation fails, whatever is allocated.
 */
#pragma once

#include <stdbool.h>

/** The n-th from now on; 0: none. */
void world_fail_at(unsigned n);
/** Since then one has. */
bool world_has_failed(void);
/** For who allocates: whether this one is to fail. */
bool world_fails(void);
