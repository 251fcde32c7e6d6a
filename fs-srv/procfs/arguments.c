/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmdline: the words a program was started with, each ended by a NUL, out of its memory: the word below SPAWN_STACK_TOP says where its start block is (wharf/start.h). It may have been written
 * since: what makes no sense is no command line, and the file is empty.
 */
#include "procfs.h"
#include <libsys/spawn.h>
#include <string.h>
#include <wharf/if/vm.h>
#include <wharf/start.h>

enum { LENGTH_MAX = 64 << 10, WORDS_MAX = 16384 };

static bool read_memory(const struct subject *subject, uint64_t address, void *to, uint32_t size)
{
    uint32_t got = 0;

    return address < SPAWN_STACK_TOP && size <= SPAWN_STACK_TOP - address &&
           vm_read(subject->task, address, size, to, &got) == KERN_SUCCESS && got == size;
}

/* As much as there is of a text that may end anywhere: up to its NUL, or the end of its page. */
static bool add_text(struct text *text, const struct subject *subject, uint64_t address,
                     size_t most)
{
    char bytes[PAGE];

    while (most > 0) {
        const uint32_t in_page = (uint32_t)(PAGE - address % PAGE);
        const uint32_t size = in_page < most ? in_page : (uint32_t)most;
        if (!read_memory(subject, address, bytes, size))
            return false;
        const char *end = memchr(bytes, '\0', size);
        text_add_bytes(text, bytes, end ? (size_t)(end - bytes) : size);
        if (end)
            return true;
        address += size;
        most -= size;
    }
    return true;
}

static void end_word(struct text *text)
{
    text_add_bytes(text, "", 1);
}

/* Words of a process: argv. */
static void add_words(struct text *text, const struct subject *subject, uint64_t table,
                      int32_t count)
{
    for (int32_t i = 0; i < count && i < WORDS_MAX && text->size < LENGTH_MAX; i++) {
        uint64_t word;
        if (!read_memory(subject, table + (uint64_t)i * sizeof(word), &word, sizeof(word)) ||
            word == 0 || !add_text(text, subject, word, LENGTH_MAX - text->size))
            return;
        end_word(text);
    }
}

/* Words of a program of the supervisor's: its name, and a line of arguments, a blank between them. */
static void add_line(struct text *text, const struct subject *subject,
                     const struct start_info *block)
{
    if (!add_text(text, subject, (uintptr_t)block->name, SPAWN_NAME_SIZE))
        return;
    end_word(text);
    const size_t before = text->size;
    (void)add_text(text, subject, (uintptr_t)block->arguments, SPAWN_ARGUMENTS_SIZE);
    for (size_t i = before; i < text->size; i++)
        if (text->at[i] == ' ')
            text->at[i] = '\0';
    if (text->size > before)
        end_word(text);
}

kern_return_t fill_cmdline(struct text *text, const struct subject *subject)
{
    struct start_info block;
    struct start_process process;
    uint64_t at;

    if (subject->task == MSG_NULL ||
        !read_memory(subject, SPAWN_STACK_TOP - sizeof(at), &at, sizeof(at)) ||
        !read_memory(subject, at, &block, sizeof(block)) || block.magic != START_MAGIC)
        return KERN_SUCCESS;
    if (!block.posix)
        add_line(text, subject, &block);
    else if (read_memory(subject, (uintptr_t)block.posix, &process, sizeof(process)))
        add_words(text, subject, (uintptr_t)process.argv, process.argc);
    return KERN_SUCCESS;
}
