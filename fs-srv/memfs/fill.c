/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first content: folders that every system has, devices, and the archive. A name of the archive with slashes is a path; of the others,
 * programs and symbolic links are in /bin, all else in /boot.
 */
#include "memfs.h"
#include <string.h>

static kern_return_t make_folders(struct memfs *fs)
{
    static const struct {
        const char *path;
        uint32_t mode;
    } folders[] = {
        {"bin", 0755},     {"boot", 0755}, {"dev", 0755},      {"etc", 0755},
        {"home", 0755},    {"mnt", 0755},  {"proc", 0555},     {"tmp", 01777},
        {"usr/bin", 0755}, {"var", 0755},  {"var/tmp", 01777},
    };
    struct memfs_node *made;
    kern_return_t kr = KERN_SUCCESS;

    for (unsigned i = 0; i < sizeof(folders) / sizeof(folders[0]) && kr == KERN_SUCCESS; i++)
        kr = memfs_make_path(fs, folders[i].path, FILE_KIND_FOLDER, folders[i].mode, &made);
    return kr;
}

static kern_return_t make_devices(struct memfs *fs)
{
    static const char *const paths[] = {
        [DEVICE_NULL] = "dev/null",       [DEVICE_ZERO] = "dev/zero",
        [DEVICE_FULL] = "dev/full",       [DEVICE_RANDOM] = "dev/random",
        [DEVICE_URANDOM] = "dev/urandom",
    };
    struct memfs_node *made;
    kern_return_t kr = KERN_SUCCESS;

    for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]) && kr == KERN_SUCCESS; i++) {
        kr = memfs_make_path(fs, paths[i], FILE_KIND_CHARACTER, 0666, &made);
        if (kr == KERN_SUCCESS)
            made->device = (enum device)i;
    }
    return kr;
}

static bool is_program(const struct archive_file *file)
{
    return (file->size >= 4 && memcmp(file->data, "\177ELF", 4) == 0) ||
           (file->size >= 2 && memcmp(file->data, "#!", 2) == 0);
}

/* What is no path, and what has no place, is left out: the supervisor finds it all the same. */
static bool is_left_out(kern_return_t kr)
{
    return kr == unix_error(EINVAL) || kr == unix_error(EEXIST) || kr == unix_error(ENOTDIR);
}

static kern_return_t add_link(struct memfs *fs, const char *path, const struct archive_file *file)
{
    char content[FILE_PATH_MAX];

    if (file->size == 0 || file->size >= sizeof(content) || memchr(file->data, 0, file->size))
        return KERN_SUCCESS;
    memcpy(content, file->data, file->size);
    content[file->size] = '\0';
    const kern_return_t kr = memfs_make_link(fs, path, content);
    return is_left_out(kr) ? KERN_SUCCESS : kr;
}

static kern_return_t add(struct memfs *fs, const struct archive_file *file)
{
    const bool program = is_program(file) || archive_is_link(file);
    char path[FILE_PATH_MAX];
    struct memfs_node *made;

    const char *folder = strchr(file->name, '/') ? "" : program ? "bin/" : "boot/";
    const size_t length = strlen(folder), rest = strlen(file->name);
    if (length + rest >= sizeof(path))
        return KERN_SUCCESS;
    memcpy(path, folder, length + 1);
    memcpy(path + length, file->name, rest + 1);
    if (archive_is_link(file))
        return add_link(fs, path, file);
    const kern_return_t kr =
        memfs_make_path(fs, path, FILE_KIND_REGULAR, program ? 0755 : 0644, &made);
    if (is_left_out(kr))
        return KERN_SUCCESS;
    if (kr != KERN_SUCCESS ||
        made->content.base) /* of two with one name the first counts, as for the supervisor */
        return kr;
    made->content.base = file->data;
    made->content.base_size = made->content.size = file->size;
    return KERN_SUCCESS;
}

kern_return_t memfs_fill(struct memfs *fs)
{
    struct archive_file file;
    size_t position = 0;
    kern_return_t kr = make_folders(fs);

    if (kr == KERN_SUCCESS)
        kr = make_devices(fs);
    while (kr == KERN_SUCCESS && fs->archive.size != 0) {
        kr = archive_next(&fs->archive, &position, &file);
        if (kr == KERN_NOT_FOUND)
            return KERN_SUCCESS;
        if (kr == KERN_SUCCESS)
            kr = add(fs, &file);
    }
    return kr;
}
