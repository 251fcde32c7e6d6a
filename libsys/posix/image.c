/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs in new tasks: segments, stack, start block, rights. See image.h.
 *
 * The block and all that it points to are made in one piece here, with the addresses that they will have, and written with one call.
 */
#include "image.h"
#include "../newlib/calls.h"
#include "errors.h"
#include "image_file.h"
#include "patience.h"
#include "process.h"
#include <errno.h>
#include <libsys/elf.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/spawn.h>
#include <libsys/stub.h>
#include <libsys/thread.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/if/vm.h>
#include <wharf/unix_error.h>

#define PAGE       UINT64_C(0x1000)
#define STACK_SIZE UINT64_C(0x80000)
#define STACK_TOP  SPAWN_STACK_TOP

enum { ARGUMENTS_MAX = 0x20000, WORDS_MAX = 16384, SCRIPTS_MAX = 4, LINE_MAX_ = 128 };

/* The piece that is written: `size` bytes that end at STACK_TOP. */
struct piece {
    char *at;
    size_t size, used;
    uint64_t base; /* address of at[0] there */
};

static void *reserve(struct piece *p, size_t size, uint64_t *address)
{
    void *at = p->at + p->used;
    *address = p->base + p->used;
    p->used += (size + 15) & ~(size_t)15;
    return at;
}

/* ---- sizes ---- */

static bool measure(char *const *words, size_t *count, size_t *bytes)
{
    for (*count = 0; words != NULL && words[*count] != NULL; (*count)++) {
        const size_t n = strlen(words[*count]) + 1;
        if (*count == WORDS_MAX || n > ARGUMENTS_MAX - *bytes)
            return false;
        *bytes += n;
    }
    return true;
}

static char **put_words(struct piece *p, char *const *words, size_t count)
{
    uint64_t table, text;
    size_t bytes = 0;
    char **to = reserve(p, (count + 1) * sizeof(*to), &table);
    for (size_t i = 0; i < count; i++)
        bytes += strlen(words[i]) + 1;
    char *strings = reserve(p, bytes, &text);
    for (size_t i = 0; i < count; i++) {
        const size_t n = strlen(words[i]) + 1;
        memcpy(strings, words[i], n);
        to[i] = (char *)(uintptr_t)text;
        strings += n;
        text += n;
    }
    to[count] = NULL;
    return (char **)(uintptr_t)table;
}

/* ---- rights ---- */

/* What every program may have from the start; what its maker has of it, it has. */
static const uint16_t handed_on[] = {
    offsetof(struct start_info, bootstrap),    offsetof(struct start_info, host),
    offsetof(struct start_info, clock),        offsetof(struct start_info, host_memory),
    offsetof(struct start_info, host_time),    offsetof(struct start_info, host_reboot),
    offsetof(struct start_info, host_irq),     offsetof(struct start_info, host_debug),
    offsetof(struct start_info, host_tasks),   offsetof(struct start_info, initrd),
    offsetof(struct start_info, host_devices),
};

/* Rights on their way to a task, several in one call; and where their names there go. */
struct parcel {
    mach_port_name_t task, right[PORT_GIVE_MAX];
    uint32_t *name[PORT_GIVE_MAX];
    unsigned count;
    kern_return_t error; /* the first */
};

static void send_parcel(struct parcel *p)
{
    uint32_t got[PORT_GIVE_MAX];
    for (unsigned i = p->count; i < PORT_GIVE_MAX; i++)
        p->right[i] = MSG_NULL;
    if (p->error == KERN_SUCCESS && p->count > 0)
        p->error = port_give_sends(program_start_info->task, p->task, p->right, got);
    for (unsigned i = 0; i < p->count && p->error == KERN_SUCCESS; i++)
        *p->name[i] = got[i];
    p->count = 0;
}

static void give(struct parcel *p, mach_port_name_t right, uint32_t *name)
{
    *name = MSG_NULL;
    if (right == MSG_NULL)
        return;
    p->right[p->count] = right;
    p->name[p->count] = name;
    if (++p->count == PORT_GIVE_MAX)
        send_parcel(p);
}

