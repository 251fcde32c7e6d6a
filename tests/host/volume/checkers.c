/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See checkers.h.
 */
#include "checkers.h"
#include "check.h"
#include <card.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int checker_run(const char *command, const char *path, char text[CHECKER_TEXT])
{
    char line[512];
    FILE *pipe;
    size_t got;
    int status;

    snprintf(line, sizeof line, command, path);
    pipe = popen(line, "r");
    CHECK(pipe != NULL);
    got = fread(text, 1, CHECKER_TEXT - 1, pipe);
    text[got] = 0;
    status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void check_clean(const struct volume_ops *ops, const struct shared *of, uint64_t size)
{
    static char text[CHECKER_TEXT];
    struct card *card = card_make(size);
    char path[64];
    int status;

    snprintf(path, sizeof path, "volume-%d.img", (int)getpid());
    memcpy(card->bytes, of->bytes, size);
    CHECK(card_save(card, path));
    card_free(card);
    status =
        checker_run(ops == &ext4_volume ? "e2fsck -fn %s 2>&1" : "fsck.fat -n %s 2>&1", path, text);
    if (status != 0)
        fputs(text, stderr);
    CHECK_EQ(status, 0);
    (void)unlink(path);
}
