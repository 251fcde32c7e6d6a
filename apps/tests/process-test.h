/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of process-test.
 */
#pragma once

/* process-test-waits.c */
void use_interruption(void);
