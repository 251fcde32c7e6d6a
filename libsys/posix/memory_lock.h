/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is kept from being paged out (mlock), for who changes mappings. Weak: only in a program that calls mlock().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** What was mapped there is not any more. */
[[gnu::weak]] void memory_lock_forget(uint64_t address, uint64_t size);
/** Some of it is locked. */
[[gnu::weak]] bool memory_lock_has(uint64_t address, uint64_t size);
