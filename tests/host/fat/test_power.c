/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power cuts: all runs of one and two operations, some of three; power goes away after each request of theirs, with every kind of loss, and again while what is left is
 * mounted and used; and the same while a node is used that was held through its rename. What is found then is what docs/fat.md says, and fsck.fat complains of nothing else.
 *
 *      test_fat_power [cuts=N] [fsck=N] [seed=N]
 *
 * cuts: how many at most; spread over all there are. fsck: one of so many is shown to fsck.fat.
 */
#include "power.h"
#include <guarantees.h>

enum { VARIANTS = 3 }; /* sync after each operation, after the last, never */

static struct card *image, *second;
static struct history history;
static unsigned long cuts, seconds, checked;
static uint64_t share; /* one cut of so many is made */
static unsigned long checks_of = 8;

/* ---- fsck.fat ---- */

/* What docs/fat.md says that it may complain of. Lines that begin with these. */
static const char *const allowed[] = {
    "Warning: Filesystem is FAT32", /* of the test's small card */
    "but has only ",
    "This may lead to problems",
    "fsck.fat ",
    "Dirty bit is set",
    "Automatically removing dirty bit",
    "There are differences between boot sector and its backup",
    "This is mostly harmless",
    "65:0",
    "Not automatically fixing this",
    "FATs differ",
    "Using first FAT",
    "Reclaimed ",
    "Free cluster summary ",
    "Auto-correcting",
    "Auto-setting",
    "Leaving filesystem unchanged",
    "/", /* which file */
    "File size is ",
    "Truncating file",
    "Orphaned long file name part",
    "Auto-deleting",
    "share clusters",
    "Truncating second",
};

