/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program `disks` (disks.h). Argument: service=NAME (disks), what it is mounted by. It uses the supervisor, for its list of programs, the block services of whose disks there are to
 * be files, and, if it may, swap and mounts (in_use.c).
 */
#include "disks.h"
#include <libsys/print.h>
#include <string.h>

enum { OPENS = 256, WAITS = 64 };

int main(int argc, char **argv)
{
    static struct file_server server;
    static const char key[] = "service=";
    const struct file_server_limits limits = {.opens = OPENS, .waits = WAITS};
    const char *service = "disks";

    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], key, sizeof(key) - 1) == 0)
            service = argv[i] + sizeof(key) - 1;
    in_use_begin();
    kern_return_t kr = file_server_begin(&server, &limits, MSG_NULL);
    if (kr == KERN_SUCCESS)
        kr = file_server_root(&server, service, &disks_root);
    if (kr == KERN_SUCCESS)
        kr = file_server_run(&server, NULL, 0);
    print("disks: it ends: error %d\n", (int)kr);
    return 1;
}
