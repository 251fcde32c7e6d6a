/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arguments of programs that a system description starts (<libsys/program.h>).
 */
#include <libsys/program.h>
#include <string.h>

const char *program_argument(int argc, char **argv, const char *name, const char *otherwise)
{
    const size_t length = strlen(name);

    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], name, length) == 0 && argv[i][length] == '=')
            return argv[i] + length + 1;
    return otherwise;
}

bool program_has_word(int argc, char **argv, const char *word)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], word) == 0)
            return true;
    return false;
}
