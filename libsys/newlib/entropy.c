/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random bytes: the ChaCha20 block function (RFC 8439), keyed from the start block's seed. The first
 * half of each block becomes the next key, so what was given out cannot be computed from what is in
 * memory later. The same seed= on the boot line gives the same bytes.
 */
#include "../posix/atfork.h"
#include "calls.h"
#include <libsys/program.h>
#include <libsys/sync.h>
#include <string.h>
#include <sys/random.h>

enum { KEY_WORDS = 8, BLOCK_WORDS = 16, ROUNDS = 20, MOST = 256 /* POSIX: of one call */ };

static struct mutex lock;
static uint32_t key[KEY_WORDS];
static bool seeded;

static inline uint32_t turn(uint32_t word, unsigned bits)
{
    return word << bits | word >> (32 - bits);
}

/* Inline, with numbers that are constant: all sixteen words stay in registers. */
[[gnu::always_inline]] static inline void quarter(uint32_t *w, unsigned a, unsigned b, unsigned c,
                                                  unsigned d)
{
    w[a] += w[b];
    w[d] = turn(w[d] ^ w[a], 16);
    w[c] += w[d];
    w[b] = turn(w[b] ^ w[c], 12);
    w[a] += w[b];
    w[d] = turn(w[d] ^ w[a], 8);
    w[c] += w[d];
    w[b] = turn(w[b] ^ w[c], 7);
}

/** One block; counter and nonce are zero, as every block has a key of its own. */
static void make_block(uint32_t block[BLOCK_WORDS])
{
    /* "expand 32-byte k" */
    uint32_t input[BLOCK_WORDS] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    uint32_t w[BLOCK_WORDS];

    memcpy(input + 4, key, sizeof(key));
    memcpy(w, input, sizeof(input));
    for (unsigned i = 0; i < ROUNDS; i += 2) {
        quarter(w, 0, 4, 8, 12);
        quarter(w, 1, 5, 9, 13);
        quarter(w, 2, 6, 10, 14);
        quarter(w, 3, 7, 11, 15);
        quarter(w, 0, 5, 10, 15);
        quarter(w, 1, 6, 11, 12);
        quarter(w, 2, 7, 8, 13);
        quarter(w, 3, 4, 9, 14);
    }
    for (unsigned i = 0; i < BLOCK_WORDS; i++)
        block[i] = w[i] + input[i];
}

/* With the lock held. */
static void fill(char *to, size_t size)
{
    uint32_t block[BLOCK_WORDS];

    if (!seeded)
        memcpy(key, program_start_info->seed, sizeof(program_start_info->seed));
    seeded = true;
    while (size > 0) {
        size_t n = size < sizeof(block) - sizeof(key) ? size : sizeof(block) - sizeof(key);

        make_block(block);
        memcpy(key, block, sizeof(key));
        memcpy(to, block + KEY_WORDS, n);
        to += n;
        size -= n;
    }
}

int _getentropy(void *bytes, size_t size)
{
    if (size > MOST)
        return call_fails(EIO);
    mutex_lock(&lock);
    fill(bytes, size);
    mutex_unlock(&lock);
    return 0;
}

/* It is there from the start, so that the flags make no difference. */
ssize_t getrandom(void *bytes, size_t size, unsigned flags)
{
    char *to = bytes;
    size_t left = size;

    if (flags & ~(unsigned)(GRND_NONBLOCK | GRND_RANDOM))
        return call_fails(EINVAL);
    while (left > 0) {
        const size_t n = left < MOST ? left : MOST; /* not all under one hold of the lock */

        (void)_getentropy(to, n);
        to += n;
        left -= n;
    }
    return (ssize_t)size;
}

/* ---- fork: parent and child go on with different keys, neither of which follows from the other ---- */

static uint32_t
    child_key[KEY_WORDS]; /* guarded by lock, which is held from prepare to parent or child */

void posix_entropy_fork_prepare(void)
{
    mutex_lock(&lock);
    fill((char *)child_key, sizeof(child_key));
}

void posix_entropy_fork_parent(void)
{
    memset(child_key, 0, sizeof(child_key));
    mutex_unlock(&lock);
}

void posix_entropy_fork_child(void)
{
    memcpy(key, child_key, sizeof(key));
    posix_entropy_fork_parent();
}
