/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes, with a name (fifos) or without. Both ends are opens of one node.
 *
 * P1 The buffer is there while the pipe is open.
 * P2 A write of at most PIPE_ATOMIC bytes is taken whole or not at all.
 */
#include "memfs.h"
#include <libsys/stub.h>
#include <stdlib.h>
#include <string.h>

static struct pipe *pipe_of(const struct file_open *open)
{
    return &memfs_of(open->node)->pipe;
}

/* ---- its ends ---- */

static kern_return_t have_buffer(struct memfs_node *node)
{
    if (node->pipe.buffer)
        return KERN_SUCCESS;
    if (!memfs_charge(node->fs, PIPE_SIZE))
        return unix_error(ENFILE);
    node->pipe.buffer = malloc(PIPE_SIZE);
    if (node->pipe.buffer)
        return KERN_SUCCESS;
    memfs_uncharge(node->fs, PIPE_SIZE);
    return unix_error(ENFILE);
}

static kern_return_t opened(struct file_open *open)
{
    struct pipe *pipe = pipe_of(open);
    const bool reads = open->flags & FILE_READ, writes = open->flags & FILE_WRITE;

    if (writes && !reads && open->flags & FILE_NONBLOCK && pipe->readers == 0)
        return unix_error(ENXIO);
    const kern_return_t kr = have_buffer(memfs_of(open->node));
    if (kr != KERN_SUCCESS)
        return kr;
    if (reads) {
        pipe->readers++;
        pipe->read_before = true;
    }
    if (writes) {
        pipe->writers++;
        pipe->written_before = true;
    }
    file_node_changed(memfs_of(open->node)->fs->server, open->node); /* OPENED */
    return KERN_SUCCESS;
}

static void closed(struct file_open *open)
{
    struct memfs_node *node = memfs_of(open->node);
    struct pipe *pipe = &node->pipe;

    if (open->flags & FILE_READ)
        pipe->readers--;
    if (open->flags & FILE_WRITE)
        pipe->writers--;
    if (pipe->readers == 0 && pipe->writers == 0) {
        free(pipe->buffer);
        memfs_uncharge(node->fs, PIPE_SIZE);
        *pipe = (struct pipe){.buffer = NULL};
    }
    file_node_changed(node->fs->server, open->node);
}

/* ---- bytes ---- */

static kern_return_t read_pipe(struct file_open *open, uint64_t position, void *to, uint32_t size,
                               uint32_t *got)
{
    struct pipe *pipe = pipe_of(open);
    const uint32_t n = size < pipe->count ? size : pipe->count;
    const uint32_t first = n < PIPE_SIZE - pipe->head ? n : PIPE_SIZE - pipe->head;

    (void)position;
    if (pipe->count == 0 && size != 0 && pipe->writers != 0)
        return unix_error(EAGAIN);
    memcpy(to, pipe->buffer + pipe->head, first);
    memcpy((uint8_t *)to + first, pipe->buffer, n - first);
    pipe->count -= n;
    pipe->head = pipe->count == 0 ? 0 : (pipe->head + n) % PIPE_SIZE;
    *got = n;
    if (n != 0 && open->node->waiting)
        file_node_changed(memfs_of(open->node)->fs->server, open->node);
    return KERN_SUCCESS;
}

static void take_back(struct file_open *open, const void *bytes, uint32_t size)
{
    struct pipe *pipe = pipe_of(open);

    pipe->head = (pipe->head + PIPE_SIZE - size) % PIPE_SIZE;
    const uint32_t first = size < PIPE_SIZE - pipe->head ? size : PIPE_SIZE - pipe->head;
    memcpy(pipe->buffer + pipe->head, bytes, first);
    memcpy(pipe->buffer, (const uint8_t *)bytes + first, size - first);
    pipe->count += size;
}

/* So many of them as there is room for. */
static uint32_t put(struct pipe *pipe, const void *from, uint32_t size)
{
    const uint32_t room = PIPE_SIZE - pipe->count;
    const uint32_t n = size < room ? size : room;
    const uint32_t tail = (pipe->head + pipe->count) % PIPE_SIZE;
    const uint32_t first = n < PIPE_SIZE - tail ? n : PIPE_SIZE - tail;

    memcpy(pipe->buffer + tail, from, first);
    memcpy(pipe->buffer, (const uint8_t *)from + first, n - first);
    pipe->count += n;
    return n;
}

/* P2: a pipe that has nothing has room for PIPE_ATOMIC bytes, whatever goes past it to who awaits it. */
static kern_return_t write_pipe(struct file_open *open, uint64_t position, const void *from,
                                uint32_t size, uint32_t *written)
{
    struct pipe *pipe = pipe_of(open);
    struct file_server *server = memfs_of(open->node)->fs->server;
    const uint32_t room = PIPE_SIZE - pipe->count;

    (void)position;
    if (pipe->readers == 0)
        return unix_error(EPIPE);
    if (room < size && (size <= PIPE_ATOMIC || room == 0))
        return unix_error(EAGAIN);
    *written = 0;
    if (open->node->waiting && pipe->count == 0 && size != 0)
        *written = file_node_give(server, open->node, from, size);
    if (*written == size)
        return KERN_SUCCESS;
    *written += put(pipe, (const uint8_t *)from + *written, size - *written);
    if (open->node->waiting)
        file_node_changed(server, open->node);
    return KERN_SUCCESS;
}

static uint32_t events(struct file_open *open)
{
    const struct pipe *pipe = pipe_of(open);
    const bool reads = open->flags & FILE_READ, writes = open->flags & FILE_WRITE;
    uint32_t holding = 0;

    if (reads && pipe->count != 0)
        holding |= FILE_READABLE;
    if (reads && pipe->writers == 0 && pipe->written_before)
        holding |= FILE_HANG_UP;
    if (writes && PIPE_SIZE - pipe->count >= PIPE_ATOMIC)
        holding |= FILE_WRITABLE;
    if (writes && pipe->readers == 0 && pipe->read_before)
        holding |= FILE_FAILED;
    if (reads ? pipe->written_before : pipe->read_before)
        holding |= FILE_OPENED;
    return holding;
}

const struct file_node_ops pipe_ops = {
    .attributes = memfs_attributes,
    .set_attributes = memfs_set_attributes,
    .unused = memfs_unused,
    .get_system = memfs_get_system,
    .opened = opened,
    .closed = closed,
    .read = read_pipe,
    .write = write_pipe,
    .take_back = take_back,
    .events = events,
};

/* ---- without a name ---- */

kern_return_t pipe_make(struct file_node *folder, uint32_t flags, mach_port_name_t *reader,
                        mach_port_name_t *writer)
{
    struct memfs *fs = memfs_of(folder)->fs;
    struct memfs_node *node;
    kern_return_t kr;

    node = memfs_make_node(fs, FILE_KIND_FIFO, 0600);
    if (!node)
        return unix_error(ENFILE);
    kr = file_server_open(fs->server, &node->node, FILE_READ | flags, reader);
    if (kr == KERN_SUCCESS) {
        kr = file_server_open(fs->server, &node->node, FILE_WRITE | flags, writer);
        if (kr != KERN_SUCCESS)
            stub_release_right(*reader, MSG_MOVE_SEND); /* which closes it */
    }
    file_node_release(&node->node);
    return kr;
}
