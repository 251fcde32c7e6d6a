/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals in words. Constant texts: programs keep the pointers.
 */
#include <signal.h>
#include <string.h>

char *strsignal(int number)
{
    static const char *const words[] = {
        [SIGHUP] = "Hangup",
        [SIGINT] = "Interrupt",
        [SIGQUIT] = "Quit",
        [SIGILL] = "Illegal instruction",
        [SIGTRAP] = "Trace/breakpoint trap",
        [SIGABRT] = "Aborted",
        [SIGEMT] = "Emulator trap",
        [SIGFPE] = "Arithmetic exception",
        [SIGKILL] = "Killed",
        [SIGBUS] = "Bus error",
        [SIGSEGV] = "Segmentation fault",
        [SIGSYS] = "Bad system call",
        [SIGPIPE] = "Broken pipe",
        [SIGALRM] = "Alarm clock",
        [SIGTERM] = "Terminated",
        [SIGURG] = "Urgent I/O condition",
        [SIGSTOP] = "Stopped (signal)",
        [SIGTSTP] = "Stopped",
        [SIGCONT] = "Continued",
        [SIGCHLD] = "Child changed",
        [SIGTTIN] = "Stopped (tty input)",
        [SIGTTOU] = "Stopped (tty output)",
        [SIGIO] = "I/O possible",
        [SIGXCPU] = "CPU time limit exceeded",
        [SIGXFSZ] = "File size limit exceeded",
        [SIGVTALRM] = "Virtual timer expired",
        [SIGPROF] = "Profiling timer expired",
        [SIGWINCH] = "Window changed",
        [SIGLOST] = "Resource lost",
        [SIGUSR1] = "User signal 1",
        [SIGUSR2] = "User signal 2",
    };
    const int known = (int)(sizeof words / sizeof words[0]);
    const char *text = number > 0 && number < known && words[number] != NULL ? words[number]
                       : number >= SIGRTMIN && number <= SIGRTMAX            ? "Real-time signal"
                                                                             : "Unknown signal";

    return (char *)(uintptr_t)text;
}
