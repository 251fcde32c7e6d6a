/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See <libsys/files/pipe.h>.
 */
#include <errno.h>
#include <libsys/files/pipe.h>
#include <libsys/stub.h>
#include <stdlib.h>
#include <string.h>

/* ---- its ends ---- */

kern_return_t pipe_opened(struct file_open *open, struct pipe *pipe)
{
    const bool reads = open->flags & FILE_READ, writes = open->flags & FILE_WRITE;

    if (writes && !reads && open->flags & FILE_NONBLOCK && pipe->readers == 0)
        return unix_error(ENXIO);
    if (!pipe->buffer)
        pipe->buffer = malloc(PIPE_SIZE);
    if (!pipe->buffer)
        return unix_error(ENFILE);
    if (reads) {
        pipe->readers++;
        pipe->read_before = true;
    }
    if (writes) {
        pipe->writers++;
        pipe->written_before = true;
    }
    file_node_changed(open->server, open->node); /* OPENED */
    return KERN_SUCCESS;
}

void pipe_closed(struct file_open *open, struct pipe *pipe)
{
    if (open->flags & FILE_READ)
        pipe->readers--;
    if (open->flags & FILE_WRITE)
        pipe->writers--;
    if (pipe->readers == 0 && pipe->writers == 0) {
        free(pipe->buffer);
        *pipe = (struct pipe){.buffer = NULL};
    }
    file_node_changed(open->server, open->node);
}

/* ---- bytes ---- */

kern_return_t pipe_read(struct file_open *open, struct pipe *pipe, void *to, uint32_t size,
                        uint32_t *got)
{
    const uint32_t n = size < pipe->count ? size : pipe->count;
    const uint32_t first = n < PIPE_SIZE - pipe->head ? n : PIPE_SIZE - pipe->head;

    if (pipe->count == 0 && size != 0 && pipe->writers != 0)
        return unix_error(EAGAIN);
    memcpy(to, pipe->buffer + pipe->head, first);
    memcpy((uint8_t *)to + first, pipe->buffer, n - first);
    pipe->count -= n;
    pipe->head = pipe->count == 0 ? 0 : (pipe->head + n) % PIPE_SIZE;
    *got = n;
    if (n != 0 && open->node->waiting)
        file_node_changed(open->server, open->node);
    return KERN_SUCCESS;
}

void pipe_take_back(struct pipe *pipe, const void *bytes, uint32_t size)
{
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
kern_return_t pipe_write(struct file_open *open, struct pipe *pipe, const void *from, uint32_t size,
                         uint32_t *written)
{
    struct file_server *server = open->server;
    const uint32_t room = PIPE_SIZE - pipe->count;

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

uint32_t pipe_events(const struct file_open *open, const struct pipe *pipe)
{
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

/* ---- without a name ---- */

kern_return_t pipe_give(struct file_server *server, struct file_node *node, uint32_t flags,
                        mach_port_name_t *reader, mach_port_name_t *writer)
{
    kern_return_t kr = file_server_open(server, node, FILE_READ | flags, reader);

    if (kr == KERN_SUCCESS) {
        kr = file_server_open(server, node, FILE_WRITE | flags, writer);
        if (kr != KERN_SUCCESS)
            stub_release_right(*reader, MSG_MOVE_SEND); /* which closes it */
    }
    file_node_release(node);
    return kr;
}
