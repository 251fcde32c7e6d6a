/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For busybox only: see sys/socket.h here.
 */
#pragma once

#include <sys/socket.h>

struct sockaddr_un {
    sa_family_t sun_family;
    char sun_path[108];
};
