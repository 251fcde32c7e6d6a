/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for files, mapping them, terminals, and what is known of the system.
 */
#include "posix-files.h"
#include <fcntl.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/thread.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <wharf/if/task.h>

enum { PAGE = 0x1000, MS = 1000000 };

extern char **environ;

/* ---- poll ---- */

static void write_later(void *argument)
{
    (void)!kernel_sleep_until(kernel_clock_now() + UINT64_C(20) * MS);
    CHECK_EQUAL(write(*(const int *)argument, "x", 1), 1);
}

static void check_waiting(int reader, int writer)
{
    struct pollfd files[] = {{.fd = reader, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    struct thread thread;
    char byte;

    const uint64_t before = kernel_clock_now();

    CHECK_EQUAL(poll(files, 2, 30), 0);
    CHECK(kernel_clock_now() - before >= UINT64_C(30) * MS);
    CHECK_EQUAL(thread_start(&thread, write_later, &writer, THREAD_PRIORITY_DEFAULT), KERN_SUCCESS);
    CHECK_EQUAL(poll(files, 2, -1), 1);
    CHECK_EQUAL(files[0].revents, POLLIN);
    CHECK_EQUAL(files[1].revents, 0);
    thread_join(&thread);
    CHECK_EQUAL(read(reader, &byte, 1), 1);
}

static void check_select(int reader, int writer)
{
    struct timeval soon = {0, 1000};
    fd_set readable, writable;

    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_SET(reader, &readable);
    CHECK_EQUAL(select(reader + 1, &readable, NULL, NULL, &soon), 0);
    CHECK(!FD_ISSET(reader, &readable));
    FD_SET(reader, &readable);
    FD_SET(writer, &writable);
    CHECK_EQUAL(select(writer + 1, &readable, &writable, NULL, NULL), 1);
    CHECK(FD_ISSET(writer, &writable) && !FD_ISSET(reader, &readable));
    FD_SET(500, &readable);
    CHECK_FAILS(select(501, &readable, NULL, NULL, NULL), EBADF);
    CHECK_FAILS(select(-1, NULL, NULL, NULL, NULL), EINVAL);
    CHECK_FAILS(select(FD_SETSIZE + 1, NULL, NULL, NULL, NULL), EINVAL);
}

void check_poll(void)
{
    struct pollfd one;
    int ends[2];

    CHECK_EQUAL(pipe(ends), 0);
    one = (struct pollfd){.fd = ends[1], .events = POLLOUT | POLLIN};
    CHECK_EQUAL(poll(&one, 1, -1), 1);
    CHECK_EQUAL(one.revents, POLLOUT);
    check_waiting(ends[0], ends[1]);
    check_select(ends[0], ends[1]);
    CHECK_EQUAL(close(ends[1]), 0);
    one = (struct pollfd){.fd = ends[0], .events = POLLIN};
    CHECK_EQUAL(poll(&one, 1, -1), 1);
    CHECK((one.revents & POLLHUP) != 0);
    CHECK_EQUAL(close(ends[0]), 0);
    CHECK_EQUAL(poll(&one, 1, -1), 1);
    CHECK_EQUAL(one.revents, POLLNVAL);
    CHECK_EQUAL(poll(NULL, 0, 1), 0);
    CHECK_FAILS(poll(&one, 100000, 0), EINVAL);
}

/* ---- mapping ---- */

static void check_anonymous(void)
{
    char *at =
        mmap(NULL, (size_t)3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (!CHECK(at != MAP_FAILED))
        return;
    CHECK(at[0] == 0 && at[3 * PAGE - 1] == 0);
    at[PAGE] = 1;
    char *fixed = mmap(at + PAGE, PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    CHECK(fixed == at + PAGE && *fixed == 0);
    CHECK_EQUAL(mprotect(at, PAGE, PROT_READ), 0);
    CHECK_EQUAL(mprotect(at, PAGE, PROT_NONE), 0);
    CHECK_FAILS(mprotect(at, PAGE, PROT_WRITE | PROT_EXEC), ENOTSUP);
    CHECK_FAILS(mprotect(at + 1, PAGE, PROT_READ), EINVAL);
    CHECK_EQUAL(munmap(at + PAGE, PAGE), 0);
    CHECK_FAILS(mprotect(at, (size_t)3 * PAGE, PROT_READ), ENOMEM);
    CHECK_EQUAL(munmap(at, (size_t)3 * PAGE), 0);
    CHECK_FAILS(munmap(at, 0), EINVAL);
    CHECK_FAILS(munmap(at + 1, PAGE), EINVAL);
    CHECK_FAILS((long)mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_FAILS((long)mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_FAILS((long)mmap(NULL, SIZE_MAX, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    CHECK_FAILS((long)mmap(NULL, (size_t)1 << 45, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                ENOMEM);
}

static void check_shared(int file)
{
    char bytes[4];
    char *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    char *own = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);

    if (!CHECK(shared != MAP_FAILED && own != MAP_FAILED))
        return;
    CHECK(memcmp(shared, "mapped", 6) == 0 && memcmp(own, "mapped", 6) == 0);
    own[0] = 'M';
    shared[1] = 'A';
    CHECK_EQUAL(msync(shared, PAGE, MS_SYNC), 0);
    CHECK_EQUAL(pread(file, bytes, 2, 0), 2);
    CHECK(bytes[0] == 'm' && bytes[1] == 'A');
    CHECK_EQUAL(pwrite(file, "P", 1, 2), 1);
    CHECK_EQUAL(shared[2], 'P');
    CHECK_EQUAL(shared[6], 0);
    CHECK_FAILS(msync(shared, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
    CHECK_EQUAL(munmap(shared, PAGE), 0);
    CHECK_EQUAL(munmap(own, PAGE), 0);
}

/* Large, private and from the midst. */
static void check_large(void)
{
    enum { PAGES = 300 };
    const size_t size = (size_t)(PAGES - 3) * PAGE;
    static char page[PAGE];
    const int file = open("large", O_RDWR | O_CREAT, 0600);

    for (int i = 0; i < PAGES; i++) {
        memset(page, i, sizeof(page));
        CHECK_EQUAL(write(file, page, sizeof(page)), sizeof(page));
    }
    unsigned char *at = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 3L * PAGE);

    if (CHECK(at != MAP_FAILED)) {
        for (int i = 0; i < PAGES - 3; i++)
            CHECK_EQUAL(at[i * PAGE + i], (i + 3) % 256);
        CHECK_EQUAL(munmap(at, size), 0);
    }
    CHECK_FAILS((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 5), EINVAL);
    CHECK_EQUAL(close(file), 0);
    CHECK_EQUAL(unlink("large"), 0);
}

void check_mapping(void)
{
    test_make("mapped", "mapped");
    int file = open("mapped", O_RDWR);

    check_anonymous();
    check_shared(file);
    CHECK_EQUAL(close(file), 0);
    file = open("mapped", O_RDONLY);
    CHECK_FAILS((long)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), EACCES);
    CHECK_EQUAL(close(file), 0);
    CHECK_FAILS((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0), EBADF);
    CHECK_EQUAL(unlink("mapped"), 0);
    check_large();
    file = shm_open("/shared-test", O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(file >= 0);
    CHECK_EQUAL(ftruncate(file, PAGE), 0);
    int *word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

    if (CHECK((void *)word != MAP_FAILED)) {
        *word = 4711;
        int value = 0;

        CHECK_EQUAL(pread(file, &value, sizeof(value), 0), sizeof(value));
        CHECK_EQUAL(value, 4711);
        CHECK_EQUAL(munmap(word, PAGE), 0);
    }
    CHECK_EQUAL(close(file), 0);
    CHECK_EQUAL(shm_unlink("/shared-test"), 0);
    CHECK_FAILS(shm_open("/a/b", O_RDONLY, 0), EINVAL);
}

/* ---- terminals: what is none says so ---- */

void check_terminals(void)
{
    struct termios settings;
    struct winsize size;
    int ends[2], count;

    CHECK_EQUAL(pipe(ends), 0);
    CHECK_EQUAL(isatty(ends[0]), 0);
    CHECK_EQUAL(errno, ENOTTY);
    CHECK_FAILS(tcgetattr(ends[0], &settings), ENOTTY);
    CHECK_FAILS(ioctl(ends[0], TIOCGWINSZ, &size), ENOTTY);
    CHECK_FAILS(ioctl(ends[0], 0xdeadbeef, &size), ENOTTY);
    CHECK_FAILS(ioctl(-1, TIOCGWINSZ, &size), EBADF);
    CHECK_FAILS(tcgetpgrp(ends[0]), ENOTTY);
    CHECK(ttyname(ends[0]) == NULL && errno == ENOTTY);
    count = 1;
    CHECK_EQUAL(ioctl(ends[0], FIONBIO, &count), 0);
    CHECK_EQUAL(fcntl(ends[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    CHECK_EQUAL(close(ends[0]), 0);
    CHECK_EQUAL(close(ends[1]), 0);
    cfmakeraw(&settings);
    CHECK_EQUAL(settings.c_lflag & (ICANON | ECHO), 0);
    CHECK_EQUAL(cfsetspeed(&settings, B115200), 0);
    CHECK_EQUAL(cfgetospeed(&settings), B115200);
}

/* ---- the system ---- */

void check_system(void)
{
    struct utsname names;
    struct rlimit limit;
    struct rusage usage;

    CHECK_EQUAL(uname(&names), 0);
    CHECK(strcmp(names.sysname, "Wharf") == 0 && strcmp(names.machine, "aarch64") == 0);
    CHECK_EQUAL(sysconf(_SC_PAGESIZE), PAGE);
    CHECK_EQUAL(sysconf(_SC_NPROCESSORS_ONLN), (long)kernel_system_info(SYSTEM_INFO_CPUS_ONLINE));
    CHECK_EQUAL(sysconf(_SC_OPEN_MAX), OPEN_MAX);
    errno = 0;
    CHECK_EQUAL(sysconf(_SC_AIO_MAX), -1);
    CHECK_EQUAL(errno, 0);
    CHECK_FAILS(sysconf(9999), EINVAL);
    CHECK_EQUAL(pathconf("/", _PC_NAME_MAX), 255);
    CHECK_FAILS(pathconf("/", 9999), EINVAL);
    CHECK_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQUAL(limit.rlim_max, OPEN_MAX);
    limit.rlim_cur = 5;
    CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_FAILS(fcntl(0, F_DUPFD, 5), EINVAL);
    limit.rlim_cur = OPEN_MAX;
    CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_FAILS(getrlimit(99, &limit), EINVAL);
    CHECK_EQUAL(getrusage(RUSAGE_SELF, &usage), 0);
    CHECK(usage.ru_maxrss > 0);
    CHECK_FAILS(getrusage(77, &usage), EINVAL);
    CHECK_EQUAL(getuid(), 0);
}

/* ---- locked memory ---- */

static uint64_t locked(void)
{
    enum { KIND_WIRED = 1 };
    uint64_t now = 0, peak, limit;

    CHECK_EQUAL(task_ledger(program_start_info->task, KIND_WIRED, &now, &peak, &limit), 0);
    return now;
}

/* Once is enough to unlock, however often and in what pieces it was locked. */
void check_locking(void)
{
    const size_t size = (size_t)8 * PAGE;
    char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int status;

    CHECK(at != MAP_FAILED);
    CHECK_EQUAL(locked(), 0);
    CHECK_EQUAL(mlock(at + PAGE + 1, PAGE), 0); /* two pages */
    CHECK_EQUAL(locked(), 2);
    CHECK_EQUAL(mlock(at + (size_t)4 * PAGE, PAGE), 0);
    CHECK_EQUAL(mlock(at, (size_t)6 * PAGE), 0);
    CHECK_EQUAL(mlock(at, (size_t)6 * PAGE), 0);
    CHECK_EQUAL(locked(), 6);
    CHECK_FAILS(msync(at, PAGE, MS_SYNC | MS_INVALIDATE), EBUSY);
    CHECK_EQUAL(munlock(at + (size_t)2 * PAGE, PAGE), 0);
    CHECK_EQUAL(locked(), 5);
    CHECK_EQUAL(msync(at + (size_t)2 * PAGE, PAGE, MS_SYNC | MS_INVALIDATE), 0);
    CHECK_EQUAL(mlock(at + (size_t)2 * PAGE, (size_t)2 * PAGE), 0);
    CHECK_EQUAL(locked(), 6);
    const pid_t pid = fork();
    if (pid ==
        0) /* a child has nothing locked, and may; what it has counts for us, too, until its task has been taken down */
        _exit(locked() == 0 && munlock(at, size) == 0 && mlock(at, PAGE) == 0 && locked() == 1 &&
              munlock(at, PAGE) == 0 && locked() == 0);
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK_EQUAL(status, 1 << 8);
    CHECK_EQUAL(munmap(at + (size_t)4 * PAGE, PAGE), 0);
    CHECK_FAILS(mlock(at, size), ENOMEM);
    CHECK_EQUAL(locked(), 5);
    CHECK_FAILS(munlock(at, size), ENOMEM);
    CHECK_EQUAL(mlockall(MCL_CURRENT | MCL_FUTURE), 0);
    CHECK(locked() > 5);
    CHECK_FAILS(mlockall(0), EINVAL);
    CHECK_EQUAL(munlockall(), 0);
    CHECK_EQUAL(locked(), 0);
    CHECK_EQUAL(munmap(at, size), 0);
}

/* ---- a program that is open ---- */

void check_program(void)
{
    static char name[] = "exit-status", seven[] = "7";
    char *arguments[] = {name, seven, NULL};
    int status;

    CHECK_FAILS(fexecve(-1, arguments, environ), EBADF);
    test_make("text", "no program");
    const int text = open("text", O_RDONLY | O_CLOEXEC);
    CHECK_FAILS(fexecve(text, arguments, environ), EACCES);
    CHECK_EQUAL(fchmod(text, 0755), 0);
    CHECK_FAILS(fexecve(text, arguments, environ), ENOEXEC);
    CHECK_EQUAL(close(text), 0);
    CHECK_EQUAL(unlink("text"), 0);
    const int program = open("/bin/exit-status", O_RDONLY | O_CLOEXEC);
    CHECK(program >= 0);
    const pid_t pid = fork();
    if (pid == 0) {
        (void)fexecve(program, arguments, environ);
        _exit(1);
    }
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK_EQUAL(status, 7 << 8);
    CHECK_EQUAL(close(program), 0);
}
