/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attributes, names, directories, the current directory.
 */
#include "posix-files.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utime.h>

/* ---- attributes ---- */

static void check_times(void)
{
    static const struct timespec set[2] = {{1000, 5}, {2000, 999999999}},
                                 some[2] = {{0, UTIME_OMIT}, {7, 0}};
    static const struct timespec wrong[2] = {{0, 1000000000}, {0, 0}};
    static const struct utimbuf seconds = {11, 22};
    struct stat status;

    CHECK_EQUAL(utimensat(AT_FDCWD, "file", set, 0), 0);
    CHECK_EQUAL(stat("file", &status), 0);
    CHECK_EQUAL(status.st_atim.tv_sec, 1000);
    CHECK_EQUAL(status.st_atim.tv_nsec, 5);
    CHECK_EQUAL(status.st_mtim.tv_nsec, 999999999);
    CHECK_EQUAL(utimensat(AT_FDCWD, "file", some, 0), 0);
    CHECK_EQUAL(stat("file", &status), 0);
    CHECK_EQUAL(status.st_atim.tv_sec, 1000);
    CHECK_EQUAL(status.st_mtim.tv_sec, 7);
    CHECK_FAILS(utimensat(AT_FDCWD, "file", wrong, 0), EINVAL);
    CHECK_EQUAL(utime("file", &seconds), 0);
    CHECK_EQUAL(stat("file", &status), 0);
    CHECK_EQUAL(status.st_mtim.tv_sec, 22);
    const int file = open("file", O_RDONLY);

    CHECK_EQUAL(futimens(file, set), 0);
    CHECK_EQUAL(fstat(file, &status), 0);
    CHECK_EQUAL(status.st_mtim.tv_sec, 2000);
    CHECK_EQUAL(close(file), 0);
}

static void check_modes(void)
{
    struct stat status;
    const mode_t old = umask(027);

    CHECK_EQUAL(umask(027), 027);
    const int file = open("masked", O_WRONLY | O_CREAT, 0777);

    CHECK_EQUAL(fstat(file, &status), 0);
    CHECK_EQUAL(status.st_mode, S_IFREG | 0750);
    CHECK_EQUAL(fchmod(file, 0604), 0);
    CHECK_EQUAL(stat("masked", &status), 0);
    CHECK_EQUAL(status.st_mode & 07777, 0604);
    CHECK_EQUAL(close(file), 0);
    CHECK_EQUAL(mkdir("masked-folder", 0777), 0);
    CHECK_EQUAL(stat("masked-folder", &status), 0);
    CHECK_EQUAL(status.st_mode, S_IFDIR | 0750);
    CHECK_EQUAL(rmdir("masked-folder"), 0);
    CHECK_EQUAL(unlink("masked"), 0);
    umask(old);
    CHECK_EQUAL(access("file", R_OK | W_OK), 0);
    CHECK_FAILS(access("file", X_OK), EACCES);
    CHECK_EQUAL(chmod("file", 0755), 0);
    CHECK_EQUAL(access("file", X_OK), 0);
    CHECK_FAILS(access("file", 99), EINVAL);
    CHECK_EQUAL(chown("file", 12, (gid_t)-1), 0);
    CHECK_EQUAL(stat("file", &status), 0);
    CHECK_EQUAL(status.st_uid, 12);
    CHECK_EQUAL(status.st_gid, 0);
}

