/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page that clock.page gives a right to: what time of day it is, without a call. The kernel writes it when host_time.set is called.
 */
#pragma once

#include <stdint.h>

#define TIME_PAGE_NOT_SET UINT64_MAX /* nobody has said what time it is */

struct time_page {
    _Atomic uint64_t
        wall_offset; /* nanoseconds since 1970 less nanoseconds since boot, modulo 2^64; or not set */
};
