/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks of files between processes: fcntl, lockf, flock. Children say by a pipe how far they are.
 */
#include "posix-files.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static int set(int file, int command, short type, off_t start, off_t length)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

    return fcntl(file, command, &l);
}

static struct flock get(int file, short type, off_t start, off_t length)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

    CHECK_EQUAL(fcntl(file, F_GETLK, &l), 0);
    return l;
}

/* ---- another process ---- */

static int said[2], told[2]; /* by the child, to the child */

static void say(void)
{
    CHECK_EQUAL(write(said[1], "x", 1), 1);
}

static void hear(void)
{
    char byte;

    CHECK_EQUAL(read(said[0], &byte, 1), 1);
}

static void wait_for_word(void)
{
    char byte;

    if (read(told[0], &byte, 1) != 1)
        _exit(9);
}

static void give_word(void)
{
    CHECK_EQUAL(write(told[1], "x", 1), 1);
}

static pid_t start(void (*run)(int), int file)
{
    const pid_t pid = fork();

    if (pid != 0)
        return pid;
    run(file);
    _exit(check_failures() == 0 ? 0 : 1);
}

static void finish(pid_t pid)
{
    int status = -1;

    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK_EQUAL(status, 0);
}

/* ---- arguments ---- */

static void check_errors(int file)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = 3};
    const int reads = open("locked", O_RDONLY), writes = open("locked", O_WRONLY);
    int ends[2];

    CHECK_FAILS(fcntl(file, F_SETLK, &l), EINVAL);
    l = (struct flock){.l_type = 77};
    CHECK_FAILS(fcntl(file, F_SETLK, &l), EINVAL);
    CHECK_FAILS(set(file, F_SETLK, F_WRLCK, -1, 1), EINVAL);
    CHECK_FAILS(set(file, F_SETLK, F_WRLCK, 1, -2), EINVAL);
    CHECK_FAILS(set(file, F_SETLK, F_WRLCK, 2, INT64_MAX), EOVERFLOW);
    l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = INT64_MAX};
    CHECK_FAILS(fcntl(file, F_SETLK, &l), EOVERFLOW);
    CHECK_FAILS(set(999, F_SETLK, F_WRLCK, 0, 1), EBADF);
    CHECK_FAILS(set(reads, F_SETLK, F_WRLCK, 0, 1), EBADF);
    CHECK_FAILS(set(writes, F_SETLK, F_RDLCK, 0, 1), EBADF);
    CHECK_FAILS(lockf(reads, F_TLOCK, 1), EBADF);
    CHECK_FAILS(lockf(file, 9, 1), EINVAL);
    CHECK_FAILS(flock(file, 0), EINVAL);
    CHECK_FAILS(flock(file, LOCK_SH | LOCK_EX), EINVAL);
    CHECK_FAILS(flock(999, LOCK_SH), EBADF);
    CHECK_EQUAL(pipe(ends), 0);
    CHECK_FAILS(set(ends[1], F_SETLK, F_WRLCK, 0, 1), EINVAL);
    CHECK_EQUAL(close(ends[0]), 0);
    CHECK_EQUAL(close(ends[1]), 0);
    CHECK_EQUAL(close(reads), 0);
    CHECK_EQUAL(close(writes), 0);
}

/* ---- of processes ---- */

static void looks_on(int file)
{
    struct flock l = get(file, F_WRLCK, 0, 0);

    CHECK_EQUAL(l.l_type, F_WRLCK);
    CHECK_EQUAL(l.l_start, 10);
    CHECK_EQUAL(l.l_len, 10);
    CHECK_EQUAL(l.l_whence, SEEK_SET);
    CHECK_EQUAL(l.l_pid, getppid());
    CHECK_EQUAL(get(file, F_RDLCK, 30, 5).l_type, F_UNLCK);
    CHECK_EQUAL(get(file, F_WRLCK, 30, 5).l_type, F_RDLCK);
    CHECK_FAILS(set(file, F_SETLK, F_WRLCK, 19, 1), EAGAIN);
    CHECK_FAILS(set(file, F_SETLK, F_RDLCK, 0, 0), EAGAIN);
    CHECK_EQUAL(set(file, F_SETLK, F_WRLCK, 20, 10), 0);
    CHECK_EQUAL(set(file, F_SETLK, F_RDLCK, 30, 10), 0);
    /* It gives up what is its own only; closing another descriptor does that, too. */
    CHECK_EQUAL(set(file, F_SETLK, F_UNLCK, 0, 0), 0);
    CHECK_FAILS(set(file, F_SETLK, F_WRLCK, 10, 1), EAGAIN);
    CHECK_EQUAL(set(file, F_SETLK, F_RDLCK, 30, 10), 0);
}

