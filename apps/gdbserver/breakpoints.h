/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Breakpoints in a program: an instruction that raises an exception stands in the place of another.
 *
 * K1 An address has one entry, however often it is asked for: the first puts the instruction there, the last takes it away.
 * K2 Who reads or writes the program's memory sees and changes what is under it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BREAKPOINTS_MAX = 64, BREAKPOINT_SIZE = 4 };
#define BREAKPOINT_INSTRUCTION UINT32_C(0xd4200000) /* BRK #0 */

/** BRK with any number: what a program itself may have. */
static inline bool is_breakpoint_instruction(uint32_t instruction)
{
    return (instruction & 0xffe0001f) == BREAKPOINT_INSTRUCTION;
}

/** The program's memory as it is, breakpoints too. All or nothing. */
struct breakpoint_memory {
    bool (*read)(void *context, uint64_t address, void *bytes, size_t size);
    bool (*write)(void *context, uint64_t address, const void *bytes, size_t size);
    void *context;
};

struct breakpoint {
    uint64_t address;
    uint32_t under; /* the instruction */
    uint32_t users; /* 0: the entry is free */
};

struct breakpoints {
    struct breakpoint_memory memory;
    struct breakpoint entry[BREAKPOINTS_MAX];
};

/** False: there is no room, or the memory cannot be changed. */
bool breakpoint_insert(struct breakpoints *b, uint64_t address);
/** False: there is none, or its place cannot be written any more; then it is forgotten all the same. */
bool breakpoint_remove(struct breakpoints *b, uint64_t address);
void breakpoint_remove_all(struct breakpoints *b);
/** How often it was asked for at an address; 0: there is none. */
unsigned breakpoint_users(const struct breakpoints *b, uint64_t address);
static inline bool breakpoint_is_at(const struct breakpoints *b, uint64_t address)
{
    return breakpoint_users(b, address) > 0;
}
/** K2. */
bool breakpoint_read(struct breakpoints *b, uint64_t address, void *bytes, size_t size);
bool breakpoint_write(struct breakpoints *b, uint64_t address, const void *bytes, size_t size);
