/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree: /, /PID, /PID/task, /PID/task/TID and their files. Nodes are made when they are walked to, and go with their last reference. See procfs.h.
 */
#include "procfs.h"
#include <libsys/kernel.h>
#include <stdlib.h>
#include <string.h>

static const struct file_node_ops node_ops;

struct proc_node procfs_root = {
    .node = {.ops = &node_ops, .references = 1, .kind = FILE_KIND_FOLDER},
    .place = PLACE_ROOT,
};

kern_return_t nodes_make(const struct proc_node *like, struct file_node **made)
{
    struct proc_node *node = malloc(sizeof(*node));

    if (!node)
        return unix_error(ENOMEM);
    *node = *like;
    node->node = (struct file_node){
        .ops = &node_ops,
        .references = 1,
        .kind = like->place == PLACE_FILE   ? FILE_KIND_REGULAR
                : like->place == PLACE_SELF ? FILE_KIND_LINK
                                            : FILE_KIND_FOLDER,
        .seekable = like->place == PLACE_FILE,
        .names_caller = like->place == PLACE_SELF,
    };
    *made = &node->node;
    return KERN_SUCCESS;
}

static void unused(struct file_node *node)
{
    free(proc_node_of(node));
}

const struct proc_file *nodes_files(enum place place)
{
    switch (place) {
    case PLACE_ROOT: return system_files;
    case PLACE_PROCESS: return process_files;
    case PLACE_THREAD: return thread_files;
    default: return NULL;
    }
}

/* ---- attributes ---- */

/* Which of its folder's files; 0: a folder. */
static unsigned file_number(const struct proc_node *node)
{
    const struct proc_file *files = node->pid == 0      ? system_files
                                    : node->thread != 0 ? thread_files
                                                        : process_files;

    return node->place == PLACE_FILE ? (unsigned)(node->file - files) + 1 : 0;
}

uint64_t nodes_inode(const struct proc_node *node)
{
    const uint64_t which = node->place == PLACE_FILE ? 8 + file_number(node) : node->place + 1u;

    return (uint64_t)node->thread << 32 | (uint64_t)(uint32_t)node->pid << 8 | which;
}

static void attributes(struct file_node *node, struct file_attributes *out)
{
    const struct proc_node *n = proc_node_of(node);
    int64_t time = file_server_time();

    if (n->pid != 0)
        time -= (int64_t)(kernel_clock_now() - n->started);
    out->mode = n->place == PLACE_FILE ? 0444 : n->place == PLACE_SELF ? 0777 : 0555;
    out->inode = nodes_inode(n);
    out->links = node->kind == FILE_KIND_FOLDER ? 2 : 1;
    out->accessed = out->modified = out->changed = time;
}

static kern_return_t get_system(struct file_node *node, struct file_system *out)
{
    static const char name[] = "proc";

    (void)node;
    out->read_only = 1;
    memcpy(out->name, name, sizeof(name));
    return KERN_SUCCESS;
}

/* ---- walks ---- */

/* A number as it is told: no sign, no zeroes before it. */
static bool read_number(const char *name, uint32_t *out)
{
    uint64_t value = 0;

    if (name[0] < '1' || name[0] > '9')
        return false;
    for (; *name != '\0'; name++) {
        value = value * 10 + (uint64_t)(*name - '0');
        if (*name < '0' || *name > '9' || value > INT32_MAX)
            return false;
    }
    *out = (uint32_t)value;
    return true;
}

static kern_return_t look_up_process(uint32_t pid, struct file_node **found)
{
    struct proc_node node = {.place = PLACE_PROCESS, .pid = (int32_t)pid};
    struct processes_info info;
    const kern_return_t kr = subject_look_up(&node, &info);

    if (kr != KERN_SUCCESS)
        return kr == unix_error(ESRCH) ? unix_error(ENOENT) : kr;
    node.started = info.started;
    return nodes_make(&node, found);
}

static kern_return_t look_up_thread(const struct proc_node *folder, uint32_t thread,
                                    struct file_node **found)
{
    struct proc_node node = *folder;
    struct subject subject;

    node.place = PLACE_THREAD;
    node.thread = thread;
    const kern_return_t kr = subject_begin(&node, &subject);
    subject_end(&subject);
    if (kr != KERN_SUCCESS)
        return kr == unix_error(ESRCH) ? unix_error(ENOENT) : kr;
    return nodes_make(&node, found);
}

