/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A simulated card for tests of file systems: <storage.h> over memory, with power cuts and errors.
 *
 *      struct card *card = card_make(4 << 20), *image = card_make(4 << 20);
 *      card_record(card);                          what lies there is taken for flushed
 *      ... write and flush through &card->storage; remember card_events() when a promise is given ...
 *      for (size_t event = 0; event <= card_events(card); event++)
 *          card_cut(card, event, CARD_LOSE_SECTORS, &random, image);   what the cut leaves
 *
 * An image that recovers may be recorded and cut in its turn. The same numbers give the same image.
 */
#pragma once

#include <storage.h>

enum card_kind { CARD_READ = 1, CARD_WRITE = 2, CARD_FLUSH = 4, CARD_DISCARD = 8 };

/** What happens to the writes between the last flush and the cut. */
enum card_loss {
    CARD_LOSE_NOTHING, /* all reach the medium */
    CARD_LOSE_ALL,     /* none does */
    CARD_LOSE_WRITES,  /* some do, in any order */
    CARD_LOSE_SECTORS, /* some sectors of each do, in any order: torn writes */
    CARD_LOSE_ONE,     /* all but one */
    CARD_KEEP_ONE,     /* one only */
    CARD_LOSSES,
};

struct card_event {
    enum card_kind kind; /* not CARD_READ */
    uint64_t offset, size;
    uint8_t *data;
};

struct card {
    struct storage storage;
    uint8_t *bytes; /* what reads return */
    /* since card_record() */
    bool recording;
    uint8_t *flushed; /* the medium at that time */
    struct card_event *events;
    size_t event_count, event_room;
    /* errors: see card_fail() */
    unsigned fail_kinds;
    uint64_t fail_at;
    bool fail_sticky;
    uint64_t requests; /* of fail_kinds, since card_fail() */
    uint64_t failures;
    /* all since the card was made */
    uint64_t reads, writes, flushes, bytes_read, bytes_written;
};

/** A card of zeros; `size` is a multiple of STORAGE_SECTOR. Ends the program when there is no memory. */
struct card *card_make(uint64_t size);
/** A card with the contents of a file, rounded up to sectors; NULL if it cannot be read. */
struct card *card_load(const char *path);
/** The contents as a file; false if it cannot be written. */
[[nodiscard]] bool card_save(const struct card *card, const char *path);
/** `to`, of the same size, gets the contents of `from`, and forgets its record and errors. */
void card_copy(struct card *to, const struct card *from);
void card_free(struct card *card);

/** Starts a record: what lies on the card is taken for flushed. */
void card_record(struct card *card);
/** Ends and forgets it. */
void card_forget(struct card *card);
/** Writes, flushes and discards recorded so far. */
size_t card_events(const struct card *card);
/** `to` gets what is left on `card` when power fails after its first `events` events. */
void card_cut(const struct card *card, size_t events, enum card_loss loss, uint64_t *random,
              struct card *to);

/** Request number `nth` (from 1) of those kinds fails with EIO, and all later ones if `sticky`; 0: none does. */
void card_fail(struct card *card, unsigned kinds, uint64_t nth, bool sticky);
