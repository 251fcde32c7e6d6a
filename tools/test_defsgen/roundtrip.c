/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stubs made from sample.defs against the server loop and the functions of sample_ops.c: what
 * goes in comes out, what is wrong is refused, and nothing that was carried is lost.
 */
#include "roundtrip.h"

#include <stdlib.h>
#include <string.h>

unsigned check_failures(void);

#define PORT SERVER_PORT

static void test_words(void)
{
    const uint64_t words[8] = {1, 2, 3, 4, 5, 6, 7, UINT64_MAX};
    uint64_t back[8] = {0};
    CHECK(sample_echo(PORT, words, back) == KERN_SUCCESS);
    for (unsigned i = 0; i < 8; i++) {
        CHECK(back[i] == words[7 - i]);
    }
    CHECK(fake_server_result == MACH_RCV_PORT_DIED);

    uint64_t out[8] = {0};
    CHECK(sample_scalars(PORT, 1, 2, 3, 4, 5, 6, 7, 8, &out[0], &out[1], &out[2], &out[3], &out[4],
                         &out[5], &out[6], &out[7]) == KERN_SUCCESS);
    for (unsigned i = 0; i < 8; i++) {
        CHECK(out[i] == 8 - i);
    }
    CHECK(sample_nothing(PORT) == KERN_SUCCESS);
}

static void test_small(void)
{
    const struct sample_triple t = {7, 8, 9};
    struct sample_triple h = {0};
    bool e = true;
    int64_t f = 0;
    uint8_t g = 0;
    CHECK(sample_small(PORT, 255, true, -3, &t, 1000, SAMPLE_KIND_CARD, 100, &e, &f, &g, &h) ==
          KERN_SUCCESS);
    CHECK(!e && f == -3000 && g == 0 && h.a == 9 && h.b == 8 && h.c == 7);
    CHECK(sample_small(PORT, 1, false, 1, &t, 1, SAMPLE_KIND_CARD, 101, &e, &f, &g, &h) ==
          KERN_INVALID_ARGUMENT);
    CHECK(!e && f == -3000); /* results are written on success only */
}

static void test_strings(void)
{
    struct sample_geometry geometry = {0};
    char label[40] = "";
    uint16_t tail[9] = {0};
    uint32_t count = 99;
    CHECK(sample_describe(PORT, "disk", &geometry, label, tail, &count) == KERN_SUCCESS);
    CHECK(geometry.sectors == 4 && geometry.size == 512 && strcmp(label, "disk") == 0);
    CHECK(count == 4 && tail[3] == 3000);
    CHECK(sample_describe(PORT, "", &geometry, label, tail, &count) == KERN_SUCCESS);
    CHECK(count == 0 && label[0] == '\0');
    const char longest[] = "0123456789012345678901234567890";
    CHECK(sample_describe(PORT, longest, &geometry, label, tail, &count) == KERN_SUCCESS);
    CHECK(strcmp(label, longest) == 0 && count == 1);
    CHECK(sample_describe(PORT, "01234567890123456789012345678901", &geometry, label, tail,
                          &count) == KERN_INVALID_ARGUMENT);
}

static kern_return_t mixed(uint64_t *x)
{
    const mach_port_name_t many[3] = {11, 12, 13};
    const uint64_t c[2] = {100, 200};
    const struct sample_geometry g[3] = {{.sectors = 1000}, {.sectors = 2000}, {.sectors = 3000}};
    char *const memory = malloc(300);
    memset(memory, 'm', 300);
    live = 4; /* what is moved: three rights, the memory */
    mach_port_name_t made = 0;
    uint8_t y[1000];
    uint32_t y_size = 0;
    struct sample_triple z[5];
    uint32_t z_count = 0;
    char w[9];
    mach_port_name_t *rights = NULL;
    uint32_t rights_count = 0;
    void *region = NULL;
    uint32_t region_size = 0;
    const kern_return_t result =
        sample_mixed(PORT, 5, 50, "bytes", 5, many, 3, c, 2, memory, 300, g, 3, "a longer string",
                     x, &made, y, &y_size, z, &z_count, w, &rights, &rights_count, &region,
                     &region_size);
    if (result != KERN_SUCCESS) {
        if (result >= MACH_SEND_INVALID_DATA && result <= MACH_SEND_TOO_LARGE) {
            CHECK(live == 4); /* all is still the caller's */
            free(memory);
            live = 0;
        }
        return result;
    }
    CHECK(made == 900 && y_size == 5 && memcmp(y, "bytes", 5) == 0 && z_count == 2 && z[1].b == 5);
    CHECK(strcmp(w, "a longer") == 0 && rights_count == 2 && rights[1] == 32);
    CHECK(region_size == 100 && ((char *)region)[99] == 'm');
    stub_release_right(made, MSG_MOVE_SEND);
    stub_release_right(rights[0], MSG_MOVE_RECEIVE);
    stub_release_right(rights[1], MSG_MOVE_RECEIVE);
    stub_release_memory(rights, rights_count * sizeof *rights);
    stub_release_memory(region, region_size);
    return KERN_SUCCESS;
}

