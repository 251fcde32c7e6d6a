/* SPDX-License-Identifier: BSD-2-Clause */
/* What the device manager reads at its start. See manager.h. */
#include "manager.h"
#include "overlay.h"

#include <libsys/program.h>
#include <stdlib.h>
#include <string.h>
#include <wharf/if/host_devices.h>
#include <wharf/if/vm.h>

/* Of a tree without a node but the root: where there is none. */
static const uint32_t no_tree[]
    __attribute__((aligned(8))) = {0xedfe0dd0, 0x48000000, 0x38000000, 0x48000000, 0x28000000,
                                   0x11000000, 0x10000000, 0,          0,          0x10000000,
                                   0,          0,          0,          0,          0x01000000,
                                   0,          0x02000000, 0x09000000};

/* Memory of an entry, to be read; the right is given up. */
static kern_return_t map(mach_port_name_t memory, uint64_t size, const char **at)
{
    uint64_t address = 0;
    kern_return_t kr =
        vm_map(program_start_info->task, 0, (size + DEVICE_PAGE - 1) & ~(uint64_t)(DEVICE_PAGE - 1),
               0, VM_ANYWHERE, memory, VM_PROT_READ, VM_PROT_READ, VM_INHERIT_NONE, &address);

    *at = (const char *)(uintptr_t)address;
    return kr;
}

static void read_archive(void)
{
    const struct start_info *info = program_start_info;
    const char *at;

    if (info->initrd == MSG_NULL ||
        map(info->initrd, info->initrd_offset + info->initrd_size, &at) != KERN_SUCCESS)
        driver_fail(&manager.driver, "there is no archive to read manifests from");
    manager.archive = (struct archive){at + info->initrd_offset, info->initrd_size};
}

/* ---- The tree ---- */

static void use_no_tree(void)
{
    manager.blob = malloc(sizeof(no_tree));
    if (manager.blob == NULL)
        driver_fail(&manager.driver, "no memory");
    memcpy(manager.blob, no_tree, sizeof(no_tree));
    manager.blob_size = sizeof(no_tree);
}

/* A copy of the kernel's: overlays change it, and nobody else can. */
static kern_return_t copy_tree(void)
{
    mach_port_name_t memory;
    uint64_t size;
    const char *at;
    kern_return_t kr = host_devices_tree(manager.host_devices, &memory, &size);

    if (kr != KERN_SUCCESS)
        return kr;
    if (size > TREE_SIZE_MAX)
        kr = KERN_NOT_SUPPORTED;
    if (kr == KERN_SUCCESS)
        kr = map(memory, size, &at);
    stub_release_right(memory, MSG_MOVE_SEND);
    if (kr != KERN_SUCCESS)
        return kr;
    manager.blob = malloc(size);
    manager.blob_size = size;
    if (manager.blob != NULL)
        memcpy(manager.blob, at, size);
    else
        kr = KERN_RESOURCE_SHORTAGE;
    stub_release_memory((void *)(uintptr_t)at,
                        (size + DEVICE_PAGE - 1) & ~(uint64_t)(DEVICE_PAGE - 1));
    return kr;
}

/* ---- Overlays ---- */

static void put_on(const struct overlay_rule *rule)
{
    struct archive_file file;
    struct reason why = {"the archive has no such file"};
    size_t size;
    void *aligned, *blob;
    kern_return_t kr = archive_find(&manager.archive, rule->file, &file);

    if (kr == KERN_SUCCESS && file.size <= OVERLAY_SIZE_MAX) {
        aligned = malloc(file.size + 1); /* files of the archive begin at multiples of four */
        if (aligned == NULL)
            driver_fail(&manager.driver, "no memory for an overlay");
        memcpy(aligned, file.data, file.size);
        kr = overlay_apply(manager.blob, manager.blob_size, aligned, file.size, rule, &blob, &size,
                           &why);
        free(aligned);
    }
    if (kr != KERN_SUCCESS || file.size > OVERLAY_SIZE_MAX) {
        manager_log("overlay %s: %s", rule->file, why.text);
        return;
    }
    free(manager.blob);
    manager.blob = blob;
    manager.blob_size = size;
    manager_log("overlay %s is on the tree", rule->file);
}

static void read_overlays(void)
{
    struct overlay_rules *rules = malloc(sizeof(*rules));
    struct archive_file file;
    struct reason why;

    if (rules == NULL)
        driver_fail(&manager.driver, "no memory for overlays");
    if (archive_find(&manager.archive, "overlays.conf", &file) != KERN_SUCCESS) {
        free(rules);
        return;
    }
    if (overlay_rules_read(file.data, file.size, rules, &why) != KERN_SUCCESS) {
        manager_log("overlays.conf: %s", why.text);
        rules->count = 0;
    }
    for (unsigned i = 0; i < rules->count; i++) {
        struct tree tree;
        bool applies;

        if (tree_read(manager.blob, manager.blob_size, &tree, &why) != KERN_SUCCESS)
            break; /* inputs_read() will say so */
        applies = overlay_applies(&rules->rule[i], &tree);
        tree_free(&tree);
        if (applies)
            put_on(&rules->rule[i]);
    }
    free(rules);
}

/* ---- Manifests ---- */

static bool is_manifest(const char *name)
{
    size_t length = strlen(name);

    return length > 7 && strcmp(name + length - 7, ".driver") == 0;
}

static void read_manifest(const struct archive_file *file)
{
    struct archive_file program;
    struct manifest *m;
    struct reason why;
    kern_return_t kr = manifest_read(file->data, file->size, &m, &why);

    if (kr == KERN_SUCCESS) {
        m->missing = archive_find(&manager.archive, m->file, &program) != KERN_SUCCESS;
        kr = manifest_set_add(&manager.manifests, m, &why);
    }
    if (kr != KERN_SUCCESS)
        manager_log("%s: %s", file->name, why.text);
}

void inputs_read(void)
{
    struct archive_file file;
    struct reason why;
    size_t position = 0;
    kern_return_t kr;

    read_archive();
    kr = copy_tree();
    if (kr != KERN_SUCCESS) {
        manager_log("the kernel has no device tree for it: error %d", (int)kr);
        use_no_tree();
    }
    read_overlays();
    while (archive_next(&manager.archive, &position, &file) == KERN_SUCCESS)
        if (is_manifest(file.name))
            read_manifest(&file);
    if (tree_read(manager.blob, manager.blob_size, &manager.tree, &why) == KERN_SUCCESS)
        return;
    manager_log("the device tree: %s", why.text);
    free(manager.blob);
    use_no_tree();
    if (tree_read(manager.blob, manager.blob_size, &manager.tree, &why) != KERN_SUCCESS)
        driver_fail(&manager.driver, "an empty tree: %s", why.text);
}
