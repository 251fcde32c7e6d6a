/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a core goes: bytes in their order.
 *
 * K1 open is told how many bytes are to come; append is called with them, in order; close ends it, whole or not. What was not whole is
 *    not kept. After an error of open nothing else is called; after one of append, close(false).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/message.h>

struct core_sink {
    void *context;
    kern_return_t (*open)(void *context, const char *program, uint64_t size);
    kern_return_t (*append)(void *context, const void *bytes, size_t size);
    void (*close)(void *context, bool whole);
};

/** Memory, which its reader maps: the newest core. Made by sink_memory(); entry and size are set when a core is whole. */
struct core_memory {
    char *at;
    uint64_t size, used;
    mach_port_name_t entry; /* of the last whole one; the caller's to take */
};

struct core_sink sink_memory(struct core_memory *memory);
