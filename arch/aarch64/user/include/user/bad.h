/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests: instructions that a user program may not execute.
 */
#pragma once

void bad_undefined(void);
void bad_privileged(void);
void bad_breakpoint(void);
void bad_pc_alignment(void);
