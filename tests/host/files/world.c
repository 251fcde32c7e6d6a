/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See world.h.
 */
#include "world.h"
#include "../check.h"
#include "world_impl.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <wharf/if/clock.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>

enum { PORTS = 1 << 17, TASK = 1, FIRST = 16 };

struct port {
    bool receive; /* the server's */
    bool dead;
    bool watched; /* for no senders, or for its death */
    bool foreign;
    uint64_t payload;
    uint32_t senders, made;
};

static struct port ports[PORTS];
static uint32_t port_count = FIRST;
static mach_port_name_t pending[PORTS]; /* notifications */
static unsigned pending_count;
static unsigned fail_at, allocations;
static bool failed;

static const struct start_info info = {.task = TASK};
const struct start_info *program_start_info = &info;
struct file_server world_server;
struct memfs world_fs;
mach_port_name_t world_root;
unsigned world_answers;
uint32_t world_last_holding;
kern_return_t world_last_result;
uint32_t world_last_size;
uint8_t world_last_data[16];

/* ---- failures ---- */

void world_fail_at(unsigned n)
{
    fail_at = n;
    allocations = 0;
    failed = false;
}

bool world_has_failed(void)
{
    return failed;
}

bool world_fails(void)
{
    if (fail_at != 0 && ++allocations == fail_at) {
        failed = true;
        return true;
    }
    return false;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);

void *__wrap_malloc(size_t size)
{
    return world_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return world_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
    return world_fails() ? NULL : __real_realloc(at, size);
}

/* ---- ports ---- */

static struct port *port_of(mach_port_name_t name)
{
    CHECK(name >= FIRST && name < port_count);
    return &ports[name];
}

static mach_port_name_t make_port(struct port port)
{
    CHECK(port_count < PORTS);
    ports[port_count] = port;
    return port_count++;
}

kern_return_t port_allocate(mach_port_name_t task, uint32_t right, uint32_t *name)
{
    CHECK_EQ(task, TASK);
    if (world_fails())
        return KERN_LIMIT;
    *name = make_port((struct port){.receive = right == PORT_RIGHT_RECEIVE});
    return KERN_SUCCESS;
}

kern_return_t port_set_payload(mach_port_name_t task, uint32_t name, uint64_t payload)
{
    (void)task;
    port_of(name)->payload = payload;
    return KERN_SUCCESS;
}

kern_return_t port_set_memory_limit(mach_port_name_t task, uint32_t name, uint64_t bytes)
{
    (void)task;
    CHECK(port_of(name)->receive && bytes > FILE_BULK_MAX);
    return KERN_SUCCESS;
}

kern_return_t port_move_member(mach_port_name_t task, uint32_t name, uint32_t set)
{
    (void)task;
    CHECK(port_of(name)->receive && set != MSG_NULL);
    return KERN_SUCCESS;
}

kern_return_t port_insert_made_send(mach_port_name_t task, uint32_t name, mach_port_name_t right,
                                    uint32_t *got)
{
    (void)task;
    CHECK(name == right && port_of(right)->receive);
    if (world_fails())
        return KERN_LIMIT;
    port_of(right)->senders++;
    port_of(right)->made++;
    *got = right;
    return KERN_SUCCESS;
}

kern_return_t port_request_notification(mach_port_name_t task, uint32_t name, uint32_t id,
                                        uint32_t sync, mach_port_name_t notify,
                                        mach_port_name_t *previous)
{
    struct port *port = port_of(name);

    (void)task;
    (void)notify;
    if (world_fails())
        return KERN_LIMIT;
    if (id == MSG_ID_NO_SENDERS)
        CHECK_EQ(sync, port->made);
    port->watched = true;
    *previous = MSG_NULL;
    return KERN_SUCCESS;
}

kern_return_t port_mod_refs(mach_port_name_t task, uint32_t name, uint32_t right, int32_t delta)
{
    (void)task;
    CHECK(right == PORT_RIGHT_SEND && delta == 1 && port_of(name)->senders != 0);
    if (port_of(name)->dead)
        return KERN_INVALID_RIGHT;
    port_of(name)->senders++;
    return KERN_SUCCESS;
}

kern_return_t port_type(mach_port_name_t task, uint32_t name, uint32_t *rights)
{
    (void)task;
    *rights = port_of(name)->dead ? PORT_RIGHT_DEAD : PORT_RIGHT_SEND_ONCE;
    return KERN_SUCCESS;
}

void stub_release_right(mach_port_name_t name, unsigned kind)
{
    struct port *port = port_of(name);

    if (kind == MSG_MOVE_RECEIVE) {
        CHECK(port->receive);
        port->receive = false;
        return;
    }
    CHECK(port->senders != 0);
    if (--port->senders == 0 && port->watched && port->receive) {
        port->watched = false;
        CHECK(pending_count < PORTS);
        pending[pending_count++] = name;
    }
}

void stub_release_memory(void *, uint64_t) {}

/* ---- messages ---- */

