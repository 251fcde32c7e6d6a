/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The alternate stack of a thread. signal.c tells what is done there.
 */
#include "errors.h"
#include "signals.h"
#include <errno.h>

int sigaltstack(const stack_t *new, stack_t *old)
{
    const bool on = signal_is_alternate((uintptr_t)__builtin_frame_address(0));
    if (old != NULL)
        *old = (stack_t){
            .ss_sp = (void *)signal_stack[1],
            .ss_size = signal_stack[0] - signal_stack[1],
            .ss_flags = signal_stack[0] == 0 ? SS_DISABLE
                        : on                 ? SS_ONSTACK
                                             : 0,
        };
    if (new == NULL)
        return 0;
    if (on)
        return posix_error(EPERM);
    if (new->ss_flags & ~SS_DISABLE)
        return posix_error(EINVAL);
    if (!(new->ss_flags &SS_DISABLE) && new->ss_size < MINSIGSTKSZ)
        return posix_error(ENOMEM);
    signal_stack[1] = new->ss_flags &SS_DISABLE ? 0 : (uintptr_t) new->ss_sp;
    signal_stack[0] = new->ss_flags &SS_DISABLE ? 0 : (uintptr_t) new->ss_sp + new->ss_size;
    return 0;
}
