/* SPDX-License-Identifier: BSD-2-Clause */
/* The program of the project: uses its library, the C library, the mathematical one and threads. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>

int part(int number);

static void *other(void *argument)
{
    return argument;
}

int main(int count, char **words)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, other, words) != 0 || pthread_join(thread, NULL) != 0)
        return 1;
    return printf("%s %f\n", words[0], sqrt(part(count))) < 0;
}
