/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of this program, in the order they run.
 */
#pragma once

void check_memory(void);
void check_time(void);
void check_floating_point(void);
void check_hand_off(void);

enum { SELF_CHECK_CPUS = 8 /* as many as the kernel starts at most */ };

unsigned cpus_online(void);
