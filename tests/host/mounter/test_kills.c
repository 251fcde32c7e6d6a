/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mounter is killed at each step of what it does, and its successor at each step of setting that right (fs-srv/mounter/mounter.h, O2). A step is a call of another program, before it is done
 * and after, and a line in the log. Afterwards each mount is there, whole, or not at all, and what was not touched is as it was: the root above all.
 *
 * Real are mounts.c, rows.c, begin.c and servers.c; the others are in world.c.
 */
#include "check.h"
#include "world.h"
#include <errno.h>
#include <serve.h>

enum { LOOKS = 4 };

/* ---- what has to be so ---- */

/* What counts is whole, at any step. */
void check_rows(void)
{
    for (unsigned i = 0; i < MOUNTS_MAX; i++) {
        const struct mounts_row *row = &world_kept.rows[i].row;
        char server[MOUNTS_SERVER_MAX];
        if (row->state == MOUNTS_STATE_AWAY)
            continue;
        CHECK(row->path[0] == '/');
        snprintf(server, sizeof(server), "%s.%s", (const char *)row->format,
                 (const char *)row->device);
        CHECK_TEXT((const char *)row->server, server);
        CHECK(world_kept.rows[i].disk[0] != '\0');
    }
}

/* There, whole, or not at all. True: it is there. */
static bool check_mount(const char *path, const char *name)
{
    const struct kept_row *row = rows_find(path);
    const struct fake_server *server = server_of(name);
    const unsigned cover = cover_of(path);

    CHECK_EQ(row != NULL, server != NULL);
    CHECK_EQ(row != NULL, cover < COVERS);
    if (!row)
        return false;
    CHECK_EQ(row->row.state, MOUNTS_STATE_MOUNTED);
    CHECK_EQ(server->state, SUPERVISOR_STATE_RUNNING);
    CHECK_EQ(world.cover[cover].root - ROOT_RIGHT, server - world.server);
    return true;
}

/* The next instance, as main() begins. */
static void restart(void)
{
    memset(&mounter, 0, sizeof(mounter));
    mounter.book = "book";
    rows_begin();
    begin_kept();
    for (unsigned i = 0; i < LOOKS; i++)
        (void)mounts_look();
}

/* ---- what it was doing ---- */

/* One name begins with the other. */
#define ROOT_DEVICE "vd0p1"
#define DATA_DEVICE "vd0p12"

static kern_return_t add(void)
{
    return mounts_add(DATA_DEVICE, "/data", "", 0);
}

static kern_return_t take(void)
{
    return mounts_remove("/data");
}

struct scenario {
    const char *name;
    kern_return_t (*act)(void);
    int error;       /* of it, when nobody kills */
    bool there;      /* /data is mounted before */
    bool stays;      /* and afterwards, whoever is killed */
    unsigned opens;  /* files of it that are open */
    uint32_t status; /* with which a server ends */
    bool meanwhile;
};

static const struct scenario scenarios[] = {
    {.name = "mount", .act = add},
    {.name = "a mount that fails", .act = add, .error = EBADMSG, .status = VOLUME_DAMAGED},
    {.name = "unmount", .act = take, .there = true},
    {.name = "unmount of what is busy",
     .act = take,
     .error = EBUSY,
     .there = true,
     .stays = true,
     .opens = 1},
    {.name = "unmount of what gets busy",
     .act = take,
     .error = EBUSY,
     .there = true,
     .meanwhile = true},
};

static void begin(const struct scenario *s)
{
    memset(&world_kept, 0, sizeof(world_kept));
    memset(&world, 0, sizeof(world));
    restart();
    CHECK_EQ(mounts_add(ROOT_DEVICE, "/", "", 0), KERN_SUCCESS);
    if (s->there) {
        CHECK_EQ(add(), KERN_SUCCESS);
        server_of("ext4." DATA_DEVICE)->opens = s->opens;
    }
    world.dirty = true;
    world.fails_with = s->status;
    world.opened_meanwhile = s->meanwhile;
}

/* Everything is as it should be, and can be used. */
static void check_world(const struct scenario *s)
{
    CHECK(check_mount("/", "ext4." ROOT_DEVICE));
    bool there = check_mount("/data", "ext4." DATA_DEVICE);
    CHECK(there || !s->stays);
    world.fails_with = 0;
    world.opened_meanwhile = false;
    if (there) {
        server_of("ext4." DATA_DEVICE)->opens = 0;
        CHECK_EQ(take(), KERN_SUCCESS);
        CHECK(!check_mount("/data", "ext4." DATA_DEVICE));
    }
    CHECK_EQ(add(), KERN_SUCCESS);
    CHECK(check_mount("/data", "ext4." DATA_DEVICE));
}

/* The mounter is killed at one step, 0: at none, and the one after it at another. How many were. */
static unsigned kill_at(const struct scenario *s, unsigned first, unsigned second)
{
    volatile unsigned kills = 0;

    begin(s);
    steps_left = first;
    if (setjmp(killed) != 0)
        kills++;
    else
        CHECK_EQ(s->act(), s->error != 0 ? unix_error(s->error) : KERN_SUCCESS);
    steps_left = kills > 0 ? second : 0;
    if (kills > 0 && setjmp(killed) != 0)
        kills++;
    else if (kills > 0)
        restart();
    steps_left = 0;
    if (kills > 1)
        restart();
    check_world(s);
    return kills;
}

static void test(const struct scenario *s)
{
    unsigned first = 0, second = 0, all = 0;

    do {
        first++;
        for (second = 1; kill_at(s, first, second) == 2; second++)
            all++;
    } while (kill_at(s, first, 0) > 0);
    printf("%s: %u steps, %u with a second kill\n", s->name, first - 1, all);
    CHECK(first > 1 && all > first);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (unsigned i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
        test(&scenarios[i]);
    return check_end();
}
