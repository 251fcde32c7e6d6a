/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is open outlives this program (<libsys/files/lasting.h>). A node is known by a number of its own, for a format may find a file by where its name lies, and names move (S3).
 */
#include "state.h"
#include <libsys/stub.h>

/* Not zero while in use. The files' thread. */
static uint32_t next_number;

static kern_return_t identity(void *context, struct file_node *file_node, uint64_t *out)
{
    struct disk_node *node = disk_of(file_node);
    struct volume_attributes attributes;

    (void)context;
    if (node->identity == 0) {
        lock();
        const int error = disk.ops->attributes(disk.volume, node->file, &attributes);
        unlock();
        if (error != 0)
            return answer_of(error);
        uint32_t tries = 0;
        while (tries < STATE_NODES && atomic_load(&state->node[next_number].used)) {
            next_number = (next_number + 1) % STATE_NODES;
            tries++;
        }
        if (tries == STATE_NODES)
            return unix_error(ENFILE);
        atomic_store(&state->node[next_number].inode, attributes.inode);
        atomic_store_explicit(&state->node[next_number].used, 1, memory_order_release);
        node->identity = next_number + 1;
    }
    *out = node->identity;
    return KERN_SUCCESS;
}

static kern_return_t find(void *context, uint64_t number, struct file_node **found)
{
    struct volume_file *file = NULL;
    struct disk_node *node;

    (void)context;
    if (number == 0 || number > STATE_NODES || !atomic_load(&state->node[number - 1].used))
        return unix_error(ESTALE);
    lock();
    const int error =
        disk.ops->reopen(disk.volume, atomic_load(&state->node[number - 1].inode), &file);
    const kern_return_t kr = node_of(error, file, &node);
    unlock();
    if (kr != KERN_SUCCESS)
        return kr;
    node->identity = (uint32_t)number;
    *found = &node->node;
    return KERN_SUCCESS;
}

static void restored(void *context, uint64_t payload, mach_port_name_t port)
{
    (void)context;
    if (payload >> 32 == MEMORY_PAYLOAD >> 32) {
        memory_restore(payload, port);
    } else { /* nobody's */
        keep_forget(file_server_keep(&disk.server), port);
        stub_release_right(port, MSG_MOVE_RECEIVE);
    }
}

static uint64_t progress(void *context)
{
    (void)context;
    lock();
    const uint64_t count = disk.ops->progress(disk.volume);
    unlock();
    return count;
}

const struct file_server_lasting *lasting_of(const char *book)
{
    static struct file_server_lasting lasting;

    lasting = (struct file_server_lasting){
        .book = book,
        .memory = state_opens.at,
        .size = state_opens.size,
        .identity = identity,
        .find = find,
        .restored = restored,
        .progress = progress,
    };
    return &lasting;
}

/* ---- files that move ---- */

/* What no file has. */
#define NOWHERE UINT64_MAX

static uint32_t record_of(const struct disk_node *node)
{
    return node ? node->identity : 0;
}

static uint32_t memory_record_of(const struct disk_node *node)
{
    return node && node->memory ? node->memory->index + 1 : 0;
}

void lasting_will_move(const struct disk_node *node, const struct disk_node *gone)
{
    struct state_move *move = &state->move;

    if (!disk.ops->moved)
        return;
    move->before = disk.ops->progress(disk.volume);
    move->node = record_of(node);
    move->memory = memory_record_of(node);
    move->gone_node = record_of(gone);
    move->gone_memory = memory_record_of(gone);
    atomic_store_explicit(&move->active, 1, memory_order_release);
}

static void store_inode(uint32_t node, uint32_t memory, uint64_t inode)
{
    if (node != 0 && node <= STATE_NODES)
        atomic_store(&state->node[node - 1].inode, inode);
    if (memory != 0 && memory <= MEMORIES)
        atomic_store(&state->memory[memory - 1].inode, inode);
}

/* It can be done again as long as no other name has changed. */
static void store_moves(void)
{
    const struct state_move *move = &state->move;

    store_inode(move->gone_node, move->gone_memory, NOWHERE);
    if (move->node != 0 || move->memory != 0)
        store_inode(move->node, move->memory, disk.ops->moved(disk.volume));
}

static void end_move(void)
{
    atomic_store_explicit(&state->move.active, 0, memory_order_release);
}

static void know_inode(const struct disk_node *node)
{
    if (node && node->memory)
        node->memory->inode = atomic_load(&state->memory[node->memory->index].inode);
}

void lasting_moved(struct disk_node *node, struct disk_node *gone, int error)
{
    if (!disk.ops->moved)
        return;
    if (error == 0) {
        store_moves();
        know_inode(node);
        know_inode(gone);
    }
    end_move();
}

void lasting_finish_move(void)
{
    const struct state_move *move = &state->move;

    if (!atomic_load_explicit(&move->active, memory_order_acquire))
        return;
    if (disk.ops->moved && disk.ops->progress(disk.volume) == move->before + 1)
        store_moves();
    end_move();
}

void lasting_will_restore(void)
{
    static uint64_t inodes[MEMORIES + STATE_NODES];
    uint32_t count = 0;

    if (!disk.ops->reopen_soon)
        return;
    for (uint32_t i = 0; i < MEMORIES; i++)
        if (atomic_load(&state->memory[i].used))
            inodes[count++] = atomic_load(&state->memory[i].inode);
    for (uint32_t i = 0; i < STATE_NODES; i++)
        if (atomic_load(&state->node[i].used))
            inodes[count++] = atomic_load(&state->node[i].inode);
    lock();
    (void)!disk.ops->reopen_soon(disk.volume, inodes, count);
    unlock();
}

void lasting_forget(struct disk_node *node)
{
    if (node->identity != 0)
        atomic_store(&state->node[node->identity - 1].used, 0);
}

void lasting_restored(void)
{
    static bool in_use[STATE_NODES];

    for (uint32_t i = 0; i < disk.server.slots; i++) {
        const struct file_open *open = disk.server.opens[i];
        if (open->node && node_is_ours(open->node) && disk_of(open->node)->identity != 0)
            in_use[disk_of(open->node)->identity - 1] = true;
    }
    for (uint32_t i = 0; i < STATE_NODES; i++)
        if (!in_use[i])
            atomic_store(&state->node[i].used, 0);
}
