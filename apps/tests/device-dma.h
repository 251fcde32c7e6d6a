/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device of the machine that moves data by itself, as far as the test of DMA memory needs one: it writes a word where it is told to. On
 * virt that is the configuration device, whose first item begins with a word that is known; on raspi4b an engine that copies.
 */
#pragma once

#include "vm-test.h"

struct engine {
    mach_port_name_t control; /* what sessions are opened with */
    mach_port_name_t device;  /* the session; 0: none */
    uint64_t registers;       /* mapped here, an offset included */
    uint64_t registers_page;
    volatile uint32_t *own; /* a page of memory that it is told what to do in */
    uint64_t own_bus;
};

/** What it writes: "QEMU". */
#define ENGINE_MARK UINT32_C(0x554d4551)

/** Memory as it sees it: [memory, memory + size) is [bus, ...). */
struct engine_reach {
    uint64_t memory, bus, size;
};

/** There is one: what all of it is to reach. */
bool engine_find(struct engine_reach *all);
/** A device of it that reaches so much and no more. */
void engine_make(struct engine *engine, const struct engine_reach *reach, bool coherent);
/** Another session, of so many pages beside its own; and its end, when all that it held has been given up. */
void engine_open(struct engine *engine, uint64_t pages);
void engine_close(struct engine *engine);
void engine_drop(struct engine *engine);
/** It writes its mark, or zero, to a multiple of 4. */
void engine_write(struct engine *engine, uint64_t bus, bool mark);
