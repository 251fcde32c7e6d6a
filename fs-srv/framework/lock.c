/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks of bytes of a file: of a process (fcntl), or of an open, whoever has it (flock). The two know nothing of each other.
 *
 * L1 A process is who has rights to the port that it sends with each call: nobody can pass for another one, and its death is told by the kernel. The
 *    right's name here is what owners are told apart by; no message is ever sent there.
 *    Without an owner a lock is the open's, but of a service's port, which everybody has and which is never closed.
 * L2 Locks of one owner do not overlap, and lie in the list in no order. A lock ends when its owner gives it up or ends, and when the open goes that it was made
 *    through: so those of a node are gone before the node is.
 * L3 Who waits for a lock takes nothing by it: when nothing is in the way he is told so, and asks again.
 * L4 Through one open there are at most as many locks as are left for all others.
 */
#include "lasting.h"
#include <libsys/program.h>
#include <libsys/stub.h>
#include <stdlib.h>
#include <wharf/if/port.h>

struct byte_lock {
    struct byte_lock *next; /* of the node's */
    struct file_open *open;
    struct lock_owner *owner; /* NULL: the open */
    uint64_t start, last;
    uint32_t mark;
    bool exclusive;
    struct lasting_lock *lasting; /* or NULL */
};

/* ---- owners ---- */

static mach_port_name_t self(void)
{
    return program_start_info->task;
}

static struct lock_owner *find_owner(const struct file_server *server, mach_port_name_t name)
{
    struct lock_owner *owner = server->lock_owners;

    while (owner && owner->name != name)
        owner = owner->next;
    return owner;
}

void lock_use_owner(struct lock_owner *owner)
{
    if (owner)
        owner->users++;
}

void lock_release_owner(struct file_server *server, struct lock_owner *owner)
{
    struct lock_owner **link = &server->lock_owners;
    mach_port_name_t previous = MSG_NULL;

    if (!owner || --owner->users != 0)
        return;
    while (*link != owner)
        link = &(*link)->next;
    *link = owner->next;
    lasting_owner_forget(server, owner->number);
    if (!mount_uses(server, owner->name) &&
        port_cancel_notification(self(), owner->name, MSG_ID_DEAD_NAME, &previous) ==
            KERN_SUCCESS &&
        previous != MSG_NULL)
        stub_release_right(previous, MSG_MOVE_SEND_ONCE);
    stub_release_right(owner->name, MSG_MOVE_SEND);
    free(owner);
}

/* number: of one that was kept by an earlier instance; 0: it is new. */
static kern_return_t new_owner(struct file_server *server, mach_port_name_t name, uint32_t number,
                               struct lock_owner **out)
{
    struct lock_owner *owner;

    if (name == MSG_DEAD || open_of_port(server, name))
        return unix_error(EINVAL);
    owner = malloc(sizeof(*owner));
    if (!owner)
        return unix_error(ENOLCK);
    kern_return_t kr = port_mod_refs(self(), name, PORT_RIGHT_SEND, 1);
    if (kr == KERN_SUCCESS) {
        if (number == 0)
            kr = lasting_owner_keep(server, name, &number);
        if (kr == KERN_SUCCESS) {
            kr = server_watch_death(server, name);
            if (kr != KERN_SUCCESS)
                lasting_owner_forget(server, number);
        }
        if (kr != KERN_SUCCESS)
            stub_release_right(name, MSG_MOVE_SEND);
    }
    if (kr != KERN_SUCCESS) {
        free(owner);
        return unix_error(ENOLCK);
    }
    *owner = (struct lock_owner){.next = server->lock_owners,
                                 .name = name,
                                 .users = 1,
                                 .number = number};
    server->lock_owners = owner;
    *out = owner;
    return KERN_SUCCESS;
}

/* Whoever is meant, with one use of it more; NULL: the open. */
static kern_return_t use_owner_named(struct file_server *server, mach_port_name_t name,
                                     struct lock_owner **out)
{
    *out = name != MSG_NULL ? find_owner(server, name) : NULL;
    if (name != MSG_NULL && !*out)
        return new_owner(server, name, 0, out);
    lock_use_owner(*out);
    return KERN_SUCCESS;
}

