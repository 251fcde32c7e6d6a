/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a program begins and ends. It defines main(); argv[0] is its name, the arg= words of the boot
 * line follow. Returning from main ends the task with that status.
 */
#pragma once

#include <stdint.h>
#include <wharf/start.h>

int main(int argc, char **argv);

enum { PROGRAM_ARGUMENTS_MAX = 16 };

/** What the kernel handed over. */
extern const struct start_info *program_start_info;
/** The counter at the program's first instruction. */
extern uint64_t program_first_counter;

[[gnu::noreturn]] void program_exit(int status);

/** By _start only. */
[[gnu::noreturn]] void program_start(const struct start_info *info, uint64_t counter);
