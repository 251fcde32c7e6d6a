/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of the test of files as C programs see them.
 */
#pragma once

#include <errno.h>
#include <libsys/check.h>

/** The call fails with that errno. */
#define CHECK_FAILS(call, wanted) \
    (errno = 0, CHECK_EQUAL((call), -1) ? (void)CHECK_EQUAL(errno, wanted) : (void)0)

/** Where the test's files are: a folder of its own, which it has made and is its current directory. */
#define TEST_FOLDER "/tmp/posix-files"

/** A file with these bytes. */
void test_make(const char *path, const char *text);

/* posix-files-io.c */
void check_descriptors(void);
void check_reading(void);
void check_big(void);
void check_long(void);
void check_pipes(void);
/* posix-files-locks.c */
void check_locks(void);
/** The program was executed with this argument by a process that has locks, and numbers of descriptors behind it. */
#define LOCKS_AFTER_EXEC "locks-after-exec"
int locks_after_exec(char **numbers);
/* posix-files-names.c */
void check_attributes(void);
void check_names(void);
void check_directories(void);
void check_current(void);
/* posix-files-wait.c */
void check_poll(void);
void check_mapping(void);
void check_terminals(void);
void check_system(void);
void check_locking(void);
void check_program(void);
