/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data of threads, by key. A key's generation is odd while it is there. A value counts only if it was set in the key's present
 * generation: so the values of a key that is deleted are forgotten in all threads at once, and those of the next with its number are NULL.
 */
#include "pthread_impl.h"
#include <errno.h>

typedef void destructor_t(void *value);

struct value {
    uint64_t generation;
    void *value;
};

static struct mutex lock;
static _Atomic uint64_t generations[PTHREAD_KEYS_MAX]; /* written with lock held */
static destructor_t *_Atomic destructors[PTHREAD_KEYS_MAX];
static unsigned next; /* where to look for a free one; guarded by lock */

static _Thread_local struct value values[PTHREAD_KEYS_MAX];
static _Thread_local pthread_key_t used; /* no key from here on has a value */

static bool is_there(uint64_t generation)
{
    return generation % 2 == 1;
}

int pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
    int error = EAGAIN;

    mutex_lock(&lock);
    for (unsigned i = 0; i < PTHREAD_KEYS_MAX && error != 0; i++) {
        const unsigned candidate = (next + i) % PTHREAD_KEYS_MAX;

        if (is_there(generations[candidate]))
            continue;
        destructors[candidate] = destructor;
        generations[candidate]++;
        *key = candidate;
        next = candidate + 1;
        error = 0;
    }
    mutex_unlock(&lock);
    return error;
}

int pthread_key_delete(pthread_key_t key)
{
    int error = EINVAL;

    mutex_lock(&lock);
    if (key < PTHREAD_KEYS_MAX && is_there(generations[key])) {
        generations[key]++;
        error = 0;
    }
    if (error == 0 && key < next)
        next = key;
    mutex_unlock(&lock);
    return error;
}

void *pthread_getspecific(pthread_key_t key)
{
    if (key >= PTHREAD_KEYS_MAX || values[key].generation != generations[key])
        return NULL;
    return values[key].value;
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
    if (key >= PTHREAD_KEYS_MAX || !is_there(generations[key]))
        return EINVAL;
    values[key] = (struct value){generations[key], (void *)(uintptr_t)value};
    if (key >= used)
        used = key + 1;
    return 0;
}

/* True: there was one with a destructor. */
static bool destroy_values(void)
{
    bool any = false;

    for (pthread_key_t key = 0; key < used; key++) {
        destructor_t *destructor = destructors[key];
        void *value = pthread_getspecific(key);

        if (value == NULL)
            continue;
        values[key].value = NULL;
        if (destructor == NULL)
            continue;
        destructor(value);
        any = true;
    }
    return any;
}

void posix_keys_end(void)
{
    for (unsigned i = 0; i < PTHREAD_DESTRUCTOR_ITERATIONS && destroy_values(); i++)
        ;
}
