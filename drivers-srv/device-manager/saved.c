/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions of buses, kept over the manager's own end: only to tell of them. Nothing depends on it (functions.h, F1): without it, or if it is
 * damaged, they are known again when the bus's driver tells of them.
 *
 * The memory is that of "state" in the system description. A row counts when its sum is right: a write that was cut off leaves a row that does
 * not count.
 */
#include "manager.h"

#include <libsys/program.h>
#include <stdio.h>
#include <string.h>
#include <wharf/if/service.h>
#include <wharf/if/vm.h>

struct row {
    char bus[FUNCTION_BUS_MAX];
    char address[FUNCTION_ADDRESS_MAX];
    char match[FUNCTION_MATCH_MAX];
    char name[DEVICE_NAME_MAX];
    uint64_t lost;
    uint64_t sum; /* of what stands before; 0: unused */
};

enum { SIZE = (FUNCTIONS_MAX * sizeof(struct row) + DEVICE_PAGE - 1) / DEVICE_PAGE * DEVICE_PAGE };

static struct row *rows; /* NULL: there is no such memory */

static uint64_t sum_of(const struct row *row)
{
    uint64_t sum = 0xcbf29ce484222325;

    for (const char *p = (const char *)row; p < (const char *)&row->sum; p++)
        sum = (sum ^ (uint8_t)*p) * 0x100000001b3;
    return sum != 0 ? sum : 1;
}

/* Is it a name that the manifest's instances have? */
static bool is_name_of(const char *name, const struct manifest *m)
{
    size_t length = strlen(m->instance), digits = strspn(name + length, "0123456789");

    return strncmp(name, m->instance, length) == 0 && digits > 0 && name[length + digits] == '\0';
}

static void take_up(const struct row *row)
{
    struct function *f;

    if (row->sum != sum_of(row) || strnlen(row->name, DEVICE_NAME_MAX) == DEVICE_NAME_MAX ||
        function_found(&manager.functions, &manager.manifests, row->bus, row->address, row->match,
                       &f) != KERN_SUCCESS)
        return;
    if (f->driver == NULL || strlen(row->name) < strlen(f->driver->instance) ||
        !is_name_of(row->name, f->driver))
        return;
    (void)snprintf(f->name, sizeof(f->name), "%s", row->name);
    f->lost = row->lost != 0;
    manager.function[f - manager.functions.all].handing = HANDING_DONE;
}

void saved_open(void)
{
    mach_port_name_t memory;
    uint64_t at;

    if (service_get_right(program_start_info->bootstrap, "state", &memory) != KERN_SUCCESS)
        return;
    kern_return_t kr =
        vm_map(program_start_info->task, 0, SIZE, 0, VM_ANYWHERE, memory,
               VM_PROT_READ | VM_PROT_WRITE, VM_PROT_READ | VM_PROT_WRITE, VM_INHERIT_NONE, &at);
    stub_release_right(memory, MSG_MOVE_SEND);
    if (kr != KERN_SUCCESS) {
        manager_log("its state cannot be mapped: error %d; %u bytes are needed", (int)kr,
                    (unsigned)SIZE);
        return;
    }
    rows = (struct row *)(uintptr_t)at;
    for (unsigned i = 0; i < FUNCTIONS_MAX; i++)
        if (rows[i].sum != 0)
            take_up(&rows[i]);
}

void saved_forget(const struct function *f)
{
    if (rows != NULL)
        memset(&rows[f - manager.functions.all], 0, sizeof(*rows));
}

void saved_write(const struct function *f)
{
    struct row row = {0};

    if (rows == NULL)
        return;
    memcpy(row.bus, f->bus, sizeof(row.bus));
    memcpy(row.address, f->address, sizeof(row.address));
    memcpy(row.match, f->match, sizeof(row.match));
    memcpy(row.name, f->name, sizeof(row.name));
    row.lost = f->lost;
    row.sum = sum_of(&row);
    memcpy(&rows[f - manager.functions.all], &row, sizeof(row));
}
