/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports that outlive the program that serves them. The kernel hands the receive right of a port whose holder dies to the program `keeper`
 * (fs-srv/keeper), with the messages that are queued; the next instance of the program gets it from there. Who has a send right notices nothing but the
 * time that it takes. Linked with files_framework (fs-srv/framework/keep.c).
 *
 * K1 A port is told apart by its payload (port.set_payload), which the keeper tells with it: it has one, not 0, before keep_port(), and no other port of the
 *    program's that is kept has the same.
 * K2 What was asked and not answered when the program died is not known to the next one: who asked is told that nobody will answer.
 * K3 A program gives no port that is kept to another task, for the next instance waits until it is back. At a kill at whatever instruction no port is lost that had
 *    been kept.
 */
#pragma once

#include <stdint.h>
#include <wharf/error.h>
#include <wharf/message.h>

struct keep {
    mach_port_name_t book; /* send right */
};

/** A port that an earlier instance of this program left: its receive right, which is the callee's. It has its payload, and is kept. */
typedef void keep_restored_t(void *context, uint64_t payload, mach_port_name_t port);

/** Open the program's book, which is a service of the keeper's that this program alone uses, and take all ports that are in it. Errors: service.look_up, of the keeper. */
kern_return_t keep_begin(struct keep *keep, const char *service, keep_restored_t *restored,
                         void *context);
/** If the program dies from here on, this port outlives it. Errors: keeper.notice, port.request_notification. */
kern_return_t keep_port(const struct keep *keep, mach_port_name_t port);
/** It shall not, any more. */
void keep_forget(const struct keep *keep, mach_port_name_t port);

/** Keep a copy of a send right under a key, in the place of what was there. Errors: keeper.put. */
kern_return_t keep_right(const struct keep *keep, uint64_t key, mach_port_name_t right);
/** What an earlier instance has kept under this key, and is kept still: a send right, which is the caller's. KERN_NOT_FOUND: nothing, or its port has died. */
kern_return_t keep_restored_right(const struct keep *keep, uint64_t key, mach_port_name_t *right);
void keep_forget_right(const struct keep *keep, uint64_t key);
