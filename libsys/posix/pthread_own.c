/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The caller's descriptor (pthread_impl.h: P1), apart from what fills it.
 */
#include "pthread_impl.h"

_Thread_local struct posix_thread posix_own;