static void give_all(struct parcel *p, struct start_info *block)
{
    const char *own = (const char *)program_start_info;
    for (size_t i = 0; i < sizeof(handed_on) / sizeof(handed_on[0]); i++)
        give(p, *(const uint32_t *)(const void *)(own + handed_on[i]),
             (uint32_t *)(void *)((char *)block + handed_on[i]));
    block->initrd_offset = program_start_info->initrd_offset;
    block->initrd_size = program_start_info->initrd_size;
}

static unsigned count_descriptors(void)
{
    struct start_descriptor d = {.descriptor = -1};
    unsigned n = 0;
    while (descriptors_export != NULL && n < PROCESS_DESCRIPTORS_MAX &&
           descriptors_export(d.descriptor + 1, &d))
        n++;
    return n;
}

static uint32_t give_descriptors(struct parcel *p, struct start_descriptor *to, unsigned count)
{
    struct start_descriptor d = {.descriptor = -1};
    uint32_t given = 0;
    while (given < count && descriptors_export(d.descriptor + 1, &d)) {
        to[given] = d;
        give(p, d.file, &to[given].file);
        given++;
    }
    return given;
}

/* ---- the block ---- */

/* What the task is told, beside the request. */
struct names {
    const char *name;
    mach_port_name_t self, process;
};

static kern_return_t fill_block(const struct image_request *r, struct image *image, struct piece *p,
                                const size_t counts[2], unsigned descriptors,
                                const struct names *there)
{
    uint64_t block_at, posix_at, descriptors_at;
    mach_port_name_t root = MSG_NULL, cwd = MSG_NULL;
    uint32_t mask = 022;
    struct start_info *block = reserve(p, sizeof(*block), &block_at);
    struct start_process *posix = reserve(p, sizeof(*posix), &posix_at);
    struct start_descriptor *d = reserve(p, descriptors * sizeof(*d), &descriptors_at);
    *block = (struct start_info){
        .magic = START_MAGIC,
        .size = sizeof(*block),
        .entry_counter = program_start_info->entry_counter,
        .counter_frequency = program_start_info->counter_frequency,
        .task = there->self,
        .process = there->process,
        .posix = (const struct start_process *)(uintptr_t)posix_at,
    };
    (void)_getentropy(block->seed, sizeof(block->seed));
    *posix = (struct start_process){
        .size = sizeof(*posix),
        .argc = (int32_t)counts[0],
        .ignored = r->ignored,
        .blocked = r->blocked,
        .descriptors = (const struct start_descriptor *)(uintptr_t)descriptors_at,
    };
    posix->argv = put_words(p, r->argv, counts[0]);
    posix->envp = put_words(p, r->envp, counts[1]);
    const char *name[] = {there->name, ""};
    char **names = put_words(p, (char *const *)name, 2);
    char **here = (char **)(p->at + ((uintptr_t)names - p->base));
    block->name = here[0];
    block->arguments = here[1];
    if (place_export != NULL)
        place_export(&root, &cwd, &mask);
    posix->umask = mask;
    struct parcel parcel = {.task = image->task};
    give_all(&parcel, block);
    give(&parcel, root, &block->root);
    give(&parcel, cwd, &block->cwd);
    posix->descriptor_count = give_descriptors(&parcel, d, descriptors);
    send_parcel(&parcel);
    image->block = block_at;
    return parcel.error;
}

