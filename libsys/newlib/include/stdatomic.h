/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Newlib's <stdatomic.h>, which clang's own gives way to, names types of <stdint.h> and does not include it. (gcc's
 * own does not give way.)
 */
#pragma once

#include <stdint.h>

/* Not a moment earlier. */
#include_next <stdatomic.h>
