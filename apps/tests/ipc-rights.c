/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every disposition with every kind of name at every place of a message and in every state of its port, from user
 * level, against tests/host/ipc/rights_model.c: the error, what sender and receiver hold afterwards, the port's counts.
 * After each case everything is dropped, and no object may be left.
 *
 *      ipc-rights [N]      case number N only
 */
#include "ipc-actor.h"
#include "rights_model.h"

#include <libsys/check.h>
#include <libsys/program.h>
#include <libsys/trap.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/port.h>
#include <wharf/if/thread.h>
#include <wharf/if/vm.h>

enum { FILLER = 4711, CARRIER = 99, SENT = 7, THE_BODY = 0x1234 };

#define OK(call) CHECK_EQUAL(call, KERN_SUCCESS)

/* Who sends, who receives what is sent to `d`, who owns the port in question, who calls. */
static struct actor sender, receiver, owner, client;
static const struct rights_case *now;
static uint64_t objects; /* before and after each case */

/* What a case is made of. */
static struct {
    uint32_t d, to_d;     /* the receiver's port, the sender's right to it */
    uint32_t name;        /* in question */
    struct actor *holder; /* of the receive right; NULL: there is no port */
    uint32_t port;        /* the holder's name of it */
    uint32_t carrier;     /* port of the owner with a message that has the receive right */
} scene;

/* ---- before ---- */

static uint32_t stale_name(void)
{
    uint32_t name = actor_dead(&sender, 1);
    OK(port_deallocate(sender.task, name));
    return name;
}

static uint32_t kept_reply(void)
{
    uint32_t q = actor_port(&sender), to_q = actor_send_to(&client, &sender, q);
    CHECK(!actor_post(&client, &(struct message){.dest = to_q,
                                                 .remote = MSG_COPY_SEND,
                                                 .how_local = MSG_MAKE_REPLY,
                                                 .receive = MSG_REPLY}));
    OK(actor_perform(&sender, &(struct message){.receive = q}));
    CHECK_EQUAL(got_reply(&sender), MSG_REPLY);
    CHECK(actor_post_trap(&sender, TRAP_reply_keep, 0, 0));
    return (uint32_t)sender.state.x[0];
}

static uint32_t make_name(void)
{
    switch (now->name) {
    case NAME_NULL: return MSG_NULL;
    case NAME_DEAD: return MSG_DEAD;
    case NAME_FREE: return 100 << 16 | 1;
    case NAME_BEYOND: return 0x7fff0001;
    case NAME_STALE: return stale_name();
    case NAME_REPLY: return kept_reply();
    case NAME_DEAD_NAME: return actor_dead(&sender, 1);
    case NAME_DEAD_TWICE: return actor_dead(&sender, 2);
    case NAME_SET: return actor_set(&sender);
    default: break;
    }
    struct rights_held held = rights_before(now->name);
    scene.holder = held.receive ? &sender : &owner;
    scene.port = actor_port(scene.holder);
    uint32_t name = held.once ? actor_once_to(&sender, scene.holder, scene.port) : scene.port;
    if (held.send)
        name = actor_send_to(&sender, scene.holder, scene.port);
    if (held.send > 1)
        OK(port_mod_refs(sender.task, name, PORT_RIGHT_SEND, (int32_t)held.send - 1));
    return name;
}

/* The client gives up the answer it awaits: its right dies. */
static void give_up_call(void)
{
    uint32_t z = actor_port(&client), to_z = actor_send_to(&client, &client, z);
    OK(thread_abort(client.thread));
    CHECK_EQUAL(actor_result(&client), MACH_RCV_INTERRUPTED);
    OK(actor_perform(&client, &(struct message){.dest = to_z,
                                                .remote = MSG_COPY_SEND,
                                                .how_local = MSG_MAKE_REPLY}));
}

static void put_in_transit(void)
{
    struct message m = {.id = CARRIER, .remote = MSG_MAKE_SEND_ONCE};
    m.dest = scene.carrier = actor_port(&owner);
    put_port(&m, scene.port, MSG_MOVE_RECEIVE);
    OK(actor_perform(&owner, &m));
}

/* One message in a queue that holds one, sent by a right that makes no difference to the port's counts. */
static void fill_queue(void)
{
    OK(port_set_limits(scene.holder->task, scene.port, 1, 65536));
    OK(actor_perform(scene.holder, &(struct message){.dest = scene.port,
                                                     .remote = MSG_MAKE_SEND_ONCE,
                                                     .id = FILLER}));
}

