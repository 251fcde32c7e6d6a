/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens that outlive their server (fs-srv/framework/lasting.h): it is killed in the midst of requests, which come again with their ids, and everything is as it
 * would have been. Kills come where lasting_nodes.c has places, and between requests; so each request is cut off before, amid and behind what it does.
 */
#include "lasting_stage.h"
#include <libsys/stub.h>

static bool is_there(const char *name)
{
    uint32_t outcome;
    mach_port_name_t elsewhere;
    struct file_attributes attributes;
    char rest[FILE_PATH_MAX];
    const kern_return_t kr =
        serve_look(world_message(world_root), name, true, &outcome, &elsewhere, &attributes, rest);

    CHECK(kr == KERN_SUCCESS || kr == unix_error(ENOENT));
    return kr == KERN_SUCCESS;
}

static void remove_file(struct file *f)
{
    const int64_t id = stage_id();
    uint32_t outcome;
    mach_port_name_t elsewhere;
    char rest[FILE_PATH_MAX];
    volatile kern_return_t kr;

    stage_answered = MSG_NULL;
    ASK(kr,
        serve_remove(world_message(world_root), f->name, false, id, &outcome, &elsewhere, rest));
    CHECK_EQ(kr, KERN_SUCCESS);
    CHECK_EQ(outcome, FILE_OUTCOME_DONE);
    CHECK(!is_there(f->name));
    f->named = false;
}

static kern_return_t move_name(const char *name, const char *to, bool links, int64_t id)
{
    uint32_t outcome, which;
    mach_port_name_t elsewhere;
    char rest[FILE_PATH_MAX];
    const mach_port_name_t second = world_second();
    const kern_return_t kr = links ? serve_link(world_message(world_root), name, second, to, false,
                                                id, &outcome, &elsewhere, &which, rest)
                                   : serve_rename(world_message(world_root), name, second, to, true,
                                                  id, &outcome, &elsewhere, &which, rest);

    world_second_done(kr);
    return kr;
}

static void rename_file(struct file *f)
{
    const int64_t id = stage_id();
    char name[NAME];
    volatile kern_return_t kr;

    stage_name(name);
    stage_answered = MSG_NULL;
    ASK(kr, move_name(f->name, name, false, id));
    CHECK_EQ(kr, KERN_SUCCESS);
    CHECK(!is_there(f->name) && is_there(name));
    memcpy(f->name, name, NAME);
}

/* The same name in other letters. */
static void spell_file(struct file *f)
{
    const int64_t id = stage_id();
    char name[NAME];
    volatile kern_return_t kr;

    memcpy(name, f->name, NAME);
    name[0] ^= 'a' ^ 'A';
    stage_answered = MSG_NULL;
    ASK(kr, move_name(f->name, name, false, id));
    CHECK_EQ(kr, KERN_SUCCESS);
    CHECK(lasting_nodes_spell(name));
    memcpy(f->name, name, NAME);
}

static void link_file(struct file *f)
{
    const int64_t id = stage_id();
    char name[NAME];
    volatile kern_return_t kr;

    stage_name(name);
    stage_answered = MSG_NULL;
    ASK(kr, move_name(f->name, name, true, id));
    CHECK_EQ(kr, KERN_SUCCESS);
    CHECK(is_there(f->name) && is_there(name));
    remove_file(f);
    memcpy(f->name, name, NAME);
    f->named = true;
}

static void write_some(struct file *f)
{
    const int64_t id = stage_id();
    const volatile uint64_t at = f->appends ? f->size : f->offset;
    const uint32_t size = (uint32_t)check_below(60) + 1;
    uint8_t bytes[60];
    uint32_t written;
    volatile kern_return_t kr;

    if (at + size > CONTENT)
        return;
    for (unsigned i = 0; i < size; i++)
        bytes[i] = (uint8_t)check_below(256);
    stage_answered = MSG_NULL;
    ASK(kr, serve_write(world_message(f->port), id, bytes, size, &written));
    CHECK_EQ(kr, KERN_SUCCESS);
    CHECK_EQ(written, size);
    if (at > f->size)
        memset(f->content + f->size, 0, at - f->size);
    memcpy(f->content + at, bytes, size);
    f->offset = at + size;
    if (f->offset > f->size)
        f->size = f->offset;
}

static void read_some(struct file *f)
{
    const int64_t id = stage_id();
    const uint32_t size = (uint32_t)check_below(CONTENT) + 1;
    const uint64_t left = f->offset < f->size ? f->size - f->offset : 0;
    const volatile uint32_t wanted = left < size ? (uint32_t)left : size;
    uint8_t bytes[CONTENT];
    uint32_t got;
    volatile kern_return_t kr;

    stage_answered = MSG_NULL;
    ASK(kr, serve_read(world_message(f->port), id, size, bytes, &got));
    CHECK_EQ(kr, KERN_SUCCESS);
    CHECK_EQ(got, wanted);
    CHECK(memcmp(bytes, f->content + f->offset, wanted) == 0);
    f->offset += wanted;
}

