/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzing what the boot reads of an initrd. The input is taken as a program, and as an archive in
 * which a program is looked for. What the checks let through is then used as the loader uses it, in
 * memory of exactly the input's size: an address outside of it is AddressSanitizer's to find, a
 * broken promise of elf_check() ours.
 */
#include "boot_impl.h"
#include "elf.h"
#include <kern/map.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

static void require(bool ok)
{
    if (!ok)
        abort();
}

static void use_bytes(const char *from, size_t n)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum = (uint8_t)(sum + (uint8_t)from[i]);
    sink = sum;
}

static void use_segment(const char *file, const struct elf_segment *s)
{
    vaddr_t start = round_down(s->address, PAGE_SIZE),
            end = round_up(s->address + s->memory_size, PAGE_SIZE);
    require(start >= PAGE_SIZE && start < end && end <= MAP_ALLOCATE_BASE);
    require(s->file_size <= s->memory_size);
    require(!(s->flags & ELF_WRITE) || !(s->flags & ELF_EXECUTE));
    use_bytes(file + s->offset, s->file_size);
}

static void use_program(const char *file, size_t size)
{
    const char *why = elf_check(file, size);
    if (why) {
        require(*why != '\0');
        return;
    }
    const struct elf_header *h = (const struct elf_header *)file;
    const struct elf_segment *segment = (const struct elf_segment *)(file + h->program_offset);
    for (unsigned i = 0; i < h->program_count; i++)
        if (segment[i].type == ELF_LOAD)
            use_segment(file, &segment[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"bootstrap", "text", "b", "", "no such file"};
    char *copy = malloc(size ? size : 1);
    require(copy != NULL);
    memcpy(copy, data, size);
    use_program(copy, size);
    for (size_t i = 0; i < array_count(names); i++) {
        const char *why = NULL;
        size_t length = 0;
        const char *file = initrd_find(copy, size, names[i], &length, &why);
        require(file ? file >= copy && length <= size - (size_t)(file - copy) : why && *why);
        if (file)
            use_program(file, length);
    }
    free(copy);
    return 0;
}
