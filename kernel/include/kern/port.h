/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports, port sets and send-once rights, and what is done to them apart from names.
 *
 *        port_create           receive right destroyed           last reference
 *  (free) ----------> ALIVE ------------------------> DEAD ------------------------> (free)
 *                                                      | the reaper empties the queue
 *
 * P1 ALIVE <=> exactly one receive right: in a space (`space`, `name`), in a message (`transit` names
 *    the port that the message was sent to), or the kernel's (`object`).
 * P2 DEAD: no thread waits on it, nothing is added to its queue; names of it turn dead when they
 *    are next looked at.
 * P3 `senders` = send rights in all spaces and messages. `references` = those, send-once rights, the
 *    receive right, and whoever works with the port without holding its lock.
 * P4 receivers wait on the port, or on its set if it is in one, only while the queue is empty
 *    (queues of all members, for a set).
 * P5 senders wait only while the queue is full.
 * P6 a port in a set is on the set's list `ready` <=> its queue is not empty.
 * P7 `detour` of a live port says what of set, senders, queue and requests there is (enum port_detour).
 *
 * Locks: a port's lock, then its set's.
 */
#pragma once

#include <kern/ipc_object.h>
#include <kern/kmsg.h>
#include <kern/ledger.h>
#include <kern/list.h>
#include <kern/spinlock.h>
#include <stdatomic.h>

struct space;
struct thread;
struct port_set;

enum port_state { PORT_FREE, PORT_ALIVE, PORT_DEAD };

/** What the kernel executes messages to this port for. */
enum kobject {
    KOBJECT_NONE,
    KOBJECT_TASK,           /* struct task */
    KOBJECT_THREAD,         /* struct thread */
    KOBJECT_HOST,           /* information anybody may have */
    KOBJECT_HOST_MEMORY,    /* what concerns all memory: wiring, limits of ledgers */
    KOBJECT_HOST_TIME,      /* the wall clock */
    KOBJECT_HOST_REBOOT,    /* stop or restart the machine */
    KOBJECT_HOST_IRQ,       /* interrupts */
    KOBJECT_HOST_DEBUG,     /* console, traces, failure injection */
    KOBJECT_HOST_TASKS,     /* every task; last-resort exception port; essential tasks */
    KOBJECT_CLOCK,          /* time */
    KOBJECT_TIMER,          /* struct timer */
    KOBJECT_MEMORY_ENTRY,   /* struct memory_entry */
    KOBJECT_MEMORY_OBJECT,  /* struct paged_object: its control port */
    KOBJECT_SWAP,           /* what the default pager asks; there is one */
    KOBJECT_HOST_DEVICES,   /* all devices */
    KOBJECT_DEVICE,         /* struct device: its control port */
    KOBJECT_DEVICE_SESSION, /* struct device_session: its driver's port */
    KOBJECT_INTERRUPT,      /* struct interrupt */
    KOBJECT_COUNT,
};

enum {
    PORT_LIMIT_DEFAULT = 16,
    PORT_LIMIT_MAX = 1024,
    PORT_BYTES_DEFAULT = 65536,
    PORT_MEMORY_DEFAULT = 16384 /* pages: 64 MiB */
};

/** What a message that comes, or a receiver, has to look at before it goes the shortest way. May say so still when it
 *  is over, but for PORT_DETOUR_QUEUE. */
enum port_detour {
    PORT_DETOUR_SET = 1,     /* the port is in a set */
    PORT_DETOUR_SENDERS = 2, /* senders wait for room */
    PORT_DETOUR_QUEUE = 4,   /* messages are queued */
    PORT_DETOUR_ASKED = 8,   /* somebody asked to be told when there is room, and is to be told */
};

struct [[gnu::aligned(CACHE_LINE)]] port
{
    union {
        struct {
            struct ipc_object ipc; /* first. IPC_PORT */
            uint8_t state;         /* enum port_state; lock */
            uint8_t kobject;       /* enum kobject; lock */
            uint8_t detour;        /* enum port_detour; lock */
        };
        uint32_t head; /* the four in one look */
    };
    struct spinlock lock;  /* rank PORT; guards all members without a remark */
    struct list receivers; /* threads that wait to receive here (thread.wait.link) */
    bool has_payload;      /* `local` is what its owner asked for */
    bool default_pager;    /* the default pager's: page-out is told when it dies */
    bool pressure_watcher; /* it is told of memory's pressure, and that of its death */
    struct port_set *set;  /* it is a member of; NULL: none. Changed under both locks */
    uint64_t local;  /* what receivers get: protected payload, or the name of the receive right */
    uint32_t seqno;  /* of the next message */
    uint32_t queued; /* messages on the queue and places promised to senders */
    struct thread *server; /* received from it last: a queued call raises it. Reference held */
    struct list queue;     /* struct kmsg, oldest first */
    uint32_t limit;        /* messages */
    uint32_t byte_limit;   /* bytes of bodies */
    uint32_t queued_bytes;
    uint32_t memory_limit; /* pages of out-of-line memory */
    uint32_t queued_memory;
    uint8_t queue_priority; /* highest of a waiting caller's message since the queue was empty */
    uint32_t senders;       /* P3 */
    uint32_t make_sends;    /* MAKE_SEND operations since the receive right came here */
    mach_port_name_t name;  /* of the receive right in `space` */
    struct space *space;    /* that holds the receive right; NULL: none does. No reference: the
                              space's end destroys the right */
    struct port *transit;   /* the message with the receive right was sent there. MOVE lock */
    void *object;        /* the kernel object, if kobject; else the memory object whose pager's port
                               this is. No reference: its end clears this */
    struct list blocked; /* threads that wait for room in the queue (thread.wait.link) */
    struct list set_link;   /* on set->members; set's lock */
    struct list ready_link; /* on set->ready; set's lock */
    struct list requests; /* dead-name and send-possible requests (struct name_request.port_link) */
    struct kright no_senders; /* send-once right that hears of the last sender */
    struct kright destroyed;  /* send-once right that gets the receive right instead of its death */
    struct list reap_link;    /* on the reaper's list, once DEAD; reaper's lock */
    _Atomic uint32_t references; /* P3 */
    struct ledger *ledger;       /* pays for the port; reference held */
};