static void test_mixed(void)
{
    uint64_t x = 0;
    CHECK(mixed(&x) == KERN_SUCCESS);
    CHECK(x == 5 + 50 + 36 + 300 + 6000 && live == 0);
    next_answer = KERN_FAILURE;
    CHECK(mixed(&x) == KERN_FAILURE && live == 0);
    next_answer = KERN_SUCCESS;
    fake.send_result = -(int64_t)MACH_SEND_TIMED_OUT;
    CHECK(mixed(&x) == MACH_SEND_TIMED_OUT && live == 0);
    fake.send_result = 0;
    fake.reply_lost = MACH_SEND_INVALID_DEST;
    CHECK(mixed(&x) == MACH_RCV_TIMED_OUT && live == 0); /* it has a timeout by default */
    fake.named_reply = true;
    fake.reply_lost = MACH_SEND_INVALID_DEST;
    CHECK(mixed(&x) == MACH_RCV_TIMED_OUT && live == 0);
    fake.named_reply = false;
    fake.short_buffers = true;
    CHECK(mixed(&x) == MIG_BAD_ARGUMENTS && live == 0);
    fake.short_buffers = false;
}

static void test_errors(void)
{
    uint64_t words[8] = {0};
    next_answer = KERN_BUSY;
    CHECK(sample_echo(PORT, words, words) == KERN_BUSY);
    CHECK(sample_nothing(PORT) == KERN_BUSY);
    next_answer = KERN_SUCCESS;
    fake.interruptions = 3;
    CHECK(sample_echo(PORT, words, words) == KERN_SUCCESS);
    fake.interruptions = 2;
    char data[200] = "long";
    char copy[8188];
    uint32_t size = 0;
    CHECK(sample_copy_out(PORT, data, sizeof data, copy, &size) == KERN_SUCCESS);
    CHECK(size == sizeof data && memcmp(copy, data, size) == 0 && fake.interruptions == 0);
    fake.reply_lost = MACH_SEND_INVALID_DEST;
    CHECK(sample_nothing(PORT) == MIG_SERVER_DIED);
    fake.reply_lost = MACH_SEND_INVALID_DEST;
    CHECK(sample_nothing_until(PORT, 5) == MACH_RCV_TIMED_OUT);
}

static void test_later(void)
{
    uint64_t grown = 0;
    char note[16] = "";
    CHECK(sample_later_until(PORT, 9, &grown, note, 1) == MACH_RCV_TIMED_OUT);
    CHECK(kept_seed == 9 && kept_reply == MSG_REPLY && fake_reply_id == -1);
    CHECK(sample_reply_later(kept_reply, KERN_SUCCESS, 90, "done") == KERN_SUCCESS);
    CHECK(fake_reply_id == KERN_SUCCESS);
    CHECK(sample_reply_later(kept_reply, KERN_LIMIT, 0, "") == KERN_SUCCESS);
    CHECK(fake_reply_id == KERN_LIMIT);
    CHECK(sample_reply_later(kept_reply, KERN_SUCCESS, 1, "a note that is too long") ==
          KERN_INVALID_ARGUMENT);
}

static void test_oneway(void)
{
    CHECK(sample_flushed(PORT, 40, "ab") == KERN_SUCCESS);
    CHECK(flushed_cookie == 42 && fake_reply_id == -1);
}

static void other_id(uint64_t *id, uint64_t *control, uint8_t *body)
{
    (void)control;
    (void)body;
    *id += 100;
}

static void retired_id(uint64_t *id, uint64_t *control, uint8_t *body)
{
    (void)control;
    (void)body;
    *id = SAMPLE_BASE + 3;
}

static void shorter(uint64_t *id, uint64_t *control, uint8_t *body)
{
    (void)id;
    (void)body;
    *control -= MSG_CONTROL(0, 0, 8, 0);
}

static void wrong_right(uint64_t *id, uint64_t *control, uint8_t *body)
{
    (void)id;
    (void)control;
    ((struct msg_descriptor *)(void *)body)->disposition = MSG_MOVE_RECEIVE;
}

static void error_with_body(uint64_t *id, uint64_t *control, uint8_t *body)
{
    (void)control;
    (void)body;
    *id = KERN_BUSY;
}

