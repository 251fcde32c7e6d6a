/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first programs: started from the initrd as the boot arguments say, and what happens when they
 * have ended.
 */
#include "boot_impl.h"
#include <arch/reset.h>
#include <arch/smp.h>
#include <kern/amap.h>
#include <kern/boot.h>
#include <kern/clock.h>
#include <kern/cpu.h>
#include <kern/device_dma.h>
#include <kern/kmem.h>
#include <kern/log.h>
#include <kern/paged_object.h>
#include <kern/panic.h>
#include <kern/port.h>
#include <kern/sched.h>
#include <kern/string.h>
#include <kern/swap.h>
#include <kern/task.h>
#include <kern/thread.h>
#include <kern/work.h>

enum { MAX_PROGRAMS = 16, NAME_MAX_LENGTH = 31, ARGUMENTS_MAX = 256 };

static struct {
    char first[NAME_MAX_LENGTH + 1]; /* name of the program whose status counts */
    _Atomic uint64_t first_status;
    bool first_seen;       /* told of: tell_work's */
    _Atomic uint32_t left; /* programs that have not ended, plus one while they are being started */
    enum boot_end end;
    int64_t objects_before; /* kernel objects when nothing was started yet */
    struct {
        char name[NAME_MAX_LENGTH + 1];
        uint64_t status;
        _Atomic bool there; /* the others are constant from here on */
    } ended[MAX_PROGRAMS];  /* in that order */
    _Atomic uint32_t ended_count;
    uint32_t told_count; /* of them have been told of: tell_work's */
} programs;

static const int STATUS_CRASHED = 139;
/* In ns: CPUs may be threads of a busy host. */
#define MOST_PATIENCE UINT64_C(20000000000)

static void collect_arguments(const struct boot_options *options, char *text, size_t size)
{
    size_t at = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < options->arg_count && at < size; i++)
        at += format_text(text + at, size - at, "%s%.*s", i ? " " : "",
                          (int)options->args[i].length, options->args[i].text);
}

/* Kernel objects, and the frames when this CPU's caches are empty. */
static int64_t count_objects(struct frame_statistics *frames)
{
    kmem_drain();
    frame_drain_cache();
    frame_statistics(frames);
    return kmem_live_objects();
}

static work_step_t tell_step, finish_step;
static struct work tell_work, finish_work;

/* A share in `left` is given back; the last one ends the run. */
static void one_less(void)
{
    if (atomic_fetch_sub(&programs.left, 1) == 1)
        work_start(&finish_work);
}

/* Load and count one program; its task, not running yet, or NULL. */
static struct task *load(const struct board *board, const struct boot_word *word,
                         const char *arguments)
{
    char name[NAME_MAX_LENGTH + 1];
    const char *why;
    size_t size;
    struct task *task;
    format_text(name, sizeof(name), "%.*s", (int)word->length, word->text);
    const void *file =
        initrd_find(phys_to_virt(board->initrd.base), board->initrd.size, name, &size, &why);
    if (!file || program_load(file, size, name, arguments, &task, &why) != KERN_SUCCESS) {
        log_plain("wharf: %s cannot be started: %s", name, why);
        return NULL;
    }
    if (programs.first[0] == '\0')
        format_text(programs.first, sizeof(programs.first), "%s", name);
    task->announced = true; /* nothing of it runs yet */
    return task;
}

bool boot_start_programs(const struct board *board, const struct boot_options *options)
{
    char arguments[ARGUMENTS_MAX];
    struct task *loaded[MAX_PROGRAMS];
    unsigned count = 0;
    struct boot_word list = options->init, word;

    if (board->initrd.size == 0) {
        log_plain("wharf: there is no initrd to take programs from");
        return false;
    }
    programs.end = options->end;
    work_init(&tell_work, tell_step, PRIORITY_REAP);
    work_init(&finish_work, finish_step, PRIORITY_IDLE + 1);
    collect_arguments(options, arguments, sizeof(arguments));
    if (boot_share_initrd(&board->initrd) != KERN_SUCCESS) {
        log_plain("wharf: there is no memory for the right to the initrd");
        return false;
    }
    struct frame_statistics frames;
    programs.objects_before = count_objects(&frames);
    boot_facts.kernel_memory = boot_facts.managed_memory - (frames.free << PAGE_SHIFT);

    while (count < MAX_PROGRAMS && boot_word_next(&list, &word)) {
        loaded[count] = load(board, &word, arguments);
        count += loaded[count] != NULL;
    }
    atomic_store(&programs.left, count + 1);
    for (unsigned i = 0; i < count; i++) {
        struct thread *thread = list_entry(loaded[i]->threads.next, struct thread, task_link);
        boot_stage("start: %s, task %u, thread %u", loaded[i]->name, loaded[i]->id, thread->id);
        thread_resume(thread);
        task_unref(loaded[i]);
    }
    if (count > 0)
        one_less();
    return count > 0;
}

