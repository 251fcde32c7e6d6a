/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a message trap may return in the state that the player knows, and whether what it received
 * is what somebody sent.
 */
#include "player.h"

#include <kern/clock.h>
#include <string.h>

#define EXPECT(condition)                                                                \
    do {                                                                                 \
        if (!(condition))                                                                \
            host_machine_fail("thread %u: %s:%d: not %s\n%s", p->id, __FILE__, __LINE__, \
                              #condition, describe(p, t));                               \
    } while (0)

static const char *describe(const struct player *p, const struct thread *t)
{
    static char text[1000];
    int n = snprintf(text, sizeof(text), "  doing %d, open %d, held %d, own %x\n  in ", p->doing,
                     p->open, p->held, p->own);
    for (unsigned i = 0; i < 17; i++)
        n +=
            snprintf(text + n, sizeof(text) - (size_t)n, " %llx", (unsigned long long)p->plan.x[i]);
    n += snprintf(text + n, sizeof(text) - (size_t)n, "\n  out");
    for (unsigned i = 0; i < 17; i++)
        n +=
            snprintf(text + n, sizeof(text) - (size_t)n, " %llx", (unsigned long long)t->arch.x[i]);
    return text;
}

/* --- results --- */

static bool is_receive_error(int64_t r)
{
    return -r >= MACH_RCV_INVALID_NAME && -r <= MACH_RCV_NO_REPLY;
}

static bool is_late(const struct player *p)
{
    return p->plan.x[14] != NANOS_NEVER && clock_now() >= p->plan.x[14];
}

static bool may_fail_to_send(const struct player *p, int64_t r)
{
    const struct plan *plan = &p->plan;
    switch (-r) {
    case MACH_SEND_INVALID_DEST: return (uint32_t)plan->x[0] != MSG_REPLY || !p->held;
    case MACH_SEND_TIMED_OUT: return is_late(p);
    case MACH_SEND_INTERRUPTED: return true;
    case MACH_SEND_INVALID_DATA: return plan->bad_body || plan->wild;
    case MACH_SEND_INVALID_REPLY: return msg_local(plan->x[2]) != MSG_MAKE_REPLY;
    case MACH_SEND_INVALID_RIGHT: return plan->has_descriptors;
    case MACH_SEND_INVALID_TYPE: return plan->wild || plan->has_memory || plan->has_descriptors;
    case MACH_SEND_INVALID_HEADER:
        return plan->wild || plan->x[3] == 0 || plan->x[3] == MSG_REPLY ||
               plan->x[0] == MSG_REPLY || game.wild;
    case MACH_SEND_NO_BUFFER: return game.shortage;
    case MACH_SEND_TOO_LARGE:
        return plan->has_descriptors || msg_length(plan->x[2]) > 0; /* limits of ports are small */
    case MACH_SEND_CIRCULAR:
    case KERN_LIMIT: return plan->moves_receive || plan->wild;
    case MACH_SEND_INVALID_MEMORY: return plan->wild;
    default: return false;
    }
}

static bool may_fail_to_receive(const struct player *p, int64_t r)
{
    const struct plan *plan = &p->plan;
    bool answer = (uint32_t)plan->x[13] == MSG_REPLY;
    switch (-r) {
    case MACH_RCV_TIMED_OUT: return is_late(p);
    case MACH_RCV_INTERRUPTED: return true;
    case MACH_RCV_TOO_LARGE: return plan->x[16] < MSG_BODY_MAX;
    case MACH_RCV_INVALID_DATA: return plan->bad_buffer || plan->wild;
    case MACH_RCV_NO_SPACE: return game.shortage;
    case MACH_RCV_NO_REPLY: return answer && p->open != OPEN_YES;
    case MACH_RCV_INVALID_NAME:
    case MACH_RCV_IN_SET:
    case MACH_RCV_PORT_CHANGED:
    case MACH_RCV_PORT_DIED: return !answer;
    default: return false;
    }
}

static void check_error(const struct player *p, const struct thread *t, int64_t r)
{
    const uint64_t *x = t->arch.x;
    EXPECT(is_receive_error(r) ? may_fail_to_receive(p, r) : may_fail_to_send(p, r));
    for (unsigned i = 1; i < 17; i++)
        EXPECT(x[i] == 0 || (i == 2 && r == -MACH_RCV_TOO_LARGE));
    if (r == -MACH_RCV_TOO_LARGE)
        EXPECT(msg_length(x[2]) > MSG_REGISTER_BYTES && msg_length(x[2]) > p->plan.x[16] &&
               msg_length(x[2]) <= MSG_BODY_MAX);
}

/* --- the state of the player --- */

/* The send half is done. */
static void note_sent(struct player *p)
{
    const struct plan *plan = &p->plan;
    uint32_t dest = (uint32_t)plan->x[0], local = (uint32_t)plan->x[3];
    unsigned disposition = msg_local(plan->x[2]);
    if (dest == MSG_REPLY || (local == MSG_REPLY && disposition == MSG_MOVE_SEND_ONCE))
        p->held = false;
    if (disposition == MSG_MAKE_REPLY) {
        p->open = OPEN_YES;
        p->open_serial = plan->serial;
    }
    if (p->own && local == p->own && disposition == MSG_MAKE_SEND_ONCE)
        p->own_made++;
}

static void note_not_sent(struct player *p)
{
    if (p->plan.serial)
        letter_failed(p->plan.serial);
    if (msg_local(p->plan.x[2]) == MSG_MAKE_REPLY && p->open == OPEN_YES)
        p->open = OPEN_MAYBE; /* whether the old call was given up depends on when it failed */
}

/* --- what came --- */

struct arrived {
    uint32_t id, length;
    unsigned descriptors;
    uint64_t control, local;
    uint32_t remote;
    uint64_t body[MSG_BODY_MAX / 8];
};

static enum pool pool_of(unsigned disposition)
{
    return disposition == MSG_MOVE_RECEIVE ? POOL_RECEIVE
           : disposition == MSG_MOVE_SEND  ? POOL_SEND
                                           : POOL_ONCE;
}

static void read_body(struct player *p, const struct thread *t, unsigned cpu, struct arrived *a)
{
    const uint64_t *x = t->arch.x;
    uint64_t word[8];
    for (unsigned i = 0; i < 4; i++) {
        word[i] = x[4 + i];
        word[4 + i] = x[9 + i];
    }
    EXPECT(a->length <= MSG_BODY_MAX && a->descriptors * MSG_DESCRIPTOR_SIZE <= a->length);
    bool is_short = a->length <= MSG_REGISTER_BYTES;
    const uint8_t *byte = (const uint8_t *)word;
    for (unsigned i = is_short ? a->length : 0; i < sizeof(word); i++)
        EXPECT(byte[i] == 0); /* behind the end */
    memcpy(a->body, word, sizeof(word));
    if (!is_short)
        EXPECT(a->length <= p->plan.x[16] && user_read(cpu, p->plan.x[15], a->body, a->length));
}

static void take_array(struct player *p, const struct thread *t, unsigned cpu,
                       const struct msg_descriptor *d)
{
    mach_port_name_t name[MSG_OOL_PORTS_MAX];
    EXPECT(d->size <= MSG_OOL_PORTS_MAX && (d->size > 0) == (d->value != 0));
    if (d->size == 0)
        return;
    EXPECT(user_read(cpu, d->value, name, d->size * sizeof(name[0])));
    for (unsigned i = 0; i < d->size; i++)
        player_put(p, pool_of(d->disposition), name[i]);
    EXPECT(p->arrays < ARRAYS_MAX);
    p->array[p->arrays++] = d->value;
}

/* Each page of it goes back like an array. */
static void take_memory(struct player *p, const struct thread *t, const struct msg_descriptor *d)
{
    EXPECT(!d->zero && !d->flags && !d->disposition && d->size <= PAGE_SIZE);
    EXPECT((d->size > 0) == (d->value != 0));
    vaddr_t end = d->value + d->size;
    for (vaddr_t at = round_down(d->value, PAGE_SIZE); at < end; at += PAGE_SIZE) {
        EXPECT(p->arrays < ARRAYS_MAX);
        p->array[p->arrays++] = at;
    }
}

static void take_descriptors(struct player *p, const struct thread *t, unsigned cpu,
                             const struct arrived *a)
{
    const struct msg_descriptor *d = (const struct msg_descriptor *)(const void *)a->body;
    for (unsigned i = 0; i < a->descriptors; i++) {
        if (d[i].kind == MSG_OOL_MEMORY) {
            take_memory(p, t, &d[i]);
            continue;
        }
        EXPECT((d[i].kind == MSG_PORT || d[i].kind == MSG_OOL_PORTS) && !d[i].zero);
        EXPECT(d[i].disposition
                   ? d[i].disposition >= MSG_MOVE_RECEIVE && d[i].disposition <= MSG_MOVE_SEND_ONCE
                   : d[i].value == MSG_NULL || d[i].kind == MSG_OOL_PORTS);
        if (d[i].kind == MSG_OOL_PORTS)
            take_array(p, t, cpu, &d[i]);
        else
            player_put(p, pool_of(d[i].disposition), (mach_port_name_t)d[i].value);
    }
}

static void check_header(const struct player *p, const struct thread *t, const struct arrived *a)
{
    unsigned remote = msg_remote(a->control), how = msg_local(a->control);
    bool answer = (uint32_t)p->plan.x[13] == MSG_REPLY;
    EXPECT(a->control >> 48 == 0 && (msg_flags(a->control) & ~MSG_FLAG_PAYLOAD) == 0);
    EXPECT(remote == 0 || remote == MSG_MOVE_SEND || remote == MSG_MOVE_SEND_ONCE);
    EXPECT((how >= MSG_MOVE_SEND && how <= MSG_MAKE_SEND_ONCE) || how == MSG_BY_KERNEL);
    EXPECT(how != MSG_BY_KERNEL || (a->id >= MSG_ID_PORT_DELETED && a->id <= MSG_ID_DEAD_NAME));
    EXPECT(a->remote != MSG_REPLY || remote == MSG_MOVE_SEND_ONCE);
    EXPECT(remote != 0 || a->remote == MSG_NULL);
    EXPECT(t->arch.x[15] == 0 && t->arch.x[16] == 0);
    if (answer)
        EXPECT(a->local == 0 && t->arch.x[14] == 0 && how == MSG_MOVE_SEND_ONCE);
    else if (msg_flags(a->control) & MSG_FLAG_PAYLOAD)
        EXPECT(a->local >> 63);
    else
        EXPECT(a->local != 0 && a->local < MSG_REPLY);
}

/* A message of the kernel, by its id. False: it is a player's. */
static bool check_kernel_message(struct player *p, const struct thread *t, const struct arrived *a)
{
    switch (a->id) {
    case MSG_ID_DEAD_NAME: player_put(p, POOL_DEAD, (mach_port_name_t)a->body[0]); [[fallthrough]];
    case MSG_ID_PORT_DELETED:
    case MSG_ID_SEND_POSSIBLE:
    case MSG_ID_NO_SENDERS: EXPECT(a->length == 4 && a->descriptors == 0); return true;
    case MSG_ID_SEND_ONCE: EXPECT(a->length == 0 && a->descriptors == 0); return true;
    case MSG_ID_PORT_DESTROYED:
        EXPECT(a->length == MSG_DESCRIPTOR_SIZE + 8 && a->descriptors == 1);
        return true;
    default:
        if (a->id < 1000) { /* a kernel object's answer: a result */
            EXPECT(a->length == 0 && a->descriptors == 0);
            return true;
        }
        EXPECT(a->id >> ID_BITS == LETTER_ID >> ID_BITS || a->id >> ID_BITS == SHORT_ID >> ID_BITS);
        return false;
    }
}

/* The letter, if there is one, and what follows for the player's state. */
static void take_letter(struct player *p, const struct thread *t, const struct arrived *a)
{
    struct letter letter = {0};
    uint32_t head = a->descriptors * MSG_DESCRIPTOR_SIZE;
    bool answer = (uint32_t)p->plan.x[13] == MSG_REPLY;
    bool has = letter_check(a->id, (const uint8_t *)a->body + head, a->length - head, &letter);
    if (has) {
        letter_received(letter.serial);
        if (answer && letter.answer_to && p->open == OPEN_YES && p->open_serial)
            EXPECT(letter.answer_to == p->open_serial);
        if (!answer && !game.moves && !game.threads && !(msg_flags(a->control) & MSG_FLAG_PAYLOAD))
            letter_in_order((uint64_t)t->task->id << 32 | a->local, letter.sender,
                            (uint32_t)t->arch.x[14], letter.serial);
    }
    if (a->remote == MSG_REPLY)
        p->held_token = letter.token;
}

static void check_received(struct player *p, const struct thread *t, unsigned cpu)
{
    const uint64_t *x = t->arch.x;
    struct arrived a = {.id = (uint32_t)x[1],
                        .control = x[2],
                        .length = msg_length(x[2]),
                        .descriptors = msg_descriptors(x[2]),
                        .local = x[3],
                        .remote = (uint32_t)x[13]};
    bool answer = (uint32_t)p->plan.x[13] == MSG_REPLY;
    read_body(p, t, cpu, &a);
    check_header(p, t, &a);
    take_descriptors(p, t, cpu, &a);
    if (!check_kernel_message(p, t, &a))
        take_letter(p, t, &a);
    if (answer) {
        EXPECT(p->open != OPEN_NO);
        p->open = OPEN_NO;
    }
    if (a.remote == MSG_REPLY)
        p->held = true;
    else
        player_put(p, pool_of(msg_remote(a.control)), a.remote);
    if (p->own && !answer && a.local == p->own && !(msg_flags(a.control) & MSG_FLAG_PAYLOAD)) {
        p->own_got++;
        EXPECT(p->own_got <= p->own_made || game.wild); /* rubbish may be another's name */
    }
}

void message_check(struct player *p, const struct thread *t, unsigned cpu)
{
    const struct plan *plan = &p->plan;
    int64_t r = (int64_t)t->arch.x[0];
    bool sends = (uint32_t)plan->x[0] != MSG_NULL, receives = (uint32_t)plan->x[13] != MSG_NULL;
    bool sent = r == 0 || is_receive_error(r);
    /* Without memory for its answer, a kernel object's call says MACH_RCV_NO_SPACE: it is done. */
    bool unanswered = game.shortage && r == -MACH_RCV_NO_SPACE;
    EXPECT(r <= 0 && (sends || sent) && (receives || unanswered || !is_receive_error(r)));
    if (sends && sent)
        EXPECT((uint32_t)plan->x[0] != MSG_REPLY || p->held || plan->wild);
    if (r != 0 && !is_receive_error(r))
        check_error(p, t, r);
    if (sends && !sent)
        note_not_sent(p);
    else if (sends)
        note_sent(p);
    else if (plan->serial)
        letter_failed(plan->serial); /* the destination was made null */
    if (sent && receives && (uint32_t)plan->x[13] != MSG_REPLY)
        p->held = false; /* who receives anew will not answer any more */
    if (is_receive_error(r))
        check_error(p, t, r);
    if (r == -MACH_RCV_NO_REPLY)
        p->open = OPEN_NO;
    if (unanswered && p->open == OPEN_YES)
        p->open = OPEN_MAYBE;
    if (r == 0 && receives)
        check_received(p, t, cpu);
    else if (r == 0)
        for (unsigned i = 1; i < 17; i++)
            EXPECT(t->arch.x[i] == 0);
}

void keep_check(struct player *p, int64_t result)
{
    bool ok = p->held ? result > 0 || (game.shortage && result < 0) : result == -MACH_RCV_NO_REPLY;
    if (!ok)
        host_machine_fail("thread %u: reply_keep returned %lld, held %d", p->id, (long long)result,
                          p->held);
    if (result > 0) {
        p->held = false;
        player_put(p, POOL_ONCE, (mach_port_name_t)result);
    }
}
