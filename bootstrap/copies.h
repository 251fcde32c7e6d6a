/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies of a program: what a description `copies MAKER N` is no program by itself, but what MAKER may have up to N programs made of while the system
 * runs, one for each disk for instance (supervisor.copy).
 *
 * Y1 A copy may do what the description of that program says, and no more: its maker chooses a name and arguments.
 * Y2 What a description describes for copies is not in the table of programs; copies are.
 */
#pragma once

#include "description.h"

/** The recipe of the copy `name`, a pure function. KERN_INVALID_ARGUMENT: the name, or what is made of it, is none; the arguments are too long, or not printable. */
kern_return_t copies_recipe(const struct recipe *of, const char *name, const char *arguments,
                            struct recipe *out);

/** The description of `name`, if copies of it can be made for `maker`; else NULL. */
const struct recipe *copies_find(const struct description *description, const char *name,
                                 const char *maker);

static inline bool recipe_is_for_copies(const struct recipe *recipe)
{
    return recipe->copies != 0;
}

static inline bool recipe_is_copy(const struct recipe *recipe)
{
    return recipe->copy_of[0] != '\0';
}
