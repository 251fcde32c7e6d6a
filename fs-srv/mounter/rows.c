/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is mounted, in memory that outlives us (mounter.h, O2).
 */
#include "mounter.h"
#include <libsys/program.h>
#include <string.h>
#include <wharf/if/service.h>
#include <wharf/if/vm.h>

void rows_begin(void)
{
    const uint64_t size = (sizeof(struct kept) + 0xfff) & ~UINT64_C(0xfff);
    mach_port_name_t memory;
    uint64_t at;

    kern_return_t kr = service_get_right(program_start_info->bootstrap, "state", &memory);
    if (kr == KERN_SUCCESS)
        kr = vm_map(program_start_info->task, 0, size, 0, VM_ANYWHERE, memory,
                    VM_PROT_READ | VM_PROT_WRITE, VM_PROT_READ | VM_PROT_WRITE, VM_INHERIT_NONE,
                    &at);
    if (kr != KERN_SUCCESS)
        driver_fail(&mounter.driver, "its state: error %d", (int)kr);
    mounter.kept = (void *)(uintptr_t)at;
}

_Static_assert(MOUNTS_STATE_AWAY == 0, "zeroes are no mounts (O2)");

bool rows_is_used(const struct kept_row *kept)
{
    return kept->row.state != MOUNTS_STATE_AWAY;
}

bool rows_is_root(const struct kept_row *kept)
{
    return strcmp((const char *)kept->row.path, "/") == 0;
}

struct kept_row *rows_free(void)
{
    for (unsigned i = 0; i < MOUNTS_MAX; i++) {
        struct kept_row *kept = &mounter.kept->rows[i];
        if (!rows_is_used(kept)) {
            memset(kept, 0, sizeof(*kept));
            return kept;
        }
    }
    return NULL;
}

void rows_add(struct kept_row *kept)
{
    __atomic_store_n(&kept->row.state, MOUNTS_STATE_CHANGING, __ATOMIC_RELEASE);
}

void rows_remove(struct kept_row *kept)
{
    server_forget(rows_held(kept));
    kept->row.state = MOUNTS_STATE_AWAY;
}

struct kept_row *rows_find(const char *path)
{
    for (unsigned i = 0; i < MOUNTS_MAX; i++)
        if (rows_is_used(&mounter.kept->rows[i]) &&
            strcmp((const char *)mounter.kept->rows[i].row.path, path) == 0)
            return &mounter.kept->rows[i];
    return NULL;
}

static bool is_below(const char *path, const char *folder)
{
    const size_t length = strlen(folder);

    return strncmp(path, folder, length) == 0 && path[length] == '/';
}

bool rows_is_beside(const char *path)
{
    for (unsigned i = 0; i < MOUNTS_MAX; i++) {
        const char *other = (const char *)mounter.kept->rows[i].row.path;
        if (rows_is_used(&mounter.kept->rows[i]) &&
            (is_below(path, other) || is_below(other, path)))
            return true;
    }
    return false;
}

bool rows_has_device(const struct device_name *place)
{
    for (unsigned i = 0; i < MOUNTS_MAX; i++) {
        const struct kept_row *kept = &mounter.kept->rows[i];
        if (rows_is_used(kept) && strcmp(kept->disk, place->disk) == 0 &&
            (kept->partition == place->partition || kept->partition == 0 || place->partition == 0))
            return true;
    }
    return false;
}

static bool has_book(uint32_t book)
{
    for (unsigned i = 0; i < MOUNTS_MAX; i++)
        if (rows_is_used(&mounter.kept->rows[i]) && mounter.kept->rows[i].book == book)
            return true;
    return false;
}

bool rows_take_book(struct kept_row *kept)
{
    uint32_t book = 1;

    while (book <= BOOKS_MAX && has_book(book))
        book++;
    if (book > BOOKS_MAX)
        return false;
    kept->book = book;
    return true;
}

struct held *rows_held(const struct kept_row *kept)
{
    return &mounter.held[kept - mounter.kept->rows];
}
