/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens that outlive their file server: what a server gives to file_server_begin() (file_server_limits.lasting). When it is killed, at whatever instruction, the next instance
 * goes on with all that was open; clients notice the time that it takes (docs/files.md, "When a server ends").
 *
 *      const struct file_server_lasting lasting = {
 *          .book = "keeper.disk", .memory = state, .size = file_server_lasting_size(&limits),
 *          .identity = identity, .find = find, .progress = progress,
 *      };
 *
 * T1 The nodes outlive the server, too: what an operation had done when it answered is done for the next instance.
 * T2 An operation that changes names counts in `progress`, once, at the moment in which the next instance would find it done: both or neither.
 * T3 Bytes that a write adds at the end are there when the size grows.
 * T4 file_server_root() is called before anything is open, in the same order by each instance. Nobody but the framework gives rights to the ports of opens.
 * T5 What is mounted on a lasting server's folders, watches and waits are not kept: who waits asks again.
 */
#pragma once

#include <libsys/files/keep.h>
#include <libsys/files/node.h>
#include <stddef.h>

struct file_server_limits;

struct file_server_lasting {
    /* Of the keeper, for this program alone (<libsys/files/keep.h>). */
    const char *book;
    /* Outlives the program, and was zeroes when the first instance began; 8-aligned. What does not make sense in it counts as zeroes, which the log tells. */
    void *memory;
    size_t size;
    void *context;
    /** A number that is never another node's, as long as anybody has it open. Errors go to who opens. */
    kern_return_t (*identity)(void *context, struct file_node *node, uint64_t *identity);
    /** The node, with a reference, though it may have no name any more. An error: its opens answer ESTALE from here on. */
    kern_return_t (*find)(void *context, uint64_t identity, struct file_node **found);
    /** Of ports in the book that are no opens: kept by the server itself (file_server_keep). Called before `find` is. NULL: there are none. */
    keep_restored_t *restored;
    /** How many operations have changed names (T2): make, remove, link, rename. */
    uint64_t (*progress)(void *context);
};

/** The book, once file_server_begin() has opened it: for ports of the server's own, whose payloads have not the upper half FILE_SERVER_PAYLOAD. */
const struct keep *file_server_keep(const struct file_server *server);
/** Bytes that so many opens need. */
size_t file_server_lasting_size(const struct file_server_limits *limits);
