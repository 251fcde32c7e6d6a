/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What terminals understand besides the other routines of file.defs: requests of file.control, an event, and who is in the foreground.
 *
 * Job control. The terminal has a foreground group, 0: none, and then everybody may do everything. If there is one, the terminal has to know who calls: a port is one open, which
 * processes share. So read and write are given the caller's process group as `position`; one that comes with FILE_CURRENT while there is a foreground group is answered
 * TERMINAL_WHO, and the client repeats it with the group. The requests that change something carry the group in their input. A caller in the background is answered
 * TERMINAL_BACKGROUND (a read always; a write with TERMINAL_TOSTOP; a change always): nothing has been done, and the client signals its own group, or returns EIO where POSIX wants that. Who lies
 * about its group has the right to the terminal anyway.
 */
#pragma once

#include <stdint.h>
#include <wharf/unix_error.h>

/** Answers of terminals: numbers that no errno has. */
enum { TERMINAL_WHO = UNIX_ERROR_BASE + 0xf00, TERMINAL_BACKGROUND = UNIX_ERROR_BASE + 0xf01 };

/** Instead of the caller's group, where something is changed or written: it ignores SIGTTOU, or has it blocked, and may do it from the background, as POSIX says. */
enum { TERMINAL_ANY_GROUP = 0x7fffffff };

/** Event of wait, poll and watch: all output is out. */
enum { TERMINAL_DRAINED = 0x100 };

/** Requests: what is given and what comes back. Others, and these at what is no terminal: ENOTTY; an input of another size: EINVAL. */
enum {
    TERMINAL_GET_ATTRIBUTES = 1, /* nothing; struct terminal_attributes */
    TERMINAL_SET_ATTRIBUTES =
        2, /* struct terminal_change; nothing. The client has waited for DRAINED if it wants that */
    TERMINAL_GET_SIZE = 3, /* nothing; struct terminal_size */
    TERMINAL_SET_SIZE =
        4, /* struct terminal_size; nothing. SIGWINCH to the foreground if it is another one */
    TERMINAL_GET_GROUP = 5, /* nothing; u32: of the foreground, 0: none */
    TERMINAL_SET_GROUP =
        6, /* struct terminal_group; nothing. The group has to be one of the session that the terminal controls (EPERM) */
    TERMINAL_GET_SESSION = 7, /* nothing; u32: session that it controls, 0: none */
    TERMINAL_SET_SESSION =
        8, /* struct terminal_group, value: the session; nothing. It controls it from now on, foreground is the caller's group. EPERM: it controls another */
    TERMINAL_LEAVE_SESSION =
        9, /* struct terminal_group, value: the session; nothing. It controls none any more; SIGHUP, SIGCONT to the foreground */
    TERMINAL_FLUSH = 10, /* struct terminal_group, value: TERMINAL_QUEUE_; nothing */
    TERMINAL_FLOW = 11,  /* struct terminal_group, value: TERMINAL_FLOW_; nothing */
    TERMINAL_BREAK =
        12, /* struct terminal_group, value: ms, 0: as the driver likes; nothing. Answered at once */
    TERMINAL_QUEUED_INPUT = 13,  /* nothing; u32: bytes that a read would get now */
    TERMINAL_QUEUED_OUTPUT = 14, /* nothing; u32: bytes that are not out */
    TERMINAL_NAME = 15,          /* nothing; a path with its NUL: /dev/console */
    TERMINAL_DROP_INPUT =
        16, /* as TERMINAL_FLUSH of input, without the caller's group: what tcsetattr(TCSAFLUSH) needs first; nothing; nothing */
};

/** Queues, for FLUSH. */
enum { TERMINAL_QUEUE_INPUT = 1, TERMINAL_QUEUE_OUTPUT = 2 };
/** Output is held, goes on; the other side is sent a STOP, a START character. */
enum {
    TERMINAL_FLOW_HOLD = 0,
    TERMINAL_FLOW_GO_ON = 1,
    TERMINAL_FLOW_SEND_STOP = 2,
    TERMINAL_FLOW_SEND_START = 3
};

