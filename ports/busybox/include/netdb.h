/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For busybox only: see sys/socket.h here.
 */
#pragma once

#include <sys/socket.h>

struct hostent {
    char *h_name;
    char **h_aliases;
    int h_addrtype;
    int h_length;
    char **h_addr_list;
};
struct netent {
    char *n_name;
    char **n_aliases;
    int n_addrtype;
    uint32_t n_net;
};
struct servent {
    char *s_name;
    char **s_aliases;
    int s_port;
    char *s_proto;
};
struct addrinfo {
    int ai_flags;
    int ai_family;
    int ai_socktype;
    int ai_protocol;
    socklen_t ai_addrlen;
    struct sockaddr *ai_addr;
    char *ai_canonname;
    struct addrinfo *ai_next;
};

enum {
    AI_PASSIVE = 1,
    AI_CANONNAME = 2,
    AI_NUMERICHOST = 4,
    NI_NUMERICHOST = 1,
    NI_NUMERICSERV = 2,
    NI_NAMEREQD = 8,
    NI_DGRAM = 16
};

extern int h_errno;
const char *hstrerror(int error);
const char *gai_strerror(int error);
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result);
int getnameinfo(const struct sockaddr *address, socklen_t length, char *node, socklen_t node_length,
                char *service, socklen_t service_length, int flags);
void freeaddrinfo(struct addrinfo *list);
struct hostent *gethostbyname(const char *name);
struct hostent *gethostbyaddr(const void *address, socklen_t length, int type);
struct netent *getnetbyaddr(uint32_t network, int type);
struct netent *getnetbyname(const char *name);
struct servent *getservbyname(const char *name, const char *protocol);
