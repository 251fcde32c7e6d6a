/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every disposition with every kind of name at every place of a message and in every state of its port,
 * against rights_model.c: the error, what sender and receiver hold afterwards, the port's counts. After
 * each case everything is dropped, and no object may be left.
 *
 *      test_rights [threads]   WHARF_SEED, WHARF_CPUS, WHARF_CASE (one of them only)
 */
#include "ipc_world.h"
#include "rights_model.h"

#include <kern/map.h>
#include <string.h>

enum { FILLER = 4711, CARRIER = 99, THE_BODY = 0x1234 };

/* Who sends, who receives what is sent to `d`, who owns the port in question, who calls. */
static struct actor *sender, *receiver, *owner, *client;
static const struct rights_case *now;
static char now_text[160];

/* What a case is made of. */
static struct {
    uint32_t d, to_d;    /* the receiver's port, the sender's right to it */
    uint32_t name;       /* in question */
    uint32_t port;       /* the owner's name of it, or the sender's */
    uint32_t carrier;    /* port of the owner with a message that has the receive right */
    struct port *object; /* NULL: none. Reference held */
} scene;

static void ref_object(void *argument)
{
    port_ref(argument);
}

static void unref_object(void *argument)
{
    port_unref(argument);
}

/* ---- before ---- */

static uint32_t stale_name(void)
{
    uint32_t name = dead_new(sender, 1);
    CHECK_EQUAL(drop(sender, name), KERN_SUCCESS);
    return name;
}

static uint32_t kept_reply(void)
{
    uint32_t q = port_new(sender), to_q = send_to(client, sender, q);
    post(client, (struct message){.dest = to_q,
                                  .remote = MSG_COPY_SEND,
                                  .how_local = MSG_MAKE_REPLY,
                                  .receive = MSG_REPLY});
    CHECK_EQUAL(perform(sender, (struct message){.receive = q}), KERN_SUCCESS);
    CHECK_EQUAL(got_reply(sender), MSG_REPLY);
    post_trap(sender, TRAP_reply_keep, 0, 0);
    CHECK(is_done(sender) && !is_done(client));
    return (uint32_t)sender->x[0];
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
    case NAME_DEAD_NAME: return dead_new(sender, 1);
    case NAME_DEAD_TWICE: return dead_new(sender, 2);
    case NAME_SET: return set_new(sender);
    default: break;
    }
    struct rights_held held = rights_before(now->name);
    struct actor *who = held.receive ? sender : owner;
    scene.port = port_new(who);
    uint32_t name = held.once ? once_to(sender, who, scene.port) : scene.port;
    if (held.send)
        name = send_to(sender, who, scene.port);
    if (held.send > 1)
        CHECK_EQUAL(refs(sender, name, RIGHT_SEND, (int)held.send - 1), KERN_SUCCESS);
    scene.object = port_behind(sender, name);
    in_kernel(ref_object, scene.object);
    return name;
}

/* The client gives up the answer it awaits: its right dies. */
static void give_up_call(void)
{
    uint32_t z = port_new(client), to_z = send_to(client, client, z);
    CHECK_EQUAL(abort_actor(client), KERN_SUCCESS);
    CHECK_EQUAL(perform(client, (struct message){.dest = to_z,
                                                 .remote = MSG_COPY_SEND,
                                                 .how_local = MSG_MAKE_REPLY}),
                KERN_SUCCESS);
}

static void put_in_transit(void)
{
    struct message m = {.id = CARRIER, .remote = MSG_MAKE_SEND_ONCE};
    m.dest = scene.carrier = port_new(owner);
    put_port(owner, &m, scene.port, MSG_MOVE_RECEIVE);
    CHECK_EQUAL(perform(owner, m), KERN_SUCCESS);
}

