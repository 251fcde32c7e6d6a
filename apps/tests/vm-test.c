/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See vm-test.h.
 */
#include "vm-test.h"
#include "others.h"

#include <libsys/kernel.h>
#include <wharf/if/host.h>
#include <wharf/if/vm.h>

enum { FRAMES_KEPT = 48, WORDS_STEP = 127 /* of a page: five words */ };

uint64_t *pages_make(unsigned pages)
{
    void *at = NULL;
    OK(kernel_vm_allocate((size_t)pages * PAGE, &at));
    return at;
}

void *pages_make_shared(unsigned pages)
{
    void *at = pages_make(pages);
    OK(vm_inherit(me(), (uintptr_t)at, (uint64_t)pages * PAGE, VM_INHERIT_SHARE));
    return at;
}

void pages_drop(void *at, unsigned pages)
{
    OK(kernel_vm_deallocate(at, (size_t)pages * PAGE));
}

static uint64_t word_of(uint64_t who, unsigned page, unsigned word)
{
    return (who << 32 | page << 12 | word) * UINT64_C(0xd6e8feb86659fd93);
}

void pages_write(uint64_t *at, unsigned pages, uint64_t who)
{
    for (unsigned page = 0; page < pages; page++)
        for (unsigned word = 0; word < PAGE_WORDS; word += WORDS_STEP)
            at[page * PAGE_WORDS + word] = word_of(who, page, word);
}

bool pages_are(const volatile uint64_t *at, unsigned pages, uint64_t who)
{
    for (unsigned page = 0; page < pages; page++)
        for (unsigned word = 0; word < PAGE_WORDS; word += WORDS_STEP)
            if (at[page * PAGE_WORDS + word] != word_of(who, page, word))
                return false;
    return true;
}

void pause_for(uint64_t microseconds)
{
    (void)!kernel_sleep_until(kernel_clock_now() + microseconds * 1000);
}

struct left left_now(void)
{
    struct left last = {0}, now = {0};
    for (unsigned same = 0; same < 40;) {
        last = now;
        pause_for(1000);
        let_others_run();
        struct host_statistics statistics = {0};
        OK(host_statistics(program_start_info->host, &statistics));
        now.frames =
            statistics.free_frames + statistics.record_frames; /* those stay, and are nobody's */
        now.objects = statistics.kernel_objects;
        same = now.objects == last.objects && now.frames == last.frames ? same + 1 : 0;
    }
    return now;
}

void left_expect(const struct left *before)
{
    left_expect_but(before, FRAMES_KEPT);
}

void left_expect_but(const struct left *before, uint64_t frames)
{
    struct left now = left_now();
    CHECK_EQUAL(now.objects, before->objects);
    if (!CHECK(now.frames + frames >= before->frames))
        print("%lu free frames, now %lu\n", before->frames, now.frames);
}
