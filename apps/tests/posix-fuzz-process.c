/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random calls of POSIX's functions of processes, signals and threads with random arguments, from a seed (arg=seed=N, arg=rounds=N): fork, wait, exec, spawn, groups, sessions, kill,
 * actions and masks of signals, timers, threads, locks, semaphores; with pids, numbers of signals, options and times of all magnitudes, and files that are no programs.
 *
 * Each child does what it likes, to itself, its children and its groups; it may well end by that, or stop. Its parent is the witness: it works all the time, and afterwards there is nothing of them left.
 */
#include "posix-fuzz-process.h"
#include <errno.h>
#include <fcntl.h>
#include <libsys/check.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BAD = 4, CALLS = 250, CHILD_CALLS = 20 };

static uint64_t state;
static unsigned depth; /* a child's child has none */

uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

uint64_t below(uint64_t n)
{
    return next() % n;
}

/* ---- arguments ---- */

/* Itself, its groups, those below it, and none: whom it may end is its own affair. */
static pid_t a_pid(void)
{
    switch (below(8)) {
    case 0: return 0;
    case 1: return -getpgrp();
    case 2: return INT_MIN;
    case 3: return INT_MAX;
    case 4: return (pid_t)(100000 + below(1u << 30));
    case 5: return -(pid_t)(100000 + below(1u << 30));
    default: return getpid();
    }
}

/* For calls that only look, or that concern children: any. */
static pid_t any_pid(void)
{
    return below(2) == 0 ? a_pid() : (pid_t)(below(4) == 0 ? next() : below(300)) - 2;
}

int a_signal(void)
{
    switch (below(6)) {
    case 0: return (int)next();
    case 1: return 64 + (int)below(5);
    case 2: return 0;
    default: return 1 + (int)below(64);
    }
}

/* Seldom one that ends it: there would be little left to try. */
int a_mild_signal(void)
{
    static const int mild[] = {SIGCHLD, SIGURG,  SIGWINCH, SIGCONT,      SIGUSR1,
                               SIGUSR2, SIGALRM, SIGIO,    SIGRTMIN,     SIGRTMIN + 1,
                               SIGPIPE, SIGTTOU, SIGTSTP,  SIGRTMAX - 1, 0};

    return below(12) == 0 ? a_signal() : mild[below(sizeof(mild) / sizeof(mild[0]))];
}

static sigset_t a_set(void)
{
    return below(3) == 0 ? 0 : below(3) == 0 ? ~(sigset_t)0 : (sigset_t)next();
}

static const char *a_program(void)
{
    static const char *const paths[] = {"/bin/hello", "/tmp/script", "/tmp/loop",     "/tmp/broken",
                                        "/tmp/empty", "/tmp",        "/nothing/at",   "",
                                        "/dev/null",  "/dev/zero",   "/tmp/fuzzlink", "hello"};

    return paths[below(sizeof(paths) / sizeof(paths[0]))];
}

/* A few words, or more than there is room for. */
static char **some_words(void)
{
    enum { MANY = 20000 };
    static char word[] = "word", *words[MANY + 1], large[200000];
    const size_t n = below(20) == 0 ? MANY : below(5);

    for (size_t i = 0; i < n; i++)
        words[i] = word;
    words[n] = NULL;
    if (n > 0 && below(20) == 0) {
        memset(large, 'x', sizeof(large) - 1);
        words[0] = large;
    }
    return words;
}

/* ---- processes ---- */

static void act(unsigned calls);

static void call_fork(void)
{
    // NOLINTNEXTLINE(clang-analyzer-unix.Vfork,clang-analyzer-security.insecureAPI.vfork): it is what is tried, and is fork() here
    const pid_t pid = depth > 1 ? -1 : below(4) == 0 ? vfork() : fork();

    if (pid != 0)
        return;
    depth++;
    state ^= (uint64_t)getpid() << 20;
    act(CHILD_CALLS);
    _exit((int)next());
}

