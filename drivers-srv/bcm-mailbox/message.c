/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property messages: written, and their answers checked (message.h). Source: the wiki of the Raspberry Pi firmware,
 * "Mailbox property interface".
 */
#include "message.h"

enum { /* words of a message with one tag */
       SIZE,
       CODE,
       TAG,
       TAG_ROOM,
       TAG_CODE,
       VALUE,
};
enum { REQUEST = 0, TAG_END = 0 };
#define CODE_DONE    0x80000000u
#define TAG_ANSWERED 0x80000000u

_Static_assert((VALUE + FIRMWARE_WORDS_MAX + 1) * 4 <= BCM_MAILBOX_MEMORY);

static uint32_t size_of(uint32_t count)
{
    return (VALUE + count + 1) * 4;
}

void message_write(volatile uint32_t *words, uint32_t tag, const uint32_t *value, uint32_t count)
{
    words[SIZE] = size_of(count);
    words[CODE] = REQUEST;
    words[TAG] = tag;
    words[TAG_ROOM] = count * 4;
    words[TAG_CODE] = REQUEST;
    for (uint32_t i = 0; i < count; i++)
        words[VALUE + i] = value[i];
    words[VALUE + count] = TAG_END;
}

bool message_is_answered(volatile uint32_t *words)
{
    return words[CODE] != REQUEST;
}

kern_return_t message_read(volatile uint32_t *words, uint32_t tag, uint32_t *value, uint32_t count,
                           uint32_t *answered)
{
    uint32_t code = words[TAG_CODE], got;

    if (words[CODE] != CODE_DONE || words[SIZE] != size_of(count) || words[TAG] != tag ||
        words[TAG_ROOM] != count * 4)
        return KERN_FAILURE;
    /* It knows no such tag: the bit is clear. QEMU sets it, and says that there is no answer. */
    if (!(code & TAG_ANSWERED) || (code == TAG_ANSWERED && count > 0))
        return KERN_NOT_SUPPORTED;
    /* How long its answer would have been: what did not fit is not there. */
    got = (code & ~TAG_ANSWERED) / 4 + ((code & 3) != 0);
    if (got > count)
        got = count;
    for (uint32_t i = 0; i < got; i++)
        value[i] = words[VALUE + i];
    *answered = got;
    return KERN_SUCCESS;
}
