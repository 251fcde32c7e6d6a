/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop: whatever comes to the set of ports, and whatever is due.
 */
#pragma once

/** Until the system is over; the status to end with. */
unsigned events_run(void);
