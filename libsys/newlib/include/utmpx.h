/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is logged in. Nobody logs in here: the list is empty, and nothing can be put into it (EPERM).
 */
#pragma once

#include <sys/cdefs.h>
#include <sys/time.h>
#include <sys/types.h>

#define EMPTY         0
#define BOOT_TIME     1
#define OLD_TIME      2
#define NEW_TIME      3
#define USER_PROCESS  4
#define INIT_PROCESS  5
#define LOGIN_PROCESS 6
#define DEAD_PROCESS  7

struct utmpx {
    char ut_user[32];
    char ut_id[4];
    char ut_line[32];
    pid_t ut_pid;
    short ut_type;
    struct timeval ut_tv;
};

__BEGIN_DECLS
void setutxent(void);
void endutxent(void);
struct utmpx *getutxent(void);
struct utmpx *getutxid(const struct utmpx *);
struct utmpx *getutxline(const struct utmpx *);
struct utmpx *pututxline(const struct utmpx *);
__END_DECLS