static void check_sharing(int file)
{
    struct flock l = {.l_type = F_RDLCK, .l_whence = SEEK_END, .l_start = 0, .l_len = -5};

    CHECK_EQUAL(set(file, F_SETLK, F_WRLCK, 10, 10), 0);
    CHECK_EQUAL(set(file, F_SETLK, F_RDLCK, 30, 10), 0);
    CHECK_EQUAL(get(file, F_WRLCK, 0, 0).l_type, F_UNLCK); /* one's own are not in the way */
    CHECK_EQUAL(fcntl(file, F_SETLK, &l), 0);
    finish(start(looks_on, file));
    CHECK_EQUAL(set(file, F_SETLK, F_WRLCK, 0, 0), 0); /* it has none any more */
    CHECK_EQUAL(set(file, F_SETLK, F_UNLCK, 0, 0), 0);
}

static void finds_all_free(int file)
{
    CHECK_EQUAL(get(file, F_WRLCK, 0, 0).l_type, F_UNLCK);
}

static void check_closing(int file)
{
    const int again = open("locked", O_RDONLY), copy = dup(file);

    CHECK_EQUAL(set(file, F_SETLK, F_WRLCK, 0, 0), 0);
    CHECK_EQUAL(close(again), 0); /* any descriptor of the file */
    finish(start(finds_all_free, file));
    CHECK_EQUAL(set(file, F_SETLK, F_WRLCK, 0, 0), 0);
    CHECK_EQUAL(close(copy), 0);
    finish(start(finds_all_free, file));
}

static void waits_for_it(int file)
{
    say();
    CHECK_EQUAL(set(file, F_SETLKW, F_WRLCK, 5, 1), 0);
    say();
    wait_for_word(); /* and ends with it */
}

/* A child waits until the lock is given up; and its own ends with it. */
static void check_waiting(int file)
{
    CHECK_EQUAL(set(file, F_SETLK, F_WRLCK, 0, 10), 0);
    const pid_t pid = start(waits_for_it, file);

    hear();
    CHECK_EQUAL(usleep(2000), 0);
    CHECK_EQUAL(set(file, F_SETLK, F_UNLCK, 5, 1), 0);
    hear();
    CHECK_FAILS(set(file, F_SETLK, F_RDLCK, 0, 0), EAGAIN);
    CHECK_EQUAL(get(file, F_RDLCK, 0, 0).l_pid, pid);
    give_word();
    CHECK_EQUAL(set(file, F_SETLKW, F_RDLCK, 0, 0), 0);
    finish(pid);
    CHECK_EQUAL(set(file, F_SETLK, F_UNLCK, 0, 0), 0);
}

static void is_killed(int file)
{
    CHECK_EQUAL(set(file, F_SETLK, F_WRLCK, 0, 0), 0);
    say();
    for (;;)
        pause();
}

/* The file stays open here: what tells of the death is the owner's. */
static void check_death(int file)
{
    const pid_t pid = start(is_killed, file);
    int status = 0;

    hear();
    CHECK_FAILS(set(file, F_SETLK, F_RDLCK, 0, 1), EAGAIN);
    CHECK_EQUAL(kill(pid, SIGKILL), 0);
    CHECK_EQUAL(set(file, F_SETLKW, F_RDLCK, 0, 1), 0);
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status));
    CHECK_EQUAL(set(file, F_SETLK, F_UNLCK, 0, 0), 0);
}

