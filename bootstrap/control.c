/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See control.h. Whoever uses the supervisor may look; to change something takes `manage`, to get a task `inspect`, to have copies made of a program
 * that its description says `copies` of the caller.
 */
#include "control.h"
#include "copies.h"
#include "crash.h"
#include "log.h"
#include "names.h"
#include "restart.h"
#include "rights.h"
#include "start.h"
#include "system.h"
#include <libsys/elf.h>
#include <libsys/server.h>
#include <libsys/spawn.h>
#include <string.h>

static bool may_look(const struct server_message *message)
{
    const struct program *p = message->context;
    bool listed = p->recipe.uses_all || p->recipe.inspect || p->recipe.manage;
    for (unsigned i = 0; i < p->recipe.uses_count; i++)
        listed = listed || strcmp(p->recipe.uses[i], "supervisor") == 0;
    return listed;
}

static kern_return_t find(const struct server_message *message, const char *name,
                          struct program **out)
{
    const struct program *p = message->context;
    if (!p->recipe.manage)
        return KERN_NO_ACCESS;
    *out = program_find(name);
    return *out != NULL && !(*out)->removed ? KERN_SUCCESS : KERN_NOT_FOUND;
}

static struct supervisor_row row_of(const struct program *p)
{
    struct supervisor_row row = {
        .state = p->state,
        .restarts = p->restarts,
        .recent = p->recent,
        .last_status = p->last_status,
        .started = p->started,
        .recovery = p->recovery,
    };
    _Static_assert(sizeof(row.name) == WORD_SIZE, "interfaces/supervisor.defs");
    memcpy(row.name, p->recipe.name, WORD_SIZE);
    return row;
}

static kern_return_t add_entropy(struct server_message *message, const void *bytes,
                                 uint32_t bytes_size)
{
    const struct program *p = message->context;
    if (!p->recipe.manage)
        return KERN_NO_ACCESS;
    start_add_entropy(bytes, bytes_size);
    return KERN_SUCCESS;
}

static kern_return_t list(struct server_message *message, uint32_t position, uint32_t *next,
                          struct supervisor_row *rows, uint32_t *rows_count)
{
    if (!may_look(message))
        return KERN_NO_ACCESS;
    uint32_t n = 0;
    for (; n < SUPERVISOR_ROWS_MAX && position < program_count; position++)
        if (!program_is_free(&programs[position]))
            rows[n++] = row_of(&programs[position]);
    *rows_count = n;
    *next = position;
    return KERN_SUCCESS;
}

static kern_return_t start(struct server_message *message, const char *name)
{
    struct program *p;
    const kern_return_t kr = find(message, name, &p);
    return kr == KERN_SUCCESS ? restart_start(p) : kr;
}

static kern_return_t stop(struct server_message *message, const char *name)
{
    struct program *p;
    const kern_return_t kr = find(message, name, &p);
    if (kr == KERN_SUCCESS)
        restart_stop(p);
    return kr;
}

static kern_return_t restart(struct server_message *message, const char *name)
{
    struct program *p;
    const kern_return_t kr = find(message, name, &p);
    if (kr == KERN_SUCCESS)
        restart_again(p);
    return kr;
}

static kern_return_t kill_program(struct server_message *message, const char *name)
{
    struct program *p;
    const kern_return_t kr = find(message, name, &p);
    if (kr == KERN_SUCCESS)
        restart_kill(p);
    return kr;
}

static bool is_program(const char *name)
{
    struct archive_file file;
    struct elf_program program;
    return archive_find(&start_archive, name, &file) == KERN_SUCCESS &&
           elf_read(&(struct elf_file){file.data, file.size}, SPAWN_LOWEST, SPAWN_END, &program) ==
               NULL;
}

static kern_return_t upgrade(struct server_message *message, const char *name, const char *file)
{
    struct program *p;
    const kern_return_t kr = find(message, name, &p);
    if (kr != KERN_SUCCESS)
        return kr;
    if (strlen(file) >= WORD_SIZE || !is_program(file))
        return KERN_BAD_FORMAT;
    log_line("%s is to be of %s from now on", name, file);
    memset(p->recipe.file, 0, WORD_SIZE);
    memcpy(p->recipe.file, file, strlen(file));
    restart_again(p);
    return KERN_SUCCESS;
}

/* It is there already, and so is its device: the new control port is given up. */
static kern_return_t add_again(const struct program *p, const struct recipe *recipe,
                               mach_port_name_t device)
{
    struct recipe mine;
    memcpy(&mine, &p->recipe, sizeof(mine));
    memcpy(mine.file, recipe->file, WORD_SIZE); /* it may have been upgraded */
    if (!recipe_is_same(&mine, recipe))
        return KERN_EXISTS;
    send_drop(&device);
    return KERN_SUCCESS;
}

