/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages in the kernel.
 *
 * M1 a kmsg owns its rights: destination, reply, and those of its descriptors, whose `value` holds
 *    the object's address while the message is here (O2).
 * M2 its memory, and its length against LEDGER_QUEUED, are charged to `ledger` until it is freed. The
 *    kmsg inside a send-once right or reply is charged with that (cannot fail when it is needed). That
 *    inside a reply is its owner's short call while the right to the reply is in it.
 *    Its out-of-line memory likewise (kern/ool.h: V4).
 * M3 it is in one place: in the hands of the CPU that works on it, on one port's queue, in a
 *    thread's wait record (handed over, not taken yet), or in a reply (answer nobody waited for).
 */
#pragma once

#include <kern/ipc_object.h>
#include <kern/ledger.h>
#include <kern/list.h>
#include <kern/ool.h>
#include <wharf/message.h>

enum kmsg_flags {
    KMSG_STAMPED = 1,   /* has its sequence number: it was taken off the queue once and put back */
    KMSG_EMBEDDED = 2,  /* part of a sonce, a reply or a timer: freed with that */
    KMSG_IN_PAGED = 32, /* embedded in a paged object, which is told when it is done */
    KMSG_IN_SWAP = 64,  /* of a request to the default pager; page-out is told when it is done */
    KMSG_IN_INTERRUPT = 128, /* of a share in an interrupt line, which is told when it is done */
    KMSG_OWNED = 16,         /* with it: of a timer (kern/kobj.h), which is told when it is done */
};

struct kmsg {
    struct list link;      /* lock of the queue it is on; on a list of the CPU that works on it */
    struct kright remote;  /* the destination's right: send, or send-once before delivery */
    struct kright reply;   /* the local right of the header; null: none */
    struct ledger *ledger; /* M2; reference held. NULL for embedded ones */
    struct kport_array *arrays; /* of out-of-line port descriptors; NULL: none */
    struct kool *memory;        /* of out-of-line memory descriptors; NULL: none */
    uint32_t id;
    uint32_t seqno;  /* if KMSG_STAMPED */
    uint16_t length; /* of the body */
    uint8_t descriptors;
    uint8_t flags;    /* enum kmsg_flags */
    uint8_t priority; /* of the sender, if it waits for the answer; 0: nobody waits */
    uint8_t how_sent; /* the destination's disposition, for the receiver */
    uint8_t room;     /* for its body, in units of 64 bytes: so all of this is 96 */
    bool payload;     /* `local` is a protected payload; when taken off the queue, like: */
    uint64_t
        local; /* what the receiver gets as local name. Before, if it is traced: msg_trace.c's */
};             /* room for the body follows: kmsg_body() */

enum { KMSG_ROOM_UNIT = 64 };

/** The body's words. A constant message's may be written by who made it so. */
static inline uint64_t *kmsg_body(const struct kmsg *msg)
{
    return (uint64_t *)(uintptr_t)(msg + 1);
}

/** Bytes a kmsg inside another object has for its body. */
enum { KMSG_SMALL = MSG_REGISTER_BYTES };

/** Rights of one out-of-line array. */
struct kport_array {
    struct kport_array *next; /* of the same message */
    uint32_t count;
    uint8_t kind;    /* of all rights; objects may be NULL each */
    vaddr_t address; /* of the memory in the receiver, while it receives */
    uint64_t dead;   /* bit n: object[n] is NULL because its port has died, and not null */
    struct ipc_object *object[MSG_OOL_PORTS_MAX];
};

/** Pages of out-of-line memory. */
uint32_t kmsg_count_memory(const struct kmsg *msg);
static inline uint32_t kmsg_memory_pages(const struct kmsg *msg)
{
    return unlikely(msg->memory) ? kmsg_count_memory(msg) : 0;
}

/** A message with room for `length` bytes, all rights null, charged to `ledger`. KERN_LIMIT,
 *  KERN_RESOURCE_SHORTAGE. */
kern_return_t kmsg_alloc(struct ledger *ledger, uint32_t length, struct kmsg **out);
/** Free the memory; it owns no rights any more. An embedded one's owner is freed by others. */
void kmsg_free(struct kmsg *msg);
/** Destroy the message and every right in it. No lock held. */
void kmsg_destroy(struct kmsg *msg);
/** Prepare a kmsg that lies in another object. */
void kmsg_init_embedded(struct kmsg *msg);
/** What such a one says, to be sent by the kernel to a send right: plain bytes, at most KMSG_SMALL. It has no rights. */
void kmsg_compose(struct kmsg *msg, uint32_t id, const void *body, size_t size);
/** Array for `count` rights; freed by kmsg_free(). */
kern_return_t kmsg_add_array(struct kmsg *msg, struct kport_array **out);

static inline struct msg_descriptor *kmsg_descriptor(struct kmsg *msg, unsigned i)
{
    return (struct msg_descriptor *)(void *)kmsg_body(msg) + i;
}
