/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server's work on a volume, by processes that are killed at a request to the card, or anywhere. Each process mounts with the memory that the one before it has left, finds what the model says
 * (of the step that was under way all or nothing, as progress() tells; of written content anything between), and goes on. Now and then a copy of all of that loses power, or is unmounted and shown to
 * e2fsck or fsck.fat.
 */
#include "check.h"
#include "checkers.h"
#include "model.h"
#include "shared.h"
#include <card.h>
#include <errno.h>
#include <fat.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CARD = 12 << 20, MEMORY_LEAST = 192 << 10, MEMORY_USUAL = 4 << 20, STEPS = 60 };

/* Nothing of an image is left to chance, so that a seed repeats. */
#define UUID                                   \
    "-U 8c1f0a6e-54d3-4f43-9a1b-2f6d3c7e9051 " \
    "-E hash_seed=8c1f0a6e-54d3-4f43-9a1b-2f6d3c7e9051"

/* What a process says to those who come after it. */
struct report {
    _Atomic bool agreed;     /* the model is what the volume has */
    _Atomic unsigned done;   /* steps since then */
    _Atomic bool finished;   /* it was not killed while it made one */
    _Atomic bool unmounting; /* it had given everything up */
    uint64_t progress;       /* told by who was asked for nothing else */
    struct model model;
    uint64_t inodes[2][NODES]; /* after an even number of steps, and after an odd one */
};

static const struct volume_ops *ops;
static struct shared *shared, *copy;
static struct report *report;
static struct model model;
static uint64_t first, unsure; /* number of the next step; of one that may have been made, or 0 */
static bool was_unmounting;

/* ---- the processes ---- */

static void die(int number)
{
    (void)number;
    (void)kill(getpid(), SIGKILL);
}

static struct volume *mount_as(struct shared *of, bool read_only)
{
    const struct volume_options options = {.read_only = read_only,
                                           .keep_orphans = true,
                                           .memory = {of->memory, of->memory_size}};
    struct volume *volume;

    CHECK_EQ(ops->mount(&of->storage, &options, &volume), 0);
    return volume;
}

static struct volume *mount_shared(struct shared *of)
{
    return mount_as(of, false);
}

static struct step step;

/* A check has failed. */
static void tell_step(void)
{
    fprintf(
        stderr,
        "step %llu may have been made: names %d, touched %d, released %d, moved %d, target %d\n",
        (unsigned long long)unsure, step.names, step.touched, step.released, step.moved,
        step.target);
}

/* As who did it would have noted when it was over. */
static void note_moves(struct model *of, struct volume *volume)
{
    if (ops->moved == NULL)
        return;
    if (step.moved >= 0)
        of->nodes[step.moved].inode = ops->moved(volume);
    if (step.target >= 0)
        of->nodes[step.target].inode = 0;
}

/* Which of both it is, and all that is there. */
static void agree(struct volume *volume)
{
    static struct model next;
    const uint64_t progress = ops->progress(volume);

    step = (struct step){.touched = -1, .released = -1};
    (void)atexit(tell_step);
    if (was_unmounting && progress == 0)
        model.progress = 0;
    next = model;
    if (unsure != 0) {
        step = model_step(&next, unsure, NULL, NULL);
        for (int i = 0; i < NODES; i++) /* nobody was told of it */
            next.nodes[i].held = next.nodes[i].held && model.nodes[i].used;
        if (step.names && progress == next.progress) {
            note_moves(&next, volume);
            model = next;
        }
    }
    CHECK_EQ(progress, model.progress);
    model_reopen(&model, step.released, ops, volume);
    CHECK_EQ(ops->free_orphans(volume), 0);
    model_compare(&model, unsure != 0 ? step.touched : -1, &next, ops, volume);
    CHECK_TEXT(ops->problem(volume), "");
}

static void save_inodes(unsigned done)
{
    for (int i = 0; i < NODES; i++)
        report->inodes[done % 2][i] = model.nodes[i].inode;
}

static void arm(uint64_t how)
{
    if (how == 1) {
        shared_kill_at(shared, 1 + check_below(check_below(3) == 0 ? 10 : 150));
    } else if (how == 2) {
        (void)signal(SIGALRM, die);
        (void)setitimer(ITIMER_REAL,
                        &(struct itimerval){.it_value.tv_usec =
                                                (suseconds_t)(1 + check_below(8000))},
                        NULL);
    }
}

static void unmount(struct volume *volume)
{
    for (int i = 0; i < NODES; i++) {
        struct node *node = &model.nodes[i];
        if (!node->held)
            continue;
        node->held = false;
        ops->release(volume, node->file);
        node->used = node->links != 0;
    }
    save_inodes(0);
    report->done = 0;
    report->model = model;
    report->unmounting = true;
    arm(check_below(2));
    CHECK_EQ(ops->unmount(volume), 0);
}

