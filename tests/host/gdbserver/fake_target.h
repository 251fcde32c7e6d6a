/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A target of this machine for the GDB server's protocol (apps/gdbserver/remote.h): three threads, some memory, and what is sent. Also the fuzzer's.
 */
#pragma once

#include <remote.h>

enum { FAKE_MEMORY = 256, FAKE_FIRST = 5, FAKE_THREADS = 3, FAKE_SENT = 16384 };
#define FAKE_BASE UINT64_C(0x400000)

struct fake_target {
    struct remote_registers registers[FAKE_THREADS];
    uint8_t memory[FAKE_MEMORY];
    uint64_t breakpoint; /* the last that was put in and not taken out; 0: none */
    struct remote_run run;
    unsigned runs, interrupts;
    bool running, killed, detached;
    bool refuse; /* to run: there is something to be told */
    size_t size;
    char sent[FAKE_SENT + 1]; /* ends with a 0; from the beginning again where there is no room */
};

extern const struct remote_target fake_operations;
