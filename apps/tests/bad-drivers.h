/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the faulty driver (faulty-blk.c) does wrong, and how it is told: a write of one block that begins with FAULT_MAGIC and a
 * struct fault_order is carried out and answered like any other; then the driver does that.
 */
#pragma once

#include <stdint.h>

#define FAULT_MAGIC UINT64_C(0x21746c756166206f)

enum fault {
    FAULT_NONE,
    FAULT_SPIN,        /* computes for ever */
    FAULT_BLOCK,       /* waits for what never comes */
    FAULT_EXIT,        /* ends */
    FAULT_LEAK_MEMORY, /* until its ledger has no more; then it crashes */
    FAULT_LEAK_PORTS,  /* thousands, and crashes */
    FAULT_SCRIBBLE,    /* over its own memory */
    FAULT_RING,        /* over its clients' rings */
    FAULT_LIE,         /* says that it has done what it has not, of some blocks */
    FAULT_DEAF,        /* never acknowledges its interrupt again */
    FAULT_FLOOD,       /* messages to its clients */
    FAULTS,
};

struct fault_order {
    uint64_t magic;
    uint64_t fault;
    uint64_t first, count; /* FAULT_LIE: blocks of the device */
};
