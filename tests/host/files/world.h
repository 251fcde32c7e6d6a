/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel that file servers see, on the host: ports are counters, memory is the host's, and any allocation can be made to fail. The
 * framework and the file system in memory are compiled as they are; a client's calls are calls of their functions.
 *
 * One port is one number. A right is a count of it; when the last one that a client has goes, the server is told (world_settle).
 */
#pragma once

#include "../world_failures.h"
#include "framework.h"
#include "memfs.h"
#include <stdbool.h>

extern struct file_server world_server;
extern struct memfs world_fs;
extern mach_port_name_t world_root; /* of the service */

/** A new file system; archive: its first content, or NULL. False: an allocation failed. */
bool world_begin(uint64_t limit, uint32_t opens, const void *archive, size_t size);
/** Deliver the oldest notification; false: there is none. */
bool world_settle_one(void);
/** All of them. */
void world_settle(void);
/** Close what is open, take the file system apart, and check that nothing is left. */
void world_end(void);

/** The message that a client's call through `port` is. */
struct server_message *world_message(mach_port_name_t port);
/** The client gives a send right up. */
void world_close(mach_port_name_t port);
/** The root as the second directory of a call: a copy of the right goes with it, and comes back after an error. */
mach_port_name_t world_second(void);
void world_second_done(kern_return_t kr);
/** A right more to a port, which goes with a call; afterwards: it comes back after an error. */
mach_port_name_t world_made(mach_port_name_t port);
void world_made_done(mach_port_name_t port, kern_return_t kr);
/** A port of nobody here, with one send right. */
mach_port_name_t world_foreign(void);
/** What a memory entry is of. */
void *world_memory(mach_port_name_t entry);
/** Whether others have the memory of mapped files (vm.region). */
extern bool world_is_shared;
uint32_t world_rights(mach_port_name_t port);
/** The server is killed: what it had in memory is gone, its ports are where they are kept. Nobody waits. */
void world_kill(void);
/** The port's receiver has died. */
void world_die(mach_port_name_t port);
/** Whoever waits for an answer has died. */
void world_lose_answers(void);
/** Answers of file.wait and messages of watches so far. */
extern unsigned world_answers;
extern uint32_t world_last_holding;
/** Of the last answer to file.await: so many bytes, or the first of them. */
extern kern_return_t world_last_result;
extern uint32_t world_last_size;
extern uint8_t world_last_data[16];
