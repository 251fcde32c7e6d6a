/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model, and steps in it and in a volume (model.h).
 */
#include "check.h"
#include "model_impl.h"
#include <errno.h>

const char *const model_names[NAMES] = {
    "a",
    "b",
    "c",
    "FILE.TXT",
    "x.c",
    "y.h",
    "Mixed",
    "two words",
    "a name that takes several entries",
    "another name that takes several",
    "d1",
    "d2",
    "d3",
    "d4",
    "d5",
    "d6",
    "LONG1.TXT",
    "LONG2.TXT",
    "LONG3.TXT",
    "a name.with.dots",
    "\xc3\xa4\xc3\xb6\xc3\xbc",
    "n1",
    "n2",
    "n3",
    "n4",
    "n5",
    "n6",
    ("a very long name, of more than a hundred and ninety-five letters, which takes more entries of a folder than there are in a "
     "sector of it, so that what makes and what removes it has to do so in two steps, which is a lot of trouble for a name"),
};

/* ---- numbers of a step ---- */

static uint64_t state;

static uint32_t below(uint32_t limit)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((state >> 33) % limit);
}

/* ---- the model ---- */

void model_begin(struct model *model, bool has_links)
{
    memset(model, 0, sizeof *model);
    model->has_links = has_links;
    model->nodes[0] = (struct node){.used = true, .kind = VOLUME_FOLDER, .mode = 0755, .links = 1};
}

static int find_entry(const struct model *model, int folder, int name)
{
    for (int i = 0; i < ENTRIES; i++)
        if (model->entries[i].used && model->entries[i].folder == folder &&
            model->entries[i].name == name)
            return i;
    return -1;
}

static int entry_of(const struct model *model, int node)
{
    for (int i = 0; i < ENTRIES; i++)
        if (model->entries[i].used && model->entries[i].node == node)
            return i;
    return -1;
}

static bool is_empty(const struct model *model, int folder)
{
    for (int i = 0; i < ENTRIES; i++)
        if (model->entries[i].used && model->entries[i].folder == folder)
            return false;
    return true;
}

/* `node` is or lies in `folder`. */
static bool lies_in(const struct model *model, int node, int folder)
{
    while (node != 0 && node != folder)
        node = model->entries[entry_of(model, node)].folder;
    return node == folder;
}

static int pick_node(const struct model *model, enum volume_kind kind, bool named)
{
    int found = -1;
    uint32_t count = 0;

    for (int i = 0; i < NODES; i++)
        if (model->nodes[i].used && (kind == 0 || model->nodes[i].kind == kind) &&
            (!named || i == 0 || model->nodes[i].links != 0) && below(++count) == 0)
            found = i;
    return found;
}

static int pick_entry(const struct model *model)
{
    int found = -1;
    uint32_t count = 0;

    for (int i = 0; i < ENTRIES; i++)
        if (model->entries[i].used && below(++count) == 0)
            found = i;
    return found;
}

static void drop_link(struct model *model, int node)
{
    struct node *of = &model->nodes[node];

    if (--of->links == 0 && !of->held)
        of->used = false;
}

/* ---- files of the volume ---- */

const struct volume_ops *model_ops;
struct volume *model_volume;

struct volume_file *model_get(const struct model *model, int node)
{
    struct volume_file *folder, *file;
    int entry;

    if (model_ops == NULL)
        return NULL;
    if (node == 0)
        return model_ops->root(model_volume);
    if (model->nodes[node].held)
        return model->nodes[node].file;
    entry = entry_of(model, node);
    folder = model_get(model, model->entries[entry].folder);
    CHECK_EQ(model_ops->lookup(model_volume, folder, model_names[model->entries[entry].name],
                               &file),
             0);
    if (model->entries[entry].folder != 0 && !model->nodes[model->entries[entry].folder].held)
        model_ops->release(model_volume, folder);
    return file;
}

void model_put(const struct model *model, int node, struct volume_file *file)
{
    if (model_ops != NULL && node != 0 && !model->nodes[node].held)
        model_ops->release(model_volume, file);
}

static void note_inode(struct model *model, int node, struct volume_file *file)
{
    struct volume_attributes attributes;

    if (model_ops == NULL)
        return;
    CHECK_EQ(model_ops->attributes(model_volume, file, &attributes), 0);
    model->nodes[node].inode = attributes.inode;
}

/* ---- steps ---- */

static void expect(int got, int expected)
{
    if (model_ops != NULL)
        CHECK_EQ(got, expected);
}

#define CALL(function, ...) (model_ops != NULL ? model_ops->function(model_volume, __VA_ARGS__) : 0)

