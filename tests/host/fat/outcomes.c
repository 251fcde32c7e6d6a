/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See outcomes.h.
 */
#include "outcomes.h"
#include <guarantees.h>

static const struct state_operation *operation_of(const struct history *history, unsigned step)
{
    return state_operation(history->operations[step]);
}

/* One is the other, or a folder above it. */
static bool overlap(const char *a, const char *b)
{
    const size_t size = a && b ? strlen(a) < strlen(b) ? strlen(a) : strlen(b) : 0;

    return size != 0 && strncmp(a, b, size) == 0 && (a[size] == '\0' || a[size] == '/') &&
           (b[size] == '\0' || b[size] == '/');
}

static bool is_alone(const struct history *history, unsigned from, unsigned step, size_t events)
{
    const struct state_operation *op = operation_of(history, step);

    for (unsigned i = (step < from ? step : from) + 1; i < history->count; i++) {
        const struct state_operation *other = operation_of(history, i);
        if (i != step && history->spans[i][0] <= events &&
            (overlap(op->path, other->path) || overlap(op->path, other->to) ||
             overlap(op->to, other->path) || overlap(op->to, other->to)))
            return false;
    }
    return true;
}

static const char *word_for(const struct history *history, unsigned step)
{
    const struct state_operation *op = operation_of(history, step);
    const struct state *before = &history->states[step - 1], *after = &history->states[step];

    switch (op->kind) {
    case STATE_MAKE: return "create";
    case STATE_MAKE_FOLDER: return "mkdir";
    case STATE_REMOVE: return state_find(before, op->path)->folder ? "rmdir" : "unlink";
    case STATE_RENAME: return state_find(before, op->to) ? "rename-over" : "rename";
    case STATE_PROTECT: return "attributes";
    default: break;
    }
    const size_t old = state_find(before, op->path)->size, new = state_find(after, op->path)->size;
    if (old == new)
        return "write-in-place";
    if (new < old)
        return "shorten";
    return op->kind == STATE_RESIZE ? "lengthen" : "write-behind-end";
}

static bool has(const struct state_file *file, const struct state_file *other, size_t at,
                size_t end)
{
    return end <= other->size && memcmp(file->bytes + at, other->bytes + at, end - at) == 0;
}

static enum guarantee_outcome data_outcome(const struct state_file *before,
                                           const struct state_file *after,
                                           const struct state_file *file)
{
    enum { SECTOR = STORAGE_SECTOR };
    const bool as_before = file->size == before->size, as_after = file->size == after->size;
    unsigned old = 0, new = 0;

    for (size_t at = 0; at < file->size; at += SECTOR) {
        const size_t end = at + SECTOR < file->size ? at + SECTOR : file->size;
        const bool is_old = has(file, before, at, end), is_new = has(file, after, at, end);
        CHECK(is_old || is_new);
        old += is_old && !is_new;
        new += is_new && !is_old;
    }
    if (as_after && old == 0)
        return GUARANTEE_NEW;
    if (as_before && new == 0)
        return GUARANTEE_OLD;
    CHECK(after->size >= before->size); /* shorter: one size or the other */
    return as_before || as_after ? GUARANTEE_MIXED : GUARANTEE_PREFIX;
}

static enum guarantee_outcome rename_outcome(const struct history *history, unsigned step,
                                             const struct state *found)
{
    const struct state_operation *op = operation_of(history, step);
    const struct state_file *target = state_find(&history->states[step - 1], op->to);
    const struct state_file *moved = state_find(&history->states[step], op->to);
    const struct state_file *old = state_find(found, op->path), *new = state_find(found, op->to);

    if (!target)
        CHECK(!old != !new);
    else
        CHECK(new);
    if (target && !target->folder) {
        const struct state_file *content = old ? target : moved;
        CHECK(new->size == content->size &&has(new, content, 0, new->size));
    }
    return old ? GUARANTEE_OLD : GUARANTEE_NEW;
}

static enum guarantee_outcome outcome(const struct history *history, unsigned step,
                                      const struct state *found)
{
    const struct state_operation *op = operation_of(history, step);
    const struct state_file *file = state_find(found, op->path);

    switch (op->kind) {
    case STATE_MAKE:
    case STATE_MAKE_FOLDER: return file ? GUARANTEE_NEW : GUARANTEE_OLD;
    case STATE_REMOVE: return file ? GUARANTEE_OLD : GUARANTEE_NEW;
    case STATE_RENAME: return rename_outcome(history, step, found);
    default: break;
    }
    CHECK(file);
    if (op->kind == STATE_PROTECT)
        return file->read_only ? GUARANTEE_NEW : GUARANTEE_OLD;
    return data_outcome(state_find(&history->states[step - 1], op->path),
                        state_find(&history->states[step], op->path), file);
}

void outcomes_count(const struct history *history, unsigned from, size_t events,
                    const struct state *found)
{
    for (unsigned step = 1; step < history->count; step++) {
        size_t sync[2] = {SIZE_MAX, SIZE_MAX};
        enum guarantee_point point;

        for (unsigned i = history->count; i-- > step;)
            if (history->promised[i] != SIZE_MAX) {
                sync[0] = history->syncing[i];
                sync[1] = history->promised[i];
            }
        if (guarantee_point_of(events, history->spans[step], sync, &point))
            guarantee_count(word_for(history, step), point,
                            is_alone(history, from, step, events) ? outcome(history, step, found)
                                                                  : GUARANTEE_UNTOLD);
    }
}
