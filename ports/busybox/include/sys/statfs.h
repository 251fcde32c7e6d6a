/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For busybox only: it includes it where it asks for POSIX's.
 */
#pragma once

#include <sys/statvfs.h>

#define statfs statvfs
