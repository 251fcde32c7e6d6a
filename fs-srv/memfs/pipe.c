/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes, with a name (fifos) or without. A buffer is charged while the pipe is open.
 */
#include "memfs.h"

static struct pipe *pipe_of(const struct file_open *open)
{
    return &memfs_of(open->node)->pipe;
}

static kern_return_t opened(struct file_open *open)
{
    struct memfs *fs = memfs_of(open->node)->fs;
    const bool first = pipe_of(open)->buffer == NULL;

    if (first && !memfs_charge(fs, PIPE_SIZE))
        return unix_error(ENFILE);
    const kern_return_t kr = pipe_opened(open, pipe_of(open));
    if (first && pipe_of(open)->buffer == NULL)
        memfs_uncharge(fs, PIPE_SIZE);
    return kr;
}

static void closed(struct file_open *open)
{
    pipe_closed(open, pipe_of(open));
    if (pipe_of(open)->buffer == NULL)
        memfs_uncharge(memfs_of(open->node)->fs, PIPE_SIZE);
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

const struct file_node_ops pipe_ops = {
    .attributes = memfs_attributes,
    .set_attributes = memfs_set_attributes,
    .unused = memfs_unused,
    .get_system = memfs_get_system,
    .opened = opened,
    .closed = closed,
    .read = read,
    .write = write,
    .take_back = take_back,
    .events = events,
};

kern_return_t pipe_make(struct file_node *folder, uint32_t flags, mach_port_name_t *reader,
                        mach_port_name_t *writer)
{
    struct memfs *fs = memfs_of(folder)->fs;
    struct memfs_node *node = memfs_make_node(fs, FILE_KIND_FIFO, 0600);

    return node ? pipe_give(fs->server, &node->node, flags, reader, writer) : unix_error(ENFILE);
}