/* ---- what is in the way ---- */

static bool is_same(const struct byte_lock *lock, const struct lock_wanted *wanted)
{
    return wanted->owner ? lock->owner == wanted->owner
                         : !lock->owner && lock->open == wanted->open;
}

static bool overlaps(const struct byte_lock *lock, const struct lock_wanted *wanted)
{
    return lock->start <= wanted->last && wanted->start <= lock->last;
}

/* The first, by place. */
static const struct byte_lock *in_the_way(const struct lock_wanted *wanted)
{
    const struct byte_lock *lock = wanted->open->node->locks, *first = NULL;

    for (; lock; lock = lock->next)
        if (!lock->owner == !wanted->owner && !is_same(lock, wanted) && overlaps(lock, wanted) &&
            (lock->exclusive || wanted->kind == FILE_LOCK_EXCLUSIVE) &&
            (!first || lock->start < first->start))
            first = lock;
    return first;
}

bool lock_is_free(const struct lock_wanted *wanted)
{
    return in_the_way(wanted) == NULL;
}

/* ---- changes ---- */

static void drop(struct byte_lock **link)
{
    struct byte_lock *lock = *link;
    struct file_server *server = lock->open->server;

    *link = lock->next;
    if (lock->lasting)
        lock->lasting->used = 0;
    server->locks--;
    lock->open->locks--;
    lock_release_owner(server, lock->owner);
    free(lock);
}

/* It has changed: for the next instance, too. */
static void note(const struct byte_lock *lock)
{
    struct lasting_lock *record = lock->lasting;

    if (!record)
        return;
    record->start = lock->start;
    record->last = lock->last;
    record->slot = lock->open->next_free - 1;
    record->mark = lock->mark;
    record->owner = lock->owner ? lock->owner->number : 0;
    record->exclusive = lock->exclusive;
    __atomic_store_n(&record->used, 1, __ATOMIC_RELEASE);
}

static void enter(struct byte_lock *lock, const struct byte_lock *as)
{
    struct file_node *node = as->open->node;

    *lock = *as;
    lock_use_owner(lock->owner);
    lock->open->server->locks++;
    lock->open->locks++;
    lock->next = node->locks;
    node->locks = lock;
    note(lock);
}

/* The range is taken out of what the owner has; `*spare` becomes the rest of one that is cut in two (there is one at most: L2), and NULL. */
static void carve(const struct lock_wanted *wanted, struct byte_lock **spare)
{
    struct byte_lock **link = &wanted->open->node->locks;

    while (*link) {
        struct byte_lock *lock = *link;
        if (!is_same(lock, wanted) || !overlaps(lock, wanted)) {
            link = &lock->next;
            continue;
        }
        if (lock->start >= wanted->start && lock->last <= wanted->last) {
            drop(link);
            continue;
        }
        if (lock->start < wanted->start && lock->last > wanted->last) {
            struct byte_lock rest = *lock;
            rest.start = wanted->last + 1;
            rest.lasting = lasting_lock_make(lock->open->server);
            enter(*spare, &rest);
            *spare = NULL;
            lock->last = wanted->start - 1;
            note(lock);
            return;
        }
        if (lock->start < wanted->start)
            lock->last = wanted->start - 1;
        else
            lock->start = wanted->last + 1;
        note(lock);
        link = &lock->next;
    }
}

/* A neighbour that is alike becomes a part of the new one. */
static void join(struct byte_lock *lock)
{
    struct byte_lock **link = &lock->open->node->locks;

    while (*link) {
        const struct byte_lock *other = *link;
        const bool alike = other != lock && other->open == lock->open &&
                           other->owner == lock->owner && other->mark == lock->mark &&
                           other->exclusive == lock->exclusive;
        const bool before = alike && other->last + 1 == lock->start;
        const bool behind = alike && lock->last + 1 == other->start;
        if (before)
            lock->start = other->start;
        if (behind)
            lock->last = other->last;
        if (before || behind) {
            note(lock);
            drop(link);
        } else
            link = &(*link)->next;
    }
}

