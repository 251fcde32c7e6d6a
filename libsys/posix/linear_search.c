/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables that are searched from their beginning, and lists whose elements begin with their links (<search.h>).
 */
#include <search.h>
#include <stdint.h>
#include <string.h>

/* How an element of such a list begins. */
struct element {
    struct element *next;
    struct element *previous;
};

void *lfind(const void *key, const void *table, size_t *count, size_t width,
            int (*compare)(const void *key, const void *member))
{
    const char *at = table;

    for (size_t i = 0; i < *count; i++, at += width)
        if (compare(key, at) == 0)
            return (void *)(uintptr_t)at;
    return NULL;
}

void *lsearch(const void *key, void *table, size_t *count, size_t width,
              int (*compare)(const void *key, const void *member))
{
    void *found = lfind(key, table, count, width, compare);

    if (found == NULL)
        found = memcpy((char *)table + (*count)++ * width, key, width);
    return found;
}

void insque(void *element, void *predecessor)
{
    struct element *new = element, *before = predecessor;

    if (before == NULL) {
        new->next = new->previous = NULL;
        return;
    }
    new->next = before->next;
    new->previous = before;
    before->next = new;
    if (new->next != NULL)
        new->next->previous = new;
}

void remque(void *element)
{
    struct element *old = element;

    if (old->next != NULL)
        old->next->previous = old->previous;
    if (old->previous != NULL)
        old->previous->next = old->next;
}
