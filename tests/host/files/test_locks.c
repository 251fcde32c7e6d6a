/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks of bytes: random ones against a model that has a word a byte, with owners that close, end and wait; and limits, hostile arguments, allocations that fail.
 */
#include "../check.h"
#include "world.h"

enum { BYTES = 24, OWNERS = 3, OPENS = 3, FILES = 2, ROUNDS = 40, STEPS = 400 };

static uint64_t state;

static unsigned choose(unsigned n)
{
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(state >> 33) % n;
}

static mach_port_name_t open_file(const char *path, uint32_t flags)
{
    static char rest[FILE_PATH_MAX];
    mach_port_name_t out = MSG_NULL;
    uint32_t outcome;

    CHECK_EQ(serve_open(world_message(world_root), path,
                        flags | (flags & (FILE_PATH | FILE_DIRECTORY) ? 0 : FILE_CREATE), 0644, 0,
                        &outcome, &out, rest),
             KERN_SUCCESS);
    return out;
}

static kern_return_t set(mach_port_name_t file, uint32_t kind, uint64_t start, uint64_t length,
                         mach_port_name_t owner)
{
    const kern_return_t kr = serve_lock(world_message(file), kind, owner, start, length,
                                        owner ? world_made(owner) : MSG_NULL);

    if (owner)
        world_made_done(owner, kr);
    return kr;
}

static kern_return_t wait_for(mach_port_name_t file, uint32_t kind, uint64_t start, uint64_t length,
                              mach_port_name_t owner)
{
    const kern_return_t kr = serve_wait_lock(world_message(file), kind, start, length, owner,
                                             owner ? world_made(owner) : MSG_NULL);

    if (owner)
        world_made_done(owner, kr);
    return kr;
}

struct found {
    uint32_t kind, mark;
    uint64_t start, length;
};

static struct found test(mach_port_name_t file, uint32_t kind, uint64_t start, uint64_t length,
                         mach_port_name_t owner)
{
    struct found f;
    const kern_return_t kr = serve_test_lock(world_message(file), kind, start, length,
                                             owner ? world_made(owner) : MSG_NULL, &f.kind, &f.mark,
                                             &f.start, &f.length);

    CHECK_EQ(kr, KERN_SUCCESS);
    if (owner)
        world_made_done(owner, kr);
    return f;
}

/* ---- the model: what each owner has of each byte of each file, and through which open ---- */

struct cell {
    uint32_t kind;
    unsigned open;
};

/* Owner OWNERS + n is open n itself (flock). */
static struct cell model[FILES][OWNERS + OPENS][BYTES];
static mach_port_name_t opens[OPENS], owners[OWNERS];
static const char *const paths[FILES] = {"home/a", "home/b"};

static unsigned file_of(unsigned open)
{
    return open == OPENS - 1;
}

static mach_port_name_t owner_name(unsigned owner)
{
    return owner < OWNERS ? owners[owner] : MSG_NULL;
}

static bool is_blocked(unsigned file, unsigned owner, uint32_t kind, unsigned from, unsigned to)
{
    const unsigned first = owner < OWNERS ? 0 : OWNERS;
    const unsigned end = owner < OWNERS ? OWNERS : OWNERS + OPENS;

    for (unsigned other = first; other < end; other++)
        for (unsigned b = from; other != owner && b < to; b++)
            if (model[file][other][b].kind == FILE_LOCK_EXCLUSIVE ||
                (model[file][other][b].kind != FILE_LOCK_NONE && kind == FILE_LOCK_EXCLUSIVE))
                return true;
    return false;
}

