/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See <libsys/elf.h>. Source: ELF-64 Object File Format, Version 1.5; ELF for the Arm 64-bit Architecture. Structures are copied out of the
 * file, which may lie at any address.
 */
#include <libsys/elf.h>
#include <string.h>

enum { CLASS = 4, CLASS_64 = 2, DATA = 5, DATA_LITTLE = 1 };
enum { TYPE_EXECUTABLE = 2, MACHINE_AARCH64 = 183, SEGMENT_LOAD = 1, SECTION_SYMBOLS = 2 };
enum { SYMBOL_TYPE = 15, SYMBOL_FUNCTION = 2, SYMBOL_NO_TYPE = 0 };

/* As much of a table as is looked through: so a report takes a bounded time, whatever the file says. */
enum { SECTIONS_MAX = 256, SYMBOLS_MAX = 65536, NAME_MAX_LENGTH = 256 };

struct header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_size, program_entry_size, program_count, section_entry_size, section_count,
        section_names;
};
_Static_assert(sizeof(struct header) == 64, "format");

struct program_header {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_size, memory_size, alignment;
};
_Static_assert(sizeof(struct program_header) == 56, "format");

struct section_header {
    uint32_t name, type;
    uint64_t flags, address, offset, size;
    uint32_t link, info;
    uint64_t alignment, entry_size;
};
_Static_assert(sizeof(struct section_header) == 64, "format");

struct symbol {
    uint32_t name;
    uint8_t info, other;
    uint16_t section;
    uint64_t value, size;
};
_Static_assert(sizeof(struct symbol) == 24, "format");

/* `size` bytes at an offset; false if they are not all inside. */
static bool copy_out(const struct elf_file *file, uint64_t offset, void *out, size_t size)
{
    if (offset > file->size || size > file->size - offset)
        return false;
    memcpy(out, (const char *)file->at + offset, size);
    return true;
}

static const char *read_header(const struct elf_file *file, struct header *h)
{
    if (!copy_out(file, 0, h, sizeof(*h)) || memcmp(h->ident, "\177ELF", 4) != 0)
        return "not an ELF file";
    if (h->ident[CLASS] != CLASS_64 || h->ident[DATA] != DATA_LITTLE ||
        h->machine != MACHINE_AARCH64)
        return "not a 64-bit little-endian AArch64 program";
    return NULL;
}

static const char *add_segment(const struct elf_file *file, const struct program_header *p,
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
    struct header h;
    struct program_header p;
    const char *why = read_header(file, &h);
    if (why != NULL)
        return why;
    if (h.type != TYPE_EXECUTABLE)
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
        if (p.type == SEGMENT_LOAD)
            why = add_segment(file, &p, low, high, out);
    }
    return why != NULL ? why : out->count == 0 ? "it has nothing to load" : NULL;
}

static bool read_section(const struct elf_file *file, const struct header *h, unsigned number,
                         struct section_header *out)
{
    return h->section_entry_size == sizeof(*out) && number < h->section_count &&
           h->section_offset <= file->size &&
           copy_out(file, h->section_offset + (uint64_t)number * sizeof(*out), out, sizeof(*out)) &&
           out->offset <= file->size && out->size <= file->size - out->offset;
}

/* The table of symbols and that of their names. */
static bool find_symbols(const struct elf_file *file, struct section_header *symbols,
                         struct section_header *names)
{
    struct header h;
    if (read_header(file, &h) != NULL)
        return false;
    for (unsigned i = 0; i < h.section_count && i < SECTIONS_MAX; i++)
        if (read_section(file, &h, i, symbols) && symbols->type == SECTION_SYMBOLS)
            return symbols->entry_size == sizeof(struct symbol) &&
                   read_section(file, &h, symbols->link, names);
    return false;
}

/* Code has symbols without a size, and some of no type (assembly): the nearest below counts, if it is in the same file's code. */
static bool is_nearer(const struct symbol *s, uint64_t address, const struct symbol *best)
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
    struct header h;
    struct program_header p;
    if (read_header(file, &h) != NULL || h.program_entry_size != sizeof(p) ||
        h.program_offset > file->size)
        return false;
    for (unsigned i = 0; i < h.program_count && i < ELF_SEGMENTS_MAX; i++)
        if (copy_out(file, h.program_offset + (uint64_t)i * sizeof(p), &p, sizeof(p)) &&
            p.type == SEGMENT_LOAD && (p.flags & ELF_EXECUTE) && address >= p.address &&
            address - p.address < p.memory_size)
            return true;
    return false;
}

bool elf_symbol(const struct elf_file *file, uint64_t address, const char **name, size_t *length,
                uint64_t *offset)
{
    struct section_header symbols, names;
    struct symbol best = {0}, s;
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
