/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tests of kernel/mem. Each runs in a process of its own, for the allocators cannot be reset.
 */
#pragma once

#define TEST(name) void test_##name(void);
#include "tests.def"
#undef TEST

/** Run `body` on `count` threads, given their numbers, which they may take as their CPU's. */
void run_threads(void *(*body)(void *number), unsigned count);
