/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem_test NAME runs one test, mem_test all of them, each in a new process.
 */
#include "mem_test.h"
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
#define TEST(name) {#name, test_##name},
#include "tests.def"
#undef TEST
};

void run_threads(void *(*body)(void *number), unsigned count)
{
    pthread_t thread[8];

    for (unsigned i = 0; i < count; i++) {
        if (pthread_create(&thread[i], NULL, body, (void *)(uintptr_t)i) != 0)
            abort();
    }
    for (unsigned i = 0; i < count; i++)
        pthread_join(thread[i], NULL);
}

static int run_in_child(const char *program, const char *name)
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        execl(program, program, name, (char *)NULL);
        _exit(127);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int main(int argc, char **argv)
{
    int failed = 0;

    for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (argc > 1 && strcmp(argv[1], tests[i].name) == 0) {
            tests[i].run();
            printf("%s ok\n", tests[i].name);
            return 0;
        }
        if (argc == 1)
            failed += run_in_child("/proc/self/exe", tests[i].name) != 0;
    }
    if (argc > 1) {
        fprintf(stderr, "no test is called %s\n", argv[1]);
        return 2;
    }
    return failed != 0;
}
