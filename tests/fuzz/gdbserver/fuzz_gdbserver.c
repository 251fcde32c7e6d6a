/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzing what comes over the GDB server's line. The first byte says how the rest is taken: as bytes, or, so that more than sums is looked at, each
 * line of it as the content of a packet; an empty line stops a target that runs. The target looks at what it is asked to do.
 */
#include "fake_target.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fake_target fake;
static struct remote remote;

static void stop(void)
{
    const struct remote_stop why = {REMOTE_STOPPED, REMOTE_SIGTRAP, FAKE_FIRST + 1};
    if (!fake.running)
        return;
    fake.running = false;
    remote_stopped(&remote, &why);
}

static void give_packet(const uint8_t *content, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += content[i];
    remote_input(&remote, "$", 1);
    remote_input(&remote, content, size);
    remote_input(&remote, (const char[]){'#', digits[sum >> 4], digits[sum & 15]}, 3);
}

static void give_lines(const uint8_t *data, size_t size)
{
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        const size_t length = end ? (size_t)(end - data) : size;
        if (length == 0)
            stop();
        else
            give_packet(data, length);
        data += length + (end != NULL);
        size -= length + (end != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct remote_stop first = {REMOTE_STOPPED, REMOTE_SIGTRAP, FAKE_FIRST};
    if (size == 0)
        return 0;
    fake = (struct fake_target){.refuse = data[0] & 2};
    remote_init(&remote, &fake_operations, &fake, data[0] & 4, &first);
    if (data[0] & 1)
        give_lines(data + 1, size - 1);
    else
        remote_input(&remote, data + 1, size - 1);
    return 0;
}