/** Places in `characters`: VEOF ... of <termios.h>. */
enum {
    TERMINAL_VINTR = 0,
    TERMINAL_VQUIT = 1,
    TERMINAL_VERASE = 2,
    TERMINAL_VKILL = 3,
    TERMINAL_VEOF = 4,
    TERMINAL_VTIME = 5,
    TERMINAL_VMIN = 6,
    TERMINAL_VSTART = 7,
    TERMINAL_VSTOP = 8,
    TERMINAL_VSUSP = 9,
    TERMINAL_VEOL = 10,
    TERMINAL_VREPRINT = 11,
    TERMINAL_VDISCARD = 12,
    TERMINAL_VWERASE = 13,
    TERMINAL_VLNEXT = 14,
    TERMINAL_VEOL2 = 15,
    TERMINAL_CHARACTERS = 20,
    TERMINAL_VDISABLE = 0, /* a character that is not used */
};

/** Bits of `input`. */
enum {
    TERMINAL_IGNBRK = 0x1,
    TERMINAL_BRKINT = 0x2,
    TERMINAL_IGNPAR = 0x4,
    TERMINAL_PARMRK = 0x8,
    TERMINAL_INPCK = 0x10,
    TERMINAL_ISTRIP = 0x20,
    TERMINAL_INLCR = 0x40,
    TERMINAL_IGNCR = 0x80,
    TERMINAL_ICRNL = 0x100,
    TERMINAL_IXON = 0x200,
    TERMINAL_IXANY = 0x400,
    TERMINAL_IXOFF = 0x800,
    TERMINAL_IMAXBEL = 0x1000,
    TERMINAL_IUTF8 = 0x2000,
};

/** Bits of `output`. Delays (NLDLY ...) do not exist. */
enum {
    TERMINAL_OPOST = 0x1,
    TERMINAL_ONLCR = 0x2,
    TERMINAL_OCRNL = 0x4,
    TERMINAL_ONOCR = 0x8,
    TERMINAL_ONLRET = 0x10,
    TERMINAL_XTABS = 0x20,
};

/** Bits of `control`; CSIZE is two of them. */
enum {
    TERMINAL_CSIZE = 0x3,
    TERMINAL_CS5 = 0x0,
    TERMINAL_CS6 = 0x1,
    TERMINAL_CS7 = 0x2,
    TERMINAL_CS8 = 0x3,
    TERMINAL_CSTOPB = 0x4,
    TERMINAL_CREAD = 0x8,
    TERMINAL_PARENB = 0x10,
    TERMINAL_PARODD = 0x20,
    TERMINAL_HUPCL = 0x40,
    TERMINAL_CLOCAL = 0x80,
    TERMINAL_CRTSCTS = 0x100,
};

/** Bits of `local`. */
enum {
    TERMINAL_ISIG = 0x1,
    TERMINAL_ICANON = 0x2,
    TERMINAL_ECHO = 0x4,
    TERMINAL_ECHOE = 0x8,
    TERMINAL_ECHOK = 0x10,
    TERMINAL_ECHONL = 0x20,
    TERMINAL_NOFLSH = 0x40,
    TERMINAL_TOSTOP = 0x80,
    TERMINAL_IEXTEN = 0x100,
    TERMINAL_ECHOCTL = 0x200,
    TERMINAL_ECHOKE = 0x400,
};

struct terminal_attributes {
    uint32_t input, output, control, local;
    uint32_t input_speed, output_speed; /* bits a second; 0: hang up */
    uint8_t characters[TERMINAL_CHARACTERS];
    uint32_t zero;
};
_Static_assert(sizeof(struct terminal_attributes) == 48, "no hidden bytes");

struct terminal_change {
    uint32_t group; /* of the caller */
    uint32_t zero;
    struct terminal_attributes attributes;
};

struct terminal_size {
    uint16_t rows, columns, width, height; /* 0: not known */
};

struct terminal_group {
    uint32_t group; /* of the caller */
    uint32_t value;
};
