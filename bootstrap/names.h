/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Services: names, their ports, and who has the receive rights.
 *
 * N1 A service's port is made when its provider is described. We keep a send right to it, always, under one name, and the receive right
 *    while no instance of the provider has it.
 * N2 A receive right that is given away comes back when who has it gives it up or ends, with what is in its queue
 *    (MSG_ID_PORT_DESTROYED). If the port dies nevertheless, the service gets a new one; clients' send rights are dead then.
 */
#pragma once

#include "program.h"
#include <libsys/crash_report.h>

/** Make the services that a program provides; on an error there is none of them. KERN_EXISTS: somebody else provides one. */
kern_return_t names_provide(struct program *program);

/** Its services are gone: their ports die as soon as nobody serves them, and nobody can look them up. It has no instance. */
void names_withdraw(const struct program *program);

/** The provider of a service; NULL: nobody is to provide it. */
struct program *names_provider(const char *service);

/** A send right, to be moved to a client. KERN_NOT_FOUND: nobody is to provide it. */
kern_return_t names_look_up(const char *service, mach_port_name_t *out);

/** The receive right, to be moved to an instance of the provider. MIG_NO_REPLY: it is on its way here; `reply`, which is the caller's to keep, gets it then.
 *  KERN_BUSY: the instance has it; KERN_NOT_FOUND: it is not the program's. */
kern_return_t names_check_in(struct program *program, const char *service, mach_port_name_t reply,
                             mach_port_name_t *out);

/** An instance is gone: what it waited for is not wanted any more. */
void names_instance_ended(const struct program *program);

/** A receive right has come (MSG_ID_PORT_DESTROYED). False: it is none of ours. */
bool names_came_back(mach_port_name_t name);
/** A name is dead. False: it is none of ours. */
bool names_died(mach_port_name_t name);

/** Services and our names for their ports, for who is not the main thread; names stay, but those of a program that is removed. Returns how many, at most `most`. */
unsigned names_list(struct crash_service *out, unsigned most);
