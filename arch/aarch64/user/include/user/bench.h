/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loops of the benchmarks, in assembly so that each instruction is known. All return what the
 * counter advanced; where the counter ticks once an instruction, that is instructions.
 */
#pragma once

#include <stdint.h>

/** n rounds of a loop without a trap: what the others contain beside it. */
uint64_t bench_loop_empty(uint64_t n);
/** n times thread_self. */
uint64_t bench_loop_self(uint64_t n);
/** n times thread_switch. */
uint64_t bench_loop_switch(uint64_t n);
/** The same with one vector register written in each round. */
uint64_t bench_loop_empty_fp(uint64_t n);
uint64_t bench_loop_switch_fp(uint64_t n);
/** 1000 NOPs: shows whether the counter counts instructions. */
uint64_t bench_nops(void);
/** Store the counter to *last again and again; does not return. A round is three instructions. */
[[gnu::noreturn]] void bench_store_counter(volatile uint64_t *last);
/** Store the counter to *last, then `value` to a register, and go on with the counter as bench_store_counter(). */
[[gnu::noreturn]] void bench_store_register(volatile uint64_t *last, volatile uint32_t *to,
                                            uint32_t value);
/** Receive a short message there; returns the counter as the first instruction after that reads it. */
uint64_t bench_receive(uint64_t name);
/** Sleep until `deadline`; returns the counter as the first instruction after waking reads it. */
uint64_t bench_sleep_until(uint64_t deadline);
