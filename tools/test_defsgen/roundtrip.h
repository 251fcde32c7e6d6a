/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the round-trip test share.
 */
#pragma once

#include <libsys/server.h>
#include <libsys/stub.h>
#include <stdio.h>
#include <wharf/if/sample.h>

#define CHECK(condition) check_that((condition), #condition, __FILE__, __LINE__)

/** A failure is printed and counted. */
void check_that(bool well, const char *text, const char *file, int line);

/* Rights and memory between sender and receiver, or with a receiver that has to give them up. */
extern long live;

/* sample_ops.c */
extern const struct sample_ops sample_functions;
extern kern_return_t next_answer;   /* of the functions; set by the test */
extern mach_port_name_t kept_reply; /* of `later`; its address is the context too */
extern uint32_t kept_seed;
extern uint64_t flushed_cookie;

/* fake_kernel.c: the trap. Port SERVER_PORT is served by server_run() inside the client's trap. */
enum { SERVER_PORT = 77, NAMED_REPLY = 1234 };

struct fake {
    int64_t send_result;           /* of the client's next send */
    unsigned interruptions;        /* of the client's wait, before the answer comes */
    kern_return_t reply_lost;      /* error of sending the reply */
    bool named_reply;              /* the server sees a name, not MSG_REPLY */
    bool short_buffers;            /* the server has no room for long messages */
    mach_port_name_t answer_right; /* the answer comes with a right to answer it, of this name */
    void (*spoil_request)(uint64_t *id, uint64_t *control, uint8_t *body);
    void (*spoil_reply)(uint64_t *id, uint64_t *control, uint8_t *body);
};
extern struct fake fake;
/** Results of the last round: what server_run() returned, and the reply's id; -1: no reply. */
extern kern_return_t fake_server_result;
extern int64_t fake_reply_id;