static void one_set(void)
{
    const unsigned open = choose(OPENS), file = file_of(open);
    const unsigned owner = choose(4) ? choose(OWNERS) : OWNERS + open;
    const uint32_t kind = choose(3);
    const unsigned from = choose(BYTES), to = choose(5) ? from + 1 + choose(BYTES - from) : BYTES;
    const bool blocked = kind != FILE_LOCK_NONE && is_blocked(file, owner, kind, from, to);
    const struct found f =
        test(opens[open], kind, from, to == BYTES ? 0 : to - from, owner_name(owner));
    const kern_return_t kr =
        set(opens[open], kind, from, to == BYTES ? 0 : to - from, owner_name(owner));

    CHECK_EQ(f.kind != FILE_LOCK_NONE, blocked);
    CHECK_EQ(kr, blocked ? unix_error(EAGAIN) : KERN_SUCCESS);
    if (blocked) {
        CHECK(f.start < to && (f.length == 0 || f.start + f.length > from));
        return;
    }
    for (unsigned b = from; b < to; b++)
        model[file][owner][b] = (struct cell){kind, open};
}

static void forget_open(unsigned open)
{
    for (unsigned owner = 0; owner < OWNERS + OPENS; owner++)
        for (unsigned b = 0; b < BYTES; b++)
            if (model[file_of(open)][owner][b].open == open)
                model[file_of(open)][owner][b].kind = FILE_LOCK_NONE;
}

static void one_close(void)
{
    const unsigned open = choose(OPENS);

    world_close(opens[open]);
    forget_open(open);
    opens[open] = open_file(paths[file_of(open)], FILE_READ | FILE_WRITE);
}

static void one_death(void)
{
    const unsigned owner = choose(OWNERS);
    const bool has_some = world_rights(owners[owner]) != 1;

    if (has_some)
        world_die(owners[owner]);
    CHECK_EQ(world_rights(owners[owner]), 1);
    world_close(owners[owner]);
    owners[owner] = world_foreign();
    for (unsigned file = 0; file < FILES; file++)
        memset(model[file][owner], 0, sizeof(model[file][owner]));
}

/* He waits exactly as long as something is in the way. */
static void one_wait(void)
{
    const unsigned open = choose(OPENS), owner = choose(OWNERS), from = choose(BYTES);
    const bool blocked = is_blocked(file_of(open), owner, FILE_LOCK_EXCLUSIVE, from, BYTES);
    const unsigned before = world_answers;
    const kern_return_t kr = wait_for(opens[open], FILE_LOCK_EXCLUSIVE, from, 0, owners[owner]);

    CHECK_EQ(kr, blocked ? MIG_NO_REPLY : KERN_SUCCESS);
    for (unsigned other = 0; blocked && other < OWNERS; other++)
        if (other != owner) {
            CHECK_EQ(world_answers,
                     before + !is_blocked(file_of(open), owner, FILE_LOCK_EXCLUSIVE, from, BYTES));
            CHECK_EQ(set(opens[open], FILE_LOCK_NONE, 0, 0, owners[other]), KERN_SUCCESS);
            memset(model[file_of(open)][other], 0, sizeof(model[0][other]));
        }
    CHECK_EQ(world_answers, before + blocked);
}

static void test_random(void)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        state = round + 1;
        memset(model, 0, sizeof(model));
        CHECK(world_begin(1 << 20, 200, NULL, 0));
        for (unsigned i = 0; i < OPENS; i++)
            opens[i] = open_file(paths[file_of(i)], FILE_READ | FILE_WRITE);
        for (unsigned i = 0; i < OWNERS; i++)
            owners[i] = world_foreign();
        for (unsigned step = 0; step < STEPS; step++) {
            const unsigned what = choose(40);
            if (what == 0)
                one_close();
            else if (what == 1)
                one_death();
            else if (what == 2)
                one_wait();
            else
                one_set();
        }
        for (unsigned i = 0; i < OPENS; i++)
            world_close(opens[i]);
        for (unsigned i = 0; i < OWNERS; i++)
            world_close(owners[i]);
        world_end();
    }
}

/* ---- what the model does not have ---- */

