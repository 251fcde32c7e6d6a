/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The damaged images of e2fsprogs' own tests: each is mounted and used, and nothing worse happens than an error.
 *
 *      test_damaged FOLDER [every=N]
 */
#include "abuse.h"
#include "check.h"
#include <glob.h>

static void one(const char *path, unsigned *mounted, unsigned *changed)
{
    const char *image = image_path("damaged");
    struct card *card;
    struct abuse result;

    CHECK_EQ(image_run(NULL, 0, "gzip -dc %s > %s", path, image), 0);
    card = card_load(image);
    CHECK(card != NULL);
    result = abuse(card);
    *mounted += result.mounted;
    *changed += result.changed;
    card_free(card);
}

int main(int argc, char **argv)
{
    unsigned every = 1, used = 0, mounted = 0, changed = 0;
    char pattern[512];
    glob_t found;

    check_begin(argc, argv);
    CHECK(argc > 1);
    for (int i = 2; i < argc; i++)
        if (strncmp(argv[i], "every=", 6) == 0)
            every = (unsigned)strtoul(argv[i] + 6, NULL, 0);
    snprintf(pattern, sizeof(pattern), "%s/*/image.gz", argv[1]);
    CHECK_EQ(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = check_below(every); i < found.gl_pathc; i += every) {
        one(found.gl_pathv[i], &mounted, &changed);
        used++;
    }
    globfree(&found);
    printf("%u images: %u mounted, %u changed\n", used, mounted, changed);
    return check_end();
}
