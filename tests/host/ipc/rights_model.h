/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of a right in a message, as Mach and wharf/message.h define it. Knows nothing of the
 * kernel: host tests and programs on the system share it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/message.h>

enum rights_disposition {
#define RIGHTS_DISPOSITION(symbol, number) WITH_##symbol,
#include "rights.def"
    RIGHTS_DISPOSITIONS
};

enum rights_name {
#define RIGHTS_NAME(symbol, receive, send, once, dead, sentence) NAME_##symbol,
#include "rights.def"
    RIGHTS_NAMES
};

enum rights_position {
#define RIGHTS_POSITION(symbol, sentence) AT_##symbol,
#include "rights.def"
    RIGHTS_POSITIONS
};

enum rights_state {
#define RIGHTS_STATE(symbol, sentence) PORT_IS_##symbol,
#include "rights.def"
    RIGHTS_STATES
};

struct rights_case {
    enum rights_disposition disposition;
    enum rights_name name;
    enum rights_position position;
    enum rights_state state;
};

/** What a name denotes. */
struct rights_held {
    bool receive, once, set;
    unsigned send, dead; /* user references */
};

enum rights_arrival {
    ARRIVES_NOTHING, /* the message was not sent */
    ARRIVES_NULL,    /* MSG_NULL */
    ARRIVES_DEAD,    /* MSG_DEAD */
    ARRIVES_SEND,
    ARRIVES_ONCE,
    ARRIVES_RECEIVE,
    ARRIVES_REPLY, /* MSG_REPLY, held by the thread */
};

struct rights_outcome {
    unsigned result;           /* of the send */
    bool sent;                 /* a message went out */
    struct rights_held left;   /* what the sender's name denotes afterwards */
    enum rights_arrival right; /* what arrives; for AT_DEST: whether the message does */
    unsigned kind;             /* as which the receiver is told of it */
    unsigned senders;          /* send rights to the port, when the message has been received */
    unsigned make_sends;       /* since the receive right came where it is */
};

/** The disposition's number. */
unsigned rights_number(enum rights_disposition disposition);
/** What the name denotes before. */
struct rights_held rights_before(enum rights_name name);
/** There is such a thing. */
bool rights_is_possible(const struct rights_case *c);
/** What must come of it. The sender asks not to wait for room; the receiver takes the message at once. */
struct rights_outcome rights_expect(const struct rights_case *c);
/** "MOVE_SEND of BOTH as LOCAL, EMPTY". */
void rights_print(const struct rights_case *c, char *out, unsigned size);
