/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Others' file systems, and others reading ours: what mkfs.fat makes is mounted and filled; mtools read what was written, and write what is read. fsck.fat has
 * nothing to say of what fat_format() makes, of any type and size.
 */
#include "image.h"

static char output[OUTPUT_MAX];

static void run_ok(struct card *card, const char *command)
{
    const int status = image_run(card, command, output);

    if (status != 0)
        fprintf(stderr, "%s: %s\n", command, output);
    CHECK_EQ(status, 0);
}

/* A text file in the working directory, for mcopy. */
static void write_host_file(const char *name, const void *content, size_t size)
{
    FILE *file = fopen(name, "wb");

    CHECK(file != NULL && fwrite(content, 1, size, file) == size);
    CHECK_EQ(fclose(file), 0);
}

static void check_host_file(const char *name, const void *content, size_t size)
{
    char *bytes = malloc(size + 1);
    FILE *file = fopen(name, "rb");

    CHECK(file != NULL && fread(bytes, 1, size + 1, file) == size);
    CHECK(memcmp(bytes, content, size) == 0);
    fclose(file);
    free(bytes);
    remove(name);
}

/* They have Wharf's files, and Wharf has theirs. */
static void exchange(struct card *card)
{
    static uint8_t content[50000];
    struct fat *fat = image_mount(card);
    struct fat_node *node;

    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (uint8_t)(i * 7 + i / 256);
    CHECK_EQ(fat_create(fat_root(fat), "Folder with a long name", FAT_FOLDER, &node), 0);
    fat_release(node);
    image_put(fat, "Folder with a long name/Datei \xc3\xa4\xc3\xb6.bin", content, sizeof content);
    image_put(fat, "small.txt", "small", 5);
    image_put(fat, "PLAIN.TXT", "plain", 5);
    CHECK_EQ(fat_unmount(fat), 0);

    run_ok(
        card,
        "export LC_ALL=C.UTF-8; i=%s; mcopy -n -i $i '::Folder with a long name/Datei \xc3\xa4\xc3\xb6.bin' "
        "fat-out.tmp 2>&1 && mdir -b -i $i ::/ 2>&1");
    CHECK(strstr(output, "::/small.txt") && strstr(output, "::/PLAIN.TXT"));
    check_host_file("fat-out.tmp", content, sizeof content);

    write_host_file("fat-in.tmp", content, 30000);
    run_ok(
        card,
        "export LC_ALL=C.UTF-8; i=%s; mmd -i $i ::Theirs 2>&1 && mcopy -i $i fat-in.tmp '::Theirs/a name of theirs \xc3\xa9.dat' 2>&1 "
        "&& mdel -i $i ::small.txt 2>&1 && mren -i $i ::PLAIN.TXT ::renamed.text 2>&1");
    remove("fat-in.tmp");
    fat = image_mount(card);
    image_expect(fat, "theirs/A NAME OF THEIRS \xc3\xa9.DAT", content, 30000);
    image_expect(fat, "renamed.text", "plain", 5);
    CHECK_EQ(image_find(fat, "small.txt", &node), ENOENT);
    CHECK_EQ(fat_unmount(fat), 0);
    image_check_clean(card);
}

static void test_mkfs(void)
{
    static const char *const commands[] = {
        "mkfs.fat -F 12 -n LABEL %s 2>&1",
        "mkfs.fat -F 16 %s 2>&1",
        "mkfs.fat -F 32 -s 1 -n 'A LABEL' %s 2>&1",
        "mkfs.fat -F 16 -S 2048 %s 2>&1",
        "mkfs.fat -F 32 -s 1 -R 40 %s 2>&1",
        "mkfs.fat -F 16 -f 1 -s 8 -r 16 %s 2>&1",
        "mkfs.fat -F 12 -s 128 %s 2>&1",
    };

    for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct card *card = card_make(i == 0 || i == 6 ? 6 << 20 : 36 << 20);
        run_ok(card, commands[i]);
        exchange(card);
        card_free(card);
    }
}