static void change_state(void)
{
    switch (now->state) {
    case PORT_IS_FULL:
        set_limits(scene.object, 1, 65536);
        queue_from_kernel(scene.object, FILLER);
        break;
    case PORT_IS_DIED:
        if (now->name == NAME_REPLY)
            give_up_call();
        else
            kill_port(owner, scene.port);
        break;
    case PORT_IS_TRANSIT: put_in_transit(); break;
    default: break;
    }
}

/* ---- the message ---- */

static struct message make_message(void)
{
    uint8_t d = (uint8_t)rights_number(now->disposition);
    struct message m = {.id = 7, .dest = scene.to_d, .remote = MSG_COPY_SEND, .deadline = PAST};
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
    case AT_BODY: put_port(sender, &m, scene.name, d); break;
    default:
        m.descriptors = 1;
        m.length = MSG_DESCRIPTOR_SIZE;
        memory_write(sender, sender->send_va, &scene.name, sizeof(scene.name));
        put_descriptor(sender, &m, 0,
                       (struct msg_descriptor){.value = sender->send_va,
                                               .size = 1,
                                               .kind = MSG_OOL_PORTS,
                                               .disposition = d});
        break;
    }
    return m;
}

/* ---- after ---- */

static void check_held(struct actor *a, uint32_t name, const struct rights_held *held)
{
    unsigned rights = (held->receive ? RIGHT_RECEIVE : 0) | (held->send ? RIGHT_SEND : 0) |
                      (held->once ? RIGHT_SEND_ONCE : 0) | (held->dead ? RIGHT_DEAD : 0) |
                      (held->set ? RIGHT_SET : 0);
    if (name != MSG_NULL && name != MSG_DEAD)
        check_name(a, name, rights, held->send + held->once + held->dead);
}

static void check_counts(const struct rights_outcome *expected)
{
    struct port *port = scene.object;
    if (!port || now->state == PORT_IS_DIED)
        return;
    CHECK_EQUAL(port->senders, expected->senders);
    CHECK_EQUAL(port->make_sends, now->state == PORT_IS_TRANSIT ? 0 : expected->make_sends);
}

/* The next message of a port, or that there is none. */
static void expect_next(struct actor *a, uint32_t port, bool there, uint32_t id)
{
    struct message m = {.receive = port, .deadline = PAST};
    CHECK_EQUAL(perform(a, m), there ? KERN_SUCCESS : MACH_RCV_TIMED_OUT);
    if (there)
        CHECK_EQUAL(got_id(a), id);
}

/* Whoever has the receive right takes what has come. */
static void check_destination(const struct rights_outcome *expected)
{
    struct actor *who = rights_before(now->name).receive ? sender : owner;
    uint32_t port = scene.port;
    if (now->name == NAME_REPLY && now->state != PORT_IS_DIED && expected->sent)
        check_got(client, 7, 0, THE_BODY);
    if (!scene.object || now->state == PORT_IS_DIED)
        return;
    if (now->state == PORT_IS_TRANSIT) {
        expect_next(owner, scene.carrier, true, CARRIER);
        port = (uint32_t)got_descriptor(owner, 0).value;
    }
    if (now->state == PORT_IS_FULL)
        expect_next(who, port, true, FILLER);
    expect_next(who, port, expected->sent, 7);
    if (expected->sent) {
        check_got(who, 7, port, THE_BODY);
        CHECK_EQUAL(msg_local(who->x[2]), expected->kind);
        CHECK_EQUAL(msg_remote(who->x[2]), 0);
    }
}

/* What an array of names arrived in. */
static void give_back(void *address)
{
    struct map_facts facts;
    vaddr_t at = *(uint64_t *)address;
    kern_return_t kr = map_describe(receiver->task, at, &facts);
    CHECK(kr == KERN_SUCCESS && facts.start == at && facts.size == PAGE_SIZE);
    do
        kr = map_remove(receiver->task, at, at + PAGE_SIZE);
    while (kr == KERN_RETRY);
    CHECK_EQUAL(kr, KERN_SUCCESS);
}

