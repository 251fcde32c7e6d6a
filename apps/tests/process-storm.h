/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of process-storm.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

enum { PATIENCE = 20000 }; /* milliseconds */

void rest(uint64_t milliseconds);
/** A handler with SA_RESTART and all signals blocked. */
void on(int number, void (*handler)(int));
/** Of a child that ends. */
int status_of(pid_t pid);
/** Until it has come to this; checked. */
void wait_for(const _Atomic unsigned *what, unsigned least);

/* process-storm-limits.c */
void use_sessions(void);
void use_queues(void);
void use_stopped(void);
