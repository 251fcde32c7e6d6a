/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An actor (tests/host/ipc/ipc_world.h) as a program that calls the kernel through its generated stubs.
 */
#pragma once

struct actor;

/** Whose calls the stubs make from here on. */
void client_use(struct actor *actor);
