/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to a file server as the fuzzer wants them: each is an operation of the interface at one of the ports that were given, with numbers and
 * paths from the input. Whatever they are, the answer is a precise one, and at the end nothing is left.
 */
#include "../../host/check.h"
#include "world.h"
#include <wharf/if/vm.h>

struct input {
    const uint8_t *at, *end;
};

static uint64_t number(struct input *in, unsigned bytes)
{
    uint64_t value = 0;

    while (bytes-- > 0)
        value = value << 8 | (in->at < in->end ? *in->at++ : 0);
    return value;
}

/* Mostly short ones of few letters; or whatever stands there. */
static void text(struct input *in, char out[FILE_PATH_MAX])
{
    static const char letters[] = "ab./..//tmpdev";
    const uint64_t size = number(in, 1);
    uint32_t n = 0;

    for (; n < size % 40; n++)
        out[n] = letters[number(in, 1) % (sizeof(letters) - 1)];
    if (size >= 200)
        while (n < FILE_PATH_MAX - 1 && in->at < in->end && *in->at)
            out[n++] = (char)*in->at++;
    out[n] = '\0';
}

enum { HELD = 16 };

static mach_port_name_t held[HELD];

static void keep(kern_return_t kr, mach_port_name_t port, struct input *in)
{
    const unsigned i = (unsigned)number(in, 1) % HELD;

    if (kr != KERN_SUCCESS || port == MSG_NULL)
        return;
    if (held[i] != MSG_NULL)
        world_close(held[i]);
    held[i] = port;
}

/* An answer is success, or an error of POSIX; the call may be answered later. */
static void precise(kern_return_t kr)
{
    CHECK(kr == KERN_SUCCESS || kr == MIG_NO_REPLY || is_unix_error(kr));
}

static void await(struct server_message *m, struct input *in)
{
    static uint8_t output[FILE_DATA_MAX];
    const uint32_t size = (uint32_t)number(in, 2) % FILE_DATA_MAX;
    uint32_t n = 0;
    const kern_return_t kr = serve_await(m, size, number(in, 1), output, &n);

    if (kr != KERN_NOT_SUPPORTED)
        precise(kr);
}

/* Of a process that is there for this call only, or of the open. */
static void locks(struct server_message *m, struct input *in)
{
    const unsigned what = (unsigned)number(in, 1);
    const uint32_t kind = (uint32_t)number(in, 1) % 4;
    const uint64_t start = number(in, what & 4 ? 8 : 1), length = number(in, what & 8 ? 8 : 1);
    const mach_port_name_t owner = what & 16 ? world_foreign() : MSG_NULL;
    const mach_port_name_t right = owner != MSG_NULL ? world_made(owner) : MSG_NULL;
    uint32_t found, mark;
    uint64_t from, size;
    kern_return_t kr;

    switch (what % 4) {
    case 0:
    case 1: kr = serve_lock(m, kind, 1, start, length, right); break;
    case 2: kr = serve_wait_lock(m, kind, start, length, 1, right); break;
    default:
        kr = serve_test_lock(m, kind, start, length, right, &found, &mark, &from, &size);
        break;
    }
    precise(kr);
    if (owner == MSG_NULL)
        return;
    world_made_done(owner, kr);
    if (world_rights(owner) != 1)
        world_die(owner);
    world_close(owner);
}

