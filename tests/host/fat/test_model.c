/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random work on files and folders against a model in memory, with remounts, full disks and files that are open when their names go. At the end of each run fsck.fat has
 * nothing to say, and all is as the model has it.
 *
 *      test_fat_model [runs=N] [steps=N] [seed=N]
 */
#include "image.h"
#include <strings.h>

enum { THINGS = 96, SIZE = 60000, NAMES = 40 };

struct thing {
    bool used, folder, gone;
    struct thing *parent;
    char name[FAT_NAME_MAX];
    uint8_t *bytes;
    size_t size;
    struct fat_node *node; /* open, or NULL */
};

static struct thing things[THINGS];
static struct card *card;
static struct fat *fat;
static unsigned long full;

static struct thing *root(void)
{
    return &things[0];
}

/* ---- the model ---- */

static struct thing *find(const struct thing *parent, const char *name)
{
    for (unsigned i = 1; i < THINGS; i++)
        if (things[i].used && !things[i].gone && things[i].parent == parent &&
            strcasecmp(things[i].name, name) == 0)
            return &things[i];
    return NULL;
}

static struct thing *unused(void)
{
    for (unsigned i = 1; i < THINGS; i++)
        if (!things[i].used)
            return &things[i];
    return NULL;
}

static bool has_children(const struct thing *thing)
{
    for (unsigned i = 1; i < THINGS; i++)
        if (things[i].used && !things[i].gone && things[i].parent == thing)
            return true;
    return false;
}

static struct thing *any(bool folders, bool files)
{
    for (unsigned tries = 0; tries < 200; tries++) {
        struct thing *thing = &things[check_below(THINGS)];
        if (thing->used && (thing->folder ? folders : files))
            return thing;
    }
    return root();
}

static void forget(struct thing *thing)
{
    free(thing->bytes);
    *thing = (struct thing){0};
}

static bool lies_in(const struct thing *thing, const struct thing *above)
{
    for (; thing; thing = thing->parent)
        if (thing == above)
            return true;
    return false;
}

/* ---- names ---- */

static void make_name(char out[FAT_NAME_MAX])
{
    static const char *const kinds[] = {"%uA.TXT",
                                        "f%u",
                                        "Mixed Case %u.Jpeg",
                                        "a.b.c%u",
                                        "\xc3\xa4\xe2\x82\xac%u\xf0\x9f\x98\x80",
                                        "long name that takes more than one entry %u.document",
                                        "LOWER%u.txt",
                                        "same prefix %u",
                                        "+%u,[x]"};
    const unsigned number = (unsigned)check_below(NAMES);

    if (check_below(12) == 0) { /* more than a block of entries */
        const int size = snprintf(out, FAT_NAME_MAX, "%u-", number);
        const size_t length = 150 + number * 2;
        memset(out + size, 'x', length);
        out[(size_t)size + length] = '\0';
        return;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(out, FAT_NAME_MAX, kinds[check_below(sizeof kinds / sizeof *kinds)], number);
#pragma GCC diagnostic pop
}

/* Its node: the open one, or looked up all the way. */
static struct fat_node *open_thing(struct thing *thing)
{
    struct fat_node *parent, *node;

    if (thing == root())
        return fat_reference(fat_root(fat));
    if (thing->node)
        return fat_reference(thing->node);
    CHECK(!thing->gone);
    parent = open_thing(thing->parent);
    CHECK_EQ(fat_lookup(parent, thing->name, &node), 0);
    fat_release(parent);
    return node;
}

/* ---- steps ---- */

static void step_create(void)
{
    struct thing *parent = any(true, false), *thing = unused();
    const bool folder = check_below(4) == 0;
    char name[FAT_NAME_MAX];
    struct fat_node *node, *at;

    if (!thing || parent->gone)
        return;
    make_name(name);
    at = open_thing(parent);
    const int error = fat_create(at, name, folder ? FAT_FOLDER : FAT_FILE, &node);
    fat_release(at);
    if (find(parent, name)) {
        CHECK_EQ(error, EEXIST);
        return;
    }
    if (error == ENOSPC) {
        full++;
        return;
    }
    CHECK_EQ(error, 0);
    *thing = (struct thing){.used = true, .folder = folder, .parent = parent};
    memcpy(thing->name, name, sizeof name);
    if (!folder)
        thing->bytes = calloc(1, 2 * SIZE);
    if (check_below(3) == 0)
        thing->node = node;
    else
        fat_release(node);
}

static void step_write(void)
{
    static uint8_t bytes[SIZE];
    struct thing *thing = any(false, true);
    const size_t at = check_below(3) == 0 ? check_below(SIZE) : thing->size;
    const size_t size = check_below(check_below(2) ? 700 : SIZE);
    size_t written;
    struct fat_node *node;

    if (thing == root() || at + size > 2 * SIZE || (thing->gone && !thing->node))
        return;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)check_random();
    node = open_thing(thing);
    const int error = fat_write(node, at, bytes, size, &written);
    fat_release(node);
    if (error == ENOSPC) {
        full++;
        return;
    }
    CHECK_EQ(error, 0);
    CHECK(written <= size);
    full += written < size;
    memcpy(thing->bytes + at, bytes, written);
    if (written != 0 && at + written > thing->size)
        thing->size = at + written;
}