/* device: MSG_NULL of one that has none. */
static kern_return_t add_new(const struct recipe *recipe, mach_port_name_t device)
{
    struct program *p = program_add(recipe);
    if (p == NULL)
        return KERN_RESOURCE_SHORTAGE;
    const kern_return_t kr = names_provide(p);
    if (kr != KERN_SUCCESS) {
        program_free(p);
        return kr == KERN_EXISTS ? kr : KERN_RESOURCE_SHORTAGE;
    }
    p->device_control = device;
    system_find_console();
    log_line("%s has been added", recipe->name);
    restart_begin();
    return KERN_SUCCESS;
}

static kern_return_t add(struct server_message *message, const char *text, mach_port_name_t device)
{
    static struct recipe recipe; /* large, and one at a time */
    struct description_error error;
    const struct program *p = message->context;
    if (!p->recipe.manage)
        return KERN_NO_ACCESS;
    if (description_read_one(text, strlen(text), &recipe, &error) != KERN_SUCCESS) {
        log_line("%s adds what cannot be read: line %u: %s%s%s", p->recipe.name, error.line,
                 error.word, error.word[0] != '\0' ? ": " : "", error.why);
        return KERN_BAD_FORMAT;
    }
    const struct program *there = program_find(recipe.name);
    return there != NULL ? add_again(there, &recipe, device) : add_new(&recipe, device);
}

static unsigned count_copies(const struct recipe *of)
{
    unsigned n = 0;
    for (unsigned i = 0; i < program_count; i++)
        n += strcmp(programs[i].recipe.copy_of, of->name) == 0;
    return n;
}

static kern_return_t copy(struct server_message *message, const char *name_of, const char *name,
                          const char *arguments)
{
    static struct recipe recipe; /* large, and one at a time */
    const struct program *maker = message->context;
    const struct recipe *of = copies_find(&description, name_of, maker->recipe.name);
    if (of == NULL)
        return KERN_NOT_FOUND;
    const kern_return_t kr = copies_recipe(of, name, arguments, &recipe);
    if (kr != KERN_SUCCESS)
        return kr;
    if (program_find(recipe.name) != NULL)
        return KERN_EXISTS;
    return count_copies(of) < of->copies ? add_new(&recipe, MSG_NULL) : KERN_LIMIT;
}

static kern_return_t remove_copy(struct server_message *message, const char *name)
{
    const struct program *maker = message->context;
    struct program *p = program_find(name);
    if (p == NULL || !recipe_is_copy(&p->recipe) ||
        strcmp(p->recipe.maker, maker->recipe.name) != 0)
        return KERN_NOT_FOUND;
    restart_remove(p);
    return KERN_SUCCESS;
}

static kern_return_t get_task(struct server_message *message, const char *name,
                              mach_port_name_t *task)
{
    const struct program *asks = message->context;
    if (!asks->recipe.inspect)
        return KERN_NO_ACCESS;
    const struct program *p = program_find(name);
    if (p == NULL || p->task == MSG_NULL || send_copy(p->task) != KERN_SUCCESS)
        return KERN_NOT_FOUND;
    *task = p->task;
    return KERN_SUCCESS;
}

static kern_return_t get_core(struct server_message *message, mach_port_name_t *memory,
                              uint64_t *size, char *name)
{
    const struct program *asks = message->context;
    const char *of;
    if (!asks->recipe.inspect)
        return KERN_NO_ACCESS;
    const kern_return_t kr = crash_core(memory, size, &of);
    if (kr == KERN_SUCCESS)
        memcpy(name, of, WORD_SIZE);
    return kr;
}

static kern_return_t end(struct server_message *message, uint32_t how, uint32_t status)
{
    const struct program *p = message->context;
    if (!p->recipe.manage)
        return KERN_NO_ACCESS;
    if (how > SUPERVISOR_ENDING_REBOOT)
        return KERN_INVALID_VALUE;
    return system_end(p->recipe.name, how == SUPERVISOR_ENDING_REBOOT, status & 0xff) ? KERN_SUCCESS
                                                                                      : KERN_BUSY;
}

const struct supervisor_ops control_ops = {
    .end = end,
    .add_entropy = add_entropy,
    .list = list,
    .start = start,
    .stop = stop,
    .restart = restart,
    .kill = kill_program,
    .upgrade = upgrade,
    .add = add,
    .copy = copy,
    .remove = remove_copy,
    .task = get_task,
    .core = get_core,
};
