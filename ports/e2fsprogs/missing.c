/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For e2fsprogs only: what it takes every system to have, and Wharf has not.
 */
#include <fcntl.h>
#include <unistd.h>

/** e2fsck writes its log by such a child when the file cannot be written yet. */
int daemon(int stay, int keep)
{
    const pid_t child = fork();

    if (child > 0)
        _exit(0);
    if (child < 0 || setsid() < 0 || (!stay && chdir("/") != 0))
        return -1;
    if (!keep) {
        const int null = open("/dev/null", O_RDWR);
        if (null < 0)
            return -1;
        for (int file = 0; file <= STDERR_FILENO; file++)
            if (dup2(null, file) < 0)
                return -1;
        if (null > STDERR_FILENO)
            close(null);
    }
    return 0;
}
