/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For busybox only: see sys/socket.h here.
 */
#pragma once

#include <machine/endian.h>
#include <stdint.h>
#include <sys/socket.h>

typedef uint16_t in_port_t;
typedef uint32_t in_addr_t;
struct in_addr {
    in_addr_t s_addr;
};
struct sockaddr_in {
    sa_family_t sin_family;
    in_port_t sin_port;
    struct in_addr sin_addr;
};
struct in6_addr {
    uint8_t s6_addr[16];
};

#define INADDR_ANY      ((in_addr_t)0)
#define INADDR_NONE     ((in_addr_t)-1)
#define INADDR_LOOPBACK ((in_addr_t)0x7f000001)
enum { IPPROTO_IP = 0, IPPROTO_TCP = 6, IPPROTO_UDP = 17 };
