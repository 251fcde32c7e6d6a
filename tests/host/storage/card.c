/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated card. A record is the list of all writes with their data, so that an image is the medium at the record's beginning with some of them applied:
 * those before the last flush in order, and of those after it what the loss says. A discard is a write of rubbish: who reads there later relies on nothing.
 */
#include "card.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t rubbish = 0xdb;

static void *must(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "card: no memory\n");
        exit(1);
    }
    return memory;
}

static struct card *card_of(struct storage *storage)
{
    return (struct card *)storage;
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* ---- requests ---- */

static bool fails(struct card *card, enum card_kind kind)
{
    if ((card->fail_kinds & kind) == 0 || card->fail_at == 0)
        return false;
    card->requests++;
    if (card->requests == card->fail_at || (card->fail_sticky && card->requests > card->fail_at)) {
        card->failures++;
        return true;
    }
    return false;
}

static bool has_place(const struct card *card, uint64_t offset, uint64_t size)
{
    return offset % STORAGE_SECTOR == 0 && size % STORAGE_SECTOR == 0 &&
           offset <= card->storage.size && size <= card->storage.size - offset;
}

static void note(struct card *card, enum card_kind kind, uint64_t offset, uint64_t size)
{
    struct card_event *event;

    if (!card->recording)
        return;
    if (card->event_count == card->event_room) {
        card->event_room = card->event_room == 0 ? 64 : 2 * card->event_room;
        card->events = must(realloc(card->events, card->event_room * sizeof(*card->events)));
    }
    event = &card->events[card->event_count++];
    *event = (struct card_event){.kind = kind, .offset = offset, .size = size};
    if (size != 0) {
        event->data = must(malloc(size));
        memcpy(event->data, card->bytes + offset, size);
    }
}

static int read_card(struct storage *storage, uint64_t offset, void *to, size_t size)
{
    struct card *card = card_of(storage);

    if (!has_place(card, offset, size))
        return ENXIO;
    if (fails(card, CARD_READ))
        return EIO;
    card->reads++;
    card->bytes_read += size;
    memcpy(to, card->bytes + offset, size);
    return 0;
}

static int write_card(struct storage *storage, uint64_t offset, const void *from, size_t size)
{
    struct card *card = card_of(storage);

    if (storage->read_only)
        return EROFS;
    if (!has_place(card, offset, size))
        return ENXIO;
    if (fails(card, CARD_WRITE))
        return EIO;
    card->writes++;
    card->bytes_written += size;
    memcpy(card->bytes + offset, from, size);
    note(card, CARD_WRITE, offset, size);
    return 0;
}

static int flush_card(struct storage *storage)
{
    struct card *card = card_of(storage);

    if (fails(card, CARD_FLUSH))
        return EIO;
    card->flushes++;
    note(card, CARD_FLUSH, 0, 0);
    return 0;
}

static void discard_card(struct storage *storage, uint64_t offset, uint64_t size)
{
    struct card *card = card_of(storage);

    if (storage->read_only || !has_place(card, offset, size) || fails(card, CARD_DISCARD))
        return;
    memset(card->bytes + offset, rubbish, size);
    note(card, CARD_DISCARD, offset, size);
}

static const struct storage_operations operations = {
    .read = read_card,
    .write = write_card,
    .flush = flush_card,
    .discard = discard_card,
};

/* ---- cards ---- */

struct card *card_make(uint64_t size)
{
    struct card *card = must(calloc(1, sizeof(*card)));

    card->storage.operations = &operations;
    card->storage.size = size - size % STORAGE_SECTOR;
    card->bytes = must(calloc(1, size + 1));
    return card;
}

struct card *card_load(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct card *card = NULL;
    long size;

    if (file == NULL)
        return NULL;
    if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0) {
        rewind(file);
        card = card_make(((uint64_t)size + STORAGE_SECTOR - 1) / STORAGE_SECTOR * STORAGE_SECTOR);
        if (fread(card->bytes, 1, (size_t)size, file) != (size_t)size) {
            card_free(card);
            card = NULL;
        }
    }
    fclose(file);
    return card;
}

bool card_save(const struct card *card, const char *path)
{
    FILE *file = fopen(path, "wb");
    bool good;

    if (file == NULL)
        return false;
    good = fwrite(card->bytes, 1, card->storage.size, file) == card->storage.size;
    return fclose(file) == 0 && good;
}

void card_copy(struct card *to, const struct card *from)
{
    card_forget(to);
    card_fail(to, 0, 0, false);
    memcpy(to->bytes, from->bytes, from->storage.size);
}

void card_free(struct card *card)
{
    if (card == NULL)
        return;
    card_forget(card);
    free(card->bytes);
    free(card);
}

void card_fail(struct card *card, unsigned kinds, uint64_t nth, bool sticky)
{
    card->fail_kinds = kinds;
    card->fail_at = nth;
    card->fail_sticky = sticky;
    card->requests = card->failures = 0;
}

/* ---- records and cuts ---- */

void card_record(struct card *card)
{
    card_forget(card);
    card->flushed = must(malloc(card->storage.size + 1));
    memcpy(card->flushed, card->bytes, card->storage.size);
    card->recording = true;
}

void card_forget(struct card *card)
{
    for (size_t i = 0; i < card->event_count; i++)
        free(card->events[i].data);
    free(card->events);
    free(card->flushed);
    card->events = NULL;
    card->flushed = NULL;
    card->event_count = card->event_room = 0;
    card->recording = false;
}

size_t card_events(const struct card *card)
{
    return card->event_count;
}

static void apply(const struct card_event *event, struct card *to)
{
    if (event->size != 0)
        memcpy(to->bytes + event->offset, event->data, event->size);
}

static void apply_torn(const struct card_event *event, uint64_t *random, struct card *to)
{
    for (uint64_t done = 0; done < event->size; done += STORAGE_SECTOR)
        if (next_random(random) & 1)
            memcpy(to->bytes + event->offset + done, event->data + done, STORAGE_SECTOR);
}

/* The events in [first, end) come in any order, each as the loss says. */
static void apply_any(const struct card_event *events, size_t count, enum card_loss loss,
                      uint64_t *random, struct card *to)
{
    size_t *order = must(malloc(count * sizeof(*order)));

    for (size_t i = 0; i < count; i++) {
        const size_t j = next_random(random) % (i + 1);

        order[i] = order[j];
        order[j] = i;
    }
    for (size_t i = 0; i < count; i++)
        if (loss == CARD_LOSE_SECTORS)
            apply_torn(&events[order[i]], random, to);
        else if (next_random(random) & 1)
            apply(&events[order[i]], to);
    free(order);
}

void card_cut(const struct card *card, size_t events, enum card_loss loss, uint64_t *random,
              struct card *to)
{
    size_t kept = 0, one;

    card_forget(to);
    card_fail(to, 0, 0, false);
    memcpy(to->bytes, card->flushed, card->storage.size);
    for (size_t i = 0; i < events; i++)
        if (card->events[i].kind == CARD_FLUSH)
            kept = i;
    for (size_t i = 0; i < kept; i++)
        apply(&card->events[i], to);
    if (kept == events || loss == CARD_LOSE_ALL)
        return;
    if (loss == CARD_LOSE_WRITES || loss == CARD_LOSE_SECTORS) {
        apply_any(card->events + kept, events - kept, loss, random, to);
        return;
    }
    one = kept + next_random(random) % (events - kept);
    for (size_t i = kept; i < events; i++)
        if (loss == CARD_LOSE_NOTHING || (i == one) == (loss == CARD_KEEP_ONE))
            apply(&card->events[i], to);
}
