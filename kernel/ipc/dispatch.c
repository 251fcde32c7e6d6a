/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which interface a kernel object answers (kern/kcall.h).
 */
#include <kern/kcall.h>

kern_return_t kcall_dispatch(struct kcall *call, uint32_t id)
{
    (void)call, (void)id;
    return MIG_BAD_ID;
}
