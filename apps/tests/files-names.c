/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names: folders, links of both kinds, rename, remove, walks, lists.
 */
#include "files.h"
#include <stddef.h>
#include <wharf/file_entry.h>

static void check_made(void)
{
    struct file_attributes a;
    kern_return_t error;

    CHECK_EQUAL(make_at(root, "/tmp/d", FILE_KIND_FOLDER, ""), KERN_SUCCESS);
    CHECK_EQUAL(make_at(root, "/tmp/d", FILE_KIND_FOLDER, ""), unix_error(EEXIST));
    CHECK_EQUAL(make_at(root, "/tmp/none/d", FILE_KIND_FOLDER, ""), unix_error(ENOENT));
    CHECK_EQUAL(look_at(root, "tmp//d/.", &a), KERN_SUCCESS);
    CHECK_EQUAL(a.kind, FILE_KIND_FOLDER);
    CHECK_EQUAL(a.links, 2);
    CHECK_EQUAL(look_at(root, "/../tmp/d/../d", &a), KERN_SUCCESS);
    close_file(open_file("/tmp/d/f", FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE));
    try_open(root, "/tmp/d/f", FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE, &error);
    CHECK_EQUAL(error, unix_error(EEXIST));
    try_open(root, "/tmp/d/f/", FILE_READ, &error);
    CHECK_EQUAL(error, unix_error(ENOTDIR));
    try_open(root, "/tmp/d/f/x", FILE_READ, &error);
    CHECK_EQUAL(error, unix_error(ENOTDIR));
    try_open(root, "/tmp/d", FILE_WRITE, &error);
    CHECK_EQUAL(error, unix_error(EISDIR));
    CHECK_EQUAL(remove_at(root, "/tmp/d", true), unix_error(ENOTEMPTY));
    CHECK_EQUAL(remove_at(root, "/tmp/d", false), unix_error(EISDIR));
    CHECK_EQUAL(remove_at(root, "/tmp/d/f", true), unix_error(ENOTDIR));
}

static void check_links(void)
{
    struct file_attributes a, b;
    char content[FILE_PATH_MAX], rest[FILE_PATH_MAX];
    mach_port_name_t port;
    uint32_t outcome;

    CHECK_EQUAL(link_at(root, "/tmp/d/f", "/tmp/d/g"), KERN_SUCCESS);
    CHECK_EQUAL(look_at(root, "/tmp/d/f", &a), KERN_SUCCESS);
    CHECK_EQUAL(look_at(root, "/tmp/d/g", &b), KERN_SUCCESS);
    CHECK_EQUAL(a.inode, b.inode);
    CHECK_EQUAL(b.links, 2);
    CHECK_EQUAL(link_at(root, "/tmp/d", "/tmp/e"), unix_error(EPERM));
    CHECK_EQUAL(make_at(root, "/tmp/d/s", FILE_KIND_LINK, "../d/./g"), KERN_SUCCESS);
    CHECK_EQUAL(look_at(root, "/tmp/d/s", &b), KERN_SUCCESS);
    CHECK_EQUAL(a.inode, b.inode);
    CHECK_EQUAL(file_read_link(root, "/tmp/d/s", &outcome, &port, content, rest), KERN_SUCCESS);
    CHECK(strcmp(content, "../d/./g") == 0);
    CHECK_EQUAL(make_at(root, "/tmp/d/loop", FILE_KIND_LINK, "loop"), KERN_SUCCESS);
    CHECK_EQUAL(look_at(root, "/tmp/d/loop", &b), unix_error(ELOOP));
    CHECK_EQUAL(make_at(root, "/tmp/d/abs", FILE_KIND_LINK, "/tmp/d"), KERN_SUCCESS);
    CHECK_EQUAL(file_look(root, "/tmp/d/abs/g", false, &outcome, &port, &b, rest), KERN_SUCCESS);
    CHECK_EQUAL(outcome, FILE_OUTCOME_FROM_ROOT);
    CHECK(strcmp(rest, "/tmp/d/g") == 0);
    CHECK_EQUAL(remove_at(root, "/tmp/d/abs", false), KERN_SUCCESS);
    CHECK_EQUAL(remove_at(root, "/tmp/d/loop", false), KERN_SUCCESS);
    CHECK_EQUAL(remove_at(root, "/tmp/d/s", false), KERN_SUCCESS);
}

