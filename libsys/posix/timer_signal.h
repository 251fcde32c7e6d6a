/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a timer with SIGEV_SIGNAL calls; signals are others' (signal*.c).
 */
#pragma once

#include <signal.h>
#include <time.h>

enum { POSIX_SIGNAL_MAX = 64 };

/** Queue a signal to the process, si_code SI_TIMER. One of this timer that is still queued takes the new one up: then 1 is returned, an overrun;
 *  else 0. Called by a thread of libsys, never from a signal handler. */
int posix_timer_signal(int signal, union sigval value, timer_t timer);
/** What came with a signal as its code: si_code; if it is a timer's, the next of this timer is queued again. */
int timer_signal_taken(int code);
