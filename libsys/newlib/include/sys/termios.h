/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The old place of <termios.h>.
 */
#pragma once

#include <termios.h>