static void change_state(void)
{
    switch (now->state) {
    case PORT_IS_FULL: fill_queue(); break;
    case PORT_IS_DIED:
        if (now->name == NAME_REPLY)
            give_up_call();
        else
            actor_kill_port(&owner, scene.port);
        break;
    case PORT_IS_TRANSIT: put_in_transit(); break;
    default: break;
    }
}

/* ---- the message ---- */

static struct message make_message(void)
{
    uint8_t d = (uint8_t)rights_number(now->disposition);
    struct message m = {.id = SENT, .dest = scene.to_d, .remote = MSG_COPY_SEND, .deadline = PAST};
    struct msg_descriptor array = {.value = (uintptr_t)sender.send,
                                   .size = 1,
                                   .kind = MSG_OOL_PORTS,
                                   .disposition = d};
    switch (now->position) {
    case AT_DEST:
        m.dest = scene.name;
        m.remote = d;
        m.length = 8;
        m.body[0] = THE_BODY;
        break;
    case AT_LOCAL:
        m.local = scene.name;
        m.how_local = d;
        break;
    case AT_BODY: put_port(&m, scene.name, d); break;
    default:
        memcpy(sender.send, &scene.name, sizeof(scene.name));
        memcpy(m.body, &array, sizeof(array));
        m.descriptors = 1;
        m.length = MSG_DESCRIPTOR_SIZE;
        break;
    }
    return m;
}

/* ---- after ---- */

static void check_refs(struct actor *a, uint32_t name, uint32_t right, unsigned wanted)
{
    uint32_t refs = 0;
    kern_return_t kr = port_get_refs(a->task, name, right, &refs);
    CHECK(kr == KERN_SUCCESS || kr == KERN_INVALID_NAME);
    CHECK_EQUAL(refs, wanted);
}

static void check_held(struct actor *a, uint32_t name, const struct rights_held *held)
{
    if (name == MSG_NULL || name == MSG_DEAD)
        return;
    check_refs(a, name, PORT_RIGHT_RECEIVE, held->receive);
    check_refs(a, name, PORT_RIGHT_SEND, held->send);
    check_refs(a, name, PORT_RIGHT_SEND_ONCE, held->once);
    check_refs(a, name, PORT_RIGHT_DEAD, held->dead);
    check_refs(a, name, PORT_RIGHT_SET, held->set);
}

/* The next message of a port, or that there is none. */
static void expect_next(struct actor *a, uint32_t port, bool there, uint32_t id)
{
    struct message m = {.receive = port, .deadline = PAST};
    CHECK_EQUAL(actor_perform(a, &m), there ? KERN_SUCCESS : MACH_RCV_TIMED_OUT);
    if (there)
        CHECK_EQUAL(got_id(a), id);
}

static void take_from_transit(void)
{
    expect_next(&owner, scene.carrier, true, CARRIER);
    scene.port = (uint32_t)got_descriptor(&owner, 0).value;
}

static void check_client_answered(void)
{
    OK(actor_result(&client));
    CHECK_EQUAL(got_id(&client), SENT);
    CHECK_EQUAL(got_local(&client), 0);
    CHECK_EQUAL(got_word(&client, 0), THE_BODY);
}

/* Whoever has the receive right takes what has come. */
static void check_destination(const struct rights_outcome *expected)
{
    if (now->name == NAME_REPLY && now->state != PORT_IS_DIED && expected->sent)
        check_client_answered();
    if (!scene.holder || now->state == PORT_IS_DIED)
        return;
    if (now->state == PORT_IS_TRANSIT)
        take_from_transit();
    if (now->state == PORT_IS_FULL)
        expect_next(scene.holder, scene.port, true, FILLER);
    expect_next(scene.holder, scene.port, expected->sent, SENT);
    if (expected->sent) {
        CHECK_EQUAL(got_local(scene.holder), scene.port);
        CHECK_EQUAL(got_word(scene.holder, 0), THE_BODY);
        CHECK_EQUAL(msg_local(got_control(scene.holder)), expected->kind);
        CHECK_EQUAL(msg_remote(got_control(scene.holder)), 0);
    }
}

static uint32_t arrived_name(const struct rights_outcome *expected)
{
    uint32_t name;
    if (now->position == AT_LOCAL) {
        CHECK_EQUAL(msg_remote(got_control(&receiver)), expected->kind);
        return got_reply(&receiver);
    }
    struct msg_descriptor d = got_descriptor(&receiver, 0);
    CHECK_EQUAL(d.disposition, expected->kind);
    if (now->position == AT_BODY) {
        CHECK(d.kind == MSG_PORT && d.size == 0);
        return (uint32_t)d.value;
    }
    uint8_t data[sizeof(name)];
    uint32_t count = 0;
    CHECK(d.kind == MSG_OOL_PORTS && d.size == 1);
    OK(vm_read(receiver.task, d.value, sizeof(name), data, &count));
    memcpy(&name, data, sizeof(name));
    OK(vm_deallocate(receiver.task, d.value, sizeof(name)));
    return name;
}

