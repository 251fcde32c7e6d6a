/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc as C programs see it: every file, its numbers against what is known otherwise, reads at odd places, processes that end while they are looked at, and memory that is not what a program
 * began with. A round more leaves no object in the kernel. What is executed is this program again: `words` waits until it is killed.
 */
#include "others.h"
#include "procfs-text.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/spawn.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK_FAILS(call, wanted) \
    (errno = 0, CHECK_EQUAL((call), -1) ? (void)CHECK_EQUAL(errno, wanted) : (void)0)

enum { TRIES = 20000 }; /* a millisecond each, until something is so */

/* ---- the system ---- */

static void check_system_files(void)
{
    double up[2] = {0}, load[3] = {0}, spent[4] = {0}; /* up, idle; user, nice, system, idle */

    CHECK(read_all("/proc/meminfo") > 0);
    const long all = (long)(kernel_system_info(SYSTEM_INFO_MANAGED_MEMORY) / 1024);
    CHECK(number_of("MemTotal:") > all / 2 && number_of("MemTotal:") <= all);
    CHECK(number_of("MemFree:") > 0 && number_of("MemFree:") <= number_of("MemTotal:"));
    CHECK_EQUAL(number_of("SwapTotal:"), 0);
    CHECK(number_of("Committed_AS:") > 0);
    CHECK(number_of("MemAvailable:") >= number_of("MemFree:"));
    CHECK_EQUAL(number_of("Cached:"), 0); /* nobody maps a file */
    CHECK_EQUAL(number_of("Dirty:"), 0);
    CHECK_EQUAL(number_of("Shmem:"), -1);
    CHECK(read_all("/proc/uptime") > 0);
    CHECK_EQUAL(read_numbers(text, up, 2), 2);
    const double seconds = (double)kernel_clock_now() / 1e9;
    CHECK(up[0] > 0 && up[0] <= seconds);
    /* Less than a hundredth of the clock's is cut off. */
    CHECK(up[1] <= (up[0] + 0.01) * (double)sysconf(_SC_NPROCESSORS_ONLN));
    CHECK(read_all("/proc/loadavg") > 0);
    CHECK_EQUAL(read_numbers(text, load, 3), 3);
    CHECK(load[0] >= 0 && load[0] < 100);
    CHECK(read_all("/proc/stat") > 0);
    CHECK(strncmp(text, "cpu  ", 5) == 0);
    CHECK_EQUAL(read_numbers(text + 5, spent, 4), 4);
    CHECK(spent[0] > 0 && spent[1] == 0 && spent[2] == 0);
    CHECK(number_of("procs_running ") >= 1);
    CHECK(number_of("cpu0 ") >= 0);
    CHECK(read_all("/proc/cpuinfo") > 0);
    long cpus = 0;
    for (const char *at = text; (at = strstr(at, "processor\t: ")) != NULL; at++)
        cpus++;
    CHECK_EQUAL(cpus, sysconf(_SC_NPROCESSORS_ONLN));
    CHECK(read_all("/proc/version") > 0 && strncmp(text, "Wharf version ", 14) == 0);
    CHECK(read_all("/proc/vmstat") > 0 && number_of("pgfault ") > 0);
    CHECK(read_all("/proc/swaps") > 0 && strchr(text, '\n') == text + strlen(text) - 1);
    CHECK(read_all("/proc/filesystems") > 0 && strstr(text, "proc") != NULL);
    CHECK(read_all("/proc/mounts") > 0);
    CHECK(strcmp(text, "none / tmpfs rw 0 0\nnone /proc proc ro 0 0\n") == 0);
}

/* ---- oneself ---- */

