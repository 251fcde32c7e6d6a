/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The runner of the in-kernel tests, with tests that pass, fail and leak.
 */
#include "check.h"
#include "stub/stub.h"

#include <kern/frame.h>
#include <kern/kmem.h>
#include <kern/ktest.h>
#include <kern/ktest_task.h>

static int64_t objects = 7;
static struct frame_statistics frames = {.managed = 100, .free = 50};
static unsigned drained, rested;
static unsigned waiting; /* frames that a grace period, or what begins one, keeps */

int64_t kmem_live_objects(void)
{
    return objects;
}

void ktest_rest(void)
{
    rested++;
    frames.free += waiting;
    waiting = 0;
}

void kmem_drain(void)
{
    drained++;
}

void frame_drain_cache(void)
{
    drained++;
}

void frame_statistics(struct frame_statistics *out)
{
    *out = frames;
}

KTEST(one_passes)
{
    frames.free--; /* a block was opened: */
    frames.record_pages++;
    frames.free -= waiting = 5;
    KTEST_EXPECT(1 + 1 == 2);
}

KTEST(two_fails)
{
    if (!KTEST_EXPECT(1 + 1 == 3))
        KTEST_EXPECT(objects == 0);
}

KTEST(three_leaks)
{
    objects += 2;
    frames.free -= 3;
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    CHECK_EQ(ktest_run("all"), 2);
    CHECK(strstr(stub_console, "ktest: one_passes ok\r\n") != NULL);
    CHECK(strstr(stub_console, "ktest_test.c:") != NULL);
    CHECK(strstr(stub_console, ": expected 1 + 1 == 3\r\n") != NULL);
    CHECK(strstr(stub_console, "ktest: two_fails FAILED (2)\r\n") != NULL);
    CHECK(strstr(stub_console, "ktest: three_leaks: left 2 objects and 3 frames in use\r\n") !=
          NULL);
    CHECK(strstr(stub_console, "ktest: three_leaks FAILED (1)\r\n") != NULL);
    CHECK(strstr(stub_console, "\r\nktest: 2 passed, 2 failed\r\n") != NULL);
    CHECK_EQ(drained, 16);
    CHECK_EQ(rested, 16);
    stub_console_clear();
    CHECK_EQ(ktest_run("ne_pass"), 0);
    CHECK_TEXT(stub_console, "ktest: one_passes ok\r\nktest: 1 passed, 0 failed\r\n");
    CHECK_EQ(ktest_run("nothing like it"), 0);
    return check_end();
}
