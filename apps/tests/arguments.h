/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arguments of tests and benchmarks, which the system description tells: name=VALUE, anywhere among them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/** The number behind `name=` in the program's arguments. */
uint64_t number_argument(const char *name, uint64_t otherwise);
/** The word behind it, up to a blank or a comma, cut to size; "": there is none. */
const char *word_argument(const char *name, char *value, size_t size);
