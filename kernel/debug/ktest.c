/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The runner of the in-kernel self-tests. A test passes if all it expects holds and it leaves as
 * many kernel objects and free frames behind as it found.
 */
#include <kern/frame.h>
#include <kern/kmem.h>
#include <kern/ktest.h>
#include <kern/ktest_task.h>
#include <kern/log.h>
#include <kern/string.h>

/* The rows KTEST() makes, gathered by the linker. There is always one, so the names are defined. */
extern const struct ktest __start_ktest[], __stop_ktest[];

static unsigned failures; /* of the test that runs */

KTEST(ktest_runs)
{
    KTEST_EXPECT(failures == 0);
}

bool ktest_expect(bool ok, const char *text, const char *file, int line)
{
    if (!ok) {
        failures++;
        log_plain("ktest: %s:%d: expected %s", file, line, text);
    }
    return ok;
}

struct usage {
    int64_t objects;
    uint64_t frames;
};

/* What is in use, with nothing hidden in caches or on its way: what was freed may wait for a grace
 * period, and an empty slab of a stable cache begins one. Frames that went into records of newly
 * opened blocks are not lost. */
static struct usage measure(void)
{
    struct frame_statistics frames;

    ktest_rest();
    kmem_drain();
    ktest_rest();
    frame_drain_cache();
    frame_statistics(&frames);
    return (struct usage){kmem_live_objects(), frames.free + frames.record_pages};
}

static bool run_one(const struct ktest *test)
{
    struct usage before = measure(), after;

    failures = 0;
    test->run();
    after = measure();
    if (after.objects != before.objects || after.frames != before.frames) {
        failures++;
        log_plain("ktest: %s: left %lld objects and %lld frames in use", test->name,
                  (long long)(after.objects - before.objects),
                  (long long)(before.frames - after.frames));
    }
    if (failures == 0)
        log_plain("ktest: %s ok", test->name);
    else
        log_plain("ktest: %s FAILED (%u)", test->name, failures);
    return failures == 0;
}

static bool contains(const char *text, const char *part)
{
    size_t length = strlen(part);

    for (; *text != '\0'; text++)
        if (strncmp(text, part, length) == 0)
            return true;
    return false;
}

unsigned ktest_run(const char *pattern)
{
    bool all = strcmp(pattern, "all") == 0;
    unsigned passed = 0, failed = 0;

    for (const struct ktest *test = __start_ktest; test != __stop_ktest; test++) {
        if (!all && !contains(test->name, pattern))
            continue;
        if (run_one(test))
            passed++;
        else
            failed++;
    }
    log_plain("ktest: %u passed, %u failed", passed, failed);
    return failed;
}
