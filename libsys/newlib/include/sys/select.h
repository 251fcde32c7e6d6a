/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newlib's, with sets that have room for all descriptors.
 */
#ifndef FD_SETSIZE
#define FD_SETSIZE 1024
#endif
#include_next <sys/select.h>