static void check_self_link(void)
{
    struct stat one, other;
    char content[64], mine[64];
    char *real;

    snprintf(mine, sizeof(mine), "%d", getpid());
    const ssize_t n = readlink("/proc/self", content, sizeof(content) - 1);
    CHECK(n > 0);
    content[n > 0 ? n : 0] = '\0';
    CHECK(strcmp(content, mine) == 0);
    CHECK_EQUAL(lstat("/proc/self", &one), 0);
    CHECK(S_ISLNK(one.st_mode));
    snprintf(mine, sizeof(mine), "/proc/%d", getpid());
    CHECK_EQUAL(stat("/proc/self", &one), 0);
    CHECK_EQUAL(stat(mine, &other), 0);
    CHECK(S_ISDIR(one.st_mode) && one.st_ino == other.st_ino);
    CHECK_EQUAL(stat("/proc/self/../self/task/../../self/", &other), 0);
    CHECK_EQUAL(one.st_ino, other.st_ino);
    real = realpath("/proc/self/task", NULL);
    snprintf(mine, sizeof(mine), "/proc/%d/task", getpid());
    CHECK(real && strcmp(real, mine) == 0);
    free(real);
    CHECK_FAILS(open("/proc/self", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_FAILS(unlink("/proc/self"), EROFS);
}

static void check_stat(void)
{
    CHECK(read_all("/proc/self/stat") > 0);
    CHECK_EQUAL(words_in(text), 52);
    CHECK_EQUAL(value_of(text), getpid());
    CHECK(strstr(text, " (procfs-test) S ") != NULL); /* it waits for this answer */
    CHECK_EQUAL(value_of(word_of(4)), getppid());
    CHECK_EQUAL(value_of(word_of(5)), getpgrp());
    CHECK_EQUAL(value_of(word_of(6)), getsid(0));
    CHECK_EQUAL(value_of(word_of(20)), 1);
    CHECK(value_of(word_of(22)) > 0 &&
          (uint64_t)value_of(word_of(22)) <= kernel_clock_now() / 10000000);
    CHECK(value_of(word_of(23)) >= value_of(word_of(24)) * 4096 && value_of(word_of(24)) > 0);
    CHECK(read_all("/proc/self/status") > 0);
    CHECK_EQUAL(number_of("Pid:"), getpid());
    CHECK_EQUAL(number_of("Tgid:"), getpid());
    CHECK(number_of("Threads:") == 1 && number_of("VmSwap:") == 0);
    CHECK(number_of("VmSize:") >= number_of("VmRSS:") && number_of("VmRSS:") > 0);
    CHECK(strstr(text, "Name:\tprocfs-test\nState:\tS (sleeping)\n") == text);
    CHECK(read_all("/proc/self/comm") > 0 && strcmp(text, "procfs-test\n") == 0);
    CHECK_EQUAL(read_all("/proc/self/cmdline"), sizeof("procfs-test\0one\0two"));
    CHECK(memcmp(text, "procfs-test\0one\0two", sizeof("procfs-test\0one\0two")) == 0);
}

static void check_maps(void)
{
    const unsigned long code = (uintptr_t)check_maps, stack = (uintptr_t)&code;
    unsigned long last = 0;
    bool seen_code = false, seen_stack = false;

    CHECK(read_all("/proc/self/maps") > 0);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char *at;
        const unsigned long start = strtoul(line, &at, 16);
        const unsigned long end = *at == '-' ? strtoul(at + 1, &at, 16) : 0;
        const char *flags = at + (*at == ' ');

        CHECK(*at == ' ');
        CHECK(start >= last && end > start);
        last = end;
        if (code >= start && code < end)
            seen_code = strncmp(flags, "r-x", 3) == 0;
        if (stack >= start && stack < end)
            seen_stack = strncmp(flags, "rw-p", 4) == 0 && strstr(line, "[stack]") != NULL;
    }
    CHECK(seen_code && seen_stack);
}

/* ---- threads ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *wait_at_gate(void *argument)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return argument;
}

static unsigned entries_of(const char *path, const char *look_for)
{
    DIR *folder = opendir(path);
    unsigned n = 0, found = 0;

    CHECK(folder != NULL);
    if (!folder)
        return 0;
    for (const struct dirent *e; (e = readdir(folder)) != NULL; n++)
        found += look_for && strcmp(e->d_name, look_for) == 0;
    closedir(folder);
    CHECK_EQUAL(found, look_for ? 1u : 0u);
    return n - 2;
}

static long count_threads(void)
{
    return read_all("/proc/self/status") > 0 ? number_of("Threads:") : -1;
}

static void check_threads(void)
{
    enum { THREADS = 20 };
    pthread_t thread[THREADS];
    char tid[32], path[96];

    pthread_mutex_lock(&gate);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK_EQUAL(pthread_create(&thread[i], NULL, wait_at_gate, NULL), 0);
    snprintf(tid, sizeof(tid), "%lld", (long long)kernel_thread_id());
    CHECK_EQUAL(entries_of("/proc/self/task", tid), THREADS + 1);
    CHECK(read_all("/proc/self/status") > 0);
    CHECK_EQUAL(number_of("Threads:"), THREADS + 1);
    snprintf(path, sizeof(path), "/proc/self/task/%s/stat", tid);
    CHECK(read_all(path) > 0);
    CHECK_EQUAL(value_of(text), (int)kernel_thread_id());
    CHECK_EQUAL(words_in(text), 52);
    snprintf(path, sizeof(path), "/proc/self/task/%s/status", tid);
    CHECK(read_all(path) > 0);
    CHECK_EQUAL(number_of("Tgid:"), getpid());
    CHECK_EQUAL(number_of("Pid:"), kernel_thread_id());
    pthread_mutex_unlock(&gate);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK_EQUAL(pthread_join(thread[i], NULL), 0);
    /* A thread that has been joined is there until the kernel is done with it. */
    for (unsigned i = 0; i < TRIES && count_threads() != 1; i++)
        usleep(1000);
    CHECK_EQUAL(count_threads(), 1);
    CHECK_FAILS(open("/proc/self/task/2000000000/stat", O_RDONLY), ENOENT);
}