static void test_errors(void)
{
    CHECK(world_begin(1 << 20, 100, NULL, 0));
    const mach_port_name_t owner = world_foreign(), other = world_foreign();
    const mach_port_name_t reads = open_file("home/a", FILE_READ);
    const mach_port_name_t writes = open_file("home/a", FILE_WRITE);
    const mach_port_name_t path = open_file("home/a", FILE_PATH);

    CHECK_EQ(set(reads, FILE_LOCK_EXCLUSIVE, 0, 1, owner), unix_error(EBADF));
    CHECK_EQ(set(writes, FILE_LOCK_SHARED, 0, 1, owner), unix_error(EBADF));
    CHECK_EQ(set(path, FILE_LOCK_SHARED, 0, 1, owner), unix_error(EBADF));
    CHECK_EQ(set(reads, FILE_LOCK_EXCLUSIVE, 0, 1, MSG_NULL), KERN_SUCCESS); /* flock may */
    CHECK_EQ(set(reads, 3, 0, 1, owner), unix_error(EINVAL));
    CHECK_EQ(set(reads, FILE_LOCK_SHARED, UINT64_C(1) << 63, 1, owner), unix_error(EINVAL));
    CHECK_EQ(set(reads, FILE_LOCK_SHARED, INT64_MAX, 2, owner), unix_error(EINVAL));
    CHECK_EQ(set(reads, FILE_LOCK_SHARED, 1, UINT64_MAX, owner), unix_error(EINVAL));
    CHECK_EQ(set(reads, FILE_LOCK_SHARED, INT64_MAX, 1, owner), KERN_SUCCESS);
    CHECK_EQ(set(reads, FILE_LOCK_SHARED, 5, INT64_MAX - UINT64_C(4), owner), KERN_SUCCESS);
    CHECK_EQ(set(world_root, FILE_LOCK_SHARED, 0, 1, owner), unix_error(EINVAL));
    /* What is never closed would keep it for good. */
    CHECK_EQ(set(world_root, FILE_LOCK_SHARED, 0, 0, MSG_NULL), unix_error(EINVAL));
    const mach_port_name_t folder = open_file("home", FILE_READ | FILE_DIRECTORY);
    CHECK_EQ(set(folder, FILE_LOCK_EXCLUSIVE, 0, 0, MSG_NULL), KERN_SUCCESS);
    world_close(folder);
    /* A dead owner, and one that is a file of ours. */
    CHECK_EQ(serve_lock(world_message(reads), FILE_LOCK_SHARED, 0, 0, 1, MSG_DEAD),
             unix_error(EINVAL));
    CHECK_EQ(serve_lock(world_message(reads), FILE_LOCK_SHARED, 0, 0, 1, writes),
             unix_error(EINVAL));
    /* Who has it, and how much; its mark. */
    const struct found f = test(writes, FILE_LOCK_EXCLUSIVE, 0, 0, other);
    CHECK_EQ(f.kind, FILE_LOCK_SHARED);
    CHECK_EQ(f.mark, owner);
    CHECK_EQ(f.start, 5);
    CHECK_EQ(f.length, 0);
    CHECK_EQ(test(writes, FILE_LOCK_SHARED, 0, 0, other).kind, FILE_LOCK_NONE);
    /* One who waits, and whose file closes, or who ends. */
    const unsigned before = world_answers;
    CHECK_EQ(wait_for(writes, FILE_LOCK_EXCLUSIVE, 7, 1, other), MIG_NO_REPLY);
    CHECK_EQ(wait_for(reads, FILE_LOCK_EXCLUSIVE, 7, 1, other), unix_error(EBADF));
    world_close(writes);
    CHECK_EQ(world_answers, before + 1);
    CHECK_EQ(world_last_result, unix_error(EBADF));
    world_close(path);
    world_close(reads);
    CHECK_EQ(world_rights(owner), 1); /* nothing of it is kept */
    CHECK_EQ(world_rights(other), 1);
    const mach_port_name_t both = open_file("home/a", FILE_READ | FILE_WRITE);
    CHECK_EQ(set(both, FILE_LOCK_EXCLUSIVE, 0, 0, owner), KERN_SUCCESS);
    CHECK_EQ(wait_for(both, FILE_LOCK_EXCLUSIVE, 7, 1, other), MIG_NO_REPLY);
    world_die(other);
    CHECK_EQ(world_answers, before + 1);
    world_die(owner);
    world_close(both);
    world_close(owner);
    world_close(other);
    world_end();
}

