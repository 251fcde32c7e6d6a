/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes: fork, exec, spawn, wait, groups, signals. process-test fork|signals|storm|bomb; what is executed is this program again, with a word that says what to be.
 */
#include "process-test.h"
#include <errno.h>
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int status_of(pid_t pid)
{
    int status = -1;
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    return status;
}

/* ---- fork, exec, spawn, wait ---- */

static void use_fork(void)
{
    static volatile int value = 1;
    const pid_t self = getpid();
    for (int i = 0; i < 20; i++) {
        const pid_t pid = fork();
        if (pid == 0) {
            value = 2;
            _exit(getppid() == self && getpid() != self ? 40 + i : 1);
        }
        CHECK(pid > 0);
        const int status = status_of(pid);
        CHECK(WIFEXITED(status));
        CHECK_EQUAL(WEXITSTATUS(status), 40 + i);
        CHECK_EQUAL(value, 1);
    }
    CHECK_EQUAL(waitpid(-1, NULL, 0), -1);
    CHECK_EQUAL(errno, ECHILD);
}

/* Its memory grows as the parent's does, wherever the kernel begins to look for room. */
static void use_memory(void)
{
    enum { PIECE = 300000, PIECES = 8 };
    void *own = malloc(1);
    CHECK(own != NULL);
    for (int i = 0; i < 8; i++) {
        const pid_t pid = fork();
        if (pid == 0) {
            static void *pieces[PIECES];
            int got = 0;
            while (got < PIECES && (pieces[got] = calloc(1, PIECE)) != NULL)
                got++;
            _exit(got);
        }
        CHECK_EQUAL(status_of(pid), PIECES << 8);
    }
    free(own);
}