static void seek(struct file *f)
{
    const int64_t id = stage_id();
    const volatile int64_t to = (int64_t)check_below(CONTENT);
    int64_t position;
    volatile kern_return_t kr;

    stage_answered = MSG_NULL;
    ASK(kr, serve_seek(world_message(f->port), to - (int64_t)f->offset, FILE_WHENCE_OFFSET, id,
                       &position));
    CHECK_EQ(kr, KERN_SUCCESS);
    CHECK_EQ(position, to);
    f->offset = (uint64_t)to;
}

static void check_all(void)
{
    uint32_t there = 0;

    for (unsigned i = 0; i < FILES; i++) {
        const struct file *f = &stage_files[i];
        uint8_t bytes[CONTENT];
        uint32_t got;
        if (f->port == MSG_NULL)
            continue;
        there++;
        CHECK_EQ(serve_read(world_message(f->port), 0, CONTENT, bytes, &got), KERN_SUCCESS);
        CHECK_EQ(got, f->size);
        CHECK(memcmp(bytes, f->content, got) == 0);
    }
    CHECK_EQ(stage_opens(), there);
}

static void step(struct file *f)
{
    if (f->port == MSG_NULL) {
        stage_make(f);
        return;
    }
    switch (check_below(13)) {
    case 0:
        if (f->named)
            rename_file(f);
        break;
    case 12:
        if (f->named)
            spell_file(f);
        break;
    case 1:
        if (f->named)
            link_file(f);
        break;
    case 2:
        if (f->named)
            remove_file(f);
        break;
    case 3:
        if (f->named)
            remove_file(f);
        stub_release_right(f->port, MSG_MOVE_SEND);
        f->port = MSG_NULL;
        break;
    case 4:
    case 5:
    case 6: seek(f); break;
    case 7:
    case 8:
    case 9: write_some(f); break;
    default: read_some(f); break;
    }
}

static void test_kills(void)
{
    stage_begin();
    lasting_nodes_place = stage_place;
    for (unsigned i = 0; i < 20000; i++) {
        step(&stage_files[check_below(FILES)]);
        if (check_below(2) == 0)
            (void)world_settle_one();
        if (i % 50 == 0) {
            world_settle();
            check_all();
        }
    }
    lasting_nodes_place = NULL;
    stage_end();
    printf("%u kills, %u requests asked again\n", stage_kills, stage_repeats);
}

/* ---- locks ---- */

enum { OWNERS = 3, BYTES = 10 /* so that there are records enough, however small the pieces */ };

static mach_port_name_t owners[OWNERS];
static uint8_t locked[OWNERS][BYTES]; /* FILE_LOCK_ */

static bool is_in_the_way(unsigned owner, unsigned start, unsigned length, uint32_t kind)
{
    for (unsigned o = 0; o < OWNERS; o++)
        for (unsigned i = start; i < start + length; i++)
            if (o != owner && locked[o][i] != FILE_LOCK_NONE && kind != FILE_LOCK_NONE &&
                (kind == FILE_LOCK_EXCLUSIVE || locked[o][i] == FILE_LOCK_EXCLUSIVE))
                return true;
    return false;
}

static kern_return_t lock_once(mach_port_name_t port, unsigned owner, unsigned start,
                               unsigned length, uint32_t kind)
{
    const kern_return_t kr =
        serve_lock(world_message(port), kind, 1, start, length, world_made(owners[owner]));

    world_made_done(owners[owner], kr);
    return kr;
}

static void lock_some(const struct file *f)
{
    const volatile unsigned owner = (unsigned)check_below(OWNERS);
    const volatile unsigned start = (unsigned)check_below(BYTES);
    const volatile unsigned length = (unsigned)check_below(BYTES - start) + 1;
    const volatile uint32_t kind = (uint32_t)check_below(3);
    volatile kern_return_t kr;

    stage_answered = MSG_NULL;
    ASK(kr, lock_once(f->port, owner, start, length, kind));
    if (is_in_the_way(owner, start, length, kind)) {
        CHECK_EQ(kr, unix_error(EAGAIN));
        return;
    }
    CHECK_EQ(kr, KERN_SUCCESS);
    memset(&locked[owner][start], (int)kind, length);
}

/* What the others have of each byte. */
static void check_locks(const struct file *f)
{
    for (unsigned owner = 0; owner < OWNERS; owner++)
        for (unsigned i = 0; i < BYTES; i++)
            for (uint32_t kind = FILE_LOCK_SHARED; kind <= FILE_LOCK_EXCLUSIVE; kind++) {
                uint32_t found, mark;
                uint64_t start, length;
                const kern_return_t kr =
                    serve_test_lock(world_message(f->port), kind, i, 1, world_made(owners[owner]),
                                    &found, &mark, &start, &length);
                world_made_done(owners[owner], kr);
                CHECK_EQ(kr, KERN_SUCCESS);
                CHECK_EQ(found != FILE_LOCK_NONE, is_in_the_way(owner, i, 1, kind));
            }
}

