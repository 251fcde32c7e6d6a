/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a file system is asked for too much of: open files, names in a folder, folders in each other, bytes of a name and of a file. All is removed at the end.
 */
#include "full-disk.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPENS_MAX = 8192, MANY = 1200, DEEP = 60, BYTES = 256 };
#define GIB (UINT64_C(1) << 30)

static const char *name_of(unsigned number)
{
    static char name[40];

    snprintf(name, sizeof(name), "many/n%05u", number);
    return name;
}

static int make(const char *name)
{
    const int file = open(name, O_RDWR | O_CREAT | O_EXCL, 0644);

    if (file >= 0)
        CHECK_EQUAL(close(file), 0);
    return file < 0 ? -1 : 0;
}

/* Names in a folder, but "." and "..". */
static unsigned names_in(const char *path)
{
    DIR *folder = opendir(path);
    unsigned count = 0;

    if (!CHECK(folder))
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    CHECK_EQUAL(closedir(folder), 0);
    return count;
}

/* As many as there can be; the refusal harms nobody. */
void check_opens(void)
{
    static int files[OPENS_MAX];
    unsigned count = 0;
    char byte = 'x';

    print("full-disk: opens\n");
    while (count < OPENS_MAX && (files[count] = open("open", O_RDWR | O_CREAT, 0644)) >= 0)
        count++;
    CHECK(count == OPENS_MAX || errno == EMFILE || errno == ENFILE);
    if (!CHECK(count > 200))
        return;
    print("full-disk: %u can be open\n", count);
    CHECK_EQUAL(pwrite(files[count - 1], &byte, 1, 0), 1);
    CHECK_EQUAL(close(files[--count]), 0);
    const int again = open("open", O_RDONLY);
    CHECK(again >= 0);
    CHECK_EQUAL(read(again, &byte, 1), 1);
    CHECK_EQUAL(close(again), 0);
    while (count > 0)
        CHECK_EQUAL(close(files[--count]), 0);
    CHECK_EQUAL(unlink("open"), 0);
}

void check_folder(void)
{
    struct stat status;

    print("full-disk: a folder of many\n");
    CHECK_EQUAL(mkdir("many", 0755), 0);
    for (unsigned i = 0; i < MANY; i++)
        CHECK_EQUAL(make(name_of(i)), 0);
    CHECK_FAILS(make(name_of(MANY / 2)), EEXIST);
    CHECK_EQUAL(names_in("many"), MANY);
    for (unsigned i = 0; i < MANY; i += 2)
        CHECK_EQUAL(unlink(name_of(i)), 0);
    CHECK_EQUAL(names_in("many"), MANY / 2);
    for (unsigned i = 0; i < MANY; i++)
        CHECK_EQUAL(stat(name_of(i), &status), i % 2 != 0 ? 0 : -1);
    CHECK_FAILS(rmdir("many"), ENOTEMPTY);
    for (unsigned i = 1; i < MANY; i += 2)
        CHECK_EQUAL(unlink(name_of(i)), 0);
    CHECK_EQUAL(rmdir("many"), 0);
}

/* ---- names ---- */

static bool is_listed(const char *name)
{
    DIR *folder = opendir("names");
    bool found = false;

    if (!CHECK(folder))
        return false;
    for (const struct dirent *entry; !found && (entry = readdir(folder));)
        found = strcmp(entry->d_name, name) == 0;
    CHECK_EQUAL(closedir(folder), 0);
    return found;
}

static bool can_be(unsigned byte)
{
    return has_holes || (byte >= ' ' && byte < 0x7f && !strchr("\\:*?\"<>|", (int)byte));
}

static void check_name(unsigned byte)
{
    char path[16];

    snprintf(path, sizeof(path), "names/a%cz", (int)byte);
    if (can_be(byte)) {
        CHECK_EQUAL(make(path), 0);
        CHECK(is_listed(path + strlen("names/")));
        CHECK_EQUAL(unlink(path), 0);
        CHECK(!is_listed(path + strlen("names/")));
    } else if (make(path) == 0) {
        CHECK_EQUAL(byte, 0x7f); /* no control character for FAT */
        CHECK_EQUAL(unlink(path), 0);
    } else {
        CHECK_EQUAL(errno, byte >= 0x80 ? EILSEQ : EINVAL);
    }
}

