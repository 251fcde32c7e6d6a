/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See world.h.
 */
#include "world_impl.h"
#include <libsys/program.h>
#include <libsys/stub.h>

static const struct start_info info = {.task = WORLD_TASK};
const struct start_info *program_start_info = &info;
struct file_server world_server;
struct memfs world_fs;
mach_port_name_t world_root;

kern_return_t server_run(const struct server *server)
{
    (void)server;
    return KERN_FAILURE;
}

struct server_interface file_interface(const struct file_ops *ops, void *context)
{
    return (struct server_interface){.ops = ops, .context = context};
}

bool world_begin(uint64_t limit, uint32_t opens, const void *archive, size_t size)
{
    const struct file_server_limits limits = {.opens = opens, .waits = 64};

    ports_begin();
    memory_begin();
    memset(&world_fs, 0, sizeof(world_fs));
    kern_return_t kr = file_server_begin(&world_server, &limits, MSG_NULL);
    if (kr == KERN_SUCCESS)
        kr = memfs_begin(&world_fs, &world_server, limit);
    if (archive)
        world_fs.archive = (struct archive){.at = archive, .size = size};
    if (kr == KERN_SUCCESS)
        kr = memfs_fill(&world_fs);
    if (kr == KERN_SUCCESS)
        kr = file_server_root(&world_server, "files.mount", &world_fs.root->node);
    if (kr == KERN_SUCCESS)
        world_root = world_server.opens[0]->port;
    return kr == KERN_SUCCESS;
}

bool world_settle_one(void)
{
    uint32_t made = 0;
    const mach_port_name_t name = ports_next_pending(&made);

    if (name == MSG_NULL)
        return false;
    const struct port *port = port_of(name);
    struct server_message message = {
        .context = &world_server,
        .received =
            {
                .id = MSG_ID_NO_SENDERS,
                .control = MSG_CONTROL(0, MSG_BY_KERNEL, 8, 0) | (uint64_t)MSG_FLAG_PAYLOAD
                                                                     << MSG_FLAGS_SHIFT,
                .local = port->payload,
                .word = {made},
            },
    };
    const kern_return_t kr = file_server_notification(&world_server, &message);
    CHECK(kr == KERN_SUCCESS || world_server.lasting); /* that may be told of what was before */
    return true;
}

void world_settle(void)
{
    while (world_settle_one())
        ;
}

void world_die(mach_port_name_t name)
{
    struct port *port = port_of(name);
    struct server_message message = {
        .context = &world_server,
        .received =
            {
                .id = MSG_ID_DEAD_NAME,
                .control = MSG_CONTROL(0, MSG_BY_KERNEL, 8, 0) | (uint64_t)MSG_FLAG_PAYLOAD
                                                                     << MSG_FLAGS_SHIFT,
                .local = FILE_SERVER_PAYLOAD | UINT32_MAX,
                .word = {name},
            },
    };

    port->dead = true;
    port->senders++; /* the notification's */
    CHECK_EQ(file_server_notification(&world_server, &message), KERN_SUCCESS);
}

struct server_message *world_message(mach_port_name_t port)
{
    static struct server_message message;

    message = (struct server_message){
        .context = &world_server,
        .reply = MSG_REPLY,
        .received =
            {
                .control = (uint64_t)MSG_FLAG_PAYLOAD << MSG_FLAGS_SHIFT,
                .local = port_of(port)->payload,
            },
    };
    return &message;
}

/* From the leaves: names are removed as a client would. */
static void take_apart(struct memfs_node *folder)
{
    for (uint32_t i = folder->folder.count; i-- > 0;) {
        if (i >= folder->folder.count || !folder->folder.order[i])
            continue;
        struct memfs_entry *entry = folder->folder.order[i];
        char name[FILE_NAME_MAX];
        if (entry->node->node.kind == FILE_KIND_FOLDER)
            take_apart(entry->node);
        memcpy(name, entry->name, strlen(entry->name) + 1);
        CHECK_EQ(folder_ops.remove(&folder->node, name, &entry->node->node), KERN_SUCCESS);
        i = folder->folder.count;
    }
}

/* A server never ends, so only we give these up: a list by their first member. */
static void free_waits(void *at)
{
    while (at) {
        void *next;
        memcpy(&next, at, sizeof(next));
        free(at);
        at = next;
    }
}

void world_end(void)
{
    world_fail_at(0);
    world_settle();
    for (uint32_t i = 0; i < world_server.slots; i++)
        if (world_server.opens[i]->node && !world_server.opens[i]->held)
            open_close(world_server.opens[i]);
    CHECK_EQ(world_server.waiting, 0);
    CHECK_EQ(world_server.locks, 0);
    CHECK(!world_server.lock_owners);
    if (world_fs.root) {
        take_apart(world_fs.root);
        CHECK_EQ(world_fs.entries, 0);
        CHECK_EQ(world_fs.nodes, 1);
        for (uint32_t i = 0; i < world_server.slots; i++)
            if (world_server.opens[i]->held)
                file_node_release(world_server.opens[i]->node);
        CHECK_EQ(world_fs.root->node.references, 1);
        const uint64_t buckets = (world_fs.bucket_count - 256) * sizeof(*world_fs.buckets);
        file_node_release(&world_fs.root->node);
        world_is_shared = false;
        world_fs.swept = 0;
        limbo_sweep(&world_fs);
        CHECK_EQ(world_fs.used, buckets);
    }
    CHECK_EQ(memory_pages(), 0);
    free(world_fs.buckets);
    for (uint32_t i = 0; i < world_server.slots; i++)
        free(world_server.opens[i]);
    free(world_server.opens);
    free_waits(world_server.free_waiting);
    ports_check_end();
}
