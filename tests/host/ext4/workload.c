/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operations, on the file system and on the model.
 */
#include "workload.h"
#include "check.h"
#include "world_failures.h"
#include <errno.h>
#include <sys/stat.h>

enum name { A, C, D, E, F, DB, DC, DL, DF };
enum kind { CREATE, WRITE, TRUNCATE, RENAME, LINK, UNLINK, MKDIR, RMDIR, SYNC, CHMOD };
enum { FILE_MODE = 0644, FOLDER_MODE = 0755 };

static const char *const paths[WORK_NAMES] = {
    [A] = "A",    [C] = "C",    [D] = "D",    [E] = "E",    [F] = "F",
    [DB] = "D/B", [DC] = "D/C", [DL] = "D/L", [DF] = "D/F",
};

static const struct operation {
    const char *text;
    enum kind kind;
    enum name name, other;
    int32_t at;    /* -1: at the end */
    uint32_t size; /* of CHMOD: the mode */
} operations[WORK_OPERATIONS] = {
    {"create C", CREATE, C, 0, 0, 0},
    {"create D/C", CREATE, DC, 0, 0, 0},
    {"write in A", WRITE, A, 0, 100, 1900},
    {"append to A", WRITE, A, 0, -1, 2500},
    {"append to C", WRITE, C, 0, -1, 3000},
    {"append to D/B", WRITE, DB, 0, -1, 300},
    {"write behind A", WRITE, A, 0, 7000, 100},
    {"truncate A", TRUNCATE, A, 0, 0, 700},
    {"lengthen A", TRUNCATE, A, 0, 0, 9000},
    {"empty A", TRUNCATE, A, 0, 0, 0},
    {"rename A to C", RENAME, A, C, 0, 0},
    {"rename A to D/B", RENAME, A, DB, 0, 0},
    {"rename D/B to A", RENAME, DB, A, 0, 0},
    {"rename F to D/F", RENAME, F, DF, 0, 0},
    {"link A to D/L", LINK, A, DL, 0, 0},
    {"unlink A", UNLINK, A, 0, 0, 0},
    {"unlink D/B", UNLINK, DB, 0, 0, 0},
    {"mkdir E", MKDIR, E, 0, 0, 0},
    {"rmdir F", RMDIR, F, 0, 0, 0},
    {"fsync", SYNC, A, 0, 0, 0},
    {"rmdir E", RMDIR, E, 0, 0, 0},
    {"chmod A", CHMOD, A, 0, 0, 0600},
    {"write over the end of A", WRITE, A, 0, 2000, 2500},
};

const char *work_name(unsigned operation)
{
    return operations[operation].text;
}

/* ---- the model ---- */

static struct work_file *file_at(struct work_state *state, enum name name)
{
    return state->names[name] ? &state->files[state->names[name]] : NULL;
}

static void model_write(struct work_state *state, const struct operation *op, const uint8_t *data)
{
    struct work_file *file = file_at(state, op->name);
    const uint32_t at = op->at < 0 ? file->size : (uint32_t)op->at;

    CHECK(at + op->size <= WORK_BYTES);
    memcpy(file->data + at, data, op->size);
    if (at + op->size > file->size)
        file->size = at + op->size;
}

static int model_rename(struct work_state *state, enum name name, enum name other)
{
    struct work_file *file = file_at(state, name), *old = file_at(state, other);

    if (file == NULL)
        return ENOENT;
    if (file == old)
        return 0;
    if (old != NULL && file->folder != old->folder)
        return file->folder ? ENOTDIR : EISDIR;
    state->names[other] = state->names[name];
    state->names[name] = 0;
    return 0;
}

static int model_make(struct work_state *state, enum name name, bool folder)
{
    if (state->names[name] != 0)
        return EEXIST;
    CHECK(state->next < WORK_FILES);
    state->names[name] = state->next;
    state->files[state->next].mode = folder ? FOLDER_MODE : FILE_MODE;
    state->files[state->next++].folder = folder;
    return 0;
}

static int model_step(struct work_state *state, const struct operation *op, const uint8_t *data)
{
    struct work_file *file = file_at(state, op->name);

    switch (op->kind) {
    case SYNC: return 0;
    case CREATE:
    case MKDIR: return model_make(state, op->name, op->kind == MKDIR);
    case RENAME: return model_rename(state, op->name, op->other);
    default: break;
    }
    if (file == NULL)
        return ENOENT;
    switch (op->kind) {
    case WRITE: model_write(state, op, data); break;
    case CHMOD: file->mode = op->size; break;
    case TRUNCATE:
        if (op->size < file->size)
            memset(file->data + op->size, 0, file->size - op->size);
        file->size = op->size;
        break;
    case LINK:
        if (state->names[op->other] != 0)
            return EEXIST;
        state->names[op->other] = state->names[op->name];
        break;
    default: state->names[op->name] = 0; break;
    }
    return 0;
}