/* ---- reading ---- */

/* What is read in pieces is what is read at once, and of one moment. */
static void check_reading(void)
{
    static char pieces[TEXT];
    const int file = open("/proc/meminfo", O_RDONLY);
    struct stat status;

    CHECK(file >= 0);
    const ssize_t size = read_in(file, pieces, 7);
    CHECK(size > 100);
    CHECK_EQUAL(fstat(file, &status), 0);
    CHECK(S_ISREG(status.st_mode) && (status.st_mode & 0777) == 0444 && status.st_size == 0);
    for (off_t at = 1; at < size; at += 13) {
        char bytes[32];
        const ssize_t n = pread(file, bytes, sizeof(bytes), at);
        CHECK_EQUAL(n, size - at < 32 ? size - at : 32);
        CHECK(n > 0 && memcmp(bytes, pieces + at, (size_t)n) == 0);
    }
    CHECK_EQUAL(pread(file, pieces, 8, size), 0);
    CHECK_EQUAL(pread(file, pieces, 8, INT64_MAX), 0);
    CHECK_FAILS(pread(file, pieces, 8, -1), EINVAL);
    CHECK_EQUAL(lseek(file, 0, SEEK_SET), 0);
    CHECK(read(file, text, 16) == 16 && memcmp(text, "MemTotal:", 9) == 0);
    CHECK_FAILS(write(file, "x", 1), EBADF);
    close(file);
    const int late = open("/proc/version", O_RDONLY); /* the first read is not at its begin */
    CHECK_EQUAL(pread(late, text, 7, 6), 7);
    CHECK(memcmp(text, "version", 7) == 0);
    close(late);
    CHECK_FAILS(open("/proc/version", O_WRONLY), EACCES);
    CHECK_FAILS(open("/proc/version", O_RDWR), EACCES);
    CHECK_FAILS(open("/proc/new", O_WRONLY | O_CREAT, 0644), EROFS);
    CHECK_FAILS(mkdir("/proc/new", 0755), EROFS);
    CHECK_FAILS(rename("/proc/version", "/proc/new"), EROFS);
    CHECK_FAILS(open("/proc/version/x", O_RDONLY), ENOTDIR);
    CHECK_FAILS(open("/proc/x", O_RDONLY), ENOENT);
    CHECK_FAILS(open("/proc/0", O_RDONLY), ENOENT);
    CHECK_FAILS(open("/proc/-1", O_RDONLY), ENOENT);
    CHECK_FAILS(open("/proc/007", O_RDONLY), ENOENT);
    CHECK_FAILS(open("/proc/99999999999999999999", O_RDONLY), ENOENT);
}

/* ---- others ---- */

static pid_t begin_child(void)
{
    const pid_t pid = fork();

    if (pid == 0)
        for (;;)
            pause();
    CHECK(pid > 0);
    return pid;
}

static void end_child(pid_t pid)
{
    CHECK_EQUAL(kill(pid, SIGKILL), 0);
    CHECK_EQUAL(waitpid(pid, NULL, 0), pid);
}

static char state_of(pid_t pid)
{
    return read_of(pid, "stat") > 0 ? *word_of(3) : '?';
}

static void check_states(void)
{
    char name[16];
    int status;
    const pid_t pid = begin_child();

    for (unsigned i = 0; i < TRIES && state_of(pid) != 'S'; i++)
        usleep(1000);
    CHECK_EQUAL(state_of(pid), 'S');
    snprintf(name, sizeof(name), "%d", pid);
    (void)entries_of("/proc", name);
    CHECK_EQUAL(kill(pid, SIGSTOP), 0);
    CHECK_EQUAL(waitpid(pid, &status, WUNTRACED), pid);
    CHECK_EQUAL(state_of(pid), 'T');
    CHECK_EQUAL(kill(pid, SIGKILL), 0);
    siginfo_t info;
    CHECK_EQUAL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    CHECK_EQUAL(state_of(pid), 'Z');
    CHECK_EQUAL(read_of(pid, "cmdline"), 0);
    CHECK_EQUAL(read_of(pid, "maps"), 0);
    CHECK(read_of(pid, "status") > 0 && strstr(text, "State:\tZ (zombie)\n") != NULL);
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK_EQUAL(read_of(pid, "stat"), -1);
}

