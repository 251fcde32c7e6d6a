/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newlib's, and a function that it does not have.
 */
#include_next <grp.h>

#ifndef _WHARF_GRP_H
#define _WHARF_GRP_H

__BEGIN_DECLS
int getgrouplist(const char *user, gid_t group, gid_t *groups, int *count);
__END_DECLS

#endif
