/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tests of opens that outlive their server stand on: a server of lasting_nodes.c, which is killed in the midst of requests, and asked again.
 */
#pragma once

#include "lasting.h"
#include "lasting_nodes.h"
#include "world_impl.h"
#include <setjmp.h>

enum { OPENS = 64, FILES = 6, CONTENT = 600, NAME = 16 };

/* One of the client's stage_files, as it has to be. */
struct file {
    mach_port_name_t port; /* MSG_NULL: it is not there */
    bool named, appends;
    char name[NAME];
    uint64_t size, offset;
    uint8_t content[CONTENT];
};

extern struct lasting_image stage_image;
extern uint8_t stage_memory[65536];
extern struct file stage_files[FILES];
extern jmp_buf stage_killed;
extern unsigned stage_kill_at;              /* the n-th place from now; 0: none */
extern unsigned stage_kills, stage_repeats; /* so far */
extern mach_port_name_t stage_answered;     /* a right in the answer; goes with it */

/** For lasting_nodes_place. */
void stage_place(void);
const struct file_server_lasting *stage_lasting(void);
/** An instance begins. Errors of file_server_begin() and _root(). */
kern_return_t stage_try_begin(void);
/** The first one, without files. */
void stage_begin(void);
/** The server is killed, and the next one begins. */
void stage_begin_again(void);
/** But the root. */
uint32_t stage_opens(void);
/** Close what is open; nothing is left. */
void stage_end(void);
int64_t stage_id(void);
void stage_lose_answer(void);
void stage_name(char name[NAME]);
/** A new file, which is asked for once. */
void stage_make(struct file *f);

/* The expression is evaluated until it ends: sometimes the server is stage_killed amid, up to three times, and asked again; sometimes it is stage_killed when it is done, and the answer lost. */
#define ASK(kr, call)                                                                           \
    do {                                                                                        \
        volatile unsigned times_ = 0;                                                           \
        if (setjmp(stage_killed) != 0) {                                                        \
            stage_begin_again();                                                                \
            stage_repeats++;                                                                    \
        }                                                                                       \
        stage_kill_at = times_++ < 3 && check_below(3) == 0 ? (unsigned)check_below(5) + 1 : 0; \
        (kr) = (call);                                                                          \
        stage_kill_at = 0;                                                                      \
        if (times_ < 4 && check_below(6) == 0) {                                                \
            stage_lose_answer();                                                                \
            longjmp(stage_killed, 1);                                                           \
        }                                                                                       \
    } while (0)
