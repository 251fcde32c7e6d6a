/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Images and checkers for the tests of ext4.
 */
#include "images.h"
#include "check.h"
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static void remove_folder(void)
{
    (void)image_run(NULL, 0, "rm -rf %s", folder);
}

const char *image_path(const char *name)
{
    static char paths[4][160];
    static unsigned next;
    char *path = paths[next++ % 4];

    if (folder[0] == 0) {
        snprintf(folder, sizeof(folder), "%s/wharf-ext4-%d",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
        (void)mkdir(folder, 0700);
        (void)atexit(remove_folder);
    }
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

int image_run(char *text, size_t room, const char *format, ...)
{
    char command[1024] = "PATH=$PATH:/usr/sbin:/sbin; ";
    const size_t length = strlen(command);
    size_t got = 0;
    va_list arguments;
    FILE *pipe;
    int status;

    va_start(arguments, format);
    vsnprintf(command + length, sizeof(command) - length, format, arguments);
    va_end(arguments);
    fflush(NULL);
    pipe = popen(command, "r");
    CHECK(pipe != NULL);
    for (char part[256]; fgets(part, sizeof(part), pipe) != NULL;)
        if (text != NULL && got + strlen(part) + 1 < room)
            got += (size_t)snprintf(text + got, room - got, "%s", part);
    if (text != NULL && room > 0)
        text[got] = 0;
    status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256;
}

struct card *image_make(unsigned kibibytes, const char *arguments)
{
    const char *path = image_path("made");
    struct card *card;

    CHECK_EQ(image_run(NULL, 0, "rm -f %s; mke2fs -q -F %s %s %uk 2>&1", path, arguments, path,
                       kibibytes),
             0);
    card = card_load(path);
    CHECK(card != NULL);
    return card;
}

static bool is_clean(const struct card *card, const char *before)
{
    static char text[16384];
    const char *path = image_path("checked");

    CHECK(card_save(card, path));
    if (before[0] != 0)
        (void)image_run(NULL, 0, "e2fsck %s %s 2>&1", before, path);
    if (image_run(text, sizeof(text), "e2fsck -fn %s 2>&1", path) == 0)
        return true;
    fprintf(stderr, "%s", text);
    return false;
}

bool image_is_clean(const struct card *card)
{
    return is_clean(card, "");
}

bool image_is_clean_for_linux(const struct card *card)
{
    return is_clean(card, "-E journal_only -y");
}

bool image_count_entry(void *context, struct ext4_name name, ext4_ino ino, unsigned type,
                       uint64_t cursor)
{
    (void)name;
    (void)ino;
    (void)type;
    (void)cursor;
    ++*(unsigned *)context;
    return true;
}
