/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newlib's, and tables and lists that are searched from one end.
 */
#include_next <search.h>

#ifndef _WHARF_SEARCH_H
#define _WHARF_SEARCH_H

#include <stddef.h>

__BEGIN_DECLS
void *lfind(const void *key, const void *table, size_t *count, size_t width,
            int (*compare)(const void *key, const void *member));
void *lsearch(const void *key, void *table, size_t *count, size_t width,
              int (*compare)(const void *key, const void *member));
void insque(void *element, void *predecessor);
void remque(void *element);
__END_DECLS

#endif
