/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random calls of POSIX's functions with random arguments, from a seed (arg=seed=N, arg=calls=N): numbers that are open and that are not, sizes and positions of all magnitudes, flags that mean
 * nothing, paths of odd shapes. Whatever the program does, it harms nobody else: afterwards the server serves as before, and the program has as many descriptors and rights as it began with.
 *
 * Pointers are good, or to memory that cannot be read: those only in calls whose body is out of line, where that is an errno and no signal.
 */
#include "posix-files.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

enum { PAGE = 0x1000, ROOM = 70000, FILES = 64 };

static uint64_t state;
static char bytes[ROOM];
static char *unreadable; /* a page that nobody may touch */

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t below(uint64_t n)
{
    return next() % n;
}

/* ---- arguments ---- */

static int a_number(void)
{
    switch (below(16)) {
    case 0: return -1;
    case 1: return INT_MAX;
    case 2: return (int)next();
    case 3: return (int)below(2000);
    default: return 3 + (int)below(FILES);
    }
}

static off_t an_offset(void)
{
    switch (below(8)) {
    case 0: return (off_t)next();
    case 1: return INT64_MAX;
    case 2: return INT64_MIN;
    case 3: return -(off_t)below(100);
    default: return (off_t)below(100000);
    }
}

static int flags(void)
{
    static const int all[] = {O_CREAT, O_EXCL,    O_TRUNC,     O_APPEND,   O_NONBLOCK,
                              O_SYNC,  O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_EXEC};
    int sum = (int)below(below(20) == 0 ? 4 : 3);

    for (unsigned i = below(4); i > 0; i--)
        sum |= all[below(sizeof(all) / sizeof(all[0]))];
    return below(50) == 0 ? (int)next() : sum;
}

/* A few names, so that they meet each other; and nonsense. */
static const char *a_path(void)
{
    static const char *const names[] = {"a",         "b",         "c",        "d/a",
                                        "d/b",       "d",         "e",        "../posix-files/a",
                                        ".",         "..",        "d/..",     "/",
                                        "",          "//",        "a/",       "d/",
                                        "/dev/null", "/dev/zero", "/nothing", (TEST_FOLDER "/a"),
                                        "link",      "link/a",    "loop",     "/dev/../nothing"};
    static char made[2][PATH_MAX + 40];
    static unsigned turn;
    char *path = made[turn++ % 2];

    if (below(10) != 0)
        return names[below(sizeof(names) / sizeof(names[0]))];
    const size_t length = below(8) == 0 ? below(PATH_MAX + 39) : below(30);

    for (size_t i = 0; i < length; i++)
        path[i] = (char)(below(3) == 0 ? "/."[below(2)] : 1 + below(255));
    path[length] = '\0';
    return path;
}

/* ---- calls ---- */

/* A number that is given is one of few: what was there is closed. And none is 0 to 2: results are told there. */
static void keep(int file)
{
    const int to = 3 + (int)below(FILES);

    if (file < 0)
        return;
    if (file != to)
        (void)dup2(file, to);
    if (file >= 3 + FILES)
        close(file);
}

/* Commands of locks have a pointer behind them, all others a number. Nobody else locks here: F_SETLKW does not wait. */
static void call_control(void)
{
    const int command = 1 + (int)below(20);
    struct flock l = {
        .l_type = (short)(below(8) == 0 ? next() : below(5)),
        .l_whence = (short)(below(8) == 0 ? next() : below(4)),
        .l_start = an_offset(),
        .l_len = below(2) == 0 ? an_offset() : (off_t)below(1000),
    };

    if (command == F_GETLK || command == F_SETLK || command == F_SETLKW)
        (void)fcntl(a_number(), command, &l);
    else
        (void)fcntl(a_number(), command, below(2) == 0 ? O_NONBLOCK : O_APPEND | O_NONBLOCK);
}

