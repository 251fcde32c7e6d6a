/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing ELF cores. See core.h. Sources: <libsys/elf_format.h> (ET_CORE, PT_NOTE); the notes' layouts are those that GDB and readelf expect of AArch64:
 * a "CORE" NT_PRSTATUS of 392 bytes with 34 registers at 112, NT_PRPSINFO of 136, NT_FPREGSET of 528.
 */
#include "core.h"
#include <libsys/elf_format.h>
#include <string.h>
#include <user/crash.h>

enum { PAGE = 4096, FILE_ALIGN = 4096, SMALL = 256 * 1024 };
enum { NOTE_PRSTATUS = 1, NOTE_FPREGSET = 2, NOTE_PRPSINFO = 3, NOTE_AUXV = 6 };
enum { AUX_NULL = 0, AUX_PAGE_SIZE = 6, AUX_ENTRY = 9 };

/* A note's head, with a name of up to eight bytes. */
struct note {
    uint32_t name_size, size, type;
    char name[8];
};
_Static_assert(sizeof(struct note) == 20, "format");

struct status {
    uint32_t signal_number, code, error;
    uint16_t current_signal, pad;
    uint64_t pending, held;
    uint32_t process, parent, group, session;
    uint64_t times[8];
    uint64_t registers[34]; /* x0 to x30, sp, pc, pstate */
    uint32_t fp_valid, pad2;
};
_Static_assert(sizeof(struct status) == 392 && offsetof(struct status, registers) == 112, "format");

struct process {
    char state, letter, zombie, nice;
    uint32_t pad;
    uint64_t flags;
    uint32_t user, user_group, process, parent, group, session;
    char file[16], arguments[80];
};
_Static_assert(sizeof(struct process) == 136, "format");

struct fp_registers {
    struct thread_state_fp state;
    uint64_t pad;
};
_Static_assert(sizeof(struct fp_registers) == 528, "format");

struct auxiliary {
    uint64_t type, value;
};

/* What is written, and how far it is. */
struct writer {
    const struct core_image *image;
    const struct core_sink *sink;
    uint64_t at;
    kern_return_t result; /* the first error; nothing is written after it */
};

static void put(struct writer *w, const void *bytes, size_t size)
{
    if (w->result == KERN_SUCCESS)
        w->result = w->sink->append(w->sink->context, bytes, size);
    w->at += size;
}

static void pad_to(struct writer *w, uint64_t offset)
{
    static const char zeroes[64];
    while (w->at < offset) {
        const uint64_t n = offset - w->at;
        put(w, zeroes, n < sizeof(zeroes) ? (size_t)n : sizeof(zeroes));
    }
}

/* ---- notes ---- */

static size_t note_size(size_t size)
{
    return sizeof(struct note) + ((size + 3) & ~(size_t)3);
}

static void put_note(struct writer *w, const char *name, uint32_t type, const void *bytes,
                     size_t size)
{
    struct note note = {.name_size = (uint32_t)strlen(name) + 1,
                        .size = (uint32_t)size,
                        .type = type};
    memcpy(note.name, name, strlen(name)); /* "CORE" and "LINUX": padded to eight bytes */
    put(w, &note, sizeof(note));
    put(w, bytes, size);
    pad_to(w, (w->at + 3) & ~UINT64_C(3));
}

static void put_process(struct writer *w)
{
    const struct core_image *image = w->image;
    struct process process = {.letter = 'R', .process = image->task};
    strncpy(process.file, image->program, sizeof(process.file) - 1);
    strncpy(process.arguments, image->program, sizeof(process.arguments) - 1);
    const size_t n = strlen(process.arguments);
    if (image->arguments[0] != '\0' && n + 1 < sizeof(process.arguments) - 1) {
        process.arguments[n] = ' ';
        strncpy(process.arguments + n + 1, image->arguments, sizeof(process.arguments) - 2 - n);
    }
    put_note(w, "CORE", NOTE_PRPSINFO, &process, sizeof(process));
}

static void put_thread(struct writer *w, const struct crash_thread *thread)
{
    struct status status = {
        .signal_number = w->image->signal,
        .current_signal = (uint16_t)w->image->signal,
        .process = thread->id,
        .group = w->image->task,
        .fp_valid = 1,
    };
    struct fp_registers fp = {.state = thread->fp};
    memcpy(status.registers, &thread->general, sizeof(status.registers)); /* the same order */
    put_note(w, "CORE", NOTE_PRSTATUS, &status, sizeof(status));
    put_note(w, "CORE", NOTE_FPREGSET, &fp, sizeof(fp));
    put_note(w, "LINUX", CRASH_NOTE_TLS, &thread->general.tls, sizeof(thread->general.tls));
}
_Static_assert(offsetof(struct thread_state_general, pstate) == 33 * sizeof(uint64_t),
               "x0 to x30, sp, pc, pstate");

