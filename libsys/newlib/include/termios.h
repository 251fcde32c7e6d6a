/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Terminals. The numbers are those of <wharf/terminal.h>.
 */
#pragma once

#include <sys/cdefs.h>
#include <sys/types.h>

typedef unsigned int tcflag_t;
typedef unsigned int speed_t;
typedef unsigned char cc_t;

#define NCCS 20

struct termios {
    tcflag_t c_iflag;
    tcflag_t c_oflag;
    tcflag_t c_cflag;
    tcflag_t c_lflag;
    speed_t c_ispeed;
    speed_t c_ospeed;
    cc_t c_cc[NCCS];
};

#define VINTR    0
#define VQUIT    1
#define VERASE   2
#define VKILL    3
#define VEOF     4
#define VTIME    5
#define VMIN     6
#define VSTART   7
#define VSTOP    8
#define VSUSP    9
#define VEOL     10
#define VREPRINT 11
/* 12: VDISCARD, which the terminal does not have */
#define VWERASE  13
#define VLNEXT   14
#define VEOL2    15

#define IGNBRK  0x1
#define BRKINT  0x2
#define IGNPAR  0x4
#define PARMRK  0x8
#define INPCK   0x10
#define ISTRIP  0x20
#define INLCR   0x40
#define IGNCR   0x80
#define ICRNL   0x100
#define IXON    0x200
#define IXANY   0x400
#define IXOFF   0x800
#define IMAXBEL 0x1000
#define IUTF8   0x2000

#define OPOST  0x1
#define ONLCR  0x2
#define OCRNL  0x4
#define ONOCR  0x8
#define ONLRET 0x10
#define XTABS  0x20
#define TAB3   XTABS
#define TAB0   0
#define TABDLY XTABS

#define CSIZE   0x3
#define CS5     0x0
#define CS6     0x1
#define CS7     0x2
#define CS8     0x3
#define CSTOPB  0x4
#define CREAD   0x8
#define PARENB  0x10
#define PARODD  0x20
#define HUPCL   0x40
#define CLOCAL  0x80
#define CRTSCTS 0x100

#define ISIG    0x1
#define ICANON  0x2
#define ECHO    0x4
#define ECHOE   0x8
#define ECHOK   0x10
#define ECHONL  0x20
#define NOFLSH  0x40
#define TOSTOP  0x80
#define IEXTEN  0x100
#define ECHOCTL 0x200
#define ECHOKE  0x400

/* Speeds are bits a second. */
#define B0      0
#define B50     50
#define B75     75
#define B110    110
#define B134    134
#define B150    150
#define B200    200
#define B300    300
#define B600    600
#define B1200   1200
#define B1800   1800
#define B2400   2400
#define B4800   4800
#define B9600   9600
#define B19200  19200
#define B38400  38400
#define B57600  57600
#define B115200 115200
#define B230400 230400
#define B460800 460800
#define B921600 921600
#define EXTA    B19200
#define EXTB    B38400

#define TCSANOW   0
#define TCSADRAIN 1
#define TCSAFLUSH 2

#define TCIFLUSH  1
#define TCOFLUSH  2
#define TCIOFLUSH 3

#define TCOOFF 0
#define TCOON  1
#define TCIOFF 2
#define TCION  3

__BEGIN_DECLS
speed_t cfgetispeed(const struct termios *settings);
speed_t cfgetospeed(const struct termios *settings);
int cfsetispeed(struct termios *settings, speed_t speed);
int cfsetospeed(struct termios *settings, speed_t speed);
int cfsetspeed(struct termios *settings, speed_t speed);
void cfmakeraw(struct termios *settings);
int tcgetattr(int file, struct termios *settings);
int tcsetattr(int file, int when, const struct termios *settings);
int tcdrain(int file);
int tcflow(int file, int action);
int tcflush(int file, int queue);
int tcsendbreak(int file, int duration);
pid_t tcgetsid(int file);
__END_DECLS
