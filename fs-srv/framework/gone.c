/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands for nodes that a server was killed with and has not found again (lasting.h): their opens are there, and answer ESTALE.
 */
#include "lasting.h"

static void attributes(struct file_node *node, struct file_attributes *out)
{
    (void)node;
    *out = (struct file_attributes){0};
}

static kern_return_t set_attributes(struct file_node *node, uint32_t which,
                                    const struct file_attributes *attributes)
{
    (void)node, (void)which, (void)attributes;
    return unix_error(ESTALE);
}

static kern_return_t sync(struct file_node *node, bool data_only)
{
    (void)node, (void)data_only;
    return unix_error(ESTALE);
}

static kern_return_t get_system(struct file_node *node, struct file_system *out)
{
    (void)node, (void)out;
    return unix_error(ESTALE);
}

static kern_return_t lookup(struct file_node *folder, const char *name, struct file_node **found)
{
    (void)folder, (void)name, (void)found;
    return unix_error(ESTALE);
}

static kern_return_t parent(struct file_node *folder, struct file_node **found)
{
    (void)folder, (void)found;
    return unix_error(ESTALE);
}

static void entries(struct file_node *folder, uint64_t position, struct file_entries *all)
{
    (void)folder, (void)position, (void)all;
}

static kern_return_t read(struct file_open *open, uint64_t position, void *to, uint32_t size,
                          uint32_t *got)
{
    (void)open, (void)position, (void)to, (void)size, (void)got;
    return unix_error(ESTALE);
}

static kern_return_t write(struct file_open *open, uint64_t position, const void *from,
                           uint32_t size, uint32_t *written)
{
    (void)open, (void)position, (void)from, (void)size, (void)written;
    return unix_error(ESTALE);
}

static uint64_t size_of(struct file_node *node)
{
    (void)node;
    return 0;
}

static kern_return_t resize(struct file_node *node, uint64_t size)
{
    (void)node, (void)size;
    return unix_error(ESTALE);
}

struct file_node *gone_node(uint32_t kind)
{
    static const struct file_node_ops ops = {
        .attributes = attributes,
        .set_attributes = set_attributes,
        .sync = sync,
        .get_system = get_system,
        .lookup = lookup,
        .parent = parent,
        .entries = entries,
        .read = read,
        .write = write,
        .size = size_of,
        .resize = resize,
    };
    static struct file_node file = {.ops = &ops,
                                    .references = 1,
                                    .kind = FILE_KIND_REGULAR,
                                    .seekable = true};
    static struct file_node folder = {.ops = &ops, .references = 1, .kind = FILE_KIND_FOLDER};

    return file_node_reference(kind == FILE_KIND_FOLDER ? &folder : &file);
}
