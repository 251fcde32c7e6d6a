/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two halves of the block device's logic have in common: virtio_blk.c asks and takes answers, virtio_blk_setup.c sets the
 * device up, again after trouble.
 */
#pragma once

#include "virtio_blk.h"

enum { VIRTIO_BLK_SECTOR = 512, VIRTIO_BLK_QUEUE = 0 };

#define VIRTIO_BLK_LOOK    (100 * DEVICE_MILLISECOND) /* between looks for lost interrupts */
#define VIRTIO_BLK_SILENCE (30 * DEVICE_SECOND)       /* without any answer: it hangs */
#define VIRTIO_BLK_LIMIT   (60 * DEVICE_SECOND)       /* for one request */

/** Write a slot's descriptors and give it to the device. false: it does not fit the device as it is now. */
bool virtio_blk_offer(struct virtio_blk *blk, unsigned slot);

/** A slot has its result. */
void virtio_blk_done(struct virtio_blk *blk, unsigned slot, kern_return_t result);

/** Whether a request can be asked of the device as it is now. */
kern_return_t virtio_blk_allowed(const struct virtio_blk *blk, enum virtio_blk_operation operation,
                                 uint64_t block, uint64_t count);

/** The capacity anew, in blocks. */
kern_return_t virtio_blk_read_capacity(struct virtio_blk *blk, uint32_t block_size,
                                       uint64_t *blocks);