/* However they are cut: as many as opens, and one open does not take the last. */
static void test_limits(void)
{
    enum { LIMIT = 20 };

    CHECK(world_begin(1 << 20, LIMIT, NULL, 0));
    const mach_port_name_t owner = world_foreign();
    const mach_port_name_t first = open_file("home/a", FILE_READ | FILE_WRITE);
    const mach_port_name_t second = open_file("home/a", FILE_READ | FILE_WRITE);
    unsigned count = 0;

    while (set(first, FILE_LOCK_SHARED, count * 2, 1, owner) == KERN_SUCCESS)
        count++;
    CHECK_EQ(count, LIMIT / 2);
    CHECK_EQ(set(first, FILE_LOCK_SHARED, 100, 1, owner), unix_error(ENOLCK));
    CHECK_EQ(set(first, FILE_LOCK_NONE, 0, 2, owner), KERN_SUCCESS);
    CHECK_EQ(set(first, FILE_LOCK_SHARED, 100, 5, owner), KERN_SUCCESS);
    CHECK_EQ(set(first, FILE_LOCK_NONE, 102, 1, owner),
             unix_error(ENOLCK)); /* would make one more */
    CHECK_EQ(set(first, FILE_LOCK_NONE, 102, 3, owner), KERN_SUCCESS);
    CHECK_EQ(set(second, FILE_LOCK_SHARED, 200, 1, owner), KERN_SUCCESS);
    /* Neighbours become one. */
    CHECK_EQ(set(first, FILE_LOCK_NONE, 0, 0, owner), KERN_SUCCESS);
    for (unsigned i = 0; i < LIMIT * 2; i++)
        CHECK_EQ(set(first, FILE_LOCK_EXCLUSIVE, i, 1, owner), KERN_SUCCESS);
    CHECK_EQ(world_server.locks, 1);
    world_close(first);
    world_close(second);
    world_close(owner);
    world_end();
}

static void test_failures(void)
{
    for (unsigned n = 1, all = 0; !all; n++) {
        CHECK(world_begin(1 << 20, 100, NULL, 0));
        const mach_port_name_t owner = world_foreign(), other = world_foreign();
        const mach_port_name_t file = open_file("home/a", FILE_READ | FILE_WRITE);

        world_fail_at(n);
        const kern_return_t first = set(file, FILE_LOCK_EXCLUSIVE, 0, 10, owner);
        const kern_return_t cut = set(file, FILE_LOCK_NONE, 5, 1, owner);
        const kern_return_t waits = wait_for(file, FILE_LOCK_EXCLUSIVE, 0, 1, other);
        all = !world_has_failed();
        world_fail_at(0);
        CHECK(first == KERN_SUCCESS || first == unix_error(ENOLCK));
        CHECK(cut == KERN_SUCCESS || cut == unix_error(ENOLCK));
        CHECK(waits == MIG_NO_REPLY || waits == unix_error(ENOLCK) || waits == unix_error(ENOMEM) ||
              (first != KERN_SUCCESS && waits == KERN_SUCCESS));
        /* What failed has changed nothing. */
        CHECK_EQ(test(file, FILE_LOCK_SHARED, 5, 1, other).kind,
                 first == KERN_SUCCESS && cut != KERN_SUCCESS ? FILE_LOCK_EXCLUSIVE
                                                              : FILE_LOCK_NONE);
        world_close(file);
        world_close(owner);
        world_close(other);
        world_end();
    }
}

int main(void)
{
    test_random();
    test_errors();
    test_limits();
    test_failures();
    return check_end();
}
