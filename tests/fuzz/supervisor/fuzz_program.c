/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzing what programs are started from: the input is taken as a program file, and as an archive whose files are all looked at. What is told to be
 * inside is touched, in memory of exactly the input's size.
 */
#include <libsys/archive.h>
#include <libsys/elf.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

static void require(bool ok)
{
    if (!ok)
        abort();
}

static void touch(const void *at, size_t size)
{
    const uint8_t *bytes = at;
    for (size_t i = 0; i < size; i++)
        sink = (uint8_t)(sink + bytes[i]);
}

static void use_program(const struct elf_file *file)
{
    static const uint64_t low = 0x1000, high = UINT64_C(0x1000000000);
    struct elf_program program;
    const char *name;
    size_t length;
    uint64_t offset;
    const char *why = elf_read(file, low, high, &program);
    require(why == NULL || why[0] != '\0');
    for (unsigned i = 0; why == NULL && i < program.count; i++) {
        const struct elf_segment *s = &program.segment[i];
        require(s->address >= low && s->memory_size <= high - s->address);
        touch((const char *)file->at + s->offset, s->file_size);
    }
    if (elf_symbol(file, UINT64_C(0x400010), &name, &length, &offset))
        touch(name, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size ? size : 1);
    const struct archive archive = {copy, size};
    struct archive_file file;
    size_t position = 0;
    require(copy != NULL);
    memcpy(copy, data, size);
    use_program(&(struct elf_file){copy, size});
    while (archive_next(&archive, &position, &file) == KERN_SUCCESS) {
        touch(file.name, strlen(file.name));
        touch(file.data, file.size);
        use_program(&(struct elf_file){file.data, file.size});
    }
    free(copy);
    return 0;
}
