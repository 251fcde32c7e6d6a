/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names, rights and memory of actors, from outside (ipc_world.h). Each is a call into the kernel on
 * some CPU.
 */
#include "ipc_world.h"

#include <arch/mmu.h>
#include <kern/control.h>
#include <kern/msg.h>
#include <kern/pmap.h>
#include <string.h>

/* What a call takes and gives. */
struct ask {
    struct actor *a, *owner;
    uint32_t name, name2;
    unsigned right, id;
    int64_t number;
    struct port *port;
    void *memory;
    vaddr_t va;
    size_t size;
    bool flag;
    kern_return_t kr;
};

/* ---- memory ---- */

/* Page by page, through the direct map. */
static void copy_memory(struct ask *c, bool write)
{
    for (size_t done = 0; done < c->size;) {
        struct pmap_mapping mapping;
        vaddr_t va = c->va + done;
        size_t n = PAGE_SIZE - va % PAGE_SIZE;
        n = n < c->size - done ? n : c->size - done;
        CHECK_EQUAL(pmap_extract(c->a->task->pmap, va, &mapping), KERN_SUCCESS);
        uint8_t *there = phys_to_virt(mapping.pa), *here = (uint8_t *)c->memory + done;
        memcpy(write ? there : here, write ? here : there, n);
        done += n;
    }
}

static void do_write(void *argument)
{
    copy_memory(argument, true);
}

static void do_read(void *argument)
{
    copy_memory(argument, false);
}

void memory_write(const struct actor *a, vaddr_t to, const void *from, size_t size)
{
    struct ask c = {.a = (struct actor *)(uintptr_t)a,
                    .va = to,
                    .memory = (void *)(uintptr_t)from,
                    .size = size};
    in_kernel(do_write, &c);
}

void memory_read(const struct actor *a, vaddr_t from, void *to, size_t size)
{
    struct ask c = {.a = (struct actor *)(uintptr_t)a, .va = from, .memory = to, .size = size};
    in_kernel(do_read, &c);
}

uint64_t got_word(const struct actor *a, unsigned i)
{
    uint64_t word;
    if (msg_length(a->x[2]) <= MSG_REGISTER_BYTES)
        return a->x[word_register(i)];
    memory_read(a, a->receive_va + i * sizeof(word), &word, sizeof(word));
    return word;
}

struct msg_descriptor got_descriptor(const struct actor *a, unsigned i)
{
    struct msg_descriptor d;
    uint64_t word[2] = {got_word(a, 2 * i), got_word(a, 2 * i + 1)};
    CHECK(i < msg_descriptors(a->x[2]));
    memcpy(&d, word, sizeof(d));
    return d;
}

void check_got(const struct actor *a, uint32_t id, uint32_t local, uint64_t word)
{
    CHECK_EQUAL(result(a), KERN_SUCCESS);
    CHECK_EQUAL(got_id(a), id);
    CHECK_EQUAL(a->x[3], local);
    CHECK_EQUAL(got_word(a, 0), word);
}

void put_descriptor(struct actor *a, struct message *m, unsigned i, struct msg_descriptor d)
{
    if (m->length <= MSG_REGISTER_BYTES)
        memcpy(&m->body[2 * i], &d, sizeof(d));
    else
        memory_write(a, a->send_va + i * sizeof(d), &d, sizeof(d));
}

void put_port(struct actor *a, struct message *m, uint32_t name, unsigned disposition)
{
    unsigned i = m->descriptors++;
    if (m->length < m->descriptors * MSG_DESCRIPTOR_SIZE)
        m->length = m->descriptors * MSG_DESCRIPTOR_SIZE;
    put_descriptor(a, m, i,
                   (struct msg_descriptor){.value = name,
                                           .kind = MSG_PORT,
                                           .disposition = (uint8_t)disposition});
}

/* ---- names ---- */

static void do_allocate(void *argument)
{
    struct ask *c = argument;
    c->kr = space_allocate(c->a->task->space, c->right, &c->name);
    CHECK_EQUAL(c->kr, KERN_SUCCESS);
}

static uint32_t allocate(struct actor *a, unsigned right)
{
    struct ask c = {.a = a, .right = right};
    in_kernel(do_allocate, &c);
    return c.name;
}

uint32_t port_new(struct actor *a)
{
    return allocate(a, RIGHT_RECEIVE);
}

uint32_t set_new(struct actor *a)
{
    return allocate(a, RIGHT_SET);
}

