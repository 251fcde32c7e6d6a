/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random operations against a model in memory, on several forms of file systems, with full disks, remounts and abandoned file systems after a sync; at the end all
 * contents are compared and e2fsck finds nothing.
 *
 *      test_model [steps=N]
 */
#include "check.h"
#include "images.h"
#include <errno.h>
#include <sys/stat.h>

enum { NODES = 120, ENTRIES = 200, FILE_MOST = 200000 };

struct node {
    ext4_ino ino; /* 0: free */
    bool folder;
    unsigned links, held;
    uint64_t size;
    uint8_t *data;
};

struct entry {
    unsigned folder, node;
    char name[EXT4_NAME + 1]; /* "": free */
};

static struct node nodes[NODES]; /* 0 is the root */
static struct entry entries[ENTRIES];
static struct card *card;
static struct ext4 *fs;
static unsigned long counts[16], full;

static const struct ext4_attributes file_mode = {.mode = S_IFREG | 0600};
static const struct ext4_attributes folder_mode = {.mode = S_IFDIR | 0700};

/* ---- the model ---- */

static unsigned random_node(bool folder)
{
    for (unsigned tries = 0; tries < 1000; tries++) {
        const unsigned n = (unsigned)check_below(NODES);

        if (nodes[n].ino != 0 && nodes[n].folder == folder && nodes[n].links > 0)
            return n;
    }
    return 0;
}

static struct entry *random_entry(void)
{
    for (unsigned tries = 0; tries < 1000; tries++) {
        struct entry *entry = &entries[check_below(ENTRIES)];

        if (entry->name[0] != 0)
            return entry;
    }
    return NULL;
}

static struct entry *find_entry(unsigned folder, const char *name)
{
    for (unsigned i = 0; i < ENTRIES; i++)
        if (entries[i].name[0] != 0 && entries[i].folder == folder &&
            strcmp(entries[i].name, name) == 0)
            return &entries[i];
    return NULL;
}

static struct entry *free_entry(void)
{
    for (unsigned i = 0; i < ENTRIES; i++)
        if (entries[i].name[0] == 0)
            return &entries[i];
    return NULL;
}

static unsigned free_node(void)
{
    for (unsigned i = 1; i < NODES; i++)
        if (nodes[i].ino == 0)
            return i;
    return 0;
}

static bool is_empty(unsigned folder)
{
    for (unsigned i = 0; i < ENTRIES; i++)
        if (entries[i].name[0] != 0 && entries[i].folder == folder)
            return false;
    return true;
}

static void random_name(char *name)
{
    const unsigned length = check_below(20) == 0 ? EXT4_NAME : 1 + (unsigned)check_below(40);

    for (unsigned i = 0; i < length; i++) {
        do
            name[i] =
                (char)(check_below(8) ? 'a' + (int)check_below(4) : 1 + (int)check_below(255));
        while (name[i] == '/' || name[i] == '.');
    }
    name[length] = 0;
}

static void drop(unsigned n)
{
    struct node *node = &nodes[n];

    if (node->links > 0 || node->held > 0)
        return;
    free(node->data);
    *node = (struct node){0};
}

/* ---- operations ---- */

static void put_entry(struct entry *entry, unsigned folder, const char *name, unsigned node)
{
    entry->folder = folder;
    entry->node = node;
    strcpy(entry->name, name);
}

/* The name was to be made there. False: there is one already, or no room. */
static bool was_made(unsigned in, const char *name, int error)
{
    if (find_entry(in, name) != NULL) {
        CHECK_EQ(error, EEXIST);
        return false;
    }
    full += error == ENOSPC;
    if (error != ENOSPC)
        CHECK_EQ(error, 0);
    return error != ENOSPC;
}

static void make(bool folder)
{
    const unsigned in = random_node(true), n = free_node();
    struct entry *entry = free_entry();
    char name[EXT4_NAME + 1];
    ext4_ino ino;
    int error;

    random_name(name);
    if (n == 0 || entry == NULL)
        return;
    if (folder)
        error = ext4_mkdir(fs, nodes[in].ino, name_of(name), &folder_mode, &ino);
    else
        error = ext4_create(fs, nodes[in].ino, name_of(name), &file_mode, &ino);
    if (!was_made(in, name, error))
        return;
    nodes[n] = (struct node){.ino = ino, .folder = folder, .links = 1};
    put_entry(entry, in, name, n);
}

static void resize_model(struct node *node, uint64_t size)
{
    if (size > node->size) {
        node->data = realloc(node->data, size);
        CHECK(node->data != NULL);
        memset(node->data + node->size, 0, size - node->size);
    }
    node->size = size;
}

