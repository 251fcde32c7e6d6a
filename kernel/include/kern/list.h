/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Doubly linked circular list, intrusive: the link is a member of the element, so no operation
 * allocates or fails. A link that is on no list points to itself (list_link_init) - is_linked
 * tells. Locking is the owner's.
 */
#pragma once

#include <kern/types.h>

struct list {
    struct list *next, *prev;
};

#define LIST_INIT(name)  \
    {                    \
        &(name), &(name) \
    }

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

static inline bool list_is_linked(const struct list *link)
{
    return link->next != link;
}

static inline void list_insert_between(struct list *link, struct list *prev, struct list *next)
{
    link->prev = prev;
    link->next = next;
    prev->next = link;
    next->prev = link;
}

static inline void list_push_back(struct list *l, struct list *link)
{
    list_insert_between(link, l->prev, l);
}

static inline void list_push_front(struct list *l, struct list *link)
{
    list_insert_between(link, l, l->next);
}

static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/** First link, removed; NULL if the list is empty. */
static inline struct list *list_pop_front(struct list *l)
{
    struct list *link = l->next;
    if (link == l)
        return NULL;
    list_remove(link);
    return link;
}

#define list_entry(link, type, member) container_of(link, type, member)

/* The link of an element that may be the list itself, seen as one: its address is computed, nothing accessed. */
#define list_link_of(var, member) \
    ((struct list *)(void *)((char *)(var) + offsetof(typeof(*(var)), member)))

/** Walk; the body must not remove `var`. */
#define list_for_each(var, l, member)                                                         \
    for (var = list_entry((l)->next, typeof(*var), member); list_link_of(var, member) != (l); \
         var = list_entry(var->member.next, typeof(*var), member))