static void call_wait(void)
{
    const int options = (below(4) == 0 ? (int)next() : (int)below(16)) | WNOHANG;
    struct rusage usage;
    siginfo_t info;
    int status;

    switch (below(4)) {
    case 0: (void)waitid((idtype_t)below(6), (id_t)any_pid(), &info, options); break;
    case 1: (void)wait4(any_pid(), &status, options, &usage); break;
    case 2: (void)waitpid(any_pid(), NULL, options); break;
    default: (void)waitpid(any_pid(), &status, options); break;
    }
}

static void call_exec(void)
{
    if (depth == 0 && below(4) != 0)
        return; /* it may succeed */
    if (below(4) == 0)
        (void)execvp(a_program(), some_words());
    else
        (void)execve(a_program(), some_words(), some_words());
}

static void call_spawn(void)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    const sigset_t set = a_set();
    pid_t pid;

    CHECK_EQUAL(posix_spawn_file_actions_init(&actions), 0);
    CHECK_EQUAL(posix_spawnattr_init(&attributes), 0);
    (void)posix_spawnattr_setflags(&attributes, (short)(below(4) == 0 ? next() : below(64)));
    (void)posix_spawnattr_setpgroup(&attributes, a_pid());
    (void)posix_spawnattr_setsigmask(&attributes, &set);
    for (uint64_t i = below(3); i > 0; i--) {
        (void)posix_spawn_file_actions_addclose(&actions, (int)next());
        (void)posix_spawn_file_actions_adddup2(&actions, (int)below(2000) - 10, (int)next());
        (void)posix_spawn_file_actions_addopen(&actions, (int)below(20), a_program(), (int)next(),
                                               0);
    }
    (void)posix_spawn(&pid, a_program(), below(2) == 0 ? &actions : NULL,
                      below(2) == 0 ? &attributes : NULL, some_words(), some_words());
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
}

static void call_groups(void)
{
    switch (below(8)) {
    case 0: (void)setpgid(any_pid(), a_pid()); break; /* not into the witness's */
    case 1: (void)setsid(); break;
    case 2: (void)getpgid(any_pid()); break;
    case 3: (void)getsid(any_pid()); break;
    case 4: (void)tcsetpgrp((int)below(5), any_pid()); break;
    case 5: (void)setpriority((int)below(5), (id_t)any_pid(), (int)next()); break;
    case 6: (void)getpriority((int)below(5), (id_t)any_pid()); break;
    default: (void)nice((int)below(3)); break;
    }
}

/* ---- signals ---- */

static volatile sig_atomic_t handled;

static void handler(int number)
{
    (void)number;
    handled++;
    if (handled % 7 == 0)
        (void)kill(getpid(), SIGUSR2);
}

static void call_action(void)
{
    void (*const handlers[])(int) = {handler, handler, SIG_IGN, SIG_DFL};
    struct sigaction action = {.sa_handler = handlers[below(4)],
                               .sa_mask = a_set(),
                               .sa_flags = (int)(below(4) == 0 ? next()
                                                 : below(2)    ? SA_RESTART
                                                               : SA_NODEFER) &
                                           ~SA_SIGINFO};
    struct sigaction old;

    (void)sigaction(a_signal(), below(8) == 0 ? NULL : &action, below(2) == 0 ? NULL : &old);
}

static void call_kill(void)
{
    switch (below(5)) {
    case 0: (void)sigqueue(getpid(), a_mild_signal(), (union sigval){.sival_int = 1}); break;
    case 1: (void)raise(a_mild_signal()); break;
    case 2: (void)killpg(getpgrp(), below(8) == 0 ? a_mild_signal() : 0); break;
    default: (void)kill(a_pid(), a_mild_signal()); break;
    }
}

