/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A description's text as lines, words, names and numbers.
 */
#pragma once

#include "description.h"

/* What is being read. */
struct reader {
    const char *at, *end;   /* of the text that is left */
    const char *next, *eol; /* of the line that is left, without its comment */
    struct description_error *error;
    struct description *description; /* NULL: one program is wanted */
    struct recipe *recipe;           /* the one lines belong to; NULL before the first */
    struct recipe *only;             /* where that goes, if one is wanted */
};

struct word {
    const char *at;
    size_t length;
};

/** KERN_BAD_FORMAT; this line, this word (or NULL), this sentence. */
kern_return_t reader_wrong(struct reader *r, const struct word *word, const char *why);

/** The next line, its comment cut off. False: there are no more. */
bool reader_next_line(struct reader *r);
/** The next word of the line. False: there are no more. */
bool reader_next_word(struct reader *r, struct word *word);
bool word_is(const struct word *word, const char *text);

/** A name; or one or more, added to a list. */
kern_return_t reader_take_name(struct reader *r, char out[WORD_SIZE]);
kern_return_t reader_take_names(struct reader *r, char (*list)[WORD_SIZE], unsigned *count,
                                unsigned most);

/** A number from least to most; with units: K, M, G may follow it. */
kern_return_t reader_take_number(struct reader *r, bool units, uint64_t least, uint64_t most,
                                 uint64_t *out);
kern_return_t reader_take_u32(struct reader *r, uint32_t least, uint32_t most, uint32_t *out);
