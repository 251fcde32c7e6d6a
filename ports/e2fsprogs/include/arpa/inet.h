/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wharf has no networks, and so no such header. What journals of ext4 want of it is the order of bytes.
 */
#pragma once

#include <endian.h>
#include <stdint.h>

#define htonl(value) htobe32(value)
#define ntohl(value) be32toh(value)
#define htons(value) htobe16(value)
#define ntohs(value) be16toh(value)
