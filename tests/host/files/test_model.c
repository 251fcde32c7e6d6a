/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file server against a model of what POSIX says: a tree of structures, whose walk is written another way. Random operations, whose results
 * have to be the same; and everything that both hold, now and then.
 */
#include "../check.h"
#include "model.h"

/* ---- operations: both do it, and say the same ---- */

static void agree(const char *what, const char *path, kern_return_t got, int wanted)
{
    const int error = got == KERN_SUCCESS  ? 0
                      : is_unix_error(got) ? unix_error_number(got)
                                           : -(int)got;

    if (error != wanted)
        printf("%s %s: %d, and the model says %d\n", what, path, error, wanted);
    CHECK_EQ(error, wanted);
}

static uint32_t outcome;
static mach_port_name_t elsewhere;
static char rest[FILE_PATH_MAX];

static void do_make(void)
{
    static const uint32_t kinds[] = {FILE_KIND_FOLDER, FILE_KIND_LINK, FILE_KIND_REGULAR};
    const uint32_t kind = kinds[check_below(3)];
    char path[256], content[256];

    if (!have_node())
        return;
    random_path(path);
    random_path(content);
    struct place at = find(path, false);
    int wanted = at.error ? at.error : at.node ? EEXIST : 0;
    agree("make", path,
          serve_make(world_message(world_root), path, kind, 0644, content, 0, &outcome, &elsewhere,
                     rest),
          wanted);
    if (wanted == 0) {
        struct model *made = new_node(kind);
        strncpy(made->content, content, sizeof(made->content) - 1);
        enter(at.folder, at.name, made);
    }
}

static void do_remove(void)
{
    const bool folder = check_below(2);
    char path[256];

    random_path(path);
    const struct place at = find(path, false);
    int wanted = at.error;
    if (!wanted && !at.node)
        wanted = ENOENT;
    if (!wanted && !at.folder)
        wanted = folder ? (at.node == model_root ? EBUSY : EINVAL) : EISDIR;
    if (!wanted && folder && at.node->kind != FILE_KIND_FOLDER)
        wanted = ENOTDIR;
    if (!wanted && !folder && at.node->kind == FILE_KIND_FOLDER)
        wanted = EISDIR;
    if (!wanted && folder && !is_empty(at.node))
        wanted = ENOTEMPTY;
    agree("remove", path,
          serve_remove(world_message(world_root), path, folder, 0, &outcome, &elsewhere, rest),
          wanted);
    if (!wanted)
        leave(at.folder, at.name);
}

static void do_link(void)
{
    const bool follow = check_below(2);
    char path[256], to[256];
    uint32_t which;

    random_path(path);
    random_path(to);
    const struct place at = find(path, follow);
    struct place end = {.error = 0};
    int wanted = at.error;
    if (!wanted) {
        end = find(to, false);
        wanted = end.error;
    }
    if (!wanted && !at.node)
        wanted = ENOENT;
    if (!wanted && at.node->kind == FILE_KIND_FOLDER)
        wanted = EPERM;
    if (!wanted && end.node)
        wanted = EEXIST;
    const kern_return_t kr = serve_link(world_message(world_root), path, world_second(), to, follow,
                                        0, &outcome, &elsewhere, &which, rest);
    world_second_done(kr);
    agree("link", path, kr, wanted);
    if (!wanted)
        enter(end.folder, end.name, at.node);
}

static bool lies_in_model(const struct model *folder, const struct model *node)
{
    for (; folder != model_root; folder = folder->parent)
        if (folder == node)
            return true;
    return folder == node;
}

static int rename_error(const struct place *at, const struct place *end, bool replace)
{
    const struct model *node = at->node, *target = end->node;

    if (!node)
        return ENOENT;
    if (!at->folder || !end->folder)
        return EBUSY;
    if (target && !replace)
        return EEXIST;
    if (target && node->kind == FILE_KIND_FOLDER && target->kind != FILE_KIND_FOLDER)
        return ENOTDIR;
    if (target && node->kind != FILE_KIND_FOLDER && target->kind == FILE_KIND_FOLDER)
        return EISDIR;
    if (node == target)
        return 0;
    if (node->kind == FILE_KIND_FOLDER && lies_in_model(end->folder, node))
        return EINVAL;
    if (target && target->kind == FILE_KIND_FOLDER && !is_empty(target))
        return ENOTEMPTY;
    return 0;
}

