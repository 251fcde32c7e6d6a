/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What file system a partition holds, by what stands at its begin: a pure function of those bytes, which may be anything. Whether it is whole is its server's to
 * find out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROBE_SIZE = 4096 /* what is looked at */, PROBE_LABEL_MAX = 17, PROBE_UUID_MAX = 37 };

struct probe {
    const char *format;          /* "ext4", "fat"; NULL: neither */
    char label[PROBE_LABEL_MAX]; /* "": it has none */
    char uuid[PROBE_UUID_MAX];   /* ext4: 8-4-4-4-12 digits; fat: XXXX-XXXX */
    bool dirty;                  /* it was not unmounted */
    bool errors;                 /* it says itself that there is something wrong with it */
};

/** size less than PROBE_SIZE: there is no more. */
void probe_read(const void *begin, size_t size, struct probe *out);