/* ---- the file system ---- */

static int find_folder(struct ext4 *fs, enum name name, ext4_ino *folder, struct ext4_name *last)
{
    *folder = EXT4_ROOT;
    *last = name_of(paths[name]);
    if (paths[name][1] != '/')
        return 0;
    *last = name_of(paths[name] + 2);
    return ext4_lookup(fs, EXT4_ROOT, name_of("D"), folder);
}

static int find(struct ext4 *fs, enum name name, ext4_ino *ino)
{
    struct ext4_name last;
    ext4_ino folder;
    const int error = find_folder(fs, name, &folder, &last);

    return error != 0 ? error : ext4_lookup(fs, folder, last, ino);
}

static int real_change(struct ext4 *fs, const struct operation *op, const uint8_t *data)
{
    struct ext4_attributes attributes;
    ext4_ino ino;
    size_t done;
    int error = find(fs, op->name, &ino);

    if (error == 0 && op->kind == TRUNCATE)
        return ext4_truncate(fs, ino, op->size);
    if (error == 0 && op->kind == CHMOD)
        return ext4_set_attributes(fs, ino, EXT4_SET_MODE,
                                   &(struct ext4_attributes){.mode = op->size});
    if (error == 0)
        error = ext4_get_attributes(fs, ino, &attributes);
    if (error != 0)
        return error;
    return ext4_write(fs, ino, op->at < 0 ? attributes.size : (uint64_t)op->at, data, op->size,
                      &done);
}

static int real_step(struct ext4 *fs, const struct operation *op, const uint8_t *data)
{
    static const struct ext4_attributes file_mode = {.mode = S_IFREG | FILE_MODE};
    static const struct ext4_attributes folder_mode = {.mode = S_IFDIR | FOLDER_MODE};
    struct ext4_name name, other;
    ext4_ino folder, other_folder, ino;
    int error = find_folder(fs, op->name, &folder, &name);

    if (error == 0)
        error = find_folder(fs, op->other, &other_folder, &other);
    if (error != 0)
        return error;
    switch (op->kind) {
    case CREATE: return ext4_create(fs, folder, name, &file_mode, &ino);
    case MKDIR: return ext4_mkdir(fs, folder, name, &folder_mode, &ino);
    case RENAME: return ext4_rename(fs, folder, name, other_folder, other);
    case UNLINK: return ext4_unlink(fs, folder, name);
    case RMDIR: return ext4_rmdir(fs, folder, name);
    case SYNC: return ext4_sync(fs);
    case LINK:
        error = find(fs, op->name, &ino);
        return error != 0 ? error : ext4_link(fs, ino, other_folder, other);
    default: return real_change(fs, op, data);
    }
}

int work_step(struct work *work, struct ext4 *fs, unsigned operation, bool *synced)
{
    const struct operation *op = &operations[operation];
    uint8_t data[WORK_BYTES];
    int expected, error;

    for (uint32_t i = 0; i < op->size && i < WORK_BYTES; i++)
        data[i] = (uint8_t)(1 + (i * 13 + i / 200 + work->steps * 50 + operation) % 255);
    work->steps++;
    work->states[work->steps] = work->states[work->steps - 1];
    expected = model_step(&work->states[work->steps], op, data);
    error = real_step(fs, op, data);
    *synced = error == 0 && op->kind == SYNC;
    work->made[work->steps] = error == 0 && op->kind != SYNC ? operation + 1 : 0;
    if (error == ENOMEM && world_has_failed())
        return error;
    if (error != expected && error != EIO && error != EROFS) {
        fprintf(stderr, "%s: %d instead of %d: %s\n", op->text, error, expected, ext4_problem(fs));
        CHECK_EQ(error, expected);
    }
    return error;
}

/* ---- beginning and comparing ---- */

void work_restart(struct work *work)
{
    work->steps = 0;
}

struct card *work_begin(struct work *work, const char *arguments)
{
    static const unsigned first[] = {0, 4, 10}; /* C with contents, called A then */
    struct card *card = image_make(3072, arguments);
    struct work_state *state = &work->states[0];
    struct ext4 *fs;
    bool synced;
    ext4_ino ino;
    static const struct ext4_attributes folder_mode = {.mode = S_IFDIR | FOLDER_MODE};

