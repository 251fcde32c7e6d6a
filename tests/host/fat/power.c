/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * States, operations, and what a power cut may leave of them (power.h).
 */
#include "power.h"
#include "outcomes.h"

/* ---- operations ---- */

enum { LONG = 230 };

static char long_path[LONG + 8];

const struct state_file *state_find(const struct state *state, const char *path)
{
    for (unsigned i = 0; i < state->count; i++)
        if (strcmp(state->files[i].path, path) == 0)
            return &state->files[i];
    return NULL;
}

static struct state_file *find(struct state *state, const char *path)
{
    const struct state_file *file = state_find(state, path);

    return file ? &state->files[file - state->files] : NULL;
}

static const struct state_file *find_id(const struct state *state, unsigned id)
{
    for (unsigned i = 0; i < state->count; i++)
        if (state->files[i].id == id)
            return &state->files[i];
    return NULL;
}

static void forget(struct state *state, struct state_file *file)
{
    *file = state->files[--state->count];
}

static struct fat_node *get(struct fat *fat, const char *path)
{
    struct fat_node *node;

    CHECK_EQ(image_find(fat, path, &node), 0);
    return node;
}

static const char *leaf(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool has_folder(struct state *state, const char *path, char folder[300])
{
    snprintf(folder, 300, "%.*s", leaf(path) == path ? 0 : (int)(leaf(path) - path - 1), path);
    return folder[0] == '\0' || (find(state, folder) && find(state, folder)->folder);
}

static bool make(struct fat *fat, struct state *state, const char *path, bool is_folder)
{
    static unsigned ids;
    char folder[300];
    struct fat_node *parent, *node;

    if (find(state, path) || !has_folder(state, path, folder) || state->count == STATE_FILES)
        return false;
    parent = get(fat, folder);
    CHECK_EQ(fat_create(parent, leaf(path), is_folder ? FAT_FOLDER : FAT_FILE, &node), 0);
    fat_release(node);
    fat_release(parent);
    struct state_file *file = &state->files[state->count++];
    memset(file, 0, sizeof *file);
    snprintf(file->path, sizeof file->path, "%s", path);
    file->folder = is_folder;
    file->id = ++ids;
    return true;
}

static bool write_at(struct fat *fat, struct state *state, const char *path, size_t at, size_t size)
{
    struct state_file *file = find(state, path);
    struct fat_node *node;
    size_t written;

    if (!file || file->folder || at + size > STATE_SIZE)
        return false;
    file->writes++;
    if (at > file->size)
        memset(file->bytes + file->size, 0, at - file->size);
    for (size_t i = at; i < at + size; i++)
        file->bytes[i] = (uint8_t)(file->id * 31 + file->writes * 7 + i / 100);
    file->size = at + size > file->size ? at + size : file->size;
    node = get(fat, path);
    CHECK_EQ(fat_write(node, at, file->bytes + at, size, &written), 0);
    CHECK_EQ(written, size);
    fat_release(node);
    return true;
}

static bool resize(struct fat *fat, struct state *state, const char *path, size_t size)
{
    struct state_file *file = find(state, path);
    struct fat_node *node;

    if (!file || file->folder || file->size == size)
        return false;
    if (size > file->size)
        memset(file->bytes + file->size, 0, size - file->size);
    file->size = size;
    file->writes++;
    node = get(fat, path);
    CHECK_EQ(fat_resize(node, size), 0);
    fat_release(node);
    return true;
}

static bool protect(struct fat *fat, struct state *state, const char *path)
{
    struct state_file *file = find(state, path);

    if (!file || file->folder || file->read_only)
        return false;
    struct fat_node *node = get(fat, path);
    CHECK_EQ(fat_set_attributes(node, FAT_SET_READ_ONLY,
                                &(struct fat_attributes){.read_only = true}),
             0);
    fat_release(node);
    file->read_only = true;
    return true;
}

static bool remove_it(struct fat *fat, struct state *state, const char *path)
{
    struct state_file *file = find(state, path);
    struct fat_node *node;

    if (!file)
        return false;
    node = get(fat, path);
    const int error = fat_remove(node);
    fat_release(node);
    if (error) {
        CHECK_EQ(error, ENOTEMPTY);
        return false;
    }
    forget(state, file);
    return true;
}

/* Of a folder, what is in it moves, too. */
static void move_paths(struct state *state, const char *path, const char *to)
{
    const size_t size = strlen(path);

    for (unsigned i = 0; i < state->count; i++) {
        char rest[300];
        if (strncmp(state->files[i].path, path, size) != 0 ||
            (state->files[i].path[size] != '\0' && state->files[i].path[size] != '/'))
            continue;
        snprintf(rest, sizeof rest, "%s", state->files[i].path + size);
        snprintf(state->files[i].path, sizeof state->files[i].path, "%s%.200s", to, rest);
    }
}

static bool rename_it(struct fat *fat, struct state *state, const char *path, const char *to)
{
    struct state_file *file = find(state, path), *over = find(state, to);
    char folder[300];
    struct fat_node *node, *parent, *target;

    if (!file || !has_folder(state, to, folder) || (over && (over->folder || file->folder)))
        return false;
    node = get(fat, path);
    parent = get(fat, folder);
    target = over ? get(fat, to) : NULL;
    CHECK_EQ(fat_rename(node, parent, leaf(to), target), 0);
    fat_release(node);
    fat_release(parent);
    if (target)
        fat_release(target);
    if (over)
        forget(state, over);
    move_paths(state, path, to);
    return true;
}

static const struct state_operation operations[OPERATIONS] = {
    {"create B", STATE_MAKE, "B", NULL, 0, 0},
    {"create D/N", STATE_MAKE, "D/N", NULL, 0, 0},
    {"create a long name", STATE_MAKE, long_path, NULL, 0, 0},
    {"append to A", STATE_APPEND, "A", NULL, 0, 1700},
    {"append to D/C", STATE_APPEND, "D/C", NULL, 0, 3000},
    {"overwrite A", STATE_WRITE, "A", NULL, 300, 1000},
    {"cut A short", STATE_SHORTEN, "A", NULL, 0, 700},
    {"empty A", STATE_RESIZE, "A", NULL, 0, 0},
    {"lengthen A", STATE_RESIZE, "A", NULL, 0, 5000},
    {"remove A", STATE_REMOVE, "A", NULL, 0, 0},
    {"remove D/C", STATE_REMOVE, "D/C", NULL, 0, 0},
    {"make E", STATE_MAKE_FOLDER, "E", NULL, 0, 0},
    {"remove E", STATE_REMOVE, "E", NULL, 0, 0},
    {"A to B", STATE_RENAME, "A", "B", 0, 0},
    {"A to D/A", STATE_RENAME, "A", "D/A", 0, 0},
    {"D/C to A", STATE_RENAME, "D/C", "A", 0, 0},
    {"D to F", STATE_RENAME, "D", "F", 0, 0},
    {"D/C to E/C", STATE_RENAME, "D/C", "E/C", 0, 0},
    {"remove long", STATE_REMOVE, long_path, NULL, 0, 0},
    {"A to a long name", STATE_RENAME, "A", long_path, 0, 0},
    {"protect A", STATE_PROTECT, "A", NULL, 0, 0},
};

const struct state_operation *state_operation(unsigned operation)
{
    return &operations[operation];
}

bool state_do(struct fat *fat, unsigned operation, struct state *state)
{
    const struct state_operation *op = &operations[operation];

    memset(long_path, 'l', LONG);
    const struct state_file *file = state_find(state, op->path);
    switch (op->kind) {
    case STATE_MAKE:
    case STATE_MAKE_FOLDER: return make(fat, state, op->path, op->kind == STATE_MAKE_FOLDER);
    case STATE_APPEND: return file && write_at(fat, state, op->path, file->size, op->size);
    case STATE_WRITE: return write_at(fat, state, op->path, op->at, op->size);
    case STATE_SHORTEN:
        return file && file->size > op->size && resize(fat, state, op->path, op->size);
    case STATE_RESIZE: return resize(fat, state, op->path, op->size);
    case STATE_REMOVE: return remove_it(fat, state, op->path);
    case STATE_PROTECT: return protect(fat, state, op->path);
    default: return rename_it(fat, state, op->path, op->to);
    }
}

void state_begin(struct fat *fat, struct state *state)
{
    state->count = 0;
    CHECK(make(fat, state, "A", false) && write_at(fat, state, "A", 0, 2500));
    CHECK(make(fat, state, "D", true));
    CHECK(make(fat, state, "D/C", false) && write_at(fat, state, "D/C", 0, 1500));
    CHECK(make(fat, state, "E", true));
}

/* ---- what was found ---- */

struct found {
    struct fat *fat;
    struct state state;
    char path[300];
};

static void look_at(struct found *found, struct fat_node *folder);

static bool tell(void *context, const char *name, enum fat_kind kind, uint64_t inode, uint64_t next)
{
    struct found *found = context;
    struct state_file *file = &found->state.files[found->state.count++];

    (void)inode;
    (void)next;
    CHECK(found->state.count <= STATE_FILES);
    memset(file, 0, sizeof *file);
    snprintf(file->path, sizeof file->path, "%s%s", found->path, name);
    file->folder = kind == FAT_FOLDER;
    return true;
}

static void look_into(struct found *found, struct state_file *file)
{
    struct fat_node *node = get(found->fat, file->path);
    struct fat_attributes attributes;

    fat_attributes(node, &attributes);
    file->read_only = attributes.read_only;
    if (file->folder) {
        snprintf(found->path, sizeof found->path, "%.290s/", file->path);
        look_at(found, node);
    } else {
        CHECK_EQ(fat_read(node, 0, file->bytes, STATE_SIZE, &file->size), 0);
    }
    fat_release(node);
}

static void look_at(struct found *found, struct fat_node *folder)
{
    const unsigned from = found->state.count;

    CHECK_EQ(fat_entries(folder, 0, tell, found), 0);
    const unsigned end = found->state.count;
    for (unsigned i = from; i < end; i++)
        look_into(found, &found->state.files[i]);
}

/* ---- what may be found ---- */

static bool is_same(const struct state_file *a, const struct state_file *b)
{
    return a->folder == b->folder && a->read_only == b->read_only &&
           (a->folder || (a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0));
}

/* A file that was written to since: any size that it had on its way. */
static bool is_on_its_way(const struct history *history, unsigned from,
                          const struct state_file *expected, const struct state_file *file)
{
    bool changed = false;
    size_t least = SIZE_MAX, most = 0;

    for (unsigned i = from; i < history->count; i++) {
        const struct state_file *other = find_id(&history->states[i], expected->id);
        if (!other) {
            least = 0;
            continue;
        }
        changed = changed || other->writes != expected->writes;
        least = other->size < least ? other->size : least;
        most = other->size > most ? other->size : most;
    }
    return changed && !file->folder && file->size >= least && file->size <= most;
}

static const struct state_file *folder_of(const struct state *state, const char *path)
{
    const size_t size = leaf(path) == path ? 0 : (size_t)(leaf(path) - path) - 1;

    for (unsigned i = 0; i < state->count && size != 0; i++)
        if (strncmp(state->files[i].path, path, size) == 0 && state->files[i].path[size] == '\0')
            return &state->files[i];
    return NULL;
}

/* The paths name the same place: its folder may have had another name. */
static bool is_place(const struct history *history, unsigned from, const struct state *state,
                     const char *path, const char *found)
{
    const struct state_file *folder = folder_of(state, path);

    if (strcmp(path, found) == 0)
        return true;
    if (!folder || strcmp(leaf(path), leaf(found)) != 0)
        return false;
    for (unsigned i = from; i < history->count; i++) {
        const struct state_file *other = folder_of(&history->states[i], found);
        const struct state_file *same = find_id(&history->states[i], folder->id);
        size_t size = same ? strlen(same->path) : 0;
        if ((other && other->id == folder->id) ||
            (same && strncmp(same->path, found, size) == 0 && found[size] == '/'))
            return true;
    }
    return false;
}

static bool may_be(const struct history *history, unsigned from, const struct state_file *file)
{
    for (unsigned i = from; i < history->count; i++) {
        const struct state *state = &history->states[i];
        for (unsigned j = 0; j < state->count; j++)
            if (is_place(history, from, state, state->files[j].path, file->path) &&
                (is_same(&state->files[j], file) ||
                 is_on_its_way(history, from, &state->files[j], file)))
                return true;
    }
    return false;
}

/* Where a file of the first state is found: once, if it is in all the others, too, and nobody wrote to it. */
static void check_kept(const struct history *history, unsigned from, const struct state_file *file,
                       const struct state *found)
{
    unsigned times = 0;

    for (unsigned i = from; i < history->count; i++) {
        const struct state_file *other = find_id(&history->states[i], file->id);
        if (!other || other->writes != file->writes)
            return;
    }
    for (unsigned i = 0; i < found->count; i++)
        for (unsigned j = from; j < history->count; j++) {
            const struct state_file *other = find_id(&history->states[j], file->id);
            if (strcmp(other->path, found->files[i].path) == 0 &&
                is_same(other, &found->files[i])) {
                times++;
                break;
            }
        }
    if (file->folder || file->size != 0)
        CHECK_EQ(times, 1);
}

static void check_found(const struct history *history, unsigned from, const struct state *found)
{
    for (unsigned i = 0; i < found->count; i++) {
        if (!may_be(history, from, &found->files[i]))
            fprintf(stderr, "%s must not be as it is, %zu bytes\n", found->files[i].path,
                    found->files[i].size);
        CHECK(may_be(history, from, &found->files[i]));
    }
    for (unsigned i = 0; i < history->states[from].count; i++)
        check_kept(history, from, &history->states[from].files[i], found);
}

void state_check(struct card *card, const struct history *history, size_t events)
{
    static struct found found;
    struct fat_space space;
    unsigned from = 0;

    for (unsigned i = 0; i < history->count; i++)
        if (history->promised[i] <= events)
            from = i;
    found = (struct found){.fat = image_mount(card)};
    look_at(&found, fat_root(found.fat));
    for (unsigned i = 0; i < found.state.count; i++)
        if (strcmp(found.state.files[i].path, STATE_OTHER) == 0)
            forget(&found.state, &found.state.files[i]);
    check_found(history, from, &found.state);
    outcomes_count(history, from, events, &found.state);
    CHECK_EQ(fat_space(found.fat, &space), 0);
    CHECK(!space.damaged);
    CHECK_EQ(fat_unmount(found.fat), 0);
}
