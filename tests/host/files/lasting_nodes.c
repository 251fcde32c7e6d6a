/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See lasting_nodes.h.
 */
#include "lasting_nodes.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

enum { MODE = 0644, BLOCK = 4096, ROOT = LASTING_FILES };

struct node {
    struct file_node node;
    uint32_t number; /* ROOT, or of a file */
};

static struct lasting_image *image;
static struct node nodes[LASTING_FILES + 1];
void (*lasting_nodes_place)(void);

static void place(void)
{
    if (lasting_nodes_place)
        lasting_nodes_place();
}

static uint32_t number_of(const struct file_node *node)
{
    return ((const struct node *)node)->number;
}

static struct lasting_file *file_of(const struct file_node *node)
{
    return &image->files[number_of(node)];
}

static const struct lasting_directory *directory(void)
{
    return &image->directory[image->which & 1];
}

/* ---- names ---- */

static int find(const struct lasting_directory *in, const char *name)
{
    for (int i = 0; i < LASTING_FILES; i++)
        if (in->names[i].name[0] != '\0' && strcasecmp(in->names[i].name, name) == 0)
            return i;
    return -1;
}

bool lasting_nodes_spell(const char *name)
{
    const int i = find(directory(), name);

    return i >= 0 && strcmp(directory()->names[i].name, name) == 0;
}

static uint32_t names_of(uint32_t file)
{
    uint32_t count = 0;

    for (unsigned i = 0; i < LASTING_FILES; i++)
        count += directory()->names[i].name[0] != '\0' && directory()->names[i].file == file;
    return count;
}

static struct lasting_directory *begin_change(void)
{
    struct lasting_directory *next = &image->directory[!(image->which & 1)];

    *next = *directory();
    next->progress++;
    place();
    return next;
}

static void end_change(void)
{
    place();
    __atomic_store_n(&image->which, !(image->which & 1), __ATOMIC_RELEASE);
    place();
}

static bool add(struct lasting_directory *to, const char *name, uint32_t file)
{
    for (unsigned i = 0; i < LASTING_FILES; i++)
        if (to->names[i].name[0] == '\0') {
            strncpy(to->names[i].name, name, LASTING_NAME - 1);
            to->names[i].file = file;
            return true;
        }
    return false;
}

static void take(struct lasting_directory *from, const char *name)
{
    const int i = find(from, name);

    if (i >= 0)
        memset(&from->names[i], 0, sizeof(from->names[i]));
}

static bool is_long(const char *name)
{
    return strlen(name) >= LASTING_NAME;
}

static kern_return_t lookup(struct file_node *folder, const char *name, struct file_node **found)
{
    const int i = find(directory(), name);

    (void)folder;
    if (i < 0)
        return unix_error(ENOENT);
    *found = file_node_reference(&nodes[directory()->names[i].file].node);
    return KERN_SUCCESS;
}

static uint32_t find_unused(void)
{
    uint32_t i = 0;

    while (i < LASTING_FILES && image->files[i].used)
        i++;
    return i;
}

static kern_return_t make(struct file_node *folder, const char *name, uint32_t kind, uint32_t mode,
                          const char *content, struct file_node **made)
{
    const uint32_t file = find_unused();

    (void)folder, (void)mode, (void)content;
    if (kind != FILE_KIND_REGULAR)
        return unix_error(EPERM);
    if (is_long(name))
        return unix_error(ENAMETOOLONG);
    if (file == LASTING_FILES)
        return unix_error(ENOSPC);
    struct lasting_directory *next = begin_change();
    if (!add(next, name, file))
        return unix_error(ENOSPC);
    image->files[file].size = 0;
    image->files[file].generation++;
    image->files[file].used = true; /* without a name it is freed by who comes next */
    end_change();
    *made = file_node_reference(&nodes[file].node);
    return KERN_SUCCESS;
}

static void free_if_lost(struct node *node)
{
    if (node->node.references == 0 && names_of(node->number) == 0)
        image->files[node->number].used = false;
}

static void unused(struct file_node *node)
{
    free_if_lost((struct node *)node);
}

static kern_return_t remove_name(struct file_node *folder, const char *name, struct file_node *node)
{
    (void)folder, (void)node; /* who asks has a reference */
    take(begin_change(), name);
    end_change();
    return KERN_SUCCESS;
}

static kern_return_t link_name(struct file_node *folder, const char *name, struct file_node *node)
{
    (void)folder;
    if (is_long(name))
        return unix_error(ENAMETOOLONG);
    if (!add(begin_change(), name, number_of(node)))
        return unix_error(ENOSPC);
    end_change();
    return KERN_SUCCESS;
}