static void call_mask(void)
{
    static _Alignas(16) char stack[2][20000];
    sigset_t set = a_set(), old;
    siginfo_t info;
    struct timespec none = {0, 0};
    const stack_t other = {.ss_sp = stack[below(2)],
                           .ss_size = below(3) == 0 ? below(3000) : sizeof(stack[0]),
                           .ss_flags = below(8) == 0 ? (int)next() : (int)below(2) * SS_DISABLE};

    switch (below(6)) {
    case 0: (void)sigprocmask((int)below(5), &set, &old); break;
    case 1: (void)pthread_sigmask((int)next(), &set, NULL); break;
    case 2: (void)sigpending(&set); break;
    case 3: (void)sigtimedwait(&set, &info, &none); break;
    case 4: (void)sigaltstack(&other, NULL); break;
    default:
        sigemptyset(&set);
        (void)sigprocmask(SIG_SETMASK, &set, NULL);
        break;
    }
}

/* ---- */

static void act(unsigned calls)
{
    static void (*const kinds[])(void) = {call_fork,  call_wait,   call_wait,   call_exec,
                                          call_spawn, call_groups, call_action, call_action,
                                          call_kill,  call_mask,   call_time,   call_thread,
                                          call_lock,  call_lock};

    while (calls-- > 0)
        kinds[below(sizeof(kinds) / sizeof(kinds[0]))]();
}

static void be_bad(uint64_t seed)
{
    state = (seed + 1) * 0x9e3779b97f4a7c15;
    (void)setsid();
    for (int n = 1; n < 64; n++)
        (void)signal(n, n % 3 == 0 ? SIG_IGN : handler);
    act(CALLS);
    _exit(0);
}

static void put_file(const char *path, const void *bytes, size_t size)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);

    CHECK(file >= 0);
    CHECK_EQUAL(write(file, bytes, size), (ssize_t)size);
    CHECK_EQUAL(close(file), 0);
}

static char broken[5000]; /* a program, but that its segments are anywhere */

static void read_broken(void)
{
    const int program = open("/bin/hello", O_RDONLY);

    CHECK(program >= 0);
    CHECK_EQUAL(read(program, broken, sizeof(broken)), (ssize_t)sizeof(broken));
    CHECK_EQUAL(close(program), 0);
    memset(broken + 64, 0xff, 100);
}

/* What is no program, or nearly. */
static void make_files(void)
{
    put_file("/tmp/broken", broken, sizeof(broken));
    put_file("/tmp/empty", "", 0);
    put_file("/tmp/script", "#!/bin/hello with words\n", 24);
    put_file("/tmp/loop", "#! /tmp/loop\n", 13);
    CHECK_EQUAL(symlink("fuzzlink", "/tmp/fuzzlink"), 0);
}

/* Whatever has been written into them since, by a program whose output they have become. */
static void remove_files(void)
{
    static const char *const paths[] = {"/tmp/broken", "/tmp/empty", "/tmp/script", "/tmp/loop",
                                        "/tmp/fuzzlink"};

    for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        CHECK_EQUAL(unlink(paths[i]), 0);
    (void)unlink("hello"); /* it may have been made */
}

/* The witness: a child, and a pipe with it. */
static void work(void)
{
    int ends[2], status = -1;
    char byte = 0;

    CHECK_EQUAL(pipe(ends), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        (void)!write(ends[1], "w", 1);
        _exit(9);
    }
    CHECK(pid > 0);
    CHECK_EQUAL(read(ends[0], &byte, 1), 1);
    CHECK_EQUAL(byte, 'w');
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK_EQUAL(status, 9 << 8);
    CHECK_EQUAL(close(ends[0]), 0);
    CHECK_EQUAL(close(ends[1]), 0);
}

