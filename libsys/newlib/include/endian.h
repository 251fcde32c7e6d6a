/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order of bytes in numbers: the machine's, and to and from a given one.
 */
#pragma once

#include <sys/endian.h>

#ifndef __BYTE_ORDER
#define __LITTLE_ENDIAN __ORDER_LITTLE_ENDIAN__
#define __BIG_ENDIAN    __ORDER_BIG_ENDIAN__
#define __BYTE_ORDER    __BYTE_ORDER__
#endif
