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

/* count: it is not there. */
static size_t index_of(const void *key, const void *table, size_t count, size_t width,
                       int (*compare)(const void *key, const void *member))
{
    size_t i = 0;

    for (const char *at = table; i < count && compare(key, at) != 0; at += width)
        i++;
    return i;
}

void *lfind(const void *key, const void *table, size_t *count, size_t width,
            int (*compare)(const void *key, const void *member))
{
    const size_t i = index_of(key, table, *count, width, compare);

    return i < *count ? (char *)(uintptr_t)table + i * width : NULL;
}

void *lsearch(const void *key, void *table, size_t *count, size_t width,
              int (*compare)(const void *key, const void *member))
{
    const size_t i = index_of(key, table, *count, width, compare);
    char *at = (char *)table + i * width;

    if (i == *count) {
        memcpy(at, key, width);
        ++*count;
    }
    return at;
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
