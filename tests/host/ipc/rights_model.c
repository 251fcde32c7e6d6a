/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules (rights_model.h), written from their definitions and not from the kernel's code.
 */
#include "rights_model.h"

#include <stdio.h>

static const unsigned numbers[] = {
#define RIGHTS_DISPOSITION(symbol, number) number,
#include "rights.def"
};

static const struct rights_held names[] = {
#define RIGHTS_NAME(symbol, receive, send, once, dead, sentence) {receive, once, false, send, dead},
#include "rights.def"
};

unsigned rights_number(enum rights_disposition disposition)
{
    return numbers[disposition];
}

struct rights_held rights_before(enum rights_name name)
{
    struct rights_held held = names[name];
    held.set = name == NAME_SET;
    return held;
}

bool rights_is_possible(const struct rights_case *c)
{
    struct rights_held held = names[c->name];
    if (c->state == PORT_IS_EMPTY)
        return true;
    if (!held.receive && !held.send && !held.once)
        return false; /* there is no port */
    if (c->name == NAME_REPLY)
        return c->state == PORT_IS_DIED; /* no queue, no receive right; but the caller can end */
    return c->state == PORT_IS_FULL || !held.receive;
}

static bool moves(unsigned d)
{
    return d == MSG_MOVE_RECEIVE || d == MSG_MOVE_SEND || d == MSG_MOVE_SEND_ONCE;
}

/* The kind of right a disposition gives; 0: it is none that names a right. */
static unsigned kind_of(unsigned d)
{
    if (d == MSG_COPY_SEND || d == MSG_MAKE_SEND)
        return MSG_MOVE_SEND;
    if (d == MSG_MAKE_SEND_ONCE)
        return MSG_MOVE_SEND_ONCE;
    return moves(d) ? d : 0;
}

/* Does what the name denotes serve? */
static bool serves(const struct rights_held *held, unsigned d)
{
    switch (d) {
    case MSG_MOVE_SEND:
    case MSG_COPY_SEND: return held->send > 0;
    case MSG_MOVE_SEND_ONCE: return held->once;
    default: return held->receive;
    }
}

/* A port's death turns send and send-once rights into dead names with as many references. */
static struct rights_held after_death(struct rights_held held)
{
    return (struct rights_held){.dead = held.send + held.once};
}

static bool refused_by_shape(const struct rights_case *c, unsigned d, unsigned *result)
{
    bool null = c->name == NAME_NULL;
    *result = KERN_SUCCESS;
    switch (c->position) {
    case AT_DEST:
        if (!null && (!kind_of(d) || d == MSG_MOVE_RECEIVE))
            *result = MACH_SEND_INVALID_HEADER;
        break;
    case AT_LOCAL:
        if (d == 0 || d == MSG_MAKE_REPLY)
            *result = null ? KERN_SUCCESS : MACH_SEND_INVALID_HEADER;
        else if (!kind_of(d) || d == MSG_MOVE_RECEIVE)
            *result = MACH_SEND_INVALID_HEADER;
        break;
    default:
        if (!kind_of(d))
            *result = MACH_SEND_INVALID_TYPE;
        break;
    }
    return *result != KERN_SUCCESS;
}

static unsigned error_at(enum rights_position position)
{
    return position == AT_DEST    ? MACH_SEND_INVALID_DEST
           : position == AT_LOCAL ? MACH_SEND_INVALID_REPLY
                                  : MACH_SEND_INVALID_RIGHT;
}

/* The one right goes from `left` into the message. */
static void take(struct rights_outcome *o, unsigned d)
{
    switch (d) {
    case MSG_MOVE_RECEIVE:
        o->left.receive = false;
        o->right = ARRIVES_RECEIVE;
        o->make_sends = 0;
        break;
    case MSG_MOVE_SEND:
        if (--o->left.send > 0)
            o->senders++; /* two tasks hold one */
        o->right = ARRIVES_SEND;
        break;
    case MSG_MOVE_SEND_ONCE:
        o->left.once = false;
        o->right = ARRIVES_ONCE;
        break;
    case MSG_COPY_SEND:
        o->senders++;
        o->right = ARRIVES_SEND;
        break;
    case MSG_MAKE_SEND:
        o->senders++;
        o->make_sends++;
        o->right = ARRIVES_SEND;
        break;
    default: o->right = ARRIVES_ONCE; break;
    }
}