static bool may_complain(const char *line, bool ended)
{
    /* Shorter than the size: only where fsck.fat itself has just taken the clusters away, from the second of two names. */
    if (strstr(line, "cluster chain length is ") && !strstr(line, "cluster chain length is > "))
        return !ended && strstr(line, "chain length is 0 bytes");
    if (ended && strstr(line, "share clusters"))
        return false;
    if (line[0] == '\0' || strstr(line, " files, "))
        return true;
    line += strspn(line, " ");
    for (unsigned i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (strncmp(line, allowed[i], strlen(allowed[i])) == 0)
            return true;
    return false;
}

/* ended: Wharf has used it since, so that renames are over. */
static void check_fsck(struct card *card, bool ended)
{
    char output[OUTPUT_MAX], copy[OUTPUT_MAX];

    image_run(card, "fsck.fat -n %s 2>&1", output);
    memcpy(copy, output, sizeof copy);
    for (char *line = strtok(output, "\n"); line; line = strtok(NULL, "\n")) {
        if (!may_complain(line, ended))
            fprintf(stderr, "%s\nnot allowed: \"%s\"\n", copy, line);
        CHECK(may_complain(line, ended));
    }
    checked++;
}

/* ---- cuts ---- */

/* What is left is mounted, all of it is looked at, something is written, and power goes away again. */
static void check_second(size_t events)
{
    static const char text[2000] = "other";

    card_record(image);
    state_check(image, &history, events);
    struct fat *fat = image_mount(image);
    image_put(fat, STATE_OTHER, text, sizeof text);
    CHECK_EQ(fat_unmount(fat), 0);
    card_cut(image, check_below(card_events(image) + 1), (enum card_loss)check_below(CARD_LOSSES),
             &check_state.random, second);
    card_forget(image);
    state_check(second, &history, events);
    seconds++;
}

static const struct run {
    unsigned operations[3], count, variant;
} * current;
static size_t current_event;
static enum card_loss current_loss;

/* A failed check ends the program: say what was done. */
static void tell_run(void)
{
    if (!current)
        return;
    for (unsigned i = 0; i < current->count; i++)
        fprintf(stderr, "%s%s",
                i ? ", " : "  after: ", state_operation(current->operations[i])->text);
    fprintf(stderr, "; variant %u, cut after %zu requests, loss %d\n", current->variant,
            current_event, (int)current_loss);
}

static void check_cut(const struct card *card, size_t events, enum card_loss loss)
{
    const bool shown = check_below(checks_of) == 0;

    current_event = events;
    current_loss = loss;
    card_cut(card, events, loss, &check_state.random, image);
    if (shown)
        check_fsck(image, false);
    check_second(events);
    if (shown) {
        check_fsck(image, true);
        check_fsck(second, true);
    }
    cuts++;
}

/* ---- runs ---- */

static void note(struct card *card, struct fat *fat, bool sync)
{
    if (sync) {
        history.syncing[history.count - 1] = card_events(card);
        CHECK_EQ(fat_sync(fat), 0);
        history.promised[history.count - 1] = card_events(card);
    }
}

/* False: the operations do not go together. */
static bool play(struct card *card, const unsigned *operations, unsigned count, unsigned variant)
{
    struct fat *fat = image_mount(card);
    bool good = true;

    history.count = 1;
    history.promised[0] = 0;
    for (unsigned i = 0; i < count && good; i++) {
        struct state *state = &history.states[history.count];
        *state = history.states[history.count - 1];
        history.promised[history.count] = SIZE_MAX;
        history.operations[history.count] = operations[i];
        history.spans[history.count][0] = card_events(card);
        good = state_do(fat, operations[i], state);
        history.spans[history.count][1] = card_events(card);
        history.count += good;
        if (good)
            note(card, fat, variant == 0 || (variant == 1 && i == count - 1));
    }
    const size_t begin = card_events(card);
    CHECK_EQ(fat_unmount(fat), 0);
    if (history.promised[history.count - 1] == SIZE_MAX) {
        history.syncing[history.count - 1] = begin;
        history.promised[history.count - 1] = card_events(card);
    }
    return good;
}

static void cut_run(const struct card *base, struct card *card, const unsigned *operations,
                    unsigned count)
{
    struct run run = {.count = count};

    memcpy(run.operations, operations, count * sizeof *operations);
    current = &run;
    for (unsigned variant = 0; variant < VARIANTS; variant++) {
        run.variant = variant;
        card_copy(card, base);
        card_record(card);
        if (!play(card, operations, count, variant))
            break;
        for (size_t event = 0; event <= card_events(card); event++)
            for (unsigned loss = 0; loss < CARD_LOSSES; loss++)
                if (check_below(share) == 0)
                    check_cut(card, event, (enum card_loss)loss);
        card_forget(card);
    }
    current = NULL;
}

static void all_runs(const struct card *base, struct card *card)
{
    for (unsigned a = 0; a < OPERATIONS; a++) {
        cut_run(base, card, &a, 1);
        for (unsigned b = 0; b < OPERATIONS; b++)
            cut_run(base, card, (unsigned[]){a, b}, 2);
    }
    for (unsigned i = 0; i < OPERATIONS; i++)
        cut_run(base, card,
                (unsigned[]){(unsigned)check_below(OPERATIONS), (unsigned)check_below(OPERATIONS),
                             (unsigned)check_below(OPERATIONS)},
                3);
}

/* ---- a node that is held through its rename ---- */

enum held { HELD_EMPTIED, HELD_FILLED, HELD_REMOVED, HELD_KINDS };

/* What is done through the node of A when it has just become D/A. */
static void use_held(struct card *card, enum held kind)
{
    static const char text[700] = "text";
    struct fat *fat = image_mount(card);
    struct fat_node *node, *folder;
    size_t size;

    CHECK_EQ(image_find(fat, "A", &node), 0);
    CHECK_EQ(image_find(fat, "D", &folder), 0);
    CHECK_EQ(fat_rename(node, folder, "A", NULL), 0);
    if (kind == HELD_EMPTIED)
        CHECK_EQ(fat_resize(node, 0), 0);
    else if (kind == HELD_FILLED)
        CHECK_EQ(fat_write(node, 0, text, sizeof text, &size), 0);
    else
        CHECK_EQ(fat_remove(node), 0);
    fat_release(node);
    fat_release(folder);
    CHECK_EQ(fat_unmount(fat), 0);
}

/* One name, until it is removed; once it has the new one it has not the old one again. */
static void check_held(enum held kind)
{
    struct fat *fat = image_mount(image);
    struct fat_node *node;
    unsigned names = 0;

    if (image_find(fat, "A", &node) == 0) {
        fat_release(node);
        names++;
    }
    if (image_find(fat, "D/A", &node) == 0) {
        fat_release(node);
        names++;
    }
    CHECK(kind == HELD_REMOVED ? names <= 1 : names == 1);
    CHECK_EQ(fat_unmount(fat), 0);
}

static void cut_held(const struct card *base, struct card *card)
{
    for (unsigned kind = 0; kind < HELD_KINDS; kind++) {
        card_copy(card, base);
        struct fat *fat = image_mount(card);
        image_put(fat, "A", "content", kind == HELD_FILLED ? 0 : 7);
        CHECK_EQ(fat_unmount(fat), 0);
        card_record(card);
        use_held(card, (enum held)kind);
        for (size_t event = 0; event <= card_events(card); event++)
            for (unsigned loss = 0; loss < CARD_LOSSES; loss++) {
                card_cut(card, event, (enum card_loss)loss, &check_state.random, image);
                check_held((enum held)kind);
            }
        card_forget(card);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        uint64_t size;
        uint32_t type;
        size_t
            before; /* clusters in use, so that those which are taken next lie about the end of a block of the table */
    } shapes[] = {{300 << 10, 12, 326}, {2300 << 10, 16, 242}, {700 << 10, 32, 114}};
    static const uint8_t filler[512 * 400];
    unsigned long most = 1000;

    check_begin(argc, argv);
    for (int i = 1; i < argc; i++)
        if (sscanf(argv[i], "cuts=%lu", &most) != 1)
            (void)sscanf(argv[i], "fsck=%lu", &checks_of);
    image_need_tools();
    atexit(tell_run);
    share = 360000 / most + 1; /* there are some 360,000 */
    for (unsigned i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct card *base = image_make(shapes[i].size, shapes[i].type, 512, 512);
        struct card *card = card_make(shapes[i].size);
        struct fat *fat = image_mount(base);
        image = card_make(shapes[i].size);
        second = card_make(shapes[i].size);
        image_put(fat, STATE_OTHER, filler, shapes[i].before * 512);
        state_begin(fat, &history.states[0]);
        CHECK_EQ(fat_unmount(fat), 0);
        all_runs(base, card);
        cut_held(base, card);
        card_free(base);
        card_free(card);
        card_free(image);
        card_free(second);
    }
    printf("%lu cuts, %lu of them cut again, %lu looks by fsck.fat\n", cuts, seconds, checked);
    guarantee_print("fat");
    return check_end();
}