static void write_file(void)
{
    const unsigned n = random_node(false);
    struct node *node = &nodes[n];
    const uint64_t at = check_below(3) ? node->size : check_below(FILE_MOST);
    const size_t size = 1 + (size_t)check_below(check_below(2) ? 500 : 60000);
    uint8_t *data;
    size_t done;
    int error;

    if (n == 0 || node->folder || at + size > 2 * FILE_MOST)
        return;
    data = malloc(size);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)check_random();
    ext4_gather(fs, check_below(2));
    error = ext4_write(fs, node->ino, at, data, size, &done);
    CHECK(error == 0 || error == ENOSPC);
    CHECK(error != 0 || done == size);
    full += error != 0;
    if (done > 0) {
        if (at + done > node->size)
            resize_model(node, at + done);
        memcpy(node->data + at, data, done);
    }
    free(data);
}

static void truncate_file(void)
{
    const unsigned n = random_node(false);
    struct node *node = &nodes[n];
    const uint64_t size = check_below(3) ? check_below(node->size + 1) : check_below(FILE_MOST);

    if (n == 0 || node->folder)
        return;
    CHECK_EQ(ext4_truncate(fs, node->ino, size), 0);
    resize_model(node, size);
}

static void compare_file(unsigned n)
{
    struct node *node = &nodes[n];
    struct ext4_attributes attributes;
    uint8_t *data = malloc(node->size + 1);
    size_t got;

    CHECK_EQ(ext4_get_attributes(fs, node->ino, &attributes), 0);
    if (!node->folder) {
        CHECK_EQ(attributes.size, node->size);
        CHECK_EQ(attributes.links, node->links);
        CHECK_EQ(ext4_read(fs, node->ino, 0, data, node->size + 1, &got), 0);
        CHECK_EQ(got, node->size);
        for (size_t i = 0; i < got; i++)
            if (data[i] != node->data[i]) {
                fprintf(stderr, "inode %u, byte %zu of %zu\n", node->ino, i, got);
                CHECK_EQ(data[i], node->data[i]);
            }
    }
    free(data);
}

static void remove_entry(struct entry *entry)
{
    const unsigned n = entry->node;
    const bool folder = nodes[n].folder;
    int error;

    if (folder)
        error = ext4_rmdir(fs, nodes[entry->folder].ino, name_of(entry->name));
    else
        error = ext4_unlink(fs, nodes[entry->folder].ino, name_of(entry->name));
    if (folder && !is_empty(n)) {
        CHECK_EQ(error, ENOTEMPTY);
        return;
    }
    CHECK_EQ(error, 0);
    entry->name[0] = 0;
    nodes[n].links--;
    drop(n);
}

static void link_file(void)
{
    const unsigned n = random_node(false), in = random_node(true);
    struct entry *entry = free_entry();
    char name[EXT4_NAME + 1];
    int error;

    random_name(name);
    if (n == 0 || nodes[n].folder || entry == NULL)
        return;
    error = ext4_link(fs, nodes[n].ino, nodes[in].ino, name_of(name));
    if (!was_made(in, name, error))
        return;
    put_entry(entry, in, name, n);
    nodes[n].links++;
}

/* Whether `folder` is or lies in `in`. */
static bool lies_in(unsigned folder, unsigned in)
{
    while (folder != 0 && folder != in)
        for (unsigned i = 0; i < ENTRIES; i++)
            if (entries[i].name[0] != 0 && entries[i].node == folder) {
                folder = entries[i].folder;
                break;
            }
    return folder == in;
}

static int rename_error(const struct entry *entry, unsigned in, const struct entry *old)
{
    const struct node *node = &nodes[entry->node];

    if (old != NULL && old->node == entry->node)
        return 0;
    if (old != NULL && nodes[old->node].folder != node->folder)
        return node->folder ? ENOTDIR : EISDIR;
    if (old != NULL && node->folder && !is_empty(old->node))
        return ENOTEMPTY;
    return node->folder && lies_in(in, entry->node) ? EINVAL : 0;
}

static void rename_entry(void)
{
    struct entry *entry = random_entry(), *old = check_below(2) ? random_entry() : NULL;
    unsigned in = old != NULL ? old->folder : random_node(true);
    char name[EXT4_NAME + 1];
    int error, expected;

    if (entry == NULL)
        return;
    random_name(name);
    if (old != NULL)
        strcpy(name, old->name);
    old = find_entry(in, name);
    expected = rename_error(entry, in, old);
    error = ext4_rename(fs, nodes[entry->folder].ino, name_of(entry->name), nodes[in].ino,
                        name_of(name));
    full += error == ENOSPC;
    if (error == ENOSPC)
        return;
    CHECK_EQ(error, expected);
    if (error != 0 || (old != NULL && old->node == entry->node))
        return;
    if (old != NULL) {
        old->name[0] = 0;
        nodes[old->node].links--;
        drop(old->node);
    }
    put_entry(entry, in, name, entry->node);
}