static void work(void)
{
    const uint64_t how = check_below(8);
    const unsigned steps = 1 + (unsigned)check_below(STEPS);
    struct volume *volume;

    if (how == 0) /* also while it is mounted */
        arm(1 + check_below(2));
    volume = mount_shared(shared);
    agree(volume);
    shared_kill_at(shared, 0);
    (void)setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    save_inodes(0);
    report->model = model;
    report->agreed = true;
    arm(how == 7 ? 0 : how % 2 + 1);
    for (unsigned i = 1; i <= steps; i++) {
        (void)model_step(&model, first + i, ops, volume);
        save_inodes(i);
        report->done = i;
    }
    report->finished = true;
    if (how == 7 && check_below(3) == 0)
        unmount(volume);
}

/* Whether it came to its end; else it was killed. */
static bool in_process(void (*function)(void))
{
    int status;
    const pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        function();
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
    return !WIFSIGNALED(status);
}

/* What a process has left is the model. */
static void take_over(void)
{
    const unsigned done = report->done;

    if (!report->agreed)
        return;
    model = report->model;
    was_unmounting = report->unmounting;
    for (unsigned i = 1; i <= done; i++)
        (void)model_step(&model, first + i, NULL, NULL);
    for (int i = 0; i < NODES; i++)
        model.nodes[i].inode = report->inodes[done % 2][i];
    unsure = report->finished ? 0 : first + done + 1;
    first += done + 1;
}

/* ---- copies ---- */

/* What is free is known without the memory, too. */
static void end_copy(void)
{
    struct volume *volume = mount_shared(copy);
    struct volume_space known, counted;

    CHECK_EQ(ops->free_orphans(volume), 0);
    CHECK_EQ(ops->sync(volume), 0);
    CHECK_EQ(ops->space(volume, &known), 0);
    CHECK_EQ(ops->unmount(volume), 0);
    volume = mount_shared(copy);
    CHECK_EQ(ops->space(volume, &counted), 0);
    CHECK_EQ(known.free, counted.free);
    CHECK_EQ(ops->unmount(volume), 0);
}

static void copy_all(void)
{
    memcpy(copy->bytes, shared->bytes, CARD);
    memcpy(copy->memory, shared->memory, shared->memory_size);
}

static void tell_progress(void)
{
    report->progress = ops->progress(mount_as(copy, false));
}

static void tell_progress_reading(void)
{
    report->progress = ops->progress(mount_as(copy, true));
}

/* Whoever only reads knows what was done, too, however often he is killed. */
static void check_reading(void)
{
    copy_all();
    CHECK(in_process(tell_progress));
    const uint64_t progress = report->progress;
    copy_all();
    for (unsigned i = 0; i < 3; i++) {
        CHECK(in_process(tell_progress_reading));
        CHECK_EQ(report->progress, progress);
    }
}

static void check_copy(void)
{
    check_reading();
    copy_all();
    CHECK(in_process(end_copy));
    check_clean(ops, copy, CARD);
}

/* ---- power that fails after a kill ---- */

static void look_at_folder(struct volume *volume, struct volume_file *folder);

struct looking {
    struct volume *volume;
    struct volume_file *folder;
};

static bool look_at(void *context, const char *name, enum volume_kind kind, uint64_t inode,
                    uint64_t next)
{
    static uint8_t bytes[CONTENT + 1];
    const struct looking *looking = context;
    struct volume_file *file;
    size_t got;
    int error;

    (void)inode;
    (void)next;
    error = ops->lookup(looking->volume, looking->folder, name, &file);
    if (error == ENOENT && ops == &fat_volume)
        return true; /* the old name of what has just been looked up by its new one */
    CHECK_EQ(error, 0);
    if (kind == VOLUME_REGULAR)
        CHECK_EQ(ops->read(looking->volume, file, 0, bytes, sizeof bytes, &got), 0);
    if (kind == VOLUME_FOLDER)
        look_at_folder(looking->volume, file);
    ops->release(looking->volume, file);
    return true;
}

static void look_at_folder(struct volume *volume, struct volume_file *folder)
{
    struct looking looking = {volume, folder};

    CHECK_EQ(ops->entries(volume, folder, 0, look_at, &looking), 0);
}

/* All that there is can be read, and where nothing may be left over nothing is. */
static void look_at_cut(void)
{
    struct volume *volume = mount_shared(copy);

    CHECK_EQ(ops->free_orphans(volume), 0);
    look_at_folder(volume, ops->root(volume));
    CHECK_TEXT(ops->problem(volume), "");
    CHECK_EQ(ops->unmount(volume), 0);
}

static void check_cut(void)
{
    shared_cut(shared, check_random, copy);
    CHECK(in_process(look_at_cut));
    if (ops == &ext4_volume)
        check_clean(ops, copy, CARD);
}

/* ---- requests that fail ---- */

enum { FILES = 12 };

static uint64_t failing;

static void name_of(unsigned i, char name[32])
{
    snprintf(name, 32, "file number %u", i);
}

