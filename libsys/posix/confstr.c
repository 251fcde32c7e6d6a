/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * confstr: texts that POSIX has a system tell.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* What is needed beside c99 for the one model of types that there is (LP64_OFF64): nothing. Other models: no text. */
static const char *text_of(int name)
{
    switch (name) {
    case _CS_PATH: return "/bin:/usr/bin";
    case _CS_POSIX_V7_LP64_OFF64_CFLAGS:
    case _CS_POSIX_V7_LP64_OFF64_LDFLAGS:
    case _CS_POSIX_V7_LP64_OFF64_LIBS:
    case _CS_POSIX_V7_LPBIG_OFFBIG_CFLAGS:
    case _CS_POSIX_V7_LPBIG_OFFBIG_LDFLAGS:
    case _CS_POSIX_V7_LPBIG_OFFBIG_LIBS:
    case _CS_POSIX_V7_THREADS_CFLAGS:
    case _CS_POSIX_V7_THREADS_LDFLAGS: return "";
    case _CS_POSIX_V7_WIDTH_RESTRICTED_ENVS: return "POSIX_V7_LP64_OFF64";
    case _CS_V7_ENV: return "POSIXLY_CORRECT=1";
    default: return NULL;
    }
}

size_t confstr(int name, char *buffer, size_t size)
{
    const char *text = text_of(name);

    if (text == NULL) {
        errno = EINVAL;
        return 0;
    }
    const size_t length = strlen(text);

    if (buffer != NULL && size != 0) {
        const size_t copied = length < size ? length : size - 1;

        memcpy(buffer, text, copied);
        buffer[copied] = '\0';
    }
    return length + 1;
}
