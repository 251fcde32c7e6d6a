/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files as C programs see them, against the servers of the system that posix-files.conf describes: each function, its errors, and misuse. It ends with as many descriptors as it began with, and
 * a round more leaves no object in the kernel.
 */
#include "posix-files.h"
#include "others-posix.h"
#include <fcntl.h>
#include <libsys/kernel.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

static void check_all(void)
{
    static const struct {
        const char *name;
        void (*check)(void);
    } parts[] = {
        {"descriptors", check_descriptors},
        {"reading", check_reading},
        {"big", check_big},
        {"long", check_long},
        {"pipes", check_pipes},
        {"locks", check_locks},
        {"attributes", check_attributes},
        {"names", check_names},
        {"directories", check_directories},
        {"current", check_current},
        {"poll", check_poll},
        {"mapping", check_mapping},
        {"terminals", check_terminals},
        {"system", check_system},
        {"locking", check_locking},
        {"program", check_program},
    };

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
}

static void ask(void)
{
    (void)next_descriptor();
}

/* Tables of names and heaps of the servers grow to the most that there was at once, and stay so: how much of it is taken back a little later depends on who runs when. */
static void make_room(void)
{
    enum { MOST = 200, CROWD = 20 };
    static int ends[MOST][2];
    pid_t child[CROWD];
    unsigned n = 0;

    while (n < MOST && pipe(ends[n]) == 0)
        n++;
    CHECK(n > CROWD);
    for (unsigned i = 0; i < CROWD; i++) {
        child[i] = fork();
        while (child[i] == 0)
            (void)pause();
        CHECK(child[i] > 0);
    }
    for (unsigned i = 0; i < CROWD; i++) {
        CHECK_EQUAL(kill(child[i], SIGKILL), 0);
        CHECK_EQUAL(waitpid(child[i], NULL, 0), child[i]);
    }
    while (n-- > 0) {
        CHECK_EQUAL(close(ends[n][0]), 0);
        CHECK_EQUAL(close(ends[n][1]), 0);
    }
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], LOCKS_AFTER_EXEC) == 0)
        return locks_after_exec(argv + 2);
    const int before = next_descriptor();

    if (mkdir("/tmp", 0777) != 0)
        CHECK_EQUAL(errno, EEXIST);
    make_room();
    /* The first rounds leave what is kept for the next time: tables, stacks, caches. */
    check_all();
    check_all();
    /* A loss comes in every round. A table may still grow in one, when others ran at other moments than before: but not in all of three. */
    enum { ROUNDS = 3 };
    uint64_t kept = 0, left = settled_with_alarm(ask);

    for (unsigned i = 0; i < ROUNDS && (i == 0 || left > kept); i++) {
        kept = left;
        check_all();
        left = settled_with_alarm(ask);
    }
    if (!CHECK(left <= kept))
        printf("posix-files: %llu kernel objects, and then %llu\n", (unsigned long long)kept,
               (unsigned long long)left);
    CHECK_EQUAL(next_descriptor(), before);
    return check_end("posix-files");
}