uint32_t dead_new(struct actor *a, unsigned urefs)
{
    uint32_t name = allocate(a, RIGHT_DEAD);
    if (urefs > 1)
        CHECK_EQUAL(refs(a, name, RIGHT_DEAD, (int)urefs - 1), KERN_SUCCESS);
    return name;
}

static struct kright make_right(struct port *port, bool once, struct ledger *ledger)
{
    struct sonce *sonce;
    if (!once)
        return port_send_right(port);
    CHECK_EQUAL(sonce_create(port, ledger, &sonce), KERN_SUCCESS);
    return (struct kright){&sonce->ipc, MSG_MOVE_SEND_ONCE};
}

static void do_give(void *argument)
{
    struct ask *c = argument;
    struct space *space = c->a->task->space;
    CHECK_EQUAL(space_receive_port(c->owner->task->space, c->name, &c->port), KERN_SUCCESS);
    struct kright right = make_right(c->port, c->flag, c->a->task->ledger);
    CHECK_EQUAL(space_reserve(space, 1), KERN_SUCCESS);
    c->name2 = space_insert(space, &right);
    port_unref(c->port);
}

uint32_t send_to(struct actor *a, struct actor *owner, uint32_t port)
{
    struct ask c = {.a = a, .owner = owner, .name = port};
    in_kernel(do_give, &c);
    return c.name2;
}

uint32_t once_to(struct actor *a, struct actor *owner, uint32_t port)
{
    struct ask c = {.a = a, .owner = owner, .name = port, .flag = true};
    in_kernel(do_give, &c);
    return c.name2;
}

static void do_refs(void *argument)
{
    struct ask *c = argument;
    c->kr = space_mod_refs(c->a->task->space, c->name, c->right, (int32_t)c->number);
}

kern_return_t refs(struct actor *a, uint32_t name, unsigned right, int delta)
{
    struct ask c = {.a = a, .name = name, .right = right, .number = delta};
    do
        in_kernel(do_refs, &c);
    while (c.kr == KERN_RETRY);
    return c.kr;
}

static void do_drop(void *argument)
{
    struct ask *c = argument;
    c->kr = space_deallocate(c->a->task->space, c->name);
}

kern_return_t drop(struct actor *a, uint32_t name)
{
    struct ask c = {.a = a, .name = name};
    in_kernel(do_drop, &c);
    rest();
    return c.kr;
}

void kill_port(struct actor *a, uint32_t name)
{
    CHECK_EQUAL(refs(a, name, RIGHT_RECEIVE, -1), KERN_SUCCESS);
    rest();
}

static void do_move_member(void *argument)
{
    struct ask *c = argument;
    c->kr = space_move_member(c->a->task->space, c->name, c->name2);
}

kern_return_t move_member(struct actor *a, uint32_t member, uint32_t set)
{
    struct ask c = {.a = a, .name = member, .name2 = set};
    in_kernel(do_move_member, &c);
    return c.kr;
}

static void do_type(void *argument)
{
    struct ask *c = argument;
    uint32_t rights = 0, urefs = 0;
    c->kr = space_type(c->a->task->space, c->name, &rights);
    unsigned counted = rights & (RIGHT_SEND | RIGHT_SEND_ONCE | RIGHT_DEAD);
    if (c->kr == KERN_SUCCESS && counted)
        CHECK_EQUAL(space_get_refs(c->a->task->space, c->name, counted, &urefs), KERN_SUCCESS);
    CHECK(space_check(c->a->task->space));
    c->right = rights;
    c->number = urefs;
}

unsigned rights_of(struct actor *a, uint32_t name)
{
    struct ask c = {.a = a, .name = name};
    in_kernel(do_type, &c);
    return c.right;
}

unsigned urefs_of(struct actor *a, uint32_t name)
{
    struct ask c = {.a = a, .name = name};
    in_kernel(do_type, &c);
    return (unsigned)c.number;
}

void check_name(struct actor *a, uint32_t name, unsigned rights, unsigned urefs)
{
    CHECK_EQUAL(rights_of(a, name), rights);
    CHECK_EQUAL(urefs_of(a, name), urefs);
}