/* It ends while its folder, and a file there, are open. */
static void check_ending(void)
{
    char path[32];
    struct stat status;
    const pid_t pid = begin_child();

    snprintf(path, sizeof(path), "/proc/%d", pid);
    DIR *folder = opendir(path);
    CHECK(folder != NULL);
    const int in = dirfd(folder), file = openat(in, "stat", O_RDONLY);
    const int unread = openat(in, "status", O_RDONLY), task = openat(in, "task", O_RDONLY);
    CHECK(file >= 0 && unread >= 0 && task >= 0);
    CHECK_EQUAL(read(file, text, 4), 4);
    end_child(pid);
    CHECK_FAILS(openat(in, "stat", O_RDONLY), ENOENT);
    CHECK_FAILS(openat(in, "task", O_RDONLY), ENOENT);
    CHECK_FAILS(openat(task, "1", O_RDONLY), ENOENT);
    CHECK(read(file, text, 4) == 4); /* of the moment it was read first */
    CHECK_FAILS(pread(file, text, 4, 0), ESRCH);
    CHECK_FAILS(read(unread, text, 4), ESRCH);
    CHECK_EQUAL(fstat(in, &status), 0);
    CHECK_FAILS(open(path, O_RDONLY), ENOENT);
    unsigned names = 0;
    while (readdir(folder) != NULL)
        names++;
    CHECK(names <= 2);
    closedir(folder);
    close(file);
    close(unread);
    close(task);
}

/* What lies where its words were may be anything. */
static void check_hostile(void)
{
    uint64_t *const pointer = (uint64_t *)(uintptr_t)(SPAWN_STACK_TOP - sizeof(uint64_t));
    static const uint64_t values[] = {0,
                                      1,
                                      8,
                                      UINT64_MAX,
                                      SPAWN_STACK_TOP - 8,
                                      SPAWN_STACK_TOP,
                                      0x8000000000000000,
                                      SPAWN_STACK_TOP - 1};

    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        const pid_t pid = fork();
        if (pid == 0) {
            *pointer = values[i];
            for (;;)
                pause();
        }
        usleep(1000);
        CHECK(read_of(pid, "cmdline") >= 0);
        end_child(pid);
    }
    uint8_t *const block = (uint8_t *)(uintptr_t)*pointer;
    for (unsigned i = 0; i < 24; i++) {
        const pid_t pid = fork();
        if (pid == 0) {
            memset(block + 8, (int)(i * 11), i * 4 % 32 + 8); /* size, and what it points to */
            for (;;)
                pause();
        }
        usleep(1000);
        CHECK(read_of(pid, "cmdline") >= 0);
        end_child(pid);
    }
}

/* Of one that was executed: its own words, with blanks and without any. */
static void check_words(void)
{
    static char self[] = "/bin/procfs-test", name[] = "a name", words[] = "words", empty[] = "",
                long_word[3000];
    char *arguments[] = {name, words, empty, long_word, NULL};
    const pid_t pid = fork();

    memset(long_word, 'x', sizeof(long_word) - 1);
    if (pid == 0) {
        execv(self, arguments);
        _exit(1);
    }
    const ssize_t wanted = (ssize_t)(sizeof("a name") + sizeof("words") + 1 + sizeof(long_word));
    for (unsigned i = 0; i < TRIES && read_of(pid, "cmdline") != wanted; i++)
        usleep(1000);
    CHECK_EQUAL(read_of(pid, "cmdline"), wanted);
    CHECK(memcmp(text, "a name\0words\0\0xxx", 17) == 0);
    CHECK(read_of(pid, "comm") > 0 && strcmp(text, "procfs-test\n") == 0);
    end_child(pid);
}

static void check_all(void)
{
    check_system_files();
    check_self_link();
    check_stat();
    check_maps();
    check_threads();
    check_reading();
    check_states();
    check_ending();
    check_hostile();
    check_words();
}

/* What the server does after an answer is done when it answers the next question. */
static void ask(void)
{
    (void)read_all("/proc/version");
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "words") == 0)
        for (;;)
            pause();
    check_all(); /* two rounds leave what is kept for the next time */
    check_all();
    const uint64_t before = settled_objects(ask);
    check_all();
    const uint64_t after = settled_objects(ask);
    if (after > before)
        printf("procfs-test: %lu objects, and then %lu\n", (unsigned long)before,
               (unsigned long)after);
    CHECK(after <= before);
    return check_end("procfs-test");
}
