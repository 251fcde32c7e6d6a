/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For busybox only: files of its library that nothing of ours links are compiled all the same. Wharf has no sockets: these
 * are POSIX's types and declarations, and no functions are behind them.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef unsigned socklen_t;
typedef unsigned short sa_family_t;
struct sockaddr {
    sa_family_t sa_family;
    char sa_data[14];
};
struct sockaddr_storage {
    sa_family_t ss_family;
    uint64_t room[16];
};

enum { AF_UNSPEC = 0, AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10 };
enum { PF_UNSPEC = AF_UNSPEC, PF_INET = AF_INET, PF_INET6 = AF_INET6 };
enum { SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_RDM = 4, SOCK_SEQPACKET = 5 };
enum { SOL_SOCKET = 1, SO_REUSEADDR = 2, SO_BROADCAST = 6, SO_KEEPALIVE = 9 };

int accept(int file, struct sockaddr *address, socklen_t *length);
int bind(int file, const struct sockaddr *address, socklen_t length);
int connect(int file, const struct sockaddr *address, socklen_t length);
int getpeername(int file, struct sockaddr *address, socklen_t *length);
int getsockname(int file, struct sockaddr *address, socklen_t *length);
int listen(int file, int backlog);
int setsockopt(int file, int level, int name, const void *value, socklen_t length);
int socket(int domain, int type, int protocol);
ssize_t recvfrom(int file, void *to, size_t size, int flags, struct sockaddr *address,
                 socklen_t *length);
ssize_t sendto(int file, const void *from, size_t size, int flags, const struct sockaddr *address,
               socklen_t length);