static void check_arrival(const struct rights_outcome *expected)
{
    expect_next(&receiver, scene.d, expected->sent, SENT);
    if (!expected->sent)
        return;
    CHECK_EQUAL(got_local(&receiver), scene.d);
    CHECK_EQUAL(msg_local(got_control(&receiver)), MSG_COPY_SEND);
    uint32_t name = arrived_name(expected);
    static const struct rights_held arrives[] = {[ARRIVES_SEND] = {.send = 1},
                                                 [ARRIVES_ONCE] = {.once = true},
                                                 [ARRIVES_RECEIVE] = {.receive = true}};
    switch (expected->right) {
    case ARRIVES_NULL: CHECK_EQUAL(name, MSG_NULL); break;
    case ARRIVES_DEAD: CHECK_EQUAL(name, MSG_DEAD); break;
    case ARRIVES_REPLY: CHECK_EQUAL(name, MSG_REPLY); break;
    default:
        CHECK(name != MSG_NULL && name < MSG_REPLY);
        check_held(&receiver, name, &arrives[expected->right]);
        break;
    }
    if (expected->right == ARRIVES_RECEIVE) {
        scene.holder = &receiver;
        scene.port = name;
    }
}

static void check_counts(const struct rights_outcome *expected)
{
    struct port_receive_status status = {0};
    if (!scene.holder || now->state == PORT_IS_DIED)
        return;
    if (now->state == PORT_IS_TRANSIT && now->position != AT_DEST)
        take_from_transit();
    OK(port_get_receive_status(scene.holder->task, scene.port, &status));
    CHECK_EQUAL(status.senders, expected->senders);
    CHECK_EQUAL(status.make_sends, now->state == PORT_IS_TRANSIT ? 0 : expected->make_sends);
}

/* The receiver may hold the client's reply without a name: it gives that up when it receives. */
static void drop_everything(void)
{
    (void)actor_perform(&receiver, &(struct message){.receive = scene.d, .deadline = PAST});
    actor_wipe(&sender);
    actor_wipe(&receiver);
    actor_wipe(&owner);
    (void)actor_result(&client);
    actor_wipe(&client);
}

static void one_case(void)
{
    struct rights_outcome expected = rights_expect(now);
    memset(&scene, 0, sizeof(scene));
    scene.d = actor_port(&receiver);
    scene.to_d = actor_send_to(&sender, &receiver, scene.d);
    scene.name = make_name();
    change_state();
    struct message m = make_message();
    CHECK_EQUAL(actor_perform(&sender, &m), expected.result);
    check_held(&sender, scene.name, &expected.left);
    if (now->position == AT_DEST)
        check_destination(&expected);
    else
        check_arrival(&expected);
    check_counts(&expected);
    drop_everything();
    expect_objects(objects);
}

static void try_case(const struct rights_case *c, unsigned number)
{
    char text[100];
    unsigned failures = check_failures();
    now = c;
    one_case();
    if (check_failures() == failures)
        return;
    rights_print(c, text, sizeof(text));
    print("ipc-rights: FAILED, arg=%u: %s\n", number, text);
}

static unsigned all_cases(unsigned only)
{
    unsigned number = 0;
    for (unsigned p = 0; p < RIGHTS_POSITIONS; p++)
        for (unsigned d = 0; d < RIGHTS_DISPOSITIONS; d++)
            for (unsigned n = 0; n < RIGHTS_NAMES; n++)
                for (unsigned s = 0; s < RIGHTS_STATES; s++) {
                    struct rights_case c = {d, n, p, s};
                    if (!rights_is_possible(&c))
                        continue;
                    if (only == UINT32_MAX || only == number)
                        try_case(&c, number);
                    number++;
                }
    return number;
}

int main(int argc, char **argv)
{
    uint64_t at_first = objects_at_rest();
    unsigned only = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : UINT32_MAX;
    actor_make(&sender, "sender");
    actor_make(&receiver, "receiver");
    actor_make(&owner, "owner");
    actor_make(&client, "client");
    objects = objects_at_rest();
    print("ipc-rights: %u cases\n", all_cases(only));
    actor_end(&sender);
    actor_end(&receiver);
    actor_end(&owner);
    actor_end(&client);
    expect_objects(at_first);
    return check_end("ipc-rights");
}
