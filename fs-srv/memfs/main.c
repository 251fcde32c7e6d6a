/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program `files`: the root of all file systems (docs/files.md).
 *
 * Arguments: service=NAME (files); content=BYTES, the most for files and names (three quarters of what the program's memory is limited to);
 * opens=N; below: its root is not that of all, and `..` of it is where it is mounted; mount=PATH=SERVICE, any number: that service's root covers PATH, which is made if it is not there.
 * If the system description lets it provide NAME.mount, others can mount through that.
 */
#include "memfs.h"
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/service.h>
#include <wharf/if/task.h>
#include <wharf/if/vm.h>

/* A program alone may have 1024 descriptors, and wait at all of them: that must not be all there are. */
enum { OPENS = 8192, WAITS = 16384, STATUS_FAILED = 1 };

static struct memfs fs;
static struct file_server server;

/* Bytes. What the program may have is a limit of its ledger; if it has none, a quarter of all memory. */
static uint64_t content_limit(void)
{
    enum { COMMITMENT = 2 /* wharf/abi/ledgers.def */, OF_ALL = 4 };
    uint64_t used, peak, limit;

    if (task_ledger(program_start_info->task, COMMITMENT, &used, &peak, &limit) == KERN_SUCCESS &&
        limit != UINT64_MAX)
        return limit > used ? (limit - used) / 4 * 3 * PAGE : 0;
    return kernel_system_info(SYSTEM_INFO_MANAGED_MEMORY) / OF_ALL;
}

/* Without the right to it the tree is empty. */
static kern_return_t map_archive(void)
{
    const struct start_info *info = program_start_info;
    uint64_t at;

    if (info->initrd == MSG_NULL || info->initrd_size == 0)
        return KERN_SUCCESS;
    const uint64_t size =
        (info->initrd_offset + info->initrd_size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    const kern_return_t kr = vm_map(info->task, 0, size, 0, VM_ANYWHERE, info->initrd, VM_PROT_READ,
                                    VM_PROT_READ, VM_INHERIT_NONE, &at);
    if (kr != KERN_SUCCESS)
        return kr;
    fs.archive_memory = info->initrd;
    fs.archive_offset = info->initrd_offset;
    fs.archive = (struct archive){
        .at = (const void *)(uintptr_t)(at + info->initrd_offset),
        .size = info->initrd_size,
    };
    return KERN_SUCCESS;
}

/* PATH=SERVICE. The point is a folder, or, in /dev, a file. */
static kern_return_t mount(const char *text)
{
    const char *service = strrchr(text, '=');
    char path[FILE_PATH_MAX];
    struct memfs_node *point;
    mach_port_name_t root;

    if (!service || (size_t)(service - text) >= sizeof(path))
        return KERN_INVALID_ARGUMENT;
    memcpy(path, text, (size_t)(service - text));
    path[service - text] = '\0';
    const char *name = strrchr(path, '/');
    const bool device = strncmp(path, "/dev/", 5) == 0;
    kern_return_t kr =
        memfs_make_path(&fs, path, device ? FILE_KIND_REGULAR : FILE_KIND_FOLDER, 0666, &point);
    if (kr == unix_error(EEXIST))
        kr = memfs_make_path(&fs, path, FILE_KIND_FOLDER, 0755, &point);
    if (kr == KERN_SUCCESS)
        kr = service_look_up(program_start_info->bootstrap, service + 1, &root);
    if (kr != KERN_SUCCESS)
        return kr;
    struct memfs_node *above = fs.root;
    if (name && name != path) {
        path[name - path] = '\0';
        kr = memfs_make_path(&fs, path, FILE_KIND_FOLDER, 0755, &above);
    }
    return kr == KERN_SUCCESS ? file_server_mount(&server, &point->node, &above->node,
                                                  name ? name + 1 : path, root)
                              : kr;
}

static kern_return_t mount_all(int argc, char **argv)
{
    static const char key[] = "mount=";
    kern_return_t kr = KERN_SUCCESS;

    for (int i = 1; i < argc && kr == KERN_SUCCESS; i++)
        if (strncmp(argv[i], key, sizeof(key) - 1) == 0) {
            kr = mount(argv[i] + sizeof(key) - 1);
            if (kr != KERN_SUCCESS)
                print("files: %s: error %d\n", argv[i], (int)kr);
        }
    return kr;
}

static kern_return_t begin(int argc, char **argv)
{
    const char *service = program_argument(argc, argv, "service", NULL),
               *content = program_argument(argc, argv, "content", NULL);
    const char *opens = program_argument(argc, argv, "opens", NULL);
    char mounts[SERVICE_NAME_MAX];
    const struct file_server_limits limits = {
        .opens = opens ? (uint32_t)strtoul(opens, NULL, 0) : OPENS,
        .waits = WAITS,
    };
    const uint64_t limit = content ? strtoull(content, NULL, 0) : content_limit();

    if (!service)
        service = "files";
    kern_return_t kr = file_server_begin(&server, &limits, MSG_NULL);
    server.is_top = !program_has_word(argc, argv, "below");
    if (kr == KERN_SUCCESS)
        kr = memfs_begin(&fs, &server, limit);
    if (kr == KERN_SUCCESS)
        kr = map_archive();
    if (kr == KERN_SUCCESS)
        kr = memfs_fill(&fs);
    if (kr == KERN_SUCCESS)
        kr = file_server_root(&server, service, &fs.root->node);
    format_text(mounts, sizeof(mounts), "%s.mount", service);
    if (kr == KERN_SUCCESS)
        (void)!file_server_root(&server, mounts, &fs.root->node); /* not where nobody may */
    return kr == KERN_SUCCESS ? mount_all(argc, argv) : kr;
}

int main(int argc, char **argv)
{
    kern_return_t kr = begin(argc, argv);

    if (kr == KERN_SUCCESS)
        kr = file_server_run(&server, NULL, 0);
    print("files: it ends: error %d\n", (int)kr);
    return STATUS_FAILED;
}