static kern_return_t make_stack(const struct image_request *r, struct image *image,
                                const struct names *there)
{
    size_t counts[2], bytes = 0;
    const unsigned descriptors = count_descriptors();
    uint64_t at;
    if (!measure(r->argv, &counts[0], &bytes) || !measure(r->envp, &counts[1], &bytes))
        return unix_error(E2BIG);
    const size_t size =
        (bytes + (counts[0] + counts[1] + 8) * (sizeof(char *) + 16) + sizeof(struct start_info) +
         sizeof(struct start_process) + descriptors * sizeof(struct start_descriptor) +
         strlen(there->name) + 256) &
        ~(size_t)15;
    if (size > STACK_SIZE / 4 * 3) /* the program needs some, too */
        return unix_error(E2BIG);
    struct piece piece = {.at = calloc(1, size), .size = size, .base = STACK_TOP - size};
    if (piece.at == NULL)
        return unix_error(ENOMEM);
    kern_return_t kr = vm_allocate(image->task, STACK_TOP - STACK_SIZE, STACK_SIZE, 0, &at);
    if (kr == KERN_SUCCESS)
        kr = fill_block(r, image, &piece, counts, descriptors, there);
    memcpy(piece.at + size - sizeof(image->block), &image->block, sizeof(image->block));
    if (kr == KERN_SUCCESS)
        kr = vm_write_from(image->task, piece.base, size, (uintptr_t)piece.at);
    free(piece.at);
    return kr;
}

/* ---- the program ---- */

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static kern_return_t fill(const struct image_request *r, const struct image_file *file,
                          const struct elf_program *program, struct image *image,
                          struct names *there)
{
    const struct spawn_request segments = {.file = file->at,
                                           .size = file->size,
                                           .memory = file->memory,
                                           .memory_offset = file->offset};
    const int error = r->announce(r, image->task, there->name, &there->process);
    if (error != 0)
        return unix_error(error);
    const kern_return_t kr = spawn_segments(image->task, &segments, program);
    if (kr != KERN_SUCCESS)
        return kr == KERN_LIMIT ? unix_error(EAGAIN) : kr;
    image->entry = program->entry;
    return make_stack(r, image, there);
}

void image_cut_name(char to[TASK_NAME_ROOM], const char *name)
{
    const size_t length = strnlen(name, TASK_NAME_ROOM - 1);
    memcpy(to, name, length);
    to[length] = '\0';
}

static kern_return_t try_task(const struct image_request *r, const struct image_file *file,
                              const struct elf_program *program, struct image *image)
{
    struct names there = {.name = r->name != NULL ? r->name : last_part(r->path)};
    char name[TASK_NAME_ROOM];
    image_cut_name(name, there.name);
    const kern_return_t kr = task_create(program_start_info->task, 0, name, NULL, 0, MSG_NULL,
                                         &image->task, &there.self);
    if (kr != KERN_SUCCESS)
        return kr == KERN_LIMIT ? unix_error(EAGAIN) : kr;
    return fill(r, file, program, image, &there);
}

/* It was refused for memory, and there has been a pause: nothing is left of it, so that it can be tried again. */
static bool starts_over(kern_return_t kr, unsigned *refusals, const struct image_request *r,
                        struct image *image)
{
    if (!is_short(kr, refusals))
        return false;
    image_drop(image);
    if (r->retract != NULL)
        r->retract(r);
    return true;
}

static int make_task(const struct image_request *r, const struct image_file *file,
                     struct image *image)
{
    struct elf_program program;
    unsigned refusals = 0;
    kern_return_t kr;
    if (elf_read(&(struct elf_file){file->at, file->size}, SPAWN_LOWEST,
                 STACK_TOP - STACK_SIZE - PAGE, &program) != NULL)
        return ENOEXEC;
    do
        kr = try_task(r, file, &program, image);
    while (starts_over(kr, &refusals, r, image));
    return kr == KERN_SUCCESS ? 0 : posix_errno(kr);
}

/* "#! interpreter [argument]": both cut out of the first line. */
static bool read_script(const struct image_file *file, char line[LINE_MAX_], char **argument)
{
    const char *text = file->at;
    size_t n = 2, length = 0;
    if (file->size < 3 || text[0] != '#' || text[1] != '!')
        return false;
    while (n < file->size && (text[n] == ' ' || text[n] == '\t'))
        n++;
    while (n < file->size && text[n] != '\n' && text[n] != '\0' && length < LINE_MAX_ - 1)
        line[length++] = text[n++];
    while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\t'))
        length--;
    line[length] = '\0';
    *argument = strpbrk(line, " \t");
    if (*argument != NULL) {
        *(*argument)++ = '\0';
        *argument += strspn(*argument, " \t");
    }
    return line[0] != '\0';
}

