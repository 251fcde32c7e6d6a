/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What libsys, compiled for the host, needs of the machine; on the real ones there is more (arch/aarch64/user/include/user/machine.h).
 */
#pragma once

static inline void *machine_thread_pointer(void)
{
    return __builtin_thread_pointer();
}