/* What an open file understands. */
static void on_file(struct server_message *m, struct input *in)
{
    static uint8_t data[FILE_DATA_MAX], output[FILE_DATA_MAX];
    struct file_attributes a = {.kind = 1};
    struct file_system system;
    uint32_t n = 0;
    uint64_t wide = 0;
    int64_t place = 0;

    switch (number(in, 1) % 12) {
    case 0:
        precise(serve_read(m, (int64_t)number(in, 8), (uint32_t)number(in, 2) % FILE_DATA_MAX,
                           output, &n));
        break;
    case 1:
        precise(serve_write(m, (int64_t)number(in, 3) - 1, data,
                            (uint32_t)number(in, 2) % FILE_DATA_MAX, &n));
        break;
    case 2:
        precise(serve_seek(m, (int64_t)number(in, 8), (uint32_t)number(in, 1), 0, &place));
        break;
    case 3:
        a.size = number(in, 3);
        precise(serve_set_attributes(m, (uint32_t)number(in, 1), &a));
        break;
    case 4: precise(serve_set_flags(m, (uint32_t)number(in, 2))); break;
    case 5: precise(serve_wait(m, (uint32_t)number(in, 1), number(in, 1), &n)); break;
    case 6: precise(serve_entries(m, number(in, 8), &wide, output, &n)); break;
    case 7: precise(serve_get_system(m, &system)); break;
    case 8: precise(serve_abandon(m, number(in, 1))); break;
    case 9: await(m, in); break;
    case 10: locks(m, in); break;
    default: precise(serve_mounts(m, (uint32_t)number(in, 1), &n, output, &n)); break;
    }
}

/* What brings rights, or takes some. */
static void on_rights(struct server_message *m, struct input *in)
{
    mach_port_name_t got = MSG_NULL, back = MSG_NULL;
    uint64_t wide = 0, size = 0;
    kern_return_t kr;

    switch (number(in, 1) % 4) {
    case 0:
        got = world_foreign();
        kr = serve_watch(m, (uint32_t)number(in, 1), number(in, 1), got);
        if (kr != KERN_SUCCESS)
            world_close(got);
        break;
    case 1:
        kr = serve_map(m, number(in, 2) * PAGE, number(in, 3), (uint32_t)number(in, 1),
                       number(in, 1) & 1, &got, &wide, &size);
        if (kr == KERN_SUCCESS)
            world_close(got);
        break;
    case 2:
        kr = serve_reopen(m, (uint32_t)number(in, 2), &got);
        keep(kr, got, in);
        break;
    default:
        kr = serve_make_pipe(m, (uint32_t)number(in, 2), &got, &back);
        keep(kr, got, in);
        keep(kr, back, in);
        break;
    }
    precise(kr);
}

static void on_path(struct server_message *m, struct input *in)
{
    char path[FILE_PATH_MAX], other[FILE_PATH_MAX], rest[FILE_PATH_MAX];
    const bool flag = number(in, 1) & 1;
    const uint32_t word = (uint32_t)number(in, 2);
    struct file_attributes a;
    uint32_t outcome = 0, which = 0;
    mach_port_name_t got = MSG_NULL;
    kern_return_t kr;

    text(in, path);
    text(in, other);
    switch (number(in, 1) % 7) {
    case 0:
        kr = serve_open(m, path, word, 0644, 0, &outcome, &got, rest);
        keep(kr, got, in);
        break;
    case 1: kr = serve_make(m, path, word % 8, 0755, other, 0, &outcome, &got, rest); break;
    case 2: kr = serve_remove(m, path, flag, 0, &outcome, &got, rest); break;
    case 3:
        kr = serve_rename(m, path, world_second(), other, flag, 0, &outcome, &got, &which, rest);
        world_second_done(kr);
        break;
    case 4:
        kr = serve_link(m, path, world_second(), other, flag, 0, &outcome, &got, &which, rest);
        world_second_done(kr);
        break;
    case 5: kr = serve_look(m, path, flag, &outcome, &got, &a, rest); break;
    default: kr = serve_read_link(m, path, &outcome, &got, other, rest); break;
    }
    precise(kr);
}

static void one(struct input *in)
{
    const unsigned which = (unsigned)number(in, 1) % HELD;
    const bool is_held = held[which] != MSG_NULL;
    struct server_message *m = world_message(is_held ? held[which] : world_root);

    switch (number(in, 1) % 8) {
    case 0:
    case 1: on_file(m, in); break;
    case 2: on_rights(m, in); break;
    case 3:
        if (is_held)
            world_close(held[which]);
        held[which] = MSG_NULL;
        break;
    default: on_path(m, in); break;
    }
    world_settle();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {.at = bytes, .end = bytes + size};

    CHECK(world_begin(1 << 20, 40, NULL, 0));
    memset(held, 0, sizeof(held));
    while (in.at < in.end)
        one(&in);
    world_end();
    return 0;
}