static void use_wait(void)
{
    siginfo_t info;
    int status;
    const pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    CHECK_EQUAL(waitpid(pid, &status, WNOHANG), 0);
    CHECK_EQUAL(kill(pid, SIGSTOP), 0);
    CHECK_EQUAL(waitpid(pid, &status, WUNTRACED), pid);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    CHECK_EQUAL(kill(pid, SIGCONT), 0);
    CHECK_EQUAL(waitpid(pid, &status, WCONTINUED), pid);
    CHECK(WIFCONTINUED(status));
    CHECK_EQUAL(kill(pid, SIGTERM), 0);
    CHECK_EQUAL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    CHECK_EQUAL(info.si_pid, pid);
    CHECK_EQUAL(info.si_code, CLD_KILLED);
    status = status_of(pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    CHECK_EQUAL(kill(pid, 0), -1);
    CHECK_EQUAL(errno, ESRCH);
}

static void use_exec(void)
{
    char *const argv[] = {"process-test", "exit", "a b", "", NULL};
    char *const envp[] = {"WORD=seven", NULL};
    pid_t pid = fork();
    if (pid == 0) {
        execve("/process-test", argv, envp);
        _exit(1);
    }
    CHECK_EQUAL(status_of(pid), 7 << 8);
    for (int i = 0; i < 5; i++) {
        CHECK_EQUAL(posix_spawn(&pid, "/process-test", NULL, NULL, argv, envp), 0);
        CHECK_EQUAL(status_of(pid), 7 << 8);
    }
    CHECK_EQUAL(posix_spawn(&pid, "/no-such-program", NULL, NULL, argv, envp), ENOENT);
    CHECK_EQUAL(posix_spawn(&pid, "/process.conf", NULL, NULL, argv, envp), ENOEXEC);
    static char *many[16001]; /* short, but their table is as large as a stack */
    for (size_t i = 0; i + 1 < sizeof(many) / sizeof(many[0]); i++)
        many[i] = argv[3];
    CHECK_EQUAL(execve("/process-test", many, many), -1);
    CHECK_EQUAL(errno, E2BIG);
    CHECK_EQUAL(posix_spawn(&pid, "/process-test", NULL, NULL, many, many), E2BIG);
    CHECK_EQUAL(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left of it */
    CHECK_EQUAL(errno, ECHILD);
    CHECK_EQUAL(execv("/no-such-program", argv), -1);
    CHECK_EQUAL(errno, ENOENT);
}

static int be_executed(int argc, char **argv)
{
    const char *word = getenv("WORD");
    return argc == 4 && strcmp(argv[2], "a b") == 0 && argv[3][0] == '\0' && word != NULL &&
                   strcmp(word, "seven") == 0
               ? 7
               : 2;
}

/* It ends before the test does: who is left over when the process server is gone would be found as a leak. */
static void use_orphans(void)
{
    pid_t *orphan =
        mmap(NULL, sizeof(*orphan), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(orphan != MAP_FAILED);
    const pid_t pid = fork();
    if (pid == 0) {
        const pid_t child = fork();
        if (child == 0) {
            while (getppid() != 1)
                (void)kernel_sleep_until(kernel_clock_now() + 1000000);
            _exit(0);
        }
        *orphan = child;
        _exit(child > 0 ? 3 : 4);
    }
    CHECK_EQUAL(WEXITSTATUS(status_of(pid)), 3);
    while (kill(*orphan, 0) == 0)
        (void)kernel_sleep_until(kernel_clock_now() + 1000000);
    CHECK_EQUAL(errno, ESRCH);
    CHECK_EQUAL(munmap(orphan, sizeof(*orphan)), 0);
}

static void use_groups(void)
{
    const pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    CHECK_EQUAL(setpgid(pid, pid), 0);
    CHECK_EQUAL(getpgid(pid), pid);
    CHECK_EQUAL(getsid(pid), getsid(0));
    CHECK_EQUAL(kill(-pid, SIGKILL), 0);
    const int status = status_of(pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* ---- signals ---- */

static volatile sig_atomic_t count, last;
static volatile siginfo_t last_info;

static void note(int number)
{
    count++;
    last = number;
}

static void note_info(int number, siginfo_t *info, void *context)
{
    (void)context;
    count++;
    last = number;
    last_info = *info;
}

static void use_raise(void)
{
    struct sigaction a = {.sa_handler = note};
    sigset_t set, old;
    count = 0;
    CHECK_EQUAL(sigaction(SIGUSR1, &a, NULL), 0);
    CHECK_EQUAL(raise(SIGUSR1), 0);
    CHECK_EQUAL(count, 1);
    CHECK_EQUAL(kill(getpid(), SIGUSR1), 0);
    CHECK_EQUAL(count, 2);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK_EQUAL(sigprocmask(SIG_BLOCK, &set, &old), 0);
    CHECK_EQUAL(kill(getpid(), SIGUSR1), 0);
    CHECK_EQUAL(kill(getpid(), SIGUSR1), 0);
    CHECK_EQUAL(count, 2);
    CHECK_EQUAL(sigpending(&set), 0);
    CHECK_EQUAL(sigismember(&set, SIGUSR1), 1);
    CHECK_EQUAL(sigprocmask(SIG_SETMASK, &old, NULL), 0);
    CHECK_EQUAL(count, 3);
}

static void use_queue(void)
{
    struct sigaction a = {.sa_sigaction = note_info, .sa_flags = SA_SIGINFO};
    sigset_t set, old;
    count = 0;
    CHECK_EQUAL(sigaction(SIGRTMIN + 1, &a, NULL), 0);
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 1);
    CHECK_EQUAL(sigprocmask(SIG_BLOCK, &set, &old), 0);
    for (int i = 0; i < 5; i++)
        CHECK_EQUAL(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 100 + i}), 0);
    siginfo_t info;
    CHECK_EQUAL(sigwaitinfo(&set, &info), SIGRTMIN + 1);
    CHECK_EQUAL(info.si_value.sival_int, 100);
    CHECK_EQUAL(info.si_code, SI_QUEUE);
    CHECK_EQUAL(sigprocmask(SIG_SETMASK, &old, NULL), 0);
    CHECK_EQUAL(count, 4);
    CHECK_EQUAL(last_info.si_value.sival_int, 104);
}

/* A loop that computes is interrupted: all registers come back. */
static void use_running(void)
{
    struct sigaction a = {.sa_handler = note};
    const struct itimerval every = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
    uint64_t sum = 0, expected = 0;
    double x = 1.0;
    count = 0;
    CHECK_EQUAL(sigaction(SIGALRM, &a, NULL), 0);
    CHECK_EQUAL(setitimer(ITIMER_REAL, &every, NULL), 0);
    uint64_t rounds = 0;
    while (count < 10) {
        for (uint64_t i = 0; i < 1000; i++) {
            sum = sum * 31 + i;
            x = x * 1.5 > 1e9 ? 1.0 : x * 1.5;
        }
        rounds++;
    }
    CHECK_EQUAL(setitimer(ITIMER_REAL, &never, NULL), 0);
    double y = 1.0;
    for (uint64_t r = 0; r < rounds; r++)
        for (uint64_t i = 0; i < 1000; i++) {
            expected = expected * 31 + i;
            y = y * 1.5 > 1e9 ? 1.0 : y * 1.5;
        }
    CHECK_EQUAL(sum, expected);
    CHECK(x == y);
}

static _Alignas(16) char other_stack[SIGSTKSZ];
static volatile bool was_there;
static volatile uintptr_t fault, touch = 0x10;

/* A signal for a child that has only just begun is the child's, with the handler of its parent. */
static void end_by_handler(int number)
{
    (void)number;
    _exit(3);
}

static void use_early(void)
{
    struct sigaction a = {.sa_handler = end_by_handler};
    CHECK_EQUAL(sigaction(SIGUSR1, &a, NULL), 0);
    for (int i = 0; i < 20; i++) {
        const pid_t pid = fork();
        if (pid == 0)
            for (;;)
                pause();
        CHECK(pid > 0);
        CHECK_EQUAL(kill(pid, SIGUSR1), 0);
        CHECK_EQUAL(status_of(pid), 3 << 8);
    }
    a.sa_handler = SIG_DFL;
    CHECK_EQUAL(sigaction(SIGUSR1, &a, NULL), 0);
}

static void catch_fault(int number, siginfo_t *info, void *context)
{
    ucontext_t *c = context;
    was_there = (char *)&c > other_stack && (char *)&c < other_stack + sizeof(other_stack);
    fault = (uintptr_t)info->si_addr;
    last = number;
    c->uc_mcontext.pc += 4;
}

static void use_faults(void)
{
    struct sigaction a = {.sa_sigaction = catch_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    const stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof(other_stack)};
    CHECK_EQUAL(sigaltstack(&stack, NULL), 0);
    CHECK_EQUAL(sigaction(SIGSEGV, &a, NULL), 0);
    *(volatile int *)touch = 1;
    CHECK_EQUAL(last, SIGSEGV);
    CHECK_EQUAL(fault, 0x10);
    CHECK(was_there);
    CHECK(signal(SIGSEGV, SIG_DFL) != SIG_ERR);
    const stack_t none = {.ss_flags = SS_DISABLE};
    CHECK_EQUAL(sigaltstack(&none, NULL), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        *(volatile int *)touch = 1;
        _exit(0);
    }
    const int status = status_of(pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV && WCOREDUMP(status));
}

/* ---- the alternate stack: for handlers that ask for it, and no others ---- */

static volatile unsigned there, elsewhere;
static sigjmp_buf back;
static volatile bool jumps; /* see_stack() leaves by one */

static void see_stack(int number)
{
    volatile char here;
    const bool is = &here > other_stack && &here < other_stack + sizeof(other_stack);
    there += is;
    elsewhere += !is;
    if (number == SIGUSR2)
        CHECK_EQUAL(raise(SIGUSR1), 0);
    if (jumps)
        siglongjmp(back, 1);
}

static void take_signal(int number, int flags)
{
    const struct sigaction a = {.sa_handler = see_stack, .sa_flags = flags};
    CHECK_EQUAL(sigaction(number, &a, NULL), 0);
}

/* From the midst of something: by a timer. */
static void wait_for_alarm(void)
{
    const struct itimerval soon = {{0, 0}, {0, 2000}};
    const unsigned before = there + elsewhere;
    CHECK_EQUAL(setitimer(ITIMER_REAL, &soon, NULL), 0);
    while (there + elsewhere == before)
        continue;
}

static void use_stacks(void)
{
    const stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof(other_stack)};
    const stack_t none = {.ss_flags = SS_DISABLE};
    CHECK_EQUAL(sigaltstack(&stack, NULL), 0);
    there = elsewhere = 0;
    take_signal(SIGALRM, 0);
    wait_for_alarm();
    CHECK_EQUAL(elsewhere, 1);
    take_signal(SIGALRM, SA_ONSTACK);
    wait_for_alarm();
    CHECK_EQUAL(there, 1);
    take_signal(SIGUSR1, SA_ONSTACK);
    CHECK_EQUAL(raise(SIGUSR1), 0);
    CHECK_EQUAL(there, 2);
    take_signal(SIGUSR2, 0); /* inside its handler, one that is for the other stack */
    CHECK_EQUAL(raise(SIGUSR2), 0);
    CHECK_EQUAL(elsewhere, 2);
    CHECK_EQUAL(there, 3);
    take_signal(SIGUSR2, SA_ONSTACK);
    take_signal(SIGUSR1, 0); /* inside its handler, one that is not: it stays where it is */
    CHECK_EQUAL(raise(SIGUSR2), 0);
    CHECK_EQUAL(there, 5);
    take_signal(SIGALRM, 0); /* left by jumps, more often than the stack would have room */
    jumps = true;
    for (volatile int i = 0; i < 50; i++)
        if (sigsetjmp(back, 1) == 0)
            wait_for_alarm();
    jumps = false;
    CHECK_EQUAL(elsewhere, 52);
    CHECK_EQUAL(sigaltstack(&none, NULL), 0);
    for (int number = 1; number < NSIG; number++)
        if (number != SIGKILL && number != SIGSTOP)
            CHECK(signal(number, SIG_DFL) != SIG_ERR);
}

/* Those of System V. */
static void use_system_v(void)
{
    there = elsewhere = 0;
    CHECK(sigset(SIGUSR1, see_stack) == SIG_DFL);
    CHECK_EQUAL(sighold(SIGUSR1), 0);
    CHECK_EQUAL(raise(SIGUSR1), 0);
    CHECK_EQUAL(elsewhere, 0);
    CHECK_EQUAL(sigpause(SIGUSR1), -1);
    CHECK_EQUAL(errno, EINTR);
    CHECK_EQUAL(elsewhere, 1);
    CHECK(sigset(SIGUSR1, SIG_HOLD) == SIG_HOLD);
    CHECK_EQUAL(raise(SIGUSR1), 0);
    CHECK_EQUAL(sigrelse(SIGUSR1), 0);
    CHECK_EQUAL(elsewhere, 2);
    CHECK_EQUAL(sigignore(SIGUSR1), 0);
    CHECK_EQUAL(raise(SIGUSR1), 0);
    CHECK(sigset(SIGUSR1, SIG_DFL) == SIG_IGN);
    CHECK_EQUAL(elsewhere, 2);
    CHECK(sigset(SIGKILL, see_stack) == SIG_ERR);
    CHECK_EQUAL(errno, EINVAL);
}

/* ---- bomb ---- */

static void use_bomb(void)
{
    enum { MOST = 400 };
    static pid_t pids[MOST];
    unsigned n = 0;
    while (n < MOST && (pids[n] = fork()) >= 0) {
        if (pids[n] == 0) {
            pause();
            _exit(0);
        }
        n++;
    }
    CHECK(n < MOST);
    CHECK_EQUAL(errno, EAGAIN);
    for (unsigned i = 0; i < n; i++)
        CHECK_EQUAL(kill(pids[i], SIGKILL), 0);
    for (unsigned i = 0; i < n; i++)
        CHECK_EQUAL(WTERMSIG(status_of(pids[i])), SIGKILL);
    print("process-test: %u children, then EAGAIN\n", n);
}

static void use_signals(void)
{
    use_raise();
    use_queue();
    use_running();
    use_early();
    use_interruption();
    use_faults();
    use_stacks();
    use_system_v();
}

static void use_processes(void)
{
    use_fork();
    use_memory();
    use_wait();
    use_exec();
    use_orphans();
    use_groups();
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "exit") == 0)
        return be_executed(argc, argv);
    if (strcmp(what, "fork") == 0)
        use_processes();
    else if (strcmp(what, "signals") == 0)
        use_signals();
    else if (strcmp(what, "bomb") == 0)
        use_bomb();
    return check_end("process-test");
}
