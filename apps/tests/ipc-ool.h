/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages with out-of-line memory, to a port of one's own or another's: what the tests of ipc-ool.c are written with.
 */
#pragma once

#include <libsys/check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/if/vm_types.h>
#include <wharf/message.h>

#define PAGE UINT64_C(4096)
enum { MEGABYTE = 1 << 20 };
#define OK(call)   CHECK_EQUAL(call, KERN_SUCCESS)
#define READ_WRITE (VM_PROT_READ | VM_PROT_WRITE)

/** A port to send to and receive from, by the same name. */
mach_port_name_t ool_port(void);
void ool_kill_port(mach_port_name_t port);

static inline struct msg_descriptor ool_range(const void *address, uint32_t size, uint8_t flags)
{
    return (struct msg_descriptor){.value = (uintptr_t)address,
                                   .size = size,
                                   .kind = MSG_OOL_MEMORY,
                                   .flags = flags};
}

/** Send descriptors; at once, or not at all. The error. */
kern_return_t ool_send_all(mach_port_name_t to, const struct msg_descriptor *d, unsigned count);
kern_return_t ool_send(mach_port_name_t to, const void *address, uint32_t size, uint8_t flags);
/** Receive a message of one descriptor. NULL, and a failed check: there is none, or it is not of that size. */
char *ool_receive(mach_port_name_t port, uint32_t size);
/** The same, of several. */
bool ool_receive_all(mach_port_name_t port, struct msg_descriptor *d, unsigned count);
/** Receive one of one descriptor, if there is one. */
bool ool_poll(mach_port_name_t port, struct msg_descriptor *d);
/** Give received memory back. */
void ool_release(const char *memory, uint32_t size);

/** Zeroed pages, at an address or (0) anywhere. */
char *pages_at(uint64_t address, unsigned pages);
void pages_release(const char *memory, unsigned pages);
/** Bytes that tell where they are; the number of those that are not so. */
void fill(char *memory, size_t size, unsigned seed);
size_t differences(const char *memory, size_t size, unsigned seed);
/** Bytes of [memory, memory + size) that are not zero. */
size_t not_zero(const char *memory, size_t size);
bool is_mapped(const char *memory);
/** Free frames, when what was given back before has been taken down, which happens behind one's back. */
uint64_t ool_frames_at_rest(void);
