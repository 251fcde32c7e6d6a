/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A volume that a process has mounted after another one was killed, beside the model (model.h).
 */
#include "check.h"
#include "model_impl.h"
#include <errno.h>

/* One that nothing has is asked for, too. */
static void announce(const struct model *model)
{
    uint64_t inodes[2 * NODES + 1];
    uint32_t count = 0;

    for (int i = 1; i < NODES; i++)
        if (model->nodes[i].used && model->nodes[i].held) {
            inodes[count++] = model->nodes[i].inode;
            if (check_below(4) == 0)
                inodes[count++] = model->nodes[i].inode;
        }
    inodes[count++] = UINT64_MAX;
    CHECK_EQ(model_ops->reopen_soon(model_volume, inodes, count), 0);
}

void model_reopen(struct model *model, int released, const struct volume_ops *with,
                  struct volume *of)
{
    model_ops = with;
    model_volume = of;
    if (model_ops->reopen_soon && check_below(2) == 0)
        announce(model);
    for (int i = 1; i < NODES; i++) {
        struct node *node = &model->nodes[i];
        int error;

        if (!node->used || !node->held)
            continue;
        error = model_ops->reopen(model_volume, node->inode, &node->file);
        if (error == 0 && (i != released || node->links != 0))
            continue;
        if (error == 0) /* it was being freed, a piece at a time: what is left nobody sees */
            model_ops->release(model_volume, node->file);
        else
            CHECK_EQ(error, ESTALE);
        CHECK(i == released || (!model->has_links && node->links == 0));
        node->held = false; /* whoever had it open has lost it, or finds it by its name */
        node->used = node->links != 0;
    }
}

struct listing {
    const struct model *model;
    int folder;
    uint64_t seen; /* of entries */
};

static bool tell(void *context, const char *name, enum volume_kind kind, uint64_t inode,
                 uint64_t next)
{
    struct listing *listing = context;

    (void)inode;
    (void)next;
    if (strcmp(name, "lost+found") == 0)
        return true;
    for (int i = 0; i < ENTRIES; i++) {
        const struct entry *entry = &listing->model->entries[i];
        if (!entry->used || entry->folder != listing->folder ||
            strcmp(model_names[entry->name], name) != 0)
            continue;
        CHECK(!(listing->seen & UINT64_C(1) << i));
        CHECK_EQ(kind, listing->model->nodes[entry->node].kind);
        listing->seen |= UINT64_C(1) << i;
        return true;
    }
    fprintf(stderr, "there is a name \"%s\"\n", name);
    CHECK(false);
    return false;
}

static void compare_folder(const struct model *model, int folder, struct volume_file *file)
{
    struct listing listing = {.model = model, .folder = folder};

    CHECK_EQ(model_ops->entries(model_volume, file, 0, tell, &listing), 0);
    for (int i = 0; i < ENTRIES; i++)
        if (model->entries[i].used && model->entries[i].folder == folder &&
            !(listing.seen & UINT64_C(1) << i)) {
            fprintf(stderr, "there is no name \"%s\"\n", model_names[model->entries[i].name]);
            CHECK(false);
        }
}

/* Each byte is as before or after; so is the size, or anything between. */
static void take_over(struct node *node, const struct node *next, uint32_t size,
                      const uint8_t *bytes)
{
    const uint32_t low = node->size < next->size ? node->size : next->size;
    const uint32_t high = node->size < next->size ? next->size : node->size;

    CHECK(size >= low && size <= high);
    for (uint32_t i = 0; i < size; i++) {
        const uint8_t before = i < node->size ? node->content[i] : 0;
        const uint8_t after = i < next->size ? next->content[i] : before;

        CHECK(bytes[i] == before || bytes[i] == after || bytes[i] == 0);
    }
    memcpy(node->content, bytes, size);
    node->size = size;
}

static void compare_content(struct node *node, const struct node *next, struct volume_file *file)
{
    static uint8_t bytes[CONTENT + 1];
    size_t got = 0;

    CHECK_EQ(model_ops->read(model_volume, file, 0, bytes, sizeof bytes, &got), 0);
    if (next != NULL) {
        take_over(node, next, (uint32_t)got, bytes);
        return;
    }
    CHECK_EQ(got, node->size);
    for (size_t i = 0; i < got; i++) {
        if (bytes[i] == node->content[i])
            continue;
        fprintf(stderr, "byte %zu of %zu, inode %llu, %u names: %#x instead of %#x\n", i, got,
                (unsigned long long)node->inode, node->links, bytes[i], node->content[i]);
        CHECK(false);
    }
}

static void compare_node(struct model *model, int at, const struct node *next)
{
    struct node *node = &model->nodes[at];
    struct volume_file *file = model_get(model, at);
    struct volume_attributes attributes;
    char text[256];

    CHECK_EQ(model_ops->attributes(model_volume, file, &attributes), 0);
    CHECK_EQ(attributes.kind, node->kind);
    if (next != NULL && attributes.mode == next->mode)
        node->mode = next->mode;
    CHECK_EQ(attributes.mode, node->mode);
    if (node->kind == VOLUME_FOLDER) {
        if (node->links != 0)
            compare_folder(model, at, file);
    } else {
        CHECK_EQ(attributes.links, node->links);
    }
    if (node->kind == VOLUME_REGULAR)
        compare_content(node, next, file);
    if (node->kind == VOLUME_LINK) {
        CHECK_EQ(model_ops->read_link(model_volume, file, text, sizeof text), 0);
        CHECK_EQ(strlen(text), node->size);
    }
    node->inode = attributes.inode;
    model_put(model, at, file);
}

void model_compare(struct model *model, int except, const struct model *next,
                   const struct volume_ops *with, struct volume *of)
{
    model_ops = with;
    model_volume = of;
    for (int i = 0; i < NODES; i++)
        if (model->nodes[i].used)
            compare_node(model, i, i == except ? &next->nodes[i] : NULL);
}
