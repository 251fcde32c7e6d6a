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

static void one(struct input *in)
{
    static uint8_t data[FILE_DATA_MAX], output[FILE_DATA_MAX];
    char path[FILE_PATH_MAX], other[FILE_PATH_MAX], rest[FILE_PATH_MAX];
    const unsigned which = (unsigned)number(in, 1) % (HELD + 1);
    const mach_port_name_t port =
        which < HELD && held[which] != MSG_NULL ? held[which] : world_root;
    struct server_message *m = world_message(port);
    struct file_attributes a = {.kind = 1};
    struct file_system system;
    uint32_t n = 0, outcome = 0, third = 0;
    uint64_t wide = 0, size = 0;
    int64_t place = 0;
    mach_port_name_t got = MSG_NULL, back = MSG_NULL;
    kern_return_t kr = KERN_SUCCESS;

    switch (number(in, 1) % 20) {
    case 0:
        text(in, path);
        kr = serve_open(m, path, (uint32_t)number(in, 2), (uint32_t)number(in, 2), &outcome, &got,
                        rest);
        keep(kr, got, in);
        break;
    case 1:
        precise(serve_read(m, (int64_t)number(in, 8), (uint32_t)number(in, 2) % FILE_DATA_MAX,
                           output, &n));
        break;
    case 2:
        precise(serve_write(m, (int64_t)number(in, 3) - 1, data,
                            (uint32_t)number(in, 2) % FILE_DATA_MAX, &n));
        break;
    case 3: precise(serve_seek(m, (int64_t)number(in, 8), (uint32_t)number(in, 1), &place)); break;
    case 4:
        a.size = number(in, 3);
        precise(serve_set_attributes(m, (uint32_t)number(in, 1), &a));
        break;
    case 5: precise(serve_set_flags(m, (uint32_t)number(in, 2))); break;
    case 6: precise(serve_wait(m, (uint32_t)number(in, 1), number(in, 1), &n)); break;
    case 7: {
        const mach_port_name_t notify = world_foreign();
        if (serve_watch(m, (uint32_t)number(in, 1), number(in, 1), notify) != KERN_SUCCESS)
            world_close(notify);
        break;
    }
    case 8:
        kr = serve_map(m, number(in, 2) * PAGE, number(in, 3), (uint32_t)number(in, 1),
                       number(in, 1) & 1, &got, &wide, &size);
        if (kr == KERN_SUCCESS)
            world_close(got);
        break;
    case 9: precise(serve_entries(m, number(in, 1), &wide, output, &n)); break;
    case 10:
        kr = serve_reopen(m, (uint32_t)number(in, 2), &got);
        keep(kr, got, in);
        break;
    case 11:
        text(in, path);
        text(in, other);
        precise(serve_make(m, path, (uint32_t)number(in, 1), (uint32_t)number(in, 2), other,
                           &outcome, &got, rest));
        break;
    case 12:
        text(in, path);
        precise(serve_remove(m, path, number(in, 1) & 1, &outcome, &got, rest));
        break;
    case 13:
        text(in, path);
        text(in, other);
        world_second_done(serve_rename(m, path, world_second(), other, number(in, 1) & 1, &outcome,
                                       &got, &third, rest));
        break;
    case 14:
        text(in, path);
        text(in, other);
        world_second_done(serve_link(m, path, world_second(), other, number(in, 1) & 1, &outcome,
                                     &got, &third, rest));
        break;
    case 15:
        kr = serve_make_pipe(m, (uint32_t)number(in, 2), &got, &back);
        keep(kr, got, in);
        keep(kr, back, in);
        break;
    case 16:
        text(in, path);
        precise(serve_look(m, path, number(in, 1) & 1, &outcome, &got, &a, rest));
        break;
    case 17:
        text(in, path);
        precise(serve_read_link(m, path, &outcome, &got, other, rest));
        break;
    case 18:
        if (which < HELD && held[which] != MSG_NULL)
            world_close(held[which]);
        held[which % HELD] = which < HELD ? MSG_NULL : held[which % HELD];
        break;
    default:
        precise(serve_get_system(m, &system));
        precise(serve_mounts(m, (uint32_t)number(in, 1), &n, output, &third));
        break;
    }
    precise(kr);
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