static kern_return_t rename_node(struct file_node *folder, const char *name, struct file_node *node,
                                 struct file_node *to, const char *to_name,
                                 struct file_node *target)
{
    (void)folder, (void)to, (void)target;
    if (is_long(to_name))
        return unix_error(ENAMETOOLONG);
    struct lasting_directory *next = begin_change();
    take(next, name);
    take(next, to_name);
    (void)add(next, to_name, number_of(node));
    end_change();
    return KERN_SUCCESS;
}

static void entries(struct file_node *folder, uint64_t position, struct file_entries *all)
{
    (void)folder;
    for (uint64_t i = position; i < LASTING_FILES; i++) {
        const struct lasting_name *name = &directory()->names[i];
        if (name->name[0] != '\0' &&
            !file_entries_add(all, name->file + 1, FILE_KIND_REGULAR, name->name, i + 1))
            return;
    }
}

/* ---- content ---- */

static kern_return_t read_some(struct file_open *open, uint64_t position, void *to, uint32_t size,
                               uint32_t *got)
{
    const struct lasting_file *file = file_of(open->node);
    const uint64_t left = position < file->size ? file->size - position : 0;

    *got = left < size ? (uint32_t)left : size;
    if (*got != 0) /* else the position is anywhere */
        memcpy(to, file->content + position, *got);
    place();
    return KERN_SUCCESS;
}

/* The size grows when the bytes are there. */
static kern_return_t write_some(struct file_open *open, uint64_t position, const void *from,
                                uint32_t size, uint32_t *written)
{
    struct lasting_file *file = file_of(open->node);

    if (position >= LASTING_CONTENT)
        return unix_error(ENOSPC);
    *written = size < LASTING_CONTENT - position ? size : (uint32_t)(LASTING_CONTENT - position);
    if (position > file->size)
        memset(file->content + file->size, 0, position - file->size);
    memcpy(file->content + position, from, *written);
    place();
    if (position + *written > file->size)
        __atomic_store_n(&file->size, position + *written, __ATOMIC_RELEASE);
    place();
    return KERN_SUCCESS;
}

static uint64_t size_of(struct file_node *node)
{
    return file_of(node)->size;
}

static kern_return_t resize(struct file_node *node, uint64_t size)
{
    struct lasting_file *file = file_of(node);

    if (size > LASTING_CONTENT)
        return unix_error(EFBIG);
    if (size > file->size)
        memset(file->content + file->size, 0, size - file->size);
    file->size = size;
    return KERN_SUCCESS;
}

static void attributes(struct file_node *node, struct file_attributes *out)
{
    *out =
        (struct file_attributes){.mode = MODE,
                                 .links = number_of(node) == ROOT ? 1 : names_of(number_of(node)),
                                 .block_size = BLOCK,
                                 .inode = number_of(node) + 1};
    if (number_of(node) != ROOT)
        out->size = size_of(node);
}

static const struct file_node_ops folder_ops = {
    .attributes = attributes,
    .lookup = lookup,
    .make = make,
    .remove = remove_name,
    .link = link_name,
    .rename = rename_node,
    .entries = entries,
};

static const struct file_node_ops file_ops = {
    .attributes = attributes,
    .unused = unused,
    .read = read_some,
    .write = write_some,
    .size = size_of,
    .resize = resize,
};

/* ---- */

void lasting_nodes_begin(struct lasting_image *at)
{
    image = at;
    for (uint32_t i = 0; i < LASTING_FILES; i++)
        nodes[i] =
            (struct node){.node = {.ops = &file_ops, .kind = FILE_KIND_REGULAR, .seekable = true},
                          .number = i};
    nodes[ROOT] =
        (struct node){.node = {.ops = &folder_ops, .references = 1, .kind = FILE_KIND_FOLDER},
                      .number = ROOT};
}

struct file_node *lasting_nodes_root(void)
{
    return &nodes[ROOT].node;
}

void lasting_nodes_free(void)
{
    for (uint32_t i = 0; i < LASTING_FILES; i++)
        free_if_lost(&nodes[i]);
}

kern_return_t lasting_nodes_identity(void *context, struct file_node *node, uint64_t *identity)
{
    const uint32_t number = number_of(node);

    (void)context;
    *identity = number == ROOT ? ROOT : (uint64_t)image->files[number].generation << 32 | number;
    return KERN_SUCCESS;
}

kern_return_t lasting_nodes_find(void *context, uint64_t identity, struct file_node **found)
{
    const uint32_t number = (uint32_t)identity;

    (void)context;
    if (number > ROOT ||
        (number < ROOT && (!image->files[number].used ||
                           image->files[number].generation != (uint32_t)(identity >> 32))))
        return unix_error(ESTALE);
    *found = file_node_reference(&nodes[number].node);
    return KERN_SUCCESS;
}

uint64_t lasting_nodes_progress(void *context)
{
    (void)context;
    return directory()->progress;
}
