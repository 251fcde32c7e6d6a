/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This process: its port, and what fork, exec and spawn ask of those who keep something else (descriptors, directories): weak functions, which are only there in programs
 * that have descriptors.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <wharf/error.h>
#include <wharf/message.h>
#include <wharf/start.h>

enum { PROCESS_DESCRIPTORS_MAX = 1024 }; /* all that there can be: none is lost by exec */

/** The port of this process. A program of the supervisor's becomes a process by this, once. MSG_NULL: there is no process server; errno says why. */
mach_port_name_t process_port(void);
/** The same, if it is one; MSG_NULL else. */
mach_port_name_t process_port_now(void);

/** A stop of this process's group would last: nobody is there who lets it go on. */
bool group_is_orphaned(void);

struct process_ids;
/** Its numbers; false: there is no process server. */
bool process_ids(struct process_ids *ids);
/** After fork, in the child. */
void process_became_child(mach_port_name_t port);
/** A child that has been made, and that nobody has been told of: it ends, and nothing is left of it. */
void process_take_back(mach_port_name_t port, int32_t pid);
/** The end: does not return where nobody but the process server has to be told, as long as there is one. */
void process_leave(int status);

/* ---- libsys/posix/descriptors.c has these ---- */

/** For a program that is to be executed: descriptors without FD_CLOEXEC, from `from` on the first one; false: no more. The right stays the caller's. */
[[gnu::weak]] bool descriptors_export(int from, struct start_descriptor *out);
/** From the start block, before main(). */
[[gnu::weak]] void descriptors_import(const struct start_descriptor *descriptors, uint32_t count);
/** Nobody else changes the table between these two; fork is in between. */
[[gnu::weak]] void descriptors_hold(void);
[[gnu::weak]] void descriptors_release(bool child);
/** libsys/posix/file_maps.c: likewise. */
[[gnu::weak]] void file_maps_hold(void);
[[gnu::weak]] void file_maps_release(bool child);
/** root, cwd: rights that stay theirs. */
[[gnu::weak]] void place_export(mach_port_name_t *root, mach_port_name_t *cwd, uint32_t *mask);
[[gnu::weak]] void place_import(mach_port_name_t root, mach_port_name_t cwd, uint32_t mask);

/* ---- others may use these, weakly ---- */

/** libsys/posix/signal.c: after fork, in the child; at the start of a program; for a program that is to be executed. */
void signals_child(void);
void signals_import(uint64_t ignored, uint64_t blocked);
void signals_export(uint64_t *ignored, uint64_t *blocked);
/** After an answer for which a thread had to wait again (libsys/stub.c). */
void stub_resumed(void);

/** Locks of the C library, in one order; in the child they are new. */
void locks_hold(void);
void locks_release(bool child);
