/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See lasting_stage.h.
 */
#include "lasting_stage.h"
#include <libsys/stub.h>

struct lasting_image stage_image;
_Alignas(8) uint8_t stage_memory[65536];
struct file stage_files[FILES];
jmp_buf stage_killed;
unsigned stage_kill_at, stage_kills, stage_repeats;
mach_port_name_t stage_answered;
static unsigned stage_names;
static int64_t last_id = INT64_MIN;

void stage_place(void)
{
    if (stage_kill_at != 0 && --stage_kill_at == 0)
        longjmp(stage_killed, 1);
}

/* ---- the server ---- */

const struct file_server_lasting *stage_lasting(void)
{
    static struct file_server_lasting it = {
        .book = "book",
        .memory = stage_memory,
        .identity = lasting_nodes_identity,
        .find = lasting_nodes_find,
        .progress = lasting_nodes_progress,
    };
    const struct file_server_limits limits = {.opens = OPENS};

    it.size = file_server_lasting_size(&limits);
    CHECK(it.size <= sizeof(stage_memory));
    return &it;
}

kern_return_t stage_try_begin(void)
{
    const struct file_server_limits limits = {.opens = OPENS,
                                              .waits = 8,
                                              .lasting = stage_lasting()};

    lasting_nodes_begin(&stage_image);
    kern_return_t kr = file_server_begin(&world_server, &limits, MSG_NULL);
    if (kr != KERN_SUCCESS)
        return kr;
    lasting_nodes_free();
    kr = file_server_root(&world_server, "files", lasting_nodes_root());
    if (kr == KERN_SUCCESS)
        world_root = world_server.opens[0]->port;
    return kr;
}

void stage_begin(void)
{
    ports_begin();
    memset(&stage_image, 0, sizeof(stage_image));
    memset(stage_memory, 0, sizeof(stage_memory));
    memset(stage_files, 0, sizeof(stage_files));
    CHECK_EQ(stage_try_begin(), KERN_SUCCESS);
}

void stage_begin_again(void)
{
    stage_kill_at = 0;
    world_kill();
    CHECK_EQ(stage_try_begin(), KERN_SUCCESS);
    for (uint64_t n = check_below(4); n > 0 && world_settle_one(); n--)
        ; /* others stay in their queues, perhaps for another one */
    stage_kills++;
}

uint32_t stage_opens(void)
{
    return world_server.in_use - 1; /* the root */
}

void stage_end(void)
{
    for (unsigned i = 0; i < FILES; i++)
        if (stage_files[i].port != MSG_NULL)
            world_close(stage_files[i].port);
    CHECK_EQ(stage_opens(), 0);
    file_server_end(&world_server);
    world_kill();
    CHECK_EQ(ports_next_kept(MSG_NULL), MSG_NULL);
    ports_check_end();
}

/* ---- requests ---- */

int64_t stage_id(void)
{
    return ++last_id;
}

void stage_lose_answer(void)
{
    if (stage_answered != MSG_NULL)
        stub_release_right(stage_answered, MSG_MOVE_SEND);
    stage_answered = MSG_NULL;
}

void stage_name(char name[NAME])
{
    snprintf(name, NAME, "n%u", stage_names++);
}

void stage_make(struct file *f)
{
    const int64_t id = stage_id();
    const uint32_t flags = FILE_READ | FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE;
    uint32_t outcome;
    char rest[FILE_PATH_MAX];
    volatile kern_return_t kr;

    memset(f, 0, sizeof(*f));
    stage_name(f->name);
    f->appends = check_below(3) == 0;
    stage_answered = MSG_NULL;
    ASK(kr, serve_open(world_message(world_root), f->name, flags | (f->appends ? FILE_APPEND : 0),
                       0644, id, &outcome, &stage_answered, rest));
    CHECK_EQ(kr, KERN_SUCCESS);
    CHECK_EQ(outcome, FILE_OUTCOME_DONE);
    f->port = stage_answered;
    f->named = true;
}