static void step_resize(void)
{
    struct thing *thing = any(false, true);
    const size_t size = check_below(3) == 0                       ? 0
                        : thing->size != 0 && check_below(2) == 0 ? thing->size - 1
                                                                  : check_below(SIZE);
    struct fat_node *node;

    if (thing == root() || (thing->gone && !thing->node))
        return;
    node = open_thing(thing);
    const int error = fat_resize(node, size);
    fat_release(node);
    if (error == ENOSPC && size > thing->size) {
        full++;
        return;
    }
    CHECK_EQ(error, 0);
    if (size < thing->size)
        memset(thing->bytes + size, 0, thing->size - size);
    thing->size = size;
}

static void check_content(struct thing *thing)
{
    static uint8_t bytes[2 * SIZE];
    struct fat_attributes attributes;
    struct fat_node *node = open_thing(thing);
    size_t got, at = check_below(thing->size + 10), size = check_below(2 * SIZE - at);

    fat_attributes(node, &attributes);
    CHECK_EQ(attributes.size, thing->size);
    CHECK_EQ(attributes.links, !thing->gone);
    CHECK_EQ(fat_read(node, at, bytes, size, &got), 0);
    CHECK_EQ(got, at >= thing->size ? 0 : size < thing->size - at ? size : thing->size - at);
    CHECK(memcmp(bytes, thing->bytes + at, got) == 0);
    fat_release(node);
}

static void step_read(void)
{
    struct thing *thing = any(false, true);

    if (thing != root() && (!thing->gone || thing->node))
        check_content(thing);
}

static void close_thing(struct thing *thing)
{
    struct fat_node *node = thing->node;

    thing->node = NULL;
    if (thing->gone)
        forget(thing);
    if (node)
        fat_release(node);
}

static void step_remove(void)
{
    struct thing *thing = any(true, true);
    struct fat_node *node;

    if (thing == root() || thing->gone)
        return;
    node = open_thing(thing);
    const int error = fat_remove(node);
    fat_release(node);
    CHECK_EQ(error, has_children(thing) ? ENOTEMPTY : 0);
    if (error)
        return;
    thing->gone = true;
    if (!thing->node)
        forget(thing);
}

static int expected_rename(struct thing *thing, struct thing *to, struct thing *target)
{
    if (lies_in(to, thing))
        return EINVAL;
    if (!target || target == thing)
        return 0;
    if (target->folder != thing->folder)
        return target->folder ? EISDIR : ENOTDIR;
    return has_children(target) ? ENOTEMPTY : 0;
}

static void step_rename(void)
{
    struct thing *thing = any(true, true), *to = check_below(2) ? thing->parent : any(true, false);
    struct thing *target;
    struct fat_node *node, *at, *goes;
    char name[FAT_NAME_MAX];

    if (thing == root() || thing->gone || to->gone)
        return;
    make_name(name);
    target = find(to, name);
    node = open_thing(thing);
    at = open_thing(to);
    goes = target ? open_thing(target) : NULL;
    if (target && target != thing && check_below(4) == 0)
        CHECK_EQ(fat_rename(node, at, name, NULL), lies_in(to, thing) ? EINVAL : EEXIST);
    const int error = fat_rename(node, at, name, goes);
    fat_release(node);
    fat_release(at);
    if (goes)
        fat_release(goes);
    if (error == ENOSPC) {
        full++;
        return;
    }
    CHECK_EQ(error, expected_rename(thing, to, target));
    if (error)
        return;
    if (target && target != thing) {
        memcpy(name, target->name, sizeof name); /* a name that is taken over stays as it is */
        target->gone = true;
        if (!target->node)
            forget(target);
    }
    thing->parent = to;
    memcpy(thing->name, name, sizeof name);
}

/* ---- folders ---- */

struct listing {
    struct thing *folder;
    unsigned count, room;
    uint64_t next;
};

static bool tell(void *context, const char *name, enum fat_kind kind, uint64_t inode, uint64_t next)
{
    struct listing *listing = context;
    struct thing *thing = find(listing->folder, name);

    if (listing->room-- == 0)
        return false;
    CHECK(thing != NULL && inode != 0);
    CHECK_TEXT(name, thing->name);
    CHECK_EQ(kind == FAT_FOLDER, thing->folder);
    listing->count++;
    listing->next = next;
    return true;
}

