/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See <libsys/elf.h>. Sources: <libsys/elf_format.h>; ELF for the Arm 64-bit Architecture. Structures are copied out of the
 * file, which may lie at any address.
 */
#include <libsys/elf.h>
#include <libsys/elf_format.h>
#include <string.h>

enum { SYMBOL_TYPE = 15, SYMBOL_FUNCTION = 2, SYMBOL_NO_TYPE = 0 };

/* As much of a table as is looked through: so a report takes a bounded time, whatever the file says. */
enum { SECTIONS_MAX = 256, SYMBOLS_MAX = 65536, NAME_MAX_LENGTH = 256 };

/* `size` bytes at an offset; false if they are not all inside. */
static bool copy_out(const struct elf_file *file, uint64_t offset, void *out, size_t size)
{
    if (offset > file->size || size > file->size - offset)
        return false;
    memcpy(out, (const char *)file->at + offset, size);
    return true;
}

static const char *read_header(const struct elf_file *file, struct elf_header *h)
{
    if (!copy_out(file, 0, h, sizeof(*h)) || memcmp(h->ident, "\177ELF", 4) != 0)
        return "not an ELF file";
    if (h->ident[ELF_CLASS] != ELF_CLASS_64 || h->ident[ELF_DATA] != ELF_DATA_LITTLE ||
        h->machine != ELF_MACHINE_AARCH64)
        return "not a 64-bit little-endian AArch64 program";
    return NULL;
}

static const char *add_segment(const struct elf_file *file, const struct elf_program_header *p,
                               uint64_t low, uint64_t high, struct elf_program *out)
{
    if (p->offset > file->size || p->file_size > file->size - p->offset ||
        p->file_size > p->memory_size)
        return "a segment is not inside the file";
    if (p->memory_size == 0 || p->address < low || p->address >= high ||
        p->memory_size > high - p->address)
        return "a segment lies outside the addresses of programs";
    if ((p->flags & ELF_WRITE) && (p->flags & ELF_EXECUTE))
        return "a segment is writable and executable";
    out->segment[out->count++] = (struct elf_segment){
        .flags = p->flags,
        .offset = p->offset,
        .address = p->address,
        .file_size = p->file_size,
        .memory_size = p->memory_size,
    };
    return NULL;
}

const char *elf_read(const struct elf_file *file, uint64_t low, uint64_t high,
                     struct elf_program *out)
{
    struct elf_header h;
    struct elf_program_header p;
    const char *why = read_header(file, &h);
    if (why != NULL)
        return why;
    if (h.type != ELF_TYPE_EXECUTABLE)
        return "not a static program";
    if (h.program_entry_size != sizeof(p) || h.program_count == 0 ||
        h.program_count > ELF_SEGMENTS_MAX)
        return "the program headers are not inside the file";
    if (h.entry % 4 != 0 || h.entry < low || h.entry >= high)
        return "the entry point is not an address of code";
    *out = (struct elf_program){.entry = h.entry};
    for (unsigned i = 0; i < h.program_count && why == NULL; i++) {
        if (h.program_offset > file->size ||
            !copy_out(file, h.program_offset + (uint64_t)i * sizeof(p), &p, sizeof(p)))
            return "the program headers are not inside the file";
        if (p.type == ELF_SEGMENT_LOAD)
            why = add_segment(file, &p, low, high, out);
    }
    return why != NULL ? why : out->count == 0 ? "it has nothing to load" : NULL;
}

static bool read_section(const struct elf_file *file, const struct elf_header *h, unsigned number,
                         struct elf_section_header *out)
{
    return h->section_entry_size == sizeof(*out) && number < h->section_count &&
           h->section_offset <= file->size &&
           copy_out(file, h->section_offset + (uint64_t)number * sizeof(*out), out, sizeof(*out)) &&
           out->offset <= file->size && out->size <= file->size - out->offset;
}

/* The table of symbols and that of their names. */
static bool find_symbols(const struct elf_file *file, struct elf_section_header *symbols,
                         struct elf_section_header *names)
{
    struct elf_header h;
    if (read_header(file, &h) != NULL)
        return false;
    for (unsigned i = 0; i < h.section_count && i < SECTIONS_MAX; i++)
        if (read_section(file, &h, i, symbols) && symbols->type == ELF_SECTION_SYMBOLS)
            return symbols->entry_size == sizeof(struct elf_symbol_entry) &&
                   read_section(file, &h, symbols->link, names);
    return false;
}

/* Code has symbols without a size, and some of no type (assembly): the nearest below counts, if it is in the same file's code. */
static bool is_nearer(const struct elf_symbol_entry *s, uint64_t address,
                      const struct elf_symbol_entry *best)
{
    const unsigned type = s->info & SYMBOL_TYPE;
    if ((type != SYMBOL_FUNCTION && type != SYMBOL_NO_TYPE) || s->section == 0 || s->name == 0 ||
        s->value > address || (s->size != 0 && address - s->value >= s->size))
        return false;
    return best->name == 0 || s->value > best->value ||
           (s->value == best->value && type == SYMBOL_FUNCTION);
}

static bool is_code(const struct elf_file *file, uint64_t address)
{
    struct elf_header h;
    struct elf_program_header p;
    if (read_header(file, &h) != NULL || h.program_entry_size != sizeof(p) ||
        h.program_offset > file->size)
        return false;
    for (unsigned i = 0; i < h.program_count && i < ELF_SEGMENTS_MAX; i++)
        if (copy_out(file, h.program_offset + (uint64_t)i * sizeof(p), &p, sizeof(p)) &&
            p.type == ELF_SEGMENT_LOAD && (p.flags & ELF_EXECUTE) && address >= p.address &&
            address - p.address < p.memory_size)
            return true;
    return false;
}

bool elf_symbol(const struct elf_file *file, uint64_t address, const char **name, size_t *length,
                uint64_t *offset)
{
    struct elf_section_header symbols, names;
    struct elf_symbol_entry best = {0}, s;
    if (!is_code(file, address) || !find_symbols(file, &symbols, &names))
        return false;
    const uint64_t count = symbols.size / sizeof(s);
    for (uint64_t i = 0; i < count && i < SYMBOLS_MAX; i++) {
        const char *text = (const char *)file->at + names.offset;
        /* "$x" and the like mark code and data for disassemblers. */
        if (copy_out(file, symbols.offset + i * sizeof(s), &s, sizeof(s)) && s.name < names.size &&
            text[s.name] != '$' && is_nearer(&s, address, &best))
            best = s;
    }
    if (best.name == 0)
        return false;
    const char *text = (const char *)file->at + names.offset + best.name;
    size_t room = names.size - best.name;
    *name = text;
    *length = strnlen(text, room < NAME_MAX_LENGTH ? room : NAME_MAX_LENGTH);
    *offset = address - best.value;
    return true;
}