static void step_make(struct model *model, struct step *step)
{
    static const enum volume_kind kinds[] = {VOLUME_REGULAR, VOLUME_REGULAR, VOLUME_REGULAR,
                                             VOLUME_FOLDER,  VOLUME_FOLDER,  VOLUME_LINK,
                                             VOLUME_FIFO,    VOLUME_SOCKET};
    const enum volume_kind kind = kinds[below(8)];
    const int folder = pick_node(model, VOLUME_FOLDER, true), name = (int)below(NAMES);
    struct volume_file *in = model_get(model, folder), *file = NULL;
    const bool can = model->has_links || kind == VOLUME_REGULAR || kind == VOLUME_FOLDER;
    char text[200];
    int node = 0, entry = 0;

    while (node < NODES && model->nodes[node].used)
        node++;
    while (entry < ENTRIES && model->entries[entry].used)
        entry++;
    memset(text, 'x', sizeof text);
    text[below(2) ? 20 : 150] = 0;
    if (node == NODES || entry == ENTRIES) {
        model_put(model, folder, in);
        return;
    }
    if (!can || find_entry(model, folder, name) >= 0) {
        expect(CALL(make, in, model_names[name], kind, 0644, text, &file), can ? EEXIST : EPERM);
        model_put(model, folder, in);
        return;
    }
    step->names = true;
    expect(CALL(make, in, model_names[name], kind, 0644, text, &file), 0);
    model_put(model, folder, in);
    model->nodes[node] = (struct node){.used = true,
                                       .kind = kind,
                                       .mode = model->has_links ? 0644 : 0755,
                                       .links = 1,
                                       .held = below(3) == 0,
                                       .file = file};
    model->entries[entry] = (struct entry){true, (uint8_t)folder, (uint8_t)name, (uint8_t)node};
    if (kind == VOLUME_LINK) {
        model->nodes[node].size = (uint32_t)strlen(text);
        memcpy(model->nodes[node].content, text, strlen(text));
    }
    note_inode(model, node, file);
    if (model_ops != NULL && !model->nodes[node].held)
        model_ops->release(model_volume, file);
    model->progress++;
}

static void step_remove(struct model *model, struct step *step)
{
    const int at = pick_entry(model);
    struct volume_file *in, *file;

    if (at < 0)
        return;
    const struct entry entry = model->entries[at];
    in = model_get(model, entry.folder);
    file = model_get(model, entry.node);
    if (model->nodes[entry.node].kind == VOLUME_FOLDER && !is_empty(model, entry.node)) {
        expect(CALL(remove, in, model_names[entry.name], file), ENOTEMPTY);
    } else {
        step->names = true;
        step->target = entry.node;
        expect(CALL(remove, in, model_names[entry.name], file), 0);
        model->entries[at].used = false;
        model->progress++;
        note_inode(model, entry.node, file);
        model_put(model, entry.node, file);
        file = NULL;
        drop_link(model, entry.node);
    }
    if (file != NULL)
        model_put(model, entry.node, file);
    model_put(model, entry.folder, in);
}

static void step_rename(struct model *model, struct step *step)
{
    const int at = pick_entry(model), to = pick_node(model, VOLUME_FOLDER, true);
    const int name = (int)below(NAMES);
    struct volume_file *in, *file, *folder, *target = NULL;

    if (at < 0)
        return;
    const struct entry entry = model->entries[at];
    const int there = find_entry(model, to, name);
    const int other = there < 0 ? -1 : model->entries[there].node;
    const bool is_folder = model->nodes[entry.node].kind == VOLUME_FOLDER;
    if (there == at || (is_folder && lies_in(model, to, entry.node)))
        return;
    if (other >= 0 && (model->nodes[other].kind == VOLUME_FOLDER) != is_folder)
        return;
    in = model_get(model, entry.folder);
    file = model_get(model, entry.node);
    folder = model_get(model, to);
    if (other >= 0)
        target = model_get(model, other);
    if (other >= 0 && is_folder && !is_empty(model, other)) {
        expect(CALL(rename, in, model_names[entry.name], file, folder, model_names[name], target),
               ENOTEMPTY);
    } else {
        step->names = true;
        step->moved = entry.node;
        step->target = other;
        expect(CALL(rename, in, model_names[entry.name], file, folder, model_names[name], target),
               0);
        model->progress++;
        note_inode(model, entry.node, file);
        if (other >= 0)
            note_inode(model, other, target);
    }
    if (other >= 0)
        model_put(model, other, target);
    model_put(model, to, folder);
    model_put(model, entry.node, file);
    model_put(model, entry.folder, in);
    if (!step->names || other == entry.node)
        return;
    if (other >= 0) {
        model->entries[there].used = false;
        drop_link(model, other);
    }
    model->entries[at].folder = (uint8_t)to;
    model->entries[at].name = (uint8_t)name;
}

static void step_link(struct model *model, struct step *step)
{
    const int at = pick_entry(model), to = pick_node(model, VOLUME_FOLDER, true);
    const int name = (int)below(NAMES);
    int entry = 0;

    while (entry < ENTRIES && model->entries[entry].used)
        entry++;
    if (at < 0 || entry == ENTRIES || model->nodes[model->entries[at].node].kind == VOLUME_FOLDER)
        return;
    const int node = model->entries[at].node;
    struct volume_file *file = model_get(model, node), *folder = model_get(model, to);
    const int error = !model->has_links ? EPERM : find_entry(model, to, name) >= 0 ? EEXIST : 0;
    step->names = error == 0;
    expect(CALL(link, folder, model_names[name], file), error);
    model_put(model, to, folder);
    model_put(model, node, file);
    if (error != 0)
        return;
    model->entries[entry] = (struct entry){true, (uint8_t)to, (uint8_t)name, (uint8_t)node};
    model->nodes[node].links++;
    model->progress++;
}

