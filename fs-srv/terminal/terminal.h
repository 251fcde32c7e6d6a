/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal program: a line discipline (line.h) between a serial line (libsys/tty_client.h) and who opened the terminal (file.defs).
 *
 * S1 One thread does all of it, and waits for nobody but a line's driver that is being started anew: there is nothing to do without it. Signals to
 *    groups are sent by a second thread (jobs.c), which waits for the process server.
 * S2 Nothing that was taken from the line is lost while the terminal lives: what the discipline has no room for stays in `came`, what the line has no
 *    room for in `goes`.
 * S3 After each message, and at each tick, terminal_pump() has moved what can be moved and answered who can be answered.
 *
 *      main.c    the line, the log, beginning and end     serve.c    requests of file.defs at an open terminal
 *      opens.c   who has it open, and who waits           control.c  file.control
 *                                                         jobs.c     sessions and foreground group
 */
#pragma once

#include "line.h"
#include <libsys/driver/driver.h>
#include <libsys/tty_client.h>
#include <wharf/if/file_types.h>

struct terminal {
    struct driver driver;
    struct tty_client tty;
    struct line line;
    uint8_t came[TTY_RING_BYTES], goes[512]; /* S2 */
    size_t came_size, goes_at, goes_size;
    uint64_t received, sent;
    mach_port_name_t root;        /* receive right of its service: the node itself */
    uint32_t session, foreground; /* 0: none */
    uint64_t signals;
};

extern struct terminal terminal;

/** Move what can be moved (S3). */
void terminal_pump(void);
/** All that was written has gone to the line's driver, and from there to the device. */
bool terminal_is_drained(void);
/** Bytes that are not out. */
uint32_t terminal_queued(void);

/* ---- opens.c ---- */

enum { OPENS_MAX = 256, WATCHES_MAX = 4, WAITS_MAX = 512 };

struct watch {
    uint32_t events; /* 0: there is none */
    uint64_t token;
    mach_port_name_t notify; /* send-once */
};

struct open {
    bool used;
    uint32_t generation;   /* of the payload, against messages that are late */
    uint32_t flags;        /* FILE_READ ... as of open */
    mach_port_name_t port; /* receive right */
    struct watch watch[WATCHES_MAX];
};

/** Who asks: the open that the message came through; NULL: the service itself, which can be opened and looked at only. */
struct open *open_of(const struct server_message *message);
/** A new one, and its send right. ENFILE. */
kern_return_t open_make(uint32_t flags, mach_port_name_t *out);
/** Nobody has it any more. */
void open_close(struct open *open);
/** Events that hold for it now. */
uint32_t open_events(const struct open *open);
/** Keep the message's reply until one of the events holds. */
kern_return_t open_wait(struct open *open, struct server_message *message, uint32_t events,
                        uint64_t token);
kern_return_t open_watch(struct open *open, uint32_t events, uint64_t token,
                         mach_port_name_t notify);
/** Answer who waits for what holds now. */
void opens_tell(void);
/** Answer who waits to read or write, so that they try again: who is in the background now learns that he may not. */
void opens_try_again(void);

/* ---- jobs.c ---- */

/** Have signals sent. Without a process server, which is no error, nobody gets any. */
void jobs_begin(void);
/** A key, or a window that has changed. */
void jobs_signal(void *context, enum line_signal signal);
/** All signals that there were have been sent. */
bool jobs_are_done(void);
/** Whether a caller who says so is in the background. */
bool jobs_is_background(uint32_t group);
kern_return_t jobs_set_session(uint32_t session, uint32_t group);
kern_return_t jobs_leave_session(uint32_t session);
kern_return_t jobs_set_group(uint32_t group);

/* ---- serve.c, control.c ---- */

struct file_ops;
extern const struct file_ops terminal_file_ops;
kern_return_t terminal_control(struct server_message *message, uint32_t request, const void *input,
                               uint32_t input_size, void *output, uint32_t *output_size);
