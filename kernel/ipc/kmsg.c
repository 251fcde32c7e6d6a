/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of messages, and their end (kern/kmsg.h: M1, M2).
 */
#include "ipc_impl.h"
#include <kern/device.h>
#include <kern/kmem.h>
#include <kern/kmsg.h>
#include <kern/kobj.h>
#include <kern/notify.h>
#include <kern/paged_object.h>
#include <kern/panic.h>
#include <kern/port.h>
#include <kern/reply.h>
#include <kern/string.h>
#include <kern/swap.h>

/* Four sizes, by room for the body. */
#define KMSG_OF(bytes)              \
    struct kmsg_##bytes {           \
        struct kmsg message;        \
        uint64_t room[(bytes) / 8]; \
    };                              \
    static KMEM_CACHE(cache_##bytes, struct kmsg_##bytes)
KMSG_OF(64);
KMSG_OF(512);
KMSG_OF(2048);
KMSG_OF(8192);
static KMEM_CACHE(array_cache, struct kport_array);

static struct kmem_cache *cache_for(uint32_t length, uint8_t *room)
{
    if (length <= 512) {
        *room = (length <= 64 ? 64 : 512) / KMSG_ROOM_UNIT;
        return length <= 64 ? &cache_64 : &cache_512;
    }
    *room = (length <= 2048 ? 2048 : 8192) / KMSG_ROOM_UNIT;
    return length <= 2048 ? &cache_2048 : &cache_8192;
}

kern_return_t kmsg_alloc(struct ledger *ledger, uint32_t length, struct kmsg **out)
{
    uint8_t room;
    void *memory;
    struct kmem_cache *cache = cache_for(length, &room);
    kern_return_t kr = kmem_alloc_counted(cache, ledger, LEDGER_QUEUED, length, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct kmsg *msg = memory;
    list_init(&msg->link);
    ledger_ref(ledger);
    msg->ledger = ledger;
    msg->length = (uint16_t)length;
    msg->room = room;
    *out = msg;
    return KERN_SUCCESS;
}

void kmsg_init_embedded(struct kmsg *msg)
{
    list_init(&msg->link);
    msg->flags |= KMSG_EMBEDDED;
    msg->room = KMSG_SMALL / KMSG_ROOM_UNIT;
}

void kmsg_compose(struct kmsg *msg, uint32_t id, const void *body, size_t size)
{
    msg->id = id;
    msg->length = (uint16_t)size;
    msg->descriptors = 0;
    msg->flags &= (uint8_t)~KMSG_STAMPED;
    msg->payload = false;
    msg->priority = 0;
    msg->how_sent = MSG_MOVE_SEND;
    memcpy(kmsg_body(msg), body, size);
}

kern_return_t kmsg_add_array(struct kmsg *msg, struct kport_array **out)
{
    void *memory;
    kern_return_t kr = kmem_alloc(&array_cache, msg->ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct kport_array *array = memory;
    array->next = msg->arrays;
    msg->arrays = array;
    *out = array;
    return KERN_SUCCESS;
}

/* The message in a sonce goes with it; the message in a reply stays for its next use. */
static void free_embedded(struct kmsg *msg)
{
    if (msg->flags & KMSG_IN_SONCE)
        sonce_free(container_of(msg, struct sonce, message));
    else if (msg->flags & KMSG_IN_TIMER)
        timer_message_done(msg);
    else if (msg->flags & KMSG_IN_PAGED)
        paged_message_done(msg);
    else if (msg->flags & KMSG_IN_INTERRUPT)
        interrupt_message_done(msg);
    else if (msg->flags & KMSG_IN_SWAP)
        swap_message_done(msg);
}

void kmsg_free(struct kmsg *msg)
{
    if (msg->flags & KMSG_EMBEDDED) {
        free_embedded(msg);
        return;
    }
    uint8_t room;
    struct kmem_cache *cache = cache_for(msg->room * (uint32_t)KMSG_ROOM_UNIT, &room);
    struct ledger *ledger = msg->ledger;
    while (msg->arrays) {
        struct kport_array *array = msg->arrays;
        msg->arrays = array->next;
        kmem_free(&array_cache, ledger, array);
    }
    while (msg->memory) {
        struct kool *ool = msg->memory;
        msg->memory = ool->next;
        ool_free(ledger, ool);
    }
    kmem_free_counted(cache, ledger, LEDGER_QUEUED, msg->length, msg);
    ledger_unref(ledger);
}

void kmsg_drop_remote(struct kmsg *msg)
{
    struct kright remote = msg->remote;
    msg->remote = (struct kright){0};
    if (!remote.object || remote.object->kind != IPC_PORT)
        return;
    if (remote.kind == MSG_MOVE_SEND)
        kright_destroy(&remote);
    else
        port_unref(container_of(remote.object, struct port, ipc));
}

static void destroy_array(struct kport_array *array)
{
    for (uint32_t i = 0; i < array->count; i++) {
        struct kright right = {array->object[i], array->kind};
        kright_destroy(&right);
    }
    array->count = 0;
}

void kmsg_destroy_rights(struct kmsg *msg)
{
    kright_destroy(&msg->reply);
    for (unsigned i = 0; i < msg->descriptors; i++) {
        struct msg_descriptor *d = kmsg_descriptor(msg, i);
        if (d->kind == MSG_PORT) {
            struct kright right = {(struct ipc_object *)(uintptr_t)d->value, d->disposition};
            kright_destroy(&right);
        }
    }
    for (struct kport_array *array = msg->arrays; array; array = array->next)
        destroy_array(array);
    msg->descriptors = 0;
}

void kmsg_destroy(struct kmsg *msg)
{
    struct kright reply = msg->reply;
    msg->reply = (struct kright){0};
    kmsg_destroy_rights(msg);
    kmsg_drop_remote(msg); /* after a receive right on its way there: transit_begin() */
    kmsg_free(msg);
    kright_destroy(&reply); /* last: the message may lie in it, and is used again from then on */
}
