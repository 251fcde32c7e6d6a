/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For busybox only: see sys/socket.h here.
 */
#pragma once

#include <sys/socket.h>

#define IFNAMSIZ 16

struct ifreq {
    char ifr_name[IFNAMSIZ];
    struct sockaddr ifr_addr;
};