/* One of the owner's is cut in two. */
static bool cuts(const struct lock_wanted *wanted)
{
    const struct byte_lock *lock = wanted->open->node->locks;

    for (; lock; lock = lock->next)
        if (is_same(lock, wanted) && lock->start < wanted->start && lock->last > wanted->last)
            return true;
    return false;
}

/* Records for what is to come; all or none: the rest of one that is cut, and the new one. L4 */
static bool have_spares(const struct lock_wanted *wanted, struct byte_lock *spare[2])
{
    const struct file_open *open = wanted->open;
    const struct file_server *server = open->server;
    const bool needed[2] = {cuts(wanted), wanted->kind != FILE_LOCK_NONE};
    const unsigned count = needed[0] + needed[1];

    spare[0] = spare[1] = NULL;
    if (count != 0 && (uint64_t)open->locks + server->locks + count > server->limits.opens)
        return false;
    for (unsigned i = 0; i < 2; i++) {
        if (needed[i])
            spare[i] = malloc(sizeof(*spare[i]));
        if (needed[i] && !spare[i]) {
            free(spare[0]);
            return false;
        }
    }
    return true;
}

static kern_return_t set_lock(const struct lock_wanted *wanted, uint32_t mark)
{
    struct byte_lock *spare[2];

    if (wanted->kind != FILE_LOCK_NONE && in_the_way(wanted))
        return unix_error(EAGAIN);
    if (!have_spares(wanted, spare))
        return unix_error(ENOLCK);
    const struct byte_lock as = {
        .open = wanted->open,
        .owner = wanted->owner,
        .start = wanted->start,
        .last = wanted->last,
        .mark = mark,
        .exclusive = wanted->kind == FILE_LOCK_EXCLUSIVE,
        .lasting = spare[1] ? lasting_lock_make(wanted->open->server) : NULL,
    };
    if (spare[1])
        note(&as); /* before what it takes the place of goes */
    carve(wanted, &spare[0]);
    free(spare[0]);
    if (spare[1]) {
        enter(spare[1], &as);
        join(spare[1]);
    }
    wait_lock_changed(wanted->open->server, wanted->open->node);
    return KERN_SUCCESS;
}

/* ---- what an earlier instance left ---- */

bool lock_restore(struct file_server *server, struct lasting_lock *record, mach_port_name_t name)
{
    struct byte_lock *lock = malloc(sizeof(*lock));
    struct lock_owner *owner = name != MSG_NULL ? find_owner(server, name) : NULL;
    const bool known = name == MSG_NULL || owner;

    if (!lock)
        return false;
    if (!known && new_owner(server, name, record->owner, &owner) != KERN_SUCCESS) {
        free(lock);
        return false;
    }
    const struct byte_lock as = {
        .open = server->opens[record->slot],
        .owner = owner,
        .start = record->start,
        .last = record->last,
        .mark = record->mark,
        .exclusive = record->exclusive != 0,
        .lasting = record,
    };
    enter(lock, &as);
    if (!known)
        lock_release_owner(server, owner); /* the lock uses it */
    return true;
}

/* ---- ends ---- */

static void drop_where(struct file_server *server, struct file_node *node,
                       const struct file_open *open, const struct lock_owner *owner)
{
    struct byte_lock **link = &node->locks;
    bool dropped = false;

    while (*link)
        if ((open && (*link)->open == open) || (owner && (*link)->owner == owner)) {
            drop(link);
            dropped = true;
        } else {
            link = &(*link)->next;
        }
    if (dropped)
        wait_lock_changed(server, node);
}

void lock_closed(struct file_open *open)
{
    drop_where(open->server, open->node, open, NULL);
}

