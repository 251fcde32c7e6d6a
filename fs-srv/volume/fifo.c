/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fifos: the volume has their names, and what goes through them is here. Other kinds of nodes that a volume may hold (devices, sockets) are somebody else's: they cannot be
 * opened.
 */
#include "server.h"
#include <libsys/files/pipe.h>
#include <stdlib.h>

static struct pipe *pipe_of(const struct file_open *open)
{
    return disk_of(open->node)->pipe;
}

static kern_return_t opened(struct file_open *open)
{
    struct disk_node *node = disk_of(open->node);

    if (!node->pipe)
        node->pipe = calloc(1, sizeof(*node->pipe));
    return node->pipe ? pipe_opened(open, node->pipe) : unix_error(ENFILE);
}

static void closed(struct file_open *open)
{
    pipe_closed(open, pipe_of(open));
}

static kern_return_t read(struct file_open *open, uint64_t position, void *to, uint32_t size,
                          uint32_t *got)
{
    (void)position;
    return pipe_read(open, pipe_of(open), to, size, got);
}

static kern_return_t write(struct file_open *open, uint64_t position, const void *from,
                           uint32_t size, uint32_t *written)
{
    (void)position;
    return pipe_write(open, pipe_of(open), from, size, written);
}

static void take_back(struct file_open *open, const void *bytes, uint32_t size)
{
    pipe_take_back(pipe_of(open), bytes, size);
}

static uint32_t events(struct file_open *open)
{
    return pipe_events(open, pipe_of(open));
}

const struct file_node_ops fifo_ops = {
    .attributes = node_attributes,
    .set_attributes = node_set_attributes,
    .unused = node_unused,
    .sync = node_sync_names,
    .get_system = node_get_system,
    .opened = opened,
    .closed = closed,
    .read = read,
    .write = write,
    .take_back = take_back,
    .events = events,
};

static kern_return_t refuse(struct file_open *open)
{
    (void)open;
    return unix_error(ENXIO);
}

const struct file_node_ops other_ops = {
    .attributes = node_attributes,
    .set_attributes = node_set_attributes,
    .unused = node_unused,
    .sync = node_sync_names,
    .get_system = node_get_system,
    .opened = refuse,
};
