/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes for nodes of kind FIFO: what is between the opens of one node. A server has a struct pipe in such a node, and calls these from its operations of the same
 * names. Linked with files_framework.
 *
 * P1 The buffer is there while the pipe is open.
 * P2 A write of at most PIPE_ATOMIC bytes is taken whole or not at all.
 */
#pragma once

#include <libsys/files/server.h>

enum { PIPE_SIZE = 16384, PIPE_ATOMIC = 4096 /* PIPE_BUF */ };

/** Zeroes: nobody has it open. */
struct pipe {
    uint8_t *buffer; /* PIPE_SIZE bytes; P1 */
    uint32_t head, count;
    uint32_t readers, writers;
    bool read_before, written_before; /* there has been a reader, a writer */
};

/** ENXIO: nobody reads; ENFILE: no memory. */
kern_return_t pipe_opened(struct file_open *open, struct pipe *pipe);
/** After the last one it is zeroes again. */
void pipe_closed(struct file_open *open, struct pipe *pipe);
kern_return_t pipe_read(struct file_open *open, struct pipe *pipe, void *to, uint32_t size,
                        uint32_t *got);
void pipe_take_back(struct pipe *pipe, const void *bytes, uint32_t size);
kern_return_t pipe_write(struct file_open *open, struct pipe *pipe, const void *from, uint32_t size,
                         uint32_t *written);
uint32_t pipe_events(const struct file_open *open, const struct pipe *pipe);
/** Both ends of a new node without a name, which is given back to its server by its last close; the reference that the caller has is taken. ENFILE and the like. */
kern_return_t pipe_give(struct file_server *server, struct file_node *node, uint32_t flags,
                        mach_port_name_t *reader, mach_port_name_t *writer);