kern_return_t stub_send(mach_port_name_t to, unsigned disposition, uint32_t id, const void *body,
                        uint32_t shape, uint64_t deadline)
{
    const struct msg_descriptor *descriptor = body;

    (void)deadline;
    if (id == FILE_ID_MOUNTED) {
        CHECK(disposition == MSG_COPY_SEND && wire_descriptors(shape) == 1);
        stub_release_right((mach_port_name_t)descriptor->value, MSG_MOVE_SEND);
        return KERN_SUCCESS;
    }
    CHECK_EQ(disposition, MSG_MOVE_SEND_ONCE);
    if (port_of(to)->dead)
        return MACH_SEND_INVALID_DEST;
    stub_release_right(to, MSG_MOVE_SEND_ONCE);
    world_answers++;
    return KERN_SUCCESS;
}

kern_return_t file_reply_wait(mach_port_name_t reply, kern_return_t result, uint32_t holding)
{
    world_last_holding = result == KERN_SUCCESS ? holding : 0;
    return stub_send(reply, MSG_MOVE_SEND_ONCE, (uint32_t)result, NULL, 0, 0);
}

kern_return_t file_reply_await(mach_port_name_t reply, kern_return_t result, const void *data,
                               uint32_t size)
{
    const kern_return_t kr = stub_send(reply, MSG_MOVE_SEND_ONCE, (uint32_t)result, NULL, 0, 0);

    if (kr == KERN_SUCCESS) {
        world_last_result = result;
        world_last_size = size < sizeof(world_last_data) ? size : sizeof(world_last_data);
        if (world_last_size != 0)
            memcpy(world_last_data, data, world_last_size);
    }
    return kr;
}

kern_return_t server_keep_reply(struct server_message *message)
{
    if (world_fails())
        return KERN_LIMIT;
    message->reply = make_port((struct port){.foreign = true, .senders = 1});
    return KERN_SUCCESS;
}

kern_return_t server_run(const struct server *server)
{
    (void)server;
    return KERN_FAILURE;
}

struct server_interface file_interface(const struct file_ops *ops, void *context)
{
    return (struct server_interface){.ops = ops, .context = context};
}

kern_return_t service_ready(mach_port_name_t bootstrap)
{
    (void)bootstrap;
    return KERN_SUCCESS;
}

kern_return_t service_check_in(mach_port_name_t bootstrap, const char *name, mach_port_name_t *port)
{
    (void)bootstrap;
    (void)name;
    if (world_fails())
        return KERN_RESOURCE_SHORTAGE;
    *port = make_port((struct port){.receive = true, .senders = 1, .made = 1});
    return KERN_SUCCESS;
}

/* ---- time ---- */

uint64_t kernel_clock_now(void)
{
    static uint64_t now;

    return now += 1000;
}

kern_return_t kernel_sleep_until(uint64_t deadline)
{
    (void)deadline;
    return KERN_SUCCESS;
}

kern_return_t clock_wall(mach_port_name_t clock, uint64_t *nanoseconds)
{
    (void)clock;
    *nanoseconds = kernel_clock_now();
    return KERN_SUCCESS;
}

/* ---- the world ---- */

bool world_begin(uint64_t limit, uint32_t opens, const void *archive, size_t size)
{
    const struct file_server_limits limits = {.opens = opens, .waits = 64};

    memset(ports, 0, sizeof(ports));
    port_count = FIRST;
    pending_count = 0;
    world_mapped = 0;
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

void world_settle(void)
{
    for (unsigned i = 0; i < pending_count; i++) {
        struct port *port = port_of(pending[i]);
        struct server_message message = {
            .context = &world_server,
            .received =
                {
                    .id = MSG_ID_NO_SENDERS,
                    .control = MSG_CONTROL(0, MSG_BY_KERNEL, 8, 0) | (uint64_t)MSG_FLAG_PAYLOAD
                                                                         << MSG_FLAGS_SHIFT,
                    .local = port->payload,
                    .word = {port->made},
                },
        };
        CHECK_EQ(file_server_notification(&world_server, &message), KERN_SUCCESS);
    }
    pending_count = 0;
}

void world_lose_answers(void)
{
    for (uint32_t i = FIRST; i < port_count; i++)
        if (ports[i].foreign && ports[i].senders != 0)
            ports[i].dead = true;
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

void world_close(mach_port_name_t port)
{
    stub_release_right(port, MSG_MOVE_SEND);
    world_settle();
}

mach_port_name_t world_second(void)
{
    port_of(world_root)->senders++;
    return world_root;
}

void world_second_done(kern_return_t kr)
{
    if (kr != KERN_SUCCESS)
        stub_release_right(world_root, MSG_MOVE_SEND);
    CHECK_EQ(port_of(world_root)->senders, 1);
}

mach_port_name_t world_foreign(void)
{
    return make_port((struct port){.foreign = true, .senders = 1});
}

void world_set_memory(mach_port_name_t entry, uint64_t address)
{
    port_of(entry)->payload = address;
}

void *world_memory(mach_port_name_t entry)
{
    return (void *)(uintptr_t)port_of(entry)->payload;
}

uint32_t world_rights(mach_port_name_t port)
{
    return port_of(port)->senders;
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
    CHECK_EQ(world_mapped, 0);
    free(world_fs.buckets);
    for (uint32_t i = 0; i < world_server.slots; i++)
        free(world_server.opens[i]);
    free(world_server.opens);
    free_waits(world_server.free_waiting);
    for (uint32_t i = FIRST; i < port_count; i++)
        if (ports[i].foreign)
            CHECK_EQ(ports[i].senders, 0);
}