static void step_write(struct model *model, struct step *step)
{
    static uint8_t bytes[CONTENT];
    const int at = pick_node(model, VOLUME_REGULAR, false);
    const uint32_t most = below(4) == 0 ? CONTENT : 3000;
    struct volume_file *file;
    size_t written = 0;

    if (at < 0)
        return;
    struct node *node = &model->nodes[at];
    uint32_t offset = below(3) == 0 ? node->size : below(node->size + 2000);
    const uint8_t letter = (uint8_t)(1 + below(255));
    if (offset >= CONTENT)
        offset = CONTENT - 1;
    const uint32_t room = CONTENT - offset, size = 1 + below(room < most ? room : most);
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(letter + i / 7);
    step->touched = at;
    file = model_get(model, at);
    const bool gathers = below(2) != 0;
    if (model_ops != NULL && model_ops->gather != NULL)
        (void)model_ops->gather(model_volume, gathers);
    expect(CALL(write, file, 0, offset, bytes, size, &written), 0);
    if (model_ops != NULL)
        CHECK_EQ(written, size);
    model_put(model, at, file);
    if (offset > node->size)
        memset(node->content + node->size, 0, offset - node->size);
    memcpy(node->content + offset, bytes, size);
    if (offset + size > node->size)
        node->size = offset + size;
}

static void step_resize(struct model *model, struct step *step)
{
    const int at = pick_node(model, VOLUME_REGULAR, false);
    struct volume_file *file;

    if (at < 0)
        return;
    struct node *node = &model->nodes[at];
    const uint32_t size = below(3) == 0 ? 0 : below(CONTENT);
    step->touched = at;
    file = model_get(model, at);
    expect(CALL(resize, file, size), 0);
    model_put(model, at, file);
    if (size > node->size)
        memset(node->content + node->size, 0, size - node->size);
    node->size = size;
}

static void step_mode(struct model *model, struct step *step)
{
    const int at = pick_node(model, VOLUME_REGULAR, true);
    struct volume_file *file;

    if (at <= 0)
        return;
    const uint32_t mode = model->has_links ? below(01000) : below(2) ? 0755 : 0555;
    step->touched = at;
    file = model_get(model, at);
    expect(CALL(set_attributes, file, VOLUME_SET_MODE, &(struct volume_attributes){.mode = mode}),
           0);
    model_put(model, at, file);
    model->nodes[at].mode = mode;
}

static void step_hold(struct model *model, struct step *step)
{
    const int at = pick_node(model, 0, false);

    if (at <= 0)
        return;
    struct node *node = &model->nodes[at];
    if (!node->held) {
        node->file = model_get(model, at);
        node->held = true;
        note_inode(model, at, node->file);
        return;
    }
    step->released = at;
    node->held = false;
    if (model_ops != NULL)
        model_ops->release(model_volume, node->file);
    if (node->links == 0)
        node->used = false;
}

static void step_read(struct model *model)
{
    static uint8_t bytes[CONTENT + 1];
    const int at = pick_node(model, VOLUME_REGULAR, false);
    struct volume_file *file;
    size_t got = 0;

    if (at < 0 || model_ops == NULL)
        return;
    file = model_get(model, at);
    CHECK_EQ(model_ops->read(model_volume, file, 0, bytes, sizeof bytes, &got), 0);
    CHECK_EQ(got, model->nodes[at].size);
    CHECK(memcmp(bytes, model->nodes[at].content, got) == 0);
    model_put(model, at, file);
}

struct step model_step(struct model *model, uint64_t number, const struct volume_ops *with,
                       struct volume *of)
{
    struct step step = {.touched = -1, .released = -1, .moved = -1, .target = -1};

    model_ops = with;
    model_volume = of;
    state = number * UINT64_C(0x9e3779b97f4a7c15) + 1;
    switch (below(16)) {
    case 0:
    case 1:
    case 2: step_make(model, &step); break;
    case 3:
    case 4: step_remove(model, &step); break;
    case 5:
    case 6:
    case 7: step_rename(model, &step); break;
    case 8: step_link(model, &step); break;
    case 9:
    case 10: step_write(model, &step); break;
    case 11: step_resize(model, &step); break;
    case 12: step_mode(model, &step); break;
    case 13: step_hold(model, &step); break;
    case 14: step_read(model); break;
    default:
        if (below(4) == 0 && model_ops != NULL)
            CHECK_EQ(below(2) ? model_ops->sync(model_volume) : model_ops->settle(model_volume), 0);
    }
    return step;
}
