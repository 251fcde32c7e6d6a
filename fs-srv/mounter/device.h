/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a device of a mount is called: a pure function of the text.
 *
 *      sd0p2           partition 2 of the block service block.sd0
 *      sd0             all of it
 *      /dev/disk/X     the same as X
 *      LABEL=TEXT      whose file system has that label
 *      UUID=TEXT       whose file system has that number
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { DEVICE_TEXT_MAX = 64 /* with NUL, as mounts.defs has it */, DEVICE_DISK_MAX = 40 };

enum device_kind { DEVICE_PLACE, DEVICE_LABEL, DEVICE_UUID };

struct device_name {
    enum device_kind kind;
    char text
        [DEVICE_TEXT_MAX]; /* PLACE: as it is told, without the folder; else what is behind the = */
    char disk[DEVICE_DISK_MAX]; /* of a PLACE: its service is block.DISK */
    uint32_t partition;         /* 0: the whole device */
};

/** NULL: it has been read; else why it is none. */
const char *device_read(const char *text, struct device_name *out);

/** The PLACE of a disk's partition. False: the name is too long. */
bool device_make(const char *disk, uint32_t partition, struct device_name *out);