/* Blocking ends are for the tests that know who is at the other end. */
static void call_files(void)
{
    int ends[2];

    switch (below(9)) {
    case 0:
    case 1:
    case 2: keep(open(a_path(), flags() | O_NONBLOCK, (mode_t)next())); break;
    case 3: keep(openat(a_number(), a_path(), flags() | O_NONBLOCK, (mode_t)next())); break;
    case 4: close(3 + (int)below(FILES)); break;
    case 5: keep(dup(3 + (int)below(FILES))); break;
    case 6:
        if (pipe2(ends, O_NONBLOCK) == 0) {
            keep(ends[0]);
            keep(ends[1]);
        }
        break;
    case 7: keep(fcntl(3 + (int)below(FILES), F_DUPFD, (int)below(FILES))); break;
    default: call_control(); break;
    }
}

static void call_data(void)
{
    const int file = a_number();
    const size_t size = below(10) == 0 ? below(ROOM) : below(300);
    struct iovec pieces[3] = {{bytes, below(200)}, {bytes + 300, below(6000)}, {bytes, below(20)}};

    switch (below(10)) {
    case 0: (void)!read(file, bytes, size); break;
    case 1: (void)!pread(file, bytes, size, an_offset()); break;
    case 2:
    case 3: (void)!write(file < 3 ? -1 : file, bytes, size); break;
    case 4: (void)!pwrite(file, bytes, size, an_offset() % 1000000); break;
    case 5: (void)lseek(file, an_offset(), (int)below(5)); break;
    case 6: (void)readv(file, pieces, (int)below(5) - 1 > 3 ? 3 : (int)below(4)); break;
    case 7: (void)writev(file < 3 ? -1 : file, pieces, (int)below(4)); break;
    case 8: (void)!pwrite(file, unreadable, 5000, 0); break;
    default: (void)!ftruncate(file, an_offset() % 1000000); break;
    }
}

static void call_names(void)
{
    switch (below(12)) {
    case 0: (void)mkdir(a_path(), (mode_t)next()); break;
    case 1: (void)rmdir(a_path()); break;
    case 2: (void)unlink(a_path()); break;
    case 3: (void)rename(a_path(), a_path()); break;
    case 4: (void)link(a_path(), a_path()); break;
    case 5: (void)symlink(a_path(), a_path()); break;
    case 6: (void)!readlink(a_path(), bytes, below(2000)); break;
    case 7: (void)mkfifo(a_path(), (mode_t)next()); break;
    case 8: (void)renameat(a_number(), a_path(), a_number(), a_path()); break;
    case 9: (void)linkat(a_number(), a_path(), a_number(), a_path(), (int)below(8)); break;
    case 10: (void)unlinkat(a_number(), a_path(), (int)below(16)); break;
    default: (void)!truncate(a_path(), an_offset() % 1000000); break;
    }
}

static void call_attributes(void)
{
    struct timespec times[2] = {{(time_t)next(), (long)next()},
                                {(time_t)below(10000), (long)below(1000000000)}};
    struct statvfs system;
    struct stat status;

    switch (below(10)) {
    case 0: (void)stat(a_path(), &status); break;
    case 1: (void)fstat(a_number(), &status); break;
    case 2: (void)fstatat(a_number(), a_path(), &status, (int)below(8)); break;
    case 3: (void)chmod(a_path(), (mode_t)next()); break;
    case 4: (void)!chown(a_path(), (uid_t)next(), (gid_t)next()); break;
    case 5: (void)utimensat(a_number(), a_path(), times, (int)below(8)); break;
    case 6: (void)access(a_path(), (int)below(16)); break;
    case 7: (void)statvfs(a_path(), &system); break;
    case 8: (void)fsync(a_number()); break;
    default: (void)futimens(a_number(), times); break;
    }
}

static void call_poll(void)
{
    struct pollfd files[8];

    for (unsigned i = 0; i < 8; i++)
        files[i] = (struct pollfd){.fd = a_number(), .events = (short)next()};
    (void)poll(files, (nfds_t)below(9), (int)below(2));
}

static void call_directory(void)
{
    DIR *directory = opendir(a_path());

    if (directory == NULL)
        return;
    for (uint64_t i = below(20); i > 0; i--)
        (void)readdir(directory);
    if (below(3) == 0)
        seekdir(directory, (long)next());
    (void)readdir(directory);
    closedir(directory);
}

