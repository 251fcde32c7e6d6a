/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a linker script and a loader give on the real machine.
 */
#include "machine.h"

/* The image is the host program: it lies nowhere in the simulated memory. */
extern char _kernel_start[], _text_end[];
char _kernel_start[1], _text_end[1];
