/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The empty symbol table: stands in for the real one in the first link of the kernel and on the
 * host. In a file of its own so that no compiler can reason from its contents.
 */
#include "symbols.h"

[[gnu::weak, gnu::section(".ksyms")]] const struct ksyms kernel_symbols = {.count = 0};
