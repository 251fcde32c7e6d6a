/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the model does not have: mounts, pipes and waits, limits, hostile arguments; and every allocation that fails once, in a row of operations that uses all.
 */
#include "../check.h"
#include "world.h"
#include <wharf/if/vm.h>

static uint32_t outcome, which;
static mach_port_name_t elsewhere;
static char rest[FILE_PATH_MAX];

static kern_return_t make(const char *path, uint32_t kind, const char *content)
{
    return serve_make(world_message(world_root), path, kind, 0755, content, 0, &outcome, &elsewhere,
                      rest);
}

static kern_return_t open_path(const char *path, uint32_t flags, mach_port_name_t *out)
{
    return serve_open(world_message(world_root), path, flags, 0644, 0, &outcome, out, rest);
}

/* ---- mounts ---- */

static void test_mounts(void)
{
    struct file_attributes a;
    uint8_t paths[FILE_DATA_MAX];
    uint32_t next, size;

    CHECK(world_begin(1 << 20, 100, NULL, 0));
    const mach_port_name_t other = world_foreign();
    CHECK_EQ(make("home/m", FILE_KIND_FOLDER, ""), KERN_SUCCESS);
    CHECK_EQ(serve_mount(world_message(world_root), "home/m", other, &outcome, &elsewhere, rest),
             KERN_SUCCESS);
    world_settle();
    CHECK_EQ(serve_mount(world_message(world_root), "home/m", other, &outcome, &elsewhere, rest),
             unix_error(EBUSY));
    CHECK_EQ(serve_look(world_message(world_root), "/home/./m//x/../y/", false, &outcome,
                        &elsewhere, &a, rest),
             KERN_SUCCESS);
    CHECK_EQ(outcome, FILE_OUTCOME_ELSEWHERE);
    CHECK_EQ(elsewhere, other);
    CHECK_TEXT(rest, "x/../y/");
    world_close(elsewhere);
    CHECK_EQ(serve_look(world_message(world_root), "home/m", false, &outcome, &elsewhere, &a, rest),
             KERN_SUCCESS);
    CHECK_TEXT(rest, "");
    world_close(elsewhere);
    CHECK_EQ(serve_remove(world_message(world_root), "home/m", true, 0, &outcome, &elsewhere, rest),
             unix_error(EBUSY));
    const kern_return_t busy = serve_rename(world_message(world_root), "home/m", world_second(),
                                            "home/n", true, 0, &outcome, &elsewhere, &which, rest);
    world_second_done(busy);
    CHECK_EQ(busy, unix_error(EBUSY));
    CHECK_EQ(make("home/m", FILE_KIND_FOLDER, ""), unix_error(EEXIST));
    CHECK_EQ(serve_mounts(world_message(world_root), 0, &next, paths, &size), KERN_SUCCESS);
    CHECK_TEXT((const char *)paths, "/home/m");
    CHECK_EQ(serve_mounts(world_message(world_root), next, &next, paths, &size), KERN_SUCCESS);
    CHECK_EQ(size, 0);
    world_die(other); /* it is uncovered, and everything given back */
    CHECK_EQ(world_rights(other), 0);
    CHECK_EQ(serve_look(world_message(world_root), "home/m", false, &outcome, &elsewhere, &a, rest),
             KERN_SUCCESS);
    CHECK_EQ(outcome, FILE_OUTCOME_DONE);
    world_end();
}