static int make(const struct image_request *r, unsigned scripts, struct image *image);

static int make_script(const struct image_request *r, char *interpreter, char *argument,
                       unsigned scripts, struct image *image)
{
    size_t count, bytes = 0, n = 0;
    if (scripts == SCRIPTS_MAX)
        return ELOOP;
    if (!measure(r->argv, &count, &bytes))
        return E2BIG;
    char **argv = calloc(count + 4, sizeof(*argv));
    if (argv == NULL)
        return ENOMEM;
    argv[n++] = interpreter;
    if (argument != NULL)
        argv[n++] = argument;
    argv[n++] = (char *)(uintptr_t)r->path;
    for (size_t i = 1; i < count; i++)
        argv[n++] = r->argv[i];
    struct image_request inner = *r;
    inner.path = interpreter;
    if (inner.name == NULL)
        inner.name = last_part(r->path);
    inner.argv = argv;
    const int error = make(&inner, scripts + 1, image);
    free(argv);
    return error;
}

static int make(const struct image_request *r, unsigned scripts, struct image *image)
{
    struct image_file file;
    char line[LINE_MAX_], *argument;
    int error = r->descriptor != NULL ? image_open_descriptor(*r->descriptor, &file)
                                      : image_open(r->path, &file);
    if (error != 0)
        return error;
    if (read_script(&file, line, &argument)) {
        image_close(&file);
        if (r->descriptor != NULL)
            return ENOENT; /* its interpreter could not open it again */
        return make_script(r, line, argument, scripts, image);
    }
    error = make_task(r, &file, image);
    image_close(&file);
    return error;
}

int image_make(const struct image_request *request, struct image *image)
{
    *image = (struct image){0};
    const int error = make(request, 0, image);
    if (error != 0)
        image_drop(image);
    return error;
}

/* ---- its thread ---- */

static kern_return_t start_thread(const struct image *image)
{
    uint32_t id;
    const kern_return_t kr = task_start_thread(image->task, image->entry, image->block,
                                               image->block, 0, THREAD_PRIORITY_DEFAULT, &id);
    return kr != KERN_DENIED ? kr /* it may not have that much */
                             : task_start_thread(image->task, image->entry, image->block,
                                                 image->block, 0, 1, &id);
}

int image_run(const struct image *image)
{
    unsigned refusals = 0;
    kern_return_t kr;
    do
        kr = start_thread(image);
    while (is_short(kr, &refusals));
    return posix_errno(kr);
}

static kern_return_t make_thread(struct image *image)
{
    uint32_t id;
    const kern_return_t kr =
        task_create_thread(image->task, image->entry, image->block, image->block, 0,
                           THREAD_PRIORITY_DEFAULT, false, &image->thread, &id);
    return kr != KERN_DENIED ? kr
                             : task_create_thread(image->task, image->entry, image->block,
                                                  image->block, 0, 1, false, &image->thread, &id);
}

int image_make_thread(struct image *image)
{
    unsigned refusals = 0;
    kern_return_t kr;
    do
        kr = make_thread(image);
    while (is_short(kr, &refusals));
    return posix_errno(kr);
}

int image_name_locks(const struct image *image, uint32_t owner)
{
    return posix_errno(vm_write(image->task, image->block + offsetof(struct start_info, lock_owner),
                                (const uint8_t *)&owner, sizeof(owner)));
}

void image_release(struct image *image)
{
    if (image->task != MSG_NULL)
        stub_release_right(image->task, MSG_MOVE_SEND);
    if (image->thread != MSG_NULL)
        stub_release_right(image->thread, MSG_MOVE_SEND);
    image->task = image->thread = MSG_NULL;
}

void image_drop(struct image *image)
{
    if (image->task != MSG_NULL)
        (void)!task_terminate(image->task, 0);
    image_release(image);
}