static void test_format(void)
{
    static const struct {
        uint64_t size;
        uint32_t type, sector, cluster, expected;
    } cases[] = {{160 << 10, 0, 0, 0, 12},       {1440 << 10, 0, 0, 0, 12},
                 {4 << 20, 0, 0, 0, 12},         {5 << 20, 0, 0, 0, 16},
                 {17 << 20, 0, 0, 0, 16},        {36 << 20, 32, 512, 512, 32},
                 {20 << 20, 16, 4096, 4096, 16}, {30 << 20, 12, 512, 65536, 12},
                 {70 << 20, 32, 1024, 1024, 32}, {8 << 20, 0, 4096, 0, 12},
                 {17 << 20, 0, 4096, 0, 16},     {(40 << 20) + 512 * 77, 0, 0, 0, 16}};

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct card *card = card_make(cases[i].size);
        struct fat *fat;
        struct fat_space space;
        CHECK_EQ(fat_format(&card->storage, &(struct fat_format){.type = cases[i].type,
                                                                 .sector_size = cases[i].sector,
                                                                 .cluster_size = cases[i].cluster,
                                                                 .label = i % 2 ? "Wharf" : NULL}),
                 0);
        image_check_clean(card);
        fat = image_mount(card);
        CHECK_EQ(fat_space(fat, &space), 0);
        CHECK_EQ(space.type, cases[i].expected);
        CHECK_EQ(fat_unmount(fat), 0);
        if (cases[i].size < 40 << 20)
            exchange(card);
        card_free(card);
    }
}

static void test_format_refuses(void)
{
    static const struct fat_format bad[] = {{.type = 11},
                                            {.sector_size = 256},
                                            {.sector_size = 8192},
                                            {.cluster_size = 100},
                                            {.cluster_size = 256},
                                            {.cluster_size = 131072},
                                            {.type = 33},
                                            {.label = "a.b"},
                                            {.type = 32},
                                            {.label = "\xc4"},
                                            {.label = "\x7f"},
                                            {.label = ""},
                                            {.label = "twelve chars"},
                                            {.type = 12, .cluster_size = 512}};
    struct card *card = card_make(3 << 20);

    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_EQ(fat_format(&card->storage, &bad[i]), EINVAL);
    card_free(card);
}

/* Power that goes away meanwhile: the old one is there wholly, or nothing, or the new one is. */
static void test_format_cut(void)
{
    struct card *card = image_make(2300 << 10, 16, 512, 512), *left = card_make(2300 << 10);
    struct fat *fat = image_mount(card);
    unsigned old = 0, none = 0, new = 0;

    image_put(fat, "f", "content", 7);
    CHECK_EQ(fat_unmount(fat), 0);
    card_record(card);
    CHECK_EQ(fat_format(&card->storage, &(struct fat_format){.type = 12}), 0);
    for (size_t events = 0; events <= card_events(card); events++)
        for (unsigned loss = 0; loss < 8 * CARD_LOSSES; loss++) {
            struct fat_space space;
            card_cut(card, events, (enum card_loss)(loss % CARD_LOSSES), &check_state.random, left);
            if (fat_mount(&left->storage, &(struct fat_options){0}, &fat) != 0) {
                none++;
                continue;
            }
            CHECK_EQ(fat_space(fat, &space), 0);
            old += space.type == 16;
            new += space.type == 12;
            if (space.type == 16)
                image_expect(fat, "f", "content", 7);
            CHECK_EQ(fat_unmount(fat), 0);
            if (loss < CARD_LOSSES)
                image_check_clean(left);
        }
    CHECK(old != 0 && none != 0 && new != 0);
    card_free(card);
    card_free(left);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    image_need_tools();
    test_mkfs();
    test_format();
    test_format_refuses();
    test_format_cut();
    return check_end();
}
