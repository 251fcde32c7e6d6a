/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cards for the tests of FAT (image.h).
 */
#include "image.h"
#include <sys/wait.h>
#include <unistd.h>

static int64_t tick(void *context)
{
    static int64_t now = INT64_C(1700000000000000000);

    (void)context;
    return now += INT64_C(2000000000);
}

struct card *image_make(uint64_t size, uint32_t type, uint32_t sector, uint32_t cluster)
{
    struct card *card = card_make(size);

    CHECK_EQ(fat_format(&card->storage, &(struct fat_format){.type = type,
                                                             .sector_size = sector,
                                                             .cluster_size = cluster,
                                                             .small_32 = true,
                                                             .serial = 0x12345678}),
             0);
    return card;
}

/* ---- a bad sector ---- */

static const struct storage_operations *good;
static unsigned bad_kinds;
static uint64_t bad_byte;
static unsigned bad_times;

static bool is_bad(unsigned kind, uint64_t offset, size_t size)
{
    if (!(bad_kinds & kind) || offset > bad_byte || bad_byte - offset >= size)
        return false;
    if (bad_times != ALWAYS && --bad_times == 0)
        bad_kinds = 0;
    return true;
}

static int read_good(struct storage *storage, uint64_t offset, void *to, size_t size)
{
    return is_bad(CARD_READ, offset, size) ? EIO : good->read(storage, offset, to, size);
}

static int write_good(struct storage *storage, uint64_t offset, const void *from, size_t size)
{
    return is_bad(CARD_WRITE, offset, size) ? EIO : good->write(storage, offset, from, size);
}

static int flush_all(struct storage *storage)
{
    return good->flush(storage);
}

void image_spoil(struct card *card, unsigned kinds, uint64_t byte, unsigned times)
{
    static const struct storage_operations operations = {.read = read_good,
                                                         .write = write_good,
                                                         .flush = flush_all};

    if (card->storage.operations != &operations)
        good = card->storage.operations;
    card->storage.operations = kinds ? &operations : good;
    bad_kinds = kinds;
    bad_byte = byte;
    bad_times = times;
}

struct fat *image_mount(struct card *card)
{
    struct fat *fat;

    CHECK_EQ(fat_mount(&card->storage, &(struct fat_options){.cache_blocks = 64, .now = tick},
                       &fat),
             0);
    return fat;
}

int image_run(struct card *card, const char *command, char output[OUTPUT_MAX])
{
    char path[64], line[512];
    size_t size;
    FILE *pipe;

    snprintf(path, sizeof path, "fat-%d.img", (int)getpid());
    CHECK(card_save(card, path));
    snprintf(line, sizeof line, command, path);
    pipe = popen(line, "r");
    CHECK(pipe != NULL);
    size = fread(output, 1, OUTPUT_MAX - 1, pipe);
    output[size] = '\0';
    const int status = pclose(pipe);
    struct card *after = card_load(path);
    CHECK(after != NULL && after->storage.size == card->storage.size);
    memcpy(card->bytes, after->bytes, card->storage.size);
    card_free(after);
    unlink(path);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void image_check_clean(struct card *card)
{
    char output[OUTPUT_MAX];
    const int status = image_run(card, "fsck.fat -n %s 2>&1", output);

    if (status != 0)
        fputs(output, stderr);
    CHECK_EQ(status, 0);
}

void image_need_tools(void)
{
    if (system("fsck.fat --help >/dev/null 2>&1 && mtools --version >/dev/null 2>&1") == 0)
        return;
    printf("skipped: dosfstools and mtools are not installed\n");
    exit(77);
}

int image_find(struct fat *fat, const char *path, struct fat_node **out)
{
    struct fat_node *node = fat_reference(fat_root(fat));

    while (*path != '\0') {
        char name[FAT_NAME_MAX];
        const size_t size = strcspn(path, "/");
        struct fat_node *next;
        snprintf(name, sizeof name, "%.*s", (int)size, path);
        const int error = fat_lookup(node, name, &next);
        fat_release(node);
        if (error)
            return error;
        node = next;
        path += size + (path[size] == '/');
    }
    *out = node;
    return 0;
}

void image_expect(struct fat *fat, const char *path, const void *content, size_t size)
{
    struct fat_node *node;
    size_t got;
    char *bytes = malloc(size + 1);

    CHECK_EQ(image_find(fat, path, &node), 0);
    CHECK_EQ(fat_read(node, 0, bytes, size + 1, &got), 0);
    CHECK_EQ(got, size);
    CHECK(memcmp(bytes, content, size) == 0);
    free(bytes);
    fat_release(node);
}

void image_put(struct fat *fat, const char *path, const void *content, size_t size)
{
    char folder[FAT_NAME_MAX];
    const char *slash = strrchr(path, '/');
    struct fat_node *parent, *node;
    size_t written = 0;

    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 0, path);
    CHECK_EQ(image_find(fat, folder, &parent), 0);
    if (image_find(fat, path, &node) == ENOENT)
        CHECK_EQ(fat_create(parent, slash ? slash + 1 : path, FAT_FILE, &node), 0);
    CHECK_EQ(fat_resize(node, 0), 0);
    CHECK_EQ(fat_write(node, 0, content, size, &written), 0);
    CHECK_EQ(written, size);
    fat_release(node);
    fat_release(parent);
}
