/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The old place of <poll.h>.
 */
#pragma once

#include <poll.h>