/* A link that stands for who walks: he goes on at the folder that holds it, which is not the one he began at. */
static void test_caller(void)
{
    struct file_attributes a;
    char content[FILE_PATH_MAX];

    CHECK(world_begin(1 << 20, 100, NULL, 0));
    CHECK_EQ(make("home/self", FILE_KIND_LINK, "x"), KERN_SUCCESS);
    CHECK_EQ(make("home/7", FILE_KIND_FOLDER, ""), KERN_SUCCESS);
    folder_find(folder_find(world_fs.root, "home")->node, "self")->node->node.names_caller = true;
    CHECK_EQ(open_path("home/self//a/b", FILE_READ, &elsewhere), KERN_SUCCESS);
    CHECK_EQ(outcome, FILE_OUTCOME_CALLER);
    CHECK_TEXT(rest, "a/b");
    CHECK_EQ(serve_look(world_message(elsewhere), "7", false, &outcome, &which, &a, rest),
             KERN_SUCCESS);
    CHECK_EQ(outcome, FILE_OUTCOME_DONE);
    CHECK_EQ(a.kind, FILE_KIND_FOLDER);
    world_close(elsewhere);
    CHECK_EQ(serve_look(world_message(world_root), "home/self", true, &outcome, &elsewhere, &a,
                        rest),
             KERN_SUCCESS);
    CHECK(outcome == FILE_OUTCOME_DONE && a.kind == FILE_KIND_LINK && elsewhere == MSG_NULL);
    CHECK_EQ(serve_look(world_message(world_root), "home/self/", true, &outcome, &elsewhere, &a,
                        rest),
             KERN_SUCCESS);
    CHECK_EQ(outcome, FILE_OUTCOME_CALLER);
    CHECK_TEXT(rest, ".");
    world_close(elsewhere);
    CHECK_EQ(serve_read_link(world_message(world_root), "home/self", &outcome, &elsewhere, content,
                             rest),
             KERN_SUCCESS);
    CHECK_EQ(outcome, FILE_OUTCOME_CALLER);
    CHECK_TEXT(rest, "");
    world_close(elsewhere);
    world_fail_at(1);
    CHECK_EQ(open_path("home/self/a", FILE_READ, &elsewhere), unix_error(ENFILE));
    world_fail_at(0);
    world_end();
}

/* This server below another one; and a mount that is taken away. */
static void test_mounted(void)
{
    struct file_attributes a;

    CHECK(world_begin(1 << 20, 100, NULL, 0));
    const mach_port_name_t above = world_foreign();
    CHECK_EQ(serve_mounted(world_message(world_root), above), KERN_SUCCESS);
    CHECK_EQ(serve_mounted(world_message(world_root), above), unix_error(EBUSY));
    CHECK_EQ(serve_look(world_message(world_root), "home/../../x", false, &outcome, &elsewhere, &a,
                        rest),
             KERN_SUCCESS);
    CHECK_EQ(outcome, FILE_OUTCOME_ELSEWHERE);
    CHECK_EQ(elsewhere, above);
    CHECK_TEXT(rest, "x");
    world_close(elsewhere);
    world_die(above);
    CHECK_EQ(serve_look(world_message(world_root), "home/../../home", false, &outcome, &elsewhere,
                        &a, rest),
             KERN_SUCCESS);
    CHECK_EQ(outcome, FILE_OUTCOME_DONE);
    /* Mounted, and taken away. */
    const mach_port_name_t third = world_foreign();
    CHECK_EQ(serve_mount(world_message(world_root), "etc", third, &outcome, &elsewhere, rest),
             KERN_SUCCESS);
    world_settle();
    CHECK_EQ(serve_unmount(world_message(world_root), "etc", &outcome, &elsewhere, rest),
             KERN_SUCCESS);
    CHECK_EQ(serve_unmount(world_message(world_root), "etc", &outcome, &elsewhere, rest),
             unix_error(EINVAL));
    world_end();
}

/* ---- walks ---- */

