/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keeper, and the end of a server that it knows: its slots go, its ports stay, as the kernel would have it.
 */
#include "lasting.h"
#include "world_impl.h"
#include <libsys/print.h>
#include <libsys/stub.h>
#include <wharf/if/port.h>

enum { RIGHTS = 64 };

static struct {
    uint64_t key;
    mach_port_name_t right;
} rights[RIGHTS];

void print(const char *format, ...)
{
    (void)format;
}

kern_return_t keep_begin(struct keep *keep, const char *service, keep_restored_t *restored,
                         void *context)
{
    mach_port_name_t name = MSG_NULL;

    (void)service;
    keep->book = 1;
    while ((name = ports_next_kept(name)) != MSG_NULL) {
        if (world_fails())
            return KERN_RESOURCE_SHORTAGE;
        port_of(name)->receive = true;
        restored(context, port_of(name)->payload, name);
    }
    return KERN_SUCCESS;
}

kern_return_t keep_port(const struct keep *keep, mach_port_name_t port)
{
    CHECK_EQ(keep->book, 1);
    CHECK(port_of(port)->receive && !port_of(port)->kept && port_of(port)->payload != 0);
    if (world_fails())
        return KERN_LIMIT;
    port_of(port)->kept = true;
    return KERN_SUCCESS;
}

void keep_forget(const struct keep *keep, mach_port_name_t port)
{
    CHECK_EQ(keep->book, 1);
    CHECK(port_of(port)->kept);
    port_of(port)->kept = false;
}

kern_return_t keep_right(const struct keep *keep, uint64_t key, mach_port_name_t right)
{
    CHECK_EQ(keep->book, 1);
    if (world_fails())
        return KERN_RESOURCE_SHORTAGE;
    for (unsigned i = 0; i < RIGHTS; i++)
        if (rights[i].right == MSG_NULL) {
            rights[i].key = key;
            rights[i].right = right;
            port_of(right)->senders++;
            return KERN_SUCCESS;
        }
    return KERN_LIMIT;
}

kern_return_t keep_restored_right(const struct keep *keep, uint64_t key, mach_port_name_t *right)
{
    CHECK_EQ(keep->book, 1);
    for (unsigned i = 0; i < RIGHTS; i++)
        if (rights[i].right != MSG_NULL && rights[i].key == key && !world_fails()) {
            *right = rights[i].right;
            port_of(*right)->senders++;
            return KERN_SUCCESS;
        }
    return KERN_NOT_FOUND;
}

void keep_forget_right(const struct keep *keep, uint64_t key)
{
    CHECK_EQ(keep->book, 1);
    for (unsigned i = 0; i < RIGHTS; i++)
        if (rights[i].right != MSG_NULL && rights[i].key == key) {
            stub_release_right(rights[i].right, MSG_MOVE_SEND);
            rights[i].right = MSG_NULL;
        }
}

/* ---- the end ---- */

static void free_list(void *at)
{
    while (at) {
        void *next;
        memcpy(&next, at, sizeof(next)); /* the first member */
        free(at);
        at = next;
    }
}

static void forget_locks(void)
{
    for (uint32_t i = 0; i < world_server.slots; i++) {
        struct file_node *node = world_server.opens[i]->node;
        if (node) {
            free_list(node->locks);
            node->locks = NULL;
        }
    }
    for (const struct lock_owner *o = world_server.lock_owners; o; o = o->next)
        stub_release_right(o->name, MSG_MOVE_SEND);
    free_list(world_server.lock_owners);
}

void world_kill(void)
{
    forget_locks();
    for (uint32_t i = 0; i < world_server.slots; i++) {
        const struct file_open *open = world_server.opens[i];
        if (open->above != MSG_NULL)
            stub_release_right(open->above, MSG_MOVE_SEND);
        free(world_server.opens[i]);
    }
    free(world_server.opens);
    if (world_server.lasting)
        free(world_server.lasting->owner_used);
    free(world_server.lasting);
    CHECK_EQ(world_server.waiting, 0);
    memset(&world_server, 0, sizeof(world_server));
    ports_server_died();
}