static uint32_t arrived_name(const struct rights_outcome *expected)
{
    uint32_t name;
    if (now->position == AT_LOCAL) {
        CHECK_EQUAL(msg_remote(receiver->x[2]), expected->kind);
        return got_reply(receiver);
    }
    struct msg_descriptor d = got_descriptor(receiver, 0);
    CHECK_EQUAL(d.disposition, expected->kind);
    if (now->position == AT_BODY) {
        CHECK(d.kind == MSG_PORT && d.size == 0);
        return (uint32_t)d.value;
    }
    CHECK(d.kind == MSG_OOL_PORTS && d.size == 1);
    memory_read(receiver, d.value, &name, sizeof(name));
    in_kernel(give_back, &d.value);
    return name;
}

static void check_arrival(const struct rights_outcome *expected)
{
    expect_next(receiver, scene.d, expected->sent, 7);
    if (!expected->sent)
        return;
    CHECK_EQUAL(receiver->x[3], scene.d);
    CHECK_EQUAL(msg_local(receiver->x[2]), MSG_COPY_SEND);
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
        check_held(receiver, name, &arrives[expected->right]);
        break;
    }
    CHECK_EQUAL(receiver->thread->held != NULL, expected->right == ARRIVES_REPLY);
}

static void drop_everything(void)
{
    if (scene.object)
        in_kernel(unref_object, scene.object);
    (void)perform(receiver, (struct message){.receive = scene.d, .deadline = PAST});
    wipe_names(sender);
    wipe_names(receiver);
    wipe_names(owner);
    rest();
    (void)result(client);
    wipe_names(client);
    rest();
}

static void one_case(void)
{
    struct rights_outcome expected = rights_expect(now);
    int64_t objects = objects_now();
    memset(&scene, 0, sizeof(scene));
    scene.d = port_new(receiver);
    scene.to_d = send_to(sender, receiver, scene.d);
    scene.name = make_name();
    change_state();
    CHECK_EQUAL(perform(sender, make_message()), expected.result);
    check_held(sender, scene.name, &expected.left);
    if (now->position == AT_DEST)
        check_destination(&expected);
    else
        check_arrival(&expected);
    check_counts(&expected);
    drop_everything();
    CHECK_EQUAL(objects_now(), objects);
}

static unsigned all_cases(uint64_t only)
{
    unsigned count = 0, number = 0;
    for (unsigned p = 0; p < RIGHTS_POSITIONS; p++)
        for (unsigned d = 0; d < RIGHTS_DISPOSITIONS; d++)
            for (unsigned n = 0; n < RIGHTS_NAMES; n++)
                for (unsigned s = 0; s < RIGHTS_STATES; s++) {
                    struct rights_case c = {d, n, p, s};
                    if (!rights_is_possible(&c) || (number++ != only && only != ~UINT64_C(0)))
                        continue;
                    char text[100];
                    rights_print(&c, text, sizeof(text));
                    snprintf(now_text, sizeof(now_text), "WHARF_CASE=%u: %s", number - 1, text);
                    host_set_repeat_line(now_text);
                    now = &c;
                    one_case();
                    count++;
                }
    return count;
}

int main(int argc, char **argv)
{
    fix_addresses(argv);
    bool threads = argc > 1 && strcmp(argv[1], "threads") == 0;
    ipc_start(parameter("WHARF_SEED", 1), (unsigned)parameter("WHARF_CPUS", 1), threads);
    sender = actor_new();
    receiver = actor_new();
    owner = actor_new();
    client = actor_new();
    /* Threads are remembered by ports they received from; names need their first page. */
    struct actor *all[] = {sender, receiver, owner, client};
    for (unsigned i = 0; i < array_count(all); i++)
        (void)port_new(all[i]);
    for (unsigned i = 0; i < array_count(all); i++)
        wipe_names(all[i]);
    rest();
    unsigned count = all_cases(parameter("WHARF_CASE", ~UINT64_C(0)));
    ipc_end();
    printf("%u cases\n", count);
    return 0;
}