void check_attributes(void)
{
    struct stat status, other;
    struct statvfs system;

    test_make("file", "12345");
    CHECK_EQUAL(stat("file", &status), 0);
    CHECK(S_ISREG(status.st_mode));
    CHECK_EQUAL(status.st_size, 5);
    CHECK_EQUAL(status.st_nlink, 1);
    CHECK_EQUAL(stat("/", &other), 0);
    CHECK(S_ISDIR(other.st_mode) && other.st_ino != status.st_ino);
    CHECK_EQUAL(truncate("file", 2), 0);
    CHECK_EQUAL(lstat("file", &status), 0);
    CHECK_EQUAL(status.st_size, 2);
    check_times();
    check_modes();
    CHECK_FAILS(stat("nothing", &status), ENOENT);
    CHECK_FAILS(fstatat(AT_FDCWD, "file", &status, 0x4000), EINVAL);
    CHECK_FAILS(chmod("nothing", 0), ENOENT);
    CHECK_EQUAL(statvfs(".", &system), 0);
    CHECK(system.f_bsize > 0 && system.f_namemax >= 200);
    CHECK_EQUAL(unlink("file"), 0);
}

/* ---- names ---- */

static void check_symbolic(void)
{
    char text[PATH_MAX];
    struct stat status;

    test_make("target", "at the target");
    CHECK_EQUAL(symlink("target", "link"), 0);
    CHECK_EQUAL(readlink("link", text, sizeof(text)), 6);
    CHECK(memcmp(text, "target", 6) == 0);
    CHECK_EQUAL(readlink("link", text, 3), 3);
    CHECK_FAILS(readlink("link", text, 0), EINVAL);
    CHECK_FAILS(readlink("target", text, sizeof(text)), EINVAL);
    CHECK_EQUAL(lstat("link", &status), 0);
    CHECK(S_ISLNK(status.st_mode));
    CHECK_EQUAL(stat("link", &status), 0);
    CHECK(S_ISREG(status.st_mode));
    CHECK_FAILS(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_EQUAL(symlink("loop-b", "loop-a"), 0);
    CHECK_EQUAL(symlink("loop-a", "loop-b"), 0);
    CHECK_FAILS(open("loop-a", O_RDONLY), ELOOP);
    CHECK_EQUAL(symlink(TEST_FOLDER "/target", "absolute"), 0);
    CHECK_EQUAL(stat("absolute", &status), 0);
    CHECK_EQUAL(status.st_size, 13);
    CHECK_FAILS(symlink("", "nothing"), ENOENT);
    CHECK_EQUAL(unlink("loop-a"), 0);
    CHECK_EQUAL(unlink("loop-b"), 0);
    CHECK_EQUAL(unlink("absolute"), 0);
    CHECK_EQUAL(unlink("link"), 0);
    CHECK_EQUAL(unlink("target"), 0);
}

static void check_links(void)
{
    struct stat a, b;

    test_make("one", "1");
    CHECK_EQUAL(link("one", "two"), 0);
    CHECK_EQUAL(stat("one", &a), 0);
    CHECK_EQUAL(stat("two", &b), 0);
    CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    CHECK_EQUAL(a.st_nlink, 2);
    CHECK_FAILS(link("one", "two"), EEXIST);
    CHECK_FAILS(link("nothing", "three"), ENOENT);
    CHECK_EQUAL(unlink("one"), 0);
    CHECK_EQUAL(stat("two", &a), 0);
    CHECK_EQUAL(a.st_nlink, 1);
    CHECK_EQUAL(unlink("two"), 0);
}

static void check_rename(void)
{
    struct stat status;

    test_make("old", "old");
    test_make("new", "other");
    CHECK_EQUAL(rename("old", "new"), 0);
    CHECK_FAILS(stat("old", &status), ENOENT);
    CHECK_EQUAL(stat("new", &status), 0);
    CHECK_EQUAL(status.st_size, 3);
    CHECK_EQUAL(mkdir("folder", 0755), 0);
    CHECK_EQUAL(mkdir("folder/inner", 0755), 0);
    CHECK_FAILS(rename("folder", "folder/inner/x"), EINVAL);
    CHECK_FAILS(rename("new", "folder"), EISDIR);
    CHECK_FAILS(rename("folder", "new"), ENOTDIR);
    CHECK_EQUAL(rename("new", "folder/inner/moved"), 0);
    CHECK_FAILS(rmdir("folder"), ENOTEMPTY);
    CHECK_FAILS(unlink("folder"), EISDIR);
    CHECK_FAILS(rmdir("folder/inner/moved"), ENOTDIR);
    CHECK_EQUAL(unlink("folder/inner/moved"), 0);
    CHECK_EQUAL(rmdir("folder/inner"), 0);
    CHECK_EQUAL(remove("folder"), 0);
}

void check_names(void)
{
    static char longest[PATH_MAX + 10];
    const int here = open(".", O_RDONLY | O_DIRECTORY);

    check_symbolic();
    check_links();
    check_rename();
    CHECK_FAILS(mkdir("/", 0755), EEXIST);
    CHECK_FAILS(mkdir("nothing/below", 0755), ENOENT);
    CHECK_FAILS(rmdir("nothing"), ENOENT);
    CHECK_FAILS(unlink(""), ENOENT);
    memset(longest, 'x', sizeof(longest) - 1);
    CHECK_FAILS(open(longest, O_RDONLY), ENAMETOOLONG);
    longest[NAME_MAX + 1] = '\0';
    CHECK_FAILS(open(longest, O_WRONLY | O_CREAT, 0600), ENAMETOOLONG);
    /* The ...at() functions. */
    CHECK_EQUAL(mkdirat(here, "at", 0755), 0);
    const int below = openat(here, "at", O_RDONLY);

    CHECK_EQUAL(close(openat(below, "file", O_WRONLY | O_CREAT, 0600)), 0);
    CHECK_EQUAL(renameat(below, "file", here, "moved"), 0);
    CHECK_EQUAL(linkat(here, "moved", below, "again", 0), 0);
    CHECK_EQUAL(faccessat(below, "again", F_OK, 0), 0);
    CHECK_EQUAL(unlinkat(below, "again", 0), 0);
    CHECK_EQUAL(unlinkat(here, "moved", 0), 0);
    CHECK_EQUAL(unlinkat(here, "at", AT_REMOVEDIR), 0);
    CHECK_EQUAL(mkfifo("fifo", 0600), 0);
    CHECK_EQUAL(unlink("fifo"), 0);
    CHECK_FAILS(mknod("device", S_IFCHR | 0600, 5), EPERM);
    CHECK_EQUAL(close(below), 0);
    CHECK_EQUAL(close(here), 0);
}

/* ---- directories ---- */

enum { MANY = 300 };

/* Each name once, and "." and "..". */
static void count_names(DIR *directory, unsigned seen[MANY], unsigned *others)
{
    const struct dirent *entry;

    *others = 0;
    while ((entry = readdir(directory)) != NULL) {
        const bool numbered = strncmp(entry->d_name, "name-", 5) == 0;
        const unsigned long number = numbered ? strtoul(entry->d_name + 5, NULL, 10) : MANY;

        if (number < MANY)
            seen[number]++;
        else
            ++*others;
    }
}

static void check_reading_names(void)
{
    static unsigned seen[MANY];
    DIR *directory = opendir("many");
    unsigned others;

    memset(seen, 0, sizeof(seen));
    CHECK(directory != NULL);
    count_names(directory, seen, &others);
    CHECK_EQUAL(others, 2);
    for (unsigned i = 0; i < MANY; i++)
        CHECK_EQUAL(seen[i], 1);
    CHECK(readdir(directory) == NULL);
    rewinddir(directory);
    CHECK(readdir(directory) != NULL);
    const long at = telldir(directory);
    struct dirent next = *readdir(directory);

    CHECK(readdir(directory) != NULL);
    seekdir(directory, at);
    const struct dirent *again = readdir(directory);

    CHECK(again != NULL && strcmp(again->d_name, next.d_name) == 0);
    CHECK_EQUAL(fcntl(dirfd(directory), F_GETFD), FD_CLOEXEC);
    CHECK_EQUAL(closedir(directory), 0);
}

/* Names that go while they are read are not met twice, and the others are. */
static void check_removing(void)
{
    DIR *directory = opendir("many");
    const struct dirent *entry;
    char path[PATH_MAX];
    unsigned removed = 0;

    while ((entry = readdir(directory)) != NULL)
        if (entry->d_name[0] == 'n') {
            snprintf(path, sizeof(path), "many/%s", entry->d_name);
            CHECK_EQUAL(unlink(path), 0);
            removed++;
        }
    CHECK_EQUAL(removed, MANY);
    CHECK_EQUAL(closedir(directory), 0);
}

static int is_name(const struct dirent *entry)
{
    return entry->d_name[0] == 'n';
}

void check_directories(void)
{
    struct dirent **names;
    char path[64];

    CHECK_EQUAL(mkdir("many", 0755), 0);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(path, sizeof(path), "many/name-%u", i);
        test_make(path, "");
    }
    check_reading_names();
    const int count = scandir("many", &names, is_name, alphasort);

    CHECK_EQUAL(count, MANY);
    CHECK(strcmp(names[0]->d_name, "name-0") == 0 && strcmp(names[1]->d_name, "name-1") == 0 &&
          strcmp(names[2]->d_name, "name-10") == 0);
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    check_removing();
    CHECK_EQUAL(rmdir("many"), 0);
    CHECK(opendir("many") == NULL && errno == ENOENT);
    test_make("file", "");
    CHECK(opendir("file") == NULL && errno == ENOTDIR);
    CHECK_EQUAL(unlink("file"), 0);
}

