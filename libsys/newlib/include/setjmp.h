/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newlib's, and jumps that take the signal mask along, which it has for other systems only.
 */
#include_next <setjmp.h>

#ifndef _WHARF_SETJMP_H
#define _WHARF_SETJMP_H

#include <sys/_sigset.h>
#include <sys/cdefs.h>

#if __POSIX_VISIBLE
typedef struct {
    jmp_buf __jump;
    __sigset_t __mask; /* if it was to be saved */
    int __saved;
} sigjmp_buf[1];

__BEGIN_DECLS
int __sigjump_save(sigjmp_buf to, int save_mask); /* 0 */
void siglongjmp(sigjmp_buf to, int value) __dead2;
void _longjmp(jmp_buf to, int value) __dead2;
__END_DECLS

#define sigsetjmp(to, save_mask) ((void)__sigjump_save((to), (save_mask)), setjmp((to)->__jump))
#define _setjmp(to)              setjmp(to)
#endif

#endif
