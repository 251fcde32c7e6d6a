/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device's number: which driver, and which of its devices, 32 bits each.
 */
#pragma once

#include <sys/types.h>

#define makedev(kind, number) ((dev_t)(((dev_t)(kind) << 32) | (unsigned)(number)))
#define major(device)         ((unsigned)((dev_t)(device) >> 32))
#define minor(device)         ((unsigned)(device))