struct port_set {
    struct ipc_object ipc; /* first. IPC_SET */
    bool alive;
    struct spinlock lock;  /* rank SET; guards all members */
    struct list receivers; /* threads that wait to receive from it */
    struct list members;   /* ports (set_link) */
    struct list ready;     /* members with messages (ready_link); the one received from goes to the
                              end, so that none starves */
    uint32_t member_count;
    mach_port_name_t name;
    _Atomic uint32_t references; /* the name's, and who works with it without the lock */
    struct ledger *ledger;
};

/** A send-once right made from a receive right, with the message that tells of its loss. */
struct sonce {
    struct ipc_object ipc; /* first. IPC_SONCE */
    uint32_t no_lock;      /* O3 */
    struct port *port;     /* reference held */
    struct ledger *ledger; /* pays; reference held */
    struct kmsg message;   /* embedded; its body: */
    uint64_t room[KMSG_SMALL / 8];
};

/* ---- life; kernel/ipc/port.c ---- */

/** A new port, ALIVE, without any right counted but the receive right, which the caller owns;
 *  charged to `ledger` (PORTS, KMEM). KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
kern_return_t port_create(struct ledger *ledger, struct port **out);
/** The same for a kernel object; the kernel keeps the receive right. */
kern_return_t port_create_kobject(struct ledger *ledger, enum kobject kind, void *object,
                                  struct port **out);
/** The kernel object is gone: no message reaches it from here on. The port dies. */
void port_destroy_kobject(struct port *port);
static inline void port_ref(struct port *port)
{
    atomic_fetch_add_explicit(&port->references, 1, memory_order_relaxed);
}
void port_unref(struct port *port);
/** The receive right, which the caller owns and which is in no space, is destroyed: the port dies, or
 *  its port-destroyed request gets the right. No lock held. */
void port_destroy_receive(struct port *port);

/* ---- rights ---- */

/** Make a send right from the receive right: counts as MAKE_SEND. The port's lock is held. */
void port_make_send(struct port *port);
/** A kernel object's port: a send right to it; null with kind set if it has died. */
struct kright port_send_right(struct port *port);
/** One more of a send right one holds. */
void port_copy_send(struct port *port);
/** A send-once right, charged to `ledger`. The caller holds a reference or lock on the port. */
kern_return_t sonce_create(struct port *port, struct ledger *ledger, struct sonce **out);
/** For kright_destroy(): the right is not null or dead. */
void kright_destroy_object(struct kright *right);
/** Destroy a right of any kind: the last sender's end, a lost send-once right, a receive right's death
 *  are told to those who asked. No lock held. The right is null afterwards. */
static inline void kright_destroy(struct kright *right)
{
    if (right->object)
        kright_destroy_object(right);
    else
        *right = (struct kright){0};
}
/** Send right gone: for those who hold the port's lock; what must be told is put on `later`, to be
 *  handed to notify_deliver() after unlocking. */
void port_drop_send_locked(struct port *port, struct list *later);

/* ---- sets ---- */
kern_return_t set_create(struct ledger *ledger, struct port_set **out);
void set_unref(struct port_set *set);
static inline void set_ref(struct port_set *set)
{
    atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
}
/** The name is gone: members leave, waiters are told. In bounded steps: true if there is more. */
bool set_destroy_some(struct port_set *set);
/** Put `port` into `set`, out of the one it was in; its messages go to threads that wait there. Both
 *  are names of the same space, whose lock is held. */
void port_enter_set(struct port *port, struct port_set *set, struct list *later);
/** Out of its set, if it is in one. */
void port_leave_set(struct port *port);

/* ---- queues; locks as said ---- */

/** Put a message on the queue, or hand it to a thread that waits. Takes the message. The port's lock is
 *  held; the place has been counted in `queued` (false: not yet, delivery of send-once and notifications). The
 *  port is ALIVE. */
void port_enqueue_locked(struct port *port, struct kmsg *msg, bool counted);
/** Take the oldest message off and stamp it; NULL: none. A sender that waits for room is woken, send-possible requests are fired onto `later`. */
struct kmsg *port_dequeue_locked(struct port *port, struct list *later);
/** A sender stopped waiting for room at the port of this lock, which is held: the next one's message may be
 *  shorter. */
void port_sender_left_locked(struct spinlock *lock);
/** Put a message that was taken off back to where it was. Takes it; destroyed if the port died. */
void port_put_back(struct port *port, struct kmsg *msg);

/* ---- the reaper; kernel/ipc/reaper.c ---- */
void reaper_init(void);
/** A dead port has things to be taken down. Called with its lock held; a reference goes with it. */
void reaper_add(struct port *port);
/** Nothing is left to be taken down (tests). */
bool reaper_is_idle(void);