/* ---- the current directory ---- */

void check_current(void)
{
    char path[PATH_MAX], small[4];

    CHECK(getcwd(path, sizeof(path)) != NULL && strcmp(path, TEST_FOLDER) == 0);
    CHECK(getcwd(small, sizeof(small)) == NULL && errno == ERANGE);
    CHECK(getcwd(small, 0) == NULL && errno == EINVAL);
    CHECK_EQUAL(mkdir("deep", 0755), 0);
    CHECK_EQUAL(mkdir("deep/er", 0755), 0);
    CHECK_EQUAL(symlink("deep/er", "short"), 0);
    const int here = open(".", O_RDONLY);

    CHECK_EQUAL(chdir("short"), 0);
    char *name = getcwd(NULL, 0);

    CHECK(name != NULL && strcmp(name, TEST_FOLDER "/deep/er") == 0);
    free(name);
    CHECK_EQUAL(rename(TEST_FOLDER "/deep", TEST_FOLDER "/renamed"), 0);
    CHECK(getcwd(path, sizeof(path)) != NULL && strcmp(path, TEST_FOLDER "/renamed/er") == 0);
    CHECK(realpath("../../short/..//./er", path) == NULL && errno == ENOENT);
    CHECK_EQUAL(fchdir(here), 0);
    CHECK_EQUAL(close(here), 0);
    CHECK_EQUAL(unlink("short"), 0);
    CHECK_EQUAL(symlink("renamed/er", "short"), 0);
    name = realpath("short/..//./er", NULL);
    CHECK(name != NULL && strcmp(name, TEST_FOLDER "/renamed/er") == 0);
    free(name);
    CHECK(realpath("/", path) != NULL && strcmp(path, "/") == 0);
    CHECK(realpath("", path) == NULL && errno == ENOENT);
    CHECK_EQUAL(chdir("/"), 0);
    CHECK(getcwd(path, sizeof(path)) != NULL && strcmp(path, "/") == 0);
    CHECK_EQUAL(chdir(TEST_FOLDER), 0);
    CHECK_FAILS(chdir("nothing"), ENOENT);
    CHECK_EQUAL(unlink("short"), 0);
    CHECK_EQUAL(rmdir("renamed/er"), 0);
    CHECK_EQUAL(rmdir("renamed"), 0);
}