static void do_rename(void)
{
    const bool replace = check_below(4) != 0;
    char path[256], to[256];
    uint32_t which;

    random_path(path);
    random_path(to);
    const struct place at = find(path, false);
    struct place end = {.error = 0};
    int wanted = at.error;
    if (!wanted) {
        end = find(to, false);
        wanted = end.error;
    }
    if (!wanted)
        wanted = rename_error(&at, &end, replace);
    const kern_return_t kr = serve_rename(world_message(world_root), path, world_second(), to,
                                          replace, 0, &outcome, &elsewhere, &which, rest);
    world_second_done(kr);
    agree("rename", path, kr, wanted);
    if (wanted || at.node == end.node)
        return;
    struct model *node = at.node;
    if (end.node)
        leave(end.folder, end.name);
    enter(end.folder, end.name, node);
    at.folder->child[at.name] = NULL;
    node->links--;
}

static void do_open(void)
{
    const uint32_t flags = FILE_READ | FILE_WRITE | (check_below(2) ? FILE_CREATE : 0) |
                           (check_below(4) == 0 ? FILE_EXCLUSIVE : 0) |
                           (check_below(4) == 0 ? FILE_TRUNCATE : 0) |
                           (check_below(4) == 0 ? FILE_NOFOLLOW : 0);
    const bool new = flags &FILE_CREATE &&flags &FILE_EXCLUSIVE;
    mach_port_name_t opened;
    char path[256];

    if (!have_node())
        return;
    random_path(path);
    const struct place at = find(path, !(flags & FILE_NOFOLLOW) && !new);
    int wanted = at.error;
    if (!wanted && !at.node && !(flags & FILE_CREATE))
        wanted = ENOENT;
    if (!wanted && at.node && new)
        wanted = EEXIST;
    if (!wanted && at.node && at.node->kind == FILE_KIND_LINK)
        wanted = ELOOP;
    if (!wanted && at.node && at.node->kind == FILE_KIND_FOLDER)
        wanted = EISDIR;
    agree("open", path,
          serve_open(world_message(world_root), path, flags, 0644, 0, &outcome, &opened, rest),
          wanted);
    if (wanted)
        return;
    struct model *node = at.node;
    if (!node) {
        node = new_node(FILE_KIND_REGULAR);
        enter(at.folder, at.name, node);
    } else if (flags & FILE_TRUNCATE) {
        memset(node->bytes, 0, node->size);
        node->size = 0;
    }
    if (node->open != MSG_NULL)
        world_close(opened);
    else
        node->open = opened;
}

static struct model *random_open(void)
{
    struct model *node = &nodes[check_below(NODES)];

    return node->used && node->open != MSG_NULL ? node : NULL;
}

static void do_close(void)
{
    struct model *node = random_open();

    if (!node)
        return;
    world_close(node->open);
    node->open = MSG_NULL;
    maybe_free(node);
}

static void do_write(void)
{
    uint8_t data[FILE_DATA_MAX];
    struct model *node = random_open();
    const uint32_t size = (uint32_t)check_below(check_below(3) ? 100 : FILE_DATA_MAX);
    const uint64_t at = check_below(SIZE_MAX_MODEL - FILE_DATA_MAX);
    uint32_t written = 0;

    if (!node)
        return;
    for (uint32_t i = 0; i < size; i++)
        data[i] = (uint8_t)check_random();
    CHECK_EQ(serve_write(world_message(node->open), (int64_t)at, data, size, &written),
             KERN_SUCCESS);
    CHECK_EQ(written, size);
    memcpy(node->bytes + at, data, size);
    if (size != 0 && at + size > node->size)
        node->size = at + size;
}

static void do_read(void)
{
    uint8_t data[FILE_DATA_MAX];
    const struct model *node = random_open();
    const uint32_t size = (uint32_t)check_below(FILE_DATA_MAX);
    const uint64_t at = check_below(SIZE_MAX_MODEL);
    uint32_t got = 0;

    if (!node)
        return;
    const uint64_t left = at < node->size ? node->size - at : 0;
    CHECK_EQ(serve_read(world_message(node->open), (int64_t)at, size, data, &got), KERN_SUCCESS);
    CHECK_EQ(got, left < size ? left : size);
    CHECK(memcmp(data, node->bytes + at, got) == 0);
}

