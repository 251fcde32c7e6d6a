/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server functions of sample.defs: each answers what roundtrip.c can foretell.
 */
#include "roundtrip.h"

#include <stdlib.h>
#include <string.h>

kern_return_t next_answer;
mach_port_name_t kept_reply;

static kern_return_t do_echo(struct server_message *message, const uint64_t words[8],
                             uint64_t back[8])
{
    CHECK(message->context == &kept_reply && message->received.local == 4711);
    for (unsigned i = 0; i < 8; i++) {
        back[7 - i] = words[i];
    }
    return next_answer;
}

static kern_return_t do_scalars(struct server_message *message, uint64_t a, uint64_t b, uint64_t c,
                                uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h,
                                uint64_t *i, uint64_t *j, uint64_t *k, uint64_t *l, uint64_t *m,
                                uint64_t *n, uint64_t *o, uint64_t *p)
{
    (void)message;
    *i = h;
    *j = g;
    *k = f;
    *l = e;
    *m = d;
    *n = c;
    *o = b;
    *p = a;
    return next_answer;
}

static kern_return_t do_small(struct server_message *message, uint8_t a, bool b, int32_t c,
                              const struct sample_triple *t, uint16_t d, uint32_t k, uint32_t limit,
                              bool *e, int64_t *f, uint8_t *g, struct sample_triple *h)
{
    (void)message;
    CHECK(k == SAMPLE_KIND_CARD && limit <= 100);
    *e = !b;
    *f = (int64_t)c * d;
    *g = (uint8_t)(a + 1);
    *h = (struct sample_triple){t->c, t->b, t->a};
    return next_answer;
}

static kern_return_t do_describe(struct server_message *message, const char *name,
                                 struct sample_geometry *geometry, char *label, uint16_t *tail,
                                 uint32_t *tail_count)
{
    (void)message;
    *geometry = (struct sample_geometry){.sectors = strlen(name), .size = 512, .kind = 1};
    strcpy(label, name);
    *tail_count = (uint32_t)strlen(name) % 10;
    for (uint32_t i = 0; i < *tail_count; i++) {
        tail[i] = (uint16_t)(i * 1000);
    }
    return next_answer;
}

static kern_return_t do_mixed(struct server_message *message, uint32_t a, mach_port_name_t port,
                              const void *b, uint32_t b_size, mach_port_name_t *many,
                              uint32_t many_count, const uint64_t *c, uint32_t c_count,
                              void *memory, uint32_t memory_size, const struct sample_geometry *g,
                              uint32_t g_count, const char *s, uint64_t *x, mach_port_name_t *made,
                              void *y, uint32_t *y_size, struct sample_triple *z, uint32_t *z_count,
                              char *w, mach_port_name_t **rights, uint32_t *rights_count,
                              void **region, uint32_t *region_size)
{
    (void)message;
    if (next_answer != KERN_SUCCESS) {
        return next_answer; /* and everything that came is released */
    }
    *x = a + port;
    for (uint32_t i = 0; i < many_count; i++) {
        *x += many[i];
        stub_release_right(many[i], MSG_MOVE_SEND);
    }
    for (uint32_t i = 0; i < c_count; i++) {
        *x += c[i];
    }
    for (uint32_t i = 0; i < g_count; i++) {
        *x += g[i].sectors;
    }
    stub_release_right(port, MSG_MOVE_SEND);
    *made = 900;
    memcpy(y, b, b_size);
    *y_size = b_size;
    *z_count = 2;
    z[0] = (struct sample_triple){1, 2, 3};
    z[1] = (struct sample_triple){4, 5, 6};
    strncpy(w, s, 8);
    w[8] = '\0';
    static mach_port_name_t array[2] = {31, 32}; /* copied by the send */
    *rights = array;
    *rights_count = 2;
    *region = malloc(memory_size < 100 ? memory_size : 100);
    *region_size = memory_size < 100 ? memory_size : 100;
    memcpy(*region, memory, *region_size);
    stub_release_memory(many, many_count * sizeof *many);
    stub_release_memory(memory, memory_size);
    live += 3; /* two rights and the region; `made` is made on the way */
    return KERN_SUCCESS;
}

static kern_return_t do_flushed(struct server_message *message, uint64_t cookie, const char *text)
{
    CHECK(message->reply == MSG_NULL);
    flushed_cookie = cookie + strlen(text);
    return KERN_SUCCESS;
}

static kern_return_t do_nothing(struct server_message *message)
{
    (void)message;
    return next_answer;
}

static kern_return_t do_later(struct server_message *message, uint32_t seed, uint64_t *grown,
                              char *note)
{
    (void)grown;
    (void)note;
    kept_reply = message->reply;
    kept_seed = seed;
    return MIG_NO_REPLY;
}

static kern_return_t do_copy_out(struct server_message *message, const void *data,
                                 uint32_t data_size, void *copy, uint32_t *copy_size)
{
    (void)message;
    memcpy(copy, data, data_size);
    *copy_size = data_size;
    return next_answer;
}

uint64_t flushed_cookie;
uint32_t kept_seed;

const struct sample_ops sample_functions = {
    .echo = do_echo,
    .scalars = do_scalars,
    .small = do_small,
    .describe = do_describe,
    .mixed = do_mixed,
    .flushed = do_flushed,
    .nothing = do_nothing,
    .later = do_later,
    .copy_out = do_copy_out,
};
