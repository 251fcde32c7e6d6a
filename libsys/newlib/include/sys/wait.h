/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for children (POSIX, and wait3, wait4).
 */
#pragma once

#include <signal.h>
#include <sys/cdefs.h>
#include <sys/types.h>

struct rusage;

#define WNOHANG    1
#define WUNTRACED  2
#define WSTOPPED   2
#define WEXITED    4
#define WCONTINUED 8
#define WNOWAIT    0x1000000

/* The low byte: 0: it exited, the next byte is the status; 0x7f: stopped, by that signal; 0xffff: continued; else the signal that ended it, and 0x80 if it
 * left a core. */
#define WIFEXITED(w)    (((w)&0x7f) == 0)
#define WEXITSTATUS(w)  (((w) >> 8) & 0xff)
#define WIFSIGNALED(w)  (((w)&0x7f) != 0 && ((w)&0x7f) != 0x7f)
#define WTERMSIG(w)     ((w)&0x7f)
#define WCOREDUMP(w)    (((w)&0x80) != 0)
#define WIFSTOPPED(w)   (((w)&0xff) == 0x7f)
#define WSTOPSIG(w)     (((w) >> 8) & 0xff)
#define WIFCONTINUED(w) ((w) == 0xffff)

typedef enum { P_ALL, P_PID, P_PGID } idtype_t;

__BEGIN_DECLS
pid_t wait(int *);
pid_t waitpid(pid_t, int *, int);
pid_t wait3(int *, int, struct rusage *);
pid_t wait4(pid_t, int *, int, struct rusage *);
int waitid(idtype_t, id_t, siginfo_t *, int);
pid_t _wait(int *);
__END_DECLS