static void hold_or_release(void)
{
    const unsigned n = (unsigned)check_below(NODES);

    if (n == 0 || nodes[n].ino == 0 || nodes[n].folder)
        return;
    if (nodes[n].held > 0) {
        compare_file(n);
        CHECK_EQ(ext4_release(fs, nodes[n].ino), 0);
        nodes[n].held--;
        drop(n);
    } else {
        CHECK_EQ(ext4_hold(fs, nodes[n].ino), 0);
        nodes[n].held++;
    }
}

/* ---- comparing ---- */

struct listing {
    unsigned folder, count;
};

static bool note(void *context, struct ext4_name name, ext4_ino ino, unsigned type, uint64_t cursor)
{
    struct listing *listing = context;
    char text[EXT4_NAME + 1];
    struct entry *entry;

    (void)type;
    (void)cursor;
    memcpy(text, name.text, name.length);
    text[name.length] = 0;
    if (text[0] == '.' || strcmp(text, "lost+found") == 0)
        return true;
    entry = find_entry(listing->folder, text);
    CHECK(entry != NULL);
    CHECK_EQ(nodes[entry->node].ino, ino);
    listing->count++;
    return true;
}

static void compare_all(void)
{
    for (unsigned n = 0; n < NODES; n++) {
        struct listing listing = {.folder = n};
        unsigned wanted = 0;

        if (nodes[n].ino == 0)
            continue;
        compare_file(n);
        if (!nodes[n].folder)
            continue;
        CHECK_EQ(ext4_readdir(fs, nodes[n].ino, 0, note, &listing), 0);
        for (unsigned i = 0; i < ENTRIES; i++)
            wanted += entries[i].name[0] != 0 && entries[i].folder == n;
        CHECK_EQ(listing.count, wanted);
    }
}

static void remount(void)
{
    const bool cut = check_below(2) == 0;

    if (cut) {
        CHECK_EQ(ext4_sync(fs), 0);
        ext4_abandon(fs);
    } else {
        CHECK_EQ(ext4_unmount(fs), 0);
    }
    for (unsigned n = 0; n < NODES; n++) {
        nodes[n].held = 0;
        if (nodes[n].ino != 0 && n != 0)
            drop(n);
    }
    if (check_below(4) == 0)
        CHECK(cut ? image_is_clean_for_linux(card) : true);
    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    compare_all();
}

static void step(void)
{
    const unsigned what = (unsigned)check_below(100);
    struct entry *entry;

    if (what < 20)
        make(false);
    else if (what < 26)
        make(true);
    else if (what < 50)
        write_file();
    else if (what < 58)
        truncate_file();
    else if (what < 72 && (entry = random_entry()) != NULL)
        remove_entry(entry);
    else if (what < 78)
        link_file();
    else if (what < 88)
        rename_entry();
    else if (what < 94)
        hold_or_release();
    else if (what < 97)
        CHECK_EQ(ext4_sync(fs), 0);
    else if (what == 97)
        CHECK_EQ(ext4_checkpoint(fs), 0);
    else if (check_below(20) == 0)
        remount();
    counts[what / 10]++;
}

static void one_form(const char *arguments, unsigned kibibytes, unsigned long steps)
{
    card = image_make(kibibytes, arguments);
    memset(entries, 0, sizeof(entries));
    nodes[0] = (struct node){.ino = EXT4_ROOT, .folder = true, .links = 1};
    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    while (steps-- > 0)
        step();
    CHECK_TEXT(ext4_problem(fs), "");
    compare_all();
    CHECK_EQ(ext4_unmount(fs), 0);
    CHECK(image_is_clean(card));
    for (unsigned n = 0; n < NODES; n++) {
        free(nodes[n].data);
        nodes[n] = (struct node){0};
    }
    card_free(card);
}

int main(int argc, char **argv)
{
    unsigned long steps = 2000;

    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "steps=", 6) == 0)
            steps = strtoul(argv[i] + 6, NULL, 0);
    check_begin(argc, argv);
    one_form("-t ext4 -b 1024 -J size=1", 3000, steps);
    one_form("-t ext4 -b 4096 -J size=4", 16384, steps);
    one_form("-t ext4 -b 1024 -O ^flex_bg,^64bit,^metadata_csum -g 1024 -J size=1", 4096, steps);
    one_form("-t ext3 -b 1024 -I 128 -J size=1 -m 0", 3000, steps);
    printf("%lu operations found no room\n", full);
    return check_end();
}
