/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What memories_stage.h's part of the server needs of the rest of it, and does not matter there: what a kill leaves, the keeper, nodes' attributes, the log.
 */
#include "memories_stage.h"
#include <libsys/files/keep.h>
#include <libsys/print.h>

void state_fetching(const struct memory *memory, uint64_t offset, unsigned pages)
{
    (void)memory, (void)offset, (void)pages;
}

void state_fetched(void) {}

bool state_was_fetched(unsigned n)
{
    (void)n;
    return false;
}

const struct keep *file_server_keep(const struct file_server *server)
{
    (void)server;
    return NULL;
}

kern_return_t keep_port(const struct keep *keep, mach_port_name_t port)
{
    (void)keep, (void)port;
    return KERN_SUCCESS;
}

void keep_forget(const struct keep *keep, mach_port_name_t port)
{
    (void)keep, (void)port;
}

void node_attributes(struct file_node *of, struct file_attributes *out)
{
    (void)of, (void)out;
}

kern_return_t node_set_attributes(struct file_node *of, uint32_t which,
                                  const struct file_attributes *attributes)
{
    (void)of, (void)which, (void)attributes;
    return KERN_SUCCESS;
}

void node_unused(struct file_node *of)
{
    (void)of;
}

kern_return_t node_get_system(struct file_node *of, struct file_system *out)
{
    (void)of, (void)out;
    return KERN_SUCCESS;
}

void print(const char *format, ...)
{
    (void)format;
}
