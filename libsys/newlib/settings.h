/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What newlib leaves to the system. The recipe (ci/wharf/newlib.py) appends this file to the
 * newlib.h that configure makes, so that the library and every program see the same.
 *
 * Left alone, the number of a file, a device or a user would have two bytes. That of a link count
 * does: its type cannot be chosen.
 */
#pragma once

#ifndef __ASSEMBLER__

#define __machine_dev_t_defined
typedef unsigned long __dev_t;
#define __machine_ino_t_defined
typedef unsigned long __ino_t;
#define __machine_fsfilcnt_t_defined
typedef unsigned long __fsfilcnt_t;
#define __machine_uid_t_defined
typedef unsigned int __uid_t;
#define __machine_gid_t_defined
typedef unsigned int __gid_t;

#endif /* __ASSEMBLER__ */

/* read() and write() return what POSIX says. */
#define _READ_WRITE_RETURN_TYPE _ssize_t

/* Of the parts of POSIX that headers ask for by name, those that are there. */
#define _POSIX_TIMERS          200809L
#define _POSIX_MONOTONIC_CLOCK 200809L