/* A right where none belongs. */
static void gift(uint64_t *id, uint64_t *control, uint8_t *body)
{
    const struct msg_descriptor right = {.value = 5, .disposition = MSG_MOVE_SEND};
    (void)id;
    live++;
    memcpy(body, &right, sizeof right);
    *control = MSG_CONTROL(0, 0, 64, 1);
}

static void died(uint64_t *id, uint64_t *control, uint8_t *body)
{
    (void)body;
    *id = MSG_ID_SEND_ONCE;
    *control = 0;
}

static void test_damage(void)
{
    uint64_t words[8] = {0};
    uint64_t x = 0;
    fake.spoil_request = other_id;
    CHECK(sample_echo(PORT, words, words) == MIG_BAD_ID);
    CHECK(mixed(&x) == MIG_BAD_ID && live == 0);
    fake.spoil_request = retired_id;
    CHECK(sample_echo(PORT, words, words) == MIG_BAD_ID);
    fake.spoil_request = shorter;
    CHECK(sample_echo(PORT, words, words) == MIG_BAD_ARGUMENTS);
    CHECK(mixed(&x) == MIG_BAD_ARGUMENTS && live == 0);
    fake.spoil_request = wrong_right;
    CHECK(mixed(&x) == MIG_BAD_ARGUMENTS && live == 0);
    fake.spoil_request = gift;
    CHECK(sample_echo(PORT, words, words) == MIG_BAD_ARGUMENTS && live == 0);
    fake.spoil_request = NULL;

    void (*const bad[])(uint64_t *, uint64_t *, uint8_t *) = {other_id, shorter, error_with_body};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fake.spoil_reply = bad[i];
        CHECK(sample_echo(PORT, words, words) == MIG_BAD_REPLY);
        CHECK(mixed(&x) == MIG_BAD_REPLY && live == 0);
    }
    fake.spoil_reply = wrong_right;
    CHECK(mixed(&x) == MIG_BAD_REPLY && live == 0);
    fake.spoil_reply = gift;
    CHECK(sample_echo(PORT, words, words) == MIG_BAD_REPLY && live == 0);
    fake.spoil_reply = died;
    CHECK(sample_echo(PORT, words, words) == MIG_SERVER_DIED);
    CHECK(sample_copy_out(PORT, "a", 1, words, &(uint32_t){0}) == MIG_SERVER_DIED);
    fake.spoil_reply = NULL;
}

/* A forged note that the server died, with a right. */
static void gift_of_the_dead(uint64_t *id, uint64_t *control, uint8_t *body)
{
    gift(id, control, body);
    *id = MSG_ID_SEND_ONCE;
}

static void error_alone(uint64_t *id, uint64_t *control, uint8_t *body)
{
    (void)body;
    *id = KERN_BUSY;
    *control &= MSG_CONTROL(255, 255, 0, 0);
}

/* An answer that wants to be answered: nobody does, and nothing is left of it. */
static void test_right_to_answer(void)
{
    const mach_port_name_t rights[] = {55, MSG_REPLY};
    void (*const spoilt[])(uint64_t *, uint64_t *, uint8_t *) = {NULL, shorter, error_alone, died};
    uint64_t words[8] = {0};
    uint64_t x = 0;
    fake.spoil_reply = gift_of_the_dead;
    CHECK(sample_echo(PORT, words, words) == MIG_SERVER_DIED && live == 0);
    for (unsigned i = 0; i < sizeof rights / sizeof rights[0]; i++) {
        fake.answer_right = rights[i];
        for (unsigned n = 0; n < sizeof spoilt / sizeof spoilt[0]; n++) {
            const kern_return_t wanted = spoilt[n] == died ? MIG_SERVER_DIED : MIG_BAD_REPLY;
            fake.spoil_reply = spoilt[n];
            CHECK(sample_echo(PORT, words, words) == wanted && live == 0);
            CHECK(sample_copy_out(PORT, "a", 1, words, &(uint32_t){0}) == wanted && live == 0);
        }
        fake.spoil_reply = NULL;
        CHECK(mixed(&x) == MIG_BAD_REPLY && live == 0);
    }
    fake.answer_right = MSG_NULL;
}

static void test_refused_server(void)
{
    const struct server_interface interface = sample_interface(&sample_functions, NULL);
    const struct server none = {.port = 1};
    const struct server small = {.port = 1, .count = 1, .interfaces = &interface};
    CHECK(server_run(&none) == KERN_INVALID_ARGUMENT);
    CHECK(server_run(&small) == KERN_INVALID_ARGUMENT);
}

int main(void)
{
    test_words();
    test_small();
    test_strings();
    test_mixed();
    test_errors();
    test_later();
    test_oneway();
    test_damage();
    test_right_to_answer();
    test_refused_server();
    printf("%u failures\n", check_failures());
    return check_failures() != 0;
}
