/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program knows of its start. argv[0] is its name, the arg= words of the boot line follow;
 * the environment is empty. Returning from main, or exit(), ends the task with that status.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wharf/start.h>

enum { PROGRAM_ARGUMENTS_MAX = 16 };

/** What the kernel handed over. */
extern const struct start_info *program_start_info;
/** The counter at the program's first instruction. */
extern uint64_t program_first_counter;

/** What stands behind `name=` in the first argument that begins so, or `otherwise`. */
const char *program_argument(int argc, char **argv, const char *name, const char *otherwise);
/** One of the arguments is this word. */
bool program_has_word(int argc, char **argv, const char *word);

/** By _start only. */
[[gnu::noreturn]] void program_start(const struct start_info *info, uint64_t number,
                                     uint64_t counter);
