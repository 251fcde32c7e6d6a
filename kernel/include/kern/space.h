/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Name spaces: a task's names for rights. A name is index << 16 | generation, so that a stale one
 * fails. Entries lie in chunks that never move while the space lives: the message path looks a
 * name up without the space's lock (space_peek), then locks the port and looks at the entry again.
 *
 * N1 a name denotes one entry; entry.bits has its generation; bits without rights: free.
 * N2 one name per port for send and receive rights; send-once rights have names of their own. The
 *    tree over hashes of object addresses finds the name of a send or receive right; when a space is torn down, and nobody
 *    is about to insert, it goes as a whole.
 * N3 an entry's rights to a live port change only under that port's lock (and the space's): who holds
 *    the port's lock and finds the entry unchanged may use the right.
 * N4 a send entry whose port is dead is a dead name; it is made one when somebody looks at it.
 * N5 user references: 1 to SPACE_UREFS_MAX for send and dead names; 0 for pure receive and set, 1
 *    for send-once.
 * N6 an index from `fresh` on has never had a right: its entry is zero, free, and on no list. It is used before
 *    any on the list, so that a name comes back as late as possible; growing touches no entry.
 */
#pragma once

#include <kern/ipc_object.h>
#include <kern/ledger.h>
#include <kern/pager_volume.h>
#include <kern/port.h>
#include <kern/spinlock.h>
#include <wharf/message.h>

enum {
    SPACE_CHUNK_ENTRIES = 128,
    SPACE_CHUNKS_INLINE = 2,
    SPACE_CHUNKS_MAX = 511,
    SPACE_UREFS_MAX = 65535,
};

/* Rights of an entry, low bits of `bits`. */
enum {
    RIGHT_SEND = 1,
    RIGHT_RECEIVE = 2,
    RIGHT_SEND_ONCE = 4,
    RIGHT_SET = 8,
    RIGHT_DEAD = 16,
    RIGHT_ALL = 31
};

struct ipc_entry {
    _Atomic uint32_t bits;        /* generation << 16 | RIGHT_*. N3 */
    uint32_t urefs;               /* N5; of a free entry: the next free index. Space lock */
    _Atomic uint64_t object;      /* address of the struct ipc_object; 0: none. N3 */
    uint32_t child[2];            /* of the tree of N2, as indices. Space lock */
    struct name_request *request; /* dead-name or send-possible request; space lock */
};
_Static_assert(sizeof(struct ipc_entry) == 32, "128 entries a page");

struct space {
    /* Indices below have an entry. It and `chunks` grow only, until nobody has a name any more. */
    _Atomic uint32_t limit;
    struct ipc_entry *_Atomic *_Atomic chunks; /* first `limit` / 128 are there */
    struct spinlock lock;                      /* rank SPACE; guards the rest */
    bool dead;                                 /* torn down: nothing is added any more */
    uint32_t root;                             /* of the tree of N2; 0: empty */
    uint32_t fresh;                            /* N6 */
    uint32_t free_first, free_last;            /* freed, the longest free first; 0: none */
    uint32_t free_count;                       /* on that list */
    uint32_t reserved; /* promised to receives in progress: no more than are freed or fresh */
    uint32_t used;
    uint32_t teardown;    /* next index to be cleared */
    uint32_t chunks_left; /* then, to be freed; who tears down */
    struct ipc_entry *_Atomic inline_chunks[SPACE_CHUNKS_INLINE];
    struct pager_volume volume;  /* of the objects whose receive rights are here */
    struct ledger *ledger;       /* pays; reference held */
    _Atomic uint32_t references; /* the task's, name requests', paged objects' */
};

/** A request to be told about the port behind a name. */
struct name_request {
    struct list port_link; /* on port->requests; port lock. Whoever unlinks it owns it */
    struct space *space;   /* reference held */
    mach_port_name_t name;
    bool send_possible;    /* else: dead name */
    bool armed;            /* send-possible: a send failed for want of room since; port lock */
    bool quiet;            /* nobody is told that the name has gone */
    struct kright notify;  /* send-once */
    struct ledger *ledger; /* pays; reference held */
};

kern_return_t space_create(struct ledger *ledger, struct space **out);
void space_ref(struct space *space);
void space_unref(struct space *space);
/** Destroy the rights of a few names; true if there are more. The task has no threads. */
bool space_destroy_some(struct space *space);
/** Verify N1, N2, N5 and the free list (slow). */
bool space_check(struct space *space);

/** The entry of a name, or NULL, without any lock: what it says must be looked at again under the
 *  port's lock (N3). */
static inline struct ipc_entry *space_peek(struct space *space, mach_port_name_t name)
{
    uint32_t index = name >> 16;
    if (unlikely(index >= atomic_load_explicit(&space->limit, memory_order_acquire)))
        return NULL;
    struct ipc_entry *_Atomic *chunks = relaxed_load(space->chunks);
    struct ipc_entry *chunk = relaxed_load(chunks[index / SPACE_CHUNK_ENTRIES]);
    return &chunk[index % SPACE_CHUNK_ENTRIES];
}

/** The entry of a name that is in use, with its rights; NULL: KERN_INVALID_NAME. Turns a name of a dead port
 *  into a dead name (N4). The space's lock is held. */
struct ipc_entry *space_lookup(struct space *space, mach_port_name_t name);

static inline struct ipc_object *entry_object(const struct ipc_entry *entry)
{
    return (struct ipc_object *)(uintptr_t)
        atomic_load_explicit(&((struct ipc_entry *)(uintptr_t)entry)->object, memory_order_relaxed);
}
static inline unsigned entry_rights(const struct ipc_entry *entry)
{
    return atomic_load_explicit(&((struct ipc_entry *)(uintptr_t)entry)->bits,
                                memory_order_relaxed) &
           RIGHT_ALL;
}

/** Make sure that the next `count` insertions find entries. KERN_NO_SPACE, KERN_LIMIT,
 *  KERN_RESOURCE_SHORTAGE. Takes the lock. */
kern_return_t space_reserve(struct space *space, unsigned count);
void space_unreserve(struct space *space, unsigned count);

/** Give a right a name; takes the right. An entry has been reserved and is used up, or given back if the
 *  name exists. A dead right gets MSG_DEAD without a name. Takes the lock. */
mach_port_name_t space_insert(struct space *space, struct kright *right);
/** The same with the space's lock held; what must be told afterwards goes to `later`. */
mach_port_name_t space_insert_locked(struct space *space, struct kright *right, struct list *later);

/** Take a right out of the space as `disposition` says (MSG_*), for a message or a call; first of two
 *  steps (kernel/ipc/take.c). The space's lock is held. KERN_INVALID_NAME, KERN_INVALID_RIGHT,
 *  KERN_INVALID_VALUE (no such disposition); MAKE_SEND_ONCE also KERN_LIMIT, KERN_RESOURCE_SHORTAGE
 *  (a sonce is made, charged to the space's ledger). A dead name gives a dead right where Mach
 *  says so, MSG_NULL a null one. */
kern_return_t space_take(struct space *space, mach_port_name_t name, unsigned disposition,
                         struct kright *out);
/** Undo of a space_take() while the lock has been held all the time since, in reverse order. Rights that others had may
 *  have gone meanwhile: what must be told afterwards goes to `later`. */
void space_untake(struct space *space, mach_port_name_t name, unsigned disposition,
                  struct kright *right, struct list *later);
/** The second step: the right has gone. */
void space_finish(struct space *space, mach_port_name_t name, unsigned disposition,
                  const struct kright *right, struct list *later);
/** The kind of right that a disposition makes of a name: MSG_MOVE_*; 0: no such disposition. */
unsigned msg_kind_of(unsigned disposition);

/** The port of a receive right, with a reference; KERN_INVALID_NAME, KERN_INVALID_RIGHT. Takes the lock. */
kern_return_t space_receive_port(struct space *space, mach_port_name_t name, struct port **out);
/** No send right to the port is anywhere but in this space. Takes the lock. */
bool space_is_only_sender(struct space *space, struct port *port);

/* ---- calls of the port interface; kernel/ipc/names.c. All take the lock ---- */
kern_return_t space_allocate(struct space *space, unsigned right, mach_port_name_t *out);
/** A port with a payload, in this set (MSG_NULL: none). */
kern_return_t space_construct(struct space *space, uint64_t payload, mach_port_name_t set,
                              mach_port_name_t *out);
kern_return_t space_deallocate(struct space *space, mach_port_name_t name);
kern_return_t space_mod_refs(struct space *space, mach_port_name_t name, unsigned right,
                             int32_t delta);
kern_return_t space_get_refs(struct space *space, mach_port_name_t name, unsigned right,
                             uint32_t *out);
kern_return_t space_type(struct space *space, mach_port_name_t name, uint32_t *out);
kern_return_t space_move_member(struct space *space, mach_port_name_t member, mach_port_name_t set);
/** The kernel object of the port behind a send right. */
kern_return_t space_kobject(struct space *space, mach_port_name_t name, enum kobject *out);
/** The object itself, if it is of this kind, with a reference; KERN_INVALID_TASK: it is not. */
kern_return_t space_find_object(struct space *space, mach_port_name_t name, enum kobject kind,
                                void **out);
/** A quiet dead-name request that is told to the port of the receive right `to`. KERN_EXISTS: there is one. */
kern_return_t space_watch(struct space *space, mach_port_name_t name, mach_port_name_t to);
/** Register, replace or cancel (null) a request; the previous right comes back in `notify`. */
kern_return_t space_request_notification(struct space *space, mach_port_name_t name, unsigned id,
                                         uint32_t sync, struct kright *notify);
/* ---- the same; kernel/ipc/names_status.c ---- */

struct port_receive_status;
/** Give a right a name: `name`, which has to be the one that the object has, or, if it is MSG_NULL, that one or a new one.
 *  Takes the right on success. KERN_INVALID_NAME, KERN_RIGHT_EXISTS (under another name), KERN_NAME_EXISTS (the name
 *  is another right's), KERN_INVALID_CAPABILITY (null or dead), and errors of space_reserve(). */
kern_return_t space_insert_as(struct space *space, mach_port_name_t name, struct kright *right,
                              mach_port_name_t *out);
/** Take a right out as `disposition` says. Errors of space_take(). */
kern_return_t space_extract(struct space *space, mach_port_name_t name, unsigned disposition,
                            struct kright *out);
/** Names in use and their rights from index `position` on, at most `max`; returns how many. *next: where to go on;
 *  0: the end. */
uint32_t space_list(struct space *space, uint32_t position, uint32_t max, mach_port_name_t *names,
                    uint32_t *rights, uint32_t *next);
/** What space_list_set() is to tell, and tells. */
struct set_listing {
    mach_port_name_t after;  /* member to begin behind; MSG_NULL: the first */
    uint32_t max;            /* names there is room for */
    mach_port_name_t *names; /* members */
    uint32_t count;          /* how many of them */
    uint32_t all;            /* members of the set */
    bool done;               /* no more */
};
/** KERN_INVALID_NAME, KERN_INVALID_RIGHT, KERN_NOT_FOUND: `after` is no member. */
kern_return_t space_list_set(struct space *space, mach_port_name_t name,
                             struct set_listing *listing);
/** Of the port of a receive right. KERN_INVALID_NAME, KERN_INVALID_RIGHT. */
kern_return_t space_receive_status(struct space *space, mach_port_name_t name,
                                   struct port_receive_status *status);
/** Also KERN_INVALID_VALUE: no messages, more than PORT_LIMIT_MAX, or no bytes. */
kern_return_t space_set_limits(struct space *space, mach_port_name_t name, uint32_t messages,
                               uint32_t bytes);
kern_return_t space_set_memory_limit(struct space *space, mach_port_name_t name, uint64_t bytes);
enum port_word { PORT_WORD_SEQNO, PORT_WORD_MAKE_SENDS, PORT_WORD_PAYLOAD, PORT_WORD_NO_PAYLOAD };
kern_return_t space_set_port_word(struct space *space, mach_port_name_t name, enum port_word word,
                                  uint64_t value);

/** Copy every send right (and dead name) of `from` under the same name; `to` is new and nobody's yet. In
 *  bounded steps: KERN_RETRY, with *progress kept, until done. */
kern_return_t space_copy_send_rights(struct space *from, struct space *to, uint32_t *progress);
