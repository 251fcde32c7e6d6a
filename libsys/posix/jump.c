/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Jumps that take the signal mask along (<setjmp.h>). The place is kept by setjmp(), in whose frame only that can be done.
 */
#include <setjmp.h>
#include <signal.h>

int __sigjump_save(sigjmp_buf to, int save_mask)
{
    to->__saved = save_mask != 0;
    return to->__saved ? sigprocmask(SIG_SETMASK, NULL, &to->__mask) : 0;
}

void siglongjmp(sigjmp_buf to, int value)
{
    if (to->__saved)
        (void)sigprocmask(SIG_SETMASK, &to->__mask,
                          NULL); /* it cannot fail for a mask that was one */
    longjmp(to->__jump, value);
}

void _longjmp(jmp_buf to, int value)
{
    longjmp(to, value);
}