static void test_walks(void)
{
    char path[FILE_PATH_MAX], name[16];
    struct file_attributes a;

    CHECK(world_begin(1 << 20, 100, NULL, 0));
    for (int i = 0; i < 45; i++) { /* a chain of links */
        snprintf(name, sizeof(name), "tmp/%d", i);
        snprintf(path, sizeof(path), "%d", i + 1);
        CHECK_EQ(make(name, FILE_KIND_LINK, path), KERN_SUCCESS);
    }
    CHECK_EQ(make("tmp/45", FILE_KIND_FOLDER, ""), KERN_SUCCESS);
    CHECK_EQ(serve_look(world_message(world_root), "tmp/5", false, &outcome, &elsewhere, &a, rest),
             KERN_SUCCESS);
    CHECK_EQ(serve_look(world_message(world_root), "tmp/4", false, &outcome, &elsewhere, &a, rest),
             unix_error(ELOOP));
    memset(path, 'n', sizeof(path) - 1);
    path[FILE_NAME_MAX] = '\0';
    CHECK_EQ(make(path, FILE_KIND_FOLDER, ""), unix_error(ENAMETOOLONG));
    path[FILE_NAME_MAX - 1] = '\0';
    CHECK_EQ(make(path, FILE_KIND_FOLDER, ""), KERN_SUCCESS);
    memset(path, '/', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    memcpy(path + sizeof(path) - 4, "tmp", 3);
    CHECK_EQ(serve_look(world_message(world_root), path, false, &outcome, &elsewhere, &a, rest),
             KERN_SUCCESS);
    /* A link whose content and what follows it are too long together. */
    memset(path, 'x', 1000);
    for (int i = 100; i < 1000; i += 100)
        path[i] = '/';
    path[1000] = '\0';
    CHECK_EQ(make("tmp/long", FILE_KIND_LINK, path), KERN_SUCCESS);
    CHECK_EQ(serve_look(world_message(world_root), "tmp/long/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                        false, &outcome, &elsewhere, &a, rest),
             unix_error(ENAMETOOLONG));
    world_end();
}

/* ---- pipes and waits ---- */

static void test_pipes(void)
{
    uint8_t data[FILE_DATA_MAX], back[FILE_DATA_MAX], model[1 << 15];
    mach_port_name_t reader, writer;
    uint32_t n = 0, count = 0, holding;

    CHECK(world_begin(1 << 20, 100, NULL, 0));
    CHECK_EQ(serve_make_pipe(world_message(world_root), 0, &reader, &writer), KERN_SUCCESS);
    for (unsigned i = 0; i < 20000; i++) { /* a queue of bytes is the model */
        const uint32_t size = 1 + (uint32_t)check_below(check_below(2) ? 50 : FILE_DATA_MAX);
        if (check_below(2)) {
            for (uint32_t k = 0; k < size; k++)
                data[k] = (uint8_t)check_random();
            const kern_return_t kr =
                serve_write(world_message(writer), FILE_CURRENT, data, size, &n);
            if (count + size > PIPE_SIZE) {
                CHECK_EQ(kr, unix_error(EAGAIN));
            } else {
                CHECK_EQ(kr, KERN_SUCCESS);
                CHECK_EQ(n, size);
                memcpy(model + count, data, size);
                count += size;
            }
        } else {
            const kern_return_t kr =
                serve_read(world_message(reader), FILE_CURRENT, size, back, &n);
            CHECK_EQ(kr, count == 0 ? unix_error(EAGAIN) : KERN_SUCCESS);
            if (count != 0) {
                CHECK_EQ(n, size < count ? size : count);
                CHECK(memcmp(back, model, n) == 0);
                memmove(model, model + n, count - n);
                count -= n;
            }
        }
        CHECK_EQ(serve_poll(world_message(reader), FILE_READABLE, &holding), KERN_SUCCESS);
        CHECK_EQ(holding, count ? FILE_READABLE : 0);
    }
    world_close(reader);
    world_close(writer);
    world_end();
}

static void test_waits(void)
{
    uint8_t back[8];
    mach_port_name_t reader, writer;
    uint32_t n = 0, holding;

    CHECK(world_begin(1 << 20, 100, NULL, 0));
    CHECK_EQ(serve_make_pipe(world_message(world_root), 0, &reader, &writer), KERN_SUCCESS);
    /* Two threads wait with one token; one event answers both, and closing answers who is left. */
    const unsigned before = world_answers;
    CHECK_EQ(serve_wait(world_message(reader), FILE_READABLE, 5, &holding), MIG_NO_REPLY);
    CHECK_EQ(serve_wait(world_message(reader), FILE_READABLE, 5, &holding), MIG_NO_REPLY);
    CHECK_EQ(serve_watch(world_message(reader), FILE_READABLE, 5, world_foreign()), KERN_SUCCESS);
    CHECK_EQ(serve_watch(world_message(reader), FILE_READABLE, 5, world_foreign()),
             KERN_SUCCESS); /* in its place */
    CHECK_EQ(serve_write(world_message(writer), FILE_CURRENT, "x", 1, &n), KERN_SUCCESS);
    CHECK_EQ(world_answers, before + 3);
    CHECK_EQ(world_last_holding, FILE_READABLE);
    CHECK_EQ(serve_read(world_message(reader), FILE_CURRENT, 1, back, &n), KERN_SUCCESS);
    CHECK_EQ(serve_wait(world_message(reader), 0, 5, &holding), MIG_NO_REPLY);
    world_close(writer);
    CHECK_EQ(world_answers, before + 4);
    CHECK_EQ(world_last_holding, FILE_HANG_UP);
    world_close(reader);
    /* No more waits than the limit; dead ones make room. */
    CHECK_EQ(serve_make_pipe(world_message(world_root), 0, &reader, &writer), KERN_SUCCESS);
    for (unsigned i = 0; i < 32; i++) /* half of what there is */
        CHECK_EQ(serve_wait(world_message(reader), FILE_READABLE, i, &holding), MIG_NO_REPLY);
    CHECK_EQ(serve_wait(world_message(reader), FILE_READABLE, 64, &holding), unix_error(ENOMEM));
    CHECK_EQ(serve_wait(world_message(world_root), FILE_URGENT, 1, &holding),
             unix_error(EINVAL)); /* never */
    CHECK_EQ(serve_wait(world_message(world_root), FILE_READABLE, 1, &holding), KERN_SUCCESS);
    world_lose_answers();
    CHECK_EQ(serve_wait(world_message(reader), FILE_READABLE, 64, &holding), MIG_NO_REPLY);
    CHECK_EQ(world_server.waiting, 1);
    CHECK_EQ(serve_set_flags(world_message(reader), FILE_NONBLOCK), KERN_SUCCESS);
    CHECK_EQ(serve_wait(world_message(reader), FILE_READABLE, 64, &holding), unix_error(EAGAIN));
    world_close(reader);
    world_close(writer);
    world_end();
}

/* Who awaits bytes: they are his by the answer, in turn, or nobody's. */
static void test_awaits(void)
{
    uint8_t data[FILE_DATA_MAX];
    mach_port_name_t reader, writer;
    uint32_t n = 0, holding;

    CHECK(world_begin(1 << 20, 100, NULL, 0));
    CHECK_EQ(serve_make_pipe(world_message(world_root), 0, &reader, &writer), KERN_SUCCESS);
    const unsigned before = world_answers;
    CHECK_EQ(serve_await(world_message(reader), 2, 1, data, &n), MIG_NO_REPLY);
    CHECK_EQ(serve_await(world_message(reader), 8, 2, data, &n), MIG_NO_REPLY);
    CHECK_EQ(serve_await(world_message(reader), 8, 3, data, &n), MIG_NO_REPLY);
    CHECK_EQ(serve_write(world_message(writer), FILE_CURRENT, "abc", 3, &n), KERN_SUCCESS);
    CHECK_EQ(n, 3);
    CHECK_EQ(world_answers, before + 2);
    CHECK(world_last_size == 1 && world_last_data[0] == 'c');        /* the second's */
    CHECK_EQ(serve_abandon(world_message(reader), 2), KERN_SUCCESS); /* he had his */
    CHECK_EQ(serve_abandon(world_message(writer), 3), KERN_SUCCESS); /* another open */
    CHECK_EQ(world_answers, before + 2);
    CHECK_EQ(serve_abandon(world_message(reader), 3), KERN_SUCCESS);
    CHECK_EQ(world_answers, before + 3);
    CHECK_EQ(world_last_result, unix_error(EINTR));
    /* Who died takes nothing with him: at the end of the buffer, too, where it begins anew. */
    for (unsigned i = 0; i < 40; i++) {
        memset(data, (int)i, sizeof(data));
        CHECK_EQ(serve_await(world_message(reader), FILE_DATA_MAX, 1, data, &n), MIG_NO_REPLY);
        world_lose_answers();
        memset(data, (int)i, sizeof(data));
        CHECK_EQ(serve_write(world_message(writer), FILE_CURRENT, data, 3001, &n), KERN_SUCCESS);
        CHECK_EQ(world_server.waiting, 0);
        memset(data, 255, sizeof(data));
        CHECK_EQ(serve_read(world_message(reader), FILE_CURRENT, 3000, data, &n), KERN_SUCCESS);
        CHECK(n == 3000 && data[0] == i && data[2999] == i);
        CHECK_EQ(serve_await(world_message(reader), 8, 1, data, &n), KERN_SUCCESS); /* at once */
        CHECK(n == 1 && data[0] == i);
    }
    /* What is left to the dead one is the next one's. */
    CHECK_EQ(serve_await(world_message(reader), 8, 1, data, &n), MIG_NO_REPLY);
    world_lose_answers();
    CHECK_EQ(serve_await(world_message(reader), 8, 2, data, &n), MIG_NO_REPLY);
    CHECK_EQ(serve_write(world_message(writer), FILE_CURRENT, "xyz", 3, &n), KERN_SUCCESS);
    CHECK(world_last_size == 3 && memcmp(world_last_data, "xyz", 3) == 0);
    /* Ends: of the pipe, of the open; without waiting; at what cannot. */
    CHECK_EQ(serve_await(world_message(writer), 8, 1, data, &n), unix_error(EBADF));
    CHECK_EQ(serve_await(world_message(world_root), 8, 1, data, &n), KERN_NOT_SUPPORTED);
    CHECK_EQ(serve_await(world_message(reader), 8, 1, data, &n), MIG_NO_REPLY);
    world_close(writer);
    CHECK_EQ(world_last_result, KERN_SUCCESS);
    CHECK_EQ(world_last_size, 0);
    CHECK_EQ(serve_wait(world_message(reader), 0, 1, &holding), KERN_SUCCESS);
    world_close(reader);
    CHECK_EQ(serve_make_pipe(world_message(world_root), FILE_NONBLOCK, &reader, &writer),
             KERN_SUCCESS);
    CHECK_EQ(serve_await(world_message(reader), 8, 1, data, &n), unix_error(EAGAIN));
    world_close(reader);
    world_close(writer);
    world_end();
}

/* ---- every allocation fails once ---- */

static bool fine(kern_return_t kr)
{
    if (kr != KERN_SUCCESS && kr != MIG_NO_REPLY)
        CHECK(world_has_failed() && is_unix_error(kr));
    return kr == KERN_SUCCESS;
}

static void use_all(void)
{
    uint8_t data[FILE_DATA_MAX] = {1};
    mach_port_name_t file = MSG_NULL, reader, writer, entry;
    uint64_t offset, mapped;
    uint32_t n, holding;
    void *bulk;

    if (fine(open_path("tmp/f", FILE_READ | FILE_WRITE | FILE_CREATE, &file))) {
        for (unsigned i = 0; i < 8; i++)
            fine(serve_write(world_message(file), (int64_t)i * 3 * PAGE + 100, data, sizeof(data),
                             &n));
        if (fine(serve_map(world_message(file), 0, PAGE, VM_PROT_READ, false, &entry, &offset,
                           &mapped)))
            world_close(entry);
        if (fine(serve_read_bulk(world_message(file), 0, 5 * PAGE, &bulk, &n)) && n != 0)
            CHECK_EQ(vm_deallocate(1, (uintptr_t)bulk, ((uint64_t)n + PAGE - 1) / PAGE * PAGE),
                     KERN_SUCCESS);
        world_close(file);
    }
    for (unsigned i = 0; i < 300; i++) {
        char name[32];
        snprintf(name, sizeof(name), "tmp/n%u", i);
        fine(make(name, i % 2 ? FILE_KIND_FOLDER : FILE_KIND_LINK, "n1"));
    }
    const kern_return_t moved = serve_rename(world_message(world_root), "tmp/n1", world_second(),
                                             "var/n1", true, 0, &outcome, &elsewhere, &which, rest);
    world_second_done(moved);
    if (moved != KERN_SUCCESS)
        CHECK(world_has_failed());
    const mach_port_name_t other = world_foreign();
    if (!fine(serve_mount(world_message(world_root), "var/tmp", other, &outcome, &elsewhere, rest)))
        world_close(other);
    else
        CHECK_EQ(serve_unmount(world_message(world_root), "var/tmp", &outcome, &elsewhere, rest),
                 KERN_SUCCESS);
    world_settle();
    if (!fine(serve_make_pipe(world_message(world_root), 0, &reader, &writer))) {
        world_settle();
        return;
    }
    fine(serve_wait(world_message(reader), FILE_READABLE, 1, &holding));
    fine(serve_write(world_message(writer), FILE_CURRENT, data, 10, &n));
    world_close(reader);
    world_close(writer);
}

static void test_failures(void)
{
    bool again = true;

    for (unsigned n = 1; again; n++) {
        world_fail_at(n);
        const bool begun = world_begin(4 << 20, 1000, NULL, 0);
        CHECK(begun || world_has_failed());
        if (begun)
            use_all();
        again = world_has_failed();
        world_end();
    }
}

/* ---- limits ---- */

static void test_limits(void)
{
    mach_port_name_t opened[100], more;
    unsigned n = 0;
    kern_return_t kr;

    CHECK(world_begin(256 << 10, 50, NULL, 0));
    CHECK_EQ(open_path("tmp/program", FILE_WRITE | FILE_CREATE, &more), KERN_SUCCESS);
    world_close(more);
    while ((kr = open_path("dev/null", FILE_READ, &opened[n])) == KERN_SUCCESS)
        n++;
    CHECK_EQ(kr, unix_error(ENFILE));
    CHECK_EQ(n, 46); /* the root is one, and 50 / 16 are kept for programs */
    CHECK_EQ(open_path("tmp/program", FILE_READ | FILE_EXECUTE, &more), KERN_SUCCESS);
    world_close(more);
    world_close(opened[--n]);
    CHECK_EQ(open_path("dev/null", FILE_READ, &more), KERN_SUCCESS);
    CHECK_EQ(more, opened[n]); /* the same port */
    world_close(more);
    while (n > 0)
        world_close(opened[--n]);
    for (unsigned i = 0; kr != unix_error(ENOSPC); i++) {
        char name[32];
        snprintf(name, sizeof(name), "tmp/%u", i);
        kr = make(name, FILE_KIND_FOLDER, "");
        CHECK(i < 10000);
    }
    CHECK(world_fs.used <= world_fs.limit);
    world_end();
}

/* What is mapped stays counted when its file goes, until nobody has it. */
static void test_limbo(void)
{
    uint8_t byte = 1;
    mach_port_name_t file, part, all;
    uint64_t offset, mapped;
    struct file_system system;
    uint32_t n;

    CHECK(world_begin(256 << 10, 50, NULL, 0));
    CHECK_EQ(make("tmp/f", FILE_KIND_FOLDER, ""),
             KERN_SUCCESS); /* what the folder needs for a name stays */
    CHECK_EQ(serve_remove(world_message(world_root), "tmp/f", true, 0, &outcome, &elsewhere, rest),
             KERN_SUCCESS);
    const uint64_t used = world_fs.used;
    CHECK_EQ(open_path("tmp/f", FILE_READ | FILE_WRITE | FILE_CREATE, &file), KERN_SUCCESS);
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(serve_write(world_message(file), (int64_t)i * PAGE, &byte, 1, &n), KERN_SUCCESS);
    CHECK_EQ(serve_map(world_message(file), PAGE, PAGE, 3, false, &part, &offset, &mapped),
             KERN_SUCCESS);
    CHECK_EQ(serve_map(world_message(file), 0, 4 * PAGE, 3, false, &all, &offset, &mapped),
             KERN_SUCCESS);
    world_close(part);
    world_close(all);
    world_is_shared = true;
    world_close(file);
    CHECK_EQ(serve_remove(world_message(world_root), "tmp/f", false, 0, &outcome, &elsewhere, rest),
             KERN_SUCCESS);
    CHECK(world_fs.used >= used + 4 * PAGE);
    world_is_shared = false;
    CHECK_EQ(serve_get_system(world_message(world_root), &system), KERN_SUCCESS);
    CHECK_EQ(world_fs.used, used);
    world_end();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_mounts();
    test_mounted();
    test_caller();
    test_walks();
    test_pipes();
    test_waits();
    test_awaits();
    test_limits();
    test_limbo();
    test_failures();
    return check_end();
}
