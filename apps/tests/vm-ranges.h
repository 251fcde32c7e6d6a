/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of vm-ranges.
 */
#pragma once

#include "vm-test.h"

/** Kinds of ledgers, as calls name them. */
enum ledger_kinds {
#define LEDGER(symbol, name, unit, what) KIND_##symbol,
#include <wharf/abi/ledgers.def>
#undef LEDGER
};

/** Code that is written, and run afterwards; never both at once. */
void ranges_test_code(void);
void ranges_test_alias(void);
/** Stacks that overflow into the page below them. */
void ranges_test_guard(void);