/* Some of them never come to their end by themselves: they are stopped, or wait for each other. */
static void end_all(pid_t bad[BAD])
{
    enum { PATIENCE = 100 };
    unsigned ended = 0;

    for (unsigned i = 0; i < PATIENCE && ended < BAD; i++) {
        ended = 0;
        for (unsigned k = 0; k < BAD; k++)
            if (bad[k] > 0 && waitpid(bad[k], NULL, WNOHANG) == bad[k])
                bad[k] = 0;
        for (unsigned k = 0; k < BAD; k++)
            ended += bad[k] == 0;
        work();
    }
    for (unsigned k = 0; k < BAD; k++)
        if (bad[k] > 0) {
            CHECK_EQUAL(kill(bad[k], SIGKILL), 0);
            CHECK_EQUAL(waitpid(bad[k], NULL, 0), bad[k]);
        }
    while (kill(-1, SIGKILL) == 0) /* and what they have left behind */
        ;
}

static void run_round(uint64_t seed)
{
    pid_t bad[BAD];

    make_files();
    for (unsigned i = 0; i < BAD; i++) {
        bad[i] = fork();
        if (bad[i] == 0)
            be_bad(seed * BAD + i);
        CHECK(bad[i] > 0);
    }
    end_all(bad);
    remove_files();
}

/* A program has all descriptors that its maker had, however many. */
static void check_descriptors(void)
{
    enum { MANY = 400 };
    static char name[] = "posix-fuzz-process", has[] = "has", number[8];
    char *const words[] = {name, has, number, NULL};
    int file = -1, status = -1;

    for (unsigned i = 0; i < MANY; i++)
        file = open("/dev/null", O_RDONLY);
    CHECK(file >= MANY);
    snprintf(number, sizeof(number), "%d", file);
    const pid_t pid = fork();
    if (pid == 0) {
        (void)execv("/bin/posix-fuzz-process", words);
        _exit(1);
    }
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK_EQUAL(status, 0);
    while (file >= 3)
        close(file--);
}

/* What the servers have for processes and for files grows to the most that there were at once, and stays so (tables of names: kernel/ipc/space.c; their heaps): so let there be
 * as many as there can, of processes and then of pipes. */
static void make_room(void)
{
    enum { CROWD = 250, PIPES = 1000, ENOUGH = 100 };
    static int ends[PIPES][2];
    pid_t pid[CROWD];
    unsigned n = 0, pipes = 0;

    while (n < CROWD && (pid[n] = fork()) >= 0) {
        while (pid[n] == 0)
            (void)pause();
        n++;
    }
    while (pipes < PIPES && pipe(ends[pipes]) == 0)
        pipes++;
    CHECK(n >= ENOUGH && n < CROWD && pipes < PIPES);
    while (pipes-- > 0) {
        CHECK_EQUAL(close(ends[pipes][0]), 0);
        CHECK_EQUAL(close(ends[pipes][1]), 0);
    }
    while (n-- > 0) {
        CHECK_EQUAL(kill(pid[n], SIGKILL), 0);
        CHECK_EQUAL(waitpid(pid[n], NULL, 0), pid[n]);
    }
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
    const uint64_t seed = argument(argc, argv, "seed", 1),
                   rounds = argument(argc, argv, "rounds", 10);
    uint64_t before = 0;

    if (argc == 3 && strcmp(argv[1], "has") == 0)
        return fcntl((int)strtol(argv[2], NULL, 10), F_GETFD) == -1;
    check_descriptors();
    begin_threads();
    read_broken();
    make_room();
    for (uint64_t i = 0; i < rounds + 2; i++) {
        if (i == 2)
            before = count_objects();
        run_round(seed * 1000 + i);
    }
    const uint64_t after = count_objects();
    if (!CHECK_EQUAL(after, before))
        printf("posix-fuzz-process: %llu kernel objects, and then %llu\n",
               (unsigned long long)before, (unsigned long long)after);
    printf("posix-fuzz-process: seed %llu, %llu rounds\n", (unsigned long long)seed,
           (unsigned long long)rounds);
    return check_end("posix-fuzz-process");
}