static void do_resize(void)
{
    struct model *node = random_open();
    struct file_attributes attributes = {.size = check_below(SIZE_MAX_MODEL)};

    if (!node)
        return;
    CHECK_EQ(serve_set_attributes(world_message(node->open), FILE_SET_SIZE, &attributes),
             KERN_SUCCESS);
    if (attributes.size < node->size)
        memset(node->bytes + attributes.size, 0, node->size - attributes.size);
    node->size = attributes.size;
}

/* A mapping writes behind the server's back, as clients do. */
static void do_map(void)
{
    struct model *node = random_open();
    mach_port_name_t entry;
    uint64_t offset, mapped;

    if (!node)
        return;
    const uint64_t page = check_below(SIZE_MAX_MODEL / PAGE) * PAGE;
    const kern_return_t kr =
        serve_map(world_message(node->open), page, PAGE, 3, false, &entry, &offset, &mapped);
    if (page >= node->size) {
        CHECK_EQ(kr, unix_error(ENXIO));
        return;
    }
    CHECK_EQ(kr, KERN_SUCCESS);
    CHECK(offset == 0 && mapped == PAGE);
    uint8_t *at = world_memory(entry);
    const uint64_t there = node->size - page < PAGE ? node->size - page : PAGE;
    CHECK(memcmp(at, node->bytes + page, there) == 0);
    at[there - 1] ^= 1;
    node->bytes[page + there - 1] ^= 1;
    if (there < PAGE)
        at[there] = 1; /* behind the end: never seen */
    world_close(entry);
}

static void do_look(void)
{
    const bool nofollow = check_below(2);
    struct file_attributes attributes;
    char path[256];

    random_path(path);
    const struct place at = find(path, !nofollow);
    const int wanted = at.error ? at.error : at.node ? 0 : ENOENT;
    agree("look", path,
          serve_look(world_message(world_root), path, nofollow, &outcome, &elsewhere, &attributes,
                     rest),
          wanted);
    if (wanted)
        return;
    CHECK_EQ(attributes.kind, at.node->kind);
    if (at.node->kind == FILE_KIND_REGULAR)
        CHECK_EQ(attributes.size, at.node->size);
    if (at.node->kind != FILE_KIND_FOLDER)
        CHECK_EQ(attributes.links, at.node->links);
}

static void (*const operations[])(void) = {
    do_make,  do_make,  do_remove, do_link, do_rename, do_rename, do_open, do_open,
    do_close, do_write, do_write,  do_read, do_resize, do_look,   do_look, do_map,
};

static void empty_first_content(void)
{
    static const char *const folders[] = {"usr/bin", "usr",  "bin", "boot",    "etc",
                                          "home",    "proc", "tmp", "var/tmp", "var"};
    static const char *const files[] = {"dev/null", "dev/zero", "dev/full", "dev/random",
                                        "dev/urandom"};

    for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        CHECK_EQ(serve_remove(world_message(world_root), files[i], false, 0, &outcome, &elsewhere,
                              rest),
                 KERN_SUCCESS);
    for (unsigned i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        CHECK_EQ(serve_remove(world_message(world_root), folders[i], true, 0, &outcome, &elsewhere,
                              rest),
                 KERN_SUCCESS);
    CHECK_EQ(serve_remove(world_message(world_root), "dev", true, 0, &outcome, &elsewhere, rest),
             KERN_SUCCESS);
}

int main(int argc, char **argv)
{
    enum { OPERATIONS = 60000 };

    check_begin(argc, argv);
    CHECK(world_begin(64 << 20, 1000, NULL, 0));
    empty_first_content();
    model_root = new_node(FILE_KIND_FOLDER);
    model_root->parent = model_root;
    model_root->links = 1;
    for (unsigned i = 0; i < OPERATIONS; i++)
        operations[check_below(sizeof(operations) / sizeof(operations[0]))]();
    for (unsigned i = 0; i < NODES; i++) {
        if (nodes[i].used && nodes[i].open != MSG_NULL)
            world_close(nodes[i].open);
        free(nodes[i].bytes);
    }
    world_end();
    return check_end();
}