/* Each node with locks of his, or where he waits, has an open. */
void lock_owner_dead(struct file_server *server, mach_port_name_t name)
{
    struct lock_owner *owner = find_owner(server, name);

    if (!owner)
        return;
    lock_use_owner(owner);
    for (uint32_t i = 0; i < server->slots; i++) {
        struct file_node *node = server->opens[i]->node;
        if (!node)
            continue;
        wait_lock_forget(server, node, owner);
        drop_where(server, node, NULL, owner);
    }
    lock_release_owner(server, owner);
}

/* ---- the interface ---- */

/* What is asked for, and by whom. On success there is one use of the owner more. */
static kern_return_t understand(struct server_message *message, uint32_t kind, uint64_t start,
                                uint64_t length, mach_port_name_t name, struct lock_wanted *out)
{
    struct file_open *open = open_of(message);

    if (!open || open->flags & FILE_PATH)
        return unix_error(EBADF);
    if (kind > FILE_LOCK_EXCLUSIVE || start > INT64_MAX || length > INT64_MAX - start + 1)
        return unix_error(EINVAL);
    if (name != MSG_NULL ? open->node->kind != FILE_KIND_REGULAR : open->held)
        return unix_error(EINVAL);
    out->open = open;
    out->kind = kind;
    out->start = start;
    out->last = length == 0 ? INT64_MAX : start + length - 1;
    return use_owner_named(open->server, name, &out->owner);
}

/* Of a process: what is locked has to be open for that. */
static bool may_have(const struct lock_wanted *wanted)
{
    static const uint32_t needed[] = {0, FILE_READ, FILE_WRITE};

    return !wanted->owner || (wanted->open->flags & needed[wanted->kind]) == needed[wanted->kind];
}

/* The owner's record has its own right; the message's is given up, which after an error is the loop's to do. */
static kern_return_t concluded(const struct lock_wanted *wanted, mach_port_name_t name,
                               kern_return_t kr)
{
    lock_release_owner(wanted->open->server, wanted->owner);
    if (name != MSG_NULL && (kr == KERN_SUCCESS || kr == MIG_NO_REPLY))
        stub_release_right(name, MSG_MOVE_SEND);
    return kr;
}

kern_return_t serve_lock(struct server_message *message, uint32_t kind, uint32_t mark,
                         uint64_t start, uint64_t length, mach_port_name_t owner)
{
    struct lock_wanted wanted;
    kern_return_t kr = understand(message, kind, start, length, owner, &wanted);

    if (kr != KERN_SUCCESS)
        return kr;
    kr = may_have(&wanted) ? set_lock(&wanted, mark) : unix_error(EBADF);
    return concluded(&wanted, owner, kr);
}

kern_return_t serve_test_lock(struct server_message *message, uint32_t kind, uint64_t start,
                              uint64_t length, mach_port_name_t owner, uint32_t *found,
                              uint32_t *mark, uint64_t *found_start, uint64_t *found_length)
{
    struct lock_wanted wanted;
    const kern_return_t kr = understand(message, kind, start, length, owner, &wanted);

    if (kr != KERN_SUCCESS)
        return kr;
    const struct byte_lock *lock = kind == FILE_LOCK_NONE ? NULL : in_the_way(&wanted);
    *found = !lock ? FILE_LOCK_NONE : lock->exclusive ? FILE_LOCK_EXCLUSIVE : FILE_LOCK_SHARED;
    *mark = lock ? lock->mark : 0;
    *found_start = lock ? lock->start : 0;
    *found_length = lock && lock->last != INT64_MAX ? lock->last - lock->start + 1 : 0;
    return concluded(&wanted, owner, KERN_SUCCESS);
}

kern_return_t serve_wait_lock(struct server_message *message, uint32_t kind, uint64_t start,
                              uint64_t length, uint64_t token, mach_port_name_t owner)
{
    struct lock_wanted wanted;
    kern_return_t kr = understand(message, kind, start, length, owner, &wanted);

    if (kr != KERN_SUCCESS)
        return kr;
    if (!may_have(&wanted))
        kr = unix_error(EBADF);
    else if (kind != FILE_LOCK_NONE && in_the_way(&wanted))
        kr = wait_lock_later(message, &wanted, token);
    return concluded(&wanted, owner, kr);
}
