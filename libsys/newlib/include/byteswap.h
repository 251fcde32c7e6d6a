/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers with their bytes the other way round.
 */
#pragma once

#define bswap_16(number) __builtin_bswap16(number)
#define bswap_32(number) __builtin_bswap32(number)
#define bswap_64(number) __builtin_bswap64(number)
