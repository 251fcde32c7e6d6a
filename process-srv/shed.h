/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory is full, and one process has to go (service_control.shed): the one that has the most memory of its own; a shell, which
 * leads a session and was begun by a program of the supervisor's, only if there is no other.
 */
#pragma once

/** End it, if there is any. */
void shed_one(void);
