/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What scenes about devices' memory share. The device is played by them: it reads and writes memory by the addresses that its driver was told.
 */
#pragma once

#include <kern/device.h>

#include "kobj_world.h"

#include <kern/cpu.h>

enum { PAGE = 4096, RW = VM_PROT_READ | VM_PROT_WRITE };

/* Of the machine's 64 MiB (../machine/kernel_world.c) it reaches 8 from the 8th on, and the last page but one. To it they are elsewhere. */
#define RAM   UINT64_C(0x40000000)
#define LOW   (RAM + 8 * MIB)
#define LAST  (RAM + 62 * MIB)
#define SHIFT (UINT64_C(0xc0000000) - LOW)

extern const struct host_devices_window dma_windows[2], dma_everything;

/** The program, on a board of which nothing is known: no registers are anybody's, nor refused. */
void dma_enter(void);
/** A device, and a session of it. */
uint32_t dma_device(bool dma, bool coherent, const struct host_devices_window *window,
                    unsigned count);
uint32_t dma_open(uint32_t control, uint64_t pages);
struct device_control_facts dma_facts(uint32_t control);
/** When nothing moves it has so many pages. */
void dma_check(uint32_t control, uint64_t held, uint64_t quarantined);
/** Of my ledger. */
int64_t dma_used(enum ledger_kind kind);
uint64_t dma_map(uint32_t entry, uint64_t size);
/** A call by which the driver shows that it goes on. */
void dma_go_on(uint32_t device);
/** I write to the pages. */
void dma_touch(uint64_t at, unsigned pages);
/** Memory of mine, and an entry for it. */
uint64_t dma_memory_new(unsigned pages, uint32_t *entry);
/** As far as it reaches: dma_windows. */
paddr_t dma_from_bus(uint64_t bus);
uint32_t *dma_word(paddr_t pa);
uint32_t dma_read(uint64_t at);
void dma_write(uint64_t at, uint32_t word);
/** All that it is told of a pin. Returns how many pages; frames[i]: where, 0: it cannot be reached. */
unsigned dma_learn(uint32_t device, uint32_t pin, paddr_t *frames, unsigned most);
