/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random bytes (libsys/newlib/entropy.c).
 */
#pragma once

#include <sys/cdefs.h>
#include <sys/types.h>

#define GRND_NONBLOCK 1
#define GRND_RANDOM   2

__BEGIN_DECLS

ssize_t getrandom(void *, size_t, unsigned);
int getentropy(void *, size_t);

__END_DECLS