static void on_alarm(int signal)
{
    (void)signal;
}

/* Again and again, as the first may come before the wait. */
static void set_alarms(suseconds_t each)
{
    const struct itimerval t = {.it_value = {.tv_usec = each}, .it_interval = {.tv_usec = each}};

    CHECK_EQUAL(setitimer(ITIMER_REAL, &t, NULL), 0);
}

static void is_interrupted(int file)
{
    const struct sigaction action = {.sa_handler = on_alarm};

    CHECK_EQUAL(sigaction(SIGALRM, &action, NULL), 0);
    CHECK_EQUAL(lseek(file, 3, SEEK_SET), 3);
    set_alarms(3000);
    CHECK_FAILS(set(file, F_SETLKW, F_WRLCK, 3, 1), EINTR);
    CHECK_FAILS(lockf(file, F_LOCK, 1), EINTR);
    set_alarms(0);
}

static void tests_by_lockf(int file)
{
    CHECK_EQUAL(lseek(file, 0, SEEK_SET), 0);
    CHECK_FAILS(lockf(file, F_TEST, 0), EACCES);
    CHECK_FAILS(lockf(file, F_TLOCK, 5), EAGAIN);
    CHECK_EQUAL(lseek(file, 8, SEEK_SET), 8);
    CHECK_EQUAL(lockf(file, F_TEST, 4), 0);
    CHECK_EQUAL(lockf(file, F_TLOCK, -3), 0);
    CHECK_EQUAL(lockf(file, F_ULOCK, 0), 0);
}

static void check_lockf(int file)
{
    CHECK_EQUAL(lseek(file, 3, SEEK_SET), 3);
    CHECK_EQUAL(lockf(file, F_LOCK, 2), 0);
    finish(start(tests_by_lockf, file));
    finish(start(is_interrupted, file));
    CHECK_EQUAL(lseek(file, 0, SEEK_SET), 0);
    CHECK_EQUAL(lockf(file, F_ULOCK, 0), 0);
}

/* ---- across exec ---- */

int locks_after_exec(char **numbers)
{
    const int file = (int)strtol(numbers[0], NULL, 10);

    said[1] = (int)strtol(numbers[1], NULL, 10);
    told[0] = (int)strtol(numbers[2], NULL, 10);
    say();
    wait_for_word();
    CHECK_EQUAL(set(file, F_SETLK, F_UNLCK, 0, 0), 0); /* its own still */
    CHECK_FAILS(set(file, F_SETLK, F_WRLCK, 20, 1), EAGAIN);
    say();
    wait_for_word();
    return check_failures() == 0 ? 0 : 1;
}

static void executes(int file)
{
    char numbers[3][12];

    (void)snprintf(numbers[0], sizeof(numbers[0]), "%d", file);
    (void)snprintf(numbers[1], sizeof(numbers[1]), "%d", said[1]);
    (void)snprintf(numbers[2], sizeof(numbers[2]), "%d", told[0]);
    CHECK_EQUAL(set(file, F_SETLK, F_WRLCK, 0, 10), 0);
    CHECK_FAILS(execl("/etc", "x", NULL), EACCES); /* it keeps them */
    (void)execl("/bin/posix-files", "posix-files", LOCKS_AFTER_EXEC, numbers[0], numbers[1],
                numbers[2], NULL);
    CHECK(false);
}

static void check_exec(int file)
{
    CHECK_EQUAL(set(file, F_SETLK, F_WRLCK, 20, 1), 0);
    const pid_t pid = start(executes, file);

    hear();
    CHECK_FAILS(set(file, F_SETLK, F_RDLCK, 0, 1), EAGAIN);
    CHECK_EQUAL(get(file, F_RDLCK, 0, 1).l_pid, pid);
    give_word();
    hear();
    CHECK_EQUAL(set(file, F_SETLK, F_RDLCK, 0, 0), 0);
    give_word();
    finish(pid);
    CHECK_EQUAL(set(file, F_SETLK, F_UNLCK, 0, 0), 0);
}

/* ---- of open files ---- */

