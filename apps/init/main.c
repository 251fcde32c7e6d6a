/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * init: the first process of a session of a person. It opens the console as descriptors 0, 1 and 2, reads /etc/rc if there is one, runs the shell as the leader of a
 * session that has the console, and starts it anew when it has ended. It is the parent of those who have none, and waits for them.
 *
 * With the argument `exec` it runs /bin/sh -c COMMANDS once, COMMANDS being the content of /etc/exec, and ends with its status: so does
 * ./wharf run --exec. The system ends with it (`until init`).
 *
 * Arguments: exec; shell=PATH (/bin/sh); once: it ends with the first shell, and with its status.
 */
#include <errno.h>
#include <fcntl.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <wharf/if/service.h>

enum { FAST = 2, FAST_MAX = 10, PAUSE = 5, NOT_FOUND = 127, SIGNALLED = 128 };

static const char console[] = "/dev/console";
static char *shell = "/bin/sh";

/* Somebody has it open as often as it can be: what was opened before does as well, if it lives. */
static bool is_open(void)
{
    return (errno == ENFILE || errno == ENOMEM) && isatty(0) && isatty(1) && isatty(2);
}

/* The console may be a moment later than we are. */
static void open_console(void)
{
    enum { TRIES = 100, TENTH_US = 100000 };
    int fd = -1;

    for (unsigned i = 0; i < TRIES && fd < 0; i++) {
        fd = open(console, O_RDWR | O_NOCTTY);
        if (fd < 0 && is_open())
            return;
        if (fd < 0)
            usleep(TENTH_US);
    }
    if (fd < 0) {
        print("init: %s cannot be opened: error %d\n", console, errno);
        exit(1);
    }
    for (int to = 0; to <= 2; to++)
        if (fd != to)
            dup2(fd, to);
    if (fd > 2)
        close(fd);
}

/* Who had it before may have left it as an editor needs it, and may have been ended in the midst of that. */
static void make_sane(void)
{
    struct termios t;

    if (tcgetattr(0, &t) != 0)
        return;
    t.c_iflag = ICRNL | IXON;
    t.c_oflag = OPOST | ONLCR;
    t.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | IEXTEN;
    tcsetattr(0, TCSANOW, &t);
}

static void set_environment(void)
{
    setenv("HOME", "/home", 1);
    setenv("PATH", "/bin:/usr/bin", 1);
    setenv("TERM", "vt100", 1);
    setenv("USER", "root", 1);
    setenv("LOGNAME", "root", 1);
    setenv("SHELL", shell, 1);
    setenv("PS1", "wharf$ ", 0);
    if (chdir(getenv("HOME")) != 0)
        (void)!chdir("/");
}

/* Keys are meant for the session's programs, not for init. */
static void take_keys(void (*how)(int))
{
    signal(SIGINT, how);
    signal(SIGQUIT, how);
    signal(SIGTSTP, how);
}

/* The shell begins as a program of a session of its own, which the console belongs to. */
static void become_shell(char **arguments, bool leads)
{
    take_keys(SIG_DFL);
    if (leads) {
        setsid();
        open_console();
        ioctl(0, TIOCSCTTY, 0);
    }
    execv(arguments[0], arguments);
    print("init: %s cannot be run: error %d\n", arguments[0], errno);
    _exit(NOT_FOUND);
}

/* Start it. Its pid. */
static pid_t start(char **arguments, bool leads)
{
    const pid_t child = fork();

    if (child == 0)
        become_shell(arguments, leads);
    if (child < 0)
        print("init: no process can be made: error %d\n", errno);
    return child;
}

/* Until this child has ended; what others end meanwhile is taken, too. Its status as shells tell it. */
static int wait_for(pid_t child)
{
    int status;
    pid_t ended;

    do
        ended = wait(&status);
    while (ended != child && (ended > 0 || errno == EINTR));
    if (ended != child)
        return NOT_FOUND;
    return WIFSIGNALED(status) ? SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run(char **arguments, bool leads)
{
    const pid_t child = start(arguments, leads);

    return child < 0 ? NOT_FOUND : wait_for(child);
}

static void run_rc(void)
{
    static char rc[] = "/etc/rc";
    char *arguments[] = {shell, rc, NULL};

    if (access(rc, R_OK) == 0)
        (void)run(arguments, false);
}

/* The content of /etc/exec; NULL: there is none. */
static char *commands(void)
{
    struct stat facts;
    const int fd = open("/etc/exec", O_RDONLY);
    char *text = NULL;
    size_t size = 0;

    if (fd < 0 || fstat(fd, &facts) != 0 || (text = malloc((size_t)facts.st_size + 1)) == NULL)
        return NULL;
    for (ssize_t n; (n = read(fd, text + size, (size_t)facts.st_size - size)) > 0;)
        size += (size_t)n;
    text[size] = '\0';
    close(fd);
    return text;
}

/* What a program wrote is out before the system ends. */
static int run_commands(void)
{
    static char dash_c[] = "-c";
    char *text = commands();
    char *arguments[] = {shell, dash_c, text, NULL};

    if (!text) {
        print("init: there is no /etc/exec\n");
        return NOT_FOUND;
    }
    const int status = run(arguments, true);
    tcdrain(1);
    return status;
}

/* A shell that ends at once, again and again, gets a pause. */
static int run_shells(bool once)
{
    static char dash_l[] = "-l";
    char *arguments[] = {shell, dash_l, NULL};
    unsigned fast = 0;

    for (;;) {
        const time_t began = time(NULL);
        make_sane();
        const int status = run(arguments, true);
        if (once)
            return status;
        fast = time(NULL) - began < FAST ? fast + 1 : 0;
        if (fast >= FAST_MAX)
            sleep(PAUSE);
        open_console(); /* the terminal may be another one */
    }
}

int main(int argc, char **argv)
{
    bool once = false, exec = false;

    for (int i = 1; i < argc; i++) {
        once |= strcmp(argv[i], "once") == 0;
        exec |= strcmp(argv[i], "exec") == 0;
        if (strncmp(argv[i], "shell=", 6) == 0)
            shell = argv[i] + 6;
    }
    take_keys(SIG_IGN);
    open_console();
    set_environment();
    if (service_ready(program_start_info->bootstrap) != KERN_SUCCESS)
        print("init: the supervisor does not hear that it has begun\n");
    if (exec)
        return run_commands();
    run_rc();
    return run_shells(once);
}