static void test_locks(void)
{
    stage_begin();
    lasting_nodes_place = stage_place;
    stage_make(&stage_files[0]);
    for (unsigned o = 0; o < OWNERS; o++)
        owners[o] = world_foreign();
    memset(locked, 0, sizeof(locked));
    for (unsigned i = 0; i < 3000; i++) {
        lock_some(&stage_files[0]);
        if (i % 10 == 0)
            check_locks(&stage_files[0]);
    }
    lasting_nodes_place = NULL;
    stage_begin_again();
    check_locks(&stage_files[0]);
    world_close(stage_files[0].port);
    stage_files[0].port = MSG_NULL;
    CHECK_EQ(world_server.locks, 0);
    for (unsigned o = 0; o < OWNERS; o++) /* the server and the keeper have none any more */
        CHECK_EQ(world_rights(owners[o]), 1);
    for (unsigned o = 0; o < OWNERS; o++)
        stub_release_right(owners[o], MSG_MOVE_SEND);
    stage_end();
}

/* ---- one open, closed while there is no server ---- */

static void test_closed_meanwhile(void)
{
    stage_begin();
    for (unsigned i = 0; i < FILES; i++)
        stage_make(&stage_files[i]);
    world_settle();
    world_kill();
    stub_release_right(stage_files[0].port, MSG_MOVE_SEND);
    stage_files[0].port = MSG_NULL;
    CHECK_EQ(stage_try_begin(), KERN_SUCCESS);
    world_settle();
    check_all();
    stage_end();
}

/* A file that is not found again: its open says so. */
static void test_gone(void)
{
    struct file_attributes attributes;
    uint8_t byte;
    uint32_t got;

    stage_begin();
    stage_make(&stage_files[0]);
    world_kill();
    memset(stage_image.files, 0, sizeof(stage_image.files));
    memset(stage_image.directory, 0, sizeof(stage_image.directory));
    CHECK_EQ(stage_try_begin(), KERN_SUCCESS);
    CHECK_EQ(serve_read(world_message(stage_files[0].port), 0, 1, &byte, &got), unix_error(ESTALE));
    CHECK_EQ(serve_write(world_message(stage_files[0].port), FILE_CURRENT, "x", 1, &got),
             unix_error(ESTALE));
    CHECK_EQ(serve_get_attributes(world_message(stage_files[0].port), &attributes), KERN_SUCCESS);
    CHECK_EQ(serve_sync(world_message(stage_files[0].port), false), unix_error(ESTALE));
    stage_end();
}

/* What is above a root stays above it. */
static void test_above(void)
{
    stage_begin();
    const mach_port_name_t above = world_foreign();
    CHECK_EQ(serve_mounted(world_message(world_root), above), KERN_SUCCESS);
    stage_begin_again();
    CHECK_EQ(world_server.opens[0]->above, above);
    CHECK_EQ(serve_mounted(world_message(world_root), above), unix_error(EBUSY));
    stage_end(); /* which finds that nobody has it any more */
}

/* ---- what fails ---- */

static void check_some(void)
{
    for (unsigned i = 0; i < FILES; i++) {
        struct file *f = &stage_files[i];
        if (f->port != MSG_NULL && port_of(f->port)->dead) {
            stub_release_right(f->port, MSG_MOVE_SEND);
            f->port = MSG_NULL;
        }
    }
    check_all();
}

/* Whatever cannot be had when it begins again: it does not begin, and all is there for the next; or an open is lost, and nothing else. */
static void test_failures(void)
{
    bool failed = true;

    for (unsigned n = 1; failed; n++) {
        stage_begin();
        for (unsigned i = 0; i < FILES; i++) {
            stage_make(&stage_files[i]);
            write_some(&stage_files[i]);
        }
        world_settle();
        world_kill();
        world_fail_at(n);
        kern_return_t kr = stage_try_begin();
        failed = world_has_failed();
        world_fail_at(0);
        if (kr != KERN_SUCCESS) {
            CHECK(failed);
            world_kill();
            CHECK_EQ(stage_try_begin(), KERN_SUCCESS);
        }
        world_settle();
        check_some();
        stage_end();
    }
}

/* Anything may stand in the memory. */
static void test_nonsense(void)
{
    for (unsigned n = 0; n < 2000; n++) {
        stage_begin();
        for (unsigned i = 0; i < FILES; i++)
            stage_make(&stage_files[i]);
        world_settle();
        world_kill();
        const size_t size = stage_lasting()->size;
        for (uint64_t i = check_below(40); i-- > 0;)
            stage_memory[check_below(size)] = (uint8_t)check_below(256);
        CHECK_EQ(stage_try_begin(), KERN_SUCCESS);
        world_settle();
        for (unsigned i = 0; i < FILES; i++) {
            uint8_t byte;
            uint32_t got;
            if (!port_of(stage_files[i].port)->dead)
                (void)!serve_read(world_message(stage_files[i].port), stage_id(), 1, &byte, &got);
        }
        stage_end();
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_closed_meanwhile();
    test_gone();
    test_above();
    test_failures();
    test_nonsense();
    test_locks();
    test_kills();
    return check_end();
}
