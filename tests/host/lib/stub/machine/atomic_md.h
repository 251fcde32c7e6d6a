/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated machine's: nothing in it needs the rest of that.
 */
#pragma once

#include "../../../../../arch/host/include/machine/atomic_md.h"