    memset(work, 0, sizeof(*work));
    state->next = 1;
    CHECK_EQ(ext4_mount(&card->storage, 0, &fs), 0);
    CHECK_EQ(ext4_mkdir(fs, EXT4_ROOT, name_of("D"), &folder_mode, &ino), 0);
    CHECK_EQ(model_make(state, D, true), 0);
    CHECK_EQ(ext4_mkdir(fs, EXT4_ROOT, name_of("F"), &folder_mode, &ino), 0);
    CHECK_EQ(model_make(state, F, true), 0);
    CHECK_EQ(work_step(work, fs, first[0], &synced), 0);
    CHECK_EQ(work_step(work, fs, first[1], &synced), 0);
    CHECK_EQ(ext4_rename(fs, EXT4_ROOT, name_of("C"), EXT4_ROOT, name_of("A")), 0);
    CHECK_EQ(model_rename(&work->states[work->steps], C, A), 0);
    CHECK_EQ(work_step(work, fs, 0, &synced), 0);
    CHECK_EQ(work_step(work, fs, 4, &synced), 0);
    CHECK_EQ(ext4_lookup(fs, EXT4_ROOT, name_of("D"), &ino), 0);
    CHECK_EQ(ext4_rename(fs, EXT4_ROOT, name_of("C"), ino, name_of("B")), 0);
    CHECK_EQ(model_rename(&work->states[work->steps], C, DB), 0);
    CHECK_EQ(ext4_unmount(fs), 0);
    work->states[0] = work->states[work->steps];
    work->steps = 0;
    return card;
}

static bool same_bytes(const struct work *work, unsigned found, unsigned file, const uint8_t *data)
{
    const struct work_file *wanted = &work->states[found].files[file];

    for (uint32_t i = 0; i < wanted->size; i++) {
        bool good = false;

        for (unsigned s = found; s <= work->steps && !good; s++)
            good = (s == found || i < work->states[s].files[file].size) &&
                   data[i] == work->states[s].files[file].data[i];
        if (!good)
            return false;
    }
    return true;
}

static bool same_file(const struct work *work, unsigned found, unsigned file, struct ext4 *fs,
                      ext4_ino ino)
{
    const struct work_file *wanted = &work->states[found].files[file];
    struct ext4_attributes attributes;
    uint8_t data[WORK_BYTES];
    unsigned links = 0;
    size_t got;

    CHECK_EQ(ext4_get_attributes(fs, ino, &attributes), 0);
    if (S_ISDIR(attributes.mode) != wanted->folder || (attributes.mode & 07777) != wanted->mode)
        return false;
    if (wanted->folder)
        return true;
    for (unsigned n = 0; n < WORK_NAMES; n++)
        links += work->states[found].names[n] == file;
    if (attributes.size != wanted->size || attributes.links != links)
        return false;
    CHECK_EQ(ext4_read(fs, ino, 0, data, sizeof(data), &got), 0);
    CHECK_EQ(got, wanted->size);
    return same_bytes(work, found, file, data);
}

static bool same_state(const struct work *work, unsigned found, struct ext4 *fs)
{
    const struct work_state *state = &work->states[found];
    unsigned entries = 0, wanted = 3 + 2; /* lost+found; dots */
    ext4_ino ino;

    for (unsigned n = 0; n < WORK_NAMES; n++) {
        const int error = find(fs, n, &ino);

        CHECK(error == 0 || error == ENOENT);
        wanted += state->names[n] != 0;
        if ((error == 0) != (state->names[n] != 0))
            return false;
        if (error == 0 && !same_file(work, found, state->names[n], fs, ino))
            return false;
    }
    CHECK_EQ(ext4_readdir(fs, EXT4_ROOT, 0, image_count_entry, &entries), 0);
    CHECK_EQ(ext4_lookup(fs, EXT4_ROOT, name_of("D"), &ino), 0);
    CHECK_EQ(ext4_readdir(fs, ino, 0, image_count_entry, &entries), 0);
    return entries == wanted;
}

int work_find(const struct work *work, struct ext4 *fs, unsigned least)
{
    for (unsigned s = least; s <= work->steps; s++)
        if (same_state(work, s, fs))
            return (int)s;
    return -1;
}

/* ---- what became of each operation ---- */

void work_match(const struct work *work, struct ext4 *fs, unsigned least, bool *found)
{
    for (unsigned s = 0; s <= work->steps; s++)
        found[s] = s >= least && same_state(work, s, fs);
}