static void put_notes(struct writer *w)
{
    const struct auxiliary auxiliary[] = {{AUX_PAGE_SIZE, PAGE},
                                          {AUX_ENTRY, w->image->entry},
                                          {AUX_NULL, 0}};
    put_thread(w, &w->image->thread[0]);
    put_process(w);
    put_note(w, "CORE", NOTE_AUXV, auxiliary, sizeof(auxiliary));
    for (unsigned i = 1; i < w->image->thread_count; i++)
        put_thread(w, &w->image->thread[i]);
}

static uint64_t notes_size(const struct core_image *image)
{
    const size_t thread = note_size(sizeof(struct status)) +
                          note_size(sizeof(struct fp_registers)) + note_size(sizeof(uint64_t));
    return note_size(sizeof(struct process)) + note_size(3 * sizeof(struct auxiliary)) +
           image->thread_count * thread;
}

/* ---- memory ---- */

/* How many bytes of each region fit (C1): first of those that are small, or of the others. */
static uint64_t plan_some(const struct core_image *image, bool small, uint64_t at,
                          uint64_t in_file[CORE_REGIONS_MAX])
{
    for (unsigned i = 0; i < image->region_count; i++) {
        const struct core_region *region = &image->region[i];
        const uint64_t room = at < CORE_SIZE_MAX ? CORE_SIZE_MAX - at : 0;
        if ((region->size <= SMALL) != small)
            continue;
        in_file[i] = !region->dump ? 0 : region->size < room ? region->size : room;
        at += in_file[i];
    }
    return at;
}

static uint64_t plan(const struct core_image *image, uint64_t first,
                     uint64_t in_file[CORE_REGIONS_MAX])
{
    return plan_some(image, false, plan_some(image, true, first, in_file), in_file);
}

static void put_memory(struct writer *w, uint64_t address, uint64_t size)
{
    static char page[PAGE]; /* one core is written at a time */
    for (uint64_t done = 0; done < size && w->result == KERN_SUCCESS; done += PAGE) {
        if (w->image->read(w->image->context, address + done, page, PAGE) != KERN_SUCCESS)
            memset(page, 0, sizeof(page));
        put(w, page, sizeof(page));
    }
}

/* ---- the file ---- */

static void put_header(struct writer *w)
{
    const struct elf_header header = {
        .ident = {0x7f, 'E', 'L', 'F', 2, 1, 1}, /* 64 bits, little-endian */
        .type = ELF_TYPE_CORE,
        .machine = CRASH_ELF_MACHINE,
        .version = 1,
        .program_offset = sizeof(header),
        .header_size = sizeof(header),
        .program_entry_size = sizeof(struct elf_program_header),
        .program_count = (uint16_t)(w->image->region_count + 1),
    };
    put(w, &header, sizeof(header));
}

static void put_program_headers(struct writer *w, uint64_t notes, uint64_t first,
                                const uint64_t in_file[CORE_REGIONS_MAX])
{
    const struct core_image *image = w->image;
    const struct elf_program_header note = {.type = ELF_SEGMENT_NOTE,
                                            .offset = notes,
                                            .file_size = notes_size(image),
                                            .alignment = 4};
    uint64_t offset = first;
    put(w, &note, sizeof(note));
    for (unsigned i = 0; i < image->region_count; i++) {
        const struct elf_program_header load = {
            .type = ELF_SEGMENT_LOAD,
            .flags = image->region[i].flags,
            .offset = offset,
            .address = image->region[i].start,
            .file_size = in_file[i],
            .memory_size = image->region[i].size,
            .alignment = PAGE,
        };
        put(w, &load, sizeof(load));
        offset += in_file[i];
    }
}

kern_return_t core_write(const struct core_image *image, const struct core_sink *sink)
{
    uint64_t in_file[CORE_REGIONS_MAX] = {0};
    const uint64_t notes =
        sizeof(struct elf_header) + (image->region_count + 1) * sizeof(struct elf_program_header);
    const uint64_t first =
        (notes + notes_size(image) + FILE_ALIGN - 1) & ~(uint64_t)(FILE_ALIGN - 1);
    const uint64_t size = plan(image, first, in_file);
    struct writer w = {.image = image, .sink = sink};
    w.result = sink->open(sink->context, image->program, size);
    if (w.result != KERN_SUCCESS)
        return w.result;
    put_header(&w);
    put_program_headers(&w, notes, first, in_file);
    put_notes(&w);
    pad_to(&w, first);
    for (unsigned i = 0; i < image->region_count; i++)
        put_memory(&w, image->region[i].start, in_file[i]);
    sink->close(sink->context, w.result == KERN_SUCCESS);
    return w.result;
}