/* Names come, and every third goes; done counts what was answered with 0, and finished says that nothing failed. */
static void work_with_failure(void)
{
    static const uint8_t bytes[3000] = {1};
    struct volume *volume = mount_shared(shared);
    bool good = true;

    shared_fail_at(shared, failing);
    for (unsigned i = 0; i < FILES && good; i++) {
        struct volume_file *file;
        char name[32];
        size_t written;

        name_of(i, name);
        good = ops->make(volume, ops->root(volume), name, VOLUME_REGULAR, 0644, "", &file) == 0;
        if (!good)
            break;
        report->done++;
        (void)ops->write(volume, file, 0, i * 500, bytes, sizeof bytes, &written);
        if (i % 3 == 0)
            good = ops->remove(volume, ops->root(volume), name, file) == 0;
        report->done += good && i % 3 == 0;
        ops->release(volume, file);
        if (i % 4 == 3)
            good = good && ops->sync(volume) == 0;
    }
    report->finished = good && shared->requests < failing;
}

static void look_after_failure(void)
{
    struct volume *volume = mount_shared(shared);
    const uint64_t progress = ops->progress(volume);
    uint64_t steps = 0;

    CHECK(progress == report->done || progress == report->done + 1);
    for (unsigned i = 0; i < FILES; i++) {
        struct volume_file *file;
        char name[32];
        int error;

        name_of(i, name);
        error = ops->lookup(volume, ops->root(volume), name, &file);
        const bool made = steps++ < progress;
        const bool removed = i % 3 == 0 && made && steps++ < progress;
        CHECK_EQ(error, made && !removed ? 0 : ENOENT);
        if (error == 0)
            ops->release(volume, file);
    }
    CHECK_EQ(ops->free_orphans(volume), 0);
    CHECK_TEXT(ops->problem(volume), "");
    CHECK_EQ(ops->unmount(volume), 0);
}

static void make_card(void);

static void run_failures(unsigned apart)
{
    static uint8_t made[CARD];
    unsigned count = 0;

    make_card();
    shared_kill_at(shared, 0); /* what the rounds have left */
    memcpy(made, shared->bytes, CARD);
    for (failing = 1;; failing += apart) {
        memcpy(shared->bytes, made, CARD);
        memset(shared->memory, 0, shared->memory_size);
        report->done = 0;
        report->finished = false;
        CHECK(in_process(work_with_failure));
        shared_fail_at(shared, 0);
        CHECK(in_process(look_after_failure));
        if (ops ==
            &ext4_volume) /* on FAT the card may stay marked, with clusters that fsck.fat finds: docs/fat.md */
            check_clean(ops, shared, CARD);
        count++;
        if (report->finished)
            break;
    }
    printf("%u requests failed\n", count - 1);
}

/* ---- the test ---- */

static void make_card(void)
{
    static char text[CHECKER_TEXT];
    char path[64];
    struct card *card;

    if (ops == &fat_volume) {
        CHECK_EQ(fat_format(&shared->storage,
                            &(struct fat_format){.type = 16, .cluster_size = 1024}),
                 0);
        return;
    }
    snprintf(path, sizeof path, "volume-%d.img", (int)getpid());
    card = card_make(CARD);
    CHECK(card_save(card, path));
    card_free(card);
    CHECK_EQ(
        checker_run(
            "E2FSPROGS_FAKE_TIME=1700000000 mke2fs -q -F -t ext4 -b 1024 -J size=1 -N 256 " UUID
            " %s 2>&1",
            path, text),
        0);
    card = card_load(path);
    CHECK(card != NULL);
    memcpy(shared->bytes, card->bytes, CARD);
    card_free(card);
    (void)unlink(path);
}

static void run_rounds(unsigned rounds, size_t memory)
{
    unsigned agreed = 0, killed = 0;
    uint64_t steps = 0;

    shared = shared_make(CARD, memory);
    copy = shared_make(CARD, memory);
    make_card();
    memcpy(shared->flushed, shared->bytes, CARD);
    model_begin(&model, ops == &ext4_volume);
    first = 1 + check_random() % 1000000;
    unsure = 0;
    was_unmounting = false;
    for (unsigned i = 0; i < rounds; i++) {
        report->agreed = report->finished = report->unmounting = false;
        report->done = 0;
        (void)in_process(work);
        take_over();
        (void)check_random();
        agreed += report->agreed;
        killed += unsure != 0;
        steps += report->done;
        if (i % 25 == 24)
            check_copy();
        if (i % 5 == 0)
            check_cut();
    }
    check_copy();
    printf(
        "%u processes, %u of them after a mount that was not killed, %u killed in a step, %llu steps\n",
        rounds, agreed, killed, (unsigned long long)steps);
}

int main(int argc, char **argv)
{
    unsigned rounds = 150;

    check_begin(argc, argv);
    ops = argc > 1 && strcmp(argv[1], "fat") == 0 ? &fat_volume : &ext4_volume;
    for (int i = 2; i < argc; i++)
        (void)sscanf(argv[i], "rounds=%u", &rounds);
    report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(report != MAP_FAILED);
    run_rounds(rounds, MEMORY_USUAL);
    run_rounds(rounds / 3, MEMORY_LEAST);
    run_failures(rounds > 1000 ? 1 : 3);
    return check_end();
}
