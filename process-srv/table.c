/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of processes. See table.h.
 */
#include "table.h"
#include "signals.h"
#include <errno.h>
#include <string.h>

enum { PID_MAX = 30000, HASH = 256 };

static struct process process[PROCESSES_MAX];
static struct process *hash[HASH];
static struct process *init_children;
static struct process *newest;
static int32_t own_last_pid, *last_pid = &own_last_pid;
static unsigned count;

void table_reset(void)
{
    memset(process, 0, sizeof(process));
    memset(hash, 0, sizeof(hash));
    init_children = newest = NULL;
    last_pid = &own_last_pid;
    *last_pid = INIT_PID;
    count = 0;
    signals_reset();
}

void table_keep_pid(int32_t *where)
{
    if (*where < INIT_PID || *where > PID_MAX)
        *where = *last_pid;
    last_pid = where;
}

struct process *table_slot(unsigned slot)
{
    return slot < PROCESSES_MAX && process[slot].state != PROCESS_FREE ? &process[slot] : NULL;
}

unsigned table_slot_of(const struct process *p)
{
    return (unsigned)(p - process);
}

struct process *table_find(int32_t pid)
{
    struct process *p = pid > 0 ? hash[pid % HASH] : NULL;
    while (p != NULL && p->pid != pid)
        p = p->hash_next;
    return p;
}

struct process *table_next(const struct process *p)
{
    return p == NULL ? newest : p->earlier;
}

struct process *table_after(int32_t pid)
{
    struct process *best = NULL;
    for (struct process *p = newest; p != NULL; p = p->earlier)
        if (p->pid > pid && (best == NULL || p->pid < best->pid))
            best = p;
    return best;
}

unsigned table_count(void)
{
    return count;
}

/* ---- numbers ---- */

static bool is_used(int32_t number)
{
    if (table_find(number) != NULL)
        return true;
    for (const struct process *p = newest; p != NULL; p = p->earlier)
        if (p->pgid == number || p->sid == number || p->account == number)
            return true;
    return false;
}

static int32_t new_pid(void)
{
    do
        *last_pid = *last_pid == PID_MAX ? INIT_PID + 1 : *last_pid + 1;
    while (is_used(*last_pid)); /* there are far fewer processes than numbers */
    return *last_pid;
}

unsigned table_account_size(const struct process *p)
{
    unsigned n = 0;
    for (const struct process *q = newest; q != NULL; q = q->earlier)
        n += q->account == p->account;
    return n;
}

/* P3. */
static bool may_add(const struct process *parent)
{
    unsigned adopted = 0;
    if (parent != NULL) {
        const unsigned n = table_account_size(parent);
        return n < SESSION_MAX && (n < SMALL || count < PROCESSES_MAX - KEPT);
    }
    for (const struct process *p = newest; p != NULL; p = p->earlier)
        adopted += p->adopted;
    return adopted < ADOPTED_MAX;
}

bool table_group_exists(int32_t group)
{
    return table_group_session(group) >= 0;
}

int32_t table_group_session(int32_t group)
{
    for (const struct process *p = newest; p != NULL; p = p->earlier)
        if (p->pgid == group)
            return p->sid;
    return -1;
}

/* ---- parents ---- */

static struct process **children_of(struct process *parent)
{
    return parent != NULL ? &parent->child : &init_children;
}

static void link_child(struct process *parent, struct process *p)
{
    struct process **list = children_of(parent);
    p->parent = parent;
    p->previous = NULL;
    p->next = *list;
    if (*list != NULL)
        (*list)->previous = p;
    *list = p;
}

static void unlink_child(struct process *p)
{
    if (p->previous != NULL)
        p->previous->next = p->next;
    else
        *children_of(p->parent) = p->next;
    if (p->next != NULL)
        p->next->previous = p->previous;
    p->next = p->previous = NULL;
}

static struct process *free_slot(void)
{
    static unsigned next;
    for (unsigned i = 0; i < PROCESSES_MAX; i++) {
        struct process *p = &process[(next + i) % PROCESSES_MAX];
        if (p->state == PROCESS_FREE) {
            next = (next + i + 1) % PROCESSES_MAX;
            return p;
        }
    }
    return NULL;
}

struct process *table_add(struct process *parent, const char *name)
{
    struct process *p = may_add(parent) ? free_slot() : NULL;
    if (p == NULL)
        return NULL;
    const uint32_t generation = p->slot_generation + 1;
    memset(p, 0, sizeof(*p));
    p->slot_generation = generation;
    p->pid = new_pid();
    p->pgid = parent != NULL ? parent->pgid : p->pid;
    p->sid = parent != NULL ? parent->sid : p->pid;
    p->account = parent != NULL ? parent->account : p->pid;
    p->begins_account = parent != NULL ? parent->begins_account : true;
    p->adopted = parent == NULL;
    p->program = parent != NULL ? parent->program : p->pid;
    p->state = PROCESS_RUNNING;
    strncpy(p->name, name, sizeof(p->name) - 1);
    p->hash_next = hash[p->pid % HASH];
    hash[p->pid % HASH] = p;
    link_child(parent, p);
    p->earlier = newest;
    if (newest != NULL)
        newest->later = p;
    newest = p;
    count++;
    return p;
}

void table_drop(struct process *p)
{
    struct process **at = &hash[p->pid % HASH];
    while (*at != p)
        at = &(*at)->hash_next;
    *at = p->hash_next;
    signals_forget(p);
    unlink_child(p);
    *(p->later != NULL ? &p->later->earlier : &newest) = p->earlier;
    if (p->earlier != NULL)
        p->earlier->later = p->later;
    p->state = PROCESS_FREE;
    count--;
}

void table_reap(struct process *p)
{
    if (p->parent != NULL)
        p->parent->children_time += p->cpu_time + p->children_time;
    table_drop(p);
}

void table_end(struct process *p, int32_t status)
{
    while (p->child != NULL) {
        struct process *c = p->child;
        unlink_child(c);
        link_child(NULL, c);
        if (c->state == PROCESS_ZOMBIE && !c->leaving)
            table_drop(c);
    }
    signals_forget(p);
    p->state = PROCESS_ZOMBIE;
    p->status = status;
}

/* ---- groups ---- */

int table_set_group(struct process *caller, int32_t pid, int32_t group)
{
    struct process *p = pid == 0 ? caller : table_find(pid);
    if (group < 0)
        return EINVAL;
    if (p == NULL || (p != caller && p->parent != caller))
        return ESRCH;
    if (p != caller && p->executed)
        return EACCES;
    if (group == 0)
        group = p->pid;
    if (p->sid != caller->sid || p->sid == p->pid ||
        (group != p->pid && table_group_session(group) != p->sid))
        return EPERM;
    p->pgid = group;
    return 0;
}

int table_new_session(struct process *caller)
{
    if (caller->pgid == caller->pid || table_group_exists(caller->pid))
        return EPERM;
    if (caller->begins_account) {
        caller->account = caller->pid;
        caller->begins_account = false;
    }
    caller->pgid = caller->sid = caller->pid;
    return 0;
}

bool table_orphaned(int32_t group, int32_t sid)
{
    for (const struct process *p = newest; p != NULL; p = p->earlier)
        if (p->state != PROCESS_ZOMBIE && p->pgid == group && p->parent != NULL &&
            p->parent->pgid != group && p->parent->sid == sid)
            return false;
    return true;
}