static void check_folder(struct thing *folder)
{
    struct listing listing = {.folder = folder};
    struct fat_node *node = open_thing(folder);
    unsigned before, children = 0;

    do {
        before = listing.count;
        listing.room = (unsigned)check_below(5) + 1;
        CHECK_EQ(fat_entries(node, listing.next, tell, &listing), 0);
    } while (listing.count != before);
    fat_release(node);
    for (unsigned i = 1; i < THINGS; i++)
        children += things[i].used && !things[i].gone && things[i].parent == folder;
    CHECK_EQ(listing.count, children);
}

static void check_all(void)
{
    for (unsigned i = 0; i < THINGS; i++) {
        char name[FAT_NAME_MAX];
        struct fat_node *node;
        if (!things[i].used || things[i].gone)
            continue;
        if (things[i].folder)
            check_folder(&things[i]);
        else
            check_content(&things[i]);
        node = open_thing(&things[i]);
        CHECK_EQ(fat_name(node, name), 0);
        CHECK_TEXT(name, things[i].name);
        fat_release(node);
    }
}

static void remount(void)
{
    struct fat_space space;

    for (unsigned i = 1; i < THINGS; i++)
        if (things[i].used)
            close_thing(&things[i]);
    CHECK_EQ(fat_sync(fat), 0);
    CHECK_EQ(fat_unmount(fat), 0);
    fat = image_mount(card);
    CHECK_EQ(fat_space(fat, &space), 0);
    CHECK(!space.was_dirty && !space.damaged);
}

static void step(void)
{
    switch (check_below(24)) {
    case 0:
    case 1:
    case 2:
    case 3: step_create(); break;
    case 4:
    case 5:
    case 6: step_write(); break;
    case 7:
    case 8: step_resize(); break;
    case 9:
    case 10:
    case 11: step_read(); break;
    case 12:
    case 13:
    case 14: step_remove(); break;
    case 15:
    case 16:
    case 17:
    case 18: step_rename(); break;
    case 19: CHECK_EQ(fat_sync(fat), 0); break;
    case 20: check_folder(root()); break;
    case 21:
    case 22: {
        struct thing *thing = any(true, true);
        if (thing->node)
            close_thing(thing);
        break;
    }
    default:
        if (check_below(10) == 0)
            remount();
    }
}

/* What is left when everything has gone is what there was. */
static void check_space(uint32_t free_before)
{
    struct fat_space space;
    bool some = true;

    while (some) {
        some = false;
        for (unsigned i = 1; i < THINGS; i++) {
            struct fat_node *node;
            if (!things[i].used || has_children(&things[i]))
                continue;
            some = true;
            node = open_thing(&things[i]);
            CHECK_EQ(fat_remove(node), 0);
            fat_release(node);
            forget(&things[i]);
        }
    }
    CHECK_EQ(fat_sync(fat), 0);
    CHECK_EQ(fat_space(fat, &space), 0);
    if (space.type != 32) /* there the root may have grown */
        CHECK_EQ(space.free, free_before);
    else
        CHECK(space.free + 8 >= free_before);
}

static void run(unsigned number, unsigned steps)
{
    static const struct {
        uint64_t size;
        uint32_t type, sector, cluster;
    } shapes[] = {{300 << 10, 12, 512, 512}, {3 << 20, 12, 512, 2048},
                  {5 << 20, 16, 512, 512},   {40 << 20, 16, 4096, 4096},
                  {2 << 20, 32, 512, 512},   {36 << 20, 32, 512, 512},
                  {9 << 20, 16, 1024, 2048}, {8 << 20, 32, 4096, 4096},
                  {4 << 20, 12, 2048, 65536}};
    const unsigned shape = number % (sizeof shapes / sizeof *shapes);
    struct fat_space space;

    memset(things, 0, sizeof things);
    *root() = (struct thing){.used = true, .folder = true};
    card = image_make(shapes[shape].size, shapes[shape].type, shapes[shape].sector,
                      shapes[shape].cluster);
    fat = image_mount(card);
    CHECK_EQ(fat_space(fat, &space), 0);
    CHECK_EQ(space.type, shapes[shape].type);
    for (unsigned i = 0; i < steps; i++)
        step();
    check_all();
    remount();
    check_all();
    image_check_clean(card);
    check_space(space.free);
    CHECK_EQ(fat_unmount(fat), 0);
    image_check_clean(card);
    card_free(card);
}

int main(int argc, char **argv)
{
    unsigned runs = 27, steps = 1500;

    check_begin(argc, argv);
    for (int i = 1; i < argc; i++)
        if (sscanf(argv[i], "runs=%u", &runs) != 1)
            (void)sscanf(argv[i], "steps=%u", &steps);
    image_need_tools();
    for (unsigned i = 0; i < runs; i++)
        run(i, steps);
    printf("%lu times the disk was full\n", full);
    return check_end();
}
