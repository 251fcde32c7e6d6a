/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the programs that crash: announce the address that the report must name, and complain if
 * nothing happens.
 */
#pragma once

#include <libsys/print.h>
#include <libsys/program.h>

/** A pointer to an address that the compiler does not see through. */
static inline volatile int *crash_pointer(uintptr_t address)
{
    volatile uintptr_t hidden = address;

    return (volatile int *)hidden;
}

static inline void crash_announce(const char *what, const volatile void *address)
{
    print("crash: will %s 0x%lx\n", what, (unsigned long)address);
}

static inline int crash_survived(void)
{
    print("crash: still alive, FAILED\n");
    return 1;
}
