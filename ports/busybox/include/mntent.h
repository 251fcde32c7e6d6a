/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For busybox only: its library names these types in every file. No applet that uses them is built.
 */
#pragma once

#include <stdio.h>

#define MOUNTED "/proc/mounts"

struct mntent {
    char *mnt_fsname;
    char *mnt_dir;
    char *mnt_type;
    char *mnt_opts;
    int mnt_freq;
    int mnt_passno;
};