static void take_dead(struct rights_outcome *o, unsigned d)
{
    if (moves(d))
        o->left.dead--;
    o->right = ARRIVES_DEAD;
}

/* The carried right, or why not. */
static bool carry(const struct rights_case *c, struct rights_outcome *o, unsigned d)
{
    bool mach_allows = d == MSG_MOVE_SEND || d == MSG_MOVE_SEND_ONCE || d == MSG_COPY_SEND;
    o->kind = kind_of(d);
    if (c->name == NAME_NULL || c->name == NAME_DEAD) {
        o->right = c->name == NAME_NULL ? ARRIVES_NULL : ARRIVES_DEAD;
        if (c->name == NAME_NULL && c->position != AT_ARRAY) /* an array has one kind for all */
            o->kind = 0;
        return mach_allows;
    }
    if (o->left.dead > 0 && mach_allows)
        take_dead(o, d);
    else if (!o->left.dead && serves(&o->left, d))
        take(o, d);
    else
        return false;
    if (c->position == AT_LOCAL && c->name == NAME_REPLY && o->right == ARRIVES_ONCE)
        o->right = ARRIVES_REPLY;
    return true;
}

/* The header's destination: its right is used up when the message has been received. */
static void send_by(const struct rights_case *c, struct rights_outcome *o, unsigned d)
{
    bool counted = kind_of(d) == MSG_MOVE_SEND;
    if (o->left.dead > 0 || !serves(&o->left, d)) {
        o->result = MACH_SEND_INVALID_DEST;
    } else if (c->state == PORT_IS_FULL && counted) {
        o->result = MACH_SEND_TIMED_OUT;
    } else {
        take(o, d);
        o->senders -= counted;
        o->kind = d; /* the receiver is told how it was sent */
    }
}

struct rights_outcome rights_expect(const struct rights_case *c)
{
    unsigned d = rights_number(c->disposition);
    struct rights_held before = rights_before(c->name);
    struct rights_outcome o = {.left = before,
                               .senders = before.send > 0,
                               .make_sends = before.send > 0};
    if (c->state == PORT_IS_DIED)
        o.left = after_death(before);
    if (c->position == AT_DEST && c->name == NAME_NULL)
        return o; /* no send part */
    if (refused_by_shape(c, d, &o.result))
        return o;
    if (c->position == AT_DEST) {
        send_by(c, &o, d);
    } else if (c->position == AT_LOCAL && !kind_of(d)) {
        o.right = d ? ARRIVES_REPLY : ARRIVES_NULL;
        o.kind = d ? MSG_MOVE_SEND_ONCE : 0;
    } else if (!carry(c, &o, d)) {
        o = (struct rights_outcome){.left = o.left,
                                    .senders = o.senders,
                                    .make_sends = o.make_sends,
                                    .result = error_at(c->position)};
    }
    o.sent = o.result == KERN_SUCCESS;
    return o;
}

void rights_print(const struct rights_case *c, char *out, unsigned size)
{
    static const char *const disposition[] = {
#define RIGHTS_DISPOSITION(symbol, number) #symbol,
#include "rights.def"
    };
    static const char *const name[] = {
#define RIGHTS_NAME(symbol, receive, send, once, dead, sentence) #symbol,
#include "rights.def"
    };
    static const char *const position[] = {
#define RIGHTS_POSITION(symbol, sentence) #symbol,
#include "rights.def"
    };
    static const char *const state[] = {
#define RIGHTS_STATE(symbol, sentence) #symbol,
#include "rights.def"
    };
    (void)snprintf(out, size, "%s of %s as %s, port %s", disposition[c->disposition], name[c->name],
                   position[c->position], state[c->state]);
}
