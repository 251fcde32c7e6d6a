/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For busybox only: see sys/socket.h here.
 */
#pragma once

#include <netinet/in.h>

char *inet_ntoa(struct in_addr address);
int inet_aton(const char *text, struct in_addr *address);
in_addr_t inet_addr(const char *text);