static void call_map(void)
{
    const size_t size = below(8) == 0 ? (size_t)next() : below(100000);
    const int kind = below(10) == 0 ? (int)next() & ~MAP_FIXED : 1 + (int)below(2);
    char *at = mmap(NULL, size, (int)below(8), kind | (below(2) == 0 ? MAP_ANONYMOUS : 0),
                    a_number(), below(4) == 0 ? an_offset() : (off_t)below(10) * PAGE);

    if (at == MAP_FAILED)
        return;
    (void)msync(at, size, (int)below(8));
    (void)mprotect(at, below(2) == 0 ? size : below(100000) % size,
                   (int)below(10) == 9 ? 77 : PROT_READ);
    CHECK_EQUAL(munmap(at, size), 0);
}

static void call_others(void)
{
    struct termios settings;
    char path[PATH_MAX];

    switch (below(6)) {
    case 0: (void)tcgetattr(a_number(), &settings); break;
    case 1: /* not for long: what the names above mean must not become everybody's */
        (void)!chdir(a_path());
        (void)!getcwd(path, below(sizeof(path)));
        CHECK_EQUAL(chdir(TEST_FOLDER), 0);
        break;
    case 2: (void)!realpath(a_path(), path); break;
    case 3: (void)!getcwd(path, below(sizeof(path))); break;
    case 4: (void)fpathconf(a_number(), (int)below(30)); break;
    default: (void)posix_fadvise(a_number(), an_offset(), an_offset(), (int)below(9)); break;
    }
}

/* ---- */

/* Whatever is left in a folder goes, and what is in its folders. */
static void empty_folder(const char *path, unsigned depth)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    char name[PATH_MAX];

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >= (int)sizeof(name))
            continue;
        if (unlink(name) != 0 && depth > 0) {
            empty_folder(name, depth - 1);
            CHECK_EQUAL(rmdir(name), 0);
        }
    }
    if (directory != NULL)
        closedir(directory);
}

static uint64_t argument(int argc, char **argv, const char *name, uint64_t otherwise)
{
    const size_t n = strlen(name);

    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=')
            return strtoull(argv[i] + n + 1, NULL, 0);
    return otherwise;
}

int main(int argc, char **argv)
{
    static void (*const calls[])(void) = {call_files, call_files,      call_files,     call_data,
                                          call_data,  call_data,       call_names,     call_names,
                                          call_poll,  call_attributes, call_directory, call_map,
                                          call_others};
    const uint64_t seed = argument(argc, argv, "seed", 1),
                   count = argument(argc, argv, "calls", 20000);

    signal(SIGPIPE, SIG_IGN);
    state = seed * 0x9e3779b97f4a7c15 + 1;
    if (mkdir("/tmp", 0777) != 0)
        CHECK_EQUAL(errno, EEXIST);
    CHECK_EQUAL(mkdir(TEST_FOLDER, 0755), 0);
    CHECK_EQUAL(chdir(TEST_FOLDER), 0);
    unreadable = mmap(NULL, (size_t)2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK_EQUAL(symlink("loop", "loop"), 0);
    CHECK_EQUAL(symlink("d", "link"), 0);
    for (uint64_t i = 0; i < count; i++)
        calls[below(sizeof(calls) / sizeof(calls[0]))]();
    for (int file = 3; file < OPEN_MAX; file++)
        close(file);
    CHECK_EQUAL(chdir("/"), 0);
    empty_folder(TEST_FOLDER, 50);
    CHECK_EQUAL(rmdir(TEST_FOLDER), 0);
    test_make("/tmp/served", "as before");
    CHECK_EQUAL(unlink("/tmp/served"), 0);
    printf("posix-fuzz: seed %llu, %llu calls\n", (unsigned long long)seed,
           (unsigned long long)count);
    return check_end("posix-fuzz");
}

void test_make(const char *path, const char *text)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    CHECK(file >= 0);
    CHECK_EQUAL(write(file, text, strlen(text)), strlen(text));
    CHECK_EQUAL(close(file), 0);
}
