/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files as C programs see them, against the servers of the system that posix-files.conf describes: each function, its errors, and misuse. It ends with as many descriptors as it began with.
 */
#include "posix-files.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void test_make(const char *path, const char *text)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    CHECK(file >= 0);
    CHECK_EQUAL(write(file, text, strlen(text)), strlen(text));
    CHECK_EQUAL(close(file), 0);
}

/* The number that the next open gets, which is the number of those that are open. */
static int next_descriptor(void)
{
    const int file = open("/", O_RDONLY);

    CHECK(file >= 0);
    close(file);
    return file;
}

int main(void)
{
    static const struct {
        const char *name;
        void (*check)(void);
    } parts[] = {
        {"descriptors", check_descriptors},
        {"reading", check_reading},
        {"big", check_big},
        {"pipes", check_pipes},
        {"attributes", check_attributes},
        {"names", check_names},
        {"directories", check_directories},
        {"current", check_current},
        {"poll", check_poll},
        {"mapping", check_mapping},
        {"terminals", check_terminals},
        {"system", check_system},
    };
    const int before = next_descriptor();

    if (mkdir("/tmp", 0777) != 0)
        CHECK_EQUAL(errno, EEXIST);
    CHECK_EQUAL(mkdir(TEST_FOLDER, 0755), 0);
    CHECK_EQUAL(chdir(TEST_FOLDER), 0);
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const unsigned failures = check_failures();

        parts[i].check();
        if (check_failures() != failures)
            printf("posix-files: %s\n", parts[i].name);
    }
    CHECK_EQUAL(chdir("/"), 0);
    CHECK_EQUAL(rmdir(TEST_FOLDER), 0);
    CHECK_EQUAL(next_descriptor(), before);
    return check_end("posix-files");
}