static void has_it_by_fork(int file)
{
    const int own = open("locked", O_RDWR);

    CHECK_FAILS(flock(own, LOCK_SH | LOCK_NB), EAGAIN);
    CHECK_EQUAL(flock(file, LOCK_EX | LOCK_NB), 0);   /* it is the same open file */
    CHECK_EQUAL(set(own, F_SETLK, F_WRLCK, 0, 0), 0); /* another kind */
    CHECK_EQUAL(close(own), 0);
}

static void waits_to_share(int file)
{
    const int own = open("locked", O_RDWR);

    (void)file;
    say();
    CHECK_EQUAL(flock(own, LOCK_SH), 0);
    CHECK_EQUAL(close(own), 0);
    say();
}

static void check_flock(int file)
{
    const int second = open("locked", O_RDONLY);

    CHECK_EQUAL(flock(file, LOCK_EX), 0);
    CHECK_FAILS(flock(second, LOCK_SH | LOCK_NB), EAGAIN);
    finish(start(has_it_by_fork, file));
    CHECK_FAILS(flock(second, LOCK_SH | LOCK_NB), EAGAIN); /* the child's end did not end it */
    const pid_t pid = start(waits_to_share, file);

    hear();
    CHECK_EQUAL(usleep(2000), 0);
    CHECK_EQUAL(flock(file, LOCK_SH), 0);
    hear();
    finish(pid);
    CHECK_EQUAL(flock(second, LOCK_SH), 0);
    CHECK_FAILS(flock(second, LOCK_EX | LOCK_NB), EAGAIN);
    CHECK_EQUAL(flock(file, LOCK_UN), 0);
    CHECK_EQUAL(flock(second, LOCK_EX | LOCK_NB), 0);
    CHECK_EQUAL(close(second), 0);
    CHECK_EQUAL(flock(file, LOCK_EX), 0); /* when nobody has the other one: children had it, too */
    CHECK_EQUAL(flock(file, LOCK_UN), 0);
}

/* Less urgent than its parent, and it never waits. */
static void locks_and_stays(int file)
{
    const int own = open("locked", O_RDWR);

    (void)file;
    CHECK_EQUAL(flock(own, LOCK_EX), 0);
    CHECK(nice(5) >= 0);
    say();
    for (;;)
        (void)getppid();
}

static void locks_and_goes(int file)
{
    const int own = open("locked", O_RDWR);

    (void)file;
    CHECK_EQUAL(flock(own, LOCK_EX), 0);
    say();
}

/* Of a child that has been waited for nothing is open any more: on several CPUs, too, where its task is taken down beside its parent. One that is killed ends though its
 * parent never leaves it a CPU. */
static void check_left(int file)
{
    enum { TIMES = 60 };
    int status;
    pid_t ended;

    for (unsigned i = 0; i < TIMES; i++) {
        const bool killed = i % 2 == 0;
        const pid_t pid = start(killed ? locks_and_stays : locks_and_goes, file);
        hear();
        if (killed)
            CHECK_EQUAL(kill(pid, SIGKILL), 0);
        while ((ended = waitpid(pid, &status, WNOHANG)) == 0)
            ;
        CHECK_EQUAL(ended, pid);
        CHECK_EQUAL(status, killed ? SIGKILL : 0);
        CHECK_EQUAL(flock(file, LOCK_EX | LOCK_NB), 0);
        CHECK_EQUAL(flock(file, LOCK_UN), 0);
    }
}

void check_locks(void)
{
    test_make("locked", "some bytes to be locked, but they are not looked at");
    const int file = open("locked", O_RDWR);

    CHECK_EQUAL(pipe(said), 0);
    CHECK_EQUAL(pipe(told), 0);
    check_errors(file);
    check_sharing(file);
    check_closing(file);
    check_waiting(file);
    check_death(file);
    check_lockf(file);
    check_exec(file);
    check_flock(file);
    check_left(file);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQUAL(close(said[i]), 0);
        CHECK_EQUAL(close(told[i]), 0);
    }
    CHECK_EQUAL(close(file), 0);
    CHECK_EQUAL(unlink("locked"), 0);
}
