/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few requests that programs make of terminals by ioctl() where POSIX has no function, or had none.
 */
#pragma once

#include <sys/cdefs.h>

struct winsize {
    unsigned short ws_row;
    unsigned short ws_col;
    unsigned short ws_xpixel;
    unsigned short ws_ypixel;
};

#define TIOCGWINSZ 0x5401 /* struct winsize * */
#define TIOCSWINSZ 0x5402 /* const struct winsize * */
#define TIOCGPGRP  0x5403 /* pid_t * */
#define TIOCSPGRP  0x5404 /* const pid_t * */
#define TIOCSCTTY  0x5405 /* int, looked at by nobody */
#define TIOCNOTTY  0x5406
#define TIOCGSID   0x5407 /* pid_t * */
#define TIOCOUTQ   0x5408 /* int * */
#define TIOCEXCL   0x5409 /* not there: ENOTTY */
#define TCGETS     0x5410 /* struct termios * */
#define TCSETS     0x5411 /* const struct termios * */
#define TCSETSW    0x5412
#define TCSETSF    0x5413
#define FIONREAD   0x5420 /* int * */
#define FIONBIO    0x5421 /* const int * */
#define FIOCLEX    0x5422
#define FIONCLEX   0x5423

__BEGIN_DECLS
int ioctl(int file, unsigned long request, ...);
__END_DECLS