static void drop_all(struct space *space, uint32_t name, unsigned rights)
{
    for (unsigned right = RIGHT_SEND; right < RIGHT_ALL; right <<= 1) {
        uint32_t count = 1;
        kern_return_t kr = KERN_SUCCESS;
        if (!(rights & right))
            continue;
        if (right & (RIGHT_SEND | RIGHT_DEAD))
            kr = space_get_refs(space, name, right, &count);
        if (kr != KERN_SUCCESS || count == 0)
            continue;
        do
            kr = space_mod_refs(space, name, right, -(int32_t)count);
        while (kr == KERN_RETRY);
        CHECK_EQUAL(kr, KERN_SUCCESS);
    }
}

/* Twice: a send right may have become a dead name, which the first look does not know yet. */
static void do_wipe(void *argument)
{
    struct space *space = ((struct actor *)argument)->task->space;
    for (uint32_t index = 1; index < atomic_load(&space->limit); index++) {
        const struct ipc_entry *entry = space_peek(space, index << 16);
        for (unsigned n = 0; n < 4 && entry_rights(entry); n++) {
            uint32_t rights, name = index << 16 | atomic_load(&entry->bits) >> 16;
            if (space_type(space, name, &rights) == KERN_SUCCESS)
                drop_all(space, name, rights);
        }
        CHECK_EQUAL(entry_rights(entry), 0);
    }
}

void wipe_names(struct actor *a)
{
    in_kernel(do_wipe, a);
}

/* ---- notifications ---- */

static void do_ask(void *argument)
{
    struct ask *c = argument;
    struct kright right = {0};
    if (c->name2) {
        CHECK_EQUAL(space_receive_port(c->owner->task->space, c->name2, &c->port), KERN_SUCCESS);
        right = make_right(c->port, true, c->owner->task->ledger);
        port_unref(c->port);
    }
    c->kr =
        space_request_notification(c->a->task->space, c->name, c->id, (uint32_t)c->number, &right);
    c->flag = right.object != NULL;
    kright_destroy(&right);
}

bool ask(struct actor *a, uint32_t name, unsigned id, uint32_t sync, struct actor *owner,
         uint32_t port, kern_return_t expected)
{
    struct ask c = {.a = a, .name = name, .id = id, .number = sync, .owner = owner, .name2 = port};
    in_kernel(do_ask, &c);
    CHECK_EQUAL(c.kr, expected);
    rest();
    return c.flag;
}

/* ---- ports ---- */

struct port *port_behind(struct actor *a, uint32_t name)
{
    struct ipc_object *object = entry_object(space_peek(a->task->space, name));
    CHECK(object && object->kind != IPC_SET && object->kind != IPC_REPLY);
    return object->kind == IPC_SONCE ? container_of(object, struct sonce, ipc)->port
                                     : container_of(object, struct port, ipc);
}

static void do_limits(void *argument)
{
    struct ask *c = argument;
    spin_lock(&c->port->lock);
    c->port->limit = (uint32_t)c->number;
    c->port->byte_limit = (uint32_t)c->size;
    spin_unlock(&c->port->lock);
}

void set_limits(struct port *port, uint32_t messages, uint32_t bytes)
{
    struct ask c = {.port = port, .number = messages, .size = bytes};
    in_kernel(do_limits, &c);
}

static void do_payload(void *argument)
{
    struct ask *c = argument;
    spin_lock(&c->port->lock);
    c->port->has_payload = true;
    c->port->local = (uint64_t)c->number;
    spin_unlock(&c->port->lock);
}

void set_payload(struct port *port, uint64_t payload)
{
    struct ask c = {.port = port, .number = (int64_t)payload};
    in_kernel(do_payload, &c);
}

static void do_queue(void *argument)
{
    struct ask *c = argument;
    struct kmsg *msg;
    CHECK_EQUAL(kmsg_alloc(&kernel_ledger, 0, &msg), KERN_SUCCESS);
    msg->id = c->id;
    msg->how_sent = MSG_MOVE_SEND_ONCE;
    port_ref(c->port);
    struct kright to = {&c->port->ipc, MSG_MOVE_SEND_ONCE};
    msg_send_from_kernel(&to, msg);
}

void queue_from_kernel(struct port *port, uint32_t id)
{
    struct ask c = {.port = port, .id = id};
    in_kernel(do_queue, &c);
    rest();
}

static void do_abort(void *argument)
{
    struct ask *c = argument;
    c->kr = thread_abort(c->a->thread);
}

kern_return_t abort_actor(struct actor *a)
{
    struct ask c = {.a = a};
    do
        in_kernel(do_abort, &c);
    while (c.kr == KERN_RETRY);
    rest();
    return c.kr;
}
