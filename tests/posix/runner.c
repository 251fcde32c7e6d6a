/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs test programs one after another, each as a process in a session of its own, at home in /posix: every file there with a @ in its name. What one wrote, if it did not pass, comes out as
 * lines under its name, when it has ended; before it stands "posix-test: NAME begins", behind it
 *
 *      posix-test: NAME exited N | killed by N | hung | not started: REASON
 *
 * init runs it as a shell with commands (shell=/bin/posix-runner): posix-runner -c 'SECONDS [shown]'; after these a test is ended; shown: what it wrote comes out though it passed. What a test leaves in
 * /tmp and /dev/shm is taken away, and so is its session.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static const char tests[] = "/posix", output[] = "/home/output";

enum { NAMES = 2048, LINES_SIZE = 65536, NO_PROGRAM = 127 };

static char *name[NAMES];
static time_t patience = 60;
static bool shown;

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t list(void)
{
    DIR *folder = opendir(tests);
    size_t count = 0;

    if (folder == NULL)
        return 0;
    for (const struct dirent *entry; count < NAMES && (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.' && strchr(entry->d_name, '@') != NULL &&
            (name[count] = strdup(entry->d_name)) != NULL)
            count++;
    closedir(folder);
    qsort(name, count, sizeof(name[0]), by_name);
    return count;
}

/* ---- one test ---- */

static void become(const char *test)
{
    char path[128];
    sigset_t none;
    const int in = open("/dev/null", O_RDONLY),
              out = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);

    setsid();
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    close(in);
    close(out);
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    (void)!chdir(tests);
    snprintf(path, sizeof(path), "%s/%s", tests, test);
    execl(path, test, NULL);
    printf("not started: %s\n", strerror(errno));
    fflush(stdout);
    _exit(NO_PROGRAM);
}

/* Its end, or the end of patience. SIGCHLD is blocked from before it began. */
static bool wait_for_end(pid_t child, int *status)
{
    const time_t end = time(NULL) + patience;
    sigset_t news;

    sigemptyset(&news);
    sigaddset(&news, SIGCHLD);
    for (;;) {
        const struct timespec left = {.tv_sec = end - time(NULL)};

        if (waitpid(child, status, WNOHANG) == child)
            return true;
        if (left.tv_sec <= 0)
            return false;
        (void)sigtimedwait(&news, NULL, &left);
    }
}

static void tell_output(const char *test)
{
    static char text[LINES_SIZE + 1];
    const int file = open(output, O_RDONLY);

    if (file < 0)
        return;
    const off_t size = lseek(file, 0, SEEK_END);
    (void)lseek(file, size > LINES_SIZE ? size - LINES_SIZE : 0, SEEK_SET);
    const ssize_t length = read(file, text, LINES_SIZE);
    close(file);
    text[length > 0 ? length : 0] = '\0';
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        printf("%s| %s\n", test, line);
}

static void clear(const char *path)
{
    DIR *folder = opendir(path);
    char file[512];

    if (folder == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
            (void)remove(file);
        }
    closedir(folder);
}

static void run(const char *test)
{
    int status = 0;

    printf("posix-test: %s begins\n", test);
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0)
        become(test);
    if (child < 0) {
        printf("posix-test: %s not started: %s\n", test, strerror(errno));
        return;
    }
    const bool ended = wait_for_end(child, &status);
    if (!ended || status != 0 || shown)
        tell_output(test);
    if (!ended)
        printf("posix-test: %s hung\n", test);
    else if (WIFSIGNALED(status))
        printf("posix-test: %s killed by %d\n", test, WTERMSIG(status));
    else
        printf("posix-test: %s exited %d\n", test, WEXITSTATUS(status));
    (void)kill(-child, SIGKILL);
    if (!ended) {
        (void)kill(child, SIGKILL);
        (void)waitpid(child, &status, 0);
    }
    while (waitpid(-1, &status, WNOHANG) > 0)
        ;
    clear("/tmp");
    clear("/dev/shm");
}

/* Whoever reads the clock chip may be a moment later than we are. */
static void wait_for_time(void)
{
    enum { TRIES = 300, HUNDREDTH_US = 10000, AFTER_1970 = 1000000000 };

    for (unsigned i = 0; i < TRIES && time(NULL) < AFTER_1970; i++)
        usleep(HUNDREDTH_US);
}

int main(int argc, char **argv)
{
    sigset_t news;

    sigemptyset(&news);
    sigaddset(&news, SIGCHLD);
    sigprocmask(SIG_BLOCK, &news, NULL);
    if (argc > 2 && atoi(argv[2]) > 0)
        patience = atoi(argv[2]);
    shown = argc > 2 && strstr(argv[2], "shown") != NULL;
    const size_t count = list();
    wait_for_time();
    for (size_t i = 0; i < count; i++)
        run(name[i]);
    printf("posix-runner: done\n");
    fflush(stdout);
    tcdrain(1);
    return 0;
}