/* The console takes its time; telling of the end is a piece of work of its own. */
void program_ended(const char *name, uint64_t status, bool crashed)
{
    uint32_t at = atomic_fetch_add(&programs.ended_count, 1);
    format_text(programs.ended[at].name, sizeof(programs.ended[at].name), "%s", name);
    programs.ended[at].status = crashed ? (uint64_t)STATUS_CRASHED : status;
    atomic_store(&programs.ended[at].there, true);
    work_start(&tell_work);
}

/* One at a time. Who is not there yet starts the work when it is. */
static bool tell_step(struct work *work)
{
    uint32_t at = programs.told_count;
    if (at == MAX_PROGRAMS || !atomic_load(&programs.ended[at].there))
        return !work_done(work);
    const char *name = programs.ended[at].name;
    uint64_t status = programs.ended[at].status;
    log_plain("wharf: %s ended with status %lu", name, status);
    if (strcmp(name, programs.first) == 0 && !programs.first_seen) {
        programs.first_seen = true;
        atomic_store(&programs.first_status, status);
    }
    programs.told_count++;
    one_less();
    return true;
}

static void tell_kind(const struct kmem_cache *cache, void *nothing)
{
    (void)nothing;
    const int64_t live = kmem_cache_live(cache);
    if (live > 0)
        log_plain("wharf: leak: there are %ld of %s", (long)live, cache->name);
}

static void check_leaks(void)
{
    struct frame_statistics frames;
    int64_t objects = count_objects(&frames);
    if (objects != programs.objects_before) {
        log_plain("wharf: leak: %ld kernel objects before the programs, %ld after",
                  (long)programs.objects_before, (long)objects);
        kmem_for_each_cache(tell_kind, NULL);
    }
    log_info("wharf: %ld kernel objects and %lu free pages left, %lu pages hold frame records",
             (long)objects, frames.free, frames.record_pages);
}

static void finish(void);

/* Ports die before what was in them is gone, and programs may have ended tasks of theirs just now: everything is counted
 * when nothing of that is left to do. */
static bool finish_step(struct work *work)
{
    static nanos_t since;
    (void)work;
    if (task_any_ending() || !reaper_is_idle() || !amap_reaper_is_idle() ||
        !paged_object_is_idle() || !device_dma_is_idle())
        return true;
    /* Sessions of devices, timers, memory entries: what ends by an item of its own. Not for ever: something may go on by itself. */
    if (since == 0) {
        since = clock_now();
        swap_expect_nobody();
    }
    if (!work_is_alone() && clock_now() - since < MOST_PATIENCE)
        return true;
    finish();
    return false;
}

static void finish(void)
{
    uint64_t next;
    (void)log_set_printing(true, &next); /* whoever had the console has ended */
    check_leaks();
    uint64_t status = atomic_load(&programs.first_status);
    log_plain("wharf: all programs have ended, status %lu", status);
    arch_smp_stop_others();
    switch (programs.end) {
    case BOOT_END_SEMIHOST: arch_semihost_exit((unsigned)status); break;
    case BOOT_END_REBOOT: arch_reset(ARCH_RESET_REBOOT);
    case BOOT_END_DEFAULT:
    case BOOT_END_POWEROFF: arch_reset(ARCH_RESET_POWER_OFF);
    case BOOT_END_HALT: break;
    }
    log_info("wharf: halted");
    arch_reset(ARCH_RESET_HALT);
}