static void check_renames(void)
{
    struct file_attributes a;

    CHECK_EQUAL(make_at(root, "/tmp/d/x", FILE_KIND_FOLDER, ""), KERN_SUCCESS);
    CHECK_EQUAL(rename_at(root, "/tmp/d", "/tmp/d/x/y"), unix_error(EINVAL));
    CHECK_EQUAL(rename_at(root, "/tmp/d/f", "/tmp/d/x"), unix_error(EISDIR));
    CHECK_EQUAL(rename_at(root, "/tmp/d/x", "/tmp/d/f"), unix_error(ENOTDIR));
    CHECK_EQUAL(rename_at(root, "/tmp/d/f", "/tmp/d/x/f"), KERN_SUCCESS);
    CHECK_EQUAL(look_at(root, "/tmp/d/f", &a), unix_error(ENOENT));
    CHECK_EQUAL(rename_at(root, "/tmp/d/g", "/tmp/d/x/f"),
                KERN_SUCCESS); /* the same file: nothing */
    CHECK_EQUAL(look_at(root, "/tmp/d/g", &a), KERN_SUCCESS);
    CHECK_EQUAL(rename_at(root, "/tmp/d/x", "/tmp/z"), KERN_SUCCESS);
    CHECK_EQUAL(look_at(root, "/tmp/z/../z/f", &a), KERN_SUCCESS);
    CHECK_EQUAL(remove_at(root, "/tmp/z/f", false), KERN_SUCCESS);
    CHECK_EQUAL(remove_at(root, "/tmp/z", true), KERN_SUCCESS);
    CHECK_EQUAL(remove_at(root, "/tmp/d/g", false), KERN_SUCCESS);
}

enum { NAMES = 300 };

static void name_of(char *out, unsigned i)
{
    format_text(out, FILE_NAME_MAX, "/tmp/d/name-%u", i);
}

/* Every name once, while every second one is removed meanwhile. */
static void check_list(void)
{
    uint8_t names[FILE_DATA_MAX], seen[NAMES] = {0};
    char path[FILE_NAME_MAX];
    uint64_t position = 0;
    uint32_t size = 0;
    unsigned dots = 0, calls = 0;
    const mach_port_name_t folder = open_file("/tmp/d", FILE_READ | FILE_DIRECTORY);

    for (unsigned i = 0; i < NAMES; i++) {
        name_of(path, i);
        close_file(open_file(path, FILE_WRITE | FILE_CREATE));
    }
    do {
        CHECK_EQUAL(file_entries(folder, position, &position, names, &size), KERN_SUCCESS);
        for (uint32_t at = 0; at < size;) {
            const struct file_entry *entry = (const struct file_entry *)(names + at);
            const char *name = (const char *)entry + offsetof(struct file_entry, name);
            if (name[0] == '.')
                dots++;
            unsigned number = 0;
            for (const char *digit = name + 5; name[0] != '.' && *digit; digit++)
                number = number * 10 + (unsigned)(*digit - '0');
            if (name[0] != '.' && CHECK(number < NAMES))
                seen[number]++;
            at += entry->size;
        }
        calls++;
        if (calls == 1)
            for (unsigned i = 0; i < NAMES; i += 2) {
                name_of(path, i);
                CHECK_EQUAL(remove_at(root, path, false), KERN_SUCCESS);
            }
    } while (size != 0);
    CHECK_EQUAL(dots, 2);
    for (unsigned i = 1; i < NAMES; i += 2)
        CHECK_EQUAL(seen[i], 1);
    for (unsigned i = 1; i < NAMES; i += 2) {
        name_of(path, i);
        CHECK_EQUAL(remove_at(root, path, false), KERN_SUCCESS);
    }
    CHECK_EQUAL(remove_at(root, "/tmp/d", true), KERN_SUCCESS);
    struct file_attributes a; /* the folder that was removed is still open */
    CHECK_EQUAL(look_at(folder, "..", &a), unix_error(ENOENT));
    CHECK_EQUAL(make_at(folder, "x", FILE_KIND_FOLDER, ""), unix_error(ENOENT));
    close_file(folder);
}

void test_files(void)
{
    check_made();
    check_links();
    check_renames();
    check_list();
}
