/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The empty symbol table: stands in for the real one in the first link of the kernel and on the
 * host. In a file of its own so that no compiler can reason from its contents.
 */
#include "symbols.h"

[[gnu::weak, gnu::section(".ksyms")]] const struct ksyms kernel_symbols = {.count = 0};

/* No build-id either; the kernel's linker script has its own definitions, which count. */
[[gnu::weak]] const uint8_t _build_id_start[1] = {0};
[[gnu::weak, gnu::alias("_build_id_start")]] extern const uint8_t _build_id_end[1];