void check_names(void)
{
    char name[300] = "names/";

    print("full-disk: names\n");
    CHECK_EQUAL(mkdir("names", 0755), 0);
    for (unsigned byte = 1; byte < BYTES; byte++)
        if (byte != '/')
            check_name(byte);
    memset(name + strlen("names/"), 'n', 255);
    CHECK_EQUAL(make(name), 0);
    CHECK(is_listed(name + strlen("names/")));
    CHECK_EQUAL(unlink(name), 0);
    strlcat(name, "n", sizeof(name));
    CHECK_FAILS(make(name), ENAMETOOLONG);
    CHECK_EQUAL(rmdir("names"), 0);
}

/* ---- a deep tree ---- */

void check_deep(void)
{
    char path[DEEP * 8] = "", where[DEEP * 8 + 256];
    unsigned depth = 0;

    print("full-disk: a deep tree\n");
    for (; depth < DEEP; depth++) {
        strlcat(path, depth == 0 ? "deep" : "/deeper", sizeof(path));
        CHECK_EQUAL(mkdir(path, 0755), 0);
    }
    strlcat(path, "/f", sizeof(path));
    CHECK_EQUAL(make(path), 0);
    drop_kept();
    CHECK_EQUAL(unlink(path), 0);
    *strrchr(path, '/') = '\0';
    CHECK_EQUAL(chdir(path), 0);
    CHECK(getcwd(where, sizeof(where)) && strlen(where) > strlen(path));
    for (unsigned i = 0; i < DEEP; i++)
        CHECK_EQUAL(chdir(".."), 0);
    for (char *end = path; end;) {
        CHECK_EQUAL(rmdir(path), 0);
        end = strrchr(path, '/');
        if (end)
            *end = '\0';
    }
}

/* ---- sizes ---- */

static void check_hole(int file)
{
    const off_t far = (off_t)(60 * GIB);
    char bytes[2] = {0};
    struct stat status;

    CHECK_EQUAL(pwrite(file, "x", 1, far), 1);
    CHECK_EQUAL(fsync(file), 0);
    drop_kept();
    CHECK_EQUAL(fstat(file, &status), 0);
    CHECK_EQUAL(status.st_size, far + 1);
    CHECK(status.st_blocks < 1024);
    CHECK_EQUAL(pread(file, bytes, 2, far - 1), 2);
    CHECK(bytes[0] == 0 && bytes[1] == 'x');
    CHECK_FAILS(pwrite(file, "x", 1, (off_t)(4096 * GIB)), EFBIG);
    CHECK_FAILS(ftruncate(file, (off_t)(4096 * GIB)), EFBIG);
    CHECK_EQUAL(fstat(file, &status), 0);
    CHECK_EQUAL(status.st_size, far + 1);
}

/* What there is no room for takes none, and leaves the file as it was. */
static void check_without_holes(int file)
{
    const uint64_t before = free_bytes();
    struct stat status;

    CHECK_FAILS(ftruncate(file, (off_t)(4 * GIB - 1)), ENOSPC);
    CHECK_FAILS(ftruncate(file, (off_t)(4 * GIB)), EFBIG);
    CHECK_FAILS(pwrite(file, "x", 1, (off_t)(4 * GIB - 2)), ENOSPC);
    CHECK_FAILS(pwrite(file, "x", 1, (off_t)(4 * GIB)), EFBIG);
    CHECK_EQUAL(fstat(file, &status), 0);
    CHECK_EQUAL(status.st_size, 0);
    check_free_again(before);
    CHECK_EQUAL(pwrite(file, "x", 1, 0), 1);
    CHECK_FAILS(ftruncate(file, (off_t)(4 * GIB - 1)), ENOSPC);
    CHECK_EQUAL(fstat(file, &status), 0);
    CHECK_EQUAL(status.st_size, 1);
    CHECK_EQUAL(fsync(file), 0);
}

void check_sizes(void)
{
    const int file = open("size", O_RDWR | O_CREAT | O_EXCL, 0644);

    print("full-disk: sizes\n");
    CHECK(file >= 0);
    if (has_holes)
        check_hole(file);
    else
        check_without_holes(file);
    CHECK_EQUAL(close(file), 0);
    CHECK_EQUAL(unlink("size"), 0);
}