static kern_return_t look_up_file(const struct proc_node *folder, const char *name,
                                  struct file_node **found)
{
    struct proc_node node = *folder;

    node.place = PLACE_FILE;
    for (node.file = nodes_files(folder->place); node.file && node.file->name; node.file++)
        if (strcmp(node.file->name, name) == 0)
            return nodes_make(&node, found);
    return unix_error(ENOENT);
}

static kern_return_t lookup(struct file_node *folder, const char *name, struct file_node **found)
{
    const struct proc_node *at = proc_node_of(folder);
    struct proc_node node = *at;
    struct processes_info info;
    uint32_t number;

    if (at->place != PLACE_ROOT && subject_look_up(at, &info) != KERN_SUCCESS)
        return unix_error(ENOENT);
    if (at->place == PLACE_ROOT && strcmp(name, "self") == 0) {
        node.place = PLACE_SELF;
        return nodes_make(&node, found);
    }
    if (at->place == PLACE_PROCESS && strcmp(name, "task") == 0) {
        node.place = PLACE_TASKS;
        return nodes_make(&node, found);
    }
    if (at->place == PLACE_ROOT && read_number(name, &number))
        return look_up_process(number, found);
    if (at->place == PLACE_TASKS)
        return read_number(name, &number) ? look_up_thread(at, number, found) : unix_error(ENOENT);
    return look_up_file(at, name, found);
}

static kern_return_t parent(struct file_node *folder, struct file_node **found)
{
    struct proc_node node = *proc_node_of(folder);

    if (node.place == PLACE_PROCESS) {
        *found = file_node_reference(&procfs_root.node);
        return KERN_SUCCESS;
    }
    node.place = node.place == PLACE_TASKS ? PLACE_PROCESS : PLACE_TASKS;
    node.thread = 0;
    return nodes_make(&node, found);
}

/* ---- texts ---- */

static kern_return_t fill(const struct proc_node *node, struct text *text)
{
    struct subject subject = {0};
    kern_return_t kr = node->pid != 0 ? subject_begin(node, &subject) : KERN_SUCCESS;

    if (kr == KERN_SUCCESS)
        kr = node->file->fill(text, node->pid != 0 ? &subject : NULL);
    if (node->pid != 0)
        subject_end(&subject);
    if (kr == KERN_SUCCESS && text->failed)
        kr = unix_error(ENOMEM);
    return kr;
}

static kern_return_t opened(struct file_open *open)
{
    if (proc_node_of(open->node)->place != PLACE_FILE)
        return KERN_SUCCESS;
    if (open->flags & (FILE_WRITE | FILE_EXECUTE))
        return unix_error(EACCES);
    struct text *text = calloc(1, sizeof(*text));
    open->state = (uintptr_t)text;
    return text ? KERN_SUCCESS : unix_error(ENOMEM);
}

static void closed(struct file_open *open)
{
    struct text *text = (struct text *)(uintptr_t)open->state;

    if (!text)
        return;
    text_end(text);
    free(text);
}

/* R1 */
static kern_return_t read(struct file_open *open, uint64_t position, void *to, uint32_t size,
                          uint32_t *got)
{
    struct text *text = (struct text *)(uintptr_t)open->state;

    if (position == 0 || !text->at) {
        text_end(text);
        const kern_return_t kr = fill(proc_node_of(open->node), text);
        if (kr != KERN_SUCCESS) {
            text_end(text);
            return kr;
        }
    }
    if (position >= text->size)
        return KERN_SUCCESS;
    *got = text->size - position < size ? (uint32_t)(text->size - position) : size;
    memcpy(to, text->at + position, *got);
    return KERN_SUCCESS;
}

static uint64_t size_of(struct file_node *node)
{
    (void)node;
    return 0; /* it is not known before it is read */
}

static kern_return_t read_link(struct file_node *node, char *out)
{
    (void)node;
    out[0] = '\0';
    return unix_error(EINVAL);
}

static const struct file_node_ops node_ops = {
    .attributes = attributes,
    .unused = unused,
    .get_system = get_system,
    .lookup = lookup,
    .parent = parent,
    .entries = procfs_entries,
    .read_link = read_link,
    .opened = opened,
    .closed = closed,
    .read = read,
    .size = size_of,
};