static const struct operation *operation_of(const struct work *work, unsigned step)
{
    return &operations[work->made[step] - 1];
}

/* How large what the operation is about was in a state. */
static uint32_t size_in(const struct work *work, unsigned state, unsigned step)
{
    const unsigned file = work->states[step - 1].names[operation_of(work, step)->name];

    return work->states[state].files[file].size;
}

static bool grows(const struct work *work, unsigned step)
{
    return size_in(work, step, step) > size_in(work, step - 1, step);
}

/* It writes, to bytes that are there among others. */
static bool overwrites(const struct work *work, unsigned step)
{
    const struct operation *op = operation_of(work, step);

    return op->kind == WRITE && op->at >= 0 && (uint32_t)op->at < size_in(work, step - 1, step);
}

const char *work_kind(const struct work *work, unsigned step)
{
    static const char *const kinds[] = {
        [CREATE] = "create", [LINK] = "link",   [UNLINK] = "unlink",
        [MKDIR] = "mkdir",   [RMDIR] = "rmdir", [CHMOD] = "attributes",
    };

    if (work->made[step] == 0)
        return NULL;
    const struct operation *op = operation_of(work, step);
    if (op->kind == RENAME)
        return work->states[step - 1].names[op->other] != 0 ? "rename-over" : "rename";
    if (op->kind == WRITE)
        return grows(work, step) ? "write-behind-end" : "write-in-place";
    if (op->kind == TRUNCATE)
        return op->size < size_in(work, step - 1, step) ? "shorten" : "lengthen";
    return kinds[op->kind];
}

/* Some state from `from` to before `end` has these bytes of the file. */
static bool is_of(const struct work *work, unsigned from, unsigned end, unsigned file, uint32_t at,
                  const uint8_t *data, size_t size)
{
    for (unsigned s = from; s < end; s++) {
        const struct work_file *other = &work->states[s].files[file];
        if (at + size <= other->size && memcmp(other->data + at, data, size) == 0)
            return true;
    }
    return false;
}

/* Bytes that were written over, of a file as it was in the state `found`, before the write. */
static enum guarantee_outcome in_place(const struct work *work, struct ext4 *fs, unsigned found,
                                       unsigned step)
{
    enum { SECTOR = STORAGE_SECTOR };
    const struct operation *op = operation_of(work, step);
    const unsigned file = work->states[step].names[op->name];
    const uint32_t from = (uint32_t)op->at, most = size_in(work, step - 1, step);
    const uint32_t end = from + op->size < most ? from + op->size : most;
    uint8_t data[WORK_BYTES];
    unsigned name = 0, before = 0, after = 0;
    ext4_ino ino;
    size_t got;

    while (name < WORK_NAMES && work->states[found].names[name] != file)
        name++;
    if (name == WORK_NAMES)
        return GUARANTEE_UNTOLD;
    CHECK_EQ(find(fs, name, &ino), 0);
    CHECK_EQ(ext4_read(fs, ino, 0, data, sizeof(data), &got), 0);
    for (uint32_t at = from, next; at < end && at < got; at = next) {
        next = at - at % SECTOR + SECTOR;
        const uint32_t last = next < end ? next : end, stop = last < got ? last : (uint32_t)got;
        const bool is_old = is_of(work, found, step, file, at, data + at, stop - at);
        const bool is_new = is_of(work, step, work->steps + 1, file, at, data + at, stop - at);
        CHECK(is_old || is_new);
        before += is_old && !is_new;
        after += is_new && !is_old;
    }
    if (before != 0 && after != 0)
        return GUARANTEE_MIXED;
    return before + after == 0 ? GUARANTEE_UNTOLD : after ? GUARANTEE_NEW : GUARANTEE_OLD;
}

enum guarantee_outcome work_outcome(const struct work *work, struct ext4 *fs, const bool *found,
                                    unsigned step)
{
    bool before = false, behind = false;
    unsigned first = work->steps;

    for (unsigned s = 0; s <= work->steps; s++) {
        before |= found[s] && s < step;
        behind |= found[s] && s >= step;
        if (found[s] && s < first)
            first = s;
    }
    if (before && overwrites(work, step) && !grows(work, step))
        return in_place(work, fs, first, step);
    if (before && behind)
        return GUARANTEE_UNTOLD;
    if (before && overwrites(work, step)) {
        const enum guarantee_outcome bytes = in_place(work, fs, first, step);
        return bytes == GUARANTEE_NEW ? GUARANTEE_MIXED : bytes; /* the size is that of before */
    }
    return before ? GUARANTEE_OLD : GUARANTEE_NEW;
}
