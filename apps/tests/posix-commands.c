/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands by the shell: popen(), pclose(), system(). It needs /bin/sh (tests/qemu/shell.py).
 */
#include <errno.h>
#include <fcntl.h>
#include <libsys/check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char path[] = "/tmp/posix-commands";

static void check_line(FILE *stream, const char *wanted)
{
    char line[128] = "";

    CHECK(fgets(line, sizeof line, stream) != NULL);
    CHECK(strcmp(line, wanted) == 0);
}

static void check_reading(void)
{
    FILE *stream = popen("echo one; echo two; exit 7", "r");

    CHECK(stream != NULL);
    if (!stream)
        return;
    check_line(stream, "one\n");
    check_line(stream, "two\n");
    CHECK_EQUAL(fgetc(stream), EOF);
    const int status = pclose(stream);
    CHECK(WIFEXITED(status));
    CHECK_EQUAL(WEXITSTATUS(status), 7);
}

static void check_writing(void)
{
    FILE *stream = popen("cat > /tmp/posix-commands; exit 0", "w"), *file;

    CHECK(stream != NULL);
    if (!stream)
        return;
    CHECK_EQUAL(fputs("written\n", stream) >= 0, 1);
    CHECK_EQUAL(pclose(stream), 0);
    file = fopen(path, "r");
    CHECK(file != NULL);
    if (file) {
        check_line(file, "written\n");
        fclose(file);
    }
    CHECK_EQUAL(unlink(path), 0);
}

/* The second command does not hold the first one's pipe open: that one ends when its stream is closed. */
static void check_two(void)
{
    FILE *first = popen("cat > /dev/null", "w"),
         *second = popen("read word < /dev/null; echo", "r"),
         *third = popen("exec /bin/sleep 100", "r");

    CHECK(first != NULL && third != NULL);
    CHECK_EQUAL(pclose(first), 0);
    if (second)
        CHECK(pclose(second) >= 0);
    CHECK(third != NULL && fcntl(fileno(third), F_GETFD) == 0);
    /* While it is becoming that program there is a task which is no process yet. */
    CHECK_EQUAL(system("until p=$(ps -T | awk '$NF == \"sleep\" && $1 != \"-\" { print $1 }') && "
                       "[ \"$p\" ]; do :; done; kill $p"),
                0);
    const int status = pclose(third);
    /* The shell tells of its command's end, or is the command itself. */
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) ||
          (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGTERM));
}

static void check_misuse(void)
{
    errno = 0;
    CHECK(popen("true", "x") == NULL);
    CHECK_EQUAL(errno, EINVAL);
    CHECK_EQUAL(pclose(stdin), -1);
    CHECK_EQUAL(errno, ECHILD);
    FILE *stream = popen("no-such-program 2> /dev/null", "r");
    CHECK(stream != NULL);
    if (stream)
        CHECK_EQUAL(WEXITSTATUS(pclose(stream)), 127);
}

static volatile sig_atomic_t interrupted;

static void note(int number)
{
    (void)number;
    interrupted = 1;
}

static void check_system(void)
{
    struct sigaction action = {.sa_handler = note}, after;
    sigset_t blocked;

    CHECK(system(NULL) != 0);
    CHECK_EQUAL(system("true"), 0);
    CHECK_EQUAL(WEXITSTATUS(system("exit 5")), 5);
    CHECK_EQUAL(WEXITSTATUS(system("no-such-program 2> /dev/null")), 127);
    int status = system("kill -9 $$");
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    /* The keys' signals are the command's business meanwhile, and ours again afterwards. */
    CHECK_EQUAL(sigaction(SIGINT, &action, NULL), 0);
    CHECK_EQUAL(system("kill -INT $PPID"), 0);
    CHECK_EQUAL(interrupted, 0);
    CHECK_EQUAL(sigaction(SIGINT, NULL, &after), 0);
    CHECK(after.sa_handler == note);
    CHECK_EQUAL(raise(SIGINT), 0);
    CHECK_EQUAL(interrupted, 1);
    CHECK_EQUAL(sigprocmask(SIG_BLOCK, NULL, &blocked), 0);
    CHECK_EQUAL(sigismember(&blocked, SIGCHLD), 0);
    /* A child of somebody else's is left to be waited for. */
    const pid_t child = fork();
    if (child == 0)
        _exit(3);
    CHECK_EQUAL(WEXITSTATUS(system("exit 4")), 4);
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    CHECK_EQUAL(WEXITSTATUS(status), 3);
}

/* Programs keep what it returns. */
static void check_words(void)
{
    for (int one = 1; one < SIGRTMIN; one++)
        for (int other = 1; other < one; other++)
            CHECK(strcmp(strsignal(one), strsignal(other)) != 0);
    CHECK(strcmp(strsignal(SIGTTOU), "Stopped (tty output)") == 0);
    CHECK(strsignal(0) != NULL && strsignal(-1) != NULL && strsignal(1000) != NULL);
}

int main(void)
{
    check_words();
    check_reading();
    check_writing();
    check_two();
    check_misuse();
    check_system();
    return check_end("posix-commands");
}
