/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file server for a volume (volume.h): the program of every format is this and its operations.
 */
#pragma once

#include <volume.h>

/** The program's status when it could not mount, and why that will be so the next time, too, unless the card is another. Others may pass: 1. */
enum volume_status {
    VOLUME_NONE = 2,       /* there is no such file system on the partition, or no partition */
    VOLUME_DAMAGED = 3,    /* it says what cannot be */
    VOLUME_UNKNOWN = 4,    /* it has features that nobody here knows */
    VOLUME_UNREADABLE = 5, /* the card fails */
};

/** Mounts what the arguments say, serves it, and returns the program's status:
 *
 *      service=NAME device=block.DISK partition=N [read-only] [root] [book=SERVICE]
 *
 *  SERVICE is a book of the keeper's (libsys/files/keep.h) for it alone: with that, and `state` in the system description, the program may be killed. NAME is the root (interfaces/file.defs), NAME.mount, if the system description has it, lets others mount on its folders, NAME.volume tells of the volume
 *  (interfaces/mounted_volume.defs). 0: it was asked to stop, and all is on the card. */
int volume_serve(int argc, char **argv, const struct volume_ops *ops);
