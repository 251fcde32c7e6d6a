/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries of directories: what newlib's <dirent.h> leaves to the system.
 */
#pragma once

#include <sys/cdefs.h>
#include <sys/types.h>

#define MAXNAMLEN 255

struct dirent {
    ino_t d_ino;
    off_t d_off; /* where the next one is */
    unsigned short d_reclen;
    unsigned char d_type; /* DT_ */
    char d_name[MAXNAMLEN + 1];
};

#define _DIRENT_HAVE_D_TYPE 1

#define DT_UNKNOWN 0
#define DT_FIFO    1
#define DT_CHR     2
#define DT_DIR     4
#define DT_BLK     6
#define DT_REG     8
#define DT_LNK     10
#define DT_SOCK    12

#define IFTODT(mode) (((mode)&0170000) >> 12)
#define DTTOIF(type) ((type) << 12)

typedef struct __directory DIR;
