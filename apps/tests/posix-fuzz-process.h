/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of posix-fuzz-process.
 */
#pragma once

#include <stdint.h>

uint64_t next(void);
uint64_t below(uint64_t n);
int a_signal(void);
/** Seldom one that ends a process. */
int a_mild_signal(void);

/* posix-fuzz-threads.c */
void begin_threads(void);
void call_time(void);
void call_thread(void);
void call_lock(void);

/* posix-fuzz-rest.c */
/** The kernel's objects, when nothing changes any more. */
uint64_t count_objects(void);
