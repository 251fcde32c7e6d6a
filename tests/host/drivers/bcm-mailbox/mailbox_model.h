/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mailbox with a firmware behind it that answers after a while, and does so wrongly as it is told.
 */
#pragma once

#include <bcm_mailbox.h>

#include "../stage/faults.h"

enum mischief {
    HONEST,
    MUTE,          /* never answers */
    LATE,          /* after 1.5 s */
    OTHER_ADDRESS, /* answers somebody else's message instead */
    OTHER_CHANNEL, /* an answer on another channel comes first, many times */
    FLOOD,         /* the mailbox is never empty */
    NOT_WRITTEN,   /* answers without having written anything */
    ERROR_CODE,    /* 0x80000001 */
    NONSENSE_CODE,
    OTHER_SIZE,
    OTHER_TAG,
    OTHER_ROOM,
    UNKNOWN_TAG,     /* as the firmware: skipped */
    UNKNOWN_IN_QEMU, /* as QEMU: an answer of no length */
    LONGER,          /* says it would have had more than fits */
    HUGE,            /* the longest there is */
    NOTHING_BUT,     /* one word less than it should */
    NO_ROOM,         /* the way there is full for ever */
    OTHER_ID,        /* a good message, but of another clock, pin or domain */
    MISCHIEFS
};

enum { MAIL_DEPTH = 8 };

struct mailbox_model {
    uint64_t now;
    enum mischief mischief;
    uint32_t box[MAIL_DEPTH];
    unsigned first, count;
    uint32_t config;
    uint32_t asked; /* a letter the firmware has; 0: none */
    uint64_t answer_at;
    unsigned messages; /* that it has answered */
    /* Who has which memory: the firmware writes there. */
    uint32_t *memory[2];
    uint32_t bus[2];
    uint64_t extra; /* strangers put in so far */
    /* What is behind the tags. */
    uint32_t rates[32], states[32], domains[32];
    uint32_t expander[8][5]; /* direction, polarity, terminated, pull, state */
};

extern struct mailbox_model model;
extern struct stage stage;
extern struct bcm_mailbox mailbox;

struct stage *mailbox_create(void);

/** A new instance, with memory of its own if `other`. */
void mailbox_renew(bool other);

void test_properties(void);
