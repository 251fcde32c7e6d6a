/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See procfs-text.h.
 */
#include "procfs-text.h"
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char text[TEXT];

ssize_t read_in(int file, char *to, size_t piece)
{
    size_t size = 0;

    for (;;) {
        const ssize_t n = read(file, to + size, piece);
        if (n < 0)
            return -1;
        if (n == 0 || size + (size_t)n + piece >= TEXT)
            break;
        size += (size_t)n;
    }
    to[size] = '\0';
    return (ssize_t)size;
}

ssize_t read_all(const char *path)
{
    const int file = open(path, O_RDONLY);

    text[0] = '\0';
    if (file < 0)
        return -1;
    const ssize_t size = read_in(file, text, 4000);
    close(file);
    return size;
}

ssize_t read_of(pid_t pid, const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    return read_all(path);
}

long number_of(const char *key)
{
    const char *at = text;
    const size_t length = strlen(key);

    while (strncmp(at, key, length) != 0) {
        at = strchr(at, '\n');
        if (!at)
            return -1;
        at++;
    }
    return strtol(at + length, NULL, 0);
}

const char *word_of(unsigned n)
{
    const char *at = n > 2 ? strrchr(text, ')') : text;

    for (unsigned i = n > 2 ? 2 : 1; at && i < n; i++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    return at ? at : "";
}

unsigned words_in(const char *at)
{
    unsigned n = 0;

    for (; *at != '\0'; at++)
        n += !isspace((unsigned char)at[0]) && (at[1] == '\0' || isspace((unsigned char)at[1]));
    return n;
}

unsigned read_numbers(const char *at, double *numbers, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        char *end;

        numbers[n] = strtod(at, &end);
        if (end == at)
            return n;
        at = end;
    }
    return count;
}

long value_of(const char *word)
{
    return strtol(word, NULL, 10);
}
