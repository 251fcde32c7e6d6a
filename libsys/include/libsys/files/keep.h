/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports that outlive the program that serves them. The kernel hands the receive right of a port whose holder dies to the service `keeper`
 * (fs-srv/keeper), with the messages that are queued; the next instance of the program gets it from there. Who has a send right notices nothing but the
 * time that it takes.
 *
 * K1 A port is told apart by its payload (port.set_payload), which the keeper tells with it: it has one before keep_port(), and no other port of the program's that is
 *    kept has the same.
 * K2 What was asked and not answered when the program died is not known to the next one: who asked is told that nobody will answer.
 */
#pragma once

#include <wharf/error.h>
#include <wharf/message.h>

struct keep {
    mach_port_name_t keeper; /* send right */
    mach_port_name_t
        name; /* whose ports these are: a send right to the program's own book at the keeper */
};

/** A port that an earlier instance of this program left: its receive right, which is the callee's. */
typedef void keep_restored_t(void *context, uint64_t payload, mach_port_name_t port);

/** Open the program's book of this name, and take all that is in it. Errors: service.look_up, of the keeper. */
kern_return_t keep_begin(struct keep *keep, const char *name, keep_restored_t *restored,
                         void *context);
/** If the program dies from here on, this port outlives it. To be said once of each port that was made anew; of one that was restored it has to be said again. */
kern_return_t keep_port(const struct keep *keep, mach_port_name_t port);
/** It shall not, any more. */
void keep_forget(const struct keep *keep, mach_port_name_t port);
