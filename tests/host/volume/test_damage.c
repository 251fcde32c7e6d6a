/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that a killed server has left, but with records that are not what they were, under sums that fit: a mount takes them or refuses them, and ends.
 */
#include "check.h"
#include <card.h>
#include <errno.h>
#include <fat.h>
#include <survivor.h>
#include <unistd.h>
#include <volume.h>

enum { CARD = 8 << 20, MEMORY = 1 << 20, FORMAT_AT = 8 /* in the first description */ };

static const struct volume_ops *ops;
static struct card *base, *card;
static uint8_t left[MEMORY] __attribute__((aligned(4096)));
static uint8_t memory[MEMORY] __attribute__((aligned(4096)));

static void make_card(void)
{
    char path[64], line[256];

    base = card_make(CARD);
    card = card_make(CARD);
    if (ops == &fat_volume) {
        CHECK_EQ(fat_format(&base->storage, &(struct fat_format){.type = 16}), 0);
        return;
    }
    snprintf(path, sizeof path, "damage-%d.img", (int)getpid());
    CHECK(card_save(base, path));
    snprintf(line, sizeof line,
             "PATH=$PATH:/usr/sbin:/sbin; mke2fs -q -F -t ext4 -b 1024 -J size=1 -N 64 %s 2>&1",
             path);
    CHECK_EQ(system(line), 0);
    card_free(base);
    base = card_load(path);
    CHECK(base != NULL);
    (void)unlink(path);
}

static int mount_with(struct card *on, uint8_t *with, struct volume **out)
{
    const struct volume_options options = {.keep_orphans = true, .memory = {with, MEMORY}};

    return ops->mount(&on->storage, &options, out);
}

/* A few files, one without a name, as a server leaves them that is killed: `base` and `left` are what there was at that moment. */
static void make_base(void)
{
    static uint8_t bytes[5000];
    static struct card *at_kill;
    struct volume_file *file, *folder;
    struct volume *volume;
    size_t written;

    make_card();
    CHECK_EQ(mount_with(base, memory, &volume), 0);
    CHECK_EQ(ops->make(volume, ops->root(volume), "folder", VOLUME_FOLDER, 0755, "", &folder), 0);
    CHECK_EQ(ops->make(volume, folder, "a file with a name", VOLUME_REGULAR, 0644, "", &file), 0);
    CHECK_EQ(ops->write(volume, file, 0, 100, bytes, sizeof bytes, &written), 0);
    CHECK_EQ(ops->sync(volume), 0);
    CHECK_EQ(ops->rename(volume, folder, "a file with a name", file, ops->root(volume), "other",
                         NULL),
             0);
    CHECK_EQ(ops->resize(volume, file, 300), 0);
    CHECK_EQ(ops->remove(volume, ops->root(volume), "other", file), 0);
    CHECK_EQ(ops->write(volume, file, 0, 7000, bytes, sizeof bytes, &written), 0);
    at_kill = card_make(CARD);
    card_copy(at_kill, base);
    memcpy(left, memory, MEMORY);
    ops->release(volume, file);
    ops->release(volume, folder);
    (void)ops->unmount(volume);
    card_free(base);
    base = at_kill;
}

/* The records of `left`, with some changes, as a log that is as good as its sums. */
static void forge(unsigned changes)
{
    static uint8_t data[2048];
    struct survivor from, to;
    struct survivor_record record;
    uint64_t format;

    memcpy(&format, left + FORMAT_AT, sizeof format);
    CHECK(survivor_open(&from, left, MEMORY, format));
    memset(memory, 0, MEMORY);
    (void)survivor_open(&to, memory, MEMORY, format);
    memcpy(to.state, from.state, sizeof to.state);
    for (size_t at = 0; survivor_read(&from, &at, &record);) {
        CHECK(record.size <= sizeof data);
        memcpy(data, record.data, record.size);
        if (check_below(8) < changes) {
            switch (check_below(5)) {
            case 0: record.kind = (uint16_t)check_below(8); break;
            case 1:
                record.number = check_below(2) ? check_skewed() : check_below(CARD / 512);
                break;
            case 2: record.extra = check_below(2) ? check_skewed() : check_below(1200); break;
            case 3: record.size = (uint32_t)check_below(sizeof data); break;
            default:
                for (unsigned i = 0; i < 4 && record.size != 0; i++)
                    data[check_below(record.size)] = (uint8_t)check_random();
            }
        }
        (void)survivor_add(&to, record.kind, record.number, record.extra, data, record.size);
    }
    survivor_publish(&to);
}

static bool count(void *context, const char *name, enum volume_kind kind, uint64_t inode,
                  uint64_t next)
{
    (void)name, (void)kind, (void)inode, (void)next;
    return ++*(unsigned *)context < 100;
}

static void use(struct volume *volume)
{
    struct volume_file *file;
    unsigned entries = 0;
    size_t done;

    (void)ops->free_orphans(volume);
    (void)ops->entries(volume, ops->root(volume), 0, count, &entries);
    if (ops->make(volume, ops->root(volume), "new", VOLUME_REGULAR, 0600, "", &file) == 0) {
        (void)ops->write(volume, file, 0, 0, memory, 3000, &done);
        ops->release(volume, file);
    }
    (void)ops->unmount(volume);
}

static unsigned run(unsigned times, unsigned changes)
{
    unsigned mounted = 0;

    for (unsigned i = 0; i < times; i++) {
        struct volume *volume;

        card_copy(card, base);
        forge(changes);
        if (mount_with(card, memory, &volume) != 0)
            continue;
        mounted++;
        use(volume);
    }
    return mounted;
}

int main(int argc, char **argv)
{
    static const struct volume_ops *const all[] = {&ext4_volume, &fat_volume};
    unsigned times = 300;

    check_begin(argc, argv);
    for (int i = 1; i < argc; i++)
        (void)sscanf(argv[i], "times=%u", &times);
    for (unsigned i = 0; i < 2; i++) {
        ops = all[i];
        memset(memory, 0, MEMORY);
        make_base();
        CHECK_EQ(run(3, 0), 3);
        CHECK(run(times, 1) > times / 10);
        (void)run(times, 4);
        card_free(base);
        card_free(card);
    }
    return check_end();
}
