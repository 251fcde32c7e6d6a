/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The root of all when another server's root covers it (fs-srv/framework/root.c), from both sides.
 */
#include "../check.h"
#include "world.h"

static uint32_t outcome;
static mach_port_name_t elsewhere;
static char rest[FILE_PATH_MAX];

static kern_return_t make(const char *path, uint32_t kind, const char *content)
{
    return serve_make(world_message(world_root), path, kind, 0755, content, 0, &outcome, &elsewhere,
                      rest);
}

/* A path leaves for the port `to`, and goes on there with `left`; MSG_NULL: it stays. */
static void check_leaves(const char *path, mach_port_name_t to, const char *left)
{
    struct file_attributes a;

    CHECK_EQ(serve_look(world_message(world_root), path, false, &outcome, &elsewhere, &a, rest),
             KERN_SUCCESS);
    CHECK_EQ(outcome, to != MSG_NULL ? FILE_OUTCOME_ELSEWHERE : FILE_OUTCOME_DONE);
    CHECK_EQ(elsewhere, to);
    CHECK_TEXT(rest, left);
    if (elsewhere != MSG_NULL)
        world_close(elsewhere);
}

/* Another server's root covers the root of all: but for some names. */
static void test_root_covered(void)
{
    uint8_t paths[FILE_DATA_MAX];
    uint32_t next, size;

    CHECK(world_begin(1 << 20, 100, NULL, 0));
    world_server.is_top = true;
    const mach_port_name_t other = world_foreign();
    CHECK_EQ(serve_mount(world_message(world_root), "/", other, &outcome, &elsewhere, rest),
             KERN_SUCCESS);
    world_settle();
    CHECK_EQ(serve_mount(world_message(world_root), "/", other, &outcome, &elsewhere, rest),
             unix_error(EBUSY));
    check_leaves("/", other, ".");
    check_leaves(".", other, ".");
    check_leaves("/bin/sh", other, "bin/sh");
    check_leaves("/nothing", other, "nothing");
    check_leaves("/deva/x", other, "deva/x");
    check_leaves("/../bin", other, "../bin");
    check_leaves("/dev", MSG_NULL, "");
    check_leaves("dev/null", MSG_NULL, "");
    check_leaves("/tmp/", MSG_NULL, "");
    check_leaves("/tmp/..", other, ".");
    check_leaves("/tmp/../../etc/x", other, "../etc/x");
    check_leaves("/tmp/../proc", MSG_NULL, "");
    CHECK_EQ(make("new", FILE_KIND_FOLDER, ""), KERN_SUCCESS);
    CHECK_EQ(outcome, FILE_OUTCOME_ELSEWHERE);
    CHECK_TEXT(rest, "new");
    world_close(elsewhere);
    CHECK_EQ(make("/", FILE_KIND_FOLDER, ""), unix_error(EEXIST));
    CHECK_EQ(serve_mounts(world_message(world_root), 0, &next, paths, &size), KERN_SUCCESS);
    CHECK_TEXT((const char *)paths, "/");
    CHECK_EQ(serve_unmount(world_message(world_root), "/", &outcome, &elsewhere, rest),
             KERN_SUCCESS);
    check_leaves("/bin", MSG_NULL, "");
    const mach_port_name_t third = world_foreign();
    CHECK_EQ(serve_mount(world_message(world_root), "/", third, &outcome, &elsewhere, rest),
             KERN_SUCCESS);
    world_settle();
    world_die(third);
    check_leaves("/bin", MSG_NULL, "");
    world_end();
}

/* This server's root covers the root of all: some names are above it. */
static void test_root_covers(void)
{
    CHECK(world_begin(1 << 20, 100, NULL, 0));
    world_server.is_over_top = true;
    check_leaves("/dev/null", MSG_NULL, ""); /* nobody has told where it is mounted */
    const mach_port_name_t above = world_foreign();
    CHECK_EQ(serve_mounted(world_message(world_root), above), KERN_SUCCESS);
    check_leaves("/dev/null", above, "dev/null");
    check_leaves("/bin/../tmp/", above, "tmp/");
    check_leaves("mnt", above, "mnt");
    check_leaves("/", MSG_NULL, "");
    check_leaves("/etc", MSG_NULL, "");
    check_leaves("/..", MSG_NULL, ""); /* it is the root of all */
    check_leaves("/../bin/../../etc", MSG_NULL, "");
    check_leaves("/../../dev/..", above, "dev/..");
    CHECK_EQ(serve_mount(world_message(world_root), "/", world_root, &outcome, &elsewhere, rest),
             unix_error(EBUSY));
    world_die(above);
    check_leaves("/dev/null", MSG_NULL, "");
    world_end();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_root_covered();
    test_root_covers();
    return check_end();
}
